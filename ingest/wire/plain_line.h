/*
 * plain_line.h - what no event of ours can hold as it was sent, kept as its text
 *
 * A sender that is refused throws away what it sent, and with Splunk's collector the good
 * events of the same body too. Whoever can write into a log could have it refused: by a
 * thousand and one fields, by an empty name, by its length. So it is kept, undecoded
 * (log.flags: plain), and in pieces where it is too long (split).
 */
#ifndef INGEST_WIRE_PLAIN_LINE_H
#define INGEST_WIRE_PLAIN_LINE_H

#include "ingest/intake/intake.h"
#include "ingest/wire/flat_document.h"

/* Of a line of more bytes come several events. */
enum { PLAIN_MAX_LINE = 256 * 1024 };

/* Take line (UTF-8) in; flat, cleared, has what else is to stand in each event.
 * *ret_count: how many were accepted. Its outcome is that of the last. */
enum intake_outcome plain_line_take(struct flat_document *flat, struct text line,
                                    struct intake *intake, const struct intake_origin *origin,
                                    uint64_t *ret_count, struct intake_result *result);

/* 1 when another form of what had this outcome may be accepted. */
int plain_line_helps(enum intake_outcome outcome);

#endif
