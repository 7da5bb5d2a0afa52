/*
 * test_line_sorter.c - lines by their time, in parts, each with its place
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/line_sorter.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"

static struct line_time *times;
static struct line_sorter *sorter;

static int
open_sorter(void **state)
{
    (void)state;
    times = line_time_new(0, INT64_C(1795300000) * 1000000);
    sorter = line_sorter_new(SORT_MAX_BYTES, 3);
    return times == NULL || sorter == NULL;
}

static int
close_sorter(void **state)
{
    (void)state;
    line_time_destroy(&times);
    line_sorter_destroy(&sorter);
    return 0;
}

static struct line_piece
piece_of(const char *lines, uint64_t offset, uint64_t first_line)
{
    struct line_piece piece = { .bytes = text_of(lines), .offset = offset,
                                .first_line = first_line };

    piece.size = piece.bytes.len;
    for (const char *at = lines; *at != '\0'; at++)
        piece.lines += *at == '\n';
    piece.lines += piece.size > 0 && lines[piece.size - 1] != '\n';
    return piece;
}

static int
add(const char *lines, uint64_t offset, uint64_t first_line)
{
    struct line_piece piece = piece_of(lines, offset, first_line);

    return line_sorter_add(sorter, times, &piece);
}

static void
assert_next(const char *bytes, uint64_t first_line, uint64_t lines)
{
    struct line_piece piece;

    assert_int_equal(line_sorter_next(sorter, &piece), 1);
    if (!text_is(piece.bytes, bytes))
        fail_msg("not \"%s\" but \"%.*s\"", bytes, (int)piece.bytes.len, piece.bytes.ptr);
    assert_int_equal(line_piece_number(&piece, 0), first_line);
    assert_int_equal(piece.lines, lines);
}

static void
assert_empty(void)
{
    struct line_piece piece;

    assert_int_equal(line_sorter_next(sorter, &piece), 0);
}

#define AT(second) "2026-11-20T10:00:" second "Z h x: "

static void
lines_in_order_are_handed_out_as_they_stand(void **state)
{
    (void)state;
    assert_int_equal(add(AT("01") "a\n" AT("02") "b\n" "no time\n" AT("02") "c\n", 1000, 11), 1);
    line_sorter_sort(sorter);
    assert_next(AT("01") "a\n" AT("02") "b\n" "no time\n", 11, 3);
    assert_next(AT("02") "c\n", 14, 1);
    assert_empty();
}

static void
others_are_sorted_and_say_their_offset(void **state)
{
    (void)state;
    assert_int_equal(add(AT("09") "a\n" AT("03") "b\n" "of b\n" AT("02") "c", 1000, 11), 1);
    line_sorter_sort(sorter);
    assert_next("1061 " AT("02") "c\n" "1028 " AT("03") "b\n" "1056 of b\n", 14, 3);
    assert_next(AT("09") "a\n", 11, 1);
    assert_empty();
}

static void
a_line_without_a_time_follows_over_the_border_of_parts(void **state)
{
    (void)state;
    assert_int_equal(add(AT("09") "a\n", 0, 1), 1);
    line_sorter_sort(sorter);
    assert_next(AT("09") "a\n", 1, 1);
    assert_empty();
    assert_int_equal(add("of a\n" AT("05") "b\n", 29, 2), 1);
    line_sorter_sort(sorter);
    assert_next("34 " AT("05") "b\n" "29 of a\n", 3, 2);
    assert_empty();
}

static void
lines_before_the_first_time_stay_first(void **state)
{
    (void)state;
    assert_int_equal(add("# head\n\n" AT("05") "b\n", 0, 1), 1);
    line_sorter_sort(sorter);
    assert_next("# head\n\n" AT("05") "b\n", 1, 3);
    assert_empty();
}

static void
a_full_part_takes_no_more_until_it_is_empty(void **state)
{
    char *line = malloc(PIECE_MAX_BYTES - 1);

    (void)state;
    memset(line, 'x', PIECE_MAX_BYTES - 2);
    line[PIECE_MAX_BYTES - 2] = '\0';
    line_sorter_destroy(&sorter);
    sorter = line_sorter_new(1, 10);        /* a piece's size is the least */
    assert_int_equal(add(line, 0, 1), 1);
    assert_int_equal(add("a\nb\n", 0, 2), 0);
    line_sorter_sort(sorter);
    assert_next(line, 1, 1);
    assert_empty();
    assert_int_equal(add("a\nb\n", 0, 2), 1);
    free(line);
}

