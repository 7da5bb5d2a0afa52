#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "tests/support/engine_case.h"

static void
opens_one_incident_and_tells_who_what_and_how_often(void **state)
{
    struct engine_case *fix = *state;
    struct seen seen;

    for (int i = 0; i < 4; i++)
        engine_case_fail_login(fix, "192.0.2.1", 1, START + SEC(i));
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_false(engine_is_urgent(fix->engine));
    engine_case_fail_login(fix, "192.0.2.1", 3, START + SEC(64));
    seen = engine_case_incidents(fix);
    assert_int_equal(seen.count, 1);
    assert_true(engine_is_urgent(fix->engine));
    assert_int_equal(seen.incident.count, 7);
    assert_int_equal(seen.incident.evidence_count, 5);
    assert_int_equal(seen.incident.evidence[0].id.bytes[19], 1);
    assert_int_equal(seen.incident.evidence[0].day, timestamp_utc_day(START));
    assert_int_equal(seen.incident.severity, SEVERITY_HIGH);
    assert_int_equal(seen.incident.opened_us, START + SEC(64));
    assert_int_equal(seen.incident.last_seen_us, START + SEC(64));
    assert_int_equal(seen.incident.newest_received_us, START + SEC(64));
    assert_string_equal(seen.key, "192.0.2.1");
    assert_string_equal(seen.summary, "192.0.2.1 failed 7 times in 64 seconds");
}

static void
incident_id_is_of_rule_key_and_opening_event(void **state)
{
    struct engine_case *fix = *state, other = { 0 };
    struct engine_options options = engine_case_options();
    struct seen seen, again;
    char expected[INCIDENT_ID_HEX];
    unsigned char id[HASH_ID_LEN];
    struct event_id opener = event_id_make(1, 1, 1);
    const struct text parts[] = { text_of("brute"), text_of("009:192.0.2.1"),
                                  { (const char *)opener.bytes, opener.len } };

    hash_id(parts, 3, id);
    hash_to_hex(id, sizeof(id), expected);
    engine_case_fail_login(fix, "192.0.2.1", 9, START);
    seen = engine_case_incidents(fix);
    assert_string_equal(seen.id, expected);
    engine_case_open(&other, engine_case_rules, &options);
    engine_case_fail_login(&other, "192.0.2.1", 9, START);
    again = engine_case_incidents(&other);
    assert_string_equal(again.id, seen.id);
    engine_case_close(&other);
}

static void
incident_goes_on_within_an_hour_and_then_a_new_one_opens(void **state)
{
    struct engine_case *fix = *state;
    struct seen first, second;

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    first = engine_case_incidents(fix);
    engine_case_fail_login(fix, "192.0.2.1", 5, START + HOUR);
    second = engine_case_incidents(fix);
    assert_int_equal(second.count, 1);
    assert_string_equal(first.id, second.id);
    assert_int_equal(second.incident.count, 10);
    engine_case_fail_login(fix, "192.0.2.1", 5, START + 2 * HOUR + 1);
    second = engine_case_incidents(fix);
    assert_int_equal(second.count, 2);
    assert_int_equal(second.total, 15);
}

/* As the scan in web-attacks/acunetix.txt: told once at once, then with each
 * checkpoint as it grows, which is no matter for Slack. */
static void
scan_is_one_incident_for_each_rule_and_its_figures_go_on(void **state)
{
    static const char rules[] =
        "title: Request\nid: request\nlogsource: {product: x}\n"
        "detection: {s: {event_type: http_request}, condition: s}\n"
        "---\n"
        "title: Scan\nid: scan\nlevel: medium\nbongsu: {summary: '{count|request|requests}"
        " since {since}'}\n"
        "correlation: {type: event_count, rules: request, group-by: [source_address],"
        " timespan: 1m, condition: {gte: 50}}\n"
        "---\n"
        "title: Lone\nid: lone\nlevel: low\nlogsource: {product: x}\n"
        "detection: {s: {event_type: http_request}, condition: s}\n";
    struct engine_options options = engine_case_options();
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));
    size_t told = 0, urgent = 0;
    struct seen seen = { 0 };

    engine_case_close(fix);
    options.max_entries = 500;
    engine_case_open(fix, rules, &options);
    for (int i = 0; i < 6539; i++) {
        struct event ev = engine_case_event(fix, "http_request", "203.0.113.9",
                                            START + SEC(i) / 10);

        engine_case_judge(fix, &ev);
        urgent += engine_is_urgent(fix->engine) != 0;
        if (i % 100 == 49 || i == 6538) {
            seen = engine_case_incidents(fix);
            told += seen.count;
            row_store_save(store, fix);
        }
    }
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_incidents_total"), 2);
    assert_int_equal(urgent, 50);               /* till the first checkpoint, then never */
    assert_int_equal(told, 2 * 66);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.total, 2 * 6539);
    assert_int_equal(seen.incident.last_seen_us, START + SEC(6538) / 10);
    row_store_destroy(&store);
}

