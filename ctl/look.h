/*
 * look.h - one look at the five processes of this machine
 */
#ifndef CTL_LOOK_H
#define CTL_LOOK_H

#include <jansson.h>

#include "ctl/local.h"

struct look {
    json_t *status[LOCAL_PROCESSES];    /* /status; NULL: it does not answer */
    char why[LOCAL_PROCESSES][200];
    json_t *more;                       /* "detector-1": /status, of further ones that answer */
    int slots;                          /* detectors that there should be */
    int64_t at_ms;
};

void look_at_all(const struct settings *settings, struct look *look);
void look_release(struct look *look);

/* A number of its metrics; 0 when it is not there. */
double look_counter(const struct look *look, int process, const char *name);

/* {"ingest": {...} or {"down": why}, ...}; a new reference. */
json_t *look_to_json(const struct look *look);

/* What each does, in events or the like a second between two looks; -1 when
 * there is nothing to compare. *ret_unit is a constant. */
double look_rate(const struct look *before, const struct look *now, int process,
                 const char **ret_unit);

/* EXIT_DONE when all are ready, EXIT_PARTLY, EXIT_UNREACHABLE when none runs. */
int look_judge(const struct look *look);

/* "95s", "12m", "3h", "9d" */
void age_format(int64_t seconds, char out[32]);

#endif
