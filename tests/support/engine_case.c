#include "tests/support/engine_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/ruleset.h"

const char *const engine_case_rules =
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

struct engine_options
engine_case_options(void)
{
    return (struct engine_options){ .lateness_us = SEC(300), .max_keys = 10000,
                                    .max_entries = 10000, .slots = 1 };
}

void
engine_case_open(struct engine_case *fix, const char *text,
                 const struct engine_options *options)
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

void
engine_case_close(struct engine_case *fix)
{
    engine_destroy(&fix->engine);
    metrics_destroy(&fix->metrics);
}

int
engine_case_set_up(void **state)
{
    struct engine_options options = engine_case_options();

    *state = calloc(1, sizeof(struct engine_case));
    engine_case_open(*state, engine_case_rules, &options);
    return 0;
}

int
engine_case_tear_down(void **state)
{
    engine_case_close(*state);
    free(*state);
    return 0;
}

struct event
engine_case_event(struct engine_case *fix, const char *type, const char *source,
                  int64_t at_us)
{
    struct event ev = { .at_us = at_us, .received_us = at_us };

    ev.id = event_id_make(1, 1, ++fix->sequence);
    ev.known[EVENT_TYPE] = value_text(text_of(type));
    if (source != NULL)
        ev.known[EVENT_SOURCE_ADDRESS] = value_text(text_of(source));
    ev.known[EVENT_COUNT] = value_int(1);
    return ev;
}

void
engine_case_judge(struct engine_case *fix, const struct event *ev)
{
    struct err err = { "" };

    if (engine_judge(fix->engine, ev, 9, &err) != 0)
        fail_msg("%s", err.text);
}

void
engine_case_fail_login(struct engine_case *fix, const char *source, int64_t count,
                       int64_t at_us)
{
    struct event ev = engine_case_event(fix, "login_failed", source, at_us);

    ev.known[EVENT_COUNT] = value_int(count);
    engine_case_judge(fix, &ev);
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
    snprintf(seen->key, sizeof(seen->key), "%s",
             inc->key_count > 0 ? inc->keys[0].value : "");
    return 0;
}

struct seen
engine_case_incidents(struct engine_case *fix)
{
    struct seen seen = { 0 };

    assert_int_equal(engine_incidents(fix->engine, SIZE_MAX, see_incident, &seen), 0);
    return seen;
}

static int
see_row(void *ctx, const struct engine_row *row)
{
    struct row_store *store = ctx;
    struct stored_row *to = NULL;

    store->changes++;
    for (size_t i = 0; i < store->count; i++)
        if (text_equals(buf_text(&store->rows[i].rule), row->rule) &&
            text_equals(buf_text(&store->rows[i].key), row->key))
            to = &store->rows[i];
    if (to == NULL) {
        assert_true(store->count < STORE_MAX_ROWS);
        to = &store->rows[store->count++];
        buf_append_text(&to->rule, row->rule);
        buf_append_text(&to->key, row->key);
    }
    to->hash = row->hash;
    to->is_gone = row->state.ptr == NULL;
    buf_clear(&to->state);
    return to->is_gone ? 0 : buf_append_text(&to->state, row->state);
}

static int
see_nothing(void *ctx, const struct incident *inc)
{
    (void)ctx, (void)inc;
    return 0;
}

void
row_store_save(struct row_store *store, struct engine_case *fix)
{
    store->changes = 0;
    assert_int_equal(engine_incidents(fix->engine, SIZE_MAX, see_nothing, NULL), 0);
    assert_int_equal(engine_changes(fix->engine, see_row, store), 0);
    engine_settle(fix->engine);
}

void
row_store_restore(const struct row_store *store, struct engine_case *fix)
{
    struct err err = { "" };

    for (size_t i = 0; i < store->count; i++) {
        const struct stored_row *one = &store->rows[i];
        const struct engine_row row = { .rule = buf_text(&one->rule),
                                        .key = buf_text(&one->key), .hash = one->hash,
                                        .state = buf_text(&one->state) };

        if (!one->is_gone && engine_restore(fix->engine, &row, &err) != 0)
            fail_msg("%s", err.text);
    }
}

size_t
row_store_kept(const struct row_store *store)
{
    size_t kept = 0;

    for (size_t i = 0; i < store->count; i++)
        kept += !store->rows[i].is_gone;
    return kept;
}

void
row_store_destroy(struct row_store **store)
{
    for (size_t i = 0; i < (*store)->count; i++) {
        buf_release(&(*store)->rows[i].rule);
        buf_release(&(*store)->rows[i].key);
        buf_release(&(*store)->rows[i].state);
    }
    free(*store);
    *store = NULL;
}

uint64_t
engine_case_counter(struct engine_case *fix, const char *name)
{
    return *metrics_number(fix->metrics, METRIC_COUNTER, name, "", "");
}
