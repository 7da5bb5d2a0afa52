#include "detector/memory/state_table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

enum { FIRST_BUCKETS = 1024, LINE = 64, ROW_LINES = 5 };

int
state_table_init(struct state_table *table, size_t rule_count)
{
    *table = (struct state_table){ .salt = hash_random64() | 1,
                                   .bucket_count = FIRST_BUCKETS };
    table->buckets = calloc(FIRST_BUCKETS, sizeof(table->buckets[0]));
    return table->buckets == NULL ? -1 : state_open_holdings(table, rule_count);
}

void
open_incidents_free(struct open_incident **incidents)
{
    while (*incidents != NULL) {
        struct open_incident *inc = *incidents;

        *incidents = inc->next;
        free(inc->evidence);
        free(inc);
    }
}

/* How far behind the row a window stands: it follows the key. */
static size_t
window_offset(size_t key_len)
{
    size_t end = sizeof(struct state) + key_len + 1;

    return (end + _Alignof(struct window) - 1) / _Alignof(struct window) *
           _Alignof(struct window);
}

static struct window *
room_of(struct state *state)
{
    return (void *)((char *)state + window_offset(state->key_len));
}

static void
release_abandoned(struct state *state)
{
    if (state->has_abandoned)
        window_release(room_of(state));
    state->has_abandoned = 0;
}

struct window *
state_open_window(struct state *state)
{
    release_abandoned(state);
    if (state->window == NULL && state->has_room)
        state->window = room_of(state);
    else if (state->window == NULL)
        state->window = calloc(1, sizeof(*state->window));
    return state->window;
}

void
state_close_window(struct state *state)
{
    release_abandoned(state);
    if (state->window == NULL)
        return;
    window_release(state->window);
    if (!state->has_room)
        free(state->window);
    state->window = NULL;
}

void
state_abandon_window(struct state *state)
{
    if (state->window == NULL || !state->has_room) {
        state_close_window(state);
        return;
    }
    state->window = NULL;
    state->has_abandoned = 1;
}

void
state_free(struct state *state)
{
    state_close_window(state);
    details_destroy(&state->details);
    open_incidents_free(&state->incidents);
    open_incidents_free(&state->closed);
    free(state);
}

void
state_table_release(struct state_table *table)
{
    for (size_t i = 0; i < table->bucket_count; i++)
        while (table->buckets != NULL && table->buckets[i] != NULL) {
            struct state *state = table->buckets[i];

            table->buckets[i] = state->next_in_bucket;
            state_free(state);
        }
    while (table->gone != NULL) {
        struct state *state = table->gone;

        table->gone = state->next_changed;
        state_free(state);
    }
    state_waste_free(table, SIZE_MAX);
    state_release_holdings(table);
    free(table->buckets);
    free(table->due.rows);
    *table = (struct state_table){ 0 };
}

static size_t
bucket_of(const struct state_table *table, uint32_t rule, uint64_t hash)
{
    uint64_t mixed = (hash + rule * UINT64_C(0x9E3779B97F4A7C15)) * table->salt;

    return (size_t)(mixed >> 32) & (table->bucket_count - 1);
}

/* What one key was told of all has the hash that decides the key's slot: there the name
 * says where a row stands, or they would all stand in one bucket. */
static size_t
bucket_by_key(const struct state_table *table, uint32_t rule, struct text key, uint64_t hash)
{
    return bucket_of(table, rule, rule == RULE_TOLD ? hash64(key.ptr, key.len) : hash);
}

static size_t
bucket_of_row(const struct state_table *table, const struct state *state)
{
    return bucket_by_key(table, state->rule, (struct text){ state->key, state->key_len },
                         state->hash);
}

/* Most rows are far from the processor, and come with their windows. */
void
state_fetch(const struct state *state)
{
    for (size_t line = 0; line < ROW_LINES; line++)
        __builtin_prefetch((const char *)state + line * LINE);
}

void
state_expect(const struct state_table *table, uint32_t rule, uint64_t hash,
             enum state_nearness nearness)
{
    struct state *const *bucket = &table->buckets[bucket_of(table, rule, hash)];

    if (nearness == STATE_FAR) {
        __builtin_prefetch(bucket);
    } else if (*bucket != NULL && nearness == STATE_NEARER) {
        state_fetch(*bucket);
    } else if (*bucket != NULL) {
        __builtin_prefetch((*bucket)->newer);
        __builtin_prefetch((*bucket)->older);
        if ((*bucket)->window != NULL)
            window_expect((*bucket)->window);
    }
}

struct state *
state_find(const struct state_table *table, uint32_t rule, struct text key, uint64_t hash)
{
    struct state *state = table->buckets[bucket_by_key(table, rule, key, hash)];

    for (; state != NULL; state = state->next_in_bucket) {
        state_fetch(state);
        if (state->hash == hash && state->rule == rule && state->key_len == key.len &&
            memcmp(state->key, key.ptr, key.len) == 0)
            return state;
    }
    return NULL;
}

