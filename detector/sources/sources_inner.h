/*
 * sources_inner.h - what sources*.c share
 */
#ifndef DETECTOR_SOURCES_SOURCES_INNER_H
#define DETECTOR_SOURCES_SOURCES_INNER_H

#include "detector/sources/sources.h"
#include "proto/base/buf.h"
#include "proto/names.h"

#define SOURCE_SECOND INT64_C(1000000)
#define SOURCE_MINUTE (60 * SOURCE_SECOND)
#define SOURCE_HOUR (60 * SOURCE_MINUTE)
#define SOURCE_DAY (24 * SOURCE_HOUR)

/* Habits are of so many days: a week, and a long weekend to look back on. */
enum { SOURCE_DAYS = 10, SOURCE_CLOCKS = 64, SOURCE_BUCKETS = 4096, SOURCE_CACHE = 64,
       SOURCE_QUEUES = 2 };

/* How a source sent on one day (of time awake). */
struct source_day {
    uint32_t gap_s;             /* the longest pause that ended on it */
    uint16_t minutes;           /* in which it was heard */
    uint8_t hours;
};

/* Times of receipt against times of events, over ten minutes or more. */
struct source_lag {
    int64_t begun_us, near_us;  /* the first event; the last one near base. Time awake */
    int64_t base_us;            /* lag of the first event */
    int64_t sum_us;             /* of those near base, above it */
    int64_t least_us;
    uint32_t timed, near;
    uint32_t untimed;           /* since the last one with a time of its own */
};

enum source_silence { SOURCE_HEARD, SOURCE_SILENT, SOURCE_GIVEN_UP };

struct source {
    char name[NAME_SHOWN_LEN];
    size_t name_len;            /* 0: the slot is free */
    uint64_t hash;
    struct source *next;        /* of its bucket */
    struct source *older, *newer;   /* of its queue, by when it was heard */
    int is_regular;             /* which queue */
    int is_dirty;
    int64_t first_us, last_us;  /* by time of receipt */
    uint64_t events;
    int64_t known_us, heard_us; /* first and last, by time awake; to the second */
    enum source_silence silence;
    int64_t skew_us;            /* 0: its clock is right, or unknown */
    struct source_lag lag;
    struct source_day days[SOURCE_DAYS];    /* by day % SOURCE_DAYS, up to heard_us' day */
};

/* A journal's stream. */
struct source_clock {
    uint64_t origin;            /* 0: free */
    int64_t now_us;             /* by time of receipt */
    int64_t awake_us;
};

struct source_queue {
    struct source *oldest, *newest;
};

struct sources {
    struct sources_options options;
    struct share share;
    struct source *all;         /* options.max slots, each used again in place */
    size_t free_from;           /* no slot below is free */
    struct source *buckets[SOURCE_BUCKETS];
    struct source *cache[SOURCE_CACHE];
    struct source_queue queues[SOURCE_QUEUES];      /* newcomers; regular ones */
    struct source_clock clocks[SOURCE_CLOCKS];
    struct source_clock *clock;         /* of the last tick */
    int64_t awake_us;
    int64_t reviewed_us;
    unsigned held;              /* reviews for which nobody new is called silent */
    int64_t saved_us;
    int is_hastened;
    struct buf pack;
    uint64_t *count, *silent, *skewed, *forgotten;
};

/* sources_table.c: put a named source into its bucket and queue; move it to where
 * it belongs after it was heard. */
void source_link(struct sources *sources, struct source *source);
void source_requeue(struct sources *sources, struct source *source);
struct source *source_find(struct sources *sources, struct text name, uint64_t hash);

/* A new one, heard now for the first time; never NULL, for another makes room. */
struct source *source_add(struct sources *sources, struct text name, uint64_t hash,
                          int64_t received_us);

/* sources_review.c: the longest pause of the days it has memory of, in microseconds. */
int64_t source_longest_us(const struct source *source);

/* How long it may be quiet; -1: it is not regular, so for ever. */
int64_t source_patience_us(const struct sources *sources, const struct source *source);

/* sources_lag.c: one more event, received lag_us after its own time. Sets skew_us. */
void source_note_lag(struct source *source, int64_t awake_us, int64_t lag_us);

/* sources_text.c: the sentences. */
void source_tell_silent(const struct sources *sources, const struct source *source,
                        struct source_view *ret);
void source_tell_skewed(const struct sources *sources, const struct source *source,
                        struct source_view *ret);

#endif
