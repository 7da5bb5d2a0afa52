#include "detector/window/window.h"

#include <stdlib.h>
#include <string.h>

#include "detector/window/window_inner.h"

/* Tidying fewer entries is not worth the work. */
enum { MIN_TIDY = 32 };

void
window_release(struct window *win)
{
    free(win->entries);
    free(win->others);
    if (window_has_values((enum window_kind)win->kind))
        tally_release(&win->values);
    if (win->kind == WINDOW_PERCENTILE && win->ranking != NULL)
        ranking_release(win->ranking);
    if (win->kind == WINDOW_PERCENTILE)
        free(win->ranking);
    if (win->kind == WINDOW_ORDERED)
        free(win->order);
    window_wait_release(win);
    tally_release(&win->keyed);
    *win = (struct window){ 0 };
}

const struct window_entry *
window_entry(const struct window *win, size_t i)
{
    return window_at(win, i);
}

uint64_t
window_id_number(const struct short_id *id)
{
    uint64_t number;

    memcpy(&number, id->as.hash, sizeof(number));
    return number;
}

/* Take the newest window's first entry out of its totals. */
void
window_head_pass(struct window *win, const struct window_rule *rule)
{
    const struct window_entry *entry = window_at(win, win->head);

    if (window_has_sum(rule->kind))
        window_sum_add(&win->sum, &win->sum_rest, -entry->as.weight);
    if (rule->kind == WINDOW_PERCENTILE)
        ranking_remove(win->ranking, entry->as.weight);
    if (rule->kind >= WINDOW_DISTINCT)
        window_values_remove(&win->values, rule, entry);
    if (!entry->is_counted)
        win->uncounted--;
    win->head++;
    if (window_has_sum(rule->kind) &&
        win->head == (win->wait != NULL ? win->wait->tail : win->count))
        win->sum = win->sum_rest = 0;   /* nor does what is left of rounding pile up */
}

int
window_head_take(struct window *win, const struct window_rule *rule,
                 const struct window_entry *entry)
{
    if (rule->kind >= WINDOW_DISTINCT && window_values_add(&win->values, rule, entry) != 0)
        return -1;
    if (rule->kind == WINDOW_PERCENTILE &&
        ranking_add(win->ranking, entry->as.weight) != 0)
        return -1;
    if (window_has_sum(rule->kind))
        window_sum_add(&win->sum, &win->sum_rest, entry->as.weight);
    if (!entry->is_counted)
        win->uncounted++;
    return 0;
}

/* The oldest, which go, those that leave the newest window, and where it is put. Not
 * inline: a compiler takes what only fetches for what does nothing. */
void
window_expect(const struct window *win)
{
    const struct window_entry *first = win->entries + win->start;

    for (size_t i = 0; i < 3; i++) {
        __builtin_prefetch(first + i);
        __builtin_prefetch(first + win->head + i);
    }
    __builtin_prefetch(first + win->count);
    __builtin_prefetch((const char *)(first + win->count + 1) - 1);
}

static void
oldest_drop(struct window *win, const struct window_rule *rule)
{
    const struct window_entry *oldest = window_at(win, 0);

    if (win->head == 0)
        window_head_pass(win, rule);
    if (oldest->is_keyed)
        tally_remove(&win->keyed, window_id_number(&oldest->id));
    win->head--;
    win->start++;
    win->count--;
}

static int
resize(struct window *win, uint32_t cap)
{
    struct window_entry *entries = realloc(win->entries, cap * sizeof(*entries));

    if (entries == NULL)
        return -1;
    win->entries = entries;
    win->cap = cap;
    return 0;
}

