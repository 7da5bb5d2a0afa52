/* Which rules the detector's status names as those that forget. */
#include "detector/detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/engine_case.h"

enum { RULES = 25, SHOWN = 20, ROOM = 100 };

/* Counts of alarms; and before it so many of failed logins, each with keys of its own. */
static void
add_rules(struct buf *text)
{
    static const char *const types[] = { "login_failed", "alarm" };

    for (int i = 0; i < 2; i++)
        assert_int_equal(buf_printf(text, "title: d%d\nname: d%d\nlogsource: {product: x}\n"
                                    "detection: {s: {event_type: %s}, condition: s}\n---\n", i, i,
                                    types[i]), 0);
    for (int i = 0; i < RULES; i++)
        assert_int_equal(buf_printf(text, "title: r%d\nid: r%d\ncorrelation: {type: event_count,"
                                    " rules: d%d, group-by: [source_address], timespan: 5m,"
                                    " condition: {gte: 1000}}\n---\n", i, i, i == RULES - 1), 0);
    assert_int_equal(buf_append(text, "", 1), 0);
}

static void
judge_from_many(struct engine_case *fix, const char *type, int count)
{
    char source[32];

    for (int i = 0; i < count; i++) {
        struct event ev;

        snprintf(source, sizeof(source), "10.0.%d.%d", i / 200, i % 200);
        ev = engine_case_event(fix, type, source, START);
        engine_case_judge(fix, &ev);
    }
}

static json_int_t
keys_of(const json_t *rules, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(rules, i), "keys"));
}

static void
the_rules_that_have_lost_most_are_named_the_worst_first(void **state)
{
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    struct detector det = { 0 };
    json_t *status = json_object(), *rules;
    struct buf text = { 0 };

    engine_case_close(fix);
    add_rules(&text);
    options.max_keys = ROOM;
    engine_case_open(fix, text.ptr, &options);
    judge_from_many(fix, "login_failed", 10);
    judge_from_many(fix, "alarm", 5 * ROOM);
    det.engine = fix->engine;
    detector_fill_losses(&det, status);
    rules = json_object_get(status, "rules_that_forget");
    assert_int_equal(json_array_size(rules), SHOWN);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rules, 0), "id")), "r24");
    for (size_t i = 1; i < SHOWN; i++)
        assert_in_range(keys_of(rules, i), 1, keys_of(rules, i - 1));
    json_decref(status);
    buf_release(&text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, engine_case_set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rules_that_have_lost_most_are_named_the_worst_first),
    };

    return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
