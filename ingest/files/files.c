#include "ingest/files/files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "ingest/files/files_inner.h"
#include "proto/base/arena.h"
#include "proto/decode/decode.h"

/* --- patterns --- */

static int
each_pattern(const char *patterns, int (*each)(void *ctx, struct text pattern), void *ctx)
{
    struct text rest = text_of(patterns);

    while (rest.ptr != NULL) {
        struct text pattern = text_trim(text_split(&rest, ','));

        if (pattern.len > 0 && each(ctx, pattern) != 0)
            return -1;
    }
    return 0;
}

static int
check_pattern(void *ctx, struct text pattern)
{
    if (pattern.ptr[0] == '/')
        return 0;
    err_set(ctx, "\"%.*s\" is no absolute path",
            (int)(pattern.len > 100 ? 100 : pattern.len), pattern.ptr);
    return -1;
}

int
files_check_patterns(const char *patterns, struct err *err)
{
    return each_pattern(patterns, check_pattern, err);
}

static int
add_pattern(void *ctx, struct text pattern)
{
    struct files *files = ctx;
    char **more = realloc(files->patterns, (files->pattern_count + 1) * sizeof(*more));

    if (more == NULL)
        return -1;
    files->patterns = more;
    more[files->pattern_count] = text_dup(pattern);
    return more[files->pattern_count++] == NULL ? -1 : 0;
}

/* --- the table --- */

/* Paths are bytes; events and JSON are UTF-8. */
static char *
shown_path(const char *path)
{
    struct arena arena = { 0 };
    enum raw_encoding how;
    struct text text = raw_to_utf8(text_of(path), &arena, &how);
    char *shown = text.ptr == NULL ? NULL : text_dup(text);

    arena_release(&arena);
    return shown;
}

static void
watched_destroy(struct watched *w)
{
    free(w->path);
    free(w->shown);
    free(w);
}

static int
grow(struct files *files)
{
    size_t cap = files->cap == 0 ? 64 : files->cap * 2;
    struct watched **more;

    if (files->count < files->cap)
        return 0;
    if (files->count >= FILES_MAX_KNOWN)
        return -1;
    more = realloc(files->all, cap * sizeof(*more));
    if (more == NULL)
        return -1;
    files->all = more;
    files->cap = cap;
    return 0;
}

struct watched *
files_add(struct files *files, const struct file_place *place)
{
    struct watched *w;

    if (grow(files) != 0 || (w = calloc(1, sizeof(*w))) == NULL)
        return NULL;
    w->fd = w->wd = -1;
    w->path = strdup(place->path);
    w->shown = shown_path(place->path);
    if (w->path == NULL || w->shown == NULL) {
        watched_destroy(w);
        return NULL;
    }
    w->place = *place;
    w->place.path = w->path;
    w->stored = w->place;
    if (place->id > files->last_id)
        files->last_id = place->id;
    files->all[files->count++] = w;
    return w;
}

uint64_t
files_new_id(struct files *files)
{
    return ++files->last_id;
}

void
files_mark(struct watched *w)
{
    w->is_changed = 1;
}

void
files_close(struct files *files, struct watched *w)
{
    if (w->fd < 0)
        return;
    close(w->fd);
    w->fd = -1;
    files->open_count--;
}

void
files_bury(struct files *files, struct watched *w)
{
    w->is_dead = 1;
    w->has_news = 0;
    files_close(files, w);
    if (w->wd >= 0)
        inotify_rm_watch(files->notice_fd, w->wd);
    w->wd = -1;
}

void
files_refuse(struct files *files, const char *path, const char *reason, int is_trouble)
{
    struct refused *refused = files->refused;
    char *copy;

    for (size_t i = 0; i < files->refused_count; i++)
        if (strcmp(refused[i].path, path) == 0 && strcmp(refused[i].reason, reason) == 0) {
            refused[i].scan = files->scans;
            return;
        }
    *files->numbers.errors += is_trouble != 0;
    if (is_trouble)
        log_warn_burst(&files->burst, "file is not read", "path=\"%s\" reason=\"%s\"", path,
                       reason);
    copy = files->refused_count < FILES_MAX_REFUSED ? strdup(path) : NULL;
    if (copy == NULL)
        return;
    refused[files->refused_count++] = (struct refused){ copy, reason, is_trouble,
                                                        files->scans };
}

/* --- open and close --- */

static int
load_place(void *ctx, const struct file_place *place)
{
    return files_add(ctx, place) == NULL ? -1 : 0;
}

struct files *
files_new(const struct files_spec *spec, struct err *err)
{
    struct files *files = calloc(1, sizeof(*files));

    if (files == NULL) {
        err_set(err, "files: out of memory");
        return NULL;
    }
    files->spec = *spec;
    files->notice_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    files_take_numbers(&files->numbers, spec->metrics);
    files->buf = malloc(TAIL_BYTES + FILES_READ_BYTES);
    if (files->buf == NULL || each_pattern(spec->patterns, add_pattern, files) != 0) {
        err_set(err, "files: out of memory");
        files_destroy(&files);
        return NULL;
    }
    if (journal_each_place(intake_journal(spec->intake), load_place, files, err) != 0)
        files_destroy(&files);
    return files;
}

