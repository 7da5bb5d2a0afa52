/*
 * test_decode_mutations.c - every line of tests/decoders, damaged in many ways
 *
 * Whatever a decoder makes of a line, the event must be one that a client
 * could have sent: event_check says so, and ASan that no byte too far was
 * read (each line has a block of its own). The seed is fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>

#include "proto/base/timestamp.h"
#include "proto/base/yaml.h"
#include "proto/decode/decode.h"

#define NOW_US INT64_C(1795305600000000)            /* 2026-11-22 */
#define END_OF_TIME_US INT64_C(253402300799000000)  /* a damaged year may be ahead */

enum { ROUNDS = 60, LINES_MAX = 8000, LONG_LINE = 200000 };

static char *lines[LINES_MAX];
static size_t line_count, decoded_count;
static uint64_t random_state = 20261122;

static uint64_t
next_random(size_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static void
add_file(const char *path)
{
    struct err err;
    struct yaml *yaml = yaml_load(path, &err);
    json_t *one;
    size_t i;

    if (yaml == NULL)
        fail_msg("%s", err.text);
    json_array_foreach(yaml_document(yaml, 0), i, one) {
        const char *line = json_string_value(json_object_get(one, "line"));

        assert_true(line != NULL && line_count < LINES_MAX);
        lines[line_count] = strdup(line);
        assert_non_null(lines[line_count++]);
    }
    yaml_destroy(&yaml);
}

static int
load_lines(void **state)
{
    glob_t found;

    (void)state;
    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(NULL) != 0 ||
        glob("tests/decoders/*/*.yml", 0, NULL, &found) != 0)
        return -1;
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_file(found.gl_pathv[i]);
    globfree(&found);
    return 0;
}

static int
forget_lines(void **state)
{
    (void)state;
    while (line_count > 0)
        free(lines[--line_count]);
    return 0;
}

/* bytes may be anything, as from the network. */
static void
check(const char *bytes, size_t len)
{
    char *block = malloc(len > 0 ? len : 1), space[TIMESTAMP_LEN];
    struct arena arena = { 0 };
    struct event ev = { 0 };
    enum raw_encoding how;
    struct text line;
    struct err err;

    assert_non_null(block);
    memcpy(block, bytes, len);
    line = text_trim(raw_to_utf8((struct text){ block, len }, &arena, &how));

    assert_non_null(decode_line(line, NOW_US, &arena, &ev));
    if (event_check(&ev, END_OF_TIME_US, space, &err) != 0)
        fail_msg("%s: %.*s", err.text, (int)line.len, line.ptr);
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (ev.known[i].kind == VALUE_TEXT)
            assert_true(text_is_utf8(ev.known[i].as.text));
    for (size_t i = 0; i < ev.extra_count; i++)
        if (ev.extras[i].value.kind == VALUE_TEXT)
            assert_true(text_is_utf8(ev.extras[i].value.as.text));
    decoded_count++;

    event_release(&ev);
    arena_release(&arena);
    free(block);
}

static void
line_with_odd_bytes_makes_a_good_event(void **state)
{
    static const char odd[] = " =\"'[]():;,%\\\t\x1d\x7f" "09afAZ\xff\xc2\xa0\x80#`";

    for (size_t i = 0; i < line_count; i++)
        for (int round = 0; round < ROUNDS; round++) {
            size_t len = strlen(lines[i]), changes = 1 + next_random(4);
            char *copy = strdup(lines[i]);

            assert_non_null(copy);
            for (size_t k = 0; k < changes && len > 0; k++)
                copy[next_random(len)] = next_random(2) ?
                    odd[next_random(sizeof odd - 1)] : (char)next_random(256);
            check(copy, len);
            free(copy);
        }
    assert_true(decoded_count >= line_count * ROUNDS);
}

static void
line_cut_anywhere_makes_a_good_event(void **state)
{
    for (size_t i = 0; i < line_count; i++)
        for (size_t n = 0; n <= strlen(lines[i]); n++)
            check(lines[i], n);
}

/* A piece twice, or a piece of another line in the middle. */
static void
line_with_pieces_of_others_makes_a_good_event(void **state)
{
    for (size_t i = 0; i < line_count; i++)
        for (int round = 0; round < ROUNDS; round++) {
            const char *other = lines[next_random(2) ? i : next_random(line_count)];
            size_t len = strlen(lines[i]), from = next_random(strlen(other) + 1);
            size_t n = next_random(strlen(other) - from + 1);
            size_t at = next_random(len + 1);
            char *made = malloc(len + n + 1);

            assert_non_null(made);
            memcpy(made, lines[i], at);
            memcpy(made + at, other + from, n);
            memcpy(made + at + n, lines[i] + at, len - at);
            check(made, len + n);
            free(made);
        }
}

/* A piece of the line again and again, up to a length that would show any
 * search that goes over a line more than a few times. */
static void
very_long_line_makes_a_good_event(void **state)
{
    char *made = malloc(LONG_LINE);

    assert_non_null(made);
    for (size_t i = 0; i < line_count; i++) {
        size_t len = strlen(lines[i]), from, n, at;

        if (len == 0)
            continue;
        from = next_random(len);
        n = 1 + next_random(len - from);
        memcpy(made, lines[i], len);
        for (at = len; at + n <= LONG_LINE; at += n)
            memcpy(made + at, lines[i] + from, n);
        check(made, at);
    }
    free(made);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_with_odd_bytes_makes_a_good_event),
        cmocka_unit_test(line_cut_anywhere_makes_a_good_event),
        cmocka_unit_test(line_with_pieces_of_others_makes_a_good_event),
        cmocka_unit_test(very_long_line_makes_a_good_event),
    };

    return cmocka_run_group_tests_name("decode_mutations", tests, load_lines,
                                       forget_lines);
}
