/*
 * test_engine_chain.c - sequences of rules, also of correlations, in any order of coming
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/engine_case.h"
#include "tests/support/random_number.h"

#define DETECTION(id, type) \
    "title: " id "\nid: " id "\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: " type "}, condition: s}\n---\n"

/* "entered" is success after failures; "kit" three things in any order, one of
 * which calls the host otherwise; "deep" refers to a sequence. */
static const char rules[] =
    DETECTION("failed", "login_failed")
    DETECTION("success", "login_success")
    DETECTION("upload", "upload")
    DETECTION("shell", "shell")
    "title: Brute\nid: brute\nlevel: high\nbongsu: {alert: true}\n"
    "correlation: {type: value_sum, rules: failed, group-by: [source_address], timespan: 5m,\n"
    "  condition: {field: count, gte: 5}}\n"
    "---\n"
    "title: Entered\nid: entered\nlevel: critical\nbongsu: {alert: true}\n"
    "correlation: {type: temporal_ordered, rules: [brute, success],\n"
    "  group-by: [source_address], timespan: 10m}\n"
    "---\n"
    "title: Kit\nid: kit\nlevel: high\n"
    "correlation: {type: temporal, rules: [upload, shell, success], group-by: [host],\n"
    "  aliases: {host: {upload: host.name, shell: server, success: host.name}},\n"
    "  timespan: 1m}\n"
    "---\n"
    "title: Deep\nid: deep\nlevel: critical\n"
    "correlation: {type: temporal_ordered, rules: [entered, shell], group-by: [from],\n"
    "  aliases: {from: {entered: source_address, shell: source_address}}, timespan: 30m}\n";

static int
set_up(void **state)
{
    struct engine_options options = engine_case_options();

    *state = calloc(1, sizeof(struct engine_case));
    engine_case_open(*state, rules, &options);
    return 0;
}

static int
merge_incident(void *ctx, const struct incident *inc)
{
    char name[400];

    snprintf(name, sizeof(name), "%s %s", inc->rule_id,
             inc->key_count > 0 ? inc->keys[0].value : "");
    json_object_set_new(ctx, name,
                        json_pack("[I,I,I,I]", (json_int_t)inc->count,
                                  (json_int_t)inc->opened_us,
                                  (json_int_t)inc->last_seen_us,
                                  (json_int_t)inc->evidence_count));
    return 0;
}

/* {"rule key": [count, opened, last seen, how many are evidence]} of what changed. */
static json_t *
incidents(struct engine_case *fix)
{
    json_t *all = json_object();

    assert_int_equal(engine_incidents(fix->engine, SIZE_MAX, merge_incident, all), 0);
    return all;
}

/* The one incident of a rule, or NULL. */
static json_t *
one_of(json_t *all, const char *name)
{
    return json_object_get(all, name);
}

static json_int_t
number(json_t *incident, size_t i)
{
    return json_integer_value(json_array_get(incident, i));
}

static void
send_from(struct engine_case *fix, const char *type, const char *source, int64_t at_us)
{
    struct event ev = engine_case_event(fix, type, source, at_us);

    engine_case_judge(fix, &ev);
}

static void
success_after_failures_is_found_with_the_events_of_both(void **state)
{
    struct engine_case *fix = *state;
    json_t *all;

    for (int i = 0; i < 6; i++)
        send_from(fix, "login_failed", "192.0.2.1", START + SEC(i));
    all = incidents(fix);
    assert_int_equal(json_object_size(all), 1);
    assert_non_null(one_of(all, "brute 192.0.2.1"));
    json_decref(all);
    send_from(fix, "login_success", "192.0.2.1", START + SEC(60));
    all = incidents(fix);
    assert_int_equal(json_object_size(all), 2);
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 0), 7);
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 1), START + SEC(60));
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 3), 7);
    json_decref(all);
}

