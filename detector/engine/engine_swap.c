/*
 * engine_swap.c - other rules, the same memory
 *
 * A second engine takes over what the first one knows. Rows of rules that are as they
 * were are handed over as they stand, without their windows or details where the rule has
 * others now; those whose key no rule makes any more leave (engine_leave.c); and the few
 * that are neither go the way of a restart, packed and given back. So that a swap and a
 * restart come to the same. All that can fail comes first: until the first row moves, the
 * old engine is whole.
 *
 * The stream waits meanwhile, so each row is looked at twice only, and fetched before.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_fates.h"
#include "detector/engine/engine_internal.h"

/* Rows that are fetched in advance. */
enum { AHEAD = 8 };

/* Touches are sorted by so many bits at a time. */
enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

struct moved {
    uint64_t touch;
    struct state *state;
    uint32_t rule;              /* from now on */
    uint8_t is_old;             /* from the old engine, */
    uint8_t is_bare, is_undetailed;     /* without its window, its details */
};

struct swap {
    struct engine *from, *to;
    struct fates fates;         /* of the old rules */
    struct moved *rows;         /* those that stand in the new engine, by their touch */
    struct moved *spare;        /* room to sort them */
    size_t row_count;
    struct state **buckets;     /* of the new table */
    size_t bucket_count;
};

/* 1 when the row moves, as *ret says. */
static int
moves(const struct swap *swap, struct state *state, struct moved *ret)
{
    struct fate fate = { MOVE, state->rule, 0, 0 };

    if (state->rule < RULE_FORGOTTEN)
        fate = swap->fates.rules[state->rule];
    *ret = (struct moved){ state->touch, state, fate.number, 1, fate.is_bare,
                           fate.is_undetailed };
    return fate.outcome == MOVE;
}

static int
is_restored(const struct swap *swap, const struct state *state)
{
    return state->rule < RULE_FORGOTTEN && swap->fates.rules[state->rule].outcome == RESTORE;
}

/* As if after a restart. */
static int
restore_changed(struct swap *swap, struct err *err)
{
    struct state_table *table = &swap->from->table;
    struct buf bytes = { 0 };
    int rc = 0;

    for (size_t i = 0; swap->fates.has_restored && i < table->bucket_count && rc == 0; i++)
        for (struct state *state = table->buckets[i]; state != NULL && rc == 0;
             state = state->next_in_bucket) {
            struct engine_row row;

            if (!is_restored(swap, state))
                continue;
            row = engine_row_of(swap->from, state);
            buf_clear(&bytes);
            err_set(err, "engine: out of memory");
            rc = engine_pack_state(swap->from, state, &bytes);
            row.state = buf_text(&bytes);
            rc = rc == 0 ? engine_restore(swap->to, &row, err) : rc;
            swap->from->journals = swap->to->journals;      /* it may have grown */
        }
    buf_release(&bytes);
    return rc;
}

/* Nothing is changed: what does not move stays for restore_changed's sake. */
static void
note_rows(struct swap *swap, const struct state_table *table, int is_old)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        if (i + AHEAD < table->bucket_count)
            __builtin_prefetch(table->buckets[i + AHEAD]);
        for (struct state *state = table->buckets[i]; state != NULL;
             state = state->next_in_bucket) {
            struct moved *to = &swap->rows[swap->row_count];

            if (!is_old)
                *to = (struct moved){ state->touch, state, state->rule, 0, 0, 0 };
            if (!is_old || moves(swap, state, to))
                swap->row_count++;
        }
    }
}

/* Digit by digit from the lowest: many times as fast as comparing. */
static void
sort_by_touch(struct swap *swap)
{
    uint64_t most = 0;

    for (size_t i = 0; i < swap->row_count; i++)
        if (swap->rows[i].touch > most)
            most = swap->rows[i].touch;
    for (unsigned shift = 0; shift < 64 && most >> shift != 0; shift += DIGIT_BITS) {
        size_t places[DIGITS + 1] = { 0 };
        struct moved *sorted = swap->spare;

        for (size_t i = 0; i < swap->row_count; i++)
            places[(swap->rows[i].touch >> shift) % DIGITS + 1]++;
        for (size_t i = 1; i < DIGITS; i++)
            places[i] += places[i - 1];
        for (size_t i = 0; i < swap->row_count; i++)
            sorted[places[(swap->rows[i].touch >> shift) % DIGITS]++] = swap->rows[i];
        swap->spare = swap->rows;
        swap->rows = sorted;
    }
}

