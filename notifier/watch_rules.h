/*
 * watch_rules.h - what may be wrong with Bongsu itself: a table of rules
 *
 * Each looks at what the processes say of themselves (/status) and says what
 * it found, one finding per key. Pure: it reads no clock and writes nothing.
 */
#ifndef NOTIFIER_WATCH_RULES_H
#define NOTIFIER_WATCH_RULES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A rule finds so many at most: 50 log sources, and that there are more. All of them
 * together fit, so that no flood of one kind hides another. */
enum { WATCH_STAGES = 5, WATCH_MAX_EACH = 51, WATCH_MAX_FINDINGS = 128, WATCH_KEY = 96,
       WATCH_SUMMARY = 400, WATCH_WHY = 160 };

extern const char *const watch_stage_names[WATCH_STAGES];

/* What the processes said, the last time they were asked. */
struct watch_look {
    int is_asked[WATCH_STAGES];             /* 0: not watched */
    json_t *status[WATCH_STAGES];           /* NULL: no answer */
    char why[WATCH_STAGES][WATCH_WHY];      /* why there is none */
    int64_t after_ms;                       /* watch.after */
};

struct watch_finding {
    size_t rule;                    /* of watch_rules[] */
    char key[WATCH_KEY];            /* value of the rule's key */
    uint64_t count;
    char summary[WATCH_SUMMARY];
};

struct watch_findings {
    struct watch_finding all[WATCH_MAX_FINDINGS];
    size_t count;
    uint64_t left_out;              /* more than there is room for */
    uint64_t unknown;               /* bit of a rule: what it did not find may be there */
};

struct watch_rule {
    const char *id;                 /* "bongsu.stage_down" */
    const char *title, *level;
    const char *key;                /* field that tells its incidents apart */
    int severity;
    /* in sixths of watch.after, which is 60 s */
    int after;                      /* must be found so long before it is told */
    int over;                       /* must be gone so long before it is over */
    int is_counting;                /* more of it is news, also after somebody closed it */
    void (*look)(const struct watch_look *look, size_t rule, struct watch_findings *findings);
};

extern const struct watch_rule watch_rules[];
extern const size_t watch_rule_count;

/* All rules, in their order. */
void watch_look_all(const struct watch_look *look, struct watch_findings *ret);

/* The number of a rule by its id, or -1. */
int watch_rule_find(const char *id);

#endif
