#include <stdio.h>

#include "detector/tool/explain_rule.h"
#include "detector/tool/explain_words.h"

static const char *const types[] = {
    [SIGMA_EVENT_COUNT] = "event_count", [SIGMA_VALUE_COUNT] = "value_count",
    [SIGMA_VALUE_SUM] = "value_sum", [SIGMA_TEMPORAL] = "temporal",
    [SIGMA_ORDERED] = "temporal_ordered",
};

static const char *
type_of(const struct sigma_correlation *cor)
{
    return (size_t)cor->type < sizeof(types) / sizeof(types[0]) && types[cor->type] != NULL
               ? types[cor->type] : "correlation";
}

/* What a window of one key has to hold. */
static json_t *
needs_of(const struct sigma_correlation *cor)
{
    static const char *const of[] = {
        [SIGMA_EVENT_COUNT] = "matching events", [SIGMA_VALUE_COUNT] = "different values of",
        [SIGMA_VALUE_SUM] = "as the sum of", [SIGMA_TEMPORAL] = "of its rules",
        [SIGMA_ORDERED] = "of its rules, in their order",
    };
    const char *what = (size_t)cor->type < sizeof(of) / sizeof(of[0]) ? of[cor->type] : NULL;
    char span[32], field[300] = "";

    explain_span(cor->span_us, span);
    if (cor->field.len > 0)
        snprintf(field, sizeof(field), " %.*s", (int)(cor->field.len < 256 ? cor->field.len : 256),
                 cor->field.ptr);
    return json_sprintf("%s %.15g %s%s within %s%s", cor->is_strict ? "more than" : "at least",
                        cor->threshold, what == NULL ? type_of(cor) : what, field, span,
                        cor->group_count > 0 ? ", of one key" : "");
}

/* One of its rules: does the event match it, and under which key is it then counted? */
static json_t *
explain_step(const struct explaining *all, const struct rule *rule, size_t s)
{
    const struct rule_step *step = &rule->steps[s];
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    const struct sigma_rule *sigma = &ruleset_rule(all->rules, step->rule)->sigma;
    json_t *json = json_pack("{s:s, s:s}", "rule", sigma->id, "title",
                             sigma->title == NULL ? "" : sigma->title);
    int is_whole, is_match;

    if (!all->is_judged[step->rule]) {
        /* its key comes of other events, which are not here */
        json_object_set_new(json, "type", json_string(type_of(&sigma->correlation)));
        return json;
    }
    is_match = all->verdicts[step->rule].is_match;
    json_object_set_new(json, "matches", json_boolean(is_match));
    json_object_set_new(json, "missing", json_integer(all->verdicts[step->rule].near.missing));
    json_object_set_new(json, "key", explain_key(all, cor->group_by, step->parts,
                                                 cor->group_count, &is_whole));
    json_object_set_new(json, "grouped", json_boolean(is_whole));
    return json;
}

/* 1 when the event goes into a window of the rule, by one of its steps. */
static int
is_counted(json_t *steps)
{
    json_t *step;
    size_t i;

    json_array_foreach(steps, i, step)
        if (json_is_true(json_object_get(step, "matches")) &&
            json_is_true(json_object_get(step, "grouped")))
            return 1;
    return 0;
}

json_t *
explain_correlation(const struct explaining *all, size_t i, struct err *err)
{
    const struct rule *rule = ruleset_rule(all->rules, i);
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    json_t *json = explain_head(all, i, 0), *steps = json_array();
    char span[32];

    if (json == NULL) {
        json_decref(steps);
        err_set(err, "out of memory");
        return NULL;
    }
    for (size_t s = 0; s < cor->rule_count; s++)
        json_array_append_new(steps, explain_step(all, rule, s));
    explain_span(cor->span_us, span);
    json_object_set_new(json, "type", json_string(type_of(cor)));
    json_object_set_new(json, "matches", json_boolean(is_counted(steps)));
    json_object_set_new(json, "timespan", json_string(span));
    json_object_set_new(json, "threshold", json_real(cor->threshold));
    json_object_set_new(json, "needs", needs_of(cor));
    if (cor->field.len > 0) {
        json_object_set_new(json, "field", explain_text(cor->field));
        json_object_set_new(json, "value", explain_field(all, rule->value_field));
    }
    json_object_set(json, "steps", steps);
    json_decref(steps);
    return json;
}
