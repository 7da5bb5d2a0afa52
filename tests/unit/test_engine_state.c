/*
 * test_engine_state.c - the engine across restarts, in slots, and with damaged rows
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/ruleset.h"
#include "tests/support/engine_case.h"
#include "tests/support/random_number.h"

/* The i-th event of a random stream; the same seed gives the same stream. */
static struct event
random_event(struct engine_case *fix, int64_t *now_us, int is_fast, char space[64])
{
    struct event ev;

    *now_us += (int64_t)random_number(is_fast ? SEC(1) : SEC(40));
    snprintf(space, 64, "192.0.2.%d", (int)random_number(4));
    ev = engine_case_event(fix, random_number(3) == 0 ? "alarm" : "login_failed", space,
               *now_us - (int64_t)random_number(SEC(400)));
    ev.received_us = *now_us;
    ev.known[EVENT_COUNT] = value_int(1 + (int64_t)random_number(2));
    ev.is_keyed = random_number(5) < (is_fast ? 4 : 1);
    if (ev.is_keyed) {
        char key[32];

        snprintf(key, sizeof(key), "%d", (int)random_number(is_fast ? 4000 : 40));
        ev.id = event_id_keyed(text_of("k"), text_of(key));
    }
    return ev;
}

static int
merge_incident(void *ctx, const struct incident *inc)
{
    json_t *all = ctx;
    json_t *evidence = json_array();

    for (size_t i = 0; i < inc->evidence_count; i++) {
        char id[EVENT_ID_TEXT_LEN];

        event_id_format(&inc->evidence[i].id, id);
        json_array_append_new(evidence, json_string(id));
    }
    json_object_set_new(all, inc->id,
                        json_pack("{s:s,s:I,s:I,s:I,s:o}", "summary", inc->summary,
                                  "count", (json_int_t)inc->count, "opened",
                                  (json_int_t)inc->opened_us, "last",
                                  (json_int_t)inc->last_seen_us, "evidence", evidence));
    return 0;
}

/* What a stream's windows come to: how often the limits were met. */
struct pressure {
    uint64_t evicted, dropped;
};

/* Beside those of engine_case_rules: one that waits for what does not come. */
#define FEW \
    "title: Few\nid: few\nlevel: low\n" \
    "correlation: {type: event_count, rules: alarm, group-by: [source_address], timespan: 2m,\n" \
    "  condition: {lt: 3}, generate: true}\n"

/* The same rules in another order, with one more before them, another number for each. */
static const char turned_round[] =
    FEW "---\n"
    "title: Other\nid: other\nlogsource: {product: x}\n"
    "detection: {s: {event_type: nothing}, condition: s}\n"
    "---\n"
    "title: Alarm\nid: alarm\nlevel: low\nlogsource: {product: x}\n"
    "detection: {s: {event_type: alarm}, condition: s}\n"
    "---\n"
    "title: Spray\nid: spray\nlevel: medium\n"
    "correlation: {type: value_count, rules: [failed], group-by: [source_address, service],\n"
    "  timespan: 5m, condition: {field: username, gte: 3}}\n"
    "---\n"
    "title: Brute\nid: brute\nlevel: high\ntags: [attack.t1110]\n"
    "correlation: {type: value_sum, rules: failed, group-by: [source_address], timespan: %s,\n"
    "  condition: {field: count, gte: 5}}\n"
    "bongsu: {summary: '{source_address} failed {count} times in {span}'}\n"
    "---\n"
    "title: Failed\nid: failed\nlogsource: {product: x}\n"
    "detection: {s: {event_type: login_failed}, condition: s}\n";

/* One of them otherwise than it ever was, one gone, and one with another level. */
static const char changed_rules[] =
    FEW "---\n"
    "title: Failed\nid: failed\nlogsource: {product: x}\n"
    "detection: {s: {event_type: login_failed}, condition: s}\n"
    "---\n"
    "title: Brute\nid: brute\nlevel: critical\n"
    "correlation: {type: value_sum, rules: failed, group-by: [source_address], timespan: %s,\n"
    "  condition: {field: count, gte: 4}}\n"
    "bongsu: {suppress: 10m}\n"
    "---\n"
    "title: Alarm\nid: alarm\nlevel: high\nlogsource: {product: x}\n"
    "detection: {s: {event_type: alarm}, condition: s}\n";

/* What happens to the engine now and then, after a checkpoint: nothing; another one gets
 * back what was kept, or it gets other rules. */
enum how { LEFT_ALONE, RESTARTED, SWAPPED };