static void
order_key_and_span_matter_and_both_ends_count(void **state)
{
    static const struct { const char *source; int64_t at_s; int is_found; } rows[] = {
        { "192.0.2.1", 3, 0 },          /* before the fifth failure */
        { "192.0.2.1", 4, 1 },          /* at its second */
        { "192.0.2.1", 604, 1 },
        { "192.0.2.1", 605, 0 },
        { "192.0.2.2", 60, 0 },         /* somebody else */
    };
    struct engine_options options = engine_case_options();

    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct engine_case fix = { 0 };
        json_t *all;

        engine_case_open(&fix, rules, &options);
        for (int i = 0; i < 5; i++)
            send_from(&fix, "login_failed", "192.0.2.1", START + SEC(i));
        send_from(&fix, "login_success", rows[r].source, START + SEC(rows[r].at_s));
        all = incidents(&fix);
        assert_int_equal(one_of(all, "entered 192.0.2.1") != NULL, rows[r].is_found);
        assert_null(one_of(all, "entered 192.0.2.2"));
        json_decref(all);
        engine_case_close(&fix);
    }
}

static void
failure_that_comes_late_completes_a_sequence(void **state)
{
    struct engine_case *fix = *state;
    json_t *all;

    for (int i = 0; i < 4; i++)
        send_from(fix, "login_failed", "192.0.2.1", START + SEC(i));
    send_from(fix, "login_success", "192.0.2.1", START + SEC(60));
    send_from(fix, "login_failed", "192.0.2.1", START + SEC(200));   /* after it: no matter */
    all = incidents(fix);
    assert_null(one_of(all, "entered 192.0.2.1"));
    json_decref(all);
    send_from(fix, "login_failed", "192.0.2.1", START + SEC(30));
    all = incidents(fix);
    /* five failures, the success, and the failure that came after it */
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 0), 7);
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 1), START + SEC(60));
    json_decref(all);
}

static void
send_host(struct engine_case *fix, const char *type, const char *field, const char *host,
          int64_t at_us)
{
    struct event ev = engine_case_event(fix, type, "192.0.2.1", at_us);
    struct extra extra = { .name = text_of(field), .value = value_text(text_of(host)) };

    ev.extras = &extra;
    ev.extra_count = 1;
    engine_case_judge(fix, &ev);
}

static void
temporal_wants_all_in_any_order_under_the_names_of_each(void **state)
{
    struct engine_case *fix = *state;
    json_t *all;

    send_host(fix, "shell", "server", "WEB1", START);
    send_host(fix, "upload", "server", "web1", START + SEC(1));     /* not its name */
    send_host(fix, "login_success", "host.name", "web1", START + SEC(2));
    all = incidents(fix);
    assert_int_equal(json_object_size(all), 0);
    json_decref(all);
    send_host(fix, "upload", "host.name", "web1", START + SEC(60));
    all = incidents(fix);
    assert_int_equal(number(one_of(all, "kit web1"), 0), 3);
    json_decref(all);
    send_host(fix, "shell", "server", "web2", START + SEC(100));
    send_host(fix, "login_success", "host.name", "web2", START + SEC(101));
    send_host(fix, "upload", "host.name", "web2", START + SEC(161));
    all = incidents(fix);
    assert_null(one_of(all, "kit web2"));
    json_decref(all);
}

static void
sequence_of_sequences_keeps_evidence_for_each_step(void **state)
{
    struct engine_case *fix = *state;
    struct event shell;
    json_t *all;

    for (int i = 0; i < 300; i++)
        send_from(fix, "login_failed", "192.0.2.1", START + SEC(i) / 2);
    send_from(fix, "login_success", "192.0.2.1", START + SEC(160));
    shell = engine_case_event(fix, "shell", "192.0.2.1", START + SEC(170));
    engine_case_judge(fix, &shell);
    all = incidents(fix);
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 0), 301);
    assert_int_equal(number(one_of(all, "entered 192.0.2.1"), 3), INCIDENT_MAX_EVIDENCE);
    assert_int_equal(number(one_of(all, "deep 192.0.2.1"), 0), 302);
    assert_int_equal(number(one_of(all, "deep 192.0.2.1"), 3), INCIDENT_MAX_EVIDENCE);
    json_decref(all);
}

