/*
 * incident_rows.h - the one list of the detector's fields of an incident
 *
 * Walked by the codec, copy, destroy and the test that fills each: adding a
 * field is adding a row, with a new number at the end.
 */
#ifndef PROTO_INCIDENT_ROWS_H
#define PROTO_INCIDENT_ROWS_H

#include <stddef.h>

enum incident_row_type {
    ROW_ID,             /* char[INCIDENT_ID_HEX] */
    ROW_INT64,
    ROW_UINT64,
    ROW_SEVERITY,       /* int */
    ROW_FLAG,           /* int, 0 or 1 */
    ROW_STRING,         /* char *, may be NULL */
    ROW_TAGS,           /* rule_tags, rule_tag_count */
    ROW_KEYS,           /* keys, key_count */
    ROW_EVIDENCE        /* evidence, evidence_count */
};

struct incident_row {
    int number;         /* on the wire; never used again for something else */
    const char *name;
    enum incident_row_type type;
    size_t offset;      /* in struct incident, for types of one member */
    int is_required;
};

extern const struct incident_row incident_rows[];
extern const size_t incident_row_count;

enum { INCIDENT_MAX_TAGS = 64, INCIDENT_MAX_HISTORY = 10000 };

#endif
