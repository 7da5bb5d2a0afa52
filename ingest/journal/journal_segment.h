/*
 * journal_segment.h - one file of the journal
 *
 * A segment knows its bounds and numbers in memory, so that most questions
 * open no file. Only the newest is written; the others are opened for
 * reading when somebody is behind.
 */
#ifndef INGEST_JOURNAL_JOURNAL_SEGMENT_H
#define INGEST_JOURNAL_JOURNAL_SEGMENT_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/journal/journal.h"
#include "proto/base/buf.h"
#include "proto/base/db.h"
#include "proto/ledger.h"

enum { CURSOR_NAME_LEN = 32, MAX_CONSUMERS = 257 };

struct cursor {
    char name[CURSOR_NAME_LEN];
    uint64_t position;
};

/* What each segment repeats, so that the newest alone is enough. */
struct journal_meta {
    uint64_t id;
    uint64_t base;              /* last sequence before this file's first row */
    struct cursor cursors[MAX_CONSUMERS];
    size_t cursor_count;
    struct ledger *ledger;      /* the caller's; NULL: neither read nor written */
    const char *more_sql;       /* what else a new file is made with; NULL: nothing */
};

struct segment {
    char path[PATH_MAX];
    uint64_t number;
    uint64_t rows, events, bytes;       /* bytes of bodies */
    uint64_t first, last_first, last;   /* sequences; 0 while there is no row */
    int64_t disk_bytes;                 /* as last measured */
    uint64_t unwritten;                 /* bytes of bodies since the last checkpoint */
    uint64_t used_at;                   /* when it was last read, for closing */
    sqlite3 *db;
    sqlite3_stmt *insert, *next, *after, *cursor, *ledger;
    sqlite3_stmt *put_place, *drop_place;       /* made with the first place */
};

/* Open file `number` in dir for writing, made with *meta when it is new (or
 * was left blank by a crash); then *meta is what the file says. 0, or -1 with
 * the reason. */
int segment_open(struct segment *seg, const char *dir, uint64_t number,
                 struct journal_meta *meta, struct err *err);

/* Learn of a file that is not the newest: *meta is what it says. It is sealed
 * when it was not, and closed. 0, or -1 with the reason. */
int segment_open_old(struct segment *seg, const char *dir, uint64_t number,
                     struct journal_meta *meta, struct err *err);

/* Open for reading; nothing when it is open. 0, or -1 with the reason. */
int segment_open_to_read(struct segment *seg, struct err *err);

/* Close the file; bounds and numbers stay known. */
void segment_close(struct segment *seg);

/* Move everything from the WAL into the file, which is read only from now on;
 * then close. */
void segment_seal(struct segment *seg);

/* Copy written pages from the WAL into the file. */
void segment_checkpoint(struct segment *seg);

/* Inside the caller's transaction. */
enum db_outcome segment_insert(struct segment *seg, const struct batch_head *head,
                               struct text body, struct err *err);
enum db_outcome segment_write_cursor(struct segment *seg, const struct cursor *cursor,
                                     struct err *err);

/* Count a row that was committed. */
void segment_note(struct segment *seg, const struct batch_head *head, size_t body_len);

/* The first row with first > after: 1 with its body in *body, 0, -1. origin
 * and oldest of the head are the caller's. */
int segment_next(struct segment *seg, uint64_t after, struct batch_head *ret_head,
                 struct buf *body, struct err *err);

/* Add what comes after position to *backlog. 0 or -1. */
int segment_backlog(struct segment *seg, uint64_t position, struct journal_backlog *backlog,
                    struct err *err);

/* Sealed files have nothing beside them; one that has was cut off in the
 * middle of its last commit, or of being sealed ("-journal", which cannot be
 * undone by one who only reads). */
int segment_is_cut_off(const struct segment *seg);

/* Close and delete the file and what SQLite keeps beside it. 0, or -1. */
int segment_unlink(struct segment *seg, struct err *err);

/* Measure disk_bytes anew. */
void segment_measure(struct segment *seg);

/* The ledger's rows as SQL for a new file; read from a file, as journal `id`'s,
 * in place of what it held (NULL: not wanted); and those that have changed written, in the caller's transaction. */
int segment_ledger_schema(const struct ledger *ledger, struct buf *sql);
int segment_read_ledger(struct segment *seg, uint64_t id, struct ledger *ledger,
                        struct err *err);
enum db_outcome segment_write_ledger(struct segment *seg, const struct ledger *ledger,
                                     struct err *err);

#endif
