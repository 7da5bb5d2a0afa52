#include "notifier/watch_rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/event.h"

enum { INGEST, DETECTOR, INDEXER, NOTIFIER, API };
enum { FULL_PERCENT = 80, LATE = 10 /* times watch.after */ };

const char *const watch_stage_names[WATCH_STAGES] = {
    "ingest", "detector", "indexer", "notifier", "api",
};

static void find(struct watch_findings *findings, size_t rule, const char *key, uint64_t count,
                 const char *summary, ...) __attribute__((format(printf, 5, 6)));

/* Bytes that are no text, or half a character where a text was cut. */
static void
mend(char *text)
{
    size_t len = strlen(text), size;

    for (size_t at = 0; at < len; at += size) {
        size = 1;
        while (size <= 4 && at + size <= len &&
               !text_is_utf8((struct text){ text + at, size }))
            size++;
        if (size <= 4 && at + size <= len)
            continue;
        text[at] = '?';
        size = 1;
    }
}

/* How many the rule has found, and whether this one is among them: several detectors all
 * know the same log sources. */
static size_t
count_of(const struct watch_findings *findings, size_t rule, const char *key, int *ret_is_known)
{
    size_t count = 0;

    *ret_is_known = 0;
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->all[i].rule != rule)
            continue;
        count++;
        *ret_is_known |= strcmp(findings->all[i].key, key) == 0;
    }
    return count;
}

static void
set_unknown(struct watch_findings *findings, size_t rule)
{
    findings->unknown |= UINT64_C(1) << rule;
}

static void
find(struct watch_findings *findings, size_t rule, const char *key, uint64_t count,
     const char *summary, ...)
{
    struct watch_finding *found = &findings->all[findings->count];
    char mended[WATCH_KEY];
    int is_known;
    size_t before;
    va_list args;

    snprintf(mended, sizeof(mended), "%s", key);
    mend(mended);
    before = count_of(findings, rule, mended, &is_known);
    if (is_known)
        return;
    if (findings->count == WATCH_MAX_FINDINGS || before == WATCH_MAX_EACH) {
        findings->left_out++;
        set_unknown(findings, rule);
        return;
    }
    findings->count++;
    found->rule = rule;
    found->count = count;
    memcpy(found->key, mended, sizeof(found->key));
    va_start(args, summary);
    vsnprintf(found->summary, sizeof(found->summary), summary, args);
    va_end(args);
    mend(found->summary);
}

static int64_t
number(const json_t *status, const char *name)
{
    return json_integer_value(json_object_get(status, name));
}

/* A member of a stage's status. What it does not say (no answer, or one that cannot know)
 * leaves the rule's findings as they were. */
static const json_t *
said(const struct watch_look *look, int stage, const char *member, size_t rule,
     struct watch_findings *findings)
{
    const json_t *value = json_object_get(look->status[stage], member);

    if (value == NULL)
        set_unknown(findings, rule);
    return value;
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
    const json_t *journal = said(look, INGEST, "journal", rule, findings);
    int64_t bytes = number(journal, "bytes"), max = number(journal, "max_bytes"), events;
    const char *slowest;

    if (max <= 0 || (double)bytes / (double)max * 100 < FULL_PERCENT)
        return;
    slowest = find_slowest(look->status[INGEST], &events);
    find(findings, rule, "ingest", 1, "The journal is %d %% full: %s has %" PRId64
         " events to confirm. At 100 %% senders get 503.",
         (int)((double)bytes / (double)max * 100), slowest, events);
}

static void
look_for_dead_letters(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    static const int stages[] = { DETECTOR, INDEXER };

    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        int64_t dead = json_integer_value(said(look, stages[i], "dead_letters", rule, findings));

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
    int64_t refused = json_integer_value(said(look, DETECTOR, "rules_refused", rule, findings));

    if (refused > 0)
        find(findings, rule, "detector", (uint64_t)refused,
             "%" PRId64 " rule%s refused: `bongsu rules check` says why; the others go on",
             refused, refused == 1 ? " was" : "s were");
}

/* The members of a list of {source, text}. Where it ends with how many more there are,
 * who is not on it may only have made room. */
static void
find_listed(const json_t *list, size_t rule, struct watch_findings *findings)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        const char *source = json_string_value(json_object_get(one, "source"));
        const char *text = json_string_value(json_object_get(one, "text"));

        if (number(one, "more") > 0)
            set_unknown(findings, rule);
        if (source != NULL && text != NULL)
            find(findings, rule, source, 1, "%s", text);
    }
}

static void
look_for_silent_sources(const struct watch_look *look, size_t rule,
                        struct watch_findings *findings)
{
    find_listed(said(look, DETECTOR, "silent_sources", rule, findings), rule, findings);
}

static void
look_for_wrong_clocks(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    find_listed(said(look, DETECTOR, "skewed_sources", rule, findings), rule, findings);
}

/* Those that wait for long; and those that were refused for good, when nothing was taken
 * since: a channel that takes others is there. */
static void
look_for_untold(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    const json_t *status = look->status[NOTIFIER];
    int64_t waiting = json_integer_value(said(look, NOTIFIER, "messages_waiting", rule, findings));
    int64_t refused = json_integer_value(said(look, NOTIFIER, "messages_refused_last", rule,
                                              findings));
    int64_t age_s = number(status, "oldest_waiting_s");

    if (waiting > 0 && age_s >= LATE * look->after_ms / 1000)
        find(findings, rule, "notifier", 1, "%" PRId64 " message%s of incidents could not be sent"
             " for %" PRId64 " minutes", waiting, waiting == 1 ? "" : "s", age_s / 60);
    else if (refused > 0)
        find(findings, rule, "notifier", 1, "%" PRId64 " message%s of incidents %s refused for"
             " good, the last ones that there were", refused, refused == 1 ? "" : "s",
             refused == 1 ? "was" : "were");
}

/* What the notifier says of it is as old as ingest's last answer. */
static void
look_for_imbalance(const struct watch_look *look, size_t rule, struct watch_findings *findings)
{
    if (said(look, INGEST, "ledger", rule, findings) != NULL)
        find_listed(said(look, NOTIFIER, "imbalances", rule, findings), rule, findings);
}

const struct watch_rule watch_rules[] = {
    { "bongsu.stage_down", "A process of Bongsu is not ready", "high", "stage", SEVERITY_HIGH,
      6, 1, 0, look_for_stages_down },
    { "bongsu.journal_full", "The journal is over 80 % full", "high", "stage", SEVERITY_HIGH,
      0, 6, 0, look_for_full_journal },
    { "bongsu.dead_letter", "Events were set aside", "high", "stage", SEVERITY_HIGH,
      0, 6, 1, look_for_dead_letters },
    { "bongsu.rule_refused", "A rule was refused", "medium", "stage", SEVERITY_MEDIUM,
      0, 1, 0, look_for_refused_rules },
    { "bongsu.source_silent", "A log source went silent", "medium", "source", SEVERITY_MEDIUM,
      0, 1, 0, look_for_silent_sources },
    { "bongsu.clock_off", "A log source's clock is off", "medium", "source", SEVERITY_MEDIUM,
      0, 6, 0, look_for_wrong_clocks },
    { "bongsu.untold", "Messages cannot be sent", "medium", "stage", SEVERITY_MEDIUM,
      0, 1, 0, look_for_untold },
    { "bongsu.imbalance", "The balance sheet does not close", "high", "hour", SEVERITY_HIGH,
      6, 6, 0, look_for_imbalance },
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
