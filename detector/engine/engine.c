#include "detector/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"

static void
open_counts(struct engine *engine, struct metrics *metrics)
{
    struct engine_counts *counts = &engine->counts;
    const struct {
        uint64_t **number;
        enum metric_kind kind;
        const char *name, *help;
    } rows[] = {
        { &counts->matches, METRIC_COUNTER, "bongsu_detector_matches_total",
          "rules matched by an event" },
        { &counts->incidents, METRIC_COUNTER, "bongsu_detector_incidents_total",
          "incidents opened" },
        { &counts->late, METRIC_COUNTER, "bongsu_detector_late_events_total",
          "events too late to be counted into windows" },
        { &counts->no_key, METRIC_COUNTER, "bongsu_detector_no_key_total",
          "matches that lack a field their rule groups by" },
        { &counts->no_value, METRIC_COUNTER, "bongsu_detector_no_value_total",
          "matches that lack the field their rule counts" },
        { &counts->repeats, METRIC_COUNTER, "bongsu_detector_repeats_total",
          "events of a client's id that were judged before" },
        { &counts->keys_evicted, METRIC_COUNTER, "bongsu_detector_keys_evicted_total",
          "keys forgotten early, to stay within max_keys or max_total_entries" },
        { &counts->rule_keys_evicted, METRIC_COUNTER, "bongsu_detector_rule_keys_evicted_total",
          "of those, keys that went since their rule had its share (max_rule_share)" },
        { &counts->entries_dropped, METRIC_COUNTER,
          "bongsu_detector_entries_dropped_total",
          "events forgotten early, to stay within max_entries" },
        { &counts->entries_shortened, METRIC_COUNTER,
          "bongsu_detector_entries_shortened_total",
          "of those, events that went since max_total_entries, or a rule's share of it, was"
          " nearly taken" },
        { &counts->entries_evicted, METRIC_COUNTER,
          "bongsu_detector_entries_evicted_total",
          "events forgotten with their key, to stay within max_keys or"
          " max_total_entries" },
        { &counts->learnt, METRIC_COUNTER, "bongsu_detector_learnt_total",
          "things that a first_seen rule saw first while it was learning" },
        { &counts->yielded, METRIC_COUNTER, "bongsu_detector_yielded_total",
          "matches that opened no incident, since one of a rule they yield to is open" },
        { &counts->echoed, METRIC_COUNTER, "bongsu_detector_echoed_total",
          "events that only told what another log had told already" },
        { &counts->memory_evicted, METRIC_COUNTER,
          "bongsu_detector_seen_evicted_total",
          "things that first_seen rules forgot early, to stay within max_keys / 4" },
        { &counts->routes, METRIC_COUNTER, "bongsu_detector_routes_total",
          "logsources of events for which it was worked out which rules apply" },
        { &counts->regex_limits, METRIC_COUNTER, "bongsu_detector_regex_limits_total",
          "regular expressions given up at their limit" },
        { &counts->keys, METRIC_GAUGE, "bongsu_detector_keys",
          "rows of state in memory" },
        { &counts->untold, METRIC_GAUGE, "bongsu_detector_keys_untold",
          "keys with an incident that went on and is still to be told" },
        { &counts->entries, METRIC_GAUGE, "bongsu_detector_entries",
          "events that windows hold" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(metrics, rows[i].kind, rows[i].name, "",
                                         rows[i].help);
}

void
engine_show_rules(const struct engine *engine)
{
    const struct { const char *name, *help; uint64_t number; } rows[] = {
        { "bongsu_detector_rules", "rules in use", ruleset_count(engine->rules) },
        { "bongsu_detector_rules_refused", "rules or files refused",
          ruleset_refused_count(engine->rules) },
        { "bongsu_detector_filters", "filters of rules in use",
          ruleset_filter_count(engine->rules) },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *metrics_number(engine->allowing.metrics, METRIC_GAUGE, rows[i].name, "",
                        rows[i].help) = rows[i].number;
}

static int
compare_ids(const void *left, const void *right)
{
    return strcmp(((const struct rule_by_id *)left)->id, ((const struct rule_by_id *)right)->id);
}

static int
index_rules(struct engine *engine)
{
    size_t count = ruleset_count(engine->rules);

    engine->by_id = calloc(count + 1, sizeof(engine->by_id[0]));
    if (engine->by_id == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        engine->by_id[i] = (struct rule_by_id){ ruleset_rule(engine->rules, i)->sigma.id,
                                                (uint32_t)i };
    qsort(engine->by_id, count, sizeof(engine->by_id[0]), compare_ids);
    return 0;
}

struct engine *
engine_new(const struct engine_options *options, struct ruleset **rules,
           struct metrics *metrics, struct err *err)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    size_t count = ruleset_count(*rules);

    if (engine == NULL || state_table_init(&engine->table, count) != 0)
        goto no_memory;
    engine->options = *options;
    engine->expecting.least_rows = EXPECT_LEAST_ROWS;
    engine->share.slots = options->slots;
    engine->share.slot = options->slot;
    if (engine->options.max_keys == 0)
        engine->options.max_keys = 1;
    engine->plans = calloc(count + 1, sizeof(engine->plans[0]));
    engine->chain.rules = calloc(count + 1, sizeof(engine->chain.rules[0]));
    if (engine->plans == NULL || engine->chain.rules == NULL)
        goto no_memory;
    if (engine->options.max_total_entries == 0)
        engine->options.max_total_entries = SIZE_MAX;
    engine_plan(engine, *rules);
    engine->rules = *rules;
    *rules = NULL;
    open_counts(engine, metrics);
    if (index_rules(engine) != 0 || engine_open_allow(engine, metrics) != 0 ||
        engine_open_filters(engine, metrics) != 0)
        goto no_memory;
    engine_show_rules(engine);
    return engine;

no_memory:
    err_set(err, "engine: out of memory");
    engine_destroy(&engine);
    return NULL;
}

void
engine_destroy(struct engine **engine)
{
    if (*engine == NULL)
        return;
    engine_release_allow(*engine);
    leaving_release(&(*engine)->leaving);
    state_table_release(&(*engine)->table);
    window_match_release(&(*engine)->match);
    journals_release(&(*engine)->journals);
    id_memory_release(&(*engine)->keyed);
    chain_release(&(*engine)->chain);
    engine_expect_release(*engine);
    buf_release(&(*engine)->key);
    buf_release(&(*engine)->other_key);
    buf_release(&(*engine)->pack);
    buf_release(&(*engine)->summary);
    ruleset_destroy(&(*engine)->rules);
    free((*engine)->filters.taken);
    free((*engine)->plans);
    free((*engine)->by_id);
    free(*engine);
    *engine = NULL;
}

struct ruleset *
engine_end(struct engine **engine)
{
    struct ruleset *rules = (*engine)->rules;

    (*engine)->rules = NULL;
    engine_destroy(engine);
    return rules;
}

const struct ruleset *
engine_rules(const struct engine *engine)
{
    return engine->rules;
}

void
engine_set_incomplete_until(struct engine *engine, int64_t until_us)
{
    engine->incomplete_until_us = until_us;
}

void
engine_set_share(struct engine *engine, const struct share *share)
{
    engine->share = *share;
}

int
engine_loss(const struct engine *engine, size_t i, struct engine_loss *ret)
{
    const struct rule *rule;

    if (i >= ruleset_count(engine->rules))
        return 0;
    rule = ruleset_rule(engine->rules, i);
    *ret = (struct engine_loss){ rule->sigma.id, rule->sigma.title, engine->plans[i].lost_keys,
                                 engine->plans[i].lost_entries };
    return 1;
}

struct engine_numbers
engine_numbers(const struct engine *engine)
{
    const struct engine_counts *counts = &engine->counts;

    return (struct engine_numbers){
        ruleset_count(engine->rules), ruleset_refused_count(engine->rules),
        engine->table.count, engine->table.entries,
        *counts->keys_evicted, *counts->rule_keys_evicted, *counts->entries_evicted,
        *counts->entries_dropped, *counts->entries_shortened, *counts->memory_evicted,
    };
}
