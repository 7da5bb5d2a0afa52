/*
 * journal.h - the disk is the truth: what was answered 2xx is in here
 *
 * SQLite files of a bounded size, named by number, each unlinked whole once
 * every consumer is past it. Events of one turn of the loop share rows and
 * one transaction; consumers are cursors that exist from the start. One
 * process per folder: the caller holds its lock. Not for threads, though it has one.
 */
#ifndef INGEST_JOURNAL_JOURNAL_H
#define INGEST_JOURNAL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"
#include "proto/codec_msgpack.h"
#include "proto/ledger.h"

struct journal;

/* What may wait for one commit: a request that encodes to more is too large. */
#define JOURNAL_MAX_PENDING ((size_t)32 * 1024 * 1024)

struct journal_options {
    const char *dir;            /* exists */
    int64_t segment_bytes;      /* a file is closed at this size */
    int64_t max_bytes;          /* all files; 0: the smaller of 10 GiB and 80 % of the disk */
    int64_t min_free;           /* bytes the disk keeps free; at least 1 MiB is kept */
    int slots;                  /* detector slots: consumers detect/0 .. */
};

enum journal_outcome {
    JOURNAL_DONE = 0,
    JOURNAL_OVER_QUOTA,     /* max_bytes are full of what a consumer still needs */
    JOURNAL_NO_SPACE,       /* less than min_free is left */
    JOURNAL_TURN_FULL,      /* JOURNAL_MAX_PENDING wait already */
    JOURNAL_RETRY,          /* disk full, busy, no memory: nothing was stored */
    JOURNAL_UNCLEAR         /* what is on disk is not known: end the process */
};

/* Where the turn stood, to take back what came after. */
struct journal_mark {
    size_t rows, len, bytes;
    uint32_t count;
    uint64_t last;
};

/* What a consumer has yet to acknowledge. */
struct journal_backlog {
    uint64_t rows, events, bytes;
    int64_t oldest_received_us;     /* 0: none */
};

struct journal_space {
    int64_t bytes, max_bytes, free_bytes, min_free;
    size_t segments;
};

/* Open, or create, the journal. NULL with the reason. */
struct journal *journal_open(const struct journal_options *options, int64_t now_us,
                             struct err *err);

/* Drop what is not committed, write the cursors, close. */
void journal_close(struct journal **journal);

uint64_t journal_id(const struct journal *journal);
uint32_t journal_nonce(const struct journal *journal);

/* Last committed sequence of all, 0: none yet; `first` of the oldest row held,
 * last + 1 when there is none. */
uint64_t journal_last(const struct journal *journal);
uint64_t journal_oldest(const struct journal *journal);

/* --- one turn --- */

/* Add an encoded event (at most EVENT_MAX_BYTES, copied) to this turn's rows.
 * now_us is the turn's time of receipt. JOURNAL_DONE and its sequence, or why
 * not, in err too. */
enum journal_outcome journal_append(struct journal *journal, struct text encoded,
                                    int64_t now_us, uint64_t *ret_sequence, struct err *err);
size_t journal_pending_bytes(const struct journal *journal);

/* Take back what was appended since the mark of the same turn. */
struct journal_mark journal_mark(const struct journal *journal);
void journal_cancel(struct journal *journal, const struct journal_mark *mark);

/* Put the turn on disk, moved cursors and places of files with it. On anything
 * but JOURNAL_DONE its events are dropped and their sequences given out again. */
enum journal_outcome journal_commit(struct journal *journal, struct err *err);

/* The same without waiting for the disk: what is appended from here on is the next turn.
 * JOURNAL_DONE: the COMMIT is under way (or there was no turn to commit: ask
 * journal_is_flying), and journal_end_commit says how it ends; when the descriptor becomes readable
 * it has ended, and before that journal_end_commit waits. When it fails, the next turn's
 * events are dropped as well. Not while journal_is_flying. */
enum journal_outcome journal_begin_commit(struct journal *journal, struct err *err);
enum journal_outcome journal_end_commit(struct journal *journal, struct err *err);
int journal_is_flying(const struct journal *journal);

/* -1 with the reason. */
int journal_commit_fd(struct journal *journal, struct err *err);

/* What the hours brought (proto/ledger.h): accepted events are counted with their
 * commit; a refusal is counted here, and on disk with the next commit or flush,
 * which the caller makes now and then. */
void journal_count_refused(struct journal *journal, enum ledger_column column, int64_t now_us);
void journal_flush_ledger(struct journal *journal);
const struct ledger *journal_ledger(const struct journal *journal);

/* Housekeeping that may take milliseconds, for after the answers: the next segment, or a
 * checkpoint, which the writer does where there is one. Nothing while journal_is_flying. */
void journal_tidy(struct journal *journal);

/* --- reading and deleting --- */

/* The first committed row with first > after: 1 with head and body (borrowed
 * until the next call of any function here), 0 when there is none, -1 with
 * the reason. */
int journal_next(struct journal *journal, uint64_t after, struct batch_head *ret_head,
                 struct text *ret_body, struct err *err);

/* Consumer 0 is "index", 1 + n is "detect/n". */
size_t journal_consumer_count(const struct journal *journal);
const char *journal_consumer_name(const struct journal *journal, size_t consumer);
uint64_t journal_cursor(const struct journal *journal, size_t consumer);

/* Rows with first <= position are done for this consumer. In memory at once,
 * on disk with the next commit. */
void journal_set_cursor(struct journal *journal, size_t consumer, uint64_t position);

/* Unlink the files that every cursor is past; the newest always stays. */
void journal_trim(struct journal *journal);

/* What comes after position. 0, or -1 with the reason. */
int journal_backlog(struct journal *journal, uint64_t position,
                    struct journal_backlog *ret_backlog, struct err *err);

struct journal_space journal_space(struct journal *journal);

/* May events be taken in now? JOURNAL_DONE, or why not, in err too. */
enum journal_outcome journal_check(struct journal *journal, struct err *err);

#endif
