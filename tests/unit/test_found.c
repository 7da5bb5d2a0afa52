#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/tool/found.h"

#define SEC(n) (INT64_C(1000000) * (n))
#define MINUTE SEC(60)
#define HOUR SEC(3600)

static const struct found_span all = { INT64_MIN, INT64_MAX, 1 };

static int
open_found(void **state)
{
    *state = found_new();
    return *state == NULL;
}

static int
close_found(void **state)
{
    struct found *found = *state;

    found_destroy(&found);
    return 0;
}

/* An incident of a rule and a source, by a letter for its id. */
static void
add(struct found *found, enum found_side side, char id, const char *rule, const char *source,
    int64_t opened_us, int64_t last_us, uint64_t count)
{
    struct incident inc = { .rule_id = (char *)(uintptr_t)rule,
                            .rule_title = (char *)(uintptr_t)"A title",
                            .opened_us = opened_us, .last_seen_us = last_us, .count = count };
    struct err err;

    memset(inc.id, id, INCIDENT_ID_HEX - 1);
    inc.key_count = 1;
    inc.keys[0].field = (char *)(uintptr_t)"source_address";
    inc.keys[0].value = (char *)(uintptr_t)source;
    if (found_add(found, side, &inc, &err) != 0)
        fail_msg("%s", err.text);
}

static void
expect(struct found *found, const struct found_span *span, json_int_t same, json_int_t added,
       json_int_t gone, json_int_t changed)
{
    int differs = -1;
    json_t *json = found_compare(found, span, &differs);
    json_t *counts = json_object_get(json, "counts");

    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "same")), same);
    assert_int_equal(json_integer_value(json_object_get(counts, "added")), added);
    assert_int_equal(json_integer_value(json_object_get(counts, "gone")), gone);
    assert_int_equal(json_integer_value(json_object_get(counts, "changed")), changed);
    assert_int_equal(differs, added + gone + changed > 0);
    json_decref(json);
}

static void
what_both_sides_have_is_the_same(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    expect(*state, &all, 1, 0, 0, 0);
}

static void
an_incident_that_grows_is_one_with_its_last_numbers(void **state)
{
    add(*state, FOUND_AFTER, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'a', "r", "192.0.2.1", 0, 2 * MINUTE, 9);
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, 2 * MINUTE, 9);
    expect(*state, &all, 1, 0, 0, 0);
}

static void
another_event_that_opens_it_makes_no_other_incident(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'b', "r", "192.0.2.1", 10, MINUTE, 5);
    expect(*state, &all, 0, 0, 0, 1);
}

static void
another_count_is_a_change(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'a', "r", "192.0.2.1", 0, MINUTE, 6);
    expect(*state, &all, 0, 0, 0, 1);
}

static void
another_rule_or_key_or_time_is_another_incident(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'b', "s", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'c', "r", "192.0.2.2", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'd', "r", "192.0.2.1", 5 * HOUR, 6 * HOUR, 5);
    expect(*state, &all, 0, 3, 1, 0);
}

static void
of_two_that_are_near_those_that_meet_are_paired(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_BEFORE, 'b', "r", "192.0.2.1", 50 * MINUTE, 55 * MINUTE, 5);
    add(*state, FOUND_AFTER, 'c', "r", "192.0.2.1", 51 * MINUTE, 55 * MINUTE, 4);
    expect(*state, &all, 0, 0, 1, 1);
}

static void
two_that_do_not_quite_meet_are_one_that_changed(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, MINUTE, 5);
    add(*state, FOUND_AFTER, 'b', "r", "192.0.2.1", 2 * MINUTE, 3 * MINUTE, 5);
    expect(*state, &all, 0, 0, 0, 1);
}

static void
of_what_began_before_the_time_only_the_end_is_compared(void **state)
{
    static const struct found_span part = { HOUR, INT64_MAX, 0 };

    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, 2 * HOUR, 500);
    add(*state, FOUND_AFTER, 'b', "r", "192.0.2.1", HOUR - 1, 2 * HOUR, 5);
    add(*state, FOUND_BEFORE, 'c', "r", "192.0.2.2", 0, 3 * HOUR, 5);
    add(*state, FOUND_AFTER, 'd', "r", "192.0.2.2", HOUR - 1, 2 * HOUR, 5);
    add(*state, FOUND_BEFORE, 'e', "r", "192.0.2.3", 0, HOUR - 1, 5);
    expect(*state, &part, 1, 0, 0, 1);
}

