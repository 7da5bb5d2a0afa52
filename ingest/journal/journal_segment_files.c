/* A segment's file, and what SQLite keeps beside it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/journal/journal_segment.h"
#include "proto/base/fault.h"

static const char *const beside[] = { "", "-wal", "-shm", "-journal" };
enum { BESIDE = sizeof(beside) / sizeof(beside[0]) };

int
segment_is_cut_off(const struct segment *seg)
{
    char path[PATH_MAX + 8];

    for (size_t i = 1; i < BESIDE; i++) {
        snprintf(path, sizeof(path), "%s%s", seg->path, beside[i]);
        if (access(path, F_OK) == 0)
            return 1;
    }
    return 0;
}

int
segment_unlink(struct segment *seg, struct err *err)
{
    char path[PATH_MAX + 8];

    segment_close(seg);
    fault_point("ingest.before_unlink");
    /* the file first: what is left of a crash in between belongs to nothing */
    for (size_t i = 0; i < BESIDE; i++) {
        snprintf(path, sizeof(path), "%s%s", seg->path, beside[i]);
        if (unlink(path) != 0 && errno != ENOENT) {
            err_set(err, "%s: %s", path, strerror(errno));
            return -1;
        }
    }
    fault_point("ingest.after_unlink");
    return 0;
}

void
segment_measure(struct segment *seg)
{
    char path[PATH_MAX + 8];
    struct stat st;

    seg->disk_bytes = 0;
    for (size_t i = 0; i < BESIDE; i++) {
        snprintf(path, sizeof(path), "%s%s", seg->path, beside[i]);
        if (stat(path, &st) == 0)
            seg->disk_bytes += st.st_size;
    }
}
