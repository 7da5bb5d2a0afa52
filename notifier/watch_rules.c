#include "notifier/watch_rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/event.h"

enum { INGEST, DETECTOR, INDEXER, NOTIFIER, API };
enum { FULL_PERCENT = 80, TOLD_LATE_S = 600 };

const char *const watch_stage_names[WATCH_STAGES] = {
    "ingest", "detector", "indexer", "notifier", "api",
};

static void find(struct watch_findings *findings, size_t rule, const char *key, uint64_t count,
                 const char *summary, ...) __attribute__((format(printf, 5, 6)));

static void
find(struct watch_findings *findings, size_t rule, const char *key, uint64_t count,
     const char *summary, ...)
{
    struct watch_finding *found = &findings->all[findings->count];
    va_list args;

    if (findings->count == WATCH_MAX_FINDINGS) {
        findings->left_out++;
        return;
    }
    findings->count++;
    found->rule = rule;
    found->count = count;
    snprintf(found->key, sizeof(found->key), "%s", key);
    va_start(args, summary);
    vsnprintf(found->summary, sizeof(found->summary), summary, args);
    va_end(args);
}

static int64_t
number(const json_t *status, const char *name)
{
    return (int64_t)json_number_value(json_object_get(status, name));
}

/* What the stage cannot say leaves the rule's findings as they were. */
static const json_t *
status_of(const struct watch_look *look, int stage, size_t rule, struct watch_findings *findings)
{
    if (look->status[stage] == NULL)
        findings->unknown |= UINT64_C(1) << rule;
    return look->status[stage];
}

/* "journal: disk is full; store: locked" */
static void
list_failed_checks(const json_t *status, char *out, size_t size)
{
    const json_t *check;
    const char *name;
    size_t len = 0;

    snprintf(out, size, "no check says why");
    json_object_foreach((json_t *)json_object_get(status, "checks"), name, check) {
        const char *word = json_string_value(check);

        if (word == NULL || strcmp(word, "ok") == 0 || len >= size)
            continue;
        len += (size_t)snprintf(out + len, size - len, "%s%s: %s", len == 0 ? "" : "; ", name,
                                word);
    }
}

static void
look_for_stages_down(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    char why[240];

    for (int i = 0; i < WATCH_STAGES; i++) {
        if (!look->is_asked[i] || json_is_true(json_object_get(look->status[i], "ready")))
            continue;
        if (look->status[i] == NULL)
            snprintf(why, sizeof(why), "it does not answer (%s)", look->why[i]);
        else
            list_failed_checks(look->status[i], why, sizeof(why));
        find(findings, rule, watch_stage_names[i], 1, "%s is not ready: %s",
             watch_stage_names[i], why);
    }
}

/* Who holds the journal: the consumer with the oldest row unconfirmed. */
static const char *
find_slowest(const json_t *status, int64_t *ret_events)
{
    const char *name, *slowest = "nobody";
    const json_t *consumer;
    int64_t oldest = -1;

    *ret_events = 0;
    json_object_foreach((json_t *)json_object_get(status, "consumers"), name, consumer)
        if (number(consumer, "oldest_age_ms") > oldest) {
            oldest = number(consumer, "oldest_age_ms");
            *ret_events = number(consumer, "backlog_events");
            slowest = name;
        }
    return slowest;
}

static void
look_for_full_journal(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    const json_t *status = status_of(look, INGEST, rule, findings), *journal;
    int64_t bytes, max, events;
    const char *slowest;

    journal = json_object_get(status, "journal");
    bytes = number(journal, "bytes");
    max = number(journal, "max_bytes");
    if (status == NULL || max <= 0 || bytes / (double)max * 100 < FULL_PERCENT)
        return;
    slowest = find_slowest(status, &events);
    find(findings, rule, "ingest", 1, "The journal is %d %% full: %s has %" PRId64
         " events to confirm. At 100 %% senders get 503.",
         (int)(bytes / (double)max * 100), slowest, events);
}

