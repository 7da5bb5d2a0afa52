#include "detector/detector.h"

#include <stdio.h>
#include <stdlib.h>

#include "detector/checkpoint.h"
#include "detector/engine.h"
#include "detector/ruleset.h"
#include "proto/base/clock.h"
#include "proto/run/poison.h"

int
detector_open_state(struct detector *det, struct ruleset **rules, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    const struct engine_options options = {
        .lateness_us = settings->detector_lateness_ms * 1000,
        .max_keys = (size_t)settings->detector_max_keys,
        .max_entries = (size_t)settings->detector_max_entries,
        .max_total_entries = (size_t)settings->detector_max_total_entries,
        .slots = (unsigned)settings->detector_slots,
        .slot = (unsigned)settings->detector_slot,
    };
    char *path = NULL, *dead_path = NULL, *lock = NULL, name[64];
    int rc = -1;

    snprintf(name, sizeof(name), "detector-%u.lock", options.slot);
    lock = settings_path(settings, name);
    snprintf(name, sizeof(name), "detector-%u.db", options.slot);
    path = settings_path(settings, name);
    snprintf(name, sizeof(name), "detector-%u-deadletter.db", options.slot);
    dead_path = settings_path(settings, name);
    if (lock == NULL || path == NULL || dead_path == NULL) {
        err_set(err, "out of memory");
        goto done;
    }
    if (daemon_lock(lock, err) < 0)
        goto done;
    det->checkpoint = checkpoint_open(path, clock_real_us(), err);
    det->poison = det->checkpoint == NULL ? NULL
                                          : poison_open(dead_path, clock_steady_ms(), err);
    if (det->poison == NULL)
        goto done;
    if (checkpoint_is_new(det->checkpoint))
        log_info("state file is new, all that the journals hold is judged", "path=\"%s\"", path);
    det->engine = engine_new(&options, rules, det->daemon->metrics, err);
    if (det->engine == NULL ||
        checkpoint_restore(det->checkpoint, det->engine, det->refused_state, err) != 0)
        goto done;
    engine_settle(det->engine);
    rc = 0;

done:
    free(lock);
    free(path);
    free(dead_path);
    return rc;
}
