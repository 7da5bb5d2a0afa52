/*
 * test_engine_first.c - rules that match only what was not seen before
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_case.h"

#define DAY (24 * HOUR)
#define RULES(fields, more) \
    "title: First sudo\nid: first\nname: first\nlevel: medium\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: sudo}, condition: s}\n" \
    "bongsu: {summary: '{username} has never used sudo', first_seen:" \
    " {fields: " fields ", within: 30d" more "}}\n" \
    "---\n" \
    "title: Failed\nid: failed\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: login_failed}, condition: s}\n" \
    "---\n" \
    "title: Flood\nid: flood\n" \
    "correlation: {type: event_count, rules: failed, group-by: [source_address]," \
    " timespan: 5m, condition: {gte: 1000}}\n"

static const char plain[] = RULES("[username, host.name]", "");
static const char learning[] = RULES("[username, host.name]", ", learn: 7d");

static int
set_up(void **state)
{
    struct engine_options options = engine_case_options();

    *state = calloc(1, sizeof(struct engine_case));
    engine_case_open(*state, plain, &options);
    return 0;
}

static void
reopen(struct engine_case *fix, const char *rules)
{
    struct engine_options options = engine_case_options();

    engine_case_close(fix);
    engine_case_open(fix, rules, &options);
}

/* What a checkpoint keeps, and the engine again from it, by these rules. */
static void
restart(struct engine_case *fix, const char *rules)
{
    struct row_store *store = calloc(1, sizeof(*store));

    row_store_save(store, fix);
    reopen(fix, rules);
    row_store_restore(store, fix);
    engine_settle(fix->engine);
    row_store_destroy(&store);
}

static void
sudo_keyed(struct engine_case *fix, const char *user, const char *host, int64_t at_us,
           const char *key)
{
    struct event ev = engine_case_event(fix, "sudo", "192.0.2.1", at_us);
    struct extra extra = { .name = text_of("host.name"), .value = value_text(text_of(host)) };

    ev.known[EVENT_USERNAME] = value_text(text_of(user));
    ev.extras = &extra;
    ev.extra_count = 1;
    if (key != NULL) {
        ev.is_keyed = 1;
        ev.id = event_id_keyed(text_of("k"), text_of(key));
    }
    engine_case_judge(fix, &ev);
}

static void
sudo(struct engine_case *fix, const char *user, const char *host, int64_t at_us)
{
    sudo_keyed(fix, user, host, at_us, NULL);
}

static void
only_the_first_of_each_matches_and_its_fields_are_the_key(void **state)
{
    struct engine_case *fix = *state;
    struct seen seen;

    sudo(fix, "alice", "web1", START);
    seen = engine_case_incidents(fix);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.key, "alice");
    assert_int_equal(seen.incident.key_count, 2);
    assert_string_equal(seen.summary, "alice has never used sudo");
    sudo(fix, "ALICE", "web1", START + SEC(1));
    sudo(fix, "alice", "web1", START + DAY);
    assert_int_equal(engine_case_incidents(fix).total, 1);
    sudo(fix, "alice", "web2", START + DAY);
    sudo(fix, "bob", "web1", START + DAY);
    seen = engine_case_incidents(fix);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.total, 3);
}

static void
what_was_not_seen_for_long_is_new_again(void **state)
{
    struct engine_case *fix = *state;

    sudo(fix, "alice", "web1", START);
    sudo(fix, "alice", "web1", START + 30 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 1);
    sudo(fix, "alice", "web1", START + 60 * DAY + 1);
    assert_int_equal(engine_case_incidents(fix).count, 2);
}

static void
repeats_and_another_order_of_coming_make_one(void **state)
{
    struct engine_case *fix = *state;

    for (int i = 0; i < 2; i++) {
        sudo_keyed(fix, "alice", "web1", START + SEC(60), "1");
        sudo_keyed(fix, "alice", "web1", START, "2");
        sudo_keyed(fix, "alice", "web1", START + SEC(30), "3");
    }
    assert_int_equal(engine_case_incidents(fix).total, 1);
}

