/*
 * intake_keep.h - a line of one who cannot be told that it was refused
 *
 * Watched files and syslog have no answer, so a line is kept in whatever form it can be.
 */
#ifndef INGEST_INTAKE_INTAKE_KEEP_H
#define INGEST_INTAKE_INTAKE_KEEP_H

#include "ingest/intake/intake.h"

/* What intake_keep made of lines; it adds to the numbers. */
struct intake_kept {
    uint64_t accepted;          /* events */
    uint64_t split, plain;      /* of them: pieces of a line; kept undecoded */
    uint64_t refused;           /* cannot be kept at all; counted as intake_line does */
};

/* A line, with origin->is_unanswered: if what it says cannot stand it is kept whole and
 * undecoded, if it makes too large an event in pieces. JOURNAL_DONE, and what was refused
 * of it has its reason in err; or why the journal takes no more: a part of the line may be
 * in the turn then and in what *kept counts, so the caller takes both back to before it. */
enum journal_outcome intake_keep(struct intake *intake, const struct intake_origin *origin,
                                 struct intake_item line, struct intake_kept *kept,
                                 struct err *err);

#endif
