/*
 * engine_allow.c - what the allow list takes from the rules, counted
 *
 * Asked once an event, at its first match; then for each rule. What an entry
 * ate stands in rows under its id (all of it, and when the last was) and under
 * its id and day; one slot alone counts an event, that which its windowless
 * rules belong to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"

#define DAY_US (INT64_C(86400) * 1000000)

enum { KEPT_DAYS = 31, UNUSED_DAYS = 30, DAY_LEN = 10, KEY_LEN = ALLOW_ID_LEN + 1 + DAY_LEN };

int
engine_open_allow(struct engine *engine, struct metrics *metrics)
{
    struct allowing *allowing = &engine->allowing;

    allowing->metrics = metrics;
    allowing->is_noted = 1;
    (void)state_hold(&engine->table, HOLDS_ALLOWED, HOLDS_ALLOWED, STATE_KEPT, INT64_MAX);
    (void)state_hold(&engine->table, HOLDS_ALLOWED_DAYS, HOLDS_ALLOWED_DAYS, STATE_KEPT,
                     KEPT_DAYS * DAY_US);
    allowing->host_field = field_table_add(ruleset_fields(engine->rules),
                                           text_of("host.name"));
    return allowing->host_field < 0 ? -1 : 0;
}

void
engine_release_allow(struct engine *engine)
{
    allow_list_destroy(&engine->allowing.list);
    free(engine->allowing.uses);
    engine->allowing.uses = NULL;
}

static uint64_t *
open_total(struct metrics *metrics, const struct allow_entry *entry)
{
    struct buf label = { 0 };
    uint64_t *number = NULL;

    if (engine_label(&label, "entry", entry->name) == 0)
        number = metrics_number(metrics, METRIC_COUNTER, "bongsu_detector_allowed_total",
                                label.ptr, "events that an entry of the allow list ate");
    buf_release(&label);
    return number;
}

/* The entries that name a rule that is there, as marks; NULL when out of memory. */
static unsigned char *
mark_named(const struct engine *engine, const struct allow_list *list)
{
    unsigned char *marks = calloc(allow_list_count(list) + 1, 1);

    for (size_t i = 0; marks != NULL && i < ruleset_count(engine->rules); i++)
        allow_list_mark(list, &ruleset_rule(engine->rules, i)->sigma, marks);
    return marks;
}

static struct state *
find_row(const struct engine *engine, struct text key)
{
    return state_find(&engine->table, RULE_ALLOW, key, hash64(key.ptr, key.len));
}

int
engine_set_allow(struct engine *engine, struct allow_list **list)
{
    struct allowing *allowing = &engine->allowing;
    size_t count = allow_list_count(*list);
    struct allow_use *uses = calloc(count + 1, sizeof(*uses));
    unsigned char *marks = mark_named(engine, *list);
    int rc = uses == NULL || marks == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct allow_entry *entry = allow_list_entry(*list, i);

        uses[i].has_rule = marks[i] || entry->rule.ptr == NULL;
        uses[i].total = open_total(allowing->metrics, entry);
        rc = uses[i].total == NULL ? -1 : 0;
    }
    free(marks);
    if (rc != 0) {
        free(uses);
        return -1;
    }
    engine_release_allow(engine);
    allowing->uses = uses;
    allowing->asked_in = 0;
    allowing->list = count > 0 ? *list : NULL;
    allowing->is_noted = count == 0;
    if (count == 0)
        allow_list_destroy(list);
    *list = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct state *state = find_row(engine,
                                             text_of(allow_list_entry(allowing->list, i)->id));

        *uses[i].total = state != NULL ? state->number : 0;
    }
    return 0;
}

static struct state *
make_row(struct engine *engine, struct text key)
{
    struct state *state = find_row(engine, key);
    struct holding *rows = state_holding_at(&engine->table, RULE_ALLOW, key.len);

    if (state != NULL)
        return state;
    if (holding_rows(rows) >= MAX_ALLOW_ROWS)
        state_drop(&engine->table, rows->queues[rows->queues[0].count == 0].oldest);
    return state_add(&engine->table, RULE_ALLOW, key, hash64(key.ptr, key.len));
}

