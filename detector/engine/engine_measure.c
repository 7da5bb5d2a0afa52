/*
 * engine_measure.c - what a correlation counts or measures of an event
 */
#include <math.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

/* What a double holds many of, and adds up: no sender's number is to make a sum
 * infinite. */
static const double max_weight = 1e100;

/* The number that a rule measures: 0, 1 when the event lacks it. */
static int
read_weight(struct engine *engine, const struct rule *rule, double *ret_weight)
{
    const struct value *value = field_table_value(ruleset_fields(engine->rules),
                                                  rule->value_fields[0]);
    double weight;

    if (value == NULL || value_as_number(value, &weight) != 0 || !isfinite(weight))
        return 1;
    *ret_weight = fmax(-max_weight, fmin(weight, max_weight));
    return 0;
}

/* Which value a rule counts, of several fields together: 0, 1 when the event lacks
 * one, -1 without memory. */
static int
read_distinct(struct engine *engine, const struct rule *rule, struct window_entry *entry)
{
    struct field_table *fields = ruleset_fields(engine->rules);
    struct buf *all = &engine->summary;

    buf_clear(all);
    for (size_t i = 0; i < rule->sigma.correlation.field_count; i++) {
        struct text text = field_table_text(fields, rule->value_fields[i]);

        if (text.ptr == NULL)
            return 1;
        /* with their lengths, so that "ab" and "c" are not "a" and "bc" */
        if ((rule->sigma.correlation.field_count > 1 &&
             buf_append(all, (const char *)&text.len, sizeof(text.len)) != 0) ||
            buf_append_text(all, text) != 0)
            return -1;
        fold_copy(all->ptr + all->len - text.len, all->ptr + all->len - text.len, text.len);
    }
    entry->as.value = hash64(all->ptr, all->len) & ENGINE_VALUE_MASK;
    return 0;
}

int
engine_measure(struct engine *engine, const struct rule *rule, uint64_t steps,
               struct window_entry *entry)
{
    switch (rule->sigma.correlation.type) {
    case SIGMA_NONE:
    case SIGMA_EVENT_COUNT:
        return 0;
    case SIGMA_VALUE_SUM:
    case SIGMA_VALUE_AVG:
    case SIGMA_VALUE_PERCENTILE:
        return read_weight(engine, rule, &entry->as.weight);
    case SIGMA_VALUE_COUNT:
        return read_distinct(engine, rule, entry);
    case SIGMA_TEMPORAL:
    case SIGMA_ORDERED:
        entry->as.value = steps;
    }
    return 0;
}
