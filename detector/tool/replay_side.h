/*
 * replay_side.h - one folder of rules in an engine, and the incidents that it finds
 */
#ifndef DETECTOR_TOOL_REPLAY_SIDE_H
#define DETECTOR_TOOL_REPLAY_SIDE_H

#include <jansson.h>

#include "detector/engine/engine.h"
#include "detector/tool/found.h"
#include "detector/tool/tool_options.h"

struct replay_side {
    enum found_side side;
    struct found *found;        /* lent */
    struct engine *engine;
    struct metrics *metrics;
    uint64_t *late;             /* events too late for windows */
    unsigned undrained;         /* events since incidents were taken out */
    struct err err;             /* why taking them out failed */
    json_t *refused;            /* rules: why */
    json_t *longer;             /* ids of rules that remember longer than lookback_us */
    int64_t lookback_us;        /* what all others need */
};

/* Release in either case. -1 with the reason. */
int replay_side_init(struct replay_side *side, const struct tool_options *options,
                     const char *rules, struct err *err);
void replay_side_release(struct replay_side *side);

/* 0, or -1 with the reason. The last one is told by replay_side_finish. */
int replay_side_judge(struct replay_side *side, const struct event *ev, uint64_t origin,
                      struct err *err);
int replay_side_finish(struct replay_side *side, struct err *err);

/* {"late": n, "keys_evicted": n, ...}. */
json_t *replay_side_numbers(const struct replay_side *side);

#endif
