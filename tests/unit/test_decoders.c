/*
 * test_decoders.c - runs the cases of tests/decoders/<decoder>/<name>.yml
 *
 * A file is a list of cases: `line` as it stands in a log, `event` with every
 * field that must come of it (raw_log, which is always the line, left out),
 * and `now` where the year matters. A new decoder needs a folder and no code
 * here. Times without a zone are Asia/Seoul's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <glob.h>

#include "proto/decode/decode.h"
#include "proto/base/timestamp.h"
#include "proto/base/yaml.h"

#define FOLDER "tests/decoders"
#define NOW "2026-11-22T09:00:00+09:00"

static size_t failures;

static void
complain(const char *file, int line, const char *what, const char *name)
{
    print_error("%s:%d: %s: %s\n", file, line, what, name);
    failures++;
}

static int
is_same(const struct value *value, const json_t *expected)
{
    if (value == NULL)
        return 0;
    if (json_is_string(expected))
        return value->kind == VALUE_TEXT &&
               text_is(value->as.text, json_string_value(expected)) &&
               value->as.text.len == json_string_length(expected);
    if (json_is_boolean(expected))
        return value->kind == VALUE_BOOL &&
               !value->as.boolean == !json_is_true(expected);
    return json_is_integer(expected) && value->kind == VALUE_INT &&
           value->as.integer == json_integer_value(expected);
}

static void
compare(const char *file, int at, const struct event *ev, json_t *expected)
{
    const char *name;
    json_t *want;
    char space[32];

    json_object_foreach(expected, name, want)
        if (!is_same(event_get(ev, text_of(name)), want)) {
            const struct value *value = event_get(ev, text_of(name));
            struct text got = { NULL, 0 };

            if (value != NULL)
                got = value_as_text(value, space);
            print_error("  found \"%.*s\"\n", (int)got.len, got.len > 0 ? got.ptr : "");
            complain(file, at, "another value, or none", name);
        }

    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (i != EVENT_RAW_LOG && ev->known[i].kind != VALUE_ABSENT &&
            json_object_get(expected, event_fields[i].name) == NULL)
            complain(file, at, "not expected", event_fields[i].name);

    for (size_t i = 0; i < ev->extra_count; i++) {
        struct text extra = ev->extras[i].name;

        if (json_object_getn(expected, extra.ptr, extra.len) == NULL)
            complain(file, at, "not expected", extra.ptr);
    }
}

static void
run_case(const char *file, int at, const char *decoder, json_t *one)
{
    const char *line = json_string_value(json_object_get(one, "line"));
    const char *now = json_string_value(json_object_get(one, "now"));
    json_t *expected = json_object_get(one, "event");
    struct arena arena = { 0 };
    struct event ev = { 0 };
    const char *name;
    int64_t now_us;

    if (line == NULL || !json_is_object(expected)) {
        complain(file, at, "a case needs", "line and event");
        return;
    }
    assert_int_equal(timestamp_parse(text_of(now != NULL ? now : NOW), &now_us, NULL), 0);

    name = decode_line(text_of(line), now_us, &arena, &ev);
    assert_non_null(name);
    if (strcmp(name, decoder) != 0)
        complain(file, at, "decoded by", name);
    if (!text_is(value_get_text(&ev.known[EVENT_RAW_LOG]), line))
        complain(file, at, "raw_log is not", "the line");
    compare(file, at, &ev, expected);

    event_release(&ev);
    arena_release(&arena);
}

static size_t
run_file(const char *file, const char *decoder)
{
    struct err err;
    struct yaml *yaml = yaml_load(file, &err);
    size_t i, ran = 0;
    json_t *one;

    if (yaml == NULL)
        fail_msg("%s", err.text);

    json_array_foreach(yaml_document(yaml, 0), i, one) {
        run_case(file, yaml_line(yaml, one), decoder, one);
        ran++;
    }
    yaml_destroy(&yaml);
    return ran;
}

static size_t
run_folder(const char *decoder)
{
    char pattern[256];
    size_t ran = 0;
    glob_t found;

    snprintf(pattern, sizeof pattern, FOLDER "/%s/*.yml", decoder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            ran += run_file(found.gl_pathv[i], decoder);
        globfree(&found);
    }
    if (ran == 0)
        complain(FOLDER, 0, "no cases for decoder", decoder);
    return ran;
}

static void
every_decoder_turns_its_lines_into_their_events(void **state)
{
    size_t ran = run_folder("none");

    for (size_t i = 0; i < decoder_count; i++)
        ran += run_folder(decoders[i]->name);

    print_message("%zu cases\n", ran);
    assert_int_equal(failures, 0);
}

/* The first len bytes of line, alone in memory, so that a look behind its end is
 * seen by the sanitizer. */
static void
decode_cut(const char *line, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct text text = { copy, len };
    struct arena arena = { 0 };
    struct event ev = { 0 };

    assert_non_null(copy);
    memcpy(copy, line, len);
    if (text_is_utf8(text)) {
        assert_non_null(decode_line(text, 1795302001000000, &arena, &ev));
        assert_true(text_equals(value_get_text(&ev.known[EVENT_RAW_LOG]), text));
        assert_true(value_get_text(&ev.known[EVENT_TYPE]).len > 0);
    }
    event_release(&ev);
    arena_release(&arena);
    free(copy);
}

