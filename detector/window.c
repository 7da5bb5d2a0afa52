#include "detector/window.h"

#include <stdlib.h>
#include <string.h>

void
window_release(struct window *win)
{
    free(win->entries);
    tally_release(&win->values);
    tally_release(&win->keyed);
    *win = (struct window){ 0 };
}

void
window_match_release(struct window_match *match)
{
    free(match->taken);
    tally_release(&match->scratch);
    *match = (struct window_match){ 0 };
}

static struct window_entry *
entry_at(const struct window *win, size_t i)
{
    return &win->entries[win->start + i];
}

const struct window_entry *
window_entry(const struct window *win, size_t i)
{
    return entry_at(win, i);
}

static uint64_t
id_number(const struct event_id *id)
{
    uint64_t number;

    memcpy(&number, id->bytes, sizeof(number));
    return number;
}

/* Events are counted one by one in every kind, so a sum of nothing or a
 * repeated value still costs an entry. */
static int
holds(const struct window_rule *rule, size_t count, double sum, size_t distinct)
{
    double reached = rule->kind == WINDOW_SUM ? sum
                     : (double)(rule->kind == WINDOW_COUNT ? count : distinct);

    return rule->is_strict ? reached > rule->threshold : reached >= rule->threshold;
}

/* Take the newest window's first entry out of its totals. */
static void
head_pass(struct window *win, const struct window_rule *rule)
{
    const struct window_entry *entry = entry_at(win, win->head);

    if (rule->kind == WINDOW_SUM)
        win->sum -= entry->as.weight;
    if (rule->kind == WINDOW_DISTINCT)
        tally_remove(&win->values, entry->as.value);
    if (!entry->is_counted)
        win->uncounted--;
    win->head++;
    if (win->head == win->count)
        win->sum = 0;           /* rounding of fractions does not pile up */
}

static int
head_take(struct window *win, const struct window_rule *rule,
          const struct window_entry *entry)
{
    if (rule->kind == WINDOW_DISTINCT && tally_add(&win->values, entry->as.value) != 0)
        return -1;
    if (rule->kind == WINDOW_SUM)
        win->sum += entry->as.weight;
    if (!entry->is_counted)
        win->uncounted++;
    return 0;
}

static void
oldest_drop(struct window *win, const struct window_rule *rule)
{
    if (win->head == 0)
        head_pass(win, rule);
    if (entry_at(win, 0)->is_keyed)
        tally_remove(&win->keyed, id_number(&entry_at(win, 0)->id));
    win->head--;
    win->start++;
    win->count--;
}

static int
make_room(struct window *win)
{
    struct window_entry *grown;
    size_t cap;

    if (win->start + win->count < win->cap)
        return 0;
    if (win->start > win->cap / 2) {
        memmove(win->entries, entry_at(win, 0), win->count * sizeof(win->entries[0]));
        win->start = 0;
        return 0;
    }
    cap = win->cap == 0 ? 4 : win->cap * 2;
    grown = realloc(win->entries, cap * sizeof(*grown));
    if (grown == NULL)
        return -1;
    win->entries = grown;
    win->cap = cap;
    return 0;
}