static void
interrupt(struct engine_case *fix, struct row_store *store, enum how how, const char *text,
          const struct engine_options *options)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    row_store_save(store, fix);
    if (how == SWAPPED) {
        assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
        assert_int_equal(ruleset_link(rules, &err), 0);
        assert_int_equal(engine_swap(&fix->engine, &rules, &err), 0);
        assert_null(rules);
        return;
    }
    ruleset_destroy(&rules);
    engine_case_close(fix);
    engine_case_open(fix, text, options);
    row_store_restore(store, fix);
    engine_settle(fix->engine);
}

/* The rules that the interruptions of a stream bring, in turn: */
enum rules_kind { AS_THEY_WERE, TURNED_ROUND, CHANGED };

static const char *
rules_of(enum rules_kind kind, int turn, char text[4096])
{
    char span[16] = "5m";

    if (kind == AS_THEY_WERE || (kind == TURNED_ROUND && turn % 2 == 0)) {
        snprintf(text, 4096, "%s---\n" FEW, engine_case_rules);
        return text;
    }
    if (kind == CHANGED)        /* never again as it was: its old windows are of no use */
        snprintf(span, sizeof(span), "%ds", 240 + turn);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, 4096, kind == CHANGED && turn % 2 == 1 ? changed_rules : turned_round, span);
#pragma GCC diagnostic pop
    return text;
}

/* Judge a stream; with interruptions at some places. Every other stream is so fast that windows are tidied, cut and
 * evicted. */
static json_t *
run_stream(uint64_t stream, enum how how, enum rules_kind kind, struct pressure *pressure)
{
    char text[4096];
    int turn = 0;
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct row_store *store = calloc(1, sizeof(*store));
    json_t *all = json_object();
    int64_t now_us = START;
    uint64_t restarts = stream;
    char space[64];

    options.max_keys = stream % 3 == 0 ? 12 : 400;  /* so that eviction takes part */
    options.max_entries = 16;
    options.max_total_entries = stream % 3 == 0 ? 150 : 400;
    random_seed = stream;
    engine_case_open(&fix, rules_of(AS_THEY_WERE, 0, text), &options);
    for (int i = 0; i < 600; i++) {
        struct event ev = random_event(&fix, &now_us, stream % 2 == 1, space);

        engine_case_judge(&fix, &ev);
        restarts = restarts * 6364136223846793005u + 1442695040888963407u;
        if (how == LEFT_ALONE || restarts >> 60 != 0)
            continue;
        assert_int_equal(engine_incidents(fix.engine, SIZE_MAX, merge_incident, all), 0);
        interrupt(&fix, store, how, rules_of(kind, ++turn, text), &options);
    }
    assert_int_equal(engine_incidents(fix.engine, SIZE_MAX, merge_incident, all), 0);
    assert_true(engine_numbers(fix.engine).entries <= options.max_total_entries);
    pressure->evicted += engine_numbers(fix.engine).entries_evicted;
    pressure->dropped += engine_numbers(fix.engine).entries_dropped;
    engine_case_close(&fix);
    row_store_destroy(&store);
    return all;
}

/* Streams judged both ways come to the same incidents. */
static void
check_same(enum how one, enum how other, enum rules_kind kind)
{
    struct pressure pressure = { 0, 0 };
    size_t found = 0;

    for (uint64_t stream = 1; stream <= 20; stream++) {
        json_t *whole = run_stream(stream * 977, one, kind, &pressure);
        json_t *parts = run_stream(stream * 977, other, kind, &pressure);

        if (!json_equal(whole, parts)) {
            const char *id;
            json_t *value;

            json_object_foreach(whole, id, value)
                if (!json_equal(value, json_object_get(parts, id)))
                    print_error("stream %d: %s\n%s\n%s\n", (int)stream, id,
                                json_dumps(value, 0),
                                json_dumps(json_object_get(parts, id), JSON_ENCODE_ANY));
            fail_msg("%zu and %zu incidents", json_object_size(whole),
                     json_object_size(parts));
        }
        found += json_object_size(whole);
        json_decref(whole);
        json_decref(parts);
    }
    assert_true(found > 60);
    if (kind != CHANGED) {              /* whose windows begin anew too often to fill */
        assert_true(pressure.evicted > 500);
        assert_true(pressure.dropped > 500);
    }
}

static void
restarts_change_no_incident(void **state)
{
    (void)state;
    check_same(LEFT_ALONE, RESTARTED, AS_THEY_WERE);
    check_same(LEFT_ALONE, RESTARTED, TURNED_ROUND);
}

static void
rules_swapped_for_the_same_change_no_incident(void **state)
{
    (void)state;
    check_same(LEFT_ALONE, SWAPPED, AS_THEY_WERE);
    check_same(LEFT_ALONE, SWAPPED, TURNED_ROUND);
}

static void
a_swap_to_other_rules_comes_to_what_a_restart_does(void **state)
{
    (void)state;
    check_same(RESTARTED, SWAPPED, CHANGED);
}