/* Most keys hold one entry or a few, so growth is slow at first. */
int
window_make_room(struct window *win)
{
    if (win->start + win->count < win->cap)
        return 0;
    if (win->start > 0) {
        memmove(win->entries, window_at(win, 0), win->count * sizeof(win->entries[0]));
        win->start = 0;
    }
    if (win->count < win->cap - win->cap / 4) {
        if (win->cap > MIN_TIDY && win->count < win->cap / 4)
            (void)resize(win, win->cap / 2);    /* if it fails, it is only larger */
        return 0;
    }
    return resize(win, win->cap == 0 ? 1 : win->cap + (win->cap + 1) / 2);
}

size_t
window_lower_bound(const struct window *win, int64_t at_us)
{
    size_t low = 0, high = win->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (window_at(win, mid)->at_us < at_us)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The same 64 bits need not be the same id, so look. */
int
window_has(const struct window *win, const struct window_entry *entry)
{
    if (win == NULL || !entry->is_keyed ||
        !tally_has(&win->keyed, window_id_number(&entry->id)))
        return 0;
    for (size_t i = 0; i < win->count; i++)
        if (window_at(win, i)->is_keyed &&
            memcmp(&window_at(win, i)->id, &entry->id, sizeof(entry->id)) == 0)
            return 1;
    return 0;
}

int
window_remember(struct window *win, const struct window_entry *entry)
{
    return entry->is_keyed ? tally_add(&win->keyed, window_id_number(&entry->id)) : 0;
}

/* What no event that is still counted can share a window with. */
static void
forget_old(struct window *win, const struct window_rule *rule)
{
    int64_t oldest = window_clock_oldest(win);

    while (win->clock_count > 0 && win->count > 1 &&
           window_at(win, 0)->at_us < oldest - rule->lateness_us - rule->span_us)
        oldest_drop(win, rule);
}

/* Keep within the limits: without loss from time to time, with it at the hard one. */
static void
tidy(struct window *win, const struct window_rule *rule, struct window_match *match)
{
    int is_full = win->count >= rule->max_entries;
    size_t room = rule->max_entries - rule->max_entries / 8;

    if (!is_full && (win->count < MIN_TIDY || win->count < win->tidy_at))
        return;
    /* without memory nothing is tidied, but the limit holds all the same */
    (void)window_tidy(win, rule, WINDOW_EXACT, match);
    if (is_full && win->count > room)
        (void)window_tidy(win, rule, WINDOW_TIGHT, match);
    while (is_full && win->count > room && win->count > 1) {
        match->dropped += window_events(rule->kind, window_at(win, 0));
        oldest_drop(win, rule);
    }
    if (is_full)
        window_order_renew(win, rule);
    win->tidy_at = win->count + win->count / 2;
}

/* The newest window holds: count in what is not yet. Those are few and near
 * its end, since all was counted when it last held. */
static int
take_newest(struct window *win, struct window_match *match)
{
    for (size_t i = win->count; i > win->head && win->uncounted > 0; i--)
        if (!window_at(win, i - 1)->is_counted && window_take(win, match, i - 1) != 0)
            return -1;
    window_match_reverse(match);
    return 0;
}

/* Room for what only some windows have. */
static int
prepare(struct window *win, const struct window_rule *rule)
{
    win->kind = (uint8_t)rule->kind;
    if (rule->is_waiting && window_wait_init(win) != 0)
        return -1;
    if (rule->kind == WINDOW_PERCENTILE && win->ranking == NULL) {
        win->ranking = calloc(1, sizeof(*win->ranking));
        return win->ranking == NULL ? -1 : 0;
    }
    if (rule->kind != WINDOW_ORDERED || win->order != NULL)
        return 0;
    win->order = malloc(sizeof(*win->order) -
                        (WINDOW_MAX_STEPS - rule->steps) * sizeof(win->order->starts[0]));
    if (win->order == NULL)
        return -1;
    window_order_clear(win->order, rule);
    return 0;
}

static int
append(struct window *win, const struct window_rule *rule,
       const struct window_entry *entry)
{
    *window_at(win, win->count++) = *entry;
    while (win->head < win->count - 1 &&
           window_at(win, win->head)->at_us < entry->at_us - rule->span_us)
        window_head_pass(win, rule);
    if (window_head_take(win, rule, entry) != 0) {
        win->count--;
        return -1;
    }
    if (rule->kind == WINDOW_ORDERED)
        window_order_pass(win->order, rule, entry);
    return 0;
}

static int
newest_holds(const struct window *win, const struct window_rule *rule, int64_t at_us)
{
    if (rule->kind == WINDOW_ORDERED)
        return window_order_holds(win->order, rule, at_us - rule->span_us);
    return window_holds(rule, &(struct window_totals){
        win->count - win->head, window_sum(win, rule), &win->values, win->ranking });
}

static int
add_newest(struct window *win, const struct window_rule *rule,
           const struct window_entry *entry, struct window_match *match)
{
    if (append(win, rule, entry) != 0)
        return -1;
    if (window_has_steps(rule) && entry->as.value == 0)
        return window_sweep(win, rule, win->count - 1, match);
    if (!newest_holds(win, rule, entry->at_us))
        return 0;
    match->first_us = match->last_us = entry->at_us;
    if (window_end(match, win->count - 1) != 0)
        return -1;
    return take_newest(win, match) == 0 ? 1 : -1;
}

static int
add_out_of_order(struct window *win, const struct window_rule *rule,
                 const struct window_entry *entry, struct window_match *match)
{
    size_t place = window_lower_bound(win, entry->at_us + 1);
    int64_t newest_us = window_at(win, win->count - 1)->at_us;

    if (entry->at_us >= newest_us - rule->span_us) {
        if (window_head_take(win, rule, entry) != 0)
            return -1;
    } else {
        win->head++;
    }
    memmove(window_at(win, place + 1), window_at(win, place),
            (win->count - place) * sizeof(win->entries[0]));
    *window_at(win, place) = *entry;
    win->count++;
    if (place >= win->head)
        window_order_renew(win, rule);
    return window_sweep(win, rule, place, match);
}

enum window_result
window_add(struct window *win, const struct window_rule *rule,
           const struct window_entry *entry, uint64_t origin, struct window_match *match)
{
    enum window_result merged;
    int is_late = 0, is_newest, held;

    match->taken_count = match->end_count = match->dropped = 0;
    if (!window_has_steps(rule) && window_has(win, entry))
        return WINDOW_REPEATED;
    if (prepare(win, rule) != 0)
        return WINDOW_NO_MEMORY;
    if (rule->is_waiting)
        return window_wait_add(win, rule, entry, origin, match);
    if (window_has_steps(rule)) {
        merged = window_merge(win, rule, entry, match);
        if (merged != WINDOW_QUIET)
            return merged;
    }
    if (!window_has_steps(rule) || entry->as.value != 0)
        is_late = window_clock_check(win, rule, entry, origin);
    if (is_late != 0)
        return is_late < 0 ? WINDOW_NO_MEMORY : WINDOW_LATE;
    forget_old(win, rule);
    tidy(win, rule, match);
    if (window_make_room(win) != 0 || window_remember(win, entry) != 0)
        return WINDOW_NO_MEMORY;
    is_newest = win->count == 0 || entry->at_us >= window_at(win, win->count - 1)->at_us;
    held = (is_newest ? add_newest : add_out_of_order)(win, rule, entry, match);
    if (held < 0)
        return WINDOW_NO_MEMORY;
    return held ? WINDOW_HOLDS : WINDOW_QUIET;
}

int
window_restore(struct window *win, const struct window_rule *rule,
               const struct window_entry *entry)
{
    if (win->count > 0 && entry->at_us < window_at(win, win->count - 1)->at_us)
        return -1;
    if (prepare(win, rule) != 0 || window_make_room(win) != 0 || window_remember(win, entry) != 0)
        return -1;
    return (rule->is_waiting ? window_wait_restore : append)(win, rule, entry);
}
