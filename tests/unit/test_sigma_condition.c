#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/sigma/sigma_condition.h"
#include "proto/base/buf.h"

static const char *const all_names[] = { "a", "b", "c", "sel_1", "sel_2", "sel_3",
                                         "_hidden" };

enum { NAMES = sizeof(all_names) / sizeof(all_names[0]) };

static struct arena arena;

static int
parse(const char *text, struct sigma_condition *ret_cond, struct err *err)
{
    struct text names[NAMES];

    for (size_t i = 0; i < NAMES; i++)
        names[i] = text_of(all_names[i]);
    return sigma_condition_parse(&arena, text_of(text), names, NAMES, ret_cond, err);
}

static int
is_held(void *ctx, uint32_t arg)
{
    const char *held = ctx;

    return strchr(held, (int)('0' + arg)) != NULL;
}

/* Evaluate with the selections whose numbers stand in held. */
static int
eval(const char *text, const char *held)
{
    struct sigma_condition cond;
    struct err err = { "" };
    char copy[16];

    if (parse(text, &cond, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    snprintf(copy, sizeof(copy), "%s", held);
    return condition_eval(cond.nodes, 0, is_held, copy);
}

static void
refuses(const char *text, const char *reason)
{
    struct sigma_condition cond;
    struct err err = { "" };

    assert_int_equal(parse(text, &cond, &err), -1);
    if (strstr(err.text, reason) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, reason);
}

static void
not_binds_tighter_than_and_and_that_than_or(void **state)
{
    (void)state;
    assert_true(eval("a or b and c", "0"));
    assert_false(eval("(a or b) and c", "0"));
    assert_true(eval("not a and b", "1"));
    assert_false(eval("not (a or b)", "1"));
    assert_true(eval("a and not b or c", "2"));
    assert_true(eval("not not a", "0"));
    assert_true(eval("NOT a AND b", "1"));
}

static void
every_truth_table_of_three_is_right(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        int a = bits & 1, b = bits >> 1 & 1, c = bits >> 2 & 1;
        char held[4] = "";
        size_t n = 0;

        for (unsigned i = 0; i < 3; i++)
            if (bits >> i & 1)
                held[n++] = (char)('0' + i);
        held[n] = '\0';
        assert_int_equal(eval("a and not b or b and (c or not a)", held),
                         (a && !b) || (b && (c || !a)));
        assert_int_equal(eval("not (a and b) and not (b and c)", held),
                         !(a && b) && !(b && c));
        assert_int_equal(eval("((a)) or ((b and ((c))))", held), a || (b && c));
    }
}

static void
of_counts_what_fits_the_pattern(void **state)
{
    (void)state;
    assert_true(eval("1 of sel_*", "4"));
    assert_true(eval("any of sel_*", "5"));
    assert_false(eval("all of sel_*", "34"));
    assert_true(eval("all of sel_*", "345"));
    assert_false(eval("2 of sel_*", "3"));
    assert_true(eval("2 of sel_*", "35"));
    assert_true(eval("1 of s*_2", "4"));
    assert_true(eval("1 of *_*", "5"));
    assert_false(eval("1 of *_*", "6"));
    assert_true(eval("a and not 1 of sel_*", "0"));
    assert_true(eval("1 of a", "0"));
}

static void
them_leaves_out_names_with_an_underscore_first(void **state)
{
    (void)state;
    assert_false(eval("1 of them", "6"));
    assert_true(eval("all of them", "012345"));
    assert_true(eval("3 of them", "015"));
    assert_true(eval("_hidden", "6"));
    assert_false(eval("1 of *", "6"));
    assert_true(eval("1 of _*", "6"));
    assert_true(eval("all of _hid*", "6"));
    assert_false(eval("1 of _*", "012345"));
}

static void
what_is_not_in_the_grammar_is_refused_with_a_reason(void **state)
{
    (void)state;
    refuses("", "a selection is missing");
    refuses("d", "no such selection at \"d\"");
    refuses("a and", "a selection is missing at its end");
    refuses("a b", "\"and\" or \"or\" expected at \"b\"");
    refuses("(a", "\")\" is missing");
    refuses("a)", "expected at \")\"");
    refuses("()", "a selection is missing");
    refuses("not", "a selection is missing");
    refuses("1 of", "a pattern or \"them\" is missing");
    refuses("1 of x*", "no selection fits");
    refuses("1 of *hid*", "that begin with _ are left out");
    refuses("1 of _x*", "no selection fits");
    refuses("4 of sel_*", "fewer selections fit");
    refuses("0 of sel_*", "needs a number");
    refuses("some of sel_*", "needs a number");
    refuses("a | count() > 5", "aggregations");
    refuses("A", "no such selection");
}

static void
depth_and_size_are_bounded(void **state)
{
    struct buf text = { 0 };

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_append_str(&text, "(");
    refuses(text.ptr, "nested too deeply");
    buf_clear(&text);
    for (int i = 0; i < 5000; i++)
        buf_append_str(&text, "not ");
    refuses(text.ptr, "nested too deeply");
    buf_clear(&text);
    for (int i = 0; i < 5000; i++)
        buf_append_str(&text, "a or ");
    buf_append_str(&text, "a");
    refuses(text.ptr, "too large");
    buf_release(&text);
}

static int
release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_binds_tighter_than_and_and_that_than_or),
        cmocka_unit_test(every_truth_table_of_three_is_right),
        cmocka_unit_test(of_counts_what_fits_the_pattern),
        cmocka_unit_test(them_leaves_out_names_with_an_underscore_first),
        cmocka_unit_test(what_is_not_in_the_grammar_is_refused_with_a_reason),
        cmocka_unit_test(depth_and_size_are_bounded),
    };

    return cmocka_run_group_tests_name("sigma_condition", tests, NULL, release);
}