static void
of_what_goes_on_after_the_time_only_the_beginning_is_compared(void **state)
{
    static const struct found_span part = { INT64_MIN, 2 * HOUR, 1 };

    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", HOUR, 2 * HOUR, 500);
    add(*state, FOUND_AFTER, 'a', "r", "192.0.2.1", HOUR, 9 * HOUR, 900);
    add(*state, FOUND_BEFORE, 'b', "r", "192.0.2.2", HOUR, 9 * HOUR, 5);
    add(*state, FOUND_AFTER, 'b', "r", "192.0.2.2", HOUR + 1, 9 * HOUR, 5);
    add(*state, FOUND_AFTER, 'c', "r", "192.0.2.3", 2 * HOUR, 9 * HOUR, 5);
    expect(*state, &part, 1, 0, 0, 1);
}

static void
what_is_left_out_is_no_difference(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "192.0.2.1", 0, 0, 1);
    add(*state, FOUND_AFTER, 'b', "r", "192.0.2.2", 0, 0, 1);
    add(*state, FOUND_AFTER, 'c', "rr", "192.0.2.2", 0, 0, 1);
    assert_int_equal(found_leave_out(*state, "r"), 2);
    expect(*state, &all, 0, 1, 0, 0);
}

/* Values come from events: what looks like two keys may be one. */
static void
a_key_that_quotes_another_is_not_that_one(void **state)
{
    add(*state, FOUND_BEFORE, 'a', "r", "x\",\"b\":\"y", 0, 0, 1);
    add(*state, FOUND_AFTER, 'b', "r", "x", 0, 0, 1);
    expect(*state, &all, 0, 1, 1, 0);
}

static void
more_than_are_listed_are_counted(void **state)
{
    int differs;
    json_t *json;

    for (int i = 0; i < FOUND_LISTED + 500; i++) {
        char source[32], id[INCIDENT_ID_HEX];
        struct incident inc = { .rule_id = (char *)(uintptr_t)"r", .key_count = 1 };
        struct err err;

        snprintf(source, sizeof(source), "10.0.%d.%d", i / 256, i % 256);
        snprintf(id, sizeof(id), "%032x", (unsigned)i);
        memcpy(inc.id, id, sizeof(id));
        inc.keys[0].field = (char *)(uintptr_t)"source_address";
        inc.keys[0].value = source;
        assert_int_equal(found_add(*state, FOUND_AFTER, &inc, &err), 0);
    }
    json = found_compare(*state, &all, &differs);
    assert_int_equal(json_array_size(json_object_get(json, "added")), FOUND_LISTED);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "counts"),
                                                        "added")), FOUND_LISTED + 500);
    json_decref(json);
}

static void
what_the_api_gives_is_checked(void **state)
{
    static const char *const wrong[] = {
        "1", "{}", "{\"id\":\"\"}",
        "{\"id\":\"a\",\"opened_at\":\"never\",\"last_seen\":\"2026-11-22T10:00:00Z\",\"key\":{}}",
        "{\"id\":\"a\",\"opened_at\":\"2026-11-22T10:00:00Z\",\"last_seen\":\"2026-11-22T10:00:00Z\","
        "\"key\":[]}",
        "{\"id\":\"0123456789012345678901234567890123456789\",\"opened_at\":\"2026-11-22T10:00:00Z\","
        "\"last_seen\":\"2026-11-22T10:00:00Z\",\"key\":{}}",
    };
    struct err err;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *json = json_loads(wrong[i], JSON_DECODE_ANY, NULL);

        assert_non_null(json);
        assert_int_equal(found_add_json(*state, FOUND_BEFORE, json, &err), -1);
        json_decref(json);
    }
    assert_int_equal(found_add_json(*state, FOUND_BEFORE, NULL, &err), -1);
    expect(*state, &all, 0, 0, 0, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_found, close_found)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_both_sides_have_is_the_same),
        TEST(an_incident_that_grows_is_one_with_its_last_numbers),
        TEST(another_event_that_opens_it_makes_no_other_incident),
        TEST(another_count_is_a_change),
        TEST(another_rule_or_key_or_time_is_another_incident),
        TEST(of_two_that_are_near_those_that_meet_are_paired),
        TEST(two_that_do_not_quite_meet_are_one_that_changed),
        TEST(of_what_began_before_the_time_only_the_end_is_compared),
        TEST(of_what_goes_on_after_the_time_only_the_beginning_is_compared),
        TEST(what_is_left_out_is_no_difference),
        TEST(a_key_that_quotes_another_is_not_that_one),
        TEST(more_than_are_listed_are_counted),
        TEST(what_the_api_gives_is_checked),
    };

    return cmocka_run_group_tests_name("found", tests, NULL, NULL);
}
