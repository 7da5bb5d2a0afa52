#include "ingest/files/files_watch.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"

/* A folder in which much comes and goes is not scanned at each change; a
 * burst of small writes is read in one turn. */
enum { SCAN_MS = 5000, SCAN_SOON_MS = 100, READ_SOON_MS = 10, MORE_MS = 1, WAIT_MS = 1000 };

struct files_watch {
    struct daemon *daemon;
    struct files *files;
    zmq_pollitem_t poll;
    int is_polled, is_stopped;
    int scan_timer;             /* every SCAN_MS */
    int read_timer, soon_timer; /* once; -1: not set */
};

static void
set_time(struct files_watch *watch)
{
    files_set_time(watch->files, clock_real_us(), clock_steady_ms());
}

static int on_read(zloop_t *loop, int timer, void *self);

static void
read_in(struct files_watch *watch, int delay_ms)
{
    if (watch->read_timer < 0 && !watch->is_stopped)
        watch->read_timer = zloop_timer(watch->daemon->loop, (size_t)delay_ms, 1, on_read, watch);
}

static void
turn(struct files_watch *watch)
{
    set_time(watch);
    switch (files_turn(watch->files)) {
    case FILES_MORE:
        read_in(watch, MORE_MS);
        break;
    case FILES_WAIT:
        read_in(watch, WAIT_MS);
        break;
    case FILES_BROKEN:
        files_watch_stop(watch);
        break;
    case FILES_IDLE:
        break;
    }
}

static int
on_read(zloop_t *loop, int timer, void *self)
{
    struct files_watch *watch = self;

    (void)loop, (void)timer;
    watch->read_timer = -1;
    if (!watch->is_stopped)
        turn(watch);
    return 0;
}

static void
scan(struct files_watch *watch)
{
    if (watch->is_stopped)
        return;
    set_time(watch);
    files_scan(watch->files);
    read_in(watch, MORE_MS);
}

static int
on_scan(zloop_t *loop, int timer, void *self)
{
    (void)loop, (void)timer;
    scan(self);
    return 0;
}

static int
on_scan_soon(zloop_t *loop, int timer, void *self)
{
    struct files_watch *watch = self;

    (void)loop, (void)timer;
    watch->soon_timer = -1;
    scan(watch);
    return 0;
}

static int
on_notice(zloop_t *loop, zmq_pollitem_t *item, void *self)
{
    struct files_watch *watch = self;

    (void)item;
    if (files_take_notices(watch->files) && watch->soon_timer < 0 && !watch->is_stopped)
        watch->soon_timer = zloop_timer(loop, SCAN_SOON_MS, 1, on_scan_soon, watch);
    read_in(watch, READ_SOON_MS);
    return 0;
}

static int
join_loop(struct files_watch *watch)
{
    zloop_t *loop = watch->daemon->loop;

    watch->poll.fd = files_notice_fd(watch->files);
    watch->poll.events = ZMQ_POLLIN;
    if (watch->poll.fd >= 0 && zloop_poller(loop, &watch->poll, on_notice, watch) == 0)
        watch->is_polled = 1;
    else
        log_warn("no notice of changed files, they are looked at every few seconds", "");
    watch->scan_timer = zloop_timer(loop, SCAN_MS, 0, on_scan, watch);
    return watch->scan_timer < 0 ? -1 : 0;
}

struct files_watch *
files_watch_new(struct daemon *daemon, const struct files_watch_spec *spec, struct err *err)
{
    struct files_watch *watch = calloc(1, sizeof(*watch));
    const struct files_spec files = {
        .intake = spec->intake, .metrics = daemon->metrics,
        .patterns = daemon->settings->ingest_files,
        .from_start = strcmp(daemon->settings->ingest_files_from, "start") == 0,
        .commit = spec->commit, .self = spec->self,
    };

    if (watch == NULL) {
        err_set(err, "files: out of memory");
        return NULL;
    }
    watch->daemon = daemon;
    watch->read_timer = watch->soon_timer = watch->scan_timer = -1;
    watch->files = files_new(&files, err);
    if (watch->files == NULL) {
        files_watch_destroy(&watch);
        return NULL;
    }
    if (join_loop(watch) != 0) {
        err_set(err, "files: out of memory");
        files_watch_destroy(&watch);
        return NULL;
    }
    scan(watch);
    return watch;
}

void
files_watch_stop(struct files_watch *watch)
{
    zloop_t *loop = watch->daemon->loop;

    watch->is_stopped = 1;
    if (watch->is_polled)
        zloop_poller_end(loop, &watch->poll);
    watch->is_polled = 0;
    for (size_t i = 0; i < 3; i++) {
        int *timers[] = { &watch->scan_timer, &watch->read_timer, &watch->soon_timer };

        if (*timers[i] >= 0)
            zloop_timer_end(loop, *timers[i]);
        *timers[i] = -1;
    }
}

void
files_watch_destroy(struct files_watch **watch)
{
    if (*watch == NULL)
        return;
    files_watch_stop(*watch);
    files_destroy(&(*watch)->files);
    free(*watch);
    *watch = NULL;
}

void
files_watch_status(const struct files_watch *watch, json_t *status)
{
    files_status(watch->files, status);
}