void
files_destroy(struct files **files_ptr)
{
    struct files *files = *files_ptr;

    if (files == NULL)
        return;
    for (size_t i = 0; i < files->count; i++) {
        files_close(files, files->all[i]);
        watched_destroy(files->all[i]);
    }
    for (size_t i = 0; i < files->pattern_count; i++)
        free(files->patterns[i]);
    for (size_t i = 0; i < files->refused_count; i++)
        free(files->refused[i].path);
    if (files->notice_fd >= 0)
        close(files->notice_fd);
    free(files->patterns);
    free(files->all);
    free(files->buf);
    free(files);
    *files_ptr = NULL;
}

void
files_set_time(struct files *files, int64_t now_us, int64_t now_ms)
{
    files->now_us = now_us;
    files->now_ms = now_ms;
}

/* --- a turn --- */

/* A piece of each that has news, beginning with whoever had to wait last time. */
static enum journal_outcome
read_some(struct files *files, struct err *err)
{
    enum journal_outcome outcome = JOURNAL_DONE;
    size_t count = files->count, first = files->next;

    for (size_t i = 0; i < count && outcome == JOURNAL_DONE; i++) {
        struct watched *w = files->all[(first + i) % count];

        if (files->turn_bytes >= FILES_TURN_BYTES)
            break;
        files->next = (first + i + 1) % count;
        if (!w->has_news || w->fd < 0 || w->is_dead || w->place.copy_of != 0)
            continue;
        outcome = files_read(files, w, err);
        if (outcome != JOURNAL_DONE)
            files->next = (first + i) % count;
    }
    return outcome;
}

static int
put_places(struct files *files, struct err *err)
{
    struct journal *journal = intake_journal(files->spec.intake);

    for (size_t i = 0; i < files->count; i++) {
        const struct watched *w = files->all[i];

        if ((w->is_dead && journal_drop_place(journal, w->place.id) != 0) ||
            (!w->is_dead && w->is_changed && journal_put_place(journal, &w->place) != 0)) {
            err_set(err, "out of memory");
            return -1;
        }
    }
    return 0;
}

/* What was put into the turn is on disk. */
static void
settle(struct files *files)
{
    size_t kept = 0;

    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (w->is_dead) {
            watched_destroy(w);
            continue;
        }
        w->stored = w->place;
        w->is_changed = 0;
        files->all[kept++] = w;
    }
    files->count = kept;
    *files->numbers.lines += files->turn_lines;
    *files->numbers.accepted += files->turn_lines;
    *files->numbers.bytes += files->turn_bytes;
}

/* None of it is: all is as it was, and read again. */
static void
rewind_all(struct files *files)
{
    ++*files->numbers.commit_failures;
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (!w->is_changed || w->is_dead)
            continue;
        w->place = w->stored;
        w->has_news = w->place.kind == FILE_READ;
    }
}

static int
has_more(const struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->all[i]->has_news && files->all[i]->fd >= 0 &&
            files->all[i]->place.copy_of == 0)
            return 1;
    return 0;
}

static void
note_wait(struct files *files, const struct err *why)
{
    if (!files->is_waiting) {
        log_warn("watched files wait", "reason=\"%s\"", why->text);
        ++*files->numbers.waits;
    }
    files->is_waiting = 1;
    files->why = *why;
}

enum files_outcome
files_turn(struct files *files)
{
    struct journal *journal = intake_journal(files->spec.intake);
    const struct journal_mark mark = journal_mark(journal);
    enum journal_outcome reading, commit;
    struct err why = { .text = "" }, err;

    intake_set_time(files->spec.intake, files->now_us);
    files->turn_lines = files->turn_bytes = 0;
    reading = files->count == 0 ? JOURNAL_DONE : read_some(files, &why);
    if (put_places(files, &why) != 0) {
        journal_cancel(journal, &mark);
        journal_clear_places(journal);
        rewind_all(files);
        note_wait(files, &why);
        return FILES_WAIT;
    }
    commit = files->spec.commit(files->spec.self, &err);
    if (commit == JOURNAL_DONE) {
        settle(files);
    } else {
        rewind_all(files);
        note_wait(files, &err);
        return commit == JOURNAL_UNCLEAR ? FILES_BROKEN : FILES_WAIT;
    }
    if (reading != JOURNAL_DONE && reading != JOURNAL_TURN_FULL) {
        note_wait(files, &why);
        return FILES_WAIT;
    }
    files_measure(files);
    if (files->is_waiting)
        log_info("watched files go on", "");
    files->is_waiting = 0;
    return has_more(files) ? FILES_MORE : FILES_IDLE;
}
