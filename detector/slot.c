/* Which of several detectors this one is: whoever locks a slot's file has it. */
#include "detector/detector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "detector/state/division.h"
#include "proto/base/clock.h"

/* One process at a time looks at the slots; the others wait, for what it does takes as
 * long as copying the state. */
static int
lock_all(const char *dir, struct err *err)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s/detector-slots.lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return fd;
    err_set(err, "%s: cannot be locked: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int
lock_slot(struct detector *det, unsigned slot, struct err *err)
{
    const char *dir = det->daemon->settings->data_dir;
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s/detector-%u.lock", dir, slot);
    fd = daemon_lock(path, err);
    det->is_taken = fd < 0 && errno == EWOULDBLOCK;
    return fd;
}

/* Nobody may hold a slot meanwhile, of those that there were or will be. */
static int
divide(struct detector *det, unsigned old, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    struct division division = { .dir = settings->data_dir, .slots = det->share.slots,
                                 .now_us = clock_real_us() };
    unsigned most = old > division.slots ? old : division.slots, held = 0;
    struct placeholders *holders = detector_placeholders(settings);
    struct ruleset *rules = NULL;
    int fds[SHARE_MAX_SLOTS], rc = -1;

    for (; held < most; held++) {
        fds[held] = lock_slot(det, held, err);
        if (fds[held] < 0) {
            err_add(err, "the state is divided among %u detectors, detector.slots is %u: stop "
                    "all of them, then it is divided anew", old, division.slots);
            goto done;
        }
    }
    rules = ruleset_load_with(settings->rules_dir, holders, err);
    division.rules = rules;
    if (rules != NULL)
        rc = division_make(&division, old, err);

done:
    while (held > 0)
        close(fds[--held]);
    ruleset_destroy(&rules);
    placeholders_destroy(&holders);
    return rc;
}

static int
lock_free_slot(struct detector *det, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    int fd = -1;

    if (settings->detector_slot >= 0) {
        det->share.slot = (unsigned)settings->detector_slot;
        return lock_slot(det, det->share.slot, err);
    }
    for (unsigned slot = 0; fd < 0 && slot < det->share.slots; slot++) {
        det->share.slot = slot;
        fd = lock_slot(det, slot, err);
        if (fd < 0 && !det->is_taken)
            return -1;
    }
    if (fd < 0 && det->share.slots > 1)
        err_add(err, "all %u slots are taken (detector.slots)", det->share.slots);
    return fd;
}

int
detector_take_slot(struct detector *det, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    int lock = lock_all(settings->data_dir, err);
    unsigned old;

    det->share.slots = (unsigned)settings->detector_slots;
    if (lock < 0)
        return -1;
    if (division_find(settings->data_dir, &old, err) == 0 &&
        (old == 0 || old == det->share.slots || divide(det, old, err) == 0) &&
        lock_free_slot(det, err) >= 0)
        return lock;
    close(lock);
    return -1;
}
