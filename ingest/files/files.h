/*
 * files.h - log files that are read as they grow, each line once
 *
 * A file is an inode and what stands in it, not a name: a renamed file is read
 * to its end, a truncated one from its start, a copy of what was read already
 * not at all. How far each was read goes into the journal with the events, in
 * one transaction. Reads no clock and has no loop: files_watch.h is those.
 */
#ifndef INGEST_FILES_FILES_H
#define INGEST_FILES_FILES_H

#include <jansson.h>
#include <stdint.h>

#include "ingest/intake/intake.h"

struct files;

enum {
    FILES_MAX_KNOWN = 4096,     /* files whose place is kept */
    FILES_MAX_OPEN = 256,       /* files that are read at a time */
    FILES_MAX_REFUSED = 64,     /* files that are named as not read */
    FILES_LINE_BYTES = 256 * 1024,      /* a longer line becomes several events */
    FILES_READ_BYTES = 512 * 1024,      /* of one file in one turn */
    FILES_TURN_BYTES = 1024 * 1024      /* of all in one turn */
};

struct files_spec {
    struct intake *intake;      /* lent */
    struct metrics *metrics;
    const char *patterns;       /* globs with commas, each an absolute path */
    int from_start;             /* what is there when a pattern is new is read too */
    /* Commit the journal's turn. */
    enum journal_outcome (*commit)(void *self, struct err *err);
    void *self;
};

enum files_outcome {
    FILES_IDLE,                 /* all is read that can be */
    FILES_MORE,                 /* there is more: call again soon */
    FILES_WAIT,                 /* the journal takes nothing: call again in a while */
    FILES_BROKEN                /* what is on disk is not known: never call again */
};

/* 0 when every one of the patterns can be one; else -1 with the reason. */
int files_check_patterns(const char *patterns, struct err *err);

/* Nothing is looked at yet. NULL with the reason. */
struct files *files_new(const struct files_spec *spec, struct err *err);
void files_destroy(struct files **files);

/* The time of what follows: of day, and one that never steps. */
void files_set_time(struct files *files, int64_t now_us, int64_t now_ms);

/* Look which files there are, and which have changed. */
void files_scan(struct files *files);

/* Read some of what is new, and commit it. */
enum files_outcome files_turn(struct files *files);

/* Readable when a file or folder has changed; -1: there is no such help, only
 * files_scan sees it. */
int files_notice_fd(const struct files *files);

/* Take in what changed; 1 when files_scan should be called soon. */
int files_take_notices(struct files *files);

/* Put "files" into *status, and what people should know into its "warnings". */
void files_status(const struct files *files, json_t *status);

#endif
