/*
 * engine_swap.c - other rules, the same memory
 *
 * A second engine takes over what the first one knows. Rows of rules that are as they
 * were are handed over as they stand; those of a rule that was changed or is gone go the
 * way of a restart, packed and given back, so that a swap and a restart come to the same.
 * All that can fail comes first: until the first row moves, the old engine is whole.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"

/* What becomes of an old rule's rows: it has this number now, or: */
enum { NO_RULE = -1 };

struct moved {
    uint64_t touch;
    struct state *state;
};

struct swap {
    struct engine *from, *to;
    int64_t *numbers;           /* by old number; NO_RULE: changed or gone */
    struct moved *rows;         /* those that stand in the new engine, by their touch */
    size_t row_count;
    struct state **buckets;     /* of the new table */
    size_t bucket_count;
};

/* 1 when the row of one serves the other as it stands. */
static int
is_same(const struct rule *was, const struct rule *is)
{
    return was->shape == is->shape && was->detail_shape == is->detail_shape &&
           was->sigma.correlation.type == is->sigma.correlation.type &&
           was->sigma.seen_us == is->sigma.seen_us &&
           was->sigma.correlation.group_count == is->sigma.correlation.group_count &&
           was->owner == is->owner && was->owner_count == is->owner_count &&
           memcmp(was->owner_parts, is->owner_parts,
                  was->owner_count * sizeof(was->owner_parts[0])) == 0;
}

static int
map_rules(struct swap *swap)
{
    size_t count = ruleset_count(swap->from->rules);

    swap->numbers = calloc(count + 1, sizeof(swap->numbers[0]));
    if (swap->numbers == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct rule *was = ruleset_rule(swap->from->rules, i);
        int64_t now = engine_rule_number(swap->to, text_of(was->sigma.id));

        swap->numbers[i] = now >= 0 && is_same(was, ruleset_rule(swap->to->rules, (size_t)now))
                           ? now : NO_RULE;
    }
    return 0;
}

/* 1 when the row moves; *ret_rule is its rule's number then. */
static int
moves(const struct swap *swap, const struct state *state, uint32_t *ret_rule)
{
    int64_t number = state->rule >= RULE_FORGOTTEN ? state->rule : swap->numbers[state->rule];

    *ret_rule = (uint32_t)number;
    return number != NO_RULE;
}

/* Those that do not move: as if after a restart. */
static int
restore_changed(struct swap *swap, struct err *err)
{
    struct state_table *table = &swap->from->table;
    struct buf bytes = { 0 };
    uint32_t rule;
    int rc = 0;

    for (size_t i = 0; i < table->bucket_count && rc == 0; i++)
        for (struct state *state = table->buckets[i]; state != NULL && rc == 0;
             state = state->next_in_bucket) {
            struct engine_row row;

            if (moves(swap, state, &rule))
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

static void
note_rows(struct swap *swap, struct state_table *table, int is_old)
{
    uint32_t rule;

    for (size_t i = 0; i < 2 * table->class_count; i++)
        for (struct state *state = table->classes[i / 2].queues[i % 2].oldest; state != NULL;
             state = state->newer)
            if (!is_old || moves(swap, state, &rule))
                swap->rows[swap->row_count++] = (struct moved){ state->touch, state };
}

static int
compare_touch(const void *left, const void *right)
{
    const struct moved *a = left, *b = right;

    return a->touch < b->touch ? -1 : a->touch > b->touch;
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
    swap->rows = calloc(most + 1, sizeof(swap->rows[0]));
    swap->buckets = calloc(swap->bucket_count, sizeof(struct state *));
    if (swap->rows == NULL || swap->buckets == NULL)
        return -1;
    note_rows(swap, &swap->from->table, 1);
    note_rows(swap, &swap->to->table, 0);
    qsort(swap->rows, swap->row_count, sizeof(swap->rows[0]), compare_touch);
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
            uint32_t rule;

            next = state->next_untold;
            if (!moves(swap, state, &rule))
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
    state->age_class = engine_class_of(swap->to, rule,
                                       (struct text){ state->key, state->key_len });
    state->rule = rule;
    if (is_due)
        (void)due_put(&swap->to->table.due, state, wait->due_us);   /* there is room */
}

/* The old table keeps what does not move, to be freed with it. */
static void
leave_behind(struct swap *swap)
{
    struct state_table *table = &swap->from->table;
    uint32_t rule;

    for (size_t i = 0; i < table->bucket_count; i++)
        for (struct state **at = &table->buckets[i]; *at != NULL;) {
            struct state *state = *at;

            if (!moves(swap, state, &rule)) {
                at = &state->next_in_bucket;
                continue;
            }
            *at = state->next_in_bucket;
            swap->to->table.entries += state->window != NULL ? state->window->count : 0;
            swap->to->table.details += details_size(state->details);
            renumber(swap, state, rule);
        }
}

/* Of rules that learn: where the stream began for them. */
static void
hand_starts(struct swap *swap)
{
    for (size_t i = 0; i < ruleset_count(swap->from->rules); i++) {
        const struct rule_plan *was = &swap->from->plans[i];
        struct rule_plan *is;

        if (swap->numbers[i] == NO_RULE || !was->is_started)
            continue;
        is = &swap->to->plans[swap->numbers[i]];
        if (ruleset_rule(swap->to->rules, (size_t)swap->numbers[i])->sigma.learn_us == 0 ||
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
    leave_behind(swap);
    hand_starts(swap);
    state_table_fill(&to->table, &swap->buckets, swap->bucket_count);
    for (size_t i = 0; i < swap->row_count; i++)
        state_table_take(&to->table, swap->rows[i].state);
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
    if (swap.from->needs_sort && state_sort(&swap.from->table) != 0)
        goto no_memory;
    swap.from->needs_sort = 0;
    swap.to = engine_new(&swap.from->options, rules, swap.from->allowing.metrics, err);
    if (swap.to == NULL)
        return -1;
    /* one table of journals for both, until it is clear who keeps it */
    swap.to->journals = swap.from->journals;
    if (map_rules(&swap) != 0 || restore_changed(&swap, err) != 0 || gather(&swap) != 0 ||
        engine_set_allow(swap.to, &swap.from->allowing.list) != 0) {
        swap.to->journals = (struct journals){ 0 };
        engine_destroy(&swap.to);
        engine_show_rules(swap.from);
        goto no_memory;
    }
    hand_over(&swap);
    *engine = swap.to;
    engine_destroy(&swap.from);
    rc = 0;

no_memory:
    if (rc != 0)
        err_set(err, "engine: out of memory");
    free(swap.rows);
    free(swap.buckets);
    free(swap.numbers);
    return rc;
}
