/*
 * otlp_record.h - one LogRecord of OpenTelemetry, in OTLP's JSON form, as a flat document
 *
 * Attributes keep their names (many are ECS's too), a body of text is the line, which
 * a decoder reads; a body that is a map is an event of its own with its fields. What
 * the record says goes before its scope, and that before its resource.
 */
#ifndef INGEST_WIRE_OTLP_RECORD_H
#define INGEST_WIRE_OTLP_RECORD_H

#include "ingest/wire/flat_document.h"
#include "proto/base/arena.h"

/* Where a record stood; each may be NULL. */
struct otlp_place {
    yyjson_val *resource, *scope;
};

/* Fill flat (cleared). 0, or -1 with the reason: not an object, a value of no known kind, a
 * time that is none, or as flat_put(). */
int otlp_record_read(yyjson_val *record, const struct otlp_place *place,
                     struct flat_document *flat, struct err *err);

/* Of one that no event can hold (flat->is_unfit, or intake refused it): fill flat with its
 * time and whence it is; *ret_line, in arena, is its text, or all of it in JSON where that is
 * not all. 0, or -1 with the reason. */
int otlp_record_plain(yyjson_val *record, const struct otlp_place *place,
                      struct flat_document *flat, struct arena *arena, struct text *ret_line,
                      struct err *err);

#endif