static void
a_request_stays_below_its_size_with_all_offsets(void **state)
{
    enum { LINES = 5000, LEN = 400 };
    struct buf lines = { 0 };
    struct line_piece piece;
    uint64_t seen = 0;

    (void)state;
    line_sorter_destroy(&sorter);
    sorter = line_sorter_new(SORT_MAX_BYTES, LINES);
    for (int i = 0; i < LINES; i++)
        buf_printf(&lines, "2026-11-20T10:%02d:%02dZ h x: %0*d\n", 59 - i % 60, i % 7, LEN, i);
    piece = piece_of(lines.ptr, 0, 1);
    assert_int_equal(line_sorter_add(sorter, times, &piece), 1);
    line_sorter_sort(sorter);
    while (line_sorter_next(sorter, &piece) == 1) {
        assert_true(piece.bytes.len <= PIECE_MAX_BYTES);
        seen += piece.lines;
    }
    assert_int_equal(seen, LINES);
    buf_release(&lines);
}

/* Any order of any lines: each comes out once, at its offset, by its time. */
static void
nothing_is_lost_or_altered(void **state)
{
    enum { LINES = 3000 };
    struct buf lines = { 0 };
    struct line_piece piece;
    uint64_t state64 = 7, seen = 0;
    int64_t last_us = INT64_MIN;

    (void)state;
    for (int i = 0; i < LINES; i++) {
        state64 = state64 * UINT64_C(6364136223846793005) + 1442695040888963407u;
        buf_printf(&lines, "2026-11-20T10:%02u:%02uZ h x: %d\n", (unsigned)(state64 >> 33) % 60,
                   (unsigned)(state64 >> 40) % 60, i);
    }
    piece = piece_of(lines.ptr, 0, 1);
    assert_int_equal(line_sorter_add(sorter, times, &piece), 1);
    line_sorter_sort(sorter);
    while (line_sorter_next(sorter, &piece) == 1) {
        struct text rest = piece.bytes;

        for (uint64_t i = 0; i < piece.lines; i++) {
            struct text line = text_split(&rest, '\n'), after = line;
            int64_t offset = (int64_t)piece.offset, at_us;

            if (piece.numbers != NULL)
                assert_int_equal(text_to_int(text_split(&after, ' '), 0, 1 << 30, &offset), 0);
            else
                piece.offset += line.len + 1;
            assert_memory_equal(lines.ptr + offset, after.ptr, after.len);
            assert_int_equal(line_time_read(times, after, &at_us), 1);
            assert_true(at_us >= last_us);
            last_us = at_us;
            seen++;
        }
    }
    assert_int_equal(seen, LINES);
    buf_release(&lines);
}

static void
json_says_its_time_itself_or_in_its_line(void **state)
{
    struct line_time *json = line_time_new(1, INT64_C(1795300000) * 1000000);
    int64_t us = 0;

    (void)state;
    assert_int_equal(line_time_read(json, text_of("{\"event_type\":\"x\",\"timestamp\":"
                                                  "\"2026-11-20T10:00:00Z\"}"), &us), 1);
    assert_true(us == INT64_C(1795168800) * 1000000);
    us = 0;
    assert_int_equal(line_time_read(json, text_of("{\"raw_log\":\"" AT("00") "y\"}"), &us), 1);
    assert_true(us == INT64_C(1795168800) * 1000000);
    assert_int_equal(line_time_read(json, text_of("{\"event_type\":\"x\"}"), &us), 0);
    assert_int_equal(line_time_read(json, text_of("{broken"), &us), 0);
    assert_int_equal(line_time_read(json, text_of(""), &us), 0);
    line_time_destroy(&json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_sorter, close_sorter)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_in_order_are_handed_out_as_they_stand),
        TEST(others_are_sorted_and_say_their_offset),
        TEST(a_line_without_a_time_follows_over_the_border_of_parts),
        TEST(lines_before_the_first_time_stay_first),
        TEST(a_full_part_takes_no_more_until_it_is_empty),
        TEST(a_request_stays_below_its_size_with_all_offsets),
        TEST(nothing_is_lost_or_altered),
        TEST(json_says_its_time_itself_or_in_its_line),
    };
    struct err err;

    setenv("TZ", "UTC", 1);
    if (timestamp_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests_name("line_sorter", tests, NULL, NULL);
}