static void
only_changed_incidents_are_told_again(void **state)
{
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    engine_case_fail_login(fix, "192.0.2.2", 5, START);
    row_store_save(store, fix);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_false(engine_is_urgent(fix->engine));
    engine_case_fail_login(fix, "192.0.2.2", 1, START + SEC(1));
    assert_int_equal(engine_case_incidents(fix).count, 1);
    assert_false(engine_is_urgent(fix->engine));
    row_store_destroy(&store);
}

static void
rule_without_a_window_is_keyed_by_source_else_user_else_itself(void **state)
{
    struct engine_case *fix = *state;
    struct event ev = engine_case_event(fix, "alarm", "Host-A", START);
    struct seen seen;

    ev.known[EVENT_USERNAME] = value_text(text_of("alice"));
    engine_case_judge(fix, &ev);
    seen = engine_case_incidents(fix);
    assert_string_equal(seen.key, "host-a");
    assert_string_equal(seen.summary, "Alarm: host-a (1 event)");
    ev = engine_case_event(fix, "alarm", NULL, START);
    ev.known[EVENT_USERNAME] = value_text(text_of("alice"));
    engine_case_judge(fix, &ev);
    ev = engine_case_event(fix, "alarm", NULL, START);
    engine_case_judge(fix, &ev);
    ev = engine_case_event(fix, "alarm", NULL, START + SEC(5));
    ev.known[EVENT_COUNT] = value_int(50);      /* an event is one, whatever it counts */
    engine_case_judge(fix, &ev);
    seen = engine_case_incidents(fix);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.total, 4);
}

static void
repeat_of_a_keyed_event_changes_neither_windows_nor_lone_rules(void **state)
{
    struct engine_case *fix = *state;
    struct event ev = engine_case_event(fix, "alarm", "192.0.2.1", START);
    struct event failed = engine_case_event(fix, "login_failed", "192.0.2.1", START);

    ev.is_keyed = failed.is_keyed = 1;
    ev.id = event_id_keyed(text_of("k"), text_of("1"));
    failed.id = event_id_keyed(text_of("k"), text_of("2"));
    failed.known[EVENT_COUNT] = value_int(4);
    for (int i = 0; i < 3; i++) {
        engine_case_judge(fix, &ev);
        engine_case_judge(fix, &failed);
    }
    assert_int_equal(engine_case_incidents(fix).count, 1);
    assert_int_equal(engine_case_incidents(fix).total, 1);
    /* six events repeated: two by the alarm, two in each of two windows at most */
    assert_true(engine_case_counter(fix, "bongsu_detector_repeats_total") >= 4);
    ev.received_us += 25 * HOUR;        /* forgotten by now */
    engine_case_judge(fix, &ev);
    assert_int_equal(engine_case_incidents(fix).total, 2);
}

static void
groups_need_all_their_fields_and_count_distinct_values(void **state)
{
    struct engine_case *fix = *state;
    static const char *const users[] = { "alice", "Alice", "bob", "carol" };
    struct seen seen;

    for (size_t i = 0; i < 4; i++) {
        struct event ev = engine_case_event(fix, "login_failed", "192.0.2.1",
                                            START + SEC(i));

        ev.known[EVENT_USERNAME] = value_text(text_of(users[i]));
        ev.known[EVENT_COUNT] = value_int(0);
        engine_case_judge(fix, &ev);        /* no service: not grouped */
        assert_int_equal(event_add_extra(&ev, text_of("service"),
                                         value_text(text_of("ssh"))), 0);
        ev.id = event_id_make(1, 2, i);
        engine_case_judge(fix, &ev);
        event_release(&ev);
    }
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_no_key_total"), 4);
    seen = engine_case_incidents(fix);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.incident.count, 4);
    assert_int_equal(seen.incident.key_count, 2);
}

/* Lines of a file, a minute apart, so that the windows have long passed the first
 * when the file comes again. */