/* An entry that is new counts as unused from now on. */
int
engine_note_allow(struct engine *engine)
{
    struct allowing *allowing = &engine->allowing;

    for (size_t i = 0; i < allow_list_count(allowing->list); i++) {
        struct text key = text_of(allow_list_entry(allowing->list, i)->id);
        struct state *state = find_row(engine, key);

        if (state == NULL) {
            state = make_row(engine, key);
            if (state == NULL)
                return -1;
            state_touch(&engine->table, state, engine->stream_us);
        }
        *allowing->uses[i].total = state->number;
    }
    allowing->is_noted = 1;
    return 0;
}

static struct text
day_key(const struct allow_entry *entry, int64_t at_us, char out[KEY_LEN + 1])
{
    char day[TIMESTAMP_LEN];

    timestamp_format_local(at_us, day);
    snprintf(out, KEY_LEN + 1, "%s/%.*s", entry->id, DAY_LEN, day);
    return text_of(out);
}

/* Count the event, once, for the entry. 0 or -1. */
static int
count_allowed(struct engine *engine, size_t i, const struct event *ev)
{
    struct allowing *allowing = &engine->allowing;
    const struct allow_entry *entry = allow_list_entry(allowing->list, i);
    struct state *total, *day;
    char key[KEY_LEN + 1];
    uint64_t owner;

    if (allowing->uses[i].counted_in == engine->event_number)
        return 0;
    allowing->uses[i].counted_in = engine->event_number;
    if (engine_lone_key(ev, &engine->other_key, &owner) != 0)
        return -1;
    if (!engine_is_ours(engine, owner))
        return 0;
    total = make_row(engine, text_of(entry->id));
    day = total == NULL ? NULL : make_row(engine, day_key(entry, ev->received_us, key));
    if (day == NULL)
        return -1;
    state_touch(&engine->table, total, engine->stream_us);
    state_touch(&engine->table, day, engine->stream_us);
    *allowing->uses[i].total = ++total->number;
    day->number++;
    return 0;
}

int
engine_is_allowed(struct engine *engine, const struct rule *rule, const struct event *ev)
{
    struct allowing *allowing = &engine->allowing;
    long found;

    if (allowing->asked_in != engine->event_number) {
        const struct allow_question question = {
            value_get_text(&ev->known[EVENT_SOURCE_ADDRESS]),
            field_table_text(ruleset_fields(engine->rules), allowing->host_field),
            value_get_text(&ev->known[EVENT_USERNAME]), ev->at_us,
        };

        allow_list_ask(allowing->list, &question);
        allowing->asked_in = engine->event_number;
    }
    found = allow_list_find(allowing->list, &rule->sigma);
    if (found < 0)
        return 0;
    return count_allowed(engine, (size_t)found, ev) == 0 ? 1 : -1;
}

int
engine_allowed(const struct engine *engine, size_t i, struct engine_allowed *ret)
{
    const struct allowing *allowing = &engine->allowing;
    const struct state *total, *day;
    char key[KEY_LEN + 1];

    if (i >= allow_list_count(allowing->list))
        return 0;
    *ret = (struct engine_allowed){ .entry = allow_list_entry(allowing->list, i) };
    total = find_row(engine, text_of(ret->entry->id));
    day = find_row(engine, day_key(ret->entry, engine->stream_us, key));
    if (total != NULL) {
        ret->total = total->number;
        ret->last_us = total->number > 0 ? total->touched_us : 0;
        if (engine->stream_us - total->touched_us > UNUSED_DAYS * DAY_US)
            ret->state = ALLOW_UNUSED;
    }
    ret->today = day != NULL ? day->number : 0;
    if (!allowing->uses[i].has_rule)
        ret->state = ALLOW_NO_RULE;
    if (ret->entry->is_broad)
        ret->state = ALLOW_BROAD;
    if (engine->stream_us >= ret->entry->until_us)
        ret->state = ALLOW_EXPIRED;
    return 1;
}

void
engine_allowed_days(const struct engine *engine, const struct allow_entry *entry,
                    void (*visit)(void *ctx, const char *day, uint64_t events), void *ctx)
{
    char key[KEY_LEN + 1], *day = key + ALLOW_ID_LEN + 1;
    struct local_time today;

    timestamp_to_local(engine->stream_us, &today);
    for (int back = 0; back <= KEPT_DAYS; back++) {
        /* noon: days have 23 or 25 hours now and then */
        int64_t noon_us = timestamp_from_local(today.year, today.month, today.day - back,
                                               12, 0, 0);
        const struct state *state = find_row(engine, day_key(entry, noon_us, key));

        if (state != NULL && state->number > 0)
            visit(ctx, day, state->number);
    }
}
