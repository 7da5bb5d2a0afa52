#include "detector/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/state/checkpoint.h"
#include "detector/state/checkpoint_allow.h"
#include "detector/state/checkpoint_rules.h"
#include "detector/engine/engine.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/run/poison.h"

/* How many of the reasons status shows. */
enum { MAX_REFUSALS = 20 };

/* Say which rules were refused, and why: -1 when there are any, or none is left. */
static int
tell_rules(const struct ruleset *rules, struct err *err)
{
    size_t count = ruleset_count(rules), refused = ruleset_refused_count(rules);

    for (size_t i = 0; i < refused; i++)
        log_warn("rule refused", "reason=\"%s\"", ruleset_refused(rules, i));
    if (count == 0)
        log_error("no rule is in use: nothing will be found", "refused=%zu", refused);
    if (count > 0 && refused == 0)
        return 0;
    err_set(err, "detector.rules: %zu in use, %zu refused", count, refused);
    return -1;
}

int
detector_check_rules(const char *dir, struct err *err)
{
    struct ruleset *rules = ruleset_load(dir, err);
    int rc = rules == NULL ? -1 : tell_rules(rules, err);

    ruleset_destroy(&rules);
    return rc;
}

/* The rules in force: of each file what is there now, or its last good version. A
 * running detector goes on without what is refused, for a slip in one rule must
 * not stop them all. NULL with the reason. */
static struct ruleset *
choose_rules(struct detector *det, struct err *err)
{
    struct ruleset *rules;
    struct err refused;

    if (checkpoint_read_rules(det->checkpoint, &det->rule_files, err) != 0)
        return NULL;
    rules = ruleset_build(&det->rule_files, err);
    if (rules == NULL)
        return NULL;
    (void)tell_rules(rules, &refused);
    *det->kept_files = rule_files_kept(&det->rule_files);
    det->refusals = json_array();
    for (size_t i = 0; i < ruleset_refused_count(rules) && i < MAX_REFUSALS; i++)
        json_array_append_new(det->refusals, json_string(ruleset_refused(rules, i)));
    return rules;
}

void
detector_keep_rules(struct detector *det)
{
    enum db_outcome outcome;
    struct err err;

    if (det->rule_files.count == 0)
        return;
    outcome = checkpoint_keep_rules(det->checkpoint, &det->rule_files, &err);
    if (outcome == DB_UNCLEAR)
        daemon_die(EXIT_IO, err.text);
    if (outcome == DB_DONE)
        rule_files_release(&det->rule_files);
    else
        log_warn_burst(&det->keep_burst, "rules cannot be kept, trying again",
                       "reason=\"%s\"", err.text);
}

char *
detector_allow_path(const struct settings *settings)
{
    return settings->allow_path != NULL ? strdup(settings->allow_path)
                                        : settings_path(settings, "allow.yml");
}

int
detector_open_allow(struct detector *det, struct err *err)
{
    char *path = detector_allow_path(det->daemon->settings);
    struct buf kept = { 0 };
    int is_known = checkpoint_read_allow(det->checkpoint, &kept, err);
    int rc = -1;

    if (is_known < 0)
        goto done;
    if (path == NULL) {
        err_set(err, "out of memory");
        goto done;
    }
    allow_file_open(&det->allow, &path,
                    !is_known ? (struct text){ NULL, 0 }
                    : kept.len == 0 ? text_of("") : buf_text(&kept), det->engine);
    detector_keep_allow(det);
    rc = 0;

done:
    buf_release(&kept);
    free(path);
    return rc;
}

void
detector_keep_allow(struct detector *det)
{
    enum db_outcome outcome;
    struct text bytes;
    struct err err;

    if (!allow_file_due(&det->allow, &bytes))
        return;
    outcome = checkpoint_keep_allow(det->checkpoint, bytes, &err);
    if (outcome == DB_UNCLEAR)
        daemon_die(EXIT_IO, err.text);
    if (outcome == DB_DONE)
        allow_file_is_kept(&det->allow);
    else
        log_warn_burst(&det->keep_burst, "allow list cannot be kept, trying again",
                       "reason=\"%s\"", err.text);
}

int
detector_open_state(struct detector *det, struct err *err)
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
    struct ruleset *rules = NULL;
    int rc = -1;

    if (rule_files_read(settings->rules_dir, &det->rule_files, err) != 0)
        return -1;
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
    rules = choose_rules(det, err);
    det->engine = rules == NULL ? NULL
                                : engine_new(&options, &rules, det->daemon->metrics, err);
    if (det->engine == NULL ||
        checkpoint_restore(det->checkpoint, det->engine, det->refused_state, err) != 0)
        goto done;
    if (detector_open_sources(det, err) != 0)
        goto done;
    engine_settle(det->engine);
    detector_keep_rules(det);
    rc = 0;

done:
    ruleset_destroy(&rules);
    free(lock);
    free(path);
    free(dead_path);
    return rc;
}