static void
look_for_dead_letters(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    static const int stages[] = { DETECTOR, INDEXER };

    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        const json_t *status = status_of(look, stages[i], rule, findings);
        int64_t dead = number(status, "dead_letters");

        if (dead > 0)
            find(findings, rule, watch_stage_names[stages[i]], (uint64_t)dead,
                 "%s has set aside %" PRId64 " event%s that it could not %s",
                 watch_stage_names[stages[i]], dead, dead == 1 ? "" : "s",
                 stages[i] == DETECTOR ? "judge" : "store");
    }
}

static void
look_for_refused_rules(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    const json_t *status = status_of(look, DETECTOR, rule, findings);
    int64_t refused = number(status, "rules_refused");

    if (refused > 0)
        find(findings, rule, "detector", (uint64_t)refused,
             "%" PRId64 " rule%s refused: `bongsu rules check` says why; the others go on",
             refused, refused == 1 ? " was" : "s were");
}

/* The members of a list of {source, text}, which the stage has bounded. */
static void
find_listed(const json_t *status, const char *member, size_t rule,
            struct watch_findings *findings)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(status, member), i, one) {
        const char *source = json_string_value(json_object_get(one, "source"));
        const char *text = json_string_value(json_object_get(one, "text"));

        if (source != NULL && text != NULL)
            find(findings, rule, source, 1, "%.300s", text);
    }
}

static void
look_for_silent_sources(const struct watch_look *look, size_t rule,
                        struct watch_findings *findings)
{
    find_listed(status_of(look, DETECTOR, rule, findings), "silent_sources", rule, findings);
}

static void
look_for_wrong_clocks(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    find_listed(status_of(look, DETECTOR, rule, findings), "skewed_sources", rule, findings);
}

static void
look_for_untold(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    const json_t *status = status_of(look, NOTIFIER, rule, findings);
    int64_t waiting = number(status, "messages_waiting");
    int64_t age_s = number(status, "oldest_waiting_s");

    if (waiting > 0 && age_s >= TOLD_LATE_S)
        find(findings, rule, "notifier", 1, "%" PRId64 " message%s of incidents could not be sent"
             " for %" PRId64 " minutes", waiting, waiting == 1 ? "" : "s", age_s / 60);
}

static void
look_for_imbalance(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    find_listed(status_of(look, NOTIFIER, rule, findings), "imbalances", rule, findings);
}

enum { SECOND = 1000, MINUTE = 60 * SECOND };

const struct watch_rule watch_rules[] = {
    { "bongsu.stage_down", "A process of Bongsu is not ready", "high", "stage", SEVERITY_HIGH,
      -1, -1, 0, look_for_stages_down },
    { "bongsu.journal_full", "The journal is over 80 % full", "high", "stage", SEVERITY_HIGH,
      0, MINUTE, 0, look_for_full_journal },
    { "bongsu.dead_letter", "Events were set aside", "high", "stage", SEVERITY_HIGH,
      0, MINUTE, 1, look_for_dead_letters },
    { "bongsu.rule_refused", "A rule was refused", "medium", "stage", SEVERITY_MEDIUM,
      0, 10 * SECOND, 0, look_for_refused_rules },
    { "bongsu.source_silent", "A log source went silent", "medium", "source", SEVERITY_MEDIUM,
      0, 10 * SECOND, 0, look_for_silent_sources },
    { "bongsu.clock_off", "A log source's clock is off", "medium", "source", SEVERITY_MEDIUM,
      0, MINUTE, 0, look_for_wrong_clocks },
    { "bongsu.untold", "Messages cannot be sent", "medium", "stage", SEVERITY_MEDIUM,
      0, 10 * SECOND, 0, look_for_untold },
    { "bongsu.imbalance", "The balance sheet does not close", "high", "hour", SEVERITY_HIGH,
      MINUTE, MINUTE, 0, look_for_imbalance },
};

const size_t watch_rule_count = sizeof(watch_rules) / sizeof(watch_rules[0]);

void
watch_look_all(const struct watch_look *look, struct watch_findings *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < watch_rule_count; i++)
        watch_rules[i].look(look, i, ret);
}

int
watch_rule_find(const char *id)
{
    for (size_t i = 0; i < watch_rule_count; i++)
        if (id != NULL && strcmp(watch_rules[i].id, id) == 0)
            return (int)i;
    return -1;
}
