#include "detector/ruleset/rule_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/file_look.h"
#include "proto/base/hash.h"

/* A file over 1 MiB is refused by the YAML reader: a little more is enough to see it. */
enum { MAX_FILES = 20000, MAX_DEPTH = 16, MAX_PATH = 4096, MAX_FILE = 1024 * 1024 + 1,
       MAX_BYTES = 256 * 1024 * 1024, READ = 16 * 1024 };

static int
file_add(void *ctx, const char *path, const struct stat *st, struct err *err)
{
    struct rule_files *all = ctx;

    (void)st;
    if (all->count == MAX_FILES) {
        err_set(err, "%s: more than %d rule files", path, MAX_FILES);
        return -1;
    }
    if (all->count == all->cap) {
        size_t cap = all->cap == 0 ? 64 : all->cap * 2;
        struct rule_file *grown = realloc(all->files, cap * sizeof(*grown));

        if (grown == NULL)
            goto no_memory;
        all->files = grown;
        all->cap = cap;
    }
    all->files[all->count] = (struct rule_file){ .path = strdup(path) };
    if (all->files[all->count].path == NULL)
        goto no_memory;
    all->count++;
    return 0;

no_memory:
    err_set(err, "%s: out of memory", path);
    return -1;
}

static int
is_rule_file(const char *name)
{
    return text_ends_with(text_of(name), ".yml") ||
           text_ends_with(text_of(name), ".yaml");
}

/* What is done with each rule file that is found. 0 to go on. */
typedef int file_visit(void *ctx, const char *path, const struct stat *st, struct err *err);

struct walk {
    file_visit *file;
    void *ctx;
};

static int walk(const struct walk *all, const char *dir, int depth, struct err *err);

static int
visit(const struct walk *all, const char *dir, const char *name, int depth, struct err *err)
{
    char path[MAX_PATH];
    struct stat st;

    if (name[0] == '.')
        return 0;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
        err_set(err, "%s: path too long", dir);
        return -1;
    }
    if (stat(path, &st) != 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (S_ISDIR(st.st_mode))
        return walk(all, path, depth + 1, err);
    return S_ISREG(st.st_mode) && is_rule_file(name) ? all->file(all->ctx, path, &st, err) : 0;
}

static int
walk(const struct walk *all, const char *dir, int depth, struct err *err)
{
    const struct dirent *entry;
    DIR *open;
    int rc = 0;

    if (depth > MAX_DEPTH) {
        err_set(err, "%s: folders nested over %d deep", dir, MAX_DEPTH);
        return -1;
    }
    open = opendir(dir);
    if (open == NULL) {
        err_set(err, "%s: %s", dir, strerror(errno));
        return -1;
    }
    while (rc == 0 && (entry = readdir(open)) != NULL)
        rc = visit(all, dir, entry->d_name, depth, err);
    closedir(open);
    return rc;
}

static int
compare_files(const void *left, const void *right)
{
    return strcmp(((const struct rule_file *)left)->path,
                  ((const struct rule_file *)right)->path);
}

/* 0, or -1 when out of memory. */
static int
read_file(struct rule_file *file)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    char chunk[READ];
    int rc = 0;

    while (rc == 0 && file->bytes.len < MAX_FILE && got > 0) {
        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            rc = buf_append(&file->bytes, chunk, (size_t)got);
    }
    if (got < 0) {
        buf_release(&file->bytes);
        file->unreadable = strdup(strerror(errno));
    } else if (rc == 0 && file->bytes.len == 0) {
        /* what a full disk leaves of a file that was saved */
        file->unreadable = strdup("nothing is in it");
    }
    if ((got < 0 || file->bytes.len == 0) && file->unreadable == NULL)
        rc = -1;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int
read_all(struct rule_files *all, const char *dir, struct err *err)
{
    for (size_t i = 0; i < all->count; i++) {
        struct rule_file *file = &all->files[i];

        file->name = file->path + strlen(dir) + 1;
        if (read_file(file) != 0) {
            err_set(err, "%s: out of memory", file->path);
            return -1;
        }
        all->bytes += file->bytes.len;
        if (all->bytes > MAX_BYTES) {
            err_set(err, "%s: more than %d MiB of rules", dir, MAX_BYTES / (1024 * 1024));
            return -1;
        }
    }
    return 0;
}

int
rule_files_read(const char *dir, struct rule_files *files, struct err *err)
{
    struct rule_files all = { 0 };
    const struct walk each = { file_add, &all };

    if (walk(&each, dir, 0, err) != 0)
        goto failed;
    if (all.count == 0) {
        err_set(err, "%s: no rule files (*.yml)", dir);
        goto failed;
    }
    qsort(all.files, all.count, sizeof(all.files[0]), compare_files);
    if (read_all(&all, dir, err) != 0)
        goto failed;
    *files = all;
    return 0;

failed:
    rule_files_release(&all);
    return -1;
}

/* Folders have no order: sums do not need one. */
static int
add_look(void *ctx, const char *path, const struct stat *st, struct err *err)
{
    (void)err;
    *(uint64_t *)ctx += file_look_of(path, st);
    return 0;
}

uint64_t
rule_files_look(const char *dir)
{
    uint64_t sum = 0;
    const struct walk each = { add_look, &sum };
    struct err err = { "" };

    if (walk(&each, dir, 0, &err) != 0)
        sum = hash64(err.text, strlen(err.text));
    return sum;
}

void
rule_files_release(struct rule_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct rule_file *file = &files->files[i];

        while (file->refusals != NULL) {
            struct rule_refusal *next = file->refusals->next;

            free(file->refusals->reason);
            free(file->refusals);
            file->refusals = next;
        }
        free(file->path);
        free(file->unreadable);
        buf_release(&file->bytes);
        buf_release(&file->last_good);
    }
    free(files->files);
    *files = (struct rule_files){ 0 };
}

/* The order of strcmp. */
static int
compare_names(struct text left, struct text right)
{
    size_t len = left.len < right.len ? left.len : right.len;
    int order = len == 0 ? 0 : memcmp(left.ptr, right.ptr, len);

    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

struct rule_file *
rule_files_find(const struct rule_files *files, struct text name)
{
    size_t low = 0, high = files->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(name, text_of(files->files[middle].name));

        if (order == 0)
            return &files->files[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t
rule_files_kept(const struct rule_files *files)
{
    size_t kept = 0;

    for (size_t i = 0; i < files->count; i++)
        kept += files->files[i].is_kept != 0;
    return kept;
}
