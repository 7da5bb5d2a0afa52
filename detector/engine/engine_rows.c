/* Rows between the engine and its checkpoint: given back, told of, and forgotten. */
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

#define SEEN_NAME "bongsu.seen"
#define LATE_NAME "bongsu.late"
#define ALLOW_NAME "bongsu.allow"
#define TOLD_NAME "bongsu.told"

/* Remembered until a checkpoint has heard that it is gone. */
int
engine_forget_row(struct engine *engine, const struct engine_row *row)
{
    struct state *state;

    buf_clear(&engine->pack);
    if (buf_append_text(&engine->pack, row->rule) != 0 ||
        buf_append_text(&engine->pack, row->key) != 0)
        return -1;
    state = state_add(&engine->table, RULE_FORGOTTEN, buf_text(&engine->pack), row->hash);
    if (state == NULL)
        return -1;
    state->number = row->rule.len;
    state->is_kept = 1;
    state_drop(&engine->table, state);
    return 0;
}

static int
compare_id(const void *id, const void *at)
{
    const struct rule_by_id *rule = at;
    const struct text *name = id;
    size_t len = strlen(rule->id), shorter = name->len < len ? name->len : len;
    int order = memcmp(name->ptr, rule->id, shorter);

    return order != 0 ? order : (name->len > len) - (name->len < len);
}

int64_t
engine_rule_number(const struct engine *engine, struct text id)
{
    const struct rule_by_id *found =
        id.len == 0 ? NULL : bsearch(&id, engine->by_id, ruleset_count(engine->rules),
                                     sizeof(engine->by_id[0]), compare_id);

    return found == NULL ? -1 : (int64_t)found->number;
}

/* Which rule a row is of; -1 when there is none. */
static int
rule_find(const struct engine *engine, struct text name, uint32_t *ret_rule)
{
    static const struct { const char *name; uint32_t rule; } own[] = {
        { SEEN_NAME, RULE_SEEN }, { LATE_NAME, RULE_LATE },
        { TOLD_NAME, RULE_TOLD }, { ALLOW_NAME, RULE_ALLOW },
    };
    int64_t number = engine_rule_number(engine, name);

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && number < 0; i++)
        if (text_is(name, own[i].name))
            number = own[i].rule;
    *ret_rule = (uint32_t)number;
    return number < 0 ? -1 : 0;
}

/* 1 when its keys are of group-by fields. */
static int
is_grouped(const struct engine *engine, uint32_t rule)
{
    const struct sigma_rule *sigma;

    if (rule >= RULE_FORGOTTEN)
        return 0;
    sigma = &ruleset_rule(engine->rules, rule)->sigma;
    return sigma->correlation.type != SIGMA_NONE || sigma->seen_us > 0;
}

/* 1 when another hash than that of its key decides a row's slot. */
static int
is_owned_apart(const struct engine *engine, uint32_t rule)
{
    return rule < RULE_FORGOTTEN &&
           ruleset_rule(engine->rules, rule)->owner != OWNER_KEY;
}

/* Whom a row belongs to may have changed with the rules. */
static int
find_owner(struct engine *engine, struct state *state, struct err *err)
{
    const struct text key = { state->key, state->key_len };

    if (!is_owned_apart(engine, state->rule) ||
        engine_key_owner(engine, ruleset_rule(engine->rules, state->rule), key,
                         state->hash, &state->number) == 0)
        return 0;
    err_set(err, "state: out of memory");
    return -1;
}

/* 1 when the key is one that the rule as it is now would make. */
static int
is_key_of(const struct engine *engine, uint32_t rule, const struct engine_row *row)
{
    struct arena arena = { 0 };
    struct incident *inc;
    int rc;

    if (rule > RULE_FORGOTTEN)
        return row->key.len > 0 && row->key.len <= EVENT_MAX_NAME;
    if (row->key.len == 0 && ruleset_rule(engine->rules, rule)->sigma.learn_us > 0)
        return 1;               /* where the stream began for it */
    inc = calloc(1, sizeof(*inc));
    rc = inc == NULL ? -1
                     : engine_key_read(ruleset_rule(engine->rules, rule), row->key,
                                       &arena, inc);
    arena_release(&arena);
    free(inc);
    return rc == 0;
}

enum engine_division
engine_division(const struct ruleset *rules, struct text rule, struct text key)
{
    if (text_is(rule, LATE_NAME) || text_is(rule, ALLOW_NAME))
        return ENGINE_SUMMED;
    for (size_t i = 0; i < ruleset_count(rules); i++) {
        const struct rule *one = ruleset_rule(rules, i);

        if (one->sigma.seen_us > 0 && text_is(rule, one->sigma.id))
            return one->watcher_count > 0 || (key.len == 0 && one->sigma.learn_us > 0)
                       ? ENGINE_EVERYWHERE : ENGINE_BY_HASH;
    }
    return ENGINE_BY_HASH;
}

/* Another slot's row of a key that is there: counts add up; of what was seen, what all
 * have seen counts, for one that is behind judges for its keys what others know. */
static int
merge_row(struct engine *engine, struct state *state, const struct engine_row *row,
          struct err *err)
{
    int64_t touched_us;
    uint64_t number;

