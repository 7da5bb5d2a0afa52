/*
 * window.h - what one key of one rule has seen lately
 *
 * A window slides: it holds at an end e when what lies in [e - span, e], both
 * ends included, reaches the threshold. Time is the events' own. An event in
 * order is judged at its own time, O(1) amortised; one out of order in every
 * window that contains it, that is at each end in [t, t + span] that the key
 * has. What is later than the lateness is not counted. No clock, no I/O.
 *
 * Entries stay until the key's clock - lateness - span, but those that can
 * change no answer any more go earlier (window_tidy.c), so that a busy key
 * holds few.
 */
#ifndef DETECTOR_WINDOW_WINDOW_H
#define DETECTOR_WINDOW_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "detector/window/ranking.h"
#include "detector/window/short_id.h"
#include "detector/window/tally.h"

enum window_kind { WINDOW_COUNT, WINDOW_SUM, WINDOW_AVERAGE, WINDOW_PERCENTILE,
                   WINDOW_DISTINCT, WINDOW_STEPS, WINDOW_ORDERED };

/* In the last two an entry's value says by its bits which steps of a sequence
 * the event is; without any it only belongs to what is found, and no window ends
 * with it. WINDOW_STEPS
 * counts the different ones, WINDOW_ORDERED wants all, each at or after the
 * one before it. An event added again adds its steps to those it has. */
enum { WINDOW_MAX_STEPS = 32 };

/* What a rule says of all its windows. */
struct window_rule {
    enum window_kind kind;
    int64_t span_us, lateness_us;
    double threshold;
    int is_strict;              /* more than the threshold, not at least */
    size_t max_entries;         /* per key, see window_add */
    unsigned steps;             /* WINDOW_ORDERED: how many */
    double percentile;          /* WINDOW_PERCENTILE: 0 to 100 */
    /* it says what few events come to: judged when no more can come (window_wait.c) */
    int is_waiting;
    double most, except;        /* only then; INFINITY and NaN: no such condition */
    int is_most_strict;
    /* WINDOW_STEPS with a boolean condition, instead of the threshold: one must hold */
    const struct window_term *terms;
    size_t term_count;
    int is_ahead;               /* one of them says what must not come */
};

/* Steps that must be there and steps that must not. With the latter it speaks of
 * the span that begins with an event of the former, else of that before an event. */
struct window_term {
    uint64_t all, none;
};

/* 1 when the entries of this kind have a weight, and else a value or nothing. */
static inline int
window_has_weight(enum window_kind kind)
{
    return kind >= WINDOW_SUM && kind <= WINDOW_PERCENTILE;
}

/* 1 when the newest window's sum is kept. */
static inline int
window_has_sum(enum window_kind kind)
{
    return kind == WINDOW_SUM || kind == WINDOW_AVERAGE;
}

struct window_entry {
    int64_t at_us : 62;
    uint64_t is_keyed : 1;      /* its client named it: it may come again */
    uint64_t is_counted : 1;    /* an incident has it */
    int64_t received_us;
    union {
        double weight;          /* window_has_weight */
        struct {
            uint64_t value : 48;        /* WINDOW_DISTINCT: hash of the value; or steps */
            uint64_t others : 16;       /* WINDOW_DISTINCT: events near it that went, for
                                         * which it is counted, too (window_tidy.c) */
        };
    } as;
    struct short_id id;
};

/* How many events it is counted for. */
static inline size_t
window_events(enum window_kind kind, const struct window_entry *entry)
{
    return kind == WINDOW_DISTINCT ? 1 + (size_t)entry->as.others : 1;
}

_Static_assert(sizeof(struct window_entry) == 40, "windows are most of the memory");

/* A key's clock, for each journal that feeds it. */
struct window_clock {
    uint64_t origin;
    int64_t at_us;              /* largest min(event time, received time) */
    uint64_t touched;           /* the window's `adds` at its last event */
};

/* How far a sequence has come: the latest moment at which one that has reached
 * this step may have begun. */
struct window_order {
    int64_t at_us;              /* of the newest entry, and */
    uint64_t steps;             /* all steps of that moment: they may be in any order */
    int64_t starts[WINDOW_MAX_STEPS];   /* a window has room for its rule's steps only */
};

/* A journal that gave nothing among this many events of the key no longer
 * keeps old entries alive: it may be gone for good. */
enum { WINDOW_MAX_CLOCKS = 8, WINDOW_CLOCK_IDLE = 1000 };

/* What waits to be judged. */
struct window_wait {
    int64_t final_us;           /* all windows that end before this are judged */
    int64_t lost_us;            /* the newest entry that went for room; INT64_MIN: none */
    uint32_t tail;              /* entries before it are judged, and those from the
                                 * window's head on are in the totals */
    uint32_t anchor;            /* first entry of the moment that is judged */
    uint32_t ahead_to;          /* is_ahead: from the tail to here they are in `ahead` */
    uint32_t ahead_uncounted;
    struct tally ahead;         /* steps */
    int64_t seen_us[WINDOW_MAX_CLOCKS];     /* of each clock: received, what moved it */
    int64_t due_us;             /* the owner's: when to settle, by the stream's time, */
    size_t due_at;              /* and its place among all that are due; 0: none */
};