static void
a_swap_before_the_changes_are_on_disk_is_refused(void **state)
{
    struct engine_case *fix = *state;
    struct ruleset *rules = ruleset_new();
    struct row_store *store = calloc(1, sizeof(*store));
    struct err err = { "" };
    char text[4096];

    engine_case_fail_login(fix, "192.0.2.1", 3, START);
    rules_of(TURNED_ROUND, 1, text);
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(engine_swap(&fix->engine, &rules, &err), -1);
    assert_non_null(rules);
    row_store_save(store, fix);
    assert_int_equal(engine_swap(&fix->engine, &rules, &err), 0);
    engine_case_fail_login(fix, "192.0.2.1", 2, START + SEC(1));
    assert_int_equal(engine_case_incidents(fix).total, 5);
    row_store_destroy(&store);
}

static void
slots_share_the_work_and_find_what_one_finds(void **state)
{
    struct engine_case one = { 0 }, slot[3] = { { 0 } };
    struct engine_options options = engine_case_options();
    uint64_t count = 0, total = 0, used = 0;
    char source[32];

    (void)state;
    engine_case_open(&one, engine_case_rules, &options);
    options.slots = 3;
    for (unsigned s = 0; s < 3; s++) {
        options.slot = s;
        engine_case_open(&slot[s], engine_case_rules, &options);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(source, sizeof(source), "192.0.2.%d", i % 30);
        for (unsigned s = 0; s < 4; s++) {
            struct engine_case *fix = s < 3 ? &slot[s] : &one;

            engine_case_fail_login(fix, source, 1, START + SEC(i));
        }
    }
    for (unsigned s = 0; s < 3; s++) {
        struct seen seen = engine_case_incidents(&slot[s]);

        count += seen.count;
        total += seen.total;
        used += seen.count > 0;
        engine_case_close(&slot[s]);
    }
    assert_int_equal(count, engine_case_incidents(&one).count);
    assert_int_equal(total, engine_case_incidents(&one).total);
    assert_int_equal(count, 30);
    assert_int_equal(used, 3);
    engine_case_close(&one);
}

static void
rows_of_rules_that_are_gone_are_dropped_and_told(void **state)
{
    struct engine_case *fix = *state, other = { 0 };
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    const char *only_alarm = strstr(engine_case_rules, "title: Alarm");

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    row_store_save(store, fix);
    engine_case_open(&other, only_alarm, &options);
    row_store_restore(store, &other);
    engine_settle(other.engine);        /* nobody was told yet */
    row_store_save(store, &other);
    assert_int_equal(row_store_kept(store), 0);
    row_store_save(store, &other);
    assert_int_equal(store->changes, 0);
    engine_case_close(&other);
    row_store_destroy(&store);
}

static void
changed_rule_starts_with_empty_windows_and_keeps_its_incidents(void **state)
{
    static const char *const other_text =
        "title: Failed\nid: failed\nlogsource: {product: x}\n"
        "detection: {s: {event_type: login_failed}, condition: s}\n"
        "---\n"
        "title: Brute\nid: brute\nlevel: critical\n"
        "correlation: {type: value_sum, rules: failed, group-by: [source_address],\n"
        "  timespan: 10m, condition: {field: count, gte: 5}}\n";
    struct engine_case *fix = *state, other = { 0 };
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    struct seen seen;

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    engine_case_fail_login(fix, "192.0.2.2", 4, START);
    row_store_save(store, fix);
    engine_case_open(&other, other_text, &options);
    other.sequence = 100;
    row_store_restore(store, &other);
    engine_case_fail_login(&other, "192.0.2.2", 4, START + SEC(1));
    assert_int_equal(engine_case_incidents(&other).count, 0);
    engine_case_fail_login(&other, "192.0.2.1", 6, START + SEC(1));
    seen = engine_case_incidents(&other);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.incident.count, 11);
    assert_int_equal(seen.incident.severity, SEVERITY_CRITICAL);
    assert_true(engine_is_urgent(other.engine));        /* it rose */
    engine_case_close(&other);
    row_store_destroy(&store);
}

