/*
 * journal_places.h - how far each watched file was read, kept in the journal
 *
 * A place is written in the transaction that holds the events read before it,
 * and carried to the next file of the journal: a process that dies at any
 * moment goes on exactly behind the last line that it kept.
 */
#ifndef INGEST_JOURNAL_JOURNAL_PLACES_H
#define INGEST_JOURNAL_JOURNAL_PLACES_H

#include <stdint.h>

#include "ingest/journal/journal.h"

enum file_kind {
    FILE_READ,                  /* a file, and how far it was read */
    FILE_PATTERN,               /* a pattern that was looked at before; path says which */
    FILE_GHOST                  /* what a file held before it was truncated */
};

struct file_place {
    uint64_t id;                /* above 0, never given twice in one journal */
    enum file_kind kind;
    uint64_t device, inode;
    uint64_t offset;            /* all before it is in the journal */
    uint64_t head, tail;        /* hashes of the bytes at the start and before offset */
    uint32_t head_len;
    uint64_t copy_of;           /* id of the file that it is a copy of; 0: of none */
    int64_t gone_us;            /* since when no pattern finds it; 0: it is there */
    const char *path;           /* where it was found first */
};

/* Put a place (copied) into this turn. 0, or -1 when out of memory. A turn
 * that is not committed leaves all places as they were. */
int journal_put_place(struct journal *journal, const struct file_place *place);

/* Forget a place with this turn. 0, or -1 when out of memory. */
int journal_drop_place(struct journal *journal, uint64_t id);

/* Take back all that was put or dropped since the last commit. */
void journal_clear_places(struct journal *journal);

/* Call each for every committed place (borrowed). 0, or -1 with the reason;
 * each returns -1 to end it, when out of memory. */
int journal_each_place(struct journal *journal,
                       int (*each)(void *ctx, const struct file_place *place), void *ctx,
                       struct err *err);

/* 1 when the turn holds anything to commit. */
int journal_has_turn(const struct journal *journal);

#endif
