/*
 * allow_file.h - the allow list's file: read again when it changes
 *
 * Looked at once a second. A list that is wrong is said so, and the last good
 * one stays in force; so does one that a file no longer there had, until it is
 * missing at the second look (editors replace files). Windows are kept. The
 * bytes of the good one are for the state file, so that it outlives a restart.
 */
#ifndef DETECTOR_WATCH_ALLOW_FILE_H
#define DETECTOR_WATCH_ALLOW_FILE_H

#include <jansson.h>
#include <stdint.h>

#include "detector/engine/engine.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

struct allow_file {
    char *path;
    uint64_t seen, judged;      /* file_look(): the last one, and when what it had was put
                                 * in force or refused */
    int is_read;                /* some list is in force, an empty one perhaps */
    struct buf good;            /* what is in force, to be kept; while is_due */
    int is_due;
    char *problem;              /* why the last look's is not in force, or NULL */
    uint8_t *told;              /* the state of each entry that was logged */
    size_t told_count;
    unsigned looks;
};

/* Read the list of path (given: freed here) and put it in force; a file that is not
 * there is an empty list. Of one that is wrong, which is logged, the last good one is
 * put in force: kept is its bytes (ptr NULL: none is known). */
void allow_file_open(struct allow_file *file, char **path, struct text kept,
                     struct engine *engine);
void allow_file_close(struct allow_file *file);

/* Look whether the file has changed, and stays so; now and then, whether entries
 * are past their time or unused. */
void allow_file_look(struct allow_file *file, struct engine *engine);

/* What is to be kept, since it came into force: 1 and its bytes (borrowed), until
 * they are said to be kept. */
int allow_file_due(const struct allow_file *file, struct text *ret_bytes);
void allow_file_is_kept(struct allow_file *file);

/* "allow" into status, and what is wrong with the list into warnings. */
void allow_file_fill(const struct allow_file *file, const struct engine *engine,
                     json_t *status, json_t *warnings);

/* Is the file right? 0, or -1 with the reason. */
int allow_file_check(const char *path, struct err *err);

#endif
