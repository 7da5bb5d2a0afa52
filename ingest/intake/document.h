/*
 * document.h - a document for Elasticsearch, as an event
 *
 * What shippers send is ECS, or a log line and a few plain fields. Objects are
 * flattened ({"source":{"ip":..}} and {"source.ip":..} are the same), ECS's names
 * become ours by proto/fields.yml, and what has no row there stays under its own
 * dotted name. A shipper throws away what is refused, so a value that does not
 * fit its field refuses nothing: it is kept beside it (see document_read).
 */
#ifndef INGEST_INTAKE_DOCUMENT_H
#define INGEST_INTAKE_DOCUMENT_H

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/text.h"
#include "proto/codec_json.h"
#include "proto/event.h"

/* One JSON object into ev (cleared first; not yet event_check'ed), which borrows
 * reader and arena until the next call. A line (raw_log, event.original, message,
 * log, MESSAGE: the first of them) is in raw_log and event_type absent when a
 * decoder is to be asked; else event_type is set: event.action, a login by ECS's
 * categories, the dataset, or "log".
 *
 * A value of another kind than its field's is kept under the name that it came by,
 * or under labels.<name> when that name is one of ours. A NUL in a text is written
 * \x00. Refused, with the reason: not a JSON object, a time that is none, a name
 * given twice or too long, too many fields, too deep, numbers that 64 bits or a
 * double cannot keep. 0 or -1.
 *
 * The time is @timestamp, which for a shipper of files is when it read the line. Where
 * event.timezone says that the line was written in the site's zone, the line's own
 * time is meant: then the event has none yet, and @timestamp is *ret_read_at, for a
 * line without one (ptr NULL: there is none). */
int document_read(struct json_reader *reader, struct text json, struct arena *arena,
                  struct event *ev, struct text *ret_read_at, struct err *err);

/* A clock may be wrong, or its zone another: that loses no event of a shipper, who would
 * throw it away. It read the line at a time that is known (read_at; ptr NULL: it is not), or
 * with is_mended that of receipt has to do, and what was said is kept. */
void document_mend_time(struct event *ev, int64_t now_us, struct text read_at, int is_mended);

/* 1 when json, which ev was read from, is an object whose form a decoder knows (CloudTrail,
 * Kubernetes' audit, Suricata, NXLog), parsed by its shipper and with no line of its own: it
 * is the line. 0 when not, -1 when out of memory. */
int document_is_line(const struct event *ev, struct text json, struct arena *arena);

#endif
