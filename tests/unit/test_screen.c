/*
 * test_screen.c - hostile text on a terminal, and columns of Korean
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/screen.h"

static void
assert_shown(const char *text, size_t len, const char *expected)
{
    struct buf out = { 0 };

    assert_int_equal(screen_escape(&out, (struct text){ text, len }), 0);
    assert_string_equal(out.ptr == NULL ? "" : out.ptr, expected);
    buf_release(&out);
}

static void
nothing_that_a_terminal_obeys_is_written(void **state)
{
    static const struct { const char *text, *shown; } cases[] = {
        { "plain \xed\x95\x9c\xea\xb8\x80", "plain \xed\x95\x9c\xea\xb8\x80" },
        { "\033[2J\033]0;owned\a", "\\x1b[2J\\x1b]0;owned\\x07" },
        { "a\r\nb\tc\177", "a\\x0d\\nb\\tc\\x7f" },
        { "\xc2\x9b" "31m", "\\u009b31m" },                 /* C1's CSI */
        { "\xe2\x80\xae" "txt.exe", "\\u202etxt.exe" },     /* right to left */
        { "\xe2\x80\x8b\xef\xbb\xbf", "\\u200b\\ufeff" },   /* not seen */
        { "\xff\xfe", "\\xff\\xfe" },
        { "\xe2\x82", "\\xe2\\x82" },                       /* cut */
        { "\xc0\x9b", "\\xc0\\x9b" },                       /* overlong */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },              /* a surrogate */
        { "\xf3\xa0\x80\xa1", "\\ue0021" },                 /* a tag */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_shown(cases[i].text, strlen(cases[i].text), cases[i].shown);
    assert_shown("a\0b", 3, "a\\x00b");
}

static void
a_hangul_syllable_takes_two_cells_a_mark_none(void **state)
{
    static const struct { const char *text; size_t cells; } cases[] = {
        { "", 0 }, { "abc", 3 }, { "\xed\x95\x9c\xea\xb8\x80", 4 }, { "e\xcc\x81", 1 },
        { "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2 },      /* the same syllable in parts */
        { "\xef\xbc\xa1", 2 }, { "\xf0\x9f\x94\xa5", 2 }, { "\xc3\xa9", 1 }, { "\033", 4 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(screen_width(text_of(cases[i].text)), cases[i].cells);
}

static void
a_cell_is_cut_and_padded_to_its_width(void **state)
{
    static const struct { const char *text; size_t cells; const char *expected; } cases[] = {
        { "abc", 5, "abc  |" }, { "abcdef", 5, "abcd~|" },
        { "\xed\x95\x9c\xea\xb8\x80", 5, "\xed\x95\x9c\xea\xb8\x80 |" },
        { "\xed\x95\x9c\xea\xb8\x80", 3, "\xed\x95\x9c~|" },
        { "\xed\x95\x9c\xea\xb8\x80\xea\xb8\x80", 4, "\xed\x95\x9c~ |" },   /* half would fit */
        { "a\033b", 4, "a~  |" },                           /* not in the middle of \x1b */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = { 0 };

        screen_append_cell(&out, text_of(cases[i].text), cases[i].cells, 1);
        buf_append_char(&out, '|');
        assert_string_equal(out.ptr, cases[i].expected);
        buf_release(&out);
    }
}

static void
columns_line_up_whatever_the_letters(void **state)
{
    struct screen_table table = { .columns = 3, .titles = { "NAME", "N", "WHAT" } };
    struct buf out = { 0 };

    (void)state;
    screen_table_add(&table, (const char *const[]){ "\xed\x95\x9c\xea\xb8\x80\xeb\xa7\x90", "1",
                                                    "a\nb" });
    screen_table_add(&table, (const char *const[]){ "x", "22", NULL });
    assert_int_equal(screen_table_append(&table, 0, &out), 0);
    assert_string_equal(out.ptr, "NAME    N   WHAT\n"
                                 "\xed\x95\x9c\xea\xb8\x80\xeb\xa7\x90  1   a\\nb\n"
                                 "x       22  \n");
    buf_release(&out);
    screen_table_release(&table);
}

static void
the_last_column_takes_what_the_window_has_left(void **state)
{
    struct screen_table table = { .columns = 2, .titles = { "A", "B" } };
    struct buf out = { 0 };

    (void)state;
    screen_table_add(&table, (const char *const[]){ "x", "0123456789012345678901234567890123" });
    assert_int_equal(screen_table_append(&table, 30, &out), 0);
    assert_string_equal(out.ptr, "A  B\nx  01234567890123456789012345~\n");
    buf_release(&out);
    screen_table_release(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_a_terminal_obeys_is_written),
        cmocka_unit_test(a_hangul_syllable_takes_two_cells_a_mark_none),
        cmocka_unit_test(a_cell_is_cut_and_padded_to_its_width),
        cmocka_unit_test(columns_line_up_whatever_the_letters),
        cmocka_unit_test(the_last_column_takes_what_the_window_has_left),
    };

    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
