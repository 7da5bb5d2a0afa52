#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/engine.h"
#include "detector/ruleset.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"

#define SEC(n) ((int64_t)(n) * 1000000)
#define HOUR SEC(3600)
#define START (INT64_C(1795300000) * 1000000)

static const char *const rules_text =
    "title: Failed\nid: failed\nlogsource: {product: x}\n"
    "detection: {s: {event_type: login_failed}, condition: s}\n"
    "---\n"
    "title: Brute\nid: brute\nlevel: high\ntags: [attack.t1110]\n"
    "correlation: {type: value_sum, rules: failed, group-by: [source_address], timespan: 5m,\n"
    "  condition: {field: count, gte: 5}}\n"
    "bongsu: {summary: '{source_address} failed {count} times in {span}'}\n"
    "---\n"
    "title: Spray\nid: spray\nlevel: medium\n"
    "correlation: {type: value_count, rules: [failed], group-by: [source_address, service],\n"
    "  timespan: 5m, condition: {field: username, gte: 3}}\n"
    "---\n"
    "title: Alarm\nid: alarm\nlevel: low\nlogsource: {product: x}\n"
    "detection: {s: {event_type: alarm}, condition: s}\n";

struct fixture {
    struct engine *engine;
    struct metrics *metrics;
    uint64_t sequence;
};

/* What a visit of the incidents or rows found. */
struct seen {
    size_t count;
    struct incident incident;   /* the last one; texts below */
    char id[INCIDENT_ID_HEX], summary[200], key[200];
    uint64_t total;
};

static struct engine_options
options_now(void)
{
    return (struct engine_options){ .lateness_us = SEC(300), .max_keys = 10000,
                                    .max_entries = 10000, .slots = 1 };
}

static void
open_engine(struct fixture *fix, const char *text, const struct engine_options *options)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s", ruleset_refused(rules, 0));
    fix->metrics = metrics_new();
    fix->engine = engine_new(options, &rules, fix->metrics, &err);
    assert_non_null(fix->engine);
    assert_null(rules);
}

static void
close_engine(struct fixture *fix)
{
    engine_destroy(&fix->engine);
    metrics_destroy(&fix->metrics);
}

static int
set_up(void **state)
{
    struct engine_options options = options_now();

    *state = calloc(1, sizeof(struct fixture));
    open_engine(*state, rules_text, &options);
    return 0;
}

static int
tear_down(void **state)
{
    close_engine(*state);
    free(*state);
    return 0;
}

static struct event
event(struct fixture *fix, const char *type, const char *source, int64_t at_us)
{
    struct event ev = { .at_us = at_us, .received_us = at_us };

    ev.id = event_id_make(1, 1, ++fix->sequence);
    ev.known[EVENT_TYPE] = value_text(text_of(type));
    if (source != NULL)
        ev.known[EVENT_SOURCE_ADDRESS] = value_text(text_of(source));
    ev.known[EVENT_COUNT] = value_int(1);
    return ev;
}

static void
judge(struct fixture *fix, const struct event *ev)
{
    struct err err = { "" };

    if (engine_judge(fix->engine, ev, 9, &err) != 0)
        fail_msg("%s", err.text);
}

static void
fail_login(struct fixture *fix, const char *source, int64_t count, int64_t at_us)
{
    struct event ev = event(fix, "login_failed", source, at_us);

    ev.known[EVENT_COUNT] = value_int(count);
    judge(fix, &ev);
}

static int
see_incident(void *ctx, const struct incident *inc)
{
    struct seen *seen = ctx;

    seen->count++;
    seen->incident = *inc;
    seen->total += inc->count;
    snprintf(seen->id, sizeof(seen->id), "%s", inc->id);
    snprintf(seen->summary, sizeof(seen->summary), "%s", inc->summary);
    snprintf(seen->key, sizeof(seen->key), "%s", inc->key_count > 0 ? inc->keys[0].value : "");
    return 0;
}

