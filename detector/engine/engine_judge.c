#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

int
engine_is_ours(const struct engine *engine, uint64_t hash)
{
    return share_owns(&engine->share, hash);
}

struct state *
engine_find(struct engine *engine, uint32_t rule, struct text key, uint64_t hash)
{
    struct state *state = state_find(&engine->table, rule, key, hash);

    if (state == NULL || !state_is_over(&engine->table, state, engine->stream_us))
        return state;
    state_drop(&engine->table, state);
    return NULL;
}

void
engine_evict(struct engine *engine, struct state *state, enum engine_bound bound)
{
    size_t entries = window_size(state->window);

    if (!state_is_over(&engine->table, state, engine->stream_us)) {
        *engine->counts.entries_evicted += entries;
        ++*engine->counts.keys_evicted;
        *engine->counts.rule_keys_evicted += bound == ENGINE_RULE_BOUND;
        if (state->rule < ruleset_count(engine->rules)) {
            engine->plans[state->rule].lost_keys++;
            engine->plans[state->rule].lost_entries += entries;
        }
    }
    state_drop(&engine->table, state);
}

/* For a row more: of the rule's own when it has its share, then of the rule
 * that has most. */
static void
make_room(struct engine *engine, struct holding *holding)
{
    struct state *state;

    while (holding_rows(holding) >= holding->most_rows) {
        state = holding_first_over(holding, engine->stream_us);
        engine_evict(engine, state != NULL ? state : holding_oldest(holding, NULL),
                     ENGINE_RULE_BOUND);
    }
    while (engine->table.count >= engine->options.max_keys) {
        state = state_first_over(&engine->table, engine->stream_us);
        if (state == NULL && (state = state_oldest(&engine->table)) == NULL)
            break;
        engine_evict(engine, state, ENGINE_BOUND);
    }
}

struct state *
engine_state_of(struct engine *engine, uint32_t rule, struct text key, uint64_t hash)
{
    struct state *state = engine_find(engine, rule, key, hash);

    if (state == NULL) {
        make_room(engine, state_holding_at(&engine->table, rule, key.len));
        state = state_add(&engine->table, rule, key, hash);
    }
    if (state != NULL)
        state_touch(&engine->table, state, engine->stream_us);
    return state;
}

int
engine_entry_init(struct engine *engine, struct window_entry *entry,
                  const struct event *ev)
{
    *entry = (struct window_entry){ .at_us = ev->at_us, .received_us = ev->received_us,
                                    .is_keyed = ev->id.len == HASH_ID_LEN };
    return short_id_make(&engine->journals, &ev->id, &entry->id);
}

static struct text
late_source(const struct event *ev)
{
    static const enum event_field fields[] = { EVENT_RECEIVED_FROM, EVENT_SOURCE_HOST,
                                               EVENT_SOURCE_ADDRESS };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct text source = value_get_text(&ev->known[fields[i]]);

        if (source.len > 0 && source.len <= EVENT_MAX_NAME)
            return source;
    }
    return text_of("unknown");
}

/* Count an event that came too late, once, under who sent it. That a file sent
 * again is late is no news; but its row is touched all the same, for incidents
 * must not depend on what a restart forgets (id_memory.h). */
static int
count_late(struct engine *engine, const struct event *ev, int is_repeat)
{
    struct holding *late = &engine->table.holdings[HOLDS_LATE];
    struct text source = late_source(ev);
    uint64_t hash = hash64(source.ptr, source.len);
    struct state *state = engine_find(engine, RULE_LATE, source, hash);

    ++*(is_repeat ? engine->counts.repeats : engine->counts.late);
    if (state == NULL) {
        if (holding_rows(late) >= MAX_LATE_SOURCES)
            state_drop(&engine->table, late->queues[late->queues[0].count == 0].oldest);
        state = state_add(&engine->table, RULE_LATE, source, hash);
    }
    if (state == NULL)
        return -1;
    state_touch(&engine->table, state, engine->stream_us);
    state->number += !is_repeat;
    return 0;
}

/* The rules without a window that match an event, all under one key. */
struct lone {
    uint64_t hash;
    int is_skipped;             /* another slot's, or a repeat */
    int is_found;               /* one matched */
};

/* Remember a client's id: 0, 1 when it is known already, -1 without memory.
 * Known is by id alone, for a repeat may come with another source. */
static int
remember_id(struct engine *engine, const struct event *ev, uint64_t owner)
{
    char name[EVENT_ID_TEXT_LEN];
    struct state *state;
    uint64_t hash;

    event_id_format(&ev->id, name);
    hash = hash64(name, strlen(name));
    if (engine_find(engine, RULE_SEEN, text_of(name), hash) != NULL) {
        ++*engine->counts.repeats;
        return 1;
    }
    state = engine_state_of(engine, RULE_SEEN, text_of(name), hash);
    if (state == NULL)
        return -1;
    state->number = owner;
    return 0;
}