static void
send_file(struct engine_case *fix, int64_t received_us)
{
    for (int i = 0; i < 100; i++) {
        struct event ev = engine_case_event(fix, "login_failed", "192.0.2.1",
                                            START + SEC(60 * i));
        char key[16];

        snprintf(key, sizeof(key), "f:%d", i);
        ev.is_keyed = 1;
        ev.id = event_id_keyed(text_of("k"), text_of(key));
        ev.received_us = received_us + i;
        ev.known[EVENT_COUNT] = value_int(1);
        engine_case_judge(fix, &ev);
    }
}

static void
a_file_that_is_sent_again_is_not_late(void **state)
{
    struct engine_case *fix = *state;
    struct engine_late late[20];
    uint64_t repeats;

    send_file(fix, START + 24 * HOUR);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_late_events_total"), 0);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_repeats_total"), 0);
    for (int i = 0; i < 2; i++) {
        repeats = engine_case_counter(fix, "bongsu_detector_repeats_total");
        send_file(fix, START + (25 + i) * HOUR);
        assert_true(engine_case_counter(fix, "bongsu_detector_repeats_total") >= repeats + 100);
    }
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_late_events_total"), 0);
    assert_int_equal(engine_late_sources(fix->engine, late, 20), 0);
}

static void
a_late_event_that_its_client_named_is_counted_late_once(void **state)
{
    struct engine_case *fix = *state;

    send_file(fix, START + 24 * HOUR);
    for (int i = 0; i < 3; i++) {
        struct event ev = engine_case_event(fix, "login_failed", "192.0.2.1", START);

        ev.is_keyed = 1;
        ev.id = event_id_keyed(text_of("k"), text_of("another"));
        ev.received_us = START + 25 * HOUR;
        engine_case_judge(fix, &ev);
    }
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_late_events_total"), 1);
}

static void
late_events_are_counted_by_who_sent_them(void **state)
{
    struct engine_case *fix = *state;
    struct engine_late late[20];
    struct event ev;

    engine_case_fail_login(fix, "192.0.2.1", 1, START);
    for (int i = 0; i < 3; i++) {
        ev = engine_case_event(fix, "login_failed", "192.0.2.1", START - SEC(301));
        ev.received_us = START;
        ev.known[EVENT_COUNT] = value_int(50);
        ev.known[EVENT_RECEIVED_FROM] =
            value_text(text_of(i == 0 ? "10.0.0.1" : "10.0.0.2"));
        engine_case_judge(fix, &ev);
    }
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_late_events_total"), 3);
    assert_int_equal(engine_late_sources(fix->engine, late, 20), 2);
    assert_true(text_is(late[0].source, "10.0.0.2"));
    assert_int_equal(late[0].events, 2);
    assert_int_equal(engine_late_sources(fix->engine, late, 1), 1);
}

static void
keys_are_dropped_when_received_time_has_passed_and_told_as_gone(void **state)
{
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));

    engine_case_fail_login(fix, "192.0.2.1", 1, START);
    row_store_save(store, fix);
    assert_int_equal(row_store_kept(store), 1);
    engine_case_fail_login(fix, "192.0.2.2", 1, START + HOUR + SEC(300));
    row_store_save(store, fix);
    assert_int_equal(row_store_kept(store), 2);
    engine_case_fail_login(fix, "192.0.2.3", 1, START + HOUR + SEC(301));
    row_store_save(store, fix);
    assert_int_equal(row_store_kept(store), 2);
    row_store_destroy(&store);
}

/* What the rules say that they have lost. */
static uint64_t
all_keys_lost(const struct engine *engine)
{
    struct engine_loss loss;
    uint64_t keys = 0;

    for (size_t i = 0; engine_loss(engine, i, &loss); i++)
        keys += loss.keys;
    return keys;
}

static void
longest_untouched_key_goes_when_there_are_too_many(void **state)
{
    struct engine_case fix = { 0 };
    struct engine_options options = engine_case_options();
    char source[32];

    (void)state;
    options.max_keys = 100;
    engine_case_open(&fix, engine_case_rules, &options);
    for (int i = 0; i < 1000; i++) {
        snprintf(source, sizeof(source), "10.0.%d.%d", i / 256, i % 256);
        engine_case_fail_login(&fix, source, 1, START + i);
        if (i % 50 == 0)
            engine_case_fail_login(&fix, "192.0.2.1", 1, START + i);
    }
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_keys_evicted_total"),
                     901);
    assert_int_equal(*metrics_number(fix.metrics, METRIC_GAUGE, "bongsu_detector_keys",
                                     "", ""),
                     100);
    /* the key under attack survived the flood */
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    assert_int_equal(engine_case_incidents(&fix).total, 20);
    assert_int_equal(all_keys_lost(fix.engine), 901);
    engine_case_close(&fix);
}

