#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "detector/ruleset_internal.h"

enum { MAX_FILES = 20000, MAX_DEPTH = 16, MAX_PATH = 4096 };

struct paths {
    char **paths;
    size_t count, cap;
};

static void
paths_release(struct paths *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->paths[i]);
    free(all->paths);
}

static int
paths_add(struct paths *all, const char *path, struct err *err)
{
    if (all->count == MAX_FILES) {
        err_set(err, "%s: more than %d rule files", path, MAX_FILES);
        return -1;
    }
    if (all->count == all->cap) {
        size_t cap = all->cap == 0 ? 64 : all->cap * 2;
        char **grown = realloc(all->paths, cap * sizeof(*grown));

        if (grown == NULL)
            goto no_memory;
        all->paths = grown;
        all->cap = cap;
    }
    all->paths[all->count] = strdup(path);
    if (all->paths[all->count] == NULL)
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

static int walk(struct paths *all, const char *dir, int depth, struct err *err);

static int
visit(struct paths *all, const char *dir, const char *name, int depth, struct err *err)
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
    return S_ISREG(st.st_mode) && is_rule_file(name) ? paths_add(all, path, err) : 0;
}

static int
walk(struct paths *all, const char *dir, int depth, struct err *err)
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
compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int
load_file(struct ruleset *rules, const char *path)
{
    struct err why;
    struct yaml *yaml = yaml_load(path, &why);
    int rc;

    if (yaml == NULL)
        return ruleset_refuse(rules, why.text);
    rc = ruleset_add_documents(rules, path, yaml);
    yaml_destroy(&yaml);
    return rc;
}

struct ruleset *
ruleset_load(const char *dir, struct err *err)
{
    struct ruleset *rules = NULL;
    struct paths all = { 0 };
    int rc = -1;

    if (walk(&all, dir, 0, err) != 0)
        goto done;
    if (all.count == 0) {
        err_set(err, "%s: no rule files (*.yml)", dir);
        goto done;
    }
    qsort(all.paths, all.count, sizeof(all.paths[0]), compare_paths);
    rules = ruleset_new();
    for (size_t i = 0; rules != NULL && i < all.count; i++)
        if (load_file(rules, all.paths[i]) != 0)
            ruleset_destroy(&rules);
    if (rules == NULL)
        err_set(err, "%s: out of memory", dir);
    else
        rc = ruleset_link(rules, err);

done:
    paths_release(&all);
    if (rc != 0)
        ruleset_destroy(&rules);
    return rules;
}
