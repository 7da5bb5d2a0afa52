/*
 * replay.h - bongsu-detector --rules replay: what would these rules have found?
 *
 * Events of the past go through the engine that judges live, in the order in which it
 * saw them, and the incidents are put beside those that happened; or beside those of
 * another folder of rules, judged in the same run. Nothing is written anywhere.
 */
#ifndef DETECTOR_TOOL_REPLAY_H
#define DETECTOR_TOOL_REPLAY_H

#include <jansson.h>

#include "detector/tool/tool_options.h"
#include "proto/base/err.h"

/* What the exit codes say: as diff does. */
enum { REPLAY_SAME = 0, REPLAY_DIFFERS = 1, REPLAY_FAILED = 2 };

/* How long before the time in question events are judged at most, so that windows and
 * open incidents are as they were. Rules that remember longer are not compared. */
#define REPLAY_MAX_LOOKBACK_US (INT64_C(7) * 86400 * 1000000)

struct replay_call {
    const char *rules;          /* a file or a folder: in force now */
    const char *new_rules;      /* the others; "": compare with what happened */
    const char *file;           /* of events, one a line; "-": standard input; NULL: the
                                 * stream of replay_input.h on standard input */
    int is_raw;                 /* lines for the decoders, whatever they look like */
    int64_t since_us, until_us; /* incidents that were there in [since, until);
                                     * events are judged however late they are */
};

/* The answer (found.h, and what was judged): a new reference, or NULL with the reason. */
json_t *replay_run(const struct tool_options *options, const struct replay_call *call,
                   int *ret_code, struct err *err);

#endif