    if (engine_unpack_number(engine, row->state, &touched_us, &number, err) != 0)
        return -1;
    if (state->rule >= RULE_FORGOTTEN) {
        state->number += number;
        if (touched_us > state->touched_us)
            state->touched_us = touched_us;
    } else if ((int64_t)number < (int64_t)state->number) {
        state->number = number;
    }
    state_mark(&engine->table, state);
    return 0;
}

int
engine_restore(struct engine *engine, const struct engine_row *row, struct err *err)
{
    struct state *state;
    uint64_t hash = row->hash;
    uint32_t rule = 0;

    if (rule_find(engine, row->rule, &rule) != 0 ||
        !is_key_of(engine, rule, row)) {
        if (engine_forget_row(engine, row) == 0)
            return 0;
        err_set(err, "state: out of memory");
        return -1;
    }
    /* the row's own may be its slot's */
    if (rule == RULE_SEEN || is_grouped(engine, rule))
        hash = hash64(row->key.ptr, row->key.len);
    state = state_find(&engine->table, rule, row->key, hash);
    if (state != NULL && row->is_extra)
        return merge_row(engine, state, row, err);
    if (state != NULL) {
        err_set(err, "state: a key is there twice");
        return -1;
    }
    state = state_add(&engine->table, rule, row->key, hash);
    if (state == NULL) {
        err_set(err, "state: out of memory");
        return -1;
    }
    if (engine_unpack_state(engine, state, row->state, err) != 0 ||
        find_owner(engine, state, err) != 0) {
        state_drop(&engine->table, state);
        (void)engine_forget_row(engine, row);     /* the next checkpoint is rid of it */
        return -1;
    }
    for (const struct open_incident *inc = state->incidents; inc != NULL; inc = inc->next)
        state_untold(&engine->table, state, inc->untold);
    state->is_kept = !row->is_extra;
    if (row->is_extra)
        state_mark(&engine->table, state);
    engine->needs_sort = 1;
    if (state->touch > engine->table.touch)
        engine->table.touch = state->touch;
    if (state->touched_us > engine->stream_us)
        engine->stream_us = state->touched_us;
    engine_count_expired(engine);
    return 0;
}

struct engine_row
engine_row_of(const struct engine *engine, const struct state *state)
{
    struct engine_row row = { .key = { state->key, state->key_len },
                              .hash = state->hash };

    if (state->rule == RULE_SEEN || is_owned_apart(engine, state->rule))
        row.hash = state->number;
    if (state->rule == RULE_FORGOTTEN) {
        row.rule = (struct text){ state->key, state->number };
        row.key = (struct text){ state->key + state->number,
                                 state->key_len - state->number };
    } else if (state->rule > RULE_FORGOTTEN) {
        row.rule = text_of(state->rule == RULE_SEEN ? SEEN_NAME
                           : state->rule == RULE_LATE ? LATE_NAME
                           : state->rule == RULE_TOLD ? TOLD_NAME : ALLOW_NAME);
    } else {
        row.rule = text_of(ruleset_rule(engine->rules, state->rule)->sigma.id);
    }
    return row;
}

int
engine_changes(struct engine *engine,
               int (*visit)(void *ctx, const struct engine_row *row),
               void *ctx)
{
    int rc = 0;

    for (const struct state *state = engine->table.gone; state != NULL && rc == 0;
         state = state->next_changed) {
        const struct engine_row row = engine_row_of(engine, state);

        if (state->is_kept)
            rc = visit(ctx, &row);
    }
    for (const struct state *state = engine->table.dirty; state != NULL && rc == 0;
         state = state->next_changed) {
        struct engine_row row = engine_row_of(engine, state);

        buf_clear(&engine->pack);
        if (engine_pack_state(engine, state, &engine->pack) != 0)
            return -1;
        row.state = buf_text(&engine->pack);
        rc = visit(ctx, &row);
    }
    engine->was_visited = rc == 0;
    return rc;
}

size_t
engine_changed(const struct engine *engine)
{
    return engine->table.changed;
}

int
engine_is_urgent(const struct engine *engine)
{
    return engine->is_urgent;
}

void
engine_settle(struct engine *engine)
{
    if (!engine->was_visited)
        return;
    state_settle(&engine->table);
    engine->was_visited = 0;
    engine->is_urgent = 0;
    *engine->counts.untold = engine_untold(engine);
}

/* Put a late source into its place among those with most. */
static size_t
rank_late(const struct state *state, struct engine_late *ret, size_t count, size_t max)
{
    size_t at = count;

    while (at > 0 && ret[at - 1].events < state->number)
        at--;
    if (at == max)
        return count;
    if (count < max)
        count++;
    memmove(&ret[at + 1], &ret[at], (count - 1 - at) * sizeof(ret[0]));
    ret[at] = (struct engine_late){ { state->key, state->key_len }, state->number };
    return count;
}

size_t
engine_late_sources(const struct engine *engine, struct engine_late *ret, size_t max)
{
    const struct holding *late = &engine->table.holdings[HOLDS_LATE];
    size_t count = 0;

    for (int is_known = 0; is_known < 2; is_known++)
        for (const struct state *state = late->queues[is_known].oldest; state != NULL;
             state = state->newer)
            if (state->number > 0)
                count = rank_late(state, ret, count, max);
    return count;
}
