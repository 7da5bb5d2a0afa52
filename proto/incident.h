/*
 * incident.h - what a rule found: one per rule and key while it goes on
 *
 * The detector's fields and the analyst's never mix: a snapshot from the
 * detector carries the first, the API changes the second.
 */
#ifndef PROTO_INCIDENT_H
#define PROTO_INCIDENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/event.h"

enum incident_status {
    STATUS_OPEN, STATUS_ACKNOWLEDGED, STATUS_INVESTIGATING, STATUS_RESOLVED,
    STATUS_FALSE_POSITIVE, STATUS_COUNT
};

/* "open".."false_positive" <-> number; parse gives -1 for anything else. */
int status_parse(struct text name);
const char *status_name(int status);

enum { INCIDENT_MAX_EVIDENCE = 20, INCIDENT_MAX_KEYS = 8, INCIDENT_ID_HEX = 33 };

struct evidence {
    struct event_id id;
    int32_t day;                /* storage day, where the event is found */
};

/* Who changes a status that no person changed: what is wrong with Bongsu itself is over. */
#define INCIDENT_BY_US "bongsu"

struct incident_key {
    char *field;
    char *value;
};

struct incident_change {        /* a line of history */
    int64_t at_us;
    char *by;
    int from, to;               /* status */
    char *note;
};

struct incident {
    char id[INCIDENT_ID_HEX];   /* hash(rule, key, opening event), 32 hex digits */
    int64_t rev_epoch;          /* creation time of the detector's state file */
    uint64_t rev_counter;       /* rises with each snapshot of that state file */

    /* the detector's */
    char *rule_id, *rule_title, *rule_level;
    char *rule_author, *rule_references;    /* who wrote it, for the licence asks for that; and
                                             * where from, a line each. NULL: not said */
    char **rule_tags;
    size_t rule_tag_count;
    int severity;
    char *summary;
    struct incident_key keys[INCIDENT_MAX_KEYS];
    size_t key_count;
    int64_t opened_us, last_seen_us;    /* event time */
    int64_t newest_received_us;         /* journal time of its newest event */
    uint64_t count;
    struct evidence evidence[INCIDENT_MAX_EVIDENCE];
    size_t evidence_count;
    int is_incomplete;          /* windows were rebuilt from a lost state */

    /* the analyst's */
    int status;
    uint64_t reopened;          /* how often it was re-opened */
    struct incident_change *history;
    size_t history_count;
};

/* A zeroed one on the heap; NULL when out of memory. */
struct incident *incident_new(void);
void incident_destroy(struct incident **inc);

/* A deep copy; NULL when out of memory. */
struct incident *incident_copy(const struct incident *inc);

/* 1 when a is a newer snapshot than b: (rev_epoch, rev_counter). */
int incident_is_newer(const struct incident *a, const struct incident *b);

/* Append a line to the history (texts copied). 0, or -1 when out of memory. */
int incident_add_history(struct incident *inc, int64_t at_us, const char *by,
                         int from, int to, const char *note);

/* 1 when it is resolved, and it was not a person who did that. */
int incident_ended_by_us(const struct incident *inc);

/* The detector's fields as a msgpack map, and back. 0 or -1. */
int incident_pack(const struct incident *inc, struct buf *out);
int incident_unpack(const void *bytes, size_t len, struct incident **ret_inc, struct err *err);

/* The history as a msgpack array, and back into inc. 0 or -1. */
int incident_pack_history(const struct incident *inc, struct buf *out);
int incident_unpack_history(const void *bytes, size_t len, struct incident *inc, struct err *err);

/* rule_references as a list, empty when there are none. A new reference, NULL when out of
 * memory. */
json_t *incident_references(const struct incident *inc);

/* The JSON of the API (DESIGN.md's shape; evidence as ids). A new reference,
 * NULL when out of memory. */
json_t *incident_to_json(const struct incident *inc);

#endif
