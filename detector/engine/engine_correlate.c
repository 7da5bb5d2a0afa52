/*
 * engine_correlate.c - correlations: the event into their windows, and on
 *
 * First the detections say which correlations an event feeds, and as which
 * steps; then those are judged by rank. One that holds hands what it found to
 * those that refer to it: each end at which it holds is their step, all other
 * events that it took only belong to it. An event handed on again adds
 * nothing, so that any order within the lateness comes to the same.
 */
#include <math.h>
#include <stdlib.h>

#include "detector/engine/engine_internal.h"

/* What a window is judged for. */
struct judging {
    const struct event *ev;
    uint64_t origin;
    int is_late;
    int is_in;                  /* the last entry went into its window */
};

/* How much an entry adds to its incident's count, and which steps it is. */
static struct incident_part
part_of(const struct engine *engine, const struct state *state,
        const struct window_entry *entry, const struct event_id *opener)
{
    const struct window_match *match = &engine->match;
    enum window_kind kind = engine->plans[state->rule].window.kind;
    double weight = kind == WINDOW_SUM ? entry->as.weight
                                       : (double)window_events(kind, entry);
    struct incident_part part = { .first_us = match->first_us, .last_us = match->last_us,
                                  .opener = opener, .entry = entry };

    if (weight > 0)
        part.weight = weight < 1e15 ? (uint64_t)llround(weight) : (uint64_t)1e15;
    if (kind >= WINDOW_STEPS)
        part.steps = entry->as.value;
    return part;
}

/* 1 when the key has an open incident, of this rule's, that the match touches. */
static int
is_open(const struct engine *engine, uint32_t number, const struct state *state,
        const struct window_match *match)
{
    int64_t suppress_us = engine->plans[number].suppress_us;

    for (const struct open_incident *inc = state == NULL ? NULL : state->incidents;
         inc != NULL; inc = inc->next)
        if (match->last_us >= inc->opened_us - suppress_us &&
            match->first_us <= inc->last_us + suppress_us)
            return 1;
    return 0;
}

/* 1 when another rule's incident stands for the one that this match would open. */
static int
does_yield(struct engine *engine, const struct rule *rule, const struct state *state)
{
    const struct text key = { state->key, state->key_len };

    if (rule->sigma.yield_count == 0 ||
        is_open(engine, state->rule, state, &engine->match))
        return 0;
    for (size_t i = 0; i < rule->sigma.yield_count; i++)
        if (is_open(engine, rule->yields[i],
                    engine_find(engine, rule->yields[i], key, state->hash),
                    &engine->match)) {
            ++*engine->counts.yielded;
            return 1;
        }
    return 0;
}

/* What the incident does not have yet goes in. */
int
engine_count_match(struct engine *engine, struct state *state,
                   const struct event_id *opener, const struct event *ev)
{
    const struct rule *rule = ruleset_rule(engine->rules, state->rule);
    const struct window_match *match = &engine->match;

    int is_telling = rule->is_alerting && !does_yield(engine, rule, state);

    /* a flood of keys that come once must not push out one at which the condition held */
    if (!state->is_known)
        state_know(&engine->table, state);
    for (size_t i = 0; is_telling && i < match->taken_count; i++) {
        const struct incident_part part = part_of(
            engine, state, window_entry(state->window, match->taken[i]), opener);

        if (engine_count(engine, state, &part) != 0)
            return -1;
    }
    for (size_t i = 0; i < rule->watcher_count; i++)
        if (engine_hand_on(engine, state, &rule->watchers[i], ev) != 0)
            return -1;
    return 0;
}

/* Rows that are over go first, but so many at one event: they may be without entries. */
enum { MOST_OVER = 16 };

/* And so do rows that hold no entries, of a rule that was changed: what that leaves too many
 * goes with the next events. */
enum { MOST_EMPTY = 16 };

static int
may_go(const struct state *state, unsigned *most_empty)
{
    if (window_size(state->window) > 0)
        return 1;
    if (*most_empty == 0)
        return 0;
    --*most_empty;
    return 1;
}

/* A rule's windows hold so much, and all together: the keys untouched longest go, those of
 * the rule that holds most. Before it comes to that, its busy keys are held shorter
 * (limit_of). */
static void
keep_within(struct engine *engine, const struct state *current)
{
    const struct holding *holding = state_holding(&engine->table, current);
    unsigned most_over = MOST_OVER, most_empty = MOST_EMPTY;
    struct state *state;

    while (holding->entries > holding->most_entries) {
        state = holding_first_over(holding, engine->stream_us);
        if (state == NULL && (state = holding_oldest(holding, current)) == NULL)
            break;
        if (!may_go(state, &most_empty))
            break;
        engine_evict(engine, state, ENGINE_RULE_BOUND);
    }
    while (engine->table.entries > engine->options.max_total_entries) {
        state = most_over > 0 ? state_first_over(&engine->table, engine->stream_us) : NULL;
        most_over -= most_over > 0;
        if (state == NULL && (state = state_oldest_window(&engine->table, current)) == NULL)
            break;
        if (!may_go(state, &most_empty))
            break;
        engine_evict(engine, state, ENGINE_BOUND);
    }
}

