#include "ingest/delivery/adoption.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"

enum { LOOK_MS = 2000, FREE_MS = 5000, PATH_LEN = 4096 };

/* What is known of a journal folder that is not our own. */
struct place {
    int64_t free_since_ms;      /* 0: held, or not looked at */
    int is_done;                /* nothing of it is to be delivered */
    int lock;                   /* while it is adopted */
    struct journal *journal;    /* adopted */
};

struct adoption {
    struct daemon *daemon;
    struct delivery *delivery;
    struct journal_options options;
    char *dir;
    unsigned own;
    int timer;
    struct place places[DAEMON_MAX_REPLICAS];
    struct log_burst burst;
};

static void
place_path(const char *first, unsigned number, const char *file, char out[PATH_LEN])
{
    if (number == 0)
        snprintf(out, PATH_LEN, "%s%s", first, file);
    else
        snprintf(out, PATH_LEN, "%s-%u%s", first, number, file);
}

struct journal *
adoption_open_own(const struct journal_options *options, unsigned *ret_number,
                  int *ret_is_taken, struct err *err)
{
    struct journal_options own = *options;
    char dir[PATH_LEN], lock[PATH_LEN];
    int fd = -1;

    *ret_is_taken = 0;
    for (unsigned i = 0; fd < 0 && i < DAEMON_MAX_REPLICAS; i++) {
        place_path(options->dir, i, "", dir);
        place_path(options->dir, i, "/lock", lock);
        if (daemon_make_dir(dir, err) != 0)
            return NULL;
        fd = daemon_lock(lock, err);
        if (fd < 0 && errno != EWOULDBLOCK)
            return NULL;
        *ret_number = i;
    }
    *ret_is_taken = fd < 0;
    own.dir = dir;
    return fd < 0 ? NULL : journal_open(&own, clock_real_us(), err);
}

/* Open and deliver it; a journal that cannot be opened is looked at again. */
static void
adopt(struct adoption *all, unsigned number, int lock)
{
    struct place *place = &all->places[number];
    struct journal_options options = all->options;
    char dir[PATH_LEN];
    struct err err;

    place_path(all->dir, number, "", dir);
    options.dir = dir;
    place->journal = journal_open(&options, 0, &err);
    if (place->journal != NULL && delivery_adopt(all->delivery, place->journal, &err) == 0) {
        place->lock = lock;
        log_info("journal adopted, nobody holds it", "path=\"%s\" journal=%016" PRIx64, dir,
                 journal_id(place->journal));
        return;
    }
    log_warn_burst(&all->burst, "journal that nobody holds cannot be delivered",
                   "path=\"%s\" reason=\"%s\"", dir, err.text);
    journal_close(&place->journal);
    close(lock);
}

/* All of it is delivered: it is free for whoever starts next. */
static void
let_go(struct adoption *all, struct place *place)
{
    if (!delivery_let_go(all->delivery, place->journal))
        return;
    log_info("adopted journal is delivered", "journal=%016" PRIx64,
             journal_id(place->journal));
    journal_close(&place->journal);
    close(place->lock);
    place->is_done = 1;
    place->free_since_ms = 0;
}

static void
look_at(struct adoption *all, unsigned number, int64_t now_ms)
{
    struct place *place = &all->places[number];
    char lock[PATH_LEN];
    struct err err;
    int fd;

    if (place->journal != NULL) {
        journal_flush_ledger(place->journal);
        let_go(all, place);
        return;
    }
    place_path(all->dir, number, "/lock", lock);
    if (access(lock, F_OK) != 0)
        return;
    fd = daemon_lock(lock, &err);
    if (fd < 0) {
        /* held: what it takes in now is to be delivered when it is gone */
        place->free_since_ms = 0;
        place->is_done = 0;
    } else if (place->is_done) {
        close(fd);
    } else if (place->free_since_ms == 0) {
        place->free_since_ms = now_ms;      /* it may only be starting again */
        close(fd);
    } else if (now_ms - place->free_since_ms >= FREE_MS) {
        adopt(all, number, fd);
    } else {
        close(fd);
    }
}

static int
on_look(zloop_t *loop, int timer, void *self)
{
    struct adoption *all = self;

    (void)loop, (void)timer;
    for (unsigned i = 0; i < DAEMON_MAX_REPLICAS; i++)
        if (i != all->own)
            look_at(all, i, clock_steady_ms());
    return 0;
}

struct adoption *
adoption_new(struct daemon *daemon, struct delivery *delivery,
             const struct journal_options *options, unsigned own, struct err *err)
{
    struct adoption *all = calloc(1, sizeof(*all));

    if (all == NULL || (all->dir = strdup(options->dir)) == NULL ||
        (all->timer = zloop_timer(daemon->loop, LOOK_MS, 0, on_look, all)) < 0) {
        err_set(err, "adoption: out of memory");
        if (all != NULL)
            free(all->dir);
        free(all);
        return NULL;
    }
    all->daemon = daemon;
    all->delivery = delivery;
    all->options = *options;
    all->own = own;
    return all;
}

void
adoption_destroy(struct adoption **adoption)
{
    struct adoption *all = *adoption;

    if (all == NULL)
        return;
    zloop_timer_end(all->daemon->loop, all->timer);
    for (unsigned i = 0; i < DAEMON_MAX_REPLICAS; i++) {
        if (all->places[i].journal == NULL)
            continue;
        journal_close(&all->places[i].journal);
        close(all->places[i].lock);
    }
    free(all->dir);
    free(all);
    *adoption = NULL;
}
