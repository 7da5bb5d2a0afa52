/* What each rule needs while events are judged: its limits, and how long its rows are held. */
#include <math.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

#define HOUR_US (INT64_C(3600) * 1000000)
/* Ids that clients gave are remembered this long, so that a repeat is known. */
#define SEEN_HOLD_US (24 * HOUR_US)

/* What a window may always hold, however short memory is. */
enum { MIN_ENTRIES = 64 };

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

/* How long a window is of use. */
static int64_t
window_hold(const struct window_rule *rule)
{
    int64_t hold = rule->span_us > HOUR_US ? rule->span_us : HOUR_US;

    return rule->is_waiting ? hold + HOUR_US : hold;    /* it must outlive what it waits for */
}

static struct rule_plan
plan_rule(const struct engine *engine, const struct sigma_rule *sigma)
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

    plan_limits(&plan, &engine->options);
    if (plan.suppress_us == 0)
        plan.suppress_us = window_hold(&plan.window);
    return plan;
}

/* How long its rows are of use. */
static int64_t
rows_hold(const struct rule_plan *plan, const struct sigma_rule *sigma)
{
    int64_t hold = window_hold(&plan->window);

    if (plan->suppress_us > hold)
        hold = plan->suppress_us;
    return sigma->seen_us > hold ? sigma->seen_us : hold;
}

static size_t
share_of(const struct engine *engine, size_t all)
{
    unsigned percent = engine->options.rule_share;
    size_t share = all / 100 * percent + all % 100 * percent / 100;

    if (percent == 0)
        return SIZE_MAX;
    return share > 0 ? share : 1;
}

/* A holding whose rows come with events: no more than a share of all that there may be. */
static void
hold(struct engine *engine, size_t at, uint64_t name, enum state_kind kind, int64_t hold_us)
{
    struct holding *holding = state_hold(&engine->table, at, name, kind, hold_us);

    holding->most_rows = share_of(engine, kind == STATE_MEMORY ? engine_memory_limit(engine)
                                                               : engine->options.max_keys);
    holding->most_entries = share_of(engine, engine->options.max_total_entries);
}

void
engine_plan(struct engine *engine, const struct ruleset *rules)
{
    hold(engine, HOLDS_SEEN, HOLDS_SEEN, STATE_PLAIN, SEEN_HOLD_US);
    hold(engine, HOLDS_TOLD, HOLDS_TOLD, STATE_PLAIN, HOUR_US);
    (void)state_hold(&engine->table, HOLDS_LATE, HOLDS_LATE, STATE_KEPT, INT64_MAX);
    (void)state_hold(&engine->table, HOLDS_STARTS, HOLDS_STARTS, STATE_KEPT, INT64_MAX);
    for (size_t i = 0; i < ruleset_count(rules); i++) {
        const struct rule *rule = ruleset_rule(rules, i);
        const struct sigma_rule *sigma = &rule->sigma;

        engine->plans[i] = plan_rule(engine, sigma);
        engine->plans[i].rank = rule->rank;
        engine->unstarted += sigma->learn_us > 0;
        hold(engine, HOLDS_RULES + i, hash64(sigma->id, strlen(sigma->id)),
             sigma->correlation.type != SIGMA_NONE ? STATE_WINDOWS
             : sigma->seen_us > 0 ? STATE_MEMORY : STATE_PLAIN,
             rows_hold(&engine->plans[i], sigma) + engine->options.lateness_us);
    }
}
