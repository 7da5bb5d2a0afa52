/*
 * demo_story.h - a made-up morning: normal traffic, and one attack in it
 *
 * Pure and repeatable: the same seed, end and number give the same events.
 * Every address is reserved for documentation (RFC 5737), every name too
 * (RFC 2606). Web clients are in 198.51.100.0/24, staff in 192.0.2.0/24, and
 * one of 203.0.113.0/24 scans the web server, guesses passwords, gets in and
 * becomes root.
 */
#ifndef CTL_DEMO_STORY_H
#define CTL_DEMO_STORY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum { DEMO_HOURS = 4 };

struct demo_story {
    uint64_t seed;
    int64_t end_us;             /* the last event is before it */
    size_t count;               /* about how many events */
    char attacker[32];          /* by demo_story_write: who, and since when */
    char victim[32];
    int64_t attack_us;
    size_t scan_requests, guesses;
};

/* Append the events as NDJSON, in order of time. 0, or -1 when out of memory. */
int demo_story_write(struct demo_story *story, struct buf *out);

#endif
