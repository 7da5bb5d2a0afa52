/*
 * files_place.h - watched files in a temp folder, a journal, and a clock that tests turn
 *
 * Every function fails the test itself when something goes wrong. Names of
 * files are relative to the place's folder of logs.
 */
#ifndef TESTS_SUPPORT_FILES_PLACE_H
#define TESTS_SUPPORT_FILES_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "ingest/files/files.h"
#include "proto/base/buf.h"

struct files_place {
    char dir[64], logs[80], journal_dir[80];
    char patterns[512];             /* logs/<pattern>, set by files_place_watch */
    int from_start;
    int64_t segment_bytes, max_bytes;
    enum journal_outcome next_commit;   /* JOURNAL_DONE: as the journal says; else once this */
    int64_t now_us, now_ms;
    struct journal *journal;
    struct metrics *metrics;
    struct intake *intake;
    struct files *files;
    struct buf lines;
};

/* cmocka's set-up and tear-down; *state is the place. */
int files_place_set_up(void **state);
int files_place_tear_down(void **state);

/* Begin to watch a pattern ("app.log", "app.log*") and look once. */
void files_place_watch(struct files_place *place, const char *pattern);

/* As after a kill: what is not committed is gone. Look once. */
void files_place_restart(struct files_place *place);

/* Look and read until nothing is left to do; the last outcome. */
enum files_outcome files_place_pump(struct files_place *place);

/* Let time pass, then pump. */
void files_place_pass(struct files_place *place, int64_t ms);

void files_place_append(struct files_place *place, const char *name, const char *text);
void files_place_append_bytes(struct files_place *place, const char *name, const void *bytes,
                              size_t len);
void files_place_rename(struct files_place *place, const char *from, const char *to);
void files_place_copy(struct files_place *place, const char *from, const char *to);
void files_place_truncate(struct files_place *place, const char *name);
void files_place_unlink(struct files_place *place, const char *name);
const char *files_place_path(struct files_place *place, const char *name);

/* raw_log of every event of the journal, each with a line end. */
const char *files_place_lines(struct files_place *place);
void files_place_assert(struct files_place *place, const char *lines);

/* Field `name` of the event that has this raw_log, as text ("" when it has none). */
const char *files_place_field(struct files_place *place, const char *raw_log, const char *name);

/* A counter of metrics. */
uint64_t files_place_number(struct files_place *place, const char *name);

/* Numbered lines first..last to a file, "line 000017\n" each. */
void files_place_number_lines(struct files_place *place, const char *name, unsigned first,
                              unsigned last);
/* Each number of first..last is in the journal exactly once, nothing else is. */
void files_place_assert_numbers(struct files_place *place, unsigned first, unsigned last);

#endif
