#include "ingest/files/files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ingest/files/files_inner.h"

enum { MAX_ENTRIES = 10000 };   /* of a folder in which a renamed file is looked for */

static const int64_t forget_us = INT64_C(7) * 86400 * 1000000;

/* A file without a fingerprint may be anybody: then its name must say it. */
static int
take_as(struct files *files, struct watched *w, const char *path, const char *name)
{
    const char *own = strrchr(w->path, '/') + 1;

    if (w->place.offset == 0 && strncmp(name, own, strlen(own)) != 0)
        return 0;
    if (files_open(files, w, path) != 0)
        return 0;
    if (files_matches(w->fd, &w->place)) {
        log_info("renamed file found again", "path=\"%s\" now=\"%s\"", w->shown, path);
        return 1;
    }
    files_close(files, w);
    return 0;
}

/* A file that was renamed while nobody held it open, in its own folder. */
static int
seek_inode(struct files *files, struct watched *w)
{
    int len = (int)(strrchr(w->path, '/') - w->path), found = 0;
    char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
    struct dirent *entry;
    DIR *dir;

    if (snprintf(folder, sizeof(folder), "%.*s/", len, w->path) >= (int)sizeof(folder))
        return 0;
    dir = opendir(folder);
    for (int i = 0; dir != NULL && i < MAX_ENTRIES && !found; i++) {
        entry = readdir(dir);
        if (entry == NULL)
            break;
        if (entry->d_ino != w->place.inode)
            continue;
        snprintf(path, sizeof(path), "%s%s", folder, entry->d_name);
        found = take_as(files, w, path, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* Its path leads to it, but no pattern does: it is watched no more. */
static int
is_unwanted(const struct watched *w)
{
    struct stat st;

    return stat(w->path, &st) == 0 && st.st_ino == w->place.inode &&
           st.st_dev == w->place.device;
}

/* Closed when it was last seen. */
static void
seek(struct files *files, struct watched *w)
{
    if (!w->is_sought && !is_unwanted(w)) {
        w->is_sought = 1;
        if (seek_inode(files, w))
            return;
        if (w->place.gone_us == 0 && w->place.copy_of == 0) {
            log_warn("watched file is gone, what was written to it last may be lost",
                     "path=\"%s\" read=%" PRIu64, w->shown, w->place.offset);
            ++*files->numbers.lost;
        }
    }
    if (w->place.gone_us != 0 && files->now_us - w->place.gone_us > forget_us)
        files_bury(files, w);
}

/* Held open: read to its end, also when somebody still writes to it. */
static void
finish(struct files *files, struct watched *w)
{
    int64_t quiet_ms;
    struct stat st;

    if (fstat(w->fd, &st) != 0)
        return;
    files_look(files, w, &st);
    quiet_ms = files->now_ms - w->quiet_ms;
    if (w->has_news || w->size != w->place.offset)
        return;
    if (st.st_nlink == 0 && quiet_ms >= HOLD_DELETED_MS)
        files_bury(files, w);
    else if (quiet_ms >= HOLD_MS)
        files_close(files, w);
}

void
files_tend_gone(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (w->place.kind != FILE_READ || w->is_dead)
            continue;
        if (w->was_home && !w->is_home) {
            log_info("file was renamed or deleted", "path=\"%s\" read=%" PRIu64, w->shown,
                     w->place.offset);
            ++*files->numbers.rotations;
        }
        if (!w->is_listed) {
            if (w->fd < 0)
                seek(files, w);
            else
                finish(files, w);
            if (!w->is_dead && w->place.gone_us == 0) {
                w->place.gone_us = files->now_us;
                files_mark(w);
            }
        }
        /* its last line has no end, and nobody will write one */
        if (w->fd >= 0 && !w->is_home && w->size > w->place.offset &&
            files->now_ms - w->quiet_ms >= QUIET_MS)
            w->has_news = 1;
    }
}