static struct seen
incidents(struct fixture *fix)
{
    struct seen seen = { 0 };

    assert_int_equal(engine_incidents(fix->engine, see_incident, &seen), 0);
    return seen;
}

/* Rows as a checkpoint would keep them. */
struct store {
    struct stored { struct buf rule, key, state; uint64_t hash; int is_gone; } rows[500];
    size_t count;
    size_t changes;
};

static int
see_row(void *ctx, const struct engine_row *row)
{
    struct store *store = ctx;
    struct stored *to = NULL;

    store->changes++;
    for (size_t i = 0; i < store->count; i++)
        if (text_equals(buf_text(&store->rows[i].rule), row->rule) &&
            text_equals(buf_text(&store->rows[i].key), row->key))
            to = &store->rows[i];
    if (to == NULL) {
        assert_true(store->count < 500);
        to = &store->rows[store->count++];
        buf_append_text(&to->rule, row->rule);
        buf_append_text(&to->key, row->key);
    }
    to->hash = row->hash;
    to->is_gone = row->state.ptr == NULL;
    buf_clear(&to->state);
    return to->is_gone ? 0 : buf_append_text(&to->state, row->state);
}

static void
save(struct fixture *fix, struct store *store)
{
    store->changes = 0;
    assert_int_equal(engine_changes(fix->engine, see_row, store), 0);
    engine_settle(fix->engine);
}

static void
restore(struct fixture *fix, const struct store *store)
{
    struct err err = { "" };

    for (size_t i = 0; i < store->count; i++) {
        const struct stored *one = &store->rows[i];
        const struct engine_row row = { buf_text(&one->rule), buf_text(&one->key), one->hash,
                                        buf_text(&one->state) };

        if (!one->is_gone && engine_restore(fix->engine, &row, &err) != 0)
            fail_msg("%s", err.text);
    }
}

static size_t
rows_kept(const struct store *store)
{
    size_t kept = 0;

    for (size_t i = 0; i < store->count; i++)
        kept += !store->rows[i].is_gone;
    return kept;
}

static void
store_release(struct store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        buf_release(&store->rows[i].rule);
        buf_release(&store->rows[i].key);
        buf_release(&store->rows[i].state);
    }
    *store = (struct store){ 0 };
}

static uint64_t
metric(struct fixture *fix, const char *name)
{
    return *metrics_number(fix->metrics, METRIC_COUNTER, name, "", "");
}

static void
opens_one_incident_and_tells_who_what_and_how_often(void **state)
{
    struct fixture *fix = *state;
    struct seen seen;

    for (int i = 0; i < 4; i++)
        fail_login(fix, "192.0.2.1", 1, START + SEC(i));
    assert_int_equal(incidents(fix).count, 0);
    assert_false(engine_is_urgent(fix->engine));
    fail_login(fix, "192.0.2.1", 3, START + SEC(64));
    seen = incidents(fix);
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
    struct fixture *fix = *state, other = { 0 };
    struct engine_options options = options_now();
    struct seen seen, again;
    char expected[INCIDENT_ID_HEX];
    unsigned char id[HASH_ID_LEN];
    struct event_id opener = event_id_make(1, 1, 1);
    const struct text parts[] = { text_of("brute"), text_of("009:192.0.2.1"),
                                  { (const char *)opener.bytes, opener.len } };

    hash_id(parts, 3, id);
    hash_to_hex(id, sizeof(id), expected);
    fail_login(fix, "192.0.2.1", 9, START);
    seen = incidents(fix);
    assert_string_equal(seen.id, expected);
    open_engine(&other, rules_text, &options);
    fail_login(&other, "192.0.2.1", 9, START);
    again = incidents(&other);
    assert_string_equal(again.id, seen.id);
    close_engine(&other);
}