static void
key_under_attack_outlives_any_flood_of_keys_that_come_once(void **state)
{
    struct engine_case fix = { 0 };
    struct engine_options options = engine_case_options();
    char source[32];

    (void)state;
    options.max_keys = 100;
    engine_case_open(&fix, engine_case_rules, &options);
    for (int i = 0; i < 5000; i++) {
        snprintf(source, sizeof(source), "10.0.%d.%d", i / 256, i % 256);
        engine_case_fail_login(&fix, source, 1, START + i);
        if (i == 0 || i == 50 || i == 4999)
            engine_case_fail_login(&fix, "192.0.2.1", 2, START + i);
    }
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    assert_int_equal(engine_case_incidents(&fix).total, 6);
    engine_case_close(&fix);
}

static void
all_windows_together_are_bounded(void **state)
{
    struct engine_case fix = { 0 };
    struct engine_options options = engine_case_options();
    struct engine_numbers numbers;
    char source[32];

    (void)state;
    options.max_total_entries = 1000;
    engine_case_open(&fix, engine_case_rules, &options);
    for (int i = 0; i < 6000; i++) {
        snprintf(source, sizeof(source), "10.0.0.%d", i / 3 % 2000 / 10);
        engine_case_fail_login(&fix, i % 6 == 0 ? source : "192.0.2.1", 1, START + i);
        assert_true(engine_numbers(fix.engine).entries <= 1000);
    }
    numbers = engine_numbers(fix.engine);
    assert_true(numbers.entries > 0);
    for (int i = 0; i < 2000; i++) {
        snprintf(source, sizeof(source), "10.1.%d.%d", i / 250, i % 250);
        engine_case_fail_login(&fix, source, 1, START + SEC(1) + i);
    }
    numbers = engine_numbers(fix.engine);
    assert_int_equal(numbers.entries, 1000);
    assert_true(numbers.keys_evicted >= 1000);
    assert_true(numbers.entries_evicted >= numbers.keys_evicted);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_entries_evicted_total"),
                     numbers.entries_evicted);
    engine_case_close(&fix);
}

/* However small the limits are, a rule whose threshold is above them works. */
static void
rule_with_a_high_threshold_can_reach_it(void **state)
{
    static const char *const rules =
        "title: F\nid: f\nlogsource: {product: x}\n"
        "detection: {s: {event_type: login_failed}, condition: s}\n"
        "---\ntitle: Many\nid: many\n"
        "correlation: {type: event_count, rules: f, group-by: [source_address],\n"
        "  timespan: 1m, condition: {gte: 2000}}\n";
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };

    (void)state;
    options.max_entries = 16;
    options.max_total_entries = 20000;
    engine_case_open(&fix, rules, &options);
    for (int i = 0; i < 1999; i++)
        engine_case_fail_login(&fix, "192.0.2.1", 1, START + i);
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    engine_case_fail_login(&fix, "192.0.2.1", 1, START + SEC(60));
    assert_int_equal(engine_case_incidents(&fix).incident.count, 2000);
    engine_case_close(&fix);
}

static void
incident_of_a_key_that_is_dropped_is_still_told(void **state)
{
    struct engine_case *fix = *state;

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    engine_case_fail_login(fix, "192.0.2.2", 1, START + 3 * HOUR);
    assert_int_equal(engine_case_incidents(fix).count, 1);
    assert_string_equal(engine_case_incidents(fix).key, "192.0.2.1");
}

static void
backfill_and_live_events_of_a_key_do_not_share_an_incident(void **state)
{
    struct engine_case *fix = *state;

    for (int i = 0; i < 20; i++) {
        struct event now = engine_case_event(fix, "alarm", "192.0.2.1", START + SEC(i));
        struct event then = engine_case_event(fix, "alarm", "192.0.2.1",
                                              START - 48 * HOUR + SEC(i));

        then.received_us = START + SEC(i);
        engine_case_judge(fix, &now);
        engine_case_judge(fix, &then);
    }
    assert_int_equal(engine_case_incidents(fix).count, 2);
    assert_int_equal(engine_case_incidents(fix).total, 40);
}

