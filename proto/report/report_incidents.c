#include <stdlib.h>
#include <string.h>

#include "proto/report/site_report.h"

/* What the medians are of: the rule, and how long it took. */
struct took { size_t rule; int64_t us; };

struct tooks { struct took *all; size_t count, cap; };

struct report_times { struct tooks acknowledge, resolve; };

struct report_times *
report_times_new(void)
{
    return calloc(1, sizeof(struct report_times));
}

void
report_times_destroy(struct report_times **times)
{
    if (*times == NULL)
        return;
    free((*times)->acknowledge.all);
    free((*times)->resolve.all);
    free(*times);
    *times = NULL;
}

static int
add_took(struct tooks *tooks, size_t rule, int64_t us)
{
    if (us < 0)
        return 0;
    if (tooks->count == tooks->cap) {
        size_t more = tooks->cap == 0 ? 64 : tooks->cap * 2;
        struct took *grown = realloc(tooks->all, more * sizeof(*grown));

        if (grown == NULL)
            return -1;
        tooks->all = grown;
        tooks->cap = more;
    }
    tooks->all[tooks->count++] = (struct took){ rule, us };
    return 0;
}

static int
is_closed(int status)
{
    return status == STATUS_RESOLVED || status == STATUS_FALSE_POSITIVE;
}

/* From its first event to the first change away from open, and to the last one
 * that closed it (if it is closed); -1: did not happen. Old logs that were sent later
 * make these long, clocks that are ahead 0. */
static void
find_times(const struct incident *inc, int64_t *ret_acknowledge, int64_t *ret_resolve)
{
    *ret_acknowledge = *ret_resolve = -1;
    for (size_t i = 0; i < inc->history_count; i++) {
        const struct incident_change *line = &inc->history[i];
        int64_t took = line->at_us - inc->opened_us;

        took = took < 0 ? 0 : took;
        if (*ret_acknowledge < 0 && line->from == STATUS_OPEN && line->to != STATUS_OPEN)
            *ret_acknowledge = took;
        if (is_closed(inc->status) && is_closed(line->to) && !is_closed(line->from))
            *ret_resolve = took;
    }
}

static char *
copy(const char *text)
{
    return strdup(text == NULL ? "" : text);
}