/* Twice the buckets; without memory for them chains only get longer. */
static void
grow(struct state_table *table)
{
    size_t old_count = table->bucket_count;
    struct state **old = table->buckets;
    struct state **buckets = calloc(old_count * 2, sizeof(*buckets));

    if (buckets == NULL)
        return;
    table->buckets = buckets;
    table->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++)
        while (old[i] != NULL) {
            struct state *state = old[i];
            size_t to = bucket_of_row(table, state);

            old[i] = state->next_in_bucket;
            state->next_in_bucket = buckets[to];
            buckets[to] = state;
        }
    free(old);
}

static struct state *
row_alloc(size_t size)
{
    void *state;

    if (posix_memalign(&state, LINE, size) != 0)
        return NULL;
    return memset(state, 0, size);
}

struct state *
state_add(struct state_table *table, uint32_t rule, struct text key, uint64_t hash)
{
    int has_room = state_holding_at(table, rule, key.len)->kind == STATE_WINDOWS;
    size_t size = has_room ? window_offset(key.len) + sizeof(struct window)
                           : sizeof(struct state) + key.len + 1;
    struct state *state = key.len > UINT32_MAX ? NULL : row_alloc(size);
    size_t bucket;

    if (state == NULL)
        return NULL;
    state->has_room = (uint8_t)has_room;
    state->rule = rule;
    state->hash = hash;
    state->key_len = (uint32_t)key.len;
    memcpy(state->key, key.ptr, key.len);
    if (table->count >= table->bucket_count / 2)
        grow(table);
    bucket = bucket_by_key(table, rule, key, hash);
    state->next_in_bucket = table->buckets[bucket];
    table->buckets[bucket] = state;
    table->count++;
    table->added++;
    state_link_age(table, state);
    return state;
}

void
state_table_fill(struct state_table *table, struct state ***buckets, size_t bucket_count)
{
    free(table->buckets);
    table->buckets = *buckets;
    *buckets = NULL;
    table->bucket_count = bucket_count;
    table->count = 0;
    state_clear_holdings(table);
}

void
state_table_take(struct state_table *table, struct state *state)
{
    size_t bucket = bucket_of_row(table, state);

    state->next_in_bucket = table->buckets[bucket];
    table->buckets[bucket] = state;
    table->count++;
    state_link_age(table, state);
}

void
state_mark(struct state_table *table, struct state *state)
{
    if (state->is_dirty)
        return;
    state->is_dirty = 1;
    table->changed++;
    state->next_changed = table->dirty;
    state->changed_at = &table->dirty;
    if (table->dirty != NULL)
        table->dirty->changed_at = &state->next_changed;
    table->dirty = state;
}

void
state_touch(struct state_table *table, struct state *state, int64_t stream_us)
{
    if (state->touch > 0 && (!state->is_known || state->newer != NULL))
        state_know(table, state);
    state->touch = ++table->touch;
    state->touched_us = stream_us;
    state_mark(table, state);
}

static int
has_news(const struct state *state)
{
    const struct open_incident *inc = state->incidents;

    if (state->is_kept || state->closed != NULL)
        return 1;
    while (inc != NULL && inc->untold == UNTOLD_NOTHING)
        inc = inc->next;
    return inc != NULL;
}

static void
unlink_changed(struct state *state)
{
    *state->changed_at = state->next_changed;
    if (state->next_changed != NULL)
        state->next_changed->changed_at = state->changed_at;
}

void
state_drop(struct state_table *table, struct state *state)
{
    struct state **at = &table->buckets[bucket_of_row(table, state)];

    while (*at != state)
        at = &(*at)->next_in_bucket;
    *at = state->next_in_bucket;
    table->count--;
    due_remove(&table->due, state);
    state_note_entries(table, state, window_size(state->window), 0);
    table->details -= details_size(state->details);
    state_unlink_age(table, state);
    if (state->is_dirty) {
        unlink_changed(state);
        table->changed--;
    }
    state_unlink_untold(table, state);
    if (!has_news(state)) {
        state_free(state);
        return;
    }
    /* its window is of no use any more, only its name and its incidents */
    state_close_window(state);
    state->next_changed = NULL;
    if (table->gone == NULL)
        table->gone_end = &table->gone;
    *table->gone_end = state;
    table->gone_end = &state->next_changed;
    table->changed++;
}

static int
compare_touch(const void *left, const void *right)
{
    const struct state *a = *(struct state *const *)left;
    const struct state *b = *(struct state *const *)right;

    return a->touch < b->touch ? -1 : a->touch > b->touch;
}

int
state_sort(struct state_table *table)
{
    struct state **all = calloc(table->count + 1, sizeof(*all));
    size_t n = 0;

    if (all == NULL)
        return -1;
    for (size_t i = 0; i < 2 * table->holding_count; i++)
        for (struct state *state = table->holdings[i / 2].queues[i % 2].oldest; state != NULL;
             state = state->newer)
            all[n++] = state;
    qsort(all, n, sizeof(*all), compare_touch);
    state_clear_holdings(table);
    for (size_t i = 0; i < n; i++)
        state_link_age(table, all[i]);
    free(all);
    return 0;
}

void
state_settle(struct state_table *table)
{
    state_settle_told(table);
    table->changed = 0;
    while (table->gone != NULL) {
        struct state *state = table->gone;

        table->gone = state->next_changed;
        state_free(state);
    }
    while (table->dirty != NULL) {
        struct state *state = table->dirty;

        table->dirty = state->next_changed;
        state->is_dirty = 0;
        state->is_kept = 1;
    }
}