/* What each event needs comes first; of what is kept of the newest window, a kind has
 * its own only. */
struct window {
    struct window_entry *entries;
    uint32_t start, count, cap; /* entries[start .. start + count) by time */
    uint32_t head;              /* first one in the newest window, from start */
    uint32_t uncounted;         /* in the newest window */
    uint32_t tidy_at;           /* entries at which tidying is worth it again */
    uint64_t adds;              /* events so far, late ones too */
    struct window_clock clock;  /* most keys are fed by one journal */
    struct window_wait *wait;   /* is_waiting: "newest" is what was judged last */
    union {
        struct {
            double sum;         /* window_has_sum */
            double sum_rest;    /* what rounding took from it */
        };
        struct tally values;    /* WINDOW_DISTINCT, WINDOW_STEPS */
        struct window_order *order;     /* WINDOW_ORDERED */
        struct ranking *ranking;        /* WINDOW_PERCENTILE: the weights */
    };
    uint8_t clock_count;
    uint8_t kind;               /* enum window_kind, from the first entry on */
    struct tally keyed;         /* ids of all entries that are keyed */
    struct window_clock *others;        /* of the other journals */
};

/* How many entries it holds (NULL: none). */
static inline size_t
window_size(const struct window *win)
{
    return win != NULL ? win->count : 0;
}

/* What rounding took from its sum, if it has one. */
static inline double
window_sum_rest(const struct window *win)
{
    return window_has_sum((enum window_kind)win->kind) ? win->sum_rest : 0;
}

/* What adding an event brought; zero it once, use it for any number of adds. */
struct window_match {
    int64_t first_us, last_us;  /* ends at which the condition held */
    size_t *taken;              /* entries that were not counted before, by time */
    size_t taken_count, taken_cap;
    size_t *ends;               /* entries at which it held: the last of each moment */
    size_t end_count, end_cap;
    size_t dropped;             /* entries lost for max_entries */
    struct tally scratch;
    struct window_order order;
    struct ranking ranking;
    uint8_t *marks;             /* of entries, while tidying */
    size_t mark_cap;
};

enum window_result {
    WINDOW_NO_MEMORY = -1,
    WINDOW_QUIET,               /* counted in, the condition does not hold */
    WINDOW_HOLDS,
    WINDOW_LATE,                /* later than the lateness: not counted */
    WINDOW_REPEATED,            /* this event is in it already, with these steps */
    WINDOW_MERGED               /* it is, and has more steps now; the condition does
                                 * not hold */
};

void window_release(struct window *win);
void window_match_release(struct window_match *match);

/* Add one event that came from origin; fills match. One that only belongs to a
 * sequence (no steps) moves no clock and is never late. The entry is copied. At
 * max_entries an eighth makes room, and is counted in match->dropped: first
 * what only an incident's count or a repeat would miss, then the oldest. What
 * another entry stands for (as.others) is not dropped. */
enum window_result window_add(struct window *win, const struct window_rule *rule,
                              const struct window_entry *entry, uint64_t origin,
                              struct window_match *match);

/* Of a rule that waits nothing holds when an event is added: call this after each add,
 * and when the stream's time is window_due. It judges one moment after the other that
 * is final by then, and stops at one that holds (WINDOW_HOLDS, match says at which; go
 * on with the next call), or has judged all of them (WINDOW_QUIET). */
enum window_result window_settle(struct window *win, const struct window_rule *rule,
                                 int64_t now_us, struct window_match *match);

/* The stream's time at which there is something to settle, if nothing comes before;
 * INT64_MAX: never. */
int64_t window_due(struct window *win, const struct window_rule *rule);

/* What a rule that waits has beside; window_restore needs it before. 0 or -1. */
int window_wait_init(struct window *win);

/* 1 when the window (NULL: none) has this event of a client's id already. */
int window_has(const struct window *win, const struct window_entry *entry);

/* The i-th entry, oldest first; match->taken holds such numbers. Valid until
 * the next add. */
const struct window_entry *window_entry(const struct window *win, size_t i);

/* An event is added soon: fetch the entries that it needs. */
void window_expect(const struct window *win);

/* The i-th clock, from 0 to clock_count; and a further one, zeroed (NULL:
 * out of memory, or there are WINDOW_MAX_CLOCKS). */
struct window_clock *window_clock(struct window *win, size_t i);
struct window_clock *window_clock_add(struct window *win);

/* Put back what a checkpoint kept, oldest first, without judging it. 0, or
 * -1 when it is out of order or memory is out. */
int window_restore(struct window *win, const struct window_rule *rule,
                   const struct window_entry *entry);

#endif
