#include "detector/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"

#define HOUR_US (INT64_C(3600) * 1000000)

/* What a window may always hold, however short memory is. */
enum { MIN_ENTRIES = 64 };

/* Ids that clients gave are remembered this long, so that a repeat is known. */
#define SEEN_HOLD_US (24 * HOUR_US)

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
        { &counts->entries_dropped, METRIC_COUNTER,
          "bongsu_detector_entries_dropped_total",
          "events forgotten early, to stay within max_entries" },
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

/* The highest number that its condition names. */
static double
highest(const struct window_rule *rule)
{
    double number = rule->threshold;

    if (rule->is_waiting && isfinite(rule->most))
        number = fmax(number, rule->most);
    return rule->is_waiting ? fmax(number, rule->except) : number;
}

/* A window must be able to reach its threshold, twice for good measure. */
static void
plan_limits(struct rule_plan *plan, const struct engine_options *options)
{
    size_t most = options->max_total_entries / 4 > MIN_ENTRIES
                  ? options->max_total_entries / 4 : MIN_ENTRIES;
    double need = window_has_weight(plan->window.kind) ? 0 : highest(&plan->window) * 2;

    plan->tight_entries = MIN_ENTRIES;
    if (need > 0)
        plan->tight_entries += need < (double)most ? (size_t)need : most;
    plan->max_entries = options->max_entries > plan->tight_entries
                        ? options->max_entries : plan->tight_entries;
}

static struct rule_plan
plan_rule(struct engine *engine, const struct sigma_rule *sigma)
{
    static const enum window_kind kinds[] = {
        [SIGMA_TEMPORAL] = WINDOW_STEPS,
        [SIGMA_ORDERED] = WINDOW_ORDERED,
        [SIGMA_EVENT_COUNT] = WINDOW_COUNT,
        [SIGMA_VALUE_COUNT] = WINDOW_DISTINCT,
        [SIGMA_VALUE_SUM] = WINDOW_SUM,
        [SIGMA_VALUE_AVG] = WINDOW_AVERAGE,
        [SIGMA_VALUE_PERCENTILE] = WINDOW_PERCENTILE,
    };
    const struct sigma_correlation *cor = &sigma->correlation;
    struct rule_plan plan = {
        .window = { .kind = kinds[cor->type], .steps = (unsigned)cor->rule_count,
                    .span_us = cor->span_us, .lateness_us = engine->options.lateness_us,
                    .threshold = cor->threshold, .is_strict = cor->is_strict,
                    .max_entries = engine->options.max_entries,
                    .percentile = cor->percentile, .is_waiting = cor->is_waiting,
                    .most = cor->most, .is_most_strict = cor->is_most_strict,
                    .except = cor->except, .terms = cor->terms,
                    .term_count = cor->term_count,
                    .is_ahead = cor->is_waiting && cor->term_count > 0 },
        .suppress_us = sigma->suppress_us,
    };
    int64_t hold = cor->span_us > HOUR_US ? cor->span_us : HOUR_US;

    plan_limits(&plan, &engine->options);
    if (cor->is_waiting)
        hold += HOUR_US;        /* it must outlive what it waits for */
    if (plan.suppress_us == 0)
        plan.suppress_us = hold;
    if (plan.suppress_us > hold)
        hold = plan.suppress_us;
    if (sigma->seen_us > hold)
        hold = sigma->seen_us;
    plan.age_class = state_class(&engine->table, hold + engine->options.lateness_us,
                                 cor->type != SIGMA_NONE ? STATE_WINDOWS
                                 : sigma->seen_us > 0 ? STATE_MEMORY : STATE_PLAIN);
    engine->unstarted += sigma->learn_us > 0;
    return plan;
}

struct engine *
engine_new(const struct engine_options *options, struct ruleset **rules,
           struct metrics *metrics, struct err *err)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    size_t count = ruleset_count(*rules);

    if (engine == NULL || state_table_init(&engine->table) != 0)
        goto no_memory;
    engine->options = *options;
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
    engine->seen_class = state_class(&engine->table, SEEN_HOLD_US, STATE_PLAIN);
    engine->told_class = state_class(&engine->table, HOUR_US, STATE_PLAIN);
    engine->late_class = state_class(&engine->table, INT64_MAX, STATE_PLAIN);
    for (size_t i = 0; i < count; i++) {
        engine->plans[i] = plan_rule(engine, &ruleset_rule(*rules, i)->sigma);
        engine->plans[i].rank = ruleset_rule(*rules, i)->rank;
    }
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
    state_table_release(&(*engine)->table);
    window_match_release(&(*engine)->match);
    journals_release(&(*engine)->journals);
    id_memory_release(&(*engine)->keyed);
    chain_release(&(*engine)->chain);
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

struct engine_numbers
engine_numbers(const struct engine *engine)
{
    const struct engine_counts *counts = &engine->counts;

    return (struct engine_numbers){
        ruleset_count(engine->rules), ruleset_refused_count(engine->rules),
        engine->table.count, engine->table.entries,
        *counts->keys_evicted, *counts->entries_evicted, *counts->entries_dropped,
    };
}
