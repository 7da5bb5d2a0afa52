/*
 * journal_writer.h - a thread that waits for the disk, so that the loop need not
 *
 * It is given a connection and one thing to do with it: the COMMIT of a transaction that
 * is written but for that, or a checkpoint of the log. Until that is over nobody else may
 * use the connection. One at a time; the loop sees the end by a descriptor.
 */
#ifndef INGEST_JOURNAL_JOURNAL_WRITER_H
#define INGEST_JOURNAL_JOURNAL_WRITER_H

#include "proto/base/db.h"

struct journal_writer;

/* NULL with the reason. */
struct journal_writer *journal_writer_new(struct err *err);

/* Waits for what is begun. */
void journal_writer_destroy(struct journal_writer **writer);

/* Readable from when something is over to journal_writer_heard, whoever has waited for it
 * meanwhile. */
int journal_writer_fd(const struct journal_writer *writer);
void journal_writer_heard(struct journal_writer *writer);

/* Begin; the writer must be idle. */
void journal_writer_commit(struct journal_writer *writer, sqlite3 *db);
void journal_writer_checkpoint(struct journal_writer *writer, sqlite3 *db);

/* 1 from the beginning to journal_writer_wait. */
int journal_writer_is_busy(const struct journal_writer *writer);

/* Wait for the end of what was begun: how it ended (of a checkpoint: DB_DONE). */
enum db_outcome journal_writer_wait(struct journal_writer *writer, struct err *err);

#endif