struct looked_for {
    const char *rule;
    struct event_id id;
    int is_found;
};

static int
look_for(void *ctx, const struct incident *inc)
{
    struct looked_for *look = ctx;

    for (size_t i = 0; strcmp(inc->rule_id, look->rule) == 0 && i < inc->evidence_count; i++)
        look->is_found |= memcmp(inc->evidence[i].id.bytes, look->id.bytes,
                                 look->id.len) == 0;
    return 0;
}

static void
flood_of_failures_is_bounded_and_hides_no_success(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct event success;
    struct looked_for look = { .rule = "entered" };

    (void)state;
    options.max_entries = 100;
    engine_case_open(&fix, rules, &options);
    for (int i = 0; i < 20000; i++)
        send_from(&fix, "login_failed", "192.0.2.1", START + SEC(i) / 100);
    assert_true(engine_numbers(fix.engine).entries <= 400);
    assert_true(engine_numbers(fix.engine).entries_dropped > 1000);
    success = engine_case_event(&fix, "login_success", "192.0.2.1", START + SEC(201));
    engine_case_judge(&fix, &success);
    look.id = success.id;
    assert_int_equal(engine_incidents(fix.engine, SIZE_MAX, look_for, &look), 0);
    assert_true(look.is_found);
    engine_case_close(&fix);
}

static void
repeat_of_a_keyed_event_changes_no_sequence(void **state)
{
    struct engine_case *fix = *state;
    json_t *once = NULL, *again;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 7; i++) {
            struct event ev = engine_case_event(fix, i < 6 ? "login_failed"
                                                           : "login_success",
                                                "192.0.2.1", START + SEC(i));
            char key[16];

            snprintf(key, sizeof(key), "%d", i);
            ev.is_keyed = 1;
            ev.id = event_id_keyed(text_of("k"), text_of(key));
            engine_case_judge(fix, &ev);
        }
        if (round == 0)
            once = incidents(fix);
    }
    again = incidents(fix);
    assert_int_equal(json_object_size(once), 2);
    assert_true(json_equal(once, again));
    json_decref(once);
    json_decref(again);
}

static int
note_summary(void *ctx, const struct incident *inc)
{
    if (strcmp(inc->rule_id, "told") == 0)
        snprintf(ctx, 200, "%s", inc->summary);
    return 0;
}

static void
summary_tells_of_the_events_of_all_steps(void **state)
{
    static const char told[] =
        "---\ntitle: Told\nid: told\nbongsu:\n"
        "  details: [username, host.name]\n"
        "  summary: \"{source_address} got in as {list:username} after {count|try|tries}\"\n"
        "correlation: {type: temporal_ordered, rules: [brute, success],\n"
        "  group-by: [source_address], timespan: 10m}\n";
    struct engine_options options = engine_case_options();
    struct engine_case *fix = *state;
    char text[4000], summary[200] = "";

    snprintf(text, sizeof(text), "%s%s", rules, told);
    engine_case_close(fix);
    engine_case_open(fix, text, &options);
    for (int i = 0; i < 9; i++) {
        static const char *const users[] = { "root", "admin", "alice" };
        struct event ev = engine_case_event(fix, i < 8 ? "login_failed" : "login_success",
                                            "192.0.2.1", START + SEC(i));

        ev.known[EVENT_USERNAME] = value_text(text_of(users[i % 3]));
        engine_case_judge(fix, &ev);
    }
    assert_int_equal(engine_incidents(fix->engine, SIZE_MAX, note_summary, summary), 0);
    assert_string_equal(summary, "192.0.2.1 got in as root and 2 more after 9 tries");
}

enum { EVENTS = 250 };

struct timed {
    struct event ev;
    int64_t arrives_us;
    char source[32];
};

static int
compare_arrival(const void *left, const void *right)
{
    const struct timed *a = left, *b = right;

    return a->arrives_us < b->arrives_us ? -1 : a->arrives_us > b->arrives_us;
}