static void
incident_goes_on_within_an_hour_and_then_a_new_one_opens(void **state)
{
    struct fixture *fix = *state;
    struct seen first, second;

    fail_login(fix, "192.0.2.1", 5, START);
    first = incidents(fix);
    fail_login(fix, "192.0.2.1", 5, START + HOUR);
    second = incidents(fix);
    assert_int_equal(second.count, 1);
    assert_string_equal(first.id, second.id);
    assert_int_equal(second.incident.count, 10);
    fail_login(fix, "192.0.2.1", 5, START + 2 * HOUR + 1);
    second = incidents(fix);
    assert_int_equal(second.count, 2);
    assert_int_equal(second.total, 15);
}

static void
only_changed_incidents_are_told_again(void **state)
{
    struct fixture *fix = *state;
    struct store *store = calloc(1, sizeof(*store));

    fail_login(fix, "192.0.2.1", 5, START);
    fail_login(fix, "192.0.2.2", 5, START);
    save(fix, store);
    assert_int_equal(incidents(fix).count, 0);
    assert_false(engine_is_urgent(fix->engine));
    fail_login(fix, "192.0.2.2", 1, START + SEC(1));
    assert_int_equal(incidents(fix).count, 1);
    assert_false(engine_is_urgent(fix->engine));
    store_release(store);
    free(store);
}

static void
rule_without_a_window_is_keyed_by_source_else_user_else_itself(void **state)
{
    struct fixture *fix = *state;
    struct event ev = event(fix, "alarm", "Host-A", START);
    struct seen seen;

    ev.known[EVENT_USERNAME] = value_text(text_of("alice"));
    judge(fix, &ev);
    seen = incidents(fix);
    assert_string_equal(seen.key, "host-a");
    assert_string_equal(seen.summary, "Alarm: host-a (1 event)");
    ev = event(fix, "alarm", NULL, START);
    ev.known[EVENT_USERNAME] = value_text(text_of("alice"));
    judge(fix, &ev);
    ev = event(fix, "alarm", NULL, START);
    judge(fix, &ev);
    ev = event(fix, "alarm", NULL, START + SEC(5));
    ev.known[EVENT_COUNT] = value_int(50);      /* an event is one, whatever it counts */
    judge(fix, &ev);
    seen = incidents(fix);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.total, 4);
}

static void
repeat_of_a_keyed_event_changes_neither_windows_nor_lone_rules(void **state)
{
    struct fixture *fix = *state;
    struct event ev = event(fix, "alarm", "192.0.2.1", START);
    struct event failed = event(fix, "login_failed", "192.0.2.1", START);

    ev.is_keyed = failed.is_keyed = 1;
    ev.id = event_id_keyed(text_of("k"), text_of("1"));
    failed.id = event_id_keyed(text_of("k"), text_of("2"));
    failed.known[EVENT_COUNT] = value_int(4);
    for (int i = 0; i < 3; i++) {
        judge(fix, &ev);
        judge(fix, &failed);
    }
    assert_int_equal(incidents(fix).count, 1);
    assert_int_equal(incidents(fix).total, 1);
    /* six events repeated: two by the alarm, two in each of two windows at most */
    assert_true(metric(fix, "bongsu_detector_repeats_total") >= 4);
    ev.received_us += 25 * HOUR;        /* forgotten by now */
    judge(fix, &ev);
    assert_int_equal(incidents(fix).total, 2);
}

static void
groups_need_all_their_fields_and_count_distinct_values(void **state)
{
    struct fixture *fix = *state;
    static const char *const users[] = { "alice", "Alice", "bob", "carol" };
    struct seen seen;

    for (size_t i = 0; i < 4; i++) {
        struct event ev = event(fix, "login_failed", "192.0.2.1", START + SEC(i));

        ev.known[EVENT_USERNAME] = value_text(text_of(users[i]));
        ev.known[EVENT_COUNT] = value_int(0);
        judge(fix, &ev);        /* no service: not grouped */
        assert_int_equal(event_add_extra(&ev, text_of("service"), value_text(text_of("ssh"))), 0);
        ev.id = event_id_make(1, 2, i);
        judge(fix, &ev);
        event_release(&ev);
    }
    assert_int_equal(metric(fix, "bongsu_detector_no_key_total"), 4);
    seen = incidents(fix);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.incident.count, 4);
    assert_int_equal(seen.incident.key_count, 2);
}