/* The first entry with at_us >= at. */
static size_t
lower_bound(const struct window *win, int64_t at_us)
{
    size_t low = 0, high = win->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (entry_at(win, mid)->at_us < at_us)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The same 64 bits need not be the same id, so look. */
static int
is_repeated(const struct window *win, const struct window_entry *entry)
{
    if (!entry->is_keyed || !tally_has(&win->keyed, id_number(&entry->id)))
        return 0;
    for (size_t i = 0; i < win->count; i++)
        if (event_id_equals(&entry_at(win, i)->id, &entry->id))
            return 1;
    return 0;
}

static int
remember(struct window *win, const struct window_entry *entry)
{
    return entry->is_keyed ? tally_add(&win->keyed, id_number(&entry->id)) : 0;
}

/* The clock of origin; the journal silent longest makes room for a new one. */
static struct window_clock *
clock_find(struct window *win, uint64_t origin)
{
    struct window_clock *clock = &win->clocks[0];

    for (size_t i = 0; i < win->clock_count; i++)
        if (win->clocks[i].origin == origin)
            return &win->clocks[i];
    for (size_t i = 0; i < win->clock_count; i++)
        if (win->clocks[i].touched < clock->touched)
            clock = &win->clocks[i];
    if (win->clock_count < WINDOW_MAX_CLOCKS)
        clock = &win->clocks[win->clock_count++];
    *clock = (struct window_clock){ .origin = origin, .at_us = INT64_MIN };
    return clock;
}

/* Move the clock; -1 when the entry is too late for it. */
static int
clock_check(struct window *win, const struct window_rule *rule,
            const struct window_entry *entry, uint64_t origin)
{
    struct window_clock *clock = clock_find(win, origin);
    int64_t now = entry->at_us < entry->received_us ? entry->at_us : entry->received_us;

    clock->touched = ++win->adds;
    if (clock->at_us != INT64_MIN && entry->at_us < clock->at_us - rule->lateness_us)
        return -1;
    if (now > clock->at_us)
        clock->at_us = now;
    return 0;
}

/* What no event that is still counted can share a window with. */
static void
forget_old(struct window *win, const struct window_rule *rule)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < win->clock_count; i++)
        if (win->clocks[i].at_us < oldest &&
            win->clocks[i].touched + WINDOW_CLOCK_IDLE >= win->adds)
            oldest = win->clocks[i].at_us;
    while (win->count > 1 &&
           entry_at(win, 0)->at_us < oldest - rule->lateness_us - rule->span_us)
        oldest_drop(win, rule);
}

