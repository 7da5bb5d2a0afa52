/*
 * engine_first.c - the first time that something is seen
 *
 * A row for each thing (the values of the rule's fields) has the time of the
 * newest event that showed it. An event is a first when there is no row, or
 * the row's time lies further back than the rule remembers. A rule that
 * learns keeps, under an empty key, the time at which the stream began for
 * it; until so long after that, firsts are only remembered.
 */
#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

/* Of a row that shows nothing: made for other fields, before the rule was changed. */
#define NEVER_SEEN (-ENGINE_MAX_TIME)

/* What was seen may take a quarter of all rows. */
size_t
engine_memory_limit(const struct engine *engine)
{
    return engine->options.max_keys / 4 + 1;
}

/* What no rule remembers any longer. Rows of other kinds make no room for what was seen. */
static struct state *
memory_first_over(const struct state_table *table, int64_t stream_us)
{
    const struct holding_rank *rank = &table->ranks[SIZE_MEMORY];
    struct state *state = NULL;

    for (size_t i = 0; i < rank->count && state == NULL; i++)
        state = holding_first_over(&table->holdings[rank->items[i]], stream_us);
    return state;
}

/* For a row more: of the rule's own when it has its share, then of the rule that has seen
 * most. */
static void
make_memory_room(struct engine *engine, const struct holding *own)
{
    struct state_table *table = &engine->table;

    while (holding_rows(own) >= own->most_rows ||
           table->memory_count >= engine_memory_limit(engine)) {
        int is_full = holding_rows(own) >= own->most_rows;
        const struct holding *from = is_full ? own : state_largest(table, SIZE_MEMORY, NULL);
        struct state *state = is_full ? holding_first_over(own, engine->stream_us)
                                      : memory_first_over(table, engine->stream_us);

        if (state == NULL) {
            state = holding_oldest_memory(from);
            ++*engine->counts.memory_evicted;
            engine->plans[state->rule].lost_keys++;
        }
        state_drop(table, state);
    }
}

static struct state *
memory_of(struct engine *engine, uint32_t number, struct text key, int *ret_is_new)
{
    uint64_t hash = hash64(key.ptr, key.len);

    *ret_is_new = engine_find(engine, number, key, hash) == NULL;
    if (*ret_is_new)
        make_memory_room(engine, &engine->table.holdings[HOLDS_RULES + number]);
    return engine_state_of(engine, number, key, hash);
}

/* Note the event's time; 1 when the thing was not seen in time before. */
static int
is_first(struct state *state, int is_new, int64_t seen_us, int64_t at_us)
{
    int64_t last_us = is_new ? NEVER_SEEN : (int64_t)state->number;

    if (at_us > last_us)
        state->number = (uint64_t)at_us;
    return at_us - last_us > seen_us;
}

static int
is_learning(const struct engine *engine, uint32_t number, int64_t at_us)
{
    const struct rule_plan *plan = &engine->plans[number];
    int64_t learn_us = ruleset_rule(engine->rules, number)->sigma.learn_us;

    return learn_us > 0 && at_us < plan->start_us + learn_us;
}

int
engine_judge_first(struct engine *engine, uint32_t number, const struct event *ev)
{
    const struct rule *rule = ruleset_rule(engine->rules, number);
    struct window_entry entry;
    const struct incident_part part = { .first_us = ev->at_us, .last_us = ev->at_us,
                                        .opener = &ev->id, .entry = &entry, .weight = 1 };
    struct state *state;
    int is_new, is_ours;
    int rc = engine_group_key(engine, rule->seen_fields,
                              rule->sigma.correlation.group_count, &engine->key);

    if (rc != 0) {
        *engine->counts.no_key += rc > 0;
        return rc < 0 ? -1 : 0;
    }
    is_ours = engine_is_ours(engine, hash64(engine->key.ptr, engine->key.len));
    /* what others refer to, each slot remembers: who owns their keys is not known yet */
    if (!is_ours && rule->watcher_count == 0)
        return 0;
    state = memory_of(engine, number, buf_text(&engine->key), &is_new);
    if (state == NULL || engine_entry_init(engine, &entry, ev) != 0)
        return -1;
    if (!is_first(state, is_new, rule->sigma.seen_us, ev->at_us))
        return 0;
    if (is_learning(engine, number, ev->at_us)) {
        ++*engine->counts.learnt;
        return 0;
    }
    if (is_ours && rule->is_alerting &&
        (engine_count(engine, state, &part) != 0 ||
         engine_note_details(engine, state, ev->at_us) != 0))
        return -1;
    return 1;
}

int
engine_start_learning(struct engine *engine, const struct event *ev)
{
    int64_t now_us = ev->at_us < ev->received_us ? ev->at_us : ev->received_us;

    for (size_t i = 0; i < ruleset_count(engine->rules) && engine->unstarted > 0; i++) {
        struct rule_plan *plan = &engine->plans[i];
        struct state *state;

        if (plan->is_started || ruleset_rule(engine->rules, i)->sigma.learn_us == 0)
            continue;
        state = engine_state_of(engine, (uint32_t)i, text_of(""), hash64("", 0));
        if (state == NULL)
            return -1;
        state->number = (uint64_t)now_us;
        plan->start_us = now_us;
        plan->is_started = 1;
        engine->unstarted--;
    }
    return 0;
}

void
engine_restore_seen(struct engine *engine, struct state *state, int is_same_shape)
{
    struct rule_plan *plan = &engine->plans[state->rule];
    int64_t at_us = (int64_t)state->number;
    int is_sane = at_us >= -ENGINE_MAX_TIME && at_us <= ENGINE_MAX_TIME;

    if (!is_same_shape || !is_sane)
        state->number = (uint64_t)NEVER_SEEN;
    else if (state->key_len == 0 && !plan->is_started &&
             ruleset_rule(engine->rules, state->rule)->sigma.learn_us > 0) {
        plan->start_us = at_us;
        plan->is_started = 1;
        engine->unstarted--;
    }
}
