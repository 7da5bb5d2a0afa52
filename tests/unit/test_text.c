#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

static struct text
bytes(const char *ptr, size_t len)
{
    return (struct text){ ptr, len };
}

static void
equal_texts_have_the_same_bytes(void **state)
{
    assert_true(text_equals(text_of("ab"), bytes("abc", 2)));
    assert_false(text_equals(text_of("ab"), text_of("abc")));
    assert_false(text_equals(bytes("a\0b", 3), bytes("a\0c", 3)));
    assert_true(text_equals(text_of(NULL), text_of("")));
    assert_true(text_is(bytes("rootx", 4), "root"));
    assert_false(text_is(bytes("root\0", 5), "root"));
}

static void
only_ascii_letters_lose_their_case(void **state)
{
    assert_true(text_equals_nocase(text_of("X-Api-Key"), text_of("x-aPI-kEY")));
    assert_false(text_equals_nocase(text_of("[@"), text_of("{`")));
    assert_false(text_equals_nocase(text_of("\xc3\x84"), text_of("\xc3\xa4")));
}

static void
prefix_suffix_and_needle_are_found(void **state)
{
    assert_true(text_starts_with(text_of("sshd[1]"), "sshd"));
    assert_false(text_starts_with(text_of("ssh"), "sshd"));
    assert_true(text_starts_with(text_of(NULL), ""));
    assert_true(text_ends_with(text_of("a.yml"), ".yml"));
    assert_false(text_ends_with(text_of("yml"), ".yml"));
    assert_string_equal(text_find(text_of("one two"), "two"), "two");
    assert_null(text_find(bytes("one two", 6), "two"));
    assert_null(text_find(text_of(NULL), "x"));
}

static void
trimming_takes_white_space_from_both_ends(void **state)
{
    assert_true(text_is(text_trim(text_of(" \t a b \r\n")), "a b"));
    assert_int_equal(text_trim(text_of(" \r\n ")).len, 0);
    assert_int_equal(text_trim(text_of(NULL)).len, 0);
}

static void
splitting_gives_every_piece_and_then_null(void **state)
{
    struct text rest = text_of("a,,b,");

    assert_true(text_is(text_split(&rest, ','), "a"));
    assert_true(text_is(text_split(&rest, ','), ""));
    assert_true(text_is(text_split(&rest, ','), "b"));
    assert_non_null(rest.ptr);
    assert_true(text_is(text_split(&rest, ','), ""));
    assert_null(rest.ptr);
}

static void
integers_are_read_to_the_edges_of_their_range(void **state)
{
    int64_t number = 7;

    assert_int_equal(text_to_int(text_of("-9223372036854775808"), INT64_MIN, INT64_MAX,
                                 &number), 0);
    assert_true(number == INT64_MIN);
    assert_int_equal(text_to_int(text_of("9223372036854775807"), INT64_MIN, INT64_MAX,
                                 &number), 0);
    assert_true(number == INT64_MAX);
    assert_int_equal(text_to_int(text_of("0012"), 0, 12, &number), 0);
    assert_int_equal(number, 12);
}

static void
what_is_no_integer_leaves_the_result_alone(void **state)
{
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "--1", "13", "-1",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999999",
    };
    int64_t number = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_to_int(text_of(bad[i]), 0, 12, &number), -1);
    assert_int_equal(text_to_int(bytes("1\0", 2), 0, 12, &number), -1);
    assert_int_equal(text_to_int(text_of("9223372036854775808"), INT64_MIN, INT64_MAX,
                                 &number), -1);
    assert_int_equal(number, 7);
}

static void
well_formed_utf8_is_taken(void **state)
{
    static const char *const good[] = {
        "", "plain", "\xeb\xb4\x89\xec\x88\x98", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        "eight ascii bytes and then \xe2\x82\xac",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(text_is_utf8(text_of(good[i])));
    assert_true(text_is_utf8(bytes("\0", 1)));
}

/* each also behind eight ASCII bytes, which are looked at together */
static void
malformed_utf8_is_refused(void **state)
{
    static const char *const bad[] = {
        "\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "\xc2", "\xe2\x82", "\xf0\x90\x80", "\xe2\x28\xa1", "\xc2\xc2\x80",
    };
    char longer[32];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_is_utf8(text_of(bad[i])));
        memcpy(longer, "12345678", 8);
        memcpy(longer + 8, bad[i], strlen(bad[i]) + 1);
        assert_false(text_is_utf8(text_of(longer)));
    }
}

static void
a_copy_ends_in_nul(void **state)
{
    char *copy = text_dup(bytes("abc", 2));
    char *empty = text_dup(text_of(NULL));

    assert_string_equal(copy, "ab");
    assert_string_equal(empty, "");
    free(copy);
    free(empty);
}

static void
context_goes_before_the_reason(void **state)
{
    struct err err = { "" };

    err_set(&err, "line %d", 3);
    err_add(&err, "%s", "file");
    assert_string_equal(err.text, "file: line 3");
    err_set(&err, "again: %s", err.text);
    assert_string_equal(err.text, "again: file: line 3");
    err_set(NULL, "nobody asked");
    err_add(NULL, "nobody asked");
}

static void
a_long_reason_is_cut_and_ends_in_nul(void **state)
{
    char filler[2000];
    struct err err = { "" };

    memset(filler, 'x', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    err_set(&err, "%s", filler);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    err_add(&err, "where");
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_memory_equal(err.text, "where: x", 8);
    err_add(&err, "%s", filler);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void
a_reason_is_utf8_wherever_it_was_cut(void **state)
{
    char filler[sizeof(((struct err *)NULL)->text) + 8] = "";
    struct err err;

    /* "\xea\xb0\x80" is one character */
    err_set(&err, "unknown key \"%.5s\" of it", "\xea\xb0\x80\xea\xb0\x80");
    assert_string_equal(err.text, "unknown key \"\xea\xb0\x80??\" of it");
    err_set(&err, "%s: no such file", "a\xff" "b");
    assert_string_equal(err.text, "a?b: no such file");
    memset(filler, 'x', sizeof(err.text) - 2);
    memcpy(filler + sizeof(err.text) - 2, "\xea\xb0\x80", 3);
    err_set(&err, "%s", filler);
    assert_true(text_is_utf8(text_of(err.text)));
    err_set(&err, "%s", "\xea\xb0\x80");
    filler[sizeof(err.text) - 4] = '\0';
    err_add(&err, "%s", filler);
    assert_true(text_is_utf8(text_of(err.text)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_the_same_bytes),
        cmocka_unit_test(only_ascii_letters_lose_their_case),
        cmocka_unit_test(prefix_suffix_and_needle_are_found),
        cmocka_unit_test(trimming_takes_white_space_from_both_ends),
        cmocka_unit_test(splitting_gives_every_piece_and_then_null),
        cmocka_unit_test(integers_are_read_to_the_edges_of_their_range),
        cmocka_unit_test(what_is_no_integer_leaves_the_result_alone),
        cmocka_unit_test(well_formed_utf8_is_taken),
        cmocka_unit_test(malformed_utf8_is_refused),
        cmocka_unit_test(a_copy_ends_in_nul),
        cmocka_unit_test(context_goes_before_the_reason),
        cmocka_unit_test(a_long_reason_is_cut_and_ends_in_nul),
        cmocka_unit_test(a_reason_is_utf8_wherever_it_was_cut),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
