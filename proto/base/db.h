/*
 * db.h - SQLite as every file of ours uses it
 *
 * WAL with synchronous=FULL, because an acknowledgement rests on each of
 * them; an application id so that a wrong file is refused; and one place that
 * says what a failure means. Bound parameters only.
 */
#ifndef PROTO_BASE_DB_H
#define PROTO_BASE_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

enum { DB_PATH_LEN = 4096 };

/* What a failed call means for the one who made it. */
enum db_outcome {
    DB_DONE = 0,
    DB_RETRY = -1,      /* full disk, busy, out of memory: rolled back, try again later */
    DB_UNCLEAR = -2     /* anything else: what is on disk is not known */
};

/* Open path. With schema (SQL) it is created when missing and its
 * application id set; without, it must exist and is opened for reading (an
 * empty one is fine). For writing, what a killed process left in the log is on
 * the disk when this returns. A file of another application or of a newer version is
 * refused. NULL with the reason; *ret_is_corrupt (may be NULL) says whether it
 * is no database, or a damaged one. */
sqlite3 *db_open(const char *path, const char *schema, int version, int *ret_is_corrupt,
                 struct err *err);

/* Put a damaged file and its WAL out of the way, so that a new one can be
 * begun: as path.corrupt-<unix time>, whose name goes to ret_kept. 0 or -1. */
int db_set_aside(const char *path, int64_t now_us, char ret_kept[DB_PATH_LEN],
                 struct err *err);

/* Close and null; statements must be finalized before. */
void db_close(sqlite3 **db);

/* Run SQL without results. err names the file. */
enum db_outcome db_exec(sqlite3 *db, const char *sql, struct err *err);

/* Prepare into *stmt; 0 or -1. */
int db_prepare(sqlite3 *db, sqlite3_stmt **stmt, const char *sql, struct err *err);

/* Step a statement that returns no row, then reset it and clear its bindings. */
enum db_outcome db_step(sqlite3_stmt *stmt, struct err *err);

/* Set the reason from the connection's last error, and say what it means. */
enum db_outcome db_failed(sqlite3 *db, struct err *err);

/* Bind bytes that stay valid until the step (no copy). */
void db_bind_text(sqlite3_stmt *stmt, int index, struct text text);
void db_bind_blob(sqlite3_stmt *stmt, int index, struct text bytes);

/* A column's bytes, valid until the next step or reset. */
struct text db_column(sqlite3_stmt *stmt, int index);

#endif
