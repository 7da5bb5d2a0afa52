#include <stdio.h>

#include "detector/tool/explain_rule.h"
#include "detector/tool/explain_words.h"
#include "proto/base/buf.h"
#include "proto/event.h"

static const struct {
    const char *name;
    const char *counts;         /* what its threshold is of */
} types[] = {
    [SIGMA_NONE] = { "correlation", "" },
    [SIGMA_EVENT_COUNT] = { "event_count", "matching events" },
    [SIGMA_VALUE_COUNT] = { "value_count", "different values of" },
    [SIGMA_VALUE_SUM] = { "value_sum", "as the sum of" },
    [SIGMA_VALUE_AVG] = { "value_avg", "as the mean of" },
    [SIGMA_VALUE_PERCENTILE] = { "value_percentile", "as percentile" },
    [SIGMA_TEMPORAL] = { "temporal", "of its rules" },
    [SIGMA_ORDERED] = { "temporal_ordered", "of its rules, in their order" },
};

/* What a window of one key has to hold. */
static json_t *
needs_of(const struct sigma_correlation *cor)
{
    char span[32];
    struct buf fields = { 0 };
    json_t *needs;

    explain_span(cor->span_us, span);
    if (cor->type == SIGMA_VALUE_PERCENTILE)
        (void)buf_printf(&fields, " %.15g of", cor->percentile);
    for (size_t i = 0; i < cor->field_count; i++)
        (void)buf_printf(&fields, "%s%.*s", i == 0 ? " " : ", ", (int)cor->fields[i].len,
                         cor->fields[i].ptr);
    needs = json_sprintf("%s %.15g %s%s within %s%s", cor->is_strict ? "more than" : "at least",
                         cor->threshold, types[cor->type].counts, fields.len == 0 ? "" : fields.ptr, span,
                         cor->group_count > 0 ? ", of one key" : "");
    buf_release(&fields);
    return needs;
}

/* The fields that it counts, and what the event has in them. */
static void
add_values(const struct explaining *all, const struct rule *rule, json_t *json)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    json_t *values = json_object();
    char name[EVENT_MAX_NAME + 1];

    for (size_t i = 0; i < cor->field_count; i++) {
        snprintf(name, sizeof(name), "%.*s", (int)cor->fields[i].len, cor->fields[i].ptr);
        json_object_set_new(values, name, explain_field(all, rule->value_fields[i]));
    }
    if (cor->field_count > 0)
        json_object_set(json, "values", values);
    json_decref(values);
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
        json_object_set_new(json, "type", json_string(types[sigma->correlation.type].name));
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
    json_object_set_new(json, "type", json_string(types[cor->type].name));
    json_object_set_new(json, "matches", json_boolean(is_counted(steps)));
    json_object_set_new(json, "timespan", json_string(span));
    json_object_set_new(json, "threshold", json_real(cor->threshold));
    json_object_set_new(json, "needs", needs_of(cor));
    add_values(all, rule, json);
    json_object_set(json, "steps", steps);
    json_decref(steps);
    return json;
}
