/*
 * window_tidy.c - entries that can change no answer any more
 *
 * A window is a span long, so if two groups of entries lie within one span of
 * each other, each window that contains an entry between them contains all of
 * one of the two. When both groups reach the threshold, it holds without that
 * entry, whatever comes later. And when values are counted, a window with an
 * entry whose value also stands before it and after it, within one span, has
 * that value without it. Of entries of one value that no window that is still judged
 * can end before, the newest alone says that it is there.
 *
 * Such entries go. One that no incident has yet stays, for it is still to be
 * counted; so does a keyed one, for its repeat must be known. This changes
 * neither when a window holds nor what it takes; only the last of the ends of
 * an event out of order (last_us) may be that of an entry up to a span before.
 * At the limit entries go that no incident has. Where values are counted, another one
 * that stays, less than a 64th of the span away, is then counted for them, too: what an
 * incident says of the number of its events stays near the truth.
 *
 * Weights must not be negative for this: a key that has one is not tidied. Nor are
 * averages and percentiles, to which every entry adds; of those only the oldest go,
 * at the limit.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/window/window_inner.h"

/* Sums are of rounded numbers: reach a little more than the threshold, so that
 * another order of adding reaches it too. */
static const double surely = 1 - 1e-9;

/* With this many left it is not worth to compare values. */
enum { FEW = 32 };

/* Short whiles of a span, and what an entry can stand for. */
enum { WHILES = 64, MOST_OTHERS = 0xFFFF };

/* A mark: it goes, and no incident misses it. */
enum { STOOD_FOR = 2 };

/* A value stood before the place that is noted of it. */
#define AGAIN (UINT32_C(1) << 31)

struct tidying {
    struct window *win;
    const struct window_rule *rule;
    struct window_match *match;
    enum window_tidiness tidiness;
};

/* How many of the entries from..to it takes to reach the threshold, from one
 * side; one more than there are when they do not. -1: out of memory. */
static int64_t
reach(const struct tidying *t, size_t from, size_t to, int is_backward)
{
    struct tally *scratch = &t->match->scratch;
    double sum = 0;

    tally_clear(scratch);
    for (size_t n = 0; n < to - from; n++) {
        const struct window_entry *entry =
            window_at(t->win, is_backward ? to - 1 - n : from + n);

        if (t->rule->kind == WINDOW_SUM)
            sum += entry->as.weight;
        if (t->rule->kind == WINDOW_DISTINCT && tally_add(scratch, entry->as.value) != 0)
            return -1;
        if (window_holds(t->rule, &(struct window_totals){ n + 1, sum * surely, scratch,
                                                           NULL }))
            return (int64_t)n + 1;
    }
    return (int64_t)(to - from) + 1;
}

static void
doubt(const struct tidying *t, size_t i)
{
    const struct window_entry *entry = window_at(t->win, i);

    t->match->marks[i] = t->tidiness == WINDOW_TIGHT ||
                         (entry->is_counted && !entry->is_keyed);
}

/* Mark what lies between groups that reach the threshold. */
static int
mark_dense(const struct tidying *t)
{
    size_t count = t->win->count, from = 0;
    int64_t need = reach(t, 0, count, 0);

    while (need >= 0 && from + (size_t)need <= count) {
        size_t group_end = from + (size_t)need, to, start;

        to = window_lower_bound(t->win,
                                window_at(t->win, from)->at_us + t->rule->span_us + 1);
        need = to > group_end ? reach(t, group_end, to, 1) : 1;
        if (need < 0)
            break;
        if (group_end + (size_t)need > to) {
            /* no second group in reach: begin anew behind the first */
            from = group_end;
            need = reach(t, from, count, 0);
            continue;
        }
        start = to - (size_t)need;
        for (size_t i = group_end; i < start; i++)
            doubt(t, i);
        from = start;
    }
    return need < 0 ? -1 : 0;
}

static int64_t
cell_number(int64_t at_us, int64_t span_us)
{
    return at_us / span_us - (at_us % span_us < 0);
}

/* Of the entries from..to, at most a span apart, mark those whose value stands
 * before them and after them. */
static int
mark_cell(const struct tidying *t, size_t from, size_t to)
{
    struct tally *lasts = &t->match->scratch;

    tally_clear(lasts);
    for (size_t i = from; i < to; i++) {
        uint32_t *last = tally_times(lasts, window_at(t->win, i)->as.value);
        uint32_t before;

        if (last == NULL)
            return -1;
        /* where the value stood last: between this one and one that was before it */
        before = *last;
        if (before & AGAIN)
            doubt(t, from + (before & ~AGAIN) - 1);
        *last = (uint32_t)(i - from + 1) | (before != 0 ? AGAIN : 0);
    }
    return 0;
}

/* Mark what has its equal behind it where both came before all windows still judged end:
 * what is older than the lateness. */
static int
mark_passed(const struct tidying *t)
{
    struct tally *newer = &t->match->scratch;
    int64_t final_us = window_clock_oldest(t->win) - t->rule->lateness_us;

    tally_clear(newer);
    for (size_t i = window_lower_bound(t->win, final_us + 1); i-- > 0;) {
        uint32_t *times = tally_times(newer, window_at(t->win, i)->as.value);

        if (times == NULL)
            return -1;
        if (*times != 0)
            doubt(t, i);
        *times = 1;
    }
    return 0;
}

/* Mark what stands between its equals, in cells one span long. */
static int
mark_twins(const struct tidying *t)
{
    size_t from = 0, to;

    for (; from < t->win->count; from = to) {
        int64_t cell = cell_number(window_at(t->win, from)->at_us, t->rule->span_us);

        for (to = from + 1; to < t->win->count; to++)
            if (cell_number(window_at(t->win, to)->at_us, t->rule->span_us) != cell)
                break;
        if (mark_cell(t, from, to) != 0)
            return -1;
    }
    return 0;
}

