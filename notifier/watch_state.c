#include "notifier/watch_state.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/hash.h"

/* How often an incident that goes on says so; a rule's times are in sixths. */
enum { WRITE_EVERY_MS = 60000, SIXTHS = 6 };

/* One that a person closed is taken to go on if it was written this lately. */
static const int64_t fresh_us = INT64_C(600) * 1000000;

static struct watch_item *
find_item(struct watch_state *state, size_t rule, const char *key)
{
    for (size_t i = 0; i < state->count; i++)
        if (state->items[i].found.rule == rule && strcmp(state->items[i].found.key, key) == 0)
            return &state->items[i];
    return NULL;
}

static struct watch_item *
add_item(struct watch_state *state, size_t rule, const char *key, int64_t now_ms)
{
    struct watch_item *item = &state->items[state->count];

    if (state->count == sizeof(state->items) / sizeof(state->items[0])) {
        state->left_out++;
        return NULL;
    }
    state->count++;
    memset(item, 0, sizeof(*item));
    item->found.rule = rule;
    snprintf(item->found.key, sizeof(item->found.key), "%s", key);
    item->since_ms = item->last_ms = now_ms;
    return item;
}

static void
drop_item(struct watch_state *state, struct watch_item *item)
{
    *item = state->items[--state->count];
}

/* hash(rule, key, opening): as the detector's are. */
static void
open_item(struct watch_item *item, int64_t now_us)
{
    unsigned char id[HASH_ID_LEN];
    char opening[32];
    struct text parts[3];

    snprintf(opening, sizeof(opening), "%lld", (long long)now_us);
    parts[0] = text_of(watch_rules[item->found.rule].id);
    parts[1] = text_of(item->found.key);
    parts[2] = text_of(opening);
    hash_id(parts, 3, id);
    hash_to_hex(id, sizeof(id), item->id);
    item->phase = WATCH_ON;
    item->opened_us = item->newest_us = now_us;
    item->is_due = 1;
}

static void
take_finding(struct watch_state *state, const struct watch_finding *found, int64_t now_ms,
             int64_t now_us)
{
    struct watch_item *item = find_item(state, found->rule, found->key);
    const struct watch_rule *rule = &watch_rules[found->rule];
    int64_t after_ms = state->after_ms * rule->after / SIXTHS;

    if (item == NULL)
        item = add_item(state, found->rule, found->key, now_ms);
    if (item == NULL || item->phase == WATCH_OVER)
        return;
    if (item->phase == WATCH_ON && item->found.count != found->count)
        item->is_due = 1;
    if (item->phase == WATCH_ON && rule->is_counting && found->count > item->most)
        item->newest_us = now_us;
    item->found = *found;
    item->most = found->count > item->most ? found->count : item->most;
    item->last_ms = now_ms;
    if (item->phase == WATCH_NEW && now_ms - item->since_ms >= after_ms)
        open_item(item, now_us);
    if (item->phase == WATCH_ON && now_ms - item->written_ms >= WRITE_EVERY_MS)
        item->is_due = 1;
}

/* What was not found this time, and whose rule could look. */
static void
let_go(struct watch_state *state, uint64_t unknown, int64_t now_ms)
{
    for (size_t i = state->count; i-- > 0;) {
        struct watch_item *item = &state->items[i];
        int64_t over_ms = state->after_ms * watch_rules[item->found.rule].over / SIXTHS;

        if (item->last_ms == now_ms || (unknown & UINT64_C(1) << item->found.rule) != 0)
            continue;
        if (item->phase == WATCH_NEW) {
            drop_item(state, item);
        } else if (item->phase == WATCH_ON && now_ms - item->last_ms >= over_ms) {
            item->phase = WATCH_OVER;
            item->is_due = 1;
        }
    }
}

void
watch_apply(struct watch_state *state, const struct watch_findings *findings, int64_t now_ms,
            int64_t now_us)
{
    for (size_t i = 0; i < findings->count; i++)
        take_finding(state, &findings->all[i], now_ms, now_us);
    let_go(state, findings->unknown, now_ms);
}

void
watch_done(struct watch_state *state, struct watch_item *item, int64_t now_ms)
{
    item->is_due = 0;
    item->written_ms = now_ms;
    if (item->phase == WATCH_OVER)
        drop_item(state, item);
}

/* Of what is counted only more is news: there is no saying how old the rest is. */
static int
has_ended(const struct incident *inc, int is_counting, int64_t now_us)
{
    if (inc->status != STATUS_RESOLVED && inc->status != STATUS_FALSE_POSITIVE)
        return 0;
    return incident_ended_by_us(inc) || (!is_counting && inc->last_seen_us + fresh_us < now_us);
}

void
watch_resume(struct watch_state *state, const struct incident *inc, int64_t now_ms,
             int64_t now_us)
{
    int rule = watch_rule_find(inc->rule_id);
    struct watch_item *item;

    if (rule < 0 || inc->key_count != 1 ||
        has_ended(inc, watch_rules[rule].is_counting, now_us) ||
        find_item(state, (size_t)rule, inc->keys[0].value) != NULL)
        return;
    item = add_item(state, (size_t)rule, inc->keys[0].value, now_ms);
    if (item == NULL)
        return;
    item->phase = WATCH_ON;
    item->written_ms = now_ms;
    item->opened_us = inc->opened_us;
    item->newest_us = inc->newest_received_us;
    item->rev = (int64_t)inc->rev_counter;
    item->found.count = item->most = inc->count;
    snprintf(item->found.summary, sizeof(item->found.summary), "%s",
             inc->summary == NULL ? "" : inc->summary);
    memcpy(item->id, inc->id, sizeof(item->id));
}

struct incident *
watch_incident(struct watch_item *item, int64_t now_us)
{
    const struct watch_rule *rule = &watch_rules[item->found.rule];
    struct incident *inc = incident_new();

    if (inc == NULL)
        return NULL;
    item->rev = now_us > item->rev ? now_us : item->rev + 1;
    memcpy(inc->id, item->id, sizeof(inc->id));
    inc->rev_epoch = item->opened_us;
    inc->rev_counter = (uint64_t)item->rev;
    inc->rule_id = strdup(rule->id);
    inc->rule_title = strdup(rule->title);
    inc->rule_level = strdup(rule->level);
    inc->severity = rule->severity;
    inc->summary = strdup(item->found.summary);
    inc->keys[0].field = strdup(rule->key);
    inc->keys[0].value = strdup(item->found.key);
    inc->key_count = 1;
    inc->opened_us = item->opened_us;
    inc->last_seen_us = now_us;
    /* not of now: what a person resolved while it lasts stays resolved */
    inc->newest_received_us = item->newest_us;
    inc->count = item->found.count;
    if (inc->rule_id == NULL || inc->rule_title == NULL || inc->rule_level == NULL ||
        inc->summary == NULL || inc->keys[0].field == NULL || inc->keys[0].value == NULL)
        incident_destroy(&inc);
    return inc;
}
