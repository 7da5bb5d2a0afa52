/*
 * flat_document.h - one JSON document of dotted names, made of the parts of another form
 *
 * OpenTelemetry and Splunk's collector say what belongs to an event in several places
 * (record, scope, resource; event, fields, metadata). Here they become one document
 * for intake_document(). Of a name that is given twice the first stands, so the
 * nearest is added first. Bounded: as many fields, and as deep, as an event may be.
 */
#ifndef INGEST_WIRE_FLAT_DOCUMENT_H
#define INGEST_WIRE_FLAT_DOCUMENT_H

#include <stdint.h>
#include <yyjson.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

struct flat_document {
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
    char *text;                 /* of the last flat_write() */
    uint64_t *left_out;         /* counts names that were given twice; NULL: nobody asks */
    int is_unfit;               /* it was to hold what no event can: see flat_put() */
    struct flat_names *names;   /* that it has; made by the first flat_clear() */
};

/* An empty one: zero it, then clear it for each use. 0, or -1 when out of memory. */
int flat_clear(struct flat_document *flat);

/* Give back what the last use took; clear it to use it again. */
void flat_empty(struct flat_document *flat);

/* That, and all else. */
void flat_release(struct flat_document *flat);

/* Add a value, which is given. 0, or -1 with the reason: out of memory (value NULL), or
 * what no event can hold, is_unfit: an empty name or one too long, too many fields. */
int flat_put(struct flat_document *flat, struct text name, yyjson_mut_val *value,
             struct err *err);
int flat_put_text(struct flat_document *flat, struct text name, struct text text,
                  struct err *err);
int flat_put_number(struct flat_document *flat, struct text name, int64_t number,
                    struct err *err);

/* The same, in the place of what is there by that name, and an empty text too; flat_put()
 * does not know of it. 0, or -1 when out of memory. */
int flat_set_text(struct flat_document *flat, struct text name, struct text text);

/* Microseconds since 1970 as RFC 3339. */
int flat_put_time(struct flat_document *flat, struct text name, int64_t at_us,
                  struct err *err);

/* prefix and name with a dot between, in the document's memory; {NULL, 0} when out of it. */
struct text flat_join(struct flat_document *flat, struct text prefix, struct text name);

/* A value of another document: an object's members each under prefix.NAME, all else
 * under prefix. Nested too deep it is unfit. */
int flat_put_json(struct flat_document *flat, struct text prefix, yyjson_val *value,
                  struct err *err);

/* Say that it is unfit, for that reason. -1. */
int flat_refuse(struct flat_document *flat, struct err *err, const char *reason);

/* The document as text, until the next call; {NULL, 0} when out of memory. */
struct text flat_write(struct flat_document *flat);

#endif