/* All rows of the new engine, in the order in which they were touched; and room for them. */
static int
gather(struct swap *swap)
{
    size_t most = swap->from->table.count + swap->to->table.count;

    swap->bucket_count = swap->to->table.bucket_count;
    while (swap->bucket_count / 2 <= most)
        swap->bucket_count *= 2;
    if (due_reserve(&swap->to->table.due,
                    swap->from->table.due.count + swap->to->table.due.count) != 0)
        return -1;
    swap->rows = malloc((most + 1) * sizeof(swap->rows[0]));
    swap->spare = malloc((most + 1) * sizeof(swap->rows[0]));
    swap->buckets = calloc(swap->bucket_count, sizeof(struct state *));
    if (swap->rows == NULL || swap->spare == NULL || swap->buckets == NULL)
        return -1;
    note_rows(swap, &swap->from->table, 1);
    note_rows(swap, &swap->to->table, 0);
    sort_by_touch(swap);
    return 0;
}

/* --- nothing fails from here on --- */

/* Incidents that are to be told keep their order of waiting. */
static void
hand_untold(struct swap *swap)
{
    for (int what = UNTOLD_GROWTH; what < UNTOLD_KINDS; what++)
        for (struct state *state = swap->from->table.untold[what].first, *next; state != NULL;
             state = next) {
            struct moved moved;

            next = state->next_untold;
            if (!moves(swap, state, &moved))
                continue;
            state_unlink_untold(&swap->from->table, state);
            state_untold(&swap->to->table, state, (enum untold)what);
        }
}

/* It stands under another number from now on, there as among those that wait. */
static void
renumber(struct swap *swap, struct state *state, uint32_t rule)
{
    const struct window_wait *wait = state->window == NULL ? NULL : state->window->wait;
    int is_due = wait != NULL && wait->due_at != 0;

    due_remove(&swap->from->table.due, state);
    state->rule = rule;
    if (is_due)
        (void)due_put(&swap->to->table.due, state, wait->due_us);   /* there is room */
}

/* What does not move: what is told as gone, and what the new engine has a copy of, or the
 * file does not know. */
static void
leave_behind(struct swap *swap)
{
    struct state_table *table = &swap->from->table;
    struct moved moved;

    for (size_t i = 0; i < table->bucket_count; i++) {
        struct state *state = table->buckets[i], *next;

        if (swap->fates.has_changed && i + AHEAD < table->bucket_count && table->buckets[i + AHEAD] != NULL)
            __builtin_prefetch(table->buckets[i + AHEAD]);
        table->buckets[i] = NULL;
        for (; swap->fates.has_changed && state != NULL; state = next) {
            next = state->next_in_bucket;
            if (moves(swap, state, &moved))
                continue;
            if (state->is_kept && !is_restored(swap, state))
                leaving_add_row(&swap->to->leaving, state, moved.rule);
            else
                state_waste(&swap->to->table, state);
        }
    }
}

static void
take_row(struct swap *swap, const struct moved *moved)
{
    struct state_table *table = &swap->to->table;
    struct state *state = moved->state;

    if (moved->is_old && moved->is_bare) {
        due_remove(&swap->from->table.due, state);
        state_abandon_window(state);
    }
    if (moved->is_old && moved->is_undetailed) {
        details_destroy(&state->details);
        state->is_detailed = 0;
    }
    if (moved->is_old) {
        table->details += details_size(state->details);
        renumber(swap, state, moved->rule);
        state_note_entries(table, state, 0, window_size(state->window));
    }
    state_table_take(table, state);
}

