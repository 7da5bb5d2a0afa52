/*
 * hec_reader.h - the events of a body for Splunk's HTTP Event Collector
 *
 * JSON objects one after another, with white space between or without, or one array of
 * them. The bytes are walked once; an object is only read when its end is known.
 */
#ifndef INGEST_WIRE_HEC_READER_H
#define INGEST_WIRE_HEC_READER_H

#include <yyjson.h>

#include "ingest/wire/flat_document.h"
#include "proto/base/arena.h"

/* The next object off *rest. 1; 0 at the end; -1 when what follows is none. Of an array
 * the brackets and commas are passed over: set *rest to the whole body at first. */
int hec_next(struct text *rest, struct text *ret_object);

/* HEC_UNFIT: it is an event of Splunk's, and none that a document can hold. */
enum hec_fault { HEC_FINE, HEC_NO_EVENT, HEC_BLANK_EVENT, HEC_BAD_FORMAT, HEC_UNFIT,
                 HEC_NO_MEMORY };

/* Where an event came from, as the query of a request says it; each may be {NULL, 0}. */
struct hec_origin {
    struct text host, source, sourcetype, index, time;
};

/* Fill flat (cleared) with one event: {"time":..,"host":..,"source":..,"sourcetype":..,
 * "index":..,"event":..,"fields":{..}}. A text is the line, and so is the "line" of Docker's
 * logging driver and an object that a decoder reads; another object is an event with its
 * fields. What the event itself says goes before its metadata, that before origin. */
enum hec_fault hec_read(struct text object, const struct hec_origin *origin,
                        struct flat_document *flat, struct err *err);

/* The same for a line of a raw body. */
enum hec_fault hec_read_line(struct text line, const struct hec_origin *origin,
                             struct flat_document *flat, struct err *err);

/* And its metadata alone. */
int hec_read_metadata(const struct hec_origin *origin, struct flat_document *flat);

/* Of an event that cannot stand as it is: fill flat with its metadata alone; *ret_line is
 * its text, in arena or borrowed from object. 0, or -1 when out of memory. */
int hec_read_plain(struct text object, const struct hec_origin *origin,
                   struct flat_document *flat, struct arena *arena, struct text *ret_line);

#endif
