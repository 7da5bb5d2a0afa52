/*
 * sqlite_incidents.h - incidents.db, as its writing and its reading side see it
 */
#ifndef PROTO_STORE_SQLITE_INCIDENTS_H
#define PROTO_STORE_SQLITE_INCIDENTS_H

#include "proto/store/store_sqlite.h"

/* What incident_of_row() reads, in this order. */
#define INCIDENT_COLUMNS "body, history, status, reopened"

/* A connection to incidents.db: made when the store may write; a reader gets
 * one of its own to write a status through, and only if the file is there.
 * 1, 0 no file, or a negative enum store_outcome. */
int incidents_open(struct sqlite_store *store, int may_write, sqlite3 **ret_db,
                   struct err *err);

/* Hand the connection back. */
void incidents_done(struct sqlite_store *store, sqlite3 **db);

/* The incident of a row of INCIDENT_COLUMNS; the caller destroys. 0 or -1. */
int incident_of_row(sqlite3 *db, sqlite3_stmt *stmt, struct incident **ret_inc,
                    struct err *err);

/* The incident of this id, in whatever transaction db is. 1 (the caller
 * destroys), 0 not there, or a negative enum store_outcome. */
int incident_read(sqlite3 *db, const char *id, struct incident **ret_inc,
                  struct err *err);

#endif