/* Take entry i out of all totals but the sum. */
static void
forget(const struct tidying *t, size_t i)
{
    const struct window_entry *entry = window_at(t->win, i);

    if ((entry->is_keyed || !entry->is_counted) && t->match->marks[i] != STOOD_FOR)
        t->match->dropped += window_events(t->rule->kind, entry);
    if (entry->is_keyed)
        tally_remove(&t->win->keyed, window_id_number(&entry->id));
    if (i < t->win->head)
        return;
    window_values_remove(&t->win->values, t->rule, entry);
    t->win->uncounted -= !entry->is_counted;
}

static void
remove_marked(const struct tidying *t)
{
    struct window *win = t->win;
    size_t kept = 0, head = 0;

    for (size_t i = 0; i < win->count; i++) {
        if (i == win->head)
            head = kept;
        if (t->match->marks[i])
            forget(t, i);
        else
            *window_at(win, kept++) = *window_at(win, i);
    }
    win->head = (uint32_t)head;
    win->count = (uint32_t)kept;
    if (t->rule->kind == WINDOW_SUM)
        win->sum = win->sum_rest = 0;
    for (size_t i = head; i < kept && t->rule->kind == WINDOW_SUM; i++)
        window_sum_add(&win->sum, &win->sum_rest, window_at(win, i)->as.weight);
}

/* 1 when there is an entry that could go. */
static int
has_spare(const struct tidying *t)
{
    const struct window *win = t->win;

    for (size_t i = 0; i < win->count; i++)
        if (t->tidiness == WINDOW_TIGHT ||
            (window_at(win, i)->is_counted && !window_at(win, i)->is_keyed))
            return 1;
    return 0;
}

/* Of what is still to be counted, and its repeat need not be known, the first entry of
 * each short while stays and stands for those of it that go. */
static void
gather(const struct tidying *t)
{
    int64_t while_us = t->rule->span_us / WHILES + 1, last = INT64_MIN;
    struct window_entry *first = NULL;

    for (size_t i = 0; i < t->win->count; i++) {
        struct window_entry *entry = window_at(t->win, i);

        if (entry->is_keyed || entry->is_counted)
            continue;
        if (first == NULL || cell_number(entry->at_us, while_us) != last) {
            first = entry;
            last = cell_number(entry->at_us, while_us);
            t->match->marks[i] = 0;
        } else if (t->match->marks[i] && first->as.others + 1 + entry->as.others <= MOST_OTHERS) {
            first->as.others += 1 + entry->as.others;
            t->match->marks[i] = STOOD_FOR;
        }
    }
}

static int
step(const struct tidying *t, int (*mark)(const struct tidying *t))
{
    memset(t->match->marks, 0, t->win->count);
    if (mark(t) != 0)
        return -1;
    if (t->tidiness == WINDOW_TIGHT && t->rule->kind == WINDOW_DISTINCT)
        gather(t);
    remove_marked(t);
    return 0;
}

/* In order: mark what stands between two that are the same steps, with nothing
 * else between them, and what is no step. One of the two can stand for it in
 * every sequence, unless one that comes late is put between them. */
static int
mark_runs(const struct tidying *t)
{
    const struct window *win = t->win;
    size_t before = win->count, last = win->count;

    for (size_t i = 0; i < win->count; i++) {
        uint64_t steps = window_at(win, i)->as.value;

        if (steps == 0) {
            doubt(t, i);
            continue;
        }
        if (last < win->count && steps == window_at(win, last)->as.value) {
            if (before < win->count && window_at(win, i)->at_us - t->rule->span_us <=
                                           window_at(win, before)->at_us)
                doubt(t, last);
            else
                before = last;
        } else {
            before = win->count;
        }
        last = i;
    }
    return 0;
}

/* Sequences: exactly, only what has its equal before and after it goes, and in
 * order not even that. */
static int
tidy_steps(const struct tidying *t)
{
    if (t->rule->kind == WINDOW_ORDERED)
        return t->tidiness == WINDOW_TIGHT ? step(t, mark_runs) : 0;
    return t->win->count > FEW ? step(t, mark_twins) : 0;
}

static int
has_negative(const struct window *win)
{
    for (size_t i = 0; i < win->count; i++)
        if (!(window_at(win, i)->as.weight >= 0))
            return 1;
    return 0;
}

static int
make_marks(struct window_match *match, size_t count)
{
    uint8_t *grown;

    if (count <= match->mark_cap)
        return 0;
    grown = realloc(match->marks, count * 2);
    if (grown == NULL)
        return -1;
    match->marks = grown;
    match->mark_cap = count * 2;
    return 0;
}

int
window_tidy(struct window *win, const struct window_rule *rule,
            enum window_tidiness tidiness, struct window_match *match)
{
    const struct tidying t = { win, rule, match, tidiness };

    if (win->count == 0 || rule->span_us <= 0 || rule->kind == WINDOW_AVERAGE ||
        rule->kind == WINDOW_PERCENTILE || (rule->kind == WINDOW_SUM && has_negative(win)))
        return 0;
    if (has_spare(&t)) {
        if (make_marks(match, win->count) != 0)
            return -1;
        if (window_has_steps(rule))
            return tidy_steps(&t);
        if (step(&t, mark_dense) != 0)
            return -1;
        if (rule->kind == WINDOW_DISTINCT && win->count > FEW &&
            (step(&t, mark_passed) != 0 || step(&t, mark_twins) != 0))
            return -1;
    }
    if (window_has_values(rule->kind))
        tally_fit(&win->values);
    tally_fit(&win->keyed);
    return 0;
}
