/*
 * engine_filter.c - what the filters of the rules took, counted
 *
 * The matcher applies them. One slot alone counts an event, that which its
 * windowless rules belong to.
 */
#include <stdlib.h>

#include "detector/engine/engine_internal.h"

int
engine_label(struct buf *out, const char *name, const char *value)
{
    int rc = buf_printf(out, "%s=\"", name);

    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\' || *at == '\n')
            rc |= buf_append_char(out, '\\');
        rc |= buf_append_char(out, *at == '\n' ? 'n' : *at);
    }
    return rc | buf_append_char(out, '"');
}

void
engine_count_expired(struct engine *engine)
{
    struct filtering_counts *filters = &engine->filters;

    if (engine->stream_us < filters->next_us)
        return;
    *filters->expired = 0;
    filters->next_us = INT64_MAX;
    for (size_t i = 0; i < ruleset_filter_count(engine->rules); i++) {
        int64_t expires_us = ruleset_filter(engine->rules, i)->sigma.expires_us;

        if (engine->stream_us >= expires_us)
            ++*filters->expired;
        else if (expires_us < filters->next_us)
            filters->next_us = expires_us;
    }
}

int
engine_open_filters(struct engine *engine, struct metrics *metrics)
{
    struct filtering_counts *filters = &engine->filters;
    size_t count = ruleset_filter_count(engine->rules);
    struct buf label = { 0 };
    int rc = 0;

    filters->expired = metrics_number(metrics, METRIC_GAUGE, "bongsu_detector_filters_expired",
                                      "", "filters past their time, which are not applied");
    filters->next_us = INT64_MIN;
    filters->taken = calloc(count + 1, sizeof(filters->taken[0]));
    for (size_t i = 0; filters->taken != NULL && i < count && rc == 0; i++) {
        buf_clear(&label);
        rc = engine_label(&label, "filter", ruleset_filter(engine->rules, i)->sigma.body.id);
        if (rc == 0)
            filters->taken[i] = metrics_number(metrics, METRIC_COUNTER,
                                               "bongsu_detector_filtered_total", label.ptr,
                                               "hits of rules that a filter took");
    }
    buf_release(&label);
    return filters->taken == NULL ? -1 : rc;
}

int
engine_count_filtered(struct engine *engine, const struct event *ev)
{
    const uint32_t *numbers;
    size_t count = matcher_taken(ruleset_matcher(engine->rules), &numbers);
    uint64_t owner;

    engine_count_expired(engine);
    if (count == 0)
        return 0;
    if (engine_lone_key(ev, &engine->other_key, &owner) != 0)
        return -1;
    for (size_t i = 0; i < count && engine_is_ours(engine, owner); i++)
        ++*engine->filters.taken[numbers[i]];
    return 0;
}

int
engine_filter(const struct engine *engine, size_t i, struct engine_filtered *ret)
{
    const struct rule_filter *filter;

    if (i >= ruleset_filter_count(engine->rules))
        return 0;
    filter = ruleset_filter(engine->rules, i);
    *ret = (struct engine_filtered){
        .id = filter->sigma.body.id, .title = filter->sigma.body.title,
        .file = filter->sigma.body.file, .expires = filter->sigma.expires,
        .line = filter->sigma.body.line,
        .is_expired = engine->stream_us >= filter->sigma.expires_us,
        .expires_us = filter->sigma.expires_us,
        .rules = filter->rule_count, .taken = *engine->filters.taken[i],
    };
    return 1;
}
