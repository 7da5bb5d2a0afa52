#include "proto/store/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
sqlite_close(struct store **base)
{
    struct sqlite_store *store = (struct sqlite_store *)*base;

    for (int i = 0; i < DAY_FILES_OPEN; i++)
        file_close(&store->files[i]);
    connection_close(&store->incidents);
    connection_close(&store->ledger);
    store_tally_release(&store->tally);
    free(store->spans);
    free(store->dir);
    free(store);
    *base = NULL;
}

/* Files are made when they are first written to. */
static enum store_outcome
sqlite_set_up(struct store *base, struct err *err)
{
    return STORE_DONE;
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .dead = &sqlite_dead_ops,
    .close = sqlite_close,
    .set_up = sqlite_set_up,
    .put_events = sqlite_put_events,
    .put_incidents = sqlite_put_incidents,
    .retain = sqlite_retain,
    .find_events = sqlite_find_events,
    .follow_events = sqlite_follow_events,
    .get_event = sqlite_get_event,
    .find_incidents = sqlite_find_incidents,
    .get_incident = sqlite_get_incident,
    .set_status = sqlite_set_status,
    .count = sqlite_count,
    .compare_sources = sqlite_compare_sources,
    .put_ledger = sqlite_put_ledger,
    .put_balance = sqlite_put_balance,
    .get_ledger = sqlite_get_ledger,
    .put_allowed = sqlite_put_allowed,
    .get_allowed = sqlite_get_allowed,
};

/* A file's entry is only as durable as the entry of the folder it is in. */
static int
sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return rc;
}

/* path is changed on the way and whole again afterwards. */
static int
make_folders(char *path, struct err *err)
{
    for (char *at = path + 1;; at++) {
        char *name_end = at, *parent_end;
        char kept = *at;
        int is_new;

        if (kept != '/' && kept != '\0')
            continue;
        *name_end = '\0';
        is_new = mkdir(path, 0750) == 0;
        if (!is_new && errno != EEXIST) {
            err_set(err, "%s: %s", path, strerror(errno));
            *name_end = kept;
            return -1;
        }
        parent_end = is_new ? strrchr(path, '/') : NULL;
        if (parent_end != NULL && parent_end > path) {
            *parent_end = '\0';
            sync_folder(path);
            *parent_end = '/';
        } else if (is_new) {
            sync_folder(parent_end == NULL ? "." : "/");
        }
        *name_end = kept;
        if (kept == '\0')
            return 0;
    }
}

struct store *
sqlite_store_open(const struct settings *settings, int mode, struct err *err)
{
    struct sqlite_store *store = calloc(1, sizeof(*store));
    struct store *base = (struct store *)store;

    if (store == NULL) {
        err_set(err, "store: out of memory");
        return NULL;
    }
    store->base.ops = &sqlite_ops;
    store->mode = mode;
    store->retention_us = settings->store_retention_ms * 1000;
    store->max_bytes = settings->store_max_bytes;
    store->dir = settings->store_dir != NULL ? strdup(settings->store_dir)
                                             : settings_path(settings, "store");
    if (store->dir == NULL || store->dir[0] == '\0') {
        err_set(err, store->dir == NULL ? "store: out of memory" : "store.dir: empty");
        goto fail;
    }
    if (mode == STORE_WRITE && make_folders(store->dir, err) != 0)
        goto fail;
    return base;

fail:
    sqlite_close(&base);
    return NULL;
}