static void
late_events_are_counted_by_who_sent_them(void **state)
{
    struct fixture *fix = *state;
    struct engine_late late[20];
    struct event ev;

    fail_login(fix, "192.0.2.1", 1, START);
    for (int i = 0; i < 3; i++) {
        ev = event(fix, "login_failed", "192.0.2.1", START - SEC(301));
        ev.received_us = START;
        ev.known[EVENT_COUNT] = value_int(50);
        ev.known[EVENT_RECEIVED_FROM] = value_text(text_of(i == 0 ? "10.0.0.1" : "10.0.0.2"));
        judge(fix, &ev);
    }
    assert_int_equal(incidents(fix).count, 0);
    assert_int_equal(metric(fix, "bongsu_detector_late_events_total"), 3);
    assert_int_equal(engine_late_sources(fix->engine, late, 20), 2);
    assert_true(text_is(late[0].source, "10.0.0.2"));
    assert_int_equal(late[0].events, 2);
    assert_int_equal(engine_late_sources(fix->engine, late, 1), 1);
}

static void
keys_are_dropped_when_received_time_has_passed_and_told_as_gone(void **state)
{
    struct fixture *fix = *state;
    struct store *store = calloc(1, sizeof(*store));

    fail_login(fix, "192.0.2.1", 1, START);
    save(fix, store);
    assert_int_equal(rows_kept(store), 1);
    fail_login(fix, "192.0.2.2", 1, START + HOUR + SEC(300));
    save(fix, store);
    assert_int_equal(rows_kept(store), 2);
    fail_login(fix, "192.0.2.3", 1, START + HOUR + SEC(301));
    save(fix, store);
    assert_int_equal(rows_kept(store), 2);
    store_release(store);
    free(store);
}

static void
longest_untouched_key_goes_when_there_are_too_many(void **state)
{
    struct fixture fix = { 0 };
    struct engine_options options = options_now();
    char source[32];

    (void)state;
    options.max_keys = 100;
    open_engine(&fix, rules_text, &options);
    for (int i = 0; i < 1000; i++) {
        snprintf(source, sizeof(source), "10.0.%d.%d", i / 256, i % 256);
        fail_login(&fix, source, 1, START + i);
        if (i % 50 == 0)
            fail_login(&fix, "192.0.2.1", 1, START + i);
    }
    assert_int_equal(metric(&fix, "bongsu_detector_keys_evicted_total"), 901);
    assert_int_equal(*metrics_number(fix.metrics, METRIC_GAUGE, "bongsu_detector_keys", "", ""),
                     100);
    /* the key under attack survived the flood */
    assert_int_equal(incidents(&fix).count, 1);
    assert_int_equal(incidents(&fix).total, 20);
    close_engine(&fix);
}

static void
incident_of_a_key_that_is_dropped_is_still_told(void **state)
{
    struct fixture *fix = *state;

    fail_login(fix, "192.0.2.1", 5, START);
    fail_login(fix, "192.0.2.2", 1, START + 3 * HOUR);
    assert_int_equal(incidents(fix).count, 1);
    assert_string_equal(incidents(fix).key, "192.0.2.1");
}

static void
backfill_and_live_events_of_a_key_do_not_share_an_incident(void **state)
{
    struct fixture *fix = *state;

    for (int i = 0; i < 20; i++) {
        struct event now = event(fix, "alarm", "192.0.2.1", START + SEC(i));
        struct event then = event(fix, "alarm", "192.0.2.1", START - 48 * HOUR + SEC(i));

        then.received_us = START + SEC(i);
        judge(fix, &now);
        judge(fix, &then);
    }
    assert_int_equal(incidents(fix).count, 2);
    assert_int_equal(incidents(fix).total, 40);
}

static uint64_t seed;