static int
lone_begin(struct engine *engine, const struct event *ev, struct lone *lone)
{
    uint64_t hash;
    int known = 0;

    if (engine_lone_key(ev, &engine->key, &hash) != 0)
        return -1;
    if (engine_is_ours(engine, hash) && ev->is_keyed)
        known = remember_id(engine, ev, hash);
    *lone = (struct lone){ hash, !engine_is_ours(engine, hash) || known == 1, 1 };
    return known < 0 ? -1 : 0;
}

static int
judge_alone(struct engine *engine, uint32_t number, const struct event *ev,
            struct lone *lone)
{
    struct window_entry entry;
    struct incident_part part = { .first_us = ev->at_us, .last_us = ev->at_us,
                                  .opener = &ev->id, .entry = &entry, .weight = 1 };
    struct state *state;

    if (engine_entry_init(engine, &entry, ev) != 0)
        return -1;
    if (!lone->is_found && lone_begin(engine, ev, lone) != 0)
        return -1;
    if (lone->is_skipped)
        return 0;
    if (engine_lone_key(ev, &engine->key, &lone->hash) != 0)
        return -1;
    state = engine_state_of(engine, number, buf_text(&engine->key), lone->hash);
    if (state == NULL || engine_count(engine, state, &part) != 0)
        return -1;
    return engine_note_details(engine, state, ev->at_us);
}

static int
judge_rule(struct engine *engine, uint32_t number, const struct event *ev,
           struct lone *lone)
{
    const struct rule *rule = ruleset_rule(engine->rules, number);

    if (engine->allowing.list != NULL) {
        int is_allowed = engine_is_allowed(engine, rule, ev);

        if (is_allowed != 0)
            return is_allowed < 0 ? -1 : 0;
    }
    if (rule->sigma.seen_us > 0) {
        int rc = engine_judge_first(engine, number, ev);

        if (rc <= 0)
            return rc;
    }
    ++*engine->counts.matches;
    if (rule->is_alerting && rule->sigma.seen_us == 0 &&
        judge_alone(engine, number, ev, lone) != 0)
        return -1;
    return engine_feed(engine, rule, ev);
}

static int
is_sane(const struct event *ev)
{
    const int64_t max = ENGINE_MAX_TIME;

    return ev->at_us > -max && ev->at_us < max && ev->received_us > -max &&
           ev->received_us < max;
}

int
engine_judge(struct engine *engine, const struct event *ev, uint64_t origin,
             struct err *err)
{
    struct matcher *matcher = ruleset_matcher(engine->rules);
    struct lone lone = { 0 };
    const uint32_t *numbers;
    size_t count;
    int is_late = 0, is_repeat;

    if (engine->needs_sort && state_sort(&engine->table) != 0)
        goto no_memory;
    engine->needs_sort = 0;
    if (!is_sane(ev)) {
        err_set(err, "engine: an event's time is out of range");
        return -1;
    }
    if (ev->received_us > engine->stream_us)
        engine->stream_us = ev->received_us;
    engine->event_number++;
    engine_expect_begin(engine, ev);
    engine_note_stream(engine, origin, ev->received_us);
    if (engine_settle_due(engine) != 0)
        goto no_memory;
    state_expire(&engine->table, engine->stream_us);
    engine_leave_some(engine);
    if (engine->unstarted > 0 && engine_start_learning(engine, ev) != 0)
        goto no_memory;
    if (!engine->allowing.is_noted && engine_note_allow(engine) != 0)
        goto no_memory;
    count = matcher_match(matcher, ev, &numbers);
    if (engine_count_filtered(engine, ev) != 0)
        goto no_memory;
    for (size_t i = 0; i < count; i++)
        if (judge_rule(engine, numbers[i], ev, &lone) != 0)
            goto no_memory;
    if (engine->chain.rule_count > 0 &&
        engine_correlate(engine, ev, origin, &is_late) != 0)
        goto no_memory;
    engine_expect_end(engine);
    is_repeat = count > 0 && ev->is_keyed && id_memory_add(&engine->keyed, ev->id.bytes);
    if (is_late && count_late(engine, ev, is_repeat) != 0)
        goto no_memory;
    *engine->counts.routes += (uint64_t)matcher_made_route(matcher);
    *engine->counts.regex_limits = engine->limits_before + matcher_limits_hit(matcher) +
                                   attack_limits_hit();
    *engine->counts.keys = engine->table.count;
    *engine->counts.entries = engine->table.entries;
    *engine->counts.untold = engine_untold(engine);
    return 0;

no_memory:
    err_set(err, "engine: out of memory");
    return -1;
}