static void
event_that_lacks_a_field_is_counted_as_such(void **state)
{
    struct engine_case *fix = *state;
    struct event ev = engine_case_event(fix, "sudo", "192.0.2.1", START);

    engine_case_judge(fix, &ev);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_no_key_total"), 1);
}

static void
learning_begins_with_the_stream_and_only_remembers(void **state)
{
    struct engine_case *fix = *state;

    reopen(fix, learning);
    engine_case_fail_login(fix, "192.0.2.9", 1, START);     /* the stream begins */
    sudo(fix, "alice", "web1", START + 7 * DAY - 1);
    restart(fix, learning);
    sudo(fix, "carol", "web1", START - 90 * DAY);           /* from an older log */
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_learnt_total"), 1);
    sudo(fix, "alice", "web1", START + 7 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    sudo(fix, "bob", "web1", START + 7 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 1);
}

/* Also when that is longer ago than anything is remembered. */
static void
what_has_learnt_learns_only_once(void **state)
{
    struct engine_case *fix = *state;

    reopen(fix, learning);
    sudo(fix, "alice", "web1", START);
    for (int day = 1; day < 90; day++)
        engine_case_fail_login(fix, "192.0.2.9", 1, START + day * DAY);
    restart(fix, learning);
    sudo(fix, "bob", "web1", START + 90 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 1);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_learnt_total"), 0);
}

static void
restart_keeps_what_was_seen_but_not_under_other_fields(void **state)
{
    struct engine_case *fix = *state;

    sudo(fix, "alice", "web1", START);
    restart(fix, plain);
    sudo(fix, "alice", "web1", START + SEC(1));
    assert_int_equal(engine_case_incidents(fix).count, 0);
    restart(fix, RULES("[host.name, username]", ""));
    sudo(fix, "web1", "alice", START + SEC(2));
    assert_int_equal(engine_case_incidents(fix).count, 1);
}

static void
flood_of_other_keys_wipes_no_memory_and_memory_is_bounded(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case *fix = *state;
    char name[32];

    options.max_keys = 100;
    engine_case_close(fix);
    engine_case_open(fix, learning, &options);
    sudo(fix, "alice", "web1", START);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "198.51.%d.%d", i / 250, i % 250);
        engine_case_fail_login(fix, name, 1, START + SEC(1));
    }
    sudo(fix, "alice", "web1", START + 8 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        sudo(fix, name, "web1", START + 8 * DAY);
    }
    assert_true(engine_numbers(fix->engine).keys <= 100);
    assert_true(engine_case_counter(fix, "bongsu_detector_seen_evicted_total") > 900);
    restart(fix, learning);             /* the start of the stream was not evicted */
    sudo(fix, "zoe", "web1", START + 8 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 1);
}

static void
correlation_of_a_first_sees_only_firsts(void **state)
{
    static const char tail[] =
        "---\ntitle: Two\nid: two\n"
        "correlation: {type: event_count, rules: first, group-by: [host.name],"
        " timespan: 1h, condition: {gte: 2}}\n";
    struct engine_case *fix = *state;
    char rules[2000];

    snprintf(rules, sizeof(rules), "%s%s", plain, tail);
    reopen(fix, rules);
    for (int i = 0; i < 3; i++)
        sudo(fix, "alice", "web1", START + SEC(i));
    assert_int_equal(engine_case_incidents(fix).count, 0);
    sudo(fix, "bob", "web1", START + SEC(4));
    assert_int_equal(engine_case_incidents(fix).total, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_first_of_each_matches_and_its_fields_are_the_key),
        TEST(what_was_not_seen_for_long_is_new_again),
        TEST(repeats_and_another_order_of_coming_make_one),
        TEST(event_that_lacks_a_field_is_counted_as_such),
        TEST(learning_begins_with_the_stream_and_only_remembers),
        TEST(what_has_learnt_learns_only_once),
        TEST(restart_keeps_what_was_seen_but_not_under_other_fields),
        TEST(flood_of_other_keys_wipes_no_memory_and_memory_is_bounded),
        TEST(correlation_of_a_first_sees_only_firsts),
    };

    return cmocka_run_group_tests_name("engine_first", tests, NULL, NULL);
}
