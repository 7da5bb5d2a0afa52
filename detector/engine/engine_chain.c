/*
 * engine_chain.c - which correlations an event feeds, and what they hand on
 */
#include <stdlib.h>

#include "detector/engine/engine_internal.h"

void
chain_release(struct chain *chain)
{
    free(chain->rules);
    free(chain->hits);
    free(chain->entries);
    buf_release(&chain->keys);
    *chain = (struct chain){ 0 };
}

/* Put a correlation among those to be judged, by rank. */
static void
feed_one(struct engine *engine, uint32_t number)
{
    struct rule_plan *plan = &engine->plans[number];
    struct chain *chain = &engine->chain;
    size_t at = chain->rule_count;

    if (plan->fed_in == engine->event_number)
        return;
    plan->fed_in = engine->event_number;
    plan->steps = 0;
    while (at > 0 && engine->plans[chain->rules[at - 1]].rank > plan->rank) {
        chain->rules[at] = chain->rules[at - 1];
        at--;
    }
    chain->rules[at] = number;
    chain->rule_count++;
}

/* 1 when the correlation is not to hear of this event. */
static int
is_kept_from(struct engine *engine, uint32_t number, const struct event *ev)
{
    return engine->allowing.list == NULL
           ? 0 : engine_is_allowed(engine, ruleset_rule(engine->rules, number), ev);
}

int
engine_feed(struct engine *engine, const struct rule *rule, const struct event *ev)
{
    for (size_t i = 0; i < rule->watcher_count; i++) {
        const struct rule_feed *feed = &rule->watchers[i];
        int is_kept = engine->allowing.list == NULL ? 0
                                                    : is_kept_from(engine, feed->rule, ev);

        if (is_kept < 0)
            return -1;
        if (is_kept)
            continue;
        feed_one(engine, feed->rule);
        engine->plans[feed->rule].steps |= UINT64_C(1) << (feed->step < 64 ? feed->step
                                                                           : 0);
    }
    return 0;
}

static int
add_hit_entry(struct chain *chain, const struct window_entry *entry, uint64_t steps)
{
    if (chain->entry_count == chain->entry_cap) {
        size_t cap = chain->entry_cap == 0 ? 64 : chain->entry_cap * 2;
        struct window_entry *grown = realloc(chain->entries, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        chain->entries = grown;
        chain->entry_cap = cap;
    }
    chain->entries[chain->entry_count] = *entry;
    chain->entries[chain->entry_count].is_counted = 0;
    chain->entries[chain->entry_count++].as.value = steps;
    return 0;
}

/* The key that the other correlation has for what this one found. */
static int
add_hit(struct engine *engine, const struct state *state, const struct rule_feed *feed)
{
    const struct rule *rule = ruleset_rule(engine->rules, feed->rule);
    struct chain *chain = &engine->chain;
    size_t at = chain->keys.len;

    if (chain->hit_count == chain->hit_cap) {
        size_t cap = chain->hit_cap == 0 ? 8 : chain->hit_cap * 2;
        struct chain_hit *grown = realloc(chain->hits, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        chain->hits = grown;
        chain->hit_cap = cap;
    }
    if (engine_key_parts((struct text){ state->key, state->key_len },
                         rule->steps[feed->step].parts,
                         rule->sigma.correlation.group_count, &chain->keys) != 0)
        return -1;
    chain->hits[chain->hit_count++] = (struct chain_hit){
        .rule = feed->rule, .from_rule = state->rule, .from_hash = state->hash,
        .from_at = chain->keys.len, .from_len = state->key_len,
        .key_at = at, .key_len = chain->keys.len - at, .entry_at = chain->entry_count,
    };
    return buf_append(&chain->keys, state->key, state->key_len);
}

int
engine_hand_on(struct engine *engine, const struct state *state,
               const struct rule_feed *feed, const struct event *ev)
{
    const struct window_match *match = &engine->match;
    struct chain *chain = &engine->chain;
    uint64_t step = UINT64_C(1) << feed->step;
    int is_kept = is_kept_from(engine, feed->rule, ev);

    if (is_kept != 0)
        return is_kept < 0 ? -1 : 0;
    if (add_hit(engine, state, feed) != 0)
        return -1;
    /* steps first, for they move the clock; then what only belongs to them */
    for (size_t i = 0; i < match->end_count; i++)
        if (add_hit_entry(chain, window_entry(state->window, match->ends[i]), step) != 0)
            return -1;
    for (size_t i = 0, e = 0; i < match->taken_count; i++) {
        while (e < match->end_count && match->ends[e] < match->taken[i])
            e++;
        if (e < match->end_count && match->ends[e] == match->taken[i])
            continue;
        if (add_hit_entry(chain, window_entry(state->window, match->taken[i]), 0) != 0)
            return -1;
    }
    chain->hits[chain->hit_count - 1].entry_count =
        chain->entry_count - chain->hits[chain->hit_count - 1].entry_at;
    feed_one(engine, feed->rule);
    return 0;
}
