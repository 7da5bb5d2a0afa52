#include "ingest/files/files.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ingest/files/files_inner.h"

enum { MAX_ENTRIES = 100000 };  /* of all folders in one scan */

static const int64_t ghost_us = INT64_C(86400) * 1000000;

static const char too_many[] = "too many files match";

/* --- patterns --- */

/* glob() reads folders through this, so that none can keep it for ever. Its
 * callbacks have no argument. */
static size_t entries_left;

static struct dirent *
read_entry(void *folder)
{
    return entries_left == 0 || entries_left-- == 0 ? NULL : readdir(folder);
}

static void *
open_folder(const char *path)
{
    return opendir(path);
}

static void
close_folder(void *folder)
{
    closedir(folder);
}

static struct watched *
find_pattern(struct files *files, const char *pattern)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->all[i]->place.kind == FILE_PATTERN &&
            strcmp(files->all[i]->path, pattern) == 0)
            return files->all[i];
    return NULL;
}

static void
remember_pattern(struct files *files, const char *pattern)
{
    const struct file_place place = { .id = files_new_id(files), .kind = FILE_PATTERN,
                                      .path = pattern };
    struct watched *w = files_add(files, &place);

    if (w != NULL)
        files_mark(w);
}

static void
scan_pattern(struct files *files, const char *pattern)
{
    int is_first = find_pattern(files, pattern) == NULL;
    glob_t found = { .gl_opendir = open_folder, .gl_readdir = read_entry,
                     .gl_closedir = close_folder, .gl_stat = stat, .gl_lstat = lstat };
    int code = glob(pattern, GLOB_ALTDIRFUNC, NULL, &found);

    if (code == GLOB_NOSPACE)
        files_refuse(files, pattern, strerror(ENOMEM), 1);
    if (code == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (i == FILES_MAX_KNOWN) {
                files_refuse(files, pattern, too_many, 1);
                break;
            }
            files_look_at(files, found.gl_pathv[i], is_first);
        }
    }
    if (entries_left == 0)
        files_refuse(files, pattern, too_many, 1);
    globfree(&found);
    if (is_first && (code == 0 || code == GLOB_NOMATCH))
        remember_pattern(files, pattern);
    files_listen_to_folder(files, pattern);
}

/* Patterns that are configured no more, ghosts that nobody came for, refusals
 * that are no longer so. */
static void
tidy(struct files *files)
{
    size_t kept = 0;

    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];
        int is_wanted = w->place.kind != FILE_PATTERN;

        for (size_t j = 0; j < files->pattern_count && !is_wanted; j++)
            is_wanted = strcmp(files->patterns[j], w->path) == 0;
        if (!is_wanted || (w->place.kind == FILE_GHOST &&
                           files->now_us - w->place.gone_us > ghost_us))
            files_bury(files, w);
    }
    for (size_t i = 0; i < files->refused_count; i++) {
        if (files->refused[i].scan == files->scans)
            files->refused[kept++] = files->refused[i];
        else
            free(files->refused[i].path);
    }
    files->refused_count = kept;
}

void
files_scan(struct files *files)
{
    files->scans++;
    entries_left = MAX_ENTRIES;
    for (size_t i = 0; i < files->count; i++) {
        files->all[i]->is_listed = 0;
        files->all[i]->was_home = files->all[i]->is_home;
        files->all[i]->is_home = 0;
    }
    for (size_t i = 0; i < files->pattern_count; i++)
        scan_pattern(files, files->patterns[i]);
    files_tend_gone(files);
    tidy(files);
    files_measure(files);
}