/* A stream of one hour, in order of its time. Many events share a second. */
static void
make_stream(struct engine_case *fix, struct timed all[EVENTS])
{
    static const char *const types[] = { "login_failed", "login_failed", "login_failed",
                                         "login_failed", "login_success", "shell" };
    int64_t now_us = START;

    for (int i = 0; i < EVENTS; i++) {
        now_us += SEC(random_number(28));
        snprintf(all[i].source, sizeof(all[i].source), "192.0.2.%d", (int)random_number(3));
        all[i].ev = engine_case_event(fix, types[random_number(6)], NULL, now_us);
        all[i].ev.received_us = now_us + SEC(1);
        all[i].arrives_us = now_us;
    }
}

static json_t *
run(const struct timed *all, int with_restarts, unsigned slots)
{
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    json_t *found = json_object();

    options.slots = slots;
    for (unsigned s = 0; s < slots; s++) {
        struct engine_case fix = { 0 };

        options.slot = s;
        memset(store, 0, sizeof(*store));
        engine_case_open(&fix, rules, &options);
        for (int i = 0; i < EVENTS; i++) {
            struct event ev = all[i].ev;

            ev.known[EVENT_SOURCE_ADDRESS] = value_text(text_of(all[i].source));
            engine_case_judge(&fix, &ev);
            if (!with_restarts || random_number(20) != 0)
                continue;
            assert_int_equal(engine_incidents(fix.engine, SIZE_MAX, merge_incident, found), 0);
            row_store_save(store, &fix);
            engine_case_close(&fix);
            engine_case_open(&fix, rules, &options);
            row_store_restore(store, &fix);
            engine_settle(fix.engine);
        }
        assert_int_equal(engine_incidents(fix.engine, SIZE_MAX, merge_incident, found), 0);
        engine_case_close(&fix);
    }
    row_store_destroy(&store);
    return found;
}

static void
expect_same(json_t *expected, json_t *found, const char *what, uint64_t round)
{
    if (!json_equal(expected, found)) {
        char *left = json_dumps(expected, JSON_SORT_KEYS);
        char *right = json_dumps(found, JSON_SORT_KEYS);

        print_error("%s %s\n", left, right);
        free(left);
        free(right);
        fail_msg("round %d: %s changes incidents", (int)round, what);
    }
    json_decref(found);
}

static void
order_of_coming_restarts_and_slots_change_no_incident(void **state)
{
    struct engine_case *fix = *state;
    struct timed *all = calloc(EVENTS, sizeof(*all));
    size_t found = 0;

    for (uint64_t round = 1; round <= 25; round++) {
        json_t *expected;

        random_seed = round * UINT64_C(0x9E3779B97F4A7C15);
        make_stream(fix, all);
        expected = run(all, 0, 1);
        found += json_object_size(expected);
        expect_same(expected, run(all, 1, 1), "restarting", round);
        expect_same(expected, run(all, 0, 3), "sharing", round);
        for (int turn = 0; turn < 3; turn++) {
            for (int i = 0; i < EVENTS; i++)
                all[i].arrives_us = all[i].ev.at_us + (int64_t)random_number(SEC(300));
            qsort(all, EVENTS, sizeof(*all), compare_arrival);
            expect_same(expected, run(all, turn == 2, 1), "another order", round);
        }
        json_decref(expected);
    }
    assert_true(found > 25 * 4);
    free(all);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(success_after_failures_is_found_with_the_events_of_both),
        TEST(order_key_and_span_matter_and_both_ends_count),
        TEST(failure_that_comes_late_completes_a_sequence),
        TEST(temporal_wants_all_in_any_order_under_the_names_of_each),
        TEST(sequence_of_sequences_keeps_evidence_for_each_step),
        TEST(flood_of_failures_is_bounded_and_hides_no_success),
        TEST(repeat_of_a_keyed_event_changes_no_sequence),
        TEST(summary_tells_of_the_events_of_all_steps),
        TEST(order_of_coming_restarts_and_slots_change_no_incident),
    };

    return cmocka_run_group_tests_name("engine_chain", tests, NULL, NULL);
}