/* A row with one thing wrong in its state is refused, and breaks nothing. */
static void
damaged_rows_are_refused(void **state)
{
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    size_t refused = 0, tried = 0;

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    engine_case_fail_login(fix, "192.0.2.1", 5, START + SEC(9));
    row_store_save(store, fix);
    assert_int_equal(store->count, 1);
    for (size_t at = 0; at < store->rows[0].state.len; at++)
        for (unsigned change = 0; change < 3; change++) {
            struct engine_case other = { 0 };
            struct buf copy = { 0 };
            struct err err = { "" };
            struct engine_row row = { buf_text(&store->rows[0].rule),
                                      buf_text(&store->rows[0].key), store->rows[0].hash,
                                      { NULL, 0 }, 0 };

            buf_append_text(&copy, buf_text(&store->rows[0].state));
            if (change == 0)
                copy.len = at;
            else
                copy.ptr[at] = (char)(change == 1 ? 0xDD : copy.ptr[at] ^ 0x40);
            row.state = buf_text(&copy);
            engine_case_open(&other, engine_case_rules, &options);
            other.sequence = 50;
            tried++;
            if (engine_restore(other.engine, &row, &err) != 0) {
                refused++;
                assert_true(err.text[0] != '\0');
            }
            /* whatever was taken, the engine goes on with other keys */
            engine_case_fail_login(&other, "192.0.2.1", 5, START + SEC(10));
            engine_case_fail_login(&other, "192.0.2.7", 5, START + SEC(11));
            assert_true(engine_case_incidents(&other).count >= 1);
            engine_case_close(&other);
            buf_release(&copy);
        }
    assert_true(refused > tried / 4);
    row_store_destroy(&store);
}

static void
row_of_another_version_is_refused_and_then_deleted(void **state)
{
    struct engine_case *fix = *state, other = { 0 };
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    struct err err = { "" };
    struct engine_row row;

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    row_store_save(store, fix);
    store->rows[0].state.ptr[0] = (char)0x97;
    row = (struct engine_row){ buf_text(&store->rows[0].rule),
                               buf_text(&store->rows[0].key),
                               store->rows[0].hash, buf_text(&store->rows[0].state), 0 };
    engine_case_open(&other, engine_case_rules, &options);
    assert_int_equal(engine_restore(other.engine, &row, &err), -1);
    assert_non_null(strstr(err.text, "version"));
    engine_settle(other.engine);
    row_store_save(store, &other);
    assert_int_equal(row_store_kept(store), 0);
    engine_case_close(&other);
    row_store_destroy(&store);
}

/* What a busy key costs each second. */
static void
row_of_a_busy_key_stays_small(void **state)
{
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));
    size_t largest = 0;

    for (int i = 0; i < 20000; i++) {
        engine_case_fail_login(fix, "192.0.2.1", 1, START + i * SEC(1) / 10);
        if (i % 100 != 0)
            continue;
        row_store_save(store, fix);
        assert_int_equal(store->changes, 1);
        largest = store->rows[0].state.len > largest ? store->rows[0].state.len : largest;
    }
    assert_true(largest < 800);
    assert_int_equal(engine_numbers(fix->engine).entries_dropped, 0);
    row_store_destroy(&store);
}

static void
rows_of_a_strange_key_or_given_twice_are_not_taken(void **state)
{
    struct engine_case *fix = *state, other = { 0 };
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    struct err err = { "" };
    struct engine_row row;

    engine_case_fail_login(fix, "192.0.2.1", 5, START);
    row_store_save(store, fix);
    engine_case_open(&other, engine_case_rules, &options);
    row_store_restore(store, &other);
    row = (struct engine_row){ buf_text(&store->rows[0].rule),
                               buf_text(&store->rows[0].key),
                               store->rows[0].hash, buf_text(&store->rows[0].state), 0 };
    assert_int_equal(engine_restore(other.engine, &row, &err), -1);
    assert_non_null(strstr(err.text, "twice"));
    row.key = text_of("no such key");
    assert_int_equal(engine_restore(other.engine, &row, &err), 0);
    row.key = text_of("");
    assert_int_equal(engine_restore(other.engine, &row, &err), 0);
    engine_case_close(&other);
    row_store_destroy(&store);
}

#define TEST(f) \
    cmocka_unit_test_setup_teardown(f, engine_case_set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_change_no_incident),
        cmocka_unit_test(rules_swapped_for_the_same_change_no_incident),
        cmocka_unit_test(a_swap_to_other_rules_comes_to_what_a_restart_does),
        cmocka_unit_test_setup_teardown(a_swap_before_the_changes_are_on_disk_is_refused,
                                        engine_case_set_up, engine_case_tear_down),
        cmocka_unit_test(slots_share_the_work_and_find_what_one_finds),
        TEST(rows_of_rules_that_are_gone_are_dropped_and_told),
        TEST(changed_rule_starts_with_empty_windows_and_keeps_its_incidents),
        TEST(damaged_rows_are_refused),
        TEST(row_of_another_version_is_refused_and_then_deleted),
        TEST(row_of_a_busy_key_stays_small),
        TEST(rows_of_a_strange_key_or_given_twice_are_not_taken),
    };

    return cmocka_run_group_tests_name("engine_state", tests, NULL, NULL);
}
