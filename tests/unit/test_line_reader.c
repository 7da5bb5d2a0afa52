/*
 * test_line_reader.c - whole lines, in pieces, with their places in the file
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/line_reader.h"
#include "proto/base/buf.h"

static struct line_reader *reader;
static int fd = -1;
static struct buf content;

static int
forget(void **state)
{
    (void)state;
    line_reader_destroy(&reader);
    if (fd >= 0)
        close(fd);
    fd = -1;
    buf_release(&content);
    return 0;
}

static void
read_content(size_t max_lines)
{
    fd = memfd_create("lines", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.ptr, content.len), (ssize_t)content.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    reader = line_reader_new(fd, max_lines);
    assert_non_null(reader);
}

static void
add(const char *text)
{
    assert_int_equal(buf_append_str(&content, text), 0);
}

static void
add_line_of(size_t len, char c)
{
    assert_int_equal(buf_reserve(&content, len + 1), 0);
    memset(content.ptr + content.len, c, len);
    content.len += len;
    add("\n");
}

static struct line_piece
next(void)
{
    struct line_piece piece;
    struct err err;

    assert_int_equal(line_reader_next(reader, &piece, &err), 1);
    return piece;
}

static void
assert_end(void)
{
    struct line_piece piece;
    struct err err;

    assert_int_equal(line_reader_next(reader, &piece, &err), 0);
    assert_int_equal(line_reader_next(reader, &piece, &err), 0);
}

static void
assert_bytes(const struct line_piece *piece, const char *text)
{
    assert_int_equal(piece->bytes.len, strlen(text));
    assert_memory_equal(piece->bytes.ptr, text, piece->bytes.len);
    assert_int_equal(piece->size, strlen(text));
}

static void
piece_holds_no_more_lines_than_told(void **state)
{
    struct line_piece piece;

    add("a\nbb\nccc\ndddd\n");
    read_content(3);

    piece = next();
    assert_bytes(&piece, "a\nbb\nccc\n");
    assert_int_equal(piece.lines, 3);
    piece = next();
    assert_bytes(&piece, "dddd\n");
    assert_int_equal(piece.offset, 9);
    assert_int_equal(piece.first_line, 4);
    assert_end();
}

static void
line_ends_stay_as_they_are_and_the_last_may_lack_one(void **state)
{
    struct line_piece piece;

    add("a\r\n\r\n \nb");
    assert_int_equal(buf_append(&content, "\0c", 2), 0);
    read_content(1000);

    piece = next();
    assert_int_equal(piece.lines, 4);
    assert_int_equal(piece.blank_lines, 2);
    assert_int_equal(piece.size, content.len);
    assert_memory_equal(piece.bytes.ptr, content.ptr, content.len);
    assert_end();
}

static void
nothing_gives_no_piece(void **state)
{
    read_content(1000);
    assert_end();
}

static void
piece_stays_under_a_mebibyte(void **state)
{
    uint64_t lines = 0, bytes = 0;
    struct line_piece piece;
    struct err err;

    for (int i = 0; i < 50; i++)
        add_line_of(100 * 1024, 'x');
    read_content(1000);

    while (line_reader_next(reader, &piece, &err) > 0) {
        assert_true(piece.size <= PIECE_MAX_BYTES);
        assert_int_equal(piece.bytes.len, piece.size);
        assert_int_equal(piece.offset, bytes);
        assert_int_equal(piece.first_line, lines + 1);
        assert_memory_equal(piece.bytes.ptr, content.ptr + bytes, piece.size);
        lines += piece.lines;
        bytes += piece.size;
    }
    assert_int_equal(lines, 50);
    assert_int_equal(bytes, content.len);
}

static void
longest_line_is_whole_and_a_longer_one_is_passed_over(void **state)
{
    struct line_piece piece;

    add("first\n");
    add_line_of(LINE_MAX_BYTES, 'x');
    add_line_of(LINE_MAX_BYTES + 1, 'y');
    add_line_of(5 * 1024 * 1024, 'z');
    add("last\n");
    read_content(1000);

    piece = next();
    assert_int_equal(piece.lines, 2);
    assert_int_equal(piece.size, 6 + LINE_MAX_BYTES + 1);
    piece = next();
    assert_null(piece.bytes.ptr);
    assert_int_equal(piece.first_line, 3);
    assert_int_equal(piece.size, LINE_MAX_BYTES + 2);
    piece = next();
    assert_null(piece.bytes.ptr);
    assert_int_equal(piece.first_line, 4);
    assert_int_equal(piece.size, 5 * 1024 * 1024 + 1);
    piece = next();
    assert_bytes(&piece, "last\n");
    assert_int_equal(piece.first_line, 5);
    assert_int_equal(piece.offset, content.len - 5);
    assert_end();
}

static void
too_long_last_line_without_an_end_is_passed_over(void **state)
{
    struct line_piece piece;

    add("first\n");
    add_line_of(3 * 1024 * 1024, 'x');
    content.len--;
    read_content(1000);

    piece = next();
    assert_bytes(&piece, "first\n");
    piece = next();
    assert_null(piece.bytes.ptr);
    assert_int_equal(piece.size, 3 * 1024 * 1024);
    assert_end();
}

static void
lines_of_a_slow_pipe_come_before_it_ends(void **state)
{
    struct line_piece piece;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    fd = ends[0];
    reader = line_reader_new(fd, 1000);
    assert_int_equal(write(ends[1], "one\ntwo\nthr", 11), 11);

    piece = next();
    assert_bytes(&piece, "one\ntwo\n");
    assert_int_equal(write(ends[1], "ee\n", 3), 3);
    piece = next();
    assert_bytes(&piece, "three\n");
    assert_int_equal(piece.offset, 8);
    close(ends[1]);
    assert_end();
}

static void
unreadable_file_says_why(void **state)
{
    struct line_piece piece;
    struct err err = { "" };

    reader = line_reader_new(-1, 1000);
    assert_int_equal(line_reader_next(reader, &piece, &err), -1);
    assert_non_null(strstr(err.text, "cannot be read"));
}

static void
halves_are_whole_lines_with_their_own_places(void **state)
{
    struct line_piece piece = {
        .bytes = text_of("a\r\n\nccccccc\nd"), .offset = 100, .size = 13,
        .first_line = 7, .lines = 4, .blank_lines = 1,
    };
    struct line_piece first, second, none;

    assert_int_equal(line_piece_halve(&piece, &first, &second), 0);
    assert_bytes(&first, "a\r\n\n");
    assert_int_equal(first.offset, 100);
    assert_int_equal(first.lines, 2);
    assert_int_equal(first.blank_lines, 1);
    assert_bytes(&second, "ccccccc\nd");
    assert_int_equal(second.offset, 104);
    assert_int_equal(second.first_line, 9);
    assert_int_equal(second.lines, 2);

    assert_int_equal(line_piece_halve(&second, &first, &second), 0);
    assert_bytes(&first, "ccccccc\n");
    assert_bytes(&second, "d");
    assert_int_equal(line_piece_halve(&first, &none, &none), -1);
    assert_int_equal(line_piece_halve(&second, &none, &none), -1);
}

static void
an_event_is_known_by_what_it_must_have(void **state)
{
    assert_int_equal(looks_like_json(text_of("\r\n  {\"event_type\":1}\n")), 1);
    assert_int_equal(looks_like_json(text_of("{\"a\":1,\"raw_log\":\"x\"}")), 1);
    assert_int_equal(looks_like_json(text_of("{\"a\":1}\n{\"event_type\":1}")), 0);
    assert_int_equal(looks_like_json(text_of("{\"MESSAGE\":\"\\\"event_type\\\"\"}")), 0);
    assert_int_equal(looks_like_json(text_of("Nov 12 {")), 0);
    assert_int_equal(looks_like_json(text_of("[Sun Dec 04] [notice] x")), 0);
    assert_int_equal(looks_like_json(text_of(" \r\n\t")), -1);
    assert_int_equal(looks_like_json((struct text){ NULL, 0 }), -1);
}

#define TEST(f) cmocka_unit_test_teardown(f, forget)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(piece_holds_no_more_lines_than_told),
        TEST(line_ends_stay_as_they_are_and_the_last_may_lack_one),
        TEST(nothing_gives_no_piece),
        TEST(piece_stays_under_a_mebibyte),
        TEST(longest_line_is_whole_and_a_longer_one_is_passed_over),
        TEST(too_long_last_line_without_an_end_is_passed_over),
        TEST(lines_of_a_slow_pipe_come_before_it_ends),
        TEST(unreadable_file_says_why),
        TEST(halves_are_whole_lines_with_their_own_places),
        TEST(an_event_is_known_by_what_it_must_have),
    };

    return cmocka_run_group_tests_name("line_reader", tests, NULL, NULL);
}
