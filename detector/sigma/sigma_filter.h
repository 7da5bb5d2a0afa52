/*
 * sigma_filter.h - a Sigma filter: a document that narrows other rules
 *
 * A rule that a filter is for holds when its own condition holds and the
 * filter's does too. So "not selection" keeps what it selects from the rule;
 * "selection" alone (the specification's example) keeps all the rest from it,
 * which few authors mean. The names of its selections are its own: neither
 * they nor "them" meet those of the rule.
 */
#ifndef DETECTOR_SIGMA_SIGMA_FILTER_H
#define DETECTOR_SIGMA_SIGMA_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "detector/sigma/sigma_rule.h"

enum { SIGMA_MAX_FILTERED = 1000 };

/* A rule that a filter names, and where. */
struct sigma_filtered {
    struct text name;
    int line;
};

struct sigma_filter {
    struct sigma_rule body;     /* title, id, logsource, selections and conditions */
    int is_for_any;             /* rule whose logsource its own contains */
    struct sigma_filtered *rules;       /* else these */
    size_t rule_count;
    const char *expires;        /* as written, or NULL */
    int64_t expires_us;         /* not applied to what is received from then on */
    int line;                   /* of its condition */
    int is_negation;            /* it holds for what none of its selections select */
};

/* 1 when the document is a filter, good or bad. */
int sigma_is_filter(const json_t *document);

/* Read one (memory is the arena's). 0, or -1 with "file:line: reason". */
int sigma_filter_read(const struct sigma_source *src, json_t *document,
                      struct sigma_filter *ret_filter);

/* 1 when the filter's logsource contains the rule's: what it says, the rule says too. */
int sigma_filter_contains(const struct sigma_filter *filter, const struct sigma_rule *rule);

#endif