static uint64_t
random_number(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* The i-th event of a random stream; the same seed gives the same stream. */
static struct event
random_event(struct fixture *fix, int64_t *now_us, char space[64])
{
    struct event ev;

    *now_us += (int64_t)random_number(SEC(40));
    snprintf(space, 64, "192.0.2.%d", (int)random_number(4));
    ev = event(fix, random_number(3) == 0 ? "alarm" : "login_failed", space,
               *now_us - (int64_t)random_number(SEC(400)));
    ev.received_us = *now_us;
    ev.known[EVENT_COUNT] = value_int(1 + (int64_t)random_number(2));
    ev.is_keyed = random_number(5) == 0;
    if (ev.is_keyed) {
        char key[32];

        snprintf(key, sizeof(key), "%d", (int)random_number(40));
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
                        json_pack("{s:s,s:I,s:I,s:I,s:o}", "summary", inc->summary, "count",
                                  (json_int_t)inc->count, "opened", (json_int_t)inc->opened_us,
                                  "last", (json_int_t)inc->last_seen_us, "evidence", evidence));
    return 0;
}

/* Judge a stream; with restarts, each after a checkpoint at some place. */
static json_t *
run_stream(uint64_t stream, int with_restarts)
{
    struct engine_options options = options_now();
    struct fixture fix = { 0 };
    struct store *store = calloc(1, sizeof(*store));
    json_t *all = json_object();
    int64_t now_us = START;
    uint64_t restarts = stream;
    char space[64];

    options.max_keys = 12;      /* so that eviction takes part */
    seed = stream;
    open_engine(&fix, rules_text, &options);
    for (int i = 0; i < 600; i++) {
        struct event ev = random_event(&fix, &now_us, space);

        judge(&fix, &ev);
        restarts = restarts * 6364136223846793005u + 1442695040888963407u;
        if (!with_restarts || restarts >> 60 != 0)
            continue;
        assert_int_equal(engine_incidents(fix.engine, merge_incident, all), 0);
        save(&fix, store);
        close_engine(&fix);
        open_engine(&fix, rules_text, &options);
        restore(&fix, store);
        engine_settle(fix.engine);
    }
    assert_int_equal(engine_incidents(fix.engine, merge_incident, all), 0);
    close_engine(&fix);
    store_release(store);
    free(store);
    return all;
}

static void
restarts_change_no_incident(void **state)
{
    size_t found = 0;

    (void)state;
    for (uint64_t stream = 1; stream <= 20; stream++) {
        json_t *whole = run_stream(stream * 977, 0), *parts = run_stream(stream * 977, 1);

        if (!json_equal(whole, parts)) {
            const char *id;
            json_t *value;

            json_object_foreach(whole, id, value)
                if (!json_equal(value, json_object_get(parts, id)))
                    print_error("stream %d: %s\n%s\n%s\n", (int)stream, id,
                                json_dumps(value, 0),
                                json_dumps(json_object_get(parts, id), JSON_ENCODE_ANY));
            fail_msg("%zu and %zu incidents", json_object_size(whole), json_object_size(parts));
        }
        found += json_object_size(whole);
        json_decref(whole);
        json_decref(parts);
    }
    assert_true(found > 60);
}

static void
slots_share_the_work_and_find_what_one_finds(void **state)
{
    struct fixture one = { 0 }, slot[3] = { { 0 } };
    struct engine_options options = options_now();
    uint64_t count = 0, total = 0, used = 0;
    char source[32];

    (void)state;
    open_engine(&one, rules_text, &options);
    options.slots = 3;
    for (unsigned s = 0; s < 3; s++) {
        options.slot = s;
        open_engine(&slot[s], rules_text, &options);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(source, sizeof(source), "192.0.2.%d", i % 30);
        for (unsigned s = 0; s < 4; s++) {
            struct fixture *fix = s < 3 ? &slot[s] : &one;

            fail_login(fix, source, 1, START + SEC(i));
        }
    }
    for (unsigned s = 0; s < 3; s++) {
        struct seen seen = incidents(&slot[s]);

        count += seen.count;
        total += seen.total;
        used += seen.count > 0;
        close_engine(&slot[s]);
    }
    assert_int_equal(count, incidents(&one).count);
    assert_int_equal(total, incidents(&one).total);
    assert_int_equal(count, 30);
    assert_int_equal(used, 3);
    close_engine(&one);
}

static void
rows_of_rules_that_are_gone_are_dropped_and_told(void **state)
{
    struct fixture *fix = *state, other = { 0 };
    struct engine_options options = options_now();
    struct store *store = calloc(1, sizeof(*store));
    const char *only_alarm = strstr(rules_text, "title: Alarm");

    fail_login(fix, "192.0.2.1", 5, START);
    save(fix, store);
    open_engine(&other, only_alarm, &options);
    restore(&other, store);
    engine_settle(other.engine);        /* nobody was told yet */
    save(&other, store);
    assert_int_equal(rows_kept(store), 0);
    save(&other, store);
    assert_int_equal(store->changes, 0);
    close_engine(&other);
    store_release(store);
    free(store);
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
    struct fixture *fix = *state, other = { 0 };
    struct engine_options options = options_now();
    struct store *store = calloc(1, sizeof(*store));
    struct seen seen;

    fail_login(fix, "192.0.2.1", 5, START);
    fail_login(fix, "192.0.2.2", 4, START);
    save(fix, store);
    open_engine(&other, other_text, &options);
    other.sequence = 100;
    restore(&other, store);
    fail_login(&other, "192.0.2.2", 4, START + SEC(1));
    assert_int_equal(incidents(&other).count, 0);
    fail_login(&other, "192.0.2.1", 6, START + SEC(1));
    seen = incidents(&other);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.incident.count, 11);
    assert_int_equal(seen.incident.severity, SEVERITY_CRITICAL);
    assert_true(engine_is_urgent(other.engine));        /* it rose */
    close_engine(&other);
    store_release(store);
    free(store);
}

