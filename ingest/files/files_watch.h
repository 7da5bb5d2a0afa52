/*
 * files_watch.h - the watched files on ingest's loop
 *
 * Reads when the kernel says that something changed, and looks at all of them
 * every few seconds, for what it did not say. Nothing runs while nothing
 * changes but that look.
 */
#ifndef INGEST_FILES_FILES_WATCH_H
#define INGEST_FILES_FILES_WATCH_H

#include "ingest/files/files.h"
#include "proto/run/daemon.h"

struct files_watch;

struct files_watch_spec {
    struct intake *intake;      /* lent */
    /* Commit the journal's turn. */
    enum journal_outcome (*commit)(void *self, struct err *err);
    void *self;
};

/* The first scan is made at once. NULL with the reason. */
struct files_watch *files_watch_new(struct daemon *daemon,
                                    const struct files_watch_spec *spec, struct err *err);
void files_watch_destroy(struct files_watch **watch);

/* Read no more: ingest is ending. */
void files_watch_stop(struct files_watch *watch);

/* As files_status. */
void files_watch_status(const struct files_watch *watch, json_t *status);

#endif