static int
is_tight(size_t entries, size_t most)
{
    return entries > most - most / 4;
}

/* Where room grows short the rule that holds most has less for each key, and no other. */
static size_t
limit_of(const struct engine *engine, const struct state *state)
{
    const struct rule_plan *plan = &engine->plans[state->rule];
    const struct holding *holding = state_holding(&engine->table, state);
    int is_short = is_tight(engine->table.entries, engine->options.max_total_entries) &&
                   state_largest(&engine->table, SIZE_ENTRIES, NULL) == holding;

    return is_short || is_tight(holding->entries, holding->most_entries) ? plan->tight_entries
                                                                         : plan->max_entries;
}

static enum window_result
add_entry(struct engine *engine, struct state *state, const struct window_entry *entry,
          uint64_t origin)
{
    struct rule_plan *plan = &engine->plans[state->rule];
    size_t before = state->window->count;
    enum window_result result;

    plan->window.max_entries = limit_of(engine, state);
    result = window_add(state->window, &plan->window, entry, origin, &engine->match);
    state_note_entries(&engine->table, state, before, state->window->count);
    *engine->counts.entries_dropped += engine->match.dropped;
    if (plan->window.max_entries < plan->max_entries)
        *engine->counts.entries_shortened += engine->match.dropped;
    plan->lost_entries += engine->match.dropped;
    return result;
}

/* Put an entry into its key's window and see what comes of it. */
static int
judge_entry(struct engine *engine, struct state *state, const struct window_entry *entry,
            struct judging *judging)
{
    int rc = 0;

    judging->is_in = 0;
    if (state_open_window(state) == NULL)
        return -1;
    switch (add_entry(engine, state, entry, judging->origin)) {
    case WINDOW_NO_MEMORY:
        return -1;
    case WINDOW_LATE:
        judging->is_late = 1;
        break;
    case WINDOW_REPEATED:
        ++*engine->counts.repeats;
        break;
    case WINDOW_HOLDS:
        rc = engine_count_match(engine, state, &judging->ev->id, judging->ev);
        judging->is_in = 1;
        break;
    case WINDOW_QUIET:
        judging->is_in = 1;
        break;
    case WINDOW_MERGED:
        break;
    }
    if (rc == 0 && engine->plans[state->rule].window.is_waiting)
        rc = engine_settle_row(engine, state);
    keep_within(engine, state);
    return rc;
}

/* The row of the key in engine->key, when it is ours: 1, 0 when not, -1 without
 * memory. */
static int
row_of_key(struct engine *engine, uint32_t number, const struct rule *rule,
           struct state **ret_state, uint64_t *ret_owner)
{
    uint64_t hash = engine_key_hash(engine), owner = hash;

    if (rule->owner != OWNER_KEY &&
        engine_key_owner(engine, rule, buf_text(&engine->key), hash, &owner) != 0)
        return -1;
    if (!engine_is_ours(engine, owner))
        return 0;
    *ret_state = engine_state_of(engine, number, buf_text(&engine->key), hash);
    if (*ret_state == NULL)
        return -1;
    if (rule->owner != OWNER_KEY)
        (*ret_state)->number = owner;
    *ret_owner = owner;
    return 1;
}

/* The event as these steps of a correlation, all with the key in engine->key. */
static int
judge_window(struct engine *engine, uint32_t number, const struct rule *rule,
             uint64_t steps, struct judging *judging)
{
    struct window_entry entry;
    struct state *state = NULL;
    uint64_t owner = 0;
    int rc;

    if (engine_entry_init(engine, &entry, judging->ev) != 0)
        return -1;
    rc = engine_measure(engine, rule, steps, &entry);
    if (rc != 0) {
        *engine->counts.no_value += rc > 0;
        return rc < 0 ? -1 : 0;
    }
    rc = row_of_key(engine, number, rule, &state, &owner);
    if (rc <= 0)
        return rc;
    if (rule->echo_steps != 0 && !window_has(state->window, &entry)) {
        uint64_t hash = state->hash;

        if (engine_weigh_echo(engine, number, steps, owner, &entry) != 0)
            return -1;
        /* its row may have taken the place of this one; which is not touched twice
         * for one event, or every key would be a known one */
        state = engine_find(engine, number, buf_text(&engine->key), hash);
        if (state == NULL && row_of_key(engine, number, rule, &state, &owner) <= 0)
            return -1;
    }
    if (judge_entry(engine, state, &entry, judging) != 0)
        return -1;
    return judging->is_in ? engine_note_details(engine, state, entry.at_us) : 0;
}

