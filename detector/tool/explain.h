/*
 * explain.h - bongsu-detector --rules explain: one event, and why rules match it or not
 */
#ifndef DETECTOR_TOOL_EXPLAIN_H
#define DETECTOR_TOOL_EXPLAIN_H

#include <jansson.h>

#include "detector/tool/tool_options.h"
#include "proto/base/err.h"

enum { EXPLAIN_MAX_NEAREST = 1000 };

struct explain_call {
    const char *rules;          /* a file or a folder */
    const char *rule;           /* its id, or a part of its title; "": those that match, */
    int64_t nearest;            /* and so many that are nearest to it */
    const char *file;           /* "-": standard input */
    int is_raw;                 /* a line for the decoders, whatever it looks like */
};

/* {"event": {...}, "decoded": bool, "rules": [...], "refused": [...]}: a new reference,
 * or NULL with the reason, and *ret_code. */
json_t *explain_event(const struct tool_options *options, const struct explain_call *call,
                      int *ret_code, struct err *err);

#endif
