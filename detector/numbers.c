#include "detector/detector.h"

#include "detector/state/checkpoint.h"
#include "detector/engine/engine.h"
#include "proto/base/clock.h"
#include "proto/run/poison.h"
#include "proto/run/sender.h"

/* What the engine holds, and what it had to let go of. */
static void
fill_windows(const struct detector *det, json_t *status)
{
    const struct settings *settings = det->daemon->settings;
    struct engine_numbers numbers = engine_numbers(det->engine);
    const struct { const char *name; uint64_t number; } rows[] = {
        { "rules", numbers.rules },
        { "rules_refused", numbers.rules_refused },
        { "rules_off", ruleset_off_count(engine_rules(det->engine)) },
        { "keys", numbers.keys },
        { "max_keys", (uint64_t)settings->detector_max_keys },
        { "keys_evicted", numbers.keys_evicted },
        { "rule_keys_evicted", numbers.rule_keys_evicted },
        { "entries", numbers.entries },
        { "max_total_entries", (uint64_t)settings->detector_max_total_entries },
        { "entries_evicted", numbers.entries_evicted },
        { "entries_dropped", numbers.entries_dropped },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        json_object_set_new(status, rows[i].name,
                            json_integer((json_int_t)rows[i].number));
}

/* How many of the filters past their time status warns of. */
enum { MAX_EXPIRED = 20 };

/* The filters of the rules, and which are past their time. */
static void
fill_filters(const struct detector *det, json_t *status, json_t *warnings)
{
    json_t *filters = json_array();
    struct engine_filtered one;
    size_t expired = 0;

    for (size_t i = 0; engine_filter(det->engine, i, &one); i++) {
        /* also while no event comes */
        one.is_expired |= clock_real_us() >= one.expires_us;
        json_array_append_new(filters, json_pack(
            "{s:s, s:s, s:s, s:i, s:I, s:I, s:s?, s:b}", "id", one.id, "title", one.title,
            "file", one.file, "line", one.line, "rules", (json_int_t)one.rules,
            "taken", (json_int_t)one.taken, "expires", one.expires,
            "expired", one.is_expired));
        if (one.is_expired && ++expired <= MAX_EXPIRED)
            json_array_append_new(warnings, json_sprintf(
                "%s:%d: the filter \"%s\" ended (%s) and is not applied", one.file,
                one.line, one.title, one.expires));
    }
    json_object_set_new(status, "filters", filters);
}

void
detector_fill_status(void *self, json_t *status)
{
    struct detector *det = self;
    struct sender_numbers numbers = sender_numbers(det->sender);
    struct engine_late late[20];
    size_t count = engine_late_sources(det->engine, late, 20);
    json_t *sources = json_object(), *warnings = json_copy(det->refusals);

    for (size_t i = 0; i < count; i++)
        json_object_setn_new(sources, late[i].source.ptr, late[i].source.len,
                             json_integer((json_int_t)late[i].events));
    json_object_set_new(status, "slot", json_integer(det->share.slot));
    json_object_set_new(status, "slots", json_integer(det->share.slots));
    fill_windows(det, status);
    detector_fill_losses(det, status);
    json_object_set_new(status, "rule_files_kept", json_integer((json_int_t)*det->kept_files));
    allow_file_fill(&det->allow, det->engine, status, warnings);
    fill_filters(det, status, warnings);
    detector_fill_reload(det, status, warnings);
    json_object_set_new(status, "warnings", warnings);
    json_object_set_new(status, "late_sources", sources);
    detector_fill_sources(det, status);
    json_object_set_new(status, "incidents_in_flight",
                        json_integer((json_int_t)numbers.in_flight));
    json_object_set_new(status, "state_rows_refused",
                        json_integer((json_int_t)*det->refused_state));
    json_object_set_new(status, "ledger",
                        ledger_to_json(checkpoint_ledger(det->checkpoint),
                                       ledger_hour(clock_real_us()) - LEDGER_SHOWN_HOURS));
    json_object_set_new(status, "ledger_since_us",
                        json_integer(checkpoint_epoch(det->checkpoint)));
    json_object_set_new(status, "dead_letters",
                        json_integer((json_int_t)poison_count(det->poison)));
}

void
detector_open_metrics(struct detector *det)
{
    struct metrics *all = det->daemon->metrics;
    const struct { uint64_t **number; const char *name, *help; } rows[] = {
        { &det->judged, "bongsu_detector_events_total", "events judged by every rule" },
        { &det->rows, "bongsu_detector_rows_total", "journal rows taken" },
        { &det->refused_rows, "bongsu_detector_rows_refused_total", "rows that could not be read" },
        { &det->repeats, "bongsu_detector_rows_repeated_total", "rows that came again, dropped" },
        { &det->gaps, "bongsu_detector_gaps_total", "gaps seen in a stream, asked for again" },
        { &det->lost, "bongsu_detector_rows_lost_total", "gaps that the journal no longer holds" },
        { &det->unplaced, "bongsu_detector_rows_unplaced_total", "rows of one journal too many, not judged" },
        { &det->poisoned, "bongsu_detector_dead_letters_total", "events set aside: they killed the detector" },
        { &det->bad_reports, "bongsu_detector_reports_refused_total", "reports that make no sense" },
        { &det->refused_state, "bongsu_detector_state_rows_refused_total", "rows of the state file that made no sense at start, dropped" },
        { &det->commits, "bongsu_detector_commits_total", "commits of the state file" },
        { &det->failures, "bongsu_detector_commits_failed_total", "commits refused by a full disk or a lock" },
        { &det->reload.count, "bongsu_detector_rules_reloads_total", "times that rules came in force while judging" },
        { &det->reload.failures, "bongsu_detector_rules_reloads_failed_total", "times that they did not: those in force stayed" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(all, METRIC_COUNTER, rows[i].name, "", rows[i].help);
    det->kept_files = metrics_number(all, METRIC_GAUGE, "bongsu_detector_rule_files_kept", "",
                                     "rule files that are bad now: their last good version is in force");
}