static void
state_that_was_lost_marks_incidents_incomplete(void **state)
{
    struct engine_case *fix = *state;

    engine_set_incomplete_until(fix->engine, START + SEC(100));
    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    assert_true(engine_case_incidents(fix).incident.is_incomplete);
    engine_case_fail_login(fix, "192.0.2.1", 5, START + 2 * HOUR);
    assert_int_equal(engine_case_incidents(fix).count, 2);
    assert_false(engine_case_incidents(fix).incident.is_incomplete);
}

static void
long_and_odd_keys_stay_bounded_and_valid_utf8(void **state)
{
    struct engine_case *fix = *state;
    struct buf name = { 0 };
    struct event ev;
    struct seen seen;

    for (int i = 0; i < 100000; i++)
        buf_append_str(&name, i % 2 == 0 ? "봉" : "x");
    for (int i = 0; i < 2; i++) {
        ev = engine_case_event(fix, "alarm", NULL, START);
        ev.known[EVENT_USERNAME] = value_text(buf_text(&name));
        engine_case_judge(fix, &ev);
        buf_append_char(&name, 'y');    /* the same beginning, another name */
    }
    seen = engine_case_incidents(fix);
    assert_int_equal(seen.count, 2);
    assert_true(strlen(seen.key) < 300);
    assert_true(text_is_utf8(text_of(seen.key)));
    buf_release(&name);
}

static void
event_of_an_impossible_time_is_refused(void **state)
{
    struct engine_case *fix = *state;
    struct event ev = engine_case_event(fix, "alarm", "192.0.2.1", INT64_MAX);
    struct err err = { "" };

    assert_int_equal(engine_judge(fix->engine, &ev, 1, &err), -1);
    assert_non_null(strstr(err.text, "time"));
    assert_int_equal(engine_case_incidents(fix).count, 0);
}

/* Rules without group-by have one window for everything. */
static void
rule_without_a_group_has_one_window(void **state)
{
    static const char *const rules =
        "title: F\nid: f\nlogsource: {product: x}\n"
        "detection: {s: {event_type: login_failed}, condition: s}\n"
        "---\ntitle: Any\nid: any\n"
        "correlation: {type: event_count, rules: f, timespan: 1m, condition: {gt: 2}}\n";
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };

    (void)state;
    engine_case_open(&fix, rules, &options);
    engine_case_fail_login(&fix, "192.0.2.1", 1, START);
    engine_case_fail_login(&fix, "192.0.2.2", 1, START);
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    engine_case_fail_login(&fix, "192.0.2.3", 1, START + SEC(60));
    assert_int_equal(engine_case_incidents(&fix).incident.count, 3);
    assert_int_equal(engine_case_incidents(&fix).incident.key_count, 0);
    engine_case_close(&fix);
}

#define TEST(f) \
    cmocka_unit_test_setup_teardown(f, engine_case_set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_one_incident_and_tells_who_what_and_how_often),
        TEST(incident_id_is_of_rule_key_and_opening_event),
        TEST(incident_goes_on_within_an_hour_and_then_a_new_one_opens),
        TEST(scan_is_one_incident_for_each_rule_and_its_figures_go_on),
        TEST(only_changed_incidents_are_told_again),
        TEST(rule_without_a_window_is_keyed_by_source_else_user_else_itself),
        TEST(repeat_of_a_keyed_event_changes_neither_windows_nor_lone_rules),
        TEST(groups_need_all_their_fields_and_count_distinct_values),
        TEST(a_file_that_is_sent_again_is_not_late),
        TEST(a_late_event_that_its_client_named_is_counted_late_once),
        TEST(late_events_are_counted_by_who_sent_them),
        TEST(keys_are_dropped_when_received_time_has_passed_and_told_as_gone),
        TEST(longest_untouched_key_goes_when_there_are_too_many),
        TEST(key_under_attack_outlives_any_flood_of_keys_that_come_once),
        TEST(all_windows_together_are_bounded),
        TEST(rule_with_a_high_threshold_can_reach_it),
        TEST(incident_of_a_key_that_is_dropped_is_still_told),
        TEST(backfill_and_live_events_of_a_key_do_not_share_an_incident),
        TEST(state_that_was_lost_marks_incidents_incomplete),
        TEST(long_and_odd_keys_stay_bounded_and_valid_utf8),
        TEST(event_of_an_impossible_time_is_refused),
        TEST(rule_without_a_group_has_one_window),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