/* A row with one thing wrong in its state is refused, and breaks nothing. */
static void
damaged_rows_are_refused(void **state)
{
    struct fixture *fix = *state;
    struct engine_options options = options_now();
    struct store *store = calloc(1, sizeof(*store));
    size_t refused = 0, tried = 0;

    fail_login(fix, "192.0.2.1", 5, START);
    fail_login(fix, "192.0.2.1", 5, START + SEC(9));
    save(fix, store);
    assert_int_equal(store->count, 1);
    for (size_t at = 0; at < store->rows[0].state.len; at++)
        for (unsigned change = 0; change < 3; change++) {
            struct fixture other = { 0 };
            struct buf copy = { 0 };
            struct err err = { "" };
            struct engine_row row = { buf_text(&store->rows[0].rule),
                                      buf_text(&store->rows[0].key), store->rows[0].hash,
                                      { NULL, 0 } };

            buf_append_text(&copy, buf_text(&store->rows[0].state));
            if (change == 0)
                copy.len = at;
            else
                copy.ptr[at] = (char)(change == 1 ? 0xDD : copy.ptr[at] ^ 0x40);
            row.state = buf_text(&copy);
            open_engine(&other, rules_text, &options);
            other.sequence = 50;
            tried++;
            if (engine_restore(other.engine, &row, &err) != 0) {
                refused++;
                assert_true(err.text[0] != '\0');
            }
            /* whatever was taken, the engine goes on with other keys */
            fail_login(&other, "192.0.2.1", 5, START + SEC(10));
            fail_login(&other, "192.0.2.7", 5, START + SEC(11));
            assert_true(incidents(&other).count >= 1);
            close_engine(&other);
            buf_release(&copy);
        }
    assert_true(refused > tried / 4);
    store_release(store);
    free(store);
}

