#include "detector/tool/replay_side.h"

#include "detector/ruleset/ruleset.h"
#include "detector/tool/replay.h"
#include "detector/tool/rule_cases.h"

#define HOUR_US (INT64_C(3600) * 1000000)

/* Incidents are taken out so often: what is told no more need not be held. */
enum { DRAIN_EVENTS = 4096 };

/* --- how far back --- */

/* How long before an event another one may matter to the rule, by its windows and those
 * of the rules that feed it (which do not feed each other in circles: they have ranks). */
static int64_t
window_of(const struct ruleset *rules, size_t i)
{
    const struct rule *rule = ruleset_rule(rules, i);
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    int64_t longest = 0;

    if (cor->type == SIGMA_NONE)
        return rule->sigma.seen_us + rule->sigma.learn_us;
    for (size_t s = 0; s < cor->rule_count; s++) {
        int64_t below = window_of(rules, rule->steps[s].rule);

        longest = below > longest ? below : longest;
    }
    return longest + cor->span_us + rule->sigma.echo.within_us;
}

/* While its key matches within this time an incident goes on. */
static int64_t
suppress_of(const struct rule *rule)
{
    int64_t span_us = rule->sigma.correlation.span_us;

    return rule->sigma.suppress_us > 0 ? rule->sigma.suppress_us
                                       : span_us > HOUR_US ? span_us : HOUR_US;
}

static void
measure(struct replay_side *side, const struct ruleset *rules, int64_t lateness_us)
{
    for (size_t i = 0; i < ruleset_count(rules); i++) {
        const struct rule *rule = ruleset_rule(rules, i);
        int64_t need_us = window_of(rules, i) + 2 * suppress_of(rule) + lateness_us;

        if (need_us > REPLAY_MAX_LOOKBACK_US)
            json_array_append_new(side->longer, json_string(rule->sigma.id));
        else if (need_us > side->lookback_us)
            side->lookback_us = need_us;
    }
}

/* --- opening --- */

static int
open_engine(struct replay_side *side, const struct tool_options *options,
            struct ruleset **rules, struct err *err)
{
    const struct engine_options limits = tool_options_engine(options);
    struct allow_list *allow = NULL;
    int rc = -1;

    measure(side, *rules, limits.lateness_us);
    side->engine = engine_new(&limits, rules, side->metrics, err);
    if (side->engine == NULL || tool_options_allow(options, &allow, err) != 0)
        return -1;
    side->late = metrics_number(side->metrics, METRIC_COUNTER,
                                "bongsu_detector_late_events_total", "", "");
    if (allow == NULL || engine_set_allow(side->engine, &allow) == 0)
        rc = 0;
    else
        err_set(err, "out of memory");
    allow_list_destroy(&allow);
    return rc;
}

int
replay_side_init(struct replay_side *side, const struct tool_options *options,
                 const char *path, struct err *err)
{
    struct ruleset *rules = rule_cases_load_chosen(path, options->placeholders,
                                                 options->choice, err);
    int rc = -1;

    side->refused = json_array();
    side->longer = json_array();
    side->metrics = metrics_new();
    if (rules == NULL)
        return -1;
    err_set(err, "out of memory");
    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        json_array_append_new(side->refused, json_string(ruleset_refused(rules, i)));
    if (side->metrics != NULL)
        rc = open_engine(side, options, &rules, err);
    ruleset_destroy(&rules);
    return rc;
}

void
replay_side_release(struct replay_side *side)
{
    engine_destroy(&side->engine);
    metrics_destroy(&side->metrics);
    json_decref(side->refused);
    json_decref(side->longer);
    side->refused = side->longer = NULL;
}

/* --- judging --- */

static int
keep_incident(void *ctx, const struct incident *inc)
{
    struct replay_side *side = ctx;

    return found_add(side->found, side->side, inc, &side->err);
}

/* Nothing is kept of the rows: they only are settled. */
static int
pass_over(void *ctx, const struct engine_row *row)
{
    (void)ctx, (void)row;
    return 0;
}

static int
drain(struct replay_side *side, struct err *err)
{
    err_set(&side->err, "out of memory");
    side->undrained = 0;
    if (engine_changes(side->engine, pass_over, side) != 0 ||
        engine_incidents(side->engine, SIZE_MAX, keep_incident, side) != 0) {
        *err = side->err;
        return -1;
    }
    engine_settle(side->engine);
    return 0;
}

int
replay_side_judge(struct replay_side *side, const struct event *ev, uint64_t origin,
                  struct err *err)
{
    if (engine_judge(side->engine, ev, origin, err) != 0)
        return -1;
    return ++side->undrained < DRAIN_EVENTS ? 0 : drain(side, err);
}

int
replay_side_finish(struct replay_side *side, struct err *err)
{
    return drain(side, err);
}

json_t *
replay_side_numbers(const struct replay_side *side)
{
    struct engine_numbers numbers = engine_numbers(side->engine);

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "rules", (json_int_t)numbers.rules,
                     "late", (json_int_t)*side->late, "keys_evicted",
                     (json_int_t)numbers.keys_evicted, "entries_evicted",
                     (json_int_t)numbers.entries_evicted, "entries_dropped",
                     (json_int_t)numbers.entries_dropped, "refused", side->refused);
}
