/*
 * files_inner.h - the watched files' own state, for files*.c alone
 *
 * files.c keeps the table and commits turns, files_scan.c walks the patterns,
 * files_find.c takes in what it finds and files_gone.c what it does not find,
 * files_identity.c says who is who, files_read.c makes lines of bytes,
 * files_notice.c listens to the kernel, files_status.c shows.
 */
#ifndef INGEST_FILES_FILES_INNER_H
#define INGEST_FILES_FILES_INNER_H

#include <sys/stat.h>

#include "ingest/files/files.h"
#include "ingest/journal/journal_places.h"
#include "proto/base/log.h"

enum {
    HEAD_BYTES = 1024, TAIL_BYTES = 256,
    QUIET_MS = 5000,            /* then nobody is writing at a line any more */
    IDLE_MS = 10000,            /* then a file may be closed for another */
    HOLD_MS = 3600000,          /* a renamed file is held open, for late writers */
    HOLD_DELETED_MS = 60000     /* a deleted one too, but it takes room on the disk */
};

/* A file, or what else has a place (a pattern, a ghost). */
struct watched {
    struct file_place place;    /* as it is now; path is ours */
    struct file_place stored;   /* as it was committed last, or found */
    int is_changed;             /* place goes into the next turn */
    int is_dead;                /* is forgotten with the next turn */
    char *path;
    char *shown;                /* path as UTF-8 */
    int fd, wd;                 /* -1: closed; not listened to */
    uint64_t size;              /* as last seen */
    int64_t changed_ns;         /* time of its last change, as last seen */
    int64_t quiet_ms;           /* since when size and that time are the same */
    int has_news;               /* is to be read */
    int is_listed;              /* the last scan found it */
    int is_home, was_home;      /* its path leads to it; did at the scan before */
    int is_sought;              /* was looked for under other names */
    int is_hole;                /* only NULs since its start: left by a truncation */
};

/* A file that is not read, and why. */
struct refused {
    char *path;
    const char *reason;         /* fixed words, or strerror's */
    int is_trouble;             /* people should know */
    uint64_t scan;              /* when it was last so */
};

struct files_numbers {
    uint64_t *lines, *bytes, *accepted, *split, *plain, *refused_lines, *hole_bytes;
    uint64_t *rotations, *truncations, *copies, *lost, *errors, *waits, *commit_failures;
    uint64_t *open, *known, *lag;
};

struct files {
    struct files_spec spec;
    char **patterns;
    size_t pattern_count;
    struct watched **all;       /* FILES_MAX_KNOWN at most */
    size_t count, cap, next;    /* next: whose turn it is */
    size_t open_count;
    uint64_t last_id, scans;
    char *buf;                  /* TAIL_BYTES and FILES_READ_BYTES */
    int64_t now_us, now_ms;
    int notice_fd;
    int is_waiting;             /* for room in the journal */
    uint64_t turn_lines, turn_bytes;
    struct refused refused[FILES_MAX_REFUSED];
    size_t refused_count;
    struct files_numbers numbers;
    struct log_burst burst, line_burst;
    struct err why;             /* of waiting */
};

/* --- files.c --- */

/* A new one of this place (path copied); NULL when there are too many or
 * memory is out. */
struct watched *files_add(struct files *files, const struct file_place *place);
uint64_t files_new_id(struct files *files);

/* Its place has changed. */
void files_mark(struct watched *w);

/* Forget it with the next turn. */
void files_bury(struct files *files, struct watched *w);

void files_close(struct files *files, struct watched *w);

/* Note a file that is not read; reason stays valid. */
void files_refuse(struct files *files, const char *path, const char *reason, int is_trouble);

/* --- files_status.c --- */

void files_take_numbers(struct files_numbers *numbers, struct metrics *metrics);

/* Set the gauges. */
void files_measure(struct files *files);

/* --- files_identity.c --- */

/* Hash what stands in fd before place->offset into *place. 0, or -1 (unreadable, shorter). */
int files_fingerprint(int fd, struct file_place *place);

/* 1 when what stands in fd before place->offset is what was read of it. */
int files_matches(int fd, const struct file_place *place);

/* The file whose content fd, newly found at path, repeats; NULL: none. */
struct watched *files_original(struct files *files, int fd, const struct stat *st,
                               const char *path);

/* A copy has changed: is it one still? */
int files_is_copy_still(struct files *files, struct watched *copy);

/* The original was truncated, *old being its place before: its copies go on
 * behind what was read of it. */
void files_release_copies(struct files *files, const struct file_place *old);

/* --- files_find.c --- */

/* A path that a pattern found; is_first: the pattern is new. */
void files_look_at(struct files *files, const char *path, int is_first);


/* Open w at path when it leads to it, closing an idle one if need be. 0, or
 * -1 after files_refuse. */
int files_open(struct files *files, struct watched *w, const char *path);

/* Note size and times of an open file; has_news when they are others. */
void files_look(struct files *files, struct watched *w, const struct stat *st);

/* --- files_gone.c --- */

/* What becomes of the files that this scan did not find. */
void files_tend_gone(struct files *files);

/* --- files_read.c --- */

/* Read of w what is new, FILES_READ_BYTES at most, into the journal's turn.
 * JOURNAL_DONE, or why the journal takes no more. */
enum journal_outcome files_read(struct files *files, struct watched *w, struct err *err);

/* --- files_notice.c --- */

void files_listen(struct files *files, struct watched *w);
void files_listen_to_folder(struct files *files, const char *path);

#endif