static void
rows_of_a_strange_key_or_given_twice_are_not_taken(void **state)
{
    struct fixture *fix = *state, other = { 0 };
    struct engine_options options = options_now();
    struct store *store = calloc(1, sizeof(*store));
    struct err err = { "" };
    struct engine_row row;

    fail_login(fix, "192.0.2.1", 5, START);
    save(fix, store);
    open_engine(&other, rules_text, &options);
    restore(&other, store);
    row = (struct engine_row){ buf_text(&store->rows[0].rule), buf_text(&store->rows[0].key),
                               store->rows[0].hash, buf_text(&store->rows[0].state) };
    assert_int_equal(engine_restore(other.engine, &row, &err), -1);
    assert_non_null(strstr(err.text, "twice"));
    row.key = text_of("no such key");
    assert_int_equal(engine_restore(other.engine, &row, &err), 0);
    row.key = text_of("");
    assert_int_equal(engine_restore(other.engine, &row, &err), 0);
    close_engine(&other);
    store_release(store);
    free(store);
}

static void
state_that_was_lost_marks_incidents_incomplete(void **state)
{
    struct fixture *fix = *state;

    engine_set_incomplete_until(fix->engine, START + SEC(100));
    fail_login(fix, "192.0.2.1", 5, START);
    assert_true(incidents(fix).incident.is_incomplete);
    fail_login(fix, "192.0.2.1", 5, START + 2 * HOUR);
    assert_int_equal(incidents(fix).count, 2);
    assert_false(incidents(fix).incident.is_incomplete);
}

static void
long_and_odd_keys_stay_bounded_and_valid_utf8(void **state)
{
    struct fixture *fix = *state;
    struct buf name = { 0 };
    struct event ev;
    struct seen seen;

    for (int i = 0; i < 100000; i++)
        buf_append_str(&name, i % 2 == 0 ? "봉" : "x");
    for (int i = 0; i < 2; i++) {
        ev = event(fix, "alarm", NULL, START);
        ev.known[EVENT_USERNAME] = value_text(buf_text(&name));
        judge(fix, &ev);
        buf_append_char(&name, 'y');    /* the same beginning, another name */
    }
    seen = incidents(fix);
    assert_int_equal(seen.count, 2);
    assert_true(strlen(seen.key) < 300);
    assert_true(text_is_utf8(text_of(seen.key)));
    buf_release(&name);
}

static void
event_of_an_impossible_time_is_refused(void **state)
{
    struct fixture *fix = *state;
    struct event ev = event(fix, "alarm", "192.0.2.1", INT64_MAX);
    struct err err = { "" };

    assert_int_equal(engine_judge(fix->engine, &ev, 1, &err), -1);
    assert_non_null(strstr(err.text, "time"));
    assert_int_equal(incidents(fix).count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_one_incident_and_tells_who_what_and_how_often),
        TEST(incident_id_is_of_rule_key_and_opening_event),
        TEST(incident_goes_on_within_an_hour_and_then_a_new_one_opens),
        TEST(only_changed_incidents_are_told_again),
        TEST(rule_without_a_window_is_keyed_by_source_else_user_else_itself),
        TEST(repeat_of_a_keyed_event_changes_neither_windows_nor_lone_rules),
        TEST(groups_need_all_their_fields_and_count_distinct_values),
        TEST(late_events_are_counted_by_who_sent_them),
        TEST(keys_are_dropped_when_received_time_has_passed_and_told_as_gone),
        TEST(longest_untouched_key_goes_when_there_are_too_many),
        TEST(incident_of_a_key_that_is_dropped_is_still_told),
        TEST(backfill_and_live_events_of_a_key_do_not_share_an_incident),
        cmocka_unit_test(restarts_change_no_incident),
        cmocka_unit_test(slots_share_the_work_and_find_what_one_finds),
        TEST(rows_of_rules_that_are_gone_are_dropped_and_told),
        TEST(changed_rule_starts_with_empty_windows_and_keeps_its_incidents),
        TEST(damaged_rows_are_refused),
        TEST(rows_of_a_strange_key_or_given_twice_are_not_taken),
        TEST(state_that_was_lost_marks_incidents_incomplete),
        TEST(long_and_odd_keys_stay_bounded_and_valid_utf8),
        TEST(event_of_an_impossible_time_is_refused),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