static int
take(struct window *win, struct window_match *match, size_t i)
{
    if (match->taken_count == match->taken_cap) {
        size_t cap = match->taken_cap == 0 ? 64 : match->taken_cap * 2;
        size_t *grown = realloc(match->taken, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        match->taken = grown;
        match->taken_cap = cap;
    }
    entry_at(win, i)->is_counted = 1;
    if (i >= win->head)
        win->uncounted--;
    match->taken[match->taken_count++] = i;
    return 0;
}

/* The newest window holds: count in what is not yet. Those are few and near
 * its end, since all was counted when it last held. */
static int
take_newest(struct window *win, struct window_match *match)
{
    for (size_t i = win->count; i > win->head && win->uncounted > 0; i--)
        if (!entry_at(win, i - 1)->is_counted && take(win, match, i - 1) != 0)
            return -1;
    for (size_t i = 0; i < match->taken_count / 2; i++) {
        size_t other = match->taken[match->taken_count - 1 - i];

        match->taken[match->taken_count - 1 - i] = match->taken[i];
        match->taken[i] = other;
    }
    return 0;
}

static int
append(struct window *win, const struct window_rule *rule,
       const struct window_entry *entry)
{
    *entry_at(win, win->count++) = *entry;
    while (win->head < win->count - 1 &&
           entry_at(win, win->head)->at_us < entry->at_us - rule->span_us)
        head_pass(win, rule);
    if (head_take(win, rule, entry) == 0)
        return 0;
    win->count--;
    return -1;
}

static int
add_newest(struct window *win, const struct window_rule *rule,
           const struct window_entry *entry, struct window_match *match)
{
    if (append(win, rule, entry) != 0)
        return -1;
    if (!holds(rule, win->count - win->head, win->sum, win->values.distinct))
        return 0;
    match->first_us = match->last_us = entry->at_us;
    return take_newest(win, match) == 0 ? 1 : -1;
}

/* Walks the windows that contain an entry out of order. */
struct sweep {
    size_t low;                 /* first entry of the window */
    size_t taken_to;            /* all before it are counted in, this time */
    double sum;
    int is_held;
};

static int
sweep_enter(struct sweep *sweep, const struct window_rule *rule,
            struct window_match *match,
            const struct window_entry *entry)
{
    if (rule->kind == WINDOW_SUM)
        sweep->sum += entry->as.weight;
    return rule->kind != WINDOW_DISTINCT ? 0
                                         : tally_add(&match->scratch, entry->as.value);
}

static void
sweep_leave(struct window *win, const struct window_rule *rule, struct sweep *sweep,
            struct window_match *match, int64_t from_us)
{
    while (entry_at(win, sweep->low)->at_us < from_us) {
        const struct window_entry *entry = entry_at(win, sweep->low++);

        if (rule->kind == WINDOW_SUM)
            sweep->sum -= entry->as.weight;
        if (rule->kind == WINDOW_DISTINCT)
            tally_remove(&match->scratch, entry->as.value);
    }
}

/* Judge the window that ends with entry `last`. */
static int
sweep_judge(struct window *win, const struct window_rule *rule, struct sweep *sweep,
            struct window_match *match, size_t last)
{
    int64_t end_us = entry_at(win, last)->at_us;
    size_t i;

    sweep_leave(win, rule, sweep, match, end_us - rule->span_us);
    if (!holds(rule, last + 1 - sweep->low, sweep->sum, match->scratch.distinct))
        return 0;
    if (!sweep->is_held)
        match->first_us = end_us;
    match->last_us = end_us;
    sweep->is_held = 1;
    i = sweep->low > sweep->taken_to ? sweep->low : sweep->taken_to;
    for (; i <= last; i++)
        if (!entry_at(win, i)->is_counted && take(win, match, i) != 0)
            return -1;
    sweep->taken_to = last + 1;
    return 0;
}

static int
judge_around(struct window *win, const struct window_rule *rule, size_t place,
             struct window_match *match)
{
    int64_t at_us = entry_at(win, place)->at_us;
    struct sweep sweep = { .low = lower_bound(win, at_us - rule->span_us) };

    tally_clear(&match->scratch);
    for (size_t i = sweep.low; i < win->count; i++) {
        const struct window_entry *entry = entry_at(win, i);

        if (entry->at_us > at_us + rule->span_us)
            break;
        if (sweep_enter(&sweep, rule, match, entry) != 0)
            return -1;
        if (i < place ||
            (i + 1 < win->count && entry_at(win, i + 1)->at_us == entry->at_us))
            continue;
        if (sweep_judge(win, rule, &sweep, match, i) != 0)
            return -1;
    }
    return sweep.is_held;
}

static int
add_out_of_order(struct window *win, const struct window_rule *rule,
                 const struct window_entry *entry, struct window_match *match)
{
    size_t place = lower_bound(win, entry->at_us + 1);
    int64_t newest_us = entry_at(win, win->count - 1)->at_us;

    if (entry->at_us >= newest_us - rule->span_us) {
        if (head_take(win, rule, entry) != 0)
            return -1;
    } else {
        win->head++;
    }
    memmove(entry_at(win, place + 1), entry_at(win, place),
            (win->count - place) * sizeof(win->entries[0]));
    *entry_at(win, place) = *entry;
    win->count++;
    return judge_around(win, rule, place, match);
}

enum window_result
window_add(struct window *win, const struct window_rule *rule,
           const struct window_entry *entry, uint64_t origin, struct window_match *match)
{
    int is_newest, held;

    match->taken_count = match->dropped = 0;
    if (is_repeated(win, entry))
        return WINDOW_REPEATED;
    if (clock_check(win, rule, entry, origin) != 0)
        return WINDOW_LATE;
    forget_old(win, rule);
    while (win->count >= rule->max_entries && win->count > 1) {
        oldest_drop(win, rule);
        match->dropped++;
    }
    if (make_room(win) != 0 || remember(win, entry) != 0)
        return WINDOW_NO_MEMORY;
    is_newest = win->count == 0 || entry->at_us >= entry_at(win, win->count - 1)->at_us;
    held = (is_newest ? add_newest : add_out_of_order)(win, rule, entry, match);
    if (held < 0)
        return WINDOW_NO_MEMORY;
    return held ? WINDOW_HOLDS : WINDOW_QUIET;
}

int
window_restore(struct window *win, const struct window_rule *rule,
               const struct window_entry *entry)
{
    if (win->count > 0 && entry->at_us < entry_at(win, win->count - 1)->at_us)
        return -1;
    if (make_room(win) != 0 || remember(win, entry) != 0)
        return -1;
    return append(win, rule, entry);
}