static void
take_rows(struct swap *swap)
{
    for (size_t i = 0; i < swap->row_count; i++) {
        if (i + 2 * AHEAD < swap->row_count)
            state_fetch(swap->rows[i + 2 * AHEAD].state);
        if (i + AHEAD < swap->row_count)
            state_expect(&swap->to->table, swap->rows[i + AHEAD].rule,
                         swap->rows[i + AHEAD].state->hash, STATE_FAR);
        take_row(swap, &swap->rows[i]);
    }
}

/* Of the rules: what they have lost, and where the stream began for those that learn. */
static void
hand_starts(struct swap *swap)
{
    for (size_t i = 0; i < ruleset_count(swap->from->rules); i++) {
        const struct rule_plan *was = &swap->from->plans[i];
        struct rule_plan *is;

        if (swap->fates.rules[i].outcome != MOVE)
            continue;
        is = &swap->to->plans[swap->fates.rules[i].number];
        is->lost_keys = was->lost_keys;
        is->lost_entries = was->lost_entries;
        if (!was->is_started)
            continue;
        if (ruleset_rule(swap->to->rules, (size_t)swap->fates.rules[i].number)->sigma.learn_us == 0 ||
            is->is_started)
            continue;
        is->start_us = was->start_us;
        is->is_started = 1;
        swap->to->unstarted--;
    }
}

static void
hand_over(struct swap *swap)
{
    struct engine *from = swap->from, *to = swap->to;

    hand_untold(swap);
    to->leaving = from->leaving;
    from->leaving = (struct leaving){ 0 };
    to->table.waste = from->table.waste;
    from->table.waste = NULL;
    leave_behind(swap);
    hand_starts(swap);
    state_table_fill(&to->table, &swap->buckets, swap->bucket_count);
    take_rows(swap);
    to->table.touch = from->table.touch > to->table.touch ? from->table.touch : to->table.touch;
    to->table.round = from->table.round;
    from->journals = (struct journals){ 0 };
    to->keyed = from->keyed;
    from->keyed = (struct id_memory){ 0 };
    to->share = from->share;
    to->stream_us = from->stream_us > to->stream_us ? from->stream_us : to->stream_us;
    to->incomplete_until_us = from->incomplete_until_us;
    to->event_number = from->event_number;
    memcpy(to->streams, from->streams, sizeof(to->streams));
    to->stream_count = from->stream_count;
    to->needs_sort = 0;
    to->limits_before = from->limits_before +
                        matcher_limits_hit(ruleset_matcher(from->rules));
    to->allowing.is_noted = to->allowing.list == NULL;
    engine_count_expired(to);
}

int
engine_swap(struct engine **engine, struct ruleset **rules, struct err *err)
{
    struct swap swap = { .from = *engine };
    int rc = -1;

    if (swap.from->table.dirty != NULL || swap.from->table.gone != NULL) {
        err_set(err, "engine: what changed is not on disk yet");
        return -1;
    }
    err_set(err, "engine: out of memory");      /* until something says better */
    if (swap.from->needs_sort && state_sort(&swap.from->table) != 0)
        return -1;
    swap.from->needs_sort = 0;
    swap.to = engine_new(&swap.from->options, rules, swap.from->allowing.metrics, err);
    if (swap.to == NULL)
        return -1;
    /* one table of journals for both, until it is clear who keeps it */
    swap.to->journals = swap.from->journals;
    err_set(err, "engine: out of memory");
    if (fates_find(&swap.fates, swap.from, swap.to) != 0 ||
        restore_changed(&swap, err) != 0 || gather(&swap) != 0 ||
        engine_set_allow(swap.to, &swap.from->allowing.list) != 0) {
        swap.to->journals = (struct journals){ 0 };
        engine_destroy(&swap.to);
        engine_show_rules(swap.from);
        goto done;
    }
    hand_over(&swap);
    *engine = swap.to;
    engine_destroy(&swap.from);
    rc = 0;

done:
    free(swap.rows);
    free(swap.spare);
    free(swap.buckets);
    free(swap.fates.rules);
    return rc;
}
