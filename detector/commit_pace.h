/*
 * commit_pace.h - when an urgent change is committed
 *
 * An incident that opens is committed at once, together with what comes
 * within a few milliseconds. When many open, commits follow each other, and
 * one that writes many keys costs more than those milliseconds: then the
 * next waits ten times as long as the last one took, so that rules keep nine
 * tenths of the time; but never so long that people would notice.
 *
 * A second of a busy stream may change more keys than can be written at one go
 * without the stream standing still: then parts of it are committed, as long as
 * that leaves rules four fifths of the time (many small commits write the same pages
 * again and again). No clock and no I/O: the owner says what time it is.
 */
#ifndef DETECTOR_COMMIT_PACE_H
#define DETECTOR_COMMIT_PACE_H

#include <stddef.h>
#include <stdint.h>

enum { COMMIT_SOON_MS = 5, COMMIT_LATEST_MS = 50, COMMIT_SHARE = 10 };

enum { COMMIT_MANY_ROWS = 2000, COMMIT_PART_SHARE = 4 };

struct commit_pace {
    int64_t took_us;            /* the last commit */
    int64_t ended_us;           /* 0: there was none */
};

/* A commit ran from began_us to ended_us. */
void commit_pace_note(struct commit_pace *pace, int64_t began_us, int64_t ended_us);

/* How long a change that became urgent at now_us waits for its commit. */
int64_t commit_pace_wait_ms(const struct commit_pace *pace, int64_t now_us);

/* 1 when so many rows changed that they are better committed before the second is over. */
int commit_pace_is_full(const struct commit_pace *pace, size_t changed, int64_t now_us);

#endif