static unsigned
lowest(uint64_t steps)
{
    return (unsigned)__builtin_ctzll(steps);
}

/* The steps of `steps` that have, by their aliases, the same key as the lowest;
 * that key is in engine->key. 0: it has none. -1: out of memory. */
static int
same_key(struct engine *engine, const struct rule *rule, uint64_t steps,
         uint64_t *ret_same)
{
    size_t count = rule->sigma.correlation.group_count;
    unsigned first = lowest(steps);
    int rc = engine_group_key(engine, rule->steps[first].parts, count, &engine->key);

    *ret_same = UINT64_C(1) << first;
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (rule->sigma.correlation.alias_count == 0)
        *ret_same = steps;
    for (steps &= ~*ret_same; steps != 0; steps &= steps - 1) {
        rc = engine_group_key(engine, rule->steps[lowest(steps)].parts, count,
                              &engine->other_key);
        if (rc < 0)
            return -1;
        if (rc == 0 && text_equals(buf_text(&engine->key), buf_text(&engine->other_key)))
            *ret_same |= UINT64_C(1) << lowest(steps);
    }
    return 1;
}

/* What detections found. */
static int
judge_steps(struct engine *engine, uint32_t number, struct judging *judging)
{
    uint64_t steps = engine->plans[number].steps, same;
    const struct rule *rule = ruleset_rule(engine->rules, number);

    for (; steps != 0; steps &= ~same) {
        int rc = same_key(engine, rule, steps, &same);

        engine_expect_fed(engine, number, lowest(steps));
        *engine->counts.no_key += rc == 0;
        if (rc < 0 || (rc > 0 && judge_window(engine, number, rule, same, judging) != 0))
            return -1;
    }
    return 0;
}

/* What the events handed on were like: all that the other row knows when there is more
 * than the event at hand. */
static int
hand_on_details(struct engine *engine, const struct chain_hit *hit, struct state *state,
                int64_t at_us)
{
    const struct text key = { engine->chain.keys.ptr + hit->from_at, hit->from_len };
    const struct state *from;

    if (ruleset_rule(engine->rules, hit->rule)->sigma.detail_count == 0)
        return 0;
    if (hit->entry_count == 1 && state->is_detailed)
        return engine_note_details(engine, state, at_us);
    from = engine_find(engine, hit->from_rule, key, hit->from_hash);
    return from == NULL ? 0 : engine_merge_details(engine, state, from);
}

/* What other correlations found. */
static int
judge_hit(struct engine *engine, const struct chain_hit *hit, struct judging *judging)
{
    struct state *state = NULL;
    uint64_t owner;
    int rc;

    buf_clear(&engine->key);
    if (buf_reserve(&engine->key, 1) != 0 ||
        buf_append(&engine->key, engine->chain.keys.ptr + hit->key_at, hit->key_len) != 0)
        return -1;
    rc = row_of_key(engine, hit->rule, ruleset_rule(engine->rules, hit->rule), &state,
                    &owner);
    /* nor what waits for the next step, unless that takes the room of keys that are
     * on their way to the first one */
    if (rc > 0 && !state->is_known &&
        engine->table.known_count < engine->options.max_keys / 2)
        state_know(&engine->table, state);
    for (size_t i = 0; rc > 0 && i < hit->entry_count; i++) {
        struct window_entry entry = engine->chain.entries[hit->entry_at + i];

        if (judge_entry(engine, state, &entry, judging) != 0)
            return -1;
    }
    return rc <= 0 ? rc : hand_on_details(engine, hit, state, judging->ev->at_us);
}

int
engine_correlate(struct engine *engine, const struct event *ev, uint64_t origin,
                 int *is_late)
{
    struct chain *chain = &engine->chain;
    struct judging judging = { ev, origin, 0, 0 };
    int rc = 0;

    for (size_t i = 0; i < chain->rule_count && rc == 0; i++) {
        uint32_t number = chain->rules[i];

        rc = judge_steps(engine, number, &judging);
        for (size_t h = 0; h < chain->hit_count && rc == 0; h++) {
            const struct chain_hit hit = chain->hits[h];    /* more may come meanwhile */

            if (hit.rule == number)
                rc = judge_hit(engine, &hit, &judging);
        }
    }
    chain->rule_count = chain->hit_count = chain->entry_count = 0;
    buf_clear(&chain->keys);
    *is_late |= judging.is_late;
    return rc;
}