static void
a_line_cut_anywhere_is_kept_whole(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob(FOLDER "/*/*.yml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct yaml *yaml = yaml_load(found.gl_pathv[i], NULL);
        json_t *one;
        size_t n;

        assert_non_null(yaml);
        json_array_foreach(yaml_document(yaml, 0), n, one) {
            const char *line = json_string_value(json_object_get(one, "line"));

            for (size_t len = 0; len <= strlen(line); len++)
                decode_cut(line, len);
        }
        yaml_destroy(&yaml);
    }
    globfree(&found);
}

/* 256 KiB of one piece in the middle of a line: what an attacker can send. */
static void
a_huge_line_is_read_in_time(void **state)
{
    static const struct {
        const char *start, *piece, *end;
    } lines[] = {
        { "192.0.2.1 - - [22/Nov/2026:08:00:01 +0900] \"GET /?", "\\\"a", " HTTP/1.1\" 200 5" },
        { "192.0.2.1 - - [22/Nov/2026:08:00:01 +0900] \"GET /?", "\" ", "\" 200 5" },
        { "192.0.2.1 - ", "] \"", " [22/Nov/2026:08:00:01 +0900] \"GET / HTTP/1.1\" 200 5" },
        { "2026/11/22 08:00:00 [error] 2#2: *9 user \"", "\" was not found in \"",
          "\", client: 192.0.2.1, server: _" },
        { "2026/11/22 08:00:00 [error] 2#2: *9 open() \"", ", client: 192.0.2.1", "\"" },
        { "[Fri Nov 20 10:00:00.1 2026] [a:error] [pid 1] [client 192.0.2.1:4] user `",
          "' in realm `x' not found: ", "" },
        { "Sun Nov 22 08:00:01 2026 [pid 1] [", "] OK LOGIN: Client \"",
          "] FAIL LOGIN: Client \"192.0.2.1\"" },
        { "2026-11-22 08:00:00 192.0.2.1:5 [", "] Peer Connection Initiated with x", "" },
        { "2026-11-22 08:00:00 10 [Warning] Access denied for user '", "'@'a",
          "'@'192.0.2.1' (using password: YES)" },
        { "2026-11-22 08:00:00 KST [1] a@b FATAL:  role \"", "FATAL:  ", "\" does not exist" },
        { "{\"remote_addr\":\"192.0.2.1\",\"status\":200,\"request\":\"GET /", "\\x22", "\"}" },
        { "", "{\"a\":", "" },
        { "{\"winlog\":{\"provider_name\":\"a\",\"event_id\":1,\"event_data\":{", "\"a\":\"b\",",
          "\"c\":1}},\"@timestamp\":1}" },
        { "{\"auditID\":1,\"stage\":\"Panic\",\"apiVersion\":\"audit.k8s.io/v1\","
          "\"objectRef\":{\"subresource\":\"exec\"},\"requestURI\":\"/?", "command=%41&", "\"}" },
        { "<1>Nov 22 2026 10:00:00 fw1 : %ASA-6-716039: Group <g> User <", "> User <",
          "> IP <192.0.2.1> Authentication: rejected, Session Type: WebVPN." },
        { "<1>Nov 22 2026 10:00:00 fw1 : %ASA-6-302013: Built inbound TCP connection 1 for ",
          "a (b) to ", "c:192.0.2.1/1 (d)" },
        { "date=2026-11-22 logid=1 type=event devid=\"", "\\\" user=\"", "\"" },
        { "date=2026-11-22 logid=1 type=event devid=1 ", "a=1 ", "srcip=192.0.2.1" },
        { "Nov 22 08:00:00 filterlog: ", "4,", "" },
    };
    enum { LEN = 256 * 1024 };
    char *line = malloc(LEN + 256);

    (void)state;
    assert_non_null(line);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        clock_t before = clock();
        size_t len = strlen(lines[i].start), piece = strlen(lines[i].piece);

        memcpy(line, lines[i].start, len);
        for (; len + piece < LEN; len += piece)
            memcpy(line + len, lines[i].piece, piece);
        memcpy(line + len, lines[i].end, strlen(lines[i].end));
        decode_cut(line, len + strlen(lines[i].end));
        if (clock() - before > CLOCKS_PER_SEC / 2)
            fail_msg("%s: %ld ms of CPU time", lines[i].start,
                     (long)((clock() - before) / (CLOCKS_PER_SEC / 1000)));
    }
    free(line);
}

static int
is_a_decoder(const char *name)
{
    for (size_t i = 0; i < decoder_count; i++)
        if (strcmp(decoders[i]->name, name) == 0)
            return 1;
    return strcmp(name, "none") == 0;
}

static void
every_folder_of_cases_belongs_to_a_decoder(void **state)
{
    glob_t found;

    assert_int_equal(glob(FOLDER "/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!is_a_decoder(strrchr(found.gl_pathv[i], '/') + 1))
            fail_msg("%s: no such decoder", found.gl_pathv[i]);
    globfree(&found);
}

static int
take_seoul(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Seoul", 1);
    return timestamp_init(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_decoder_turns_its_lines_into_their_events),
        cmocka_unit_test(every_folder_of_cases_belongs_to_a_decoder),
        cmocka_unit_test(a_line_cut_anywhere_is_kept_whole),
        cmocka_unit_test(a_huge_line_is_read_in_time),
    };

    return cmocka_run_group_tests_name("decoders", tests, take_seoul, NULL);
}
