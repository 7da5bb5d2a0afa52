/*
 * fields.h - the names of fields, and logsources, from proto/fields.yml
 *
 * Decoders write further fields by their number here; rules find a field by
 * any of its names; documents in Elasticsearch are written and mapped by it.
 */
#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "fields_table.h"       /* made from fields.yml in the build folder */
#include "proto/base/text.h"

/* Elasticsearch 8's mapping types. */
enum ecs_type {
    ECS_KEYWORD, ECS_WILDCARD, ECS_TEXT, ECS_MATCH_ONLY_TEXT, ECS_IP, ECS_LONG, ECS_DOUBLE,
    ECS_DATE, ECS_BOOLEAN
};

#define FIELD_NUMBER(id, name, ecs, type, sigma, own) FIELD_##id,
enum field { FIELD_TABLE(FIELD_NUMBER) FIELD_NUMBERS };
#undef FIELD_NUMBER

struct field_row {
    const char *name;           /* ours */
    const char *ecs;            /* Elastic Common Schema 8.11's, never NULL */
    enum ecs_type type;
    const char *sigma;          /* Sigma's, space separated, "" for none; NAME@WORD is for
                                 * rules whose logsource has the word */
    int is_own;                 /* a row of event_fields[] too, under this name */
};

extern const struct field_row field_rows[FIELD_NUMBERS];

/* The row that has name as ours, as ECS's or as one of Sigma's, ours first;
 * NULL when none has. */
const struct field_row *field_find(struct text name);

/* Where a rule belongs; ptr NULL for what it does not say. */
struct logsource {
    struct text product, category, service;
};

/* The same for a rule of this logsource: a name of Sigma's that is for it comes before
 * one that is for all. `of` may be NULL. */
const struct field_row *field_find_for(struct text name, const struct logsource *of);

/* Below which names of such a rule are kept as its author saw them ("winlog.event_data."),
 * or NULL. */
const char *field_prefix_for(const struct logsource *of);

/* What an event has for which `when` holds: see proto/fields.yml. "" for nothing, several
 * are space separated. */
struct logsource_row {
    const char *when, *product, *category, *service;
};

extern const struct logsource_row logsource_rows[];
extern const size_t logsource_row_count;

#endif
