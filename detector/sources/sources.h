/*
 * sources.h - who sends us logs: which sources went silent, whose clocks are off
 *
 * A source is the event's host.name, else the address that sent it to us. Pure:
 * time is what the streams say, by the times of receipt of rows and of empty
 * heads. It is "time awake": of a gap in a stream (ingest or detector were
 * down) only the first minute counts, so that no outage of ours looks like
 * silence of theirs. While no head comes, time stands still.
 */
#ifndef DETECTOR_SOURCES_SOURCES_H
#define DETECTOR_SOURCES_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "detector/engine/share.h"
#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/base/text.h"
#include "proto/event.h"

struct sources;

enum { SOURCES_MAX = 2000, SOURCE_TEXT_LEN = 256 };

/* What is told of a source that is silent or whose clock is off. */
struct source_view {
    const char *name;               /* UTF-8 without control characters, at most 67 bytes; borrowed
                                     * until the sources are used again */
    char text[SOURCE_TEXT_LEN];     /* a sentence */
    int64_t first_us, last_us;      /* when it was heard first and last, by time of receipt */
    uint64_t events;
};

struct sources_options {
    int64_t silent_after_us;        /* 0: no source is called silent */
    size_t max;                     /* sources known at once, at most SOURCES_MAX */
    /* A source was silent for a week more: it is told of no longer. May be NULL. */
    void (*given_up)(void *ctx, const struct source_view *source);
    void *ctx;
};

/* NULL when out of memory. Counters go to metrics (bongsu_detector_sources*). */
struct sources *sources_new(const struct sources_options *options, struct metrics *metrics);
void sources_destroy(struct sources **sources);

/* A journal's stream has come to at_us: by a row, or (is_idle) by an empty head
 * that says that nothing else waits. 0 says nothing. */
void sources_tick(struct sources *sources, uint64_t origin, int64_t at_us, int is_idle);

/* From the next event on: whose sources are ours. Without it, all are. */
void sources_set_share(struct sources *sources, const struct share *share);

/* An event was judged; its row's tick came before. */
void sources_hear(struct sources *sources, const struct event *ev);

/* Once a second: find who went silent. Not while a backlog is worked off. */
void sources_review(struct sources *sources);

/* The silent ones, longest silent first; those whose clock is off, always in the same
 * order; regular ones first. At most max into ret, how many; *ret_more is how many
 * there are beyond. */
size_t sources_silent(const struct sources *sources, struct source_view *ret, size_t max,
                      size_t *ret_more);
size_t sources_skewed(const struct sources *sources, struct source_view *ret, size_t max,
                      size_t *ret_more);

/* --- what a checkpoint keeps: once a minute all that changed, as of one moment --- */

struct source_row {
    int64_t number;                 /* a row of this number is written over */
    struct text bytes;
};

/* 1 when a minute awake has passed since the last save; or since sources_hasten. */
int sources_is_due(const struct sources *sources);
void sources_hasten(struct sources *sources);

/* When due, call visit for each row that changed. visit returns 0 to go on. 0,
 * what visit returned, or -1 when out of memory. */
int sources_changes(struct sources *sources,
                    int (*visit)(void *ctx, const struct source_row *row), void *ctx);

/* What was visited is on disk. */
void sources_settle(struct sources *sources);

/* Give a kept row back, before the first tick. -1 with the reason when it makes
 * no sense. */
int sources_restore(struct sources *sources, const struct source_row *row, struct err *err);

/* When the slots are divided anew: take from another's what was owned by its share and is
 * now by ours, and its journals' clocks. Of one pair of registries once. */
void sources_take(struct sources *sources, const struct sources *from);

#endif