/* The rule's place, made when it is missing; -1: out of memory. */
static int
rule_of(struct report_incidents *incidents, const char *id, const char *title, size_t *ret_i)
{
    struct report_rule *grown, *rule;

    if (incidents->rule_count >= REPORT_MAX_RULES)
        id = title = "(other)";
    for (size_t i = 0; i < incidents->rule_count; i++)
        if (strcmp(incidents->rules[i].id, id == NULL ? "" : id) == 0) {
            *ret_i = i;
            return 0;
        }
    grown = realloc(incidents->rules, (incidents->rule_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return -1;
    incidents->rules = grown;
    rule = &grown[incidents->rule_count];
    *rule = (struct report_rule){ .id = copy(id), .title = copy(title),
                                  .acknowledge_us = -1, .resolve_us = -1 };
    *ret_i = incidents->rule_count++;
    return rule->id == NULL || rule->title == NULL ? -1 : 0;
}

static int
is_worse(const struct incident *inc, const struct report_incident *than)
{
    if (inc->severity != than->severity)
        return inc->severity > than->severity;
    return inc->opened_us > than->opened_us;
}

static void
release_one(struct report_incident *one)
{
    free(one->title);
    free(one->summary);
    *one = (struct report_incident){ 0 };
}

static int
keep_if_worst(struct report_incidents *incidents, const struct incident *inc)
{
    size_t at = incidents->worst_count;
    struct report_incident one = { .severity = inc->severity, .status = inc->status,
                                   .opened_us = inc->opened_us, .count = inc->count };

    while (at > 0 && is_worse(inc, &incidents->worst[at - 1]))
        at--;
    if (at == REPORT_TOP)
        return 0;
    memcpy(one.id, inc->id, sizeof(one.id));
    one.title = copy(inc->rule_title);
    one.summary = copy(inc->summary);
    if (one.title == NULL || one.summary == NULL) {
        release_one(&one);
        return -1;
    }
    if (incidents->worst_count == REPORT_TOP)
        release_one(&incidents->worst[--incidents->worst_count]);
    memmove(&incidents->worst[at + 1], &incidents->worst[at],
            (incidents->worst_count - at) * sizeof(one));
    incidents->worst[at] = one;
    incidents->worst_count++;
    return 0;
}

/* Between opening and last event it touched [from, to). */
static int
touches(const struct incident *inc, int64_t from_us, int64_t to_us)
{
    return inc->opened_us < to_us && inc->last_seen_us >= from_us;
}

int
report_incidents_add(struct report_incidents *incidents, struct report_times *times,
                     const struct incident *inc, const struct report_span *span)
{
    int severity = inc->severity < 0                   ? 0
                   : inc->severity > SEVERITY_CRITICAL ? SEVERITY_CRITICAL
                                                       : inc->severity;
    int status = inc->status >= 0 && inc->status < STATUS_COUNT ? inc->status : STATUS_OPEN;
    int64_t acknowledge, resolve;
    struct report_rule *rule;
    size_t i;

    incidents->before += (size_t)touches(inc, span->before_us, span->before_to_us);
    if (!touches(inc, span->from_us, span->to_us))
        return 0;
    incidents->total++;
    incidents->by_severity[severity]++;
    incidents->by_status[status]++;
    incidents->open += (size_t)!is_closed(status);
    if (rule_of(incidents, inc->rule_id, inc->rule_title, &i) != 0)
        return -1;
    rule = &incidents->rules[i];
    rule->total++;
    rule->by_status[status]++;
    if (severity > rule->severity)
        rule->severity = severity;
    find_times(inc, &acknowledge, &resolve);
    if (add_took(&times->acknowledge, i, acknowledge) != 0 ||
        add_took(&times->resolve, i, resolve) != 0)
        return -1;
    return keep_if_worst(incidents, inc);
}

static int
by_rule_and_time(const void *left, const void *right)
{
    const struct took *a = left, *b = right;

    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    return a->us < b->us ? -1 : a->us > b->us;
}

/* The median of those of this rule that begin at *next; -1: there are none. */
static int64_t
take_median(const struct tooks *tooks, size_t rule, size_t *next, size_t *ret_count)
{
    size_t first = *next;

    while (*next < tooks->count && tooks->all[*next].rule == rule)
        ++*next;
    *ret_count = *next - first;
    if (*ret_count == 0)
        return -1;
    return (tooks->all[first + (*ret_count - 1) / 2].us + tooks->all[first + *ret_count / 2].us) / 2;
}

static int
most_first(const void *left, const void *right)
{
    const struct report_rule *a = left, *b = right;

    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    return strcmp(a->title, b->title);
}

void
report_incidents_finish(struct report_incidents *incidents, struct report_times *times)
{
    size_t acknowledge = 0, resolve = 0;

    if (incidents->rule_count == 0)
        return;
    if (times->acknowledge.count > 0)
        qsort(times->acknowledge.all, times->acknowledge.count, sizeof(struct took),
              by_rule_and_time);
    if (times->resolve.count > 0)
        qsort(times->resolve.all, times->resolve.count, sizeof(struct took), by_rule_and_time);
    for (size_t i = 0; i < incidents->rule_count; i++) {
        struct report_rule *rule = &incidents->rules[i];

        rule->acknowledge_us = take_median(&times->acknowledge, i, &acknowledge,
                                           &rule->acknowledged);
        rule->resolve_us = take_median(&times->resolve, i, &resolve, &rule->resolved);
    }
    qsort(incidents->rules, incidents->rule_count, sizeof(*incidents->rules), most_first);
}

void
report_incidents_release(struct report_incidents *incidents)
{
    for (size_t i = 0; i < incidents->rule_count; i++) {
        free(incidents->rules[i].id);
        free(incidents->rules[i].title);
    }
    free(incidents->rules);
    for (size_t i = 0; i < incidents->worst_count; i++)
        release_one(&incidents->worst[i]);
    *incidents = (struct report_incidents){ 0 };
}
