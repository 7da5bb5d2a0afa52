#include "detector/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/state/checkpoint.h"
#include "detector/state/checkpoint_allow.h"
#include "detector/state/checkpoint_rules.h"
#include "detector/engine/engine.h"
#include "detector/watch/rule_settings.h"
#include "detector/cases/rule_tests.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
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
    for (size_t i = 0; i < ruleset_note_count(rules); i++)
        log_warn("rule noted", "note=\"%s\"", ruleset_note(rules, i));
    if (count == 0)
        log_error("no rule is in use: nothing will be found", "refused=%zu", refused);
    if (count > 0 && refused == 0)
        return 0;
    err_set(err, "detector.rules: %zu in use, %zu refused", count, refused);
    return -1;
}

struct placeholders *
detector_placeholders(const struct settings *settings)
{
    struct placeholders *holders;
    struct err why;

    if (settings->placeholders_path == NULL)
        return NULL;
    holders = placeholders_load(settings->placeholders_path, &why);
    if (holders == NULL)
        log_warn("placeholders refused", "reason=\"%s\"", why.text);
    return holders;
}

int
detector_check_rules(const struct settings *settings, struct err *err)
{
    const char *path = settings->placeholders_path;
    struct placeholders *holders = path == NULL ? NULL : placeholders_load(path, err);
    struct rule_choice *choice = NULL;
    struct ruleset *rules = NULL;
    int rc = -1;

    if (path != NULL && holders == NULL)
        return -1;
    choice = rule_settings_choice(settings, err);
    if (choice != NULL)
        rules = rule_tests_load(settings->rules_dir, holders, choice, err);
    if (rules != NULL)
        rc = tell_rules(rules, err);
    ruleset_destroy(&rules);
    rule_choice_destroy(&choice);
    placeholders_destroy(&holders);
    return rc;
}

/* The rules in force: of each file what is there now, or its last good version. A
 * running detector goes on without what is refused, for a slip in one rule must
 * not stop them all. NULL with the reason. */
static struct ruleset *
choose_rules(struct detector *det, struct err *err)
{
    struct rule_choice *choice = rule_settings_choice(det->daemon->settings, err);
    struct placeholders *holders;
    struct ruleset *rules = NULL;

    if (choice == NULL)
        return NULL;
    if (checkpoint_read_rules(det->checkpoint, &det->rule_files, err) != 0)
        goto done;
    holders = detector_placeholders(det->daemon->settings);
    det->rule_files.placeholders = holders;
    det->rule_files.choice = choice;
    det->rule_files.try_rule = rule_tests_try;
    rules = ruleset_build(&det->rule_files, err);
    det->rule_files.placeholders = NULL;
    det->rule_files.choice = NULL;
    placeholders_destroy(&holders);

done:
    rule_choice_destroy(&choice);
    return rules;
}

void
detector_note_rules(struct detector *det)
{
    const struct ruleset *rules = engine_rules(det->engine);
    struct err refused;

    (void)tell_rules(rules, &refused);
    *det->kept_files = rule_files_kept(&det->rule_files);
    json_decref(det->refusals);
    det->refusals = json_array();
    for (size_t i = 0; i < ruleset_refused_count(rules) && i < MAX_REFUSALS; i++)
        json_array_append_new(det->refusals, json_string(ruleset_refused(rules, i)));
}

void
detector_keep_rules(struct detector *det)
{
    enum db_outcome outcome;
    int is_all = 0;
    struct err err;

    if (det->rule_files.count == 0)
        return;
    outcome = checkpoint_keep_rules(det->checkpoint, &det->rule_files, &is_all, &err);
    if (outcome == DB_UNCLEAR)
        daemon_die(EXIT_IO, err.text);
    fault_point("detector.rules_kept");
    if (outcome == DB_DONE && is_all)
        rule_files_release(&det->rule_files);
    else if (outcome != DB_DONE)
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

/* Our slot's files, which nobody else has open. */
static int
open_files(struct detector *det, struct err *err)
{
    char *path = det->state_path, dead_path[4096];
    const char *dir = det->daemon->settings->data_dir;

    snprintf(path, sizeof(det->state_path), "%s/detector-%u.db", dir, det->share.slot);
    snprintf(dead_path, sizeof(dead_path), "%s/detector-%u-deadletter.db", dir,
             det->share.slot);
    det->checkpoint = checkpoint_open(path, clock_real_us(), err);
    if (det->checkpoint == NULL ||
        checkpoint_set_slots(det->checkpoint, det->share.slots, err) != 0)
        return -1;
    det->poison = poison_open(dead_path, clock_steady_ms(), err);
    if (det->poison == NULL)
        return -1;
    if (checkpoint_is_new(det->checkpoint))
        log_info("state file is new, all that the journals hold is judged", "path=\"%s\"", path);
    return 0;
}

static int
open_engine(struct detector *det, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    const struct engine_options options = {
        .lateness_us = settings->detector_lateness_ms * 1000,
        .max_keys = (size_t)settings->detector_max_keys,
        .max_entries = (size_t)settings->detector_max_entries,
        .max_total_entries = (size_t)settings->detector_max_total_entries,
        .rule_share = (unsigned)settings->detector_rule_share,
        .slots = det->share.slots, .slot = det->share.slot,
    };
    struct ruleset *rules = NULL;
    int rc = -1;

    rules = choose_rules(det, err);
    det->engine = rules == NULL ? NULL
                                : engine_new(&options, &rules, det->daemon->metrics, err);
    if (det->engine != NULL)
        detector_note_rules(det);
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
    return rc;
}

int
detector_open_state(struct detector *det, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    int lock, rc = -1;

    det->reload.seen = rule_watch_look(settings->rules_dir, settings->placeholders_path);
    if (rule_files_read(det->daemon->settings->rules_dir, &det->rule_files, err) != 0)
        return -1;
    lock = detector_take_slot(det, err);
    if (lock < 0)
        return -1;
    rc = open_files(det, err);
    close(lock);
    return rc != 0 ? -1 : open_engine(det, err);
}
