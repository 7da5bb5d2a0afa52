/*
 * engine_leave.c - rows of rules that a swap left behind
 *
 * A rule that is gone, or groups by something else now, may have had hundreds of
 * thousands of rows, and the file still has them. To tell it of all at once would keep the
 * stream waiting; so a few are told as gone with each event. What is not told when the
 * process ends is found to be of no rule at the next start.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"

enum { LEAVE_AT_ONCE = 1 };

void
leaving_release(struct leaving *leaving)
{
    while (leaving->first != NULL) {
        struct state *state = leaving->first;

        leaving->first = state->next_in_bucket;
        state_free(state);
    }
    for (size_t i = 0; i < leaving->rule_count; i++)
        free(leaving->rules[i]);
    free(leaving->rules);
    *leaving = (struct leaving){ 0 };
}

int
leaving_add_rule(struct leaving *leaving, const char *id, uint32_t *ret_at)
{
    char **rules = realloc(leaving->rules, (leaving->rule_count + 1) * sizeof(*rules));

    if (rules == NULL)
        return -1;
    leaving->rules = rules;
    rules[leaving->rule_count] = strdup(id);
    if (rules[leaving->rule_count] == NULL)
        return -1;
    *ret_at = (uint32_t)leaving->rule_count++;
    return 0;
}

void
leaving_add_row(struct leaving *leaving, struct state *state, uint32_t rule)
{
    state->number = rule;
    state->next_in_bucket = leaving->first;
    leaving->first = state;
}

/* 1 when the rule is back, with a row of this key: the file's is that one's now, also when
 * it goes before it was ever written. */
static int
is_back(const struct engine *engine, const struct engine_row *row)
{
    int64_t number = engine_rule_number(engine, row->rule);
    struct state *state = number < 0 ? NULL : state_find(&engine->table, (uint32_t)number,
                                                         row->key, row->hash);

    if (state != NULL)
        state->is_kept = 1;
    return state != NULL;
}

void
engine_leave_some(struct engine *engine)
{
    struct leaving *leaving = &engine->leaving;

    for (int i = 0; i < LEAVE_AT_ONCE && leaving->first != NULL; i++) {
        struct state *state = leaving->first;
        const struct engine_row row = {
            .rule = text_of(leaving->rules[state->number]),
            .key = { state->key, state->key_len }, .hash = state->hash,
        };

        if (!is_back(engine, &row) && engine_forget_row(engine, &row) != 0)
            return;             /* out of memory: it stays until there is some */
        leaving->first = state->next_in_bucket;
        state_free(state);
    }
    if (leaving->first == NULL && leaving->rule_count > 0)
        leaving_release(leaving);
}
