/*
 * The detector's own part: which rows it takes, passes over as gone, or asks
 * for again, and what it says of incidents after a loss.
 */
#include "detector/detector.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "detector/state/checkpoint.h"
#include "detector/engine/engine.h"
#include "detector/sources/sources.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

enum { JOURNAL = 77, NONCE = 5, SECOND = 1000000 };

struct place {
    char dir[64], bus[80];
    struct settings settings;
    struct daemon daemon;
    struct detector *det;
    struct buf body;
    int64_t at_us;
    struct err err;
};

static void
start(struct place *place)
{
    void *self = NULL;
    int code = 0;

    place->daemon = (struct daemon){ .name = "detector", .settings = &place->settings,
                                     .loop = zloop_new(), .metrics = metrics_new() };
    place->daemon.health = health_new("detector", place->daemon.metrics);
    if (detector_spec.start(&place->daemon, 0, &self, &code, &place->err) != 0)
        fail_msg("%s", place->err.text);
    place->det = self;
}

static void
end(struct place *place)
{
    void *self = place->det;
    char lock[128];

    detector_spec.destroy(&self);
    place->det = NULL;
    /* this process would hold it for its life */
    snprintf(lock, sizeof(lock), "%s/detector-0.lock", place->dir);
    unlink(lock);
    zloop_destroy(&place->daemon.loop);
    health_destroy(&place->daemon.health);
    metrics_destroy(&place->daemon.metrics);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char *args[] = { (char *)"detector", (char *)"--data-dir", place->dir,
                     (char *)"--bus-dir", place->bus,
                     (char *)"--detector-rules", (char *)"detector/rules", NULL };
    struct options_call call = { 0 };

    setenv("TZ", "Asia/Seoul", 1);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    if (timestamp_init(&place->err) != 0)
        return -1;
    snprintf(place->bus, sizeof(place->bus), "%s/run", place->dir);
    mkdir(place->bus, 0700);
    place->at_us = clock_real_us();
    *state = place;
    if (settings_load(&place->settings, 7, args, &call, &place->err) != 0)
        return -1;
    start(place);
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    end(place);
    settings_release(&place->settings);
    buf_release(&place->body);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static uint64_t
place_in_journal(struct place *place)
{
    return checkpoint_position(place->det->checkpoint, JOURNAL)->last;
}

static void
give_head(struct place *place, uint64_t previous, uint64_t oldest)
{
    struct bus_batch batch = {
        .kind = BUS_EVENTS,
        .head = { .origin = JOURNAL, .nonce = NONCE, .first = previous + 1,
                  .previous = previous, .oldest = oldest },
        .body = { "\x90", 1 },
    };

    detector_on_batch(place->det, NULL, &batch);
}

/* A row of `count` failed logins, a second apart. */
static void
give_row(struct place *place, uint64_t previous, uint64_t first, uint64_t oldest, uint32_t count)
{
    struct bus_batch batch = { .kind = BUS_EVENTS };
    char space[TIMESTAMP_LEN];

    buf_clear(&place->body);
    assert_int_equal(batch_pack_count(count, &place->body), 0);
    for (uint32_t i = 0; i < count; i++) {
        struct event ev = { 0 };

        place->at_us += SECOND;
        ev.known[EVENT_TYPE] = value_text(text_of("login_failed"));
        ev.known[EVENT_SOURCE_IP] = value_text(text_of("203.0.113.9"));
        assert_int_equal(event_check(&ev, place->at_us, space, &place->err), 0);
        assert_int_equal(event_pack(&ev, &place->body), 0);
    }
    batch.head = (struct batch_head){ .origin = JOURNAL, .nonce = NONCE, .first = first,
                                      .count = count, .previous = previous, .oldest = oldest,
                                      .received_us = place->at_us };
    batch.body = buf_text(&place->body);
    detector_on_batch(place->det, NULL, &batch);
}

/* The newest snapshot in the outbox. */
static struct incident *
told_incident(struct place *place)
{
    struct incident *inc = NULL;
    struct batch_head head;
    struct text body;

    detector_commit(place->det, SIZE_MAX);
    assert_int_equal(checkpoint_next(place->det->checkpoint, 0, &head, &body, &place->err), 1);
    assert_int_equal(incident_unpack(body.ptr + 1, body.len - 1, &inc, &place->err), 0);
    return inc;
}

/* --- commits --- */

static void
the_cost_of_a_commit_decides_when_the_next_urgent_one_is(void **state)
{
    struct place *place = *state;

    give_row(place, 0, 1, 1, 5);
    assert_true(place->det->is_commit_due);
    assert_int_equal(place->det->pace.ended_us, 0);
    detector_commit(place->det, SIZE_MAX);
    assert_false(place->det->is_commit_due);
    assert_true(place->det->pace.took_us > 0);
    assert_true(place->det->pace.ended_us > 0);
}

/* --- the state file --- */

/* Beside the row of 203.0.113.9, so many that none of us has written. */
static void
spoil_state(struct place *place, int rows)
{
    char path[128], sql[400];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/detector-0.db", place->dir);
    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO state SELECT rule, CAST(printf('014:203.0.113.%%04d', i) AS BLOB), i,"
             " x'c1' FROM n, (SELECT rule FROM state"
             " WHERE key = CAST('011:203.0.113.9' AS BLOB))", rows);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), rows);
    sqlite3_close(db);
}

static size_t
lines_of(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t lines = 0;
    int c;

    assert_non_null(file);
    while ((c = getc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void
rows_of_the_state_that_make_no_sense_are_counted_and_fill_no_log(void **state)
{
    struct place *place = *state;
    struct buf page = { 0 };
    char path[128];
    int standard_error = dup(STDERR_FILENO), log;

    give_row(place, 0, 1, 1, 4);
    detector_commit(place->det, SIZE_MAX);
    assert_int_equal(*place->det->refused_state, 0);
    end(place);
    spoil_state(place, 1500);      /* fewer than are committed at once */
    snprintf(path, sizeof(path), "%s/log", place->dir);
    log = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    start(place);
    assert_true(dup2(standard_error, STDERR_FILENO) >= 0);
    close(standard_error);
    close(log);
    assert_int_equal(metrics_render(place->daemon.metrics, &page), 0);
    assert_non_null(strstr(page.ptr, "bongsu_detector_state_rows_refused_total 1500\n"));
    buf_release(&page);
    assert_in_range(lines_of(path), 2, 20);
    give_row(place, 4, 5, 1, 1);        /* the good row is there: the fifth of five */
    assert_true(place->det->is_commit_due);
}

/* --- rule files that become bad --- */

#define OWN_RULE(count)                                                                  \
    "title: Base\nname: base\nlogsource: {category: authentication}\n"                   \
    "detection: {s: {event_type: login_failed}, condition: s}\n---\n"                   \
    "title: Own\ncorrelation: {type: event_count, rules: [base], group-by:"              \
    " [source_address], timespan: 5m, condition: {gte: " count "}}\n"

/* A folder of one rule file, text (NULL: not there), beside one that is never bad. */
static void
have_rules(struct place *place, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/rules", place->dir);
    mkdir(path, 0700);
    free(place->settings.rules_dir);
    place->settings.rules_dir = strdup(path);
    snprintf(path, sizeof(path), "%s/rules/other.yml", place->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("title: Other\nlogsource: {category: x}\n"
          "detection: {s: {event_type: other}, condition: s}\n", file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/rules/own.yml", place->dir);
    unlink(path);
    if (text == NULL)
        return;
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
restart_with(struct place *place, const char *text)
{
    end(place);
    have_rules(place, text);
    start(place);
}

static void
assert_rules(struct place *place, size_t in_use, size_t refused, uint64_t kept)
{
    struct engine_numbers numbers = engine_numbers(place->det->engine);

    assert_int_equal(numbers.rules, in_use);
    assert_int_equal(numbers.rules_refused, refused);
    assert_int_equal(*place->det->kept_files, kept);
}

static void
a_rule_file_that_became_bad_goes_on_in_its_last_good_version(void **state)
{
    struct place *place = *state;
    json_t *status = json_object();
    const char *warning;

    restart_with(place, OWN_RULE("3"));
    assert_rules(place, 3, 0, 0);
    give_row(place, 0, 1, 1, 2);
    detector_commit(place->det, SIZE_MAX);
    for (int i = 0; i < 2; i++) {       /* and again: it is not kept as good */
        restart_with(place, "title: [");
        assert_rules(place, 3, 1, 1);
    }
    detector_fill_status(place->det, status);
    warning = json_string_value(json_array_get(json_object_get(status, "warnings"), 0));
    assert_non_null(warning);
    assert_non_null(strstr(warning, "own.yml:2: "));
    json_decref(status);
    assert_false(place->det->is_commit_due);
    give_row(place, 2, 3, 1, 1);        /* its window went on as well: the third of three */
    assert_true(place->det->is_commit_due);
}

static void
a_rule_file_that_is_put_right_is_in_force_again(void **state)
{
    struct place *place = *state;

    restart_with(place, OWN_RULE("3"));
    restart_with(place, "title: [");
    restart_with(place, OWN_RULE("2"));
    assert_rules(place, 3, 0, 0);
    give_row(place, 0, 1, 1, 2);
    assert_true(place->det->is_commit_due);
}

static void
a_rule_file_that_was_deleted_does_not_come_back(void **state)
{
    struct place *place = *state;

    restart_with(place, OWN_RULE("3"));
    restart_with(place, NULL);
    assert_rules(place, 1, 0, 0);
    restart_with(place, "title: [");
    assert_rules(place, 1, 1, 0);
}

static void
rules_that_the_disk_did_not_take_are_kept_later(void **state)
{
    struct place *place = *state;
    sqlite3 *other = NULL;
    char path[128];

    end(place);
    have_rules(place, OWN_RULE("3"));
    snprintf(path, sizeof(path), "%s/detector-0.db", place->dir);
    start(place);
    assert_int_equal(place->det->rule_files.count, 0);
    end(place);
    have_rules(place, OWN_RULE("4"));
    start(place);
    /* as if that had failed: another one writes */
    assert_int_equal(rule_files_read(place->settings.rules_dir, &place->det->rule_files,
                                     &place->err), 0);
    for (size_t i = 0; i < place->det->rule_files.count; i++)
        place->det->rule_files.files[i].is_good = 1;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE; DELETE FROM rule_file", NULL, NULL,
                                  NULL), SQLITE_OK);
    detector_keep_rules(place->det);
    assert_int_equal(place->det->rule_files.count, 2);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    detector_keep_rules(place->det);
    assert_int_equal(place->det->rule_files.count, 0);
    restart_with(place, "title: [");
    assert_rules(place, 3, 1, 1);
}

/* --- log sources --- */

/* An hour and more in which nothing waits, a head each second. */
static void
pass_time(struct place *place, uint64_t previous, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        struct bus_batch batch = {
            .kind = BUS_EVENTS,
            .head = { .origin = JOURNAL, .nonce = NONCE, .first = previous + 1,
                      .previous = previous, .received_us = place->at_us += SECOND },
            .body = { "\x90", 1 },
        };

        detector_on_batch(place->det, NULL, &batch);
        sources_review(place->det->sources);
    }
}

static void
assert_silent(struct place *place, const char *text)
{
    json_t *status = json_object(), *list;

    detector_fill_status(place->det, status);
    list = json_object_get(status, "silent_sources");
    assert_int_equal(json_array_size(list), text != NULL);
    if (text != NULL)
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "text")),
                            text);
    json_decref(status);
}

static void
a_source_that_goes_silent_is_in_the_status_also_after_a_kill(void **state)
{
    struct place *place = *state;
    uint64_t last = 0;

    for (int i = 0; i < 30; i++, last++) {
        give_row(place, last, last + 1, 1, 1);
        pass_time(place, last + 1, 3599);
    }
    pass_time(place, last, 100 * 60);
    assert_silent(place, NULL);
    pass_time(place, last - 1, 100 * 60);       /* not our place: it says nothing */
    assert_silent(place, NULL);
    pass_time(place, last, 21 * 60);
    assert_silent(place, "unknown sent nothing for 3 hours; it usually sends every hour");
    assert_true(sources_is_due(place->det->sources));
    detector_commit(place->det, SIZE_MAX);
    end(place);
    start(place);
    assert_silent(place, "unknown sent nothing for 3 hours; it usually sends every hour");
    give_row(place, last, last + 1, 1, 1);
    assert_silent(place, NULL);
}

/* What waits for events is told when heads say that none came, also after a restart. */
static void
an_idle_stream_tells_what_never_came(void **state)
{
    static const char few[] =
        "title: Base\nname: base\nlogsource: {category: authentication}\n"
        "detection: {s: {event_type: login_failed}, condition: s}\n---\n"
        "title: Few\ncorrelation: {type: event_count, rules: [base], group-by:"
        " [source_address], timespan: 5m, condition: {eq: 2}}\n";
    struct place *place = *state;

    restart_with(place, few);
    give_row(place, 0, 1, 1, 2);
    pass_time(place, 2, 290);
    detector_commit(place->det, SIZE_MAX);
    assert_false(engine_is_urgent(place->det->engine));
    end(place);
    start(place);
    pass_time(place, 2, 5);
    assert_false(place->det->is_commit_due);
    pass_time(place, 2, 10);
    assert_true(place->det->is_commit_due);
    assert_true(place->det->is_dirty);
}

static void
a_drain_keeps_what_was_heard_within_the_last_minute(void **state)
{
    struct place *place = *state;

    give_row(place, 0, 1, 1, 1);
    detector_commit(place->det, SIZE_MAX);
    give_row(place, 1, 2, 1, 1);
    assert_false(sources_is_due(place->det->sources));
    detector_spec.drain(place->det);
    end(place);
    start(place);
    sources_review(place->det->sources);
    assert_int_equal(*metrics_number(place->daemon.metrics, METRIC_GAUGE,
                                     "bongsu_detector_sources", "", ""), 1);
    assert_int_equal(place_in_journal(place), 2);
}

/* --- what is gone --- */

static void
passes_over_rows_that_an_empty_head_says_are_gone(void **state)
{
    struct place *place = *state;

    give_head(place, 100, 101);
    assert_int_equal(place_in_journal(place), 100);
    assert_int_equal(*place->det->lost, 1);
    assert_int_equal(*place->det->gaps, 0);
    give_head(place, 100, 101);                 /* and asks no more */
    assert_int_equal(*place->det->lost, 1);
    assert_int_equal(*place->det->gaps, 0);
}

static void
what_was_passed_over_is_kept_with_the_state(void **state)
{
    struct place *place = *state;

    give_head(place, 100, 101);
    assert_true(place->det->is_dirty);
    detector_commit(place->det, SIZE_MAX);
    assert_int_equal(checkpoint_position(place->det->checkpoint, JOURNAL)->durable, 100);
}

static void
asks_for_rows_that_an_empty_head_says_are_held(void **state)
{
    struct place *place = *state;

    give_head(place, 100, 50);
    assert_int_equal(place_in_journal(place), 0);
    assert_int_equal(*place->det->gaps, 1);
    give_head(place, 100, 100);
    give_head(place, 100, 0);                   /* it does not say what is held */
    assert_int_equal(place_in_journal(place), 0);
    assert_int_equal(*place->det->gaps, 3);
    assert_int_equal(*place->det->lost, 0);
}

static void
takes_the_oldest_row_after_a_gap_and_asks_before_any_other(void **state)
{
    struct place *place = *state;

    give_row(place, 100, 120, 101, 1);
    assert_int_equal(place_in_journal(place), 0);
    assert_int_equal(*place->det->gaps, 1);
    give_row(place, 100, 120, 120, 1);
    assert_int_equal(place_in_journal(place), 120);
    assert_int_equal(*place->det->lost, 1);
}

/* --- what is said of incidents after it --- */

static void
an_incident_after_a_loss_is_marked_incomplete(void **state)
{
    struct place *place = *state;
    struct incident *inc;

    give_row(place, 0, 10, 10, 1);
    assert_int_equal(place_in_journal(place), 10);
    give_row(place, 100, 120, 120, 5);          /* 11 to 100 are gone */
    inc = told_incident(place);
    assert_true(inc->is_incomplete);
    incident_destroy(&inc);
}

static void
an_incident_after_a_loss_that_only_a_head_told_of_is_marked_incomplete(void **state)
{
    struct place *place = *state;
    struct incident *inc;

    give_head(place, 100, 101);
    give_row(place, 100, 120, 120, 5);
    inc = told_incident(place);
    assert_true(inc->is_incomplete);
    incident_destroy(&inc);
}

static void
an_incident_without_a_loss_is_complete(void **state)
{
    struct place *place = *state;
    struct incident *inc;

    give_row(place, 0, 10, 10, 5);
    inc = told_incident(place);
    assert_false(inc->is_incomplete);
    incident_destroy(&inc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_cost_of_a_commit_decides_when_the_next_urgent_one_is),
        TEST(rows_of_the_state_that_make_no_sense_are_counted_and_fill_no_log),
        TEST(a_rule_file_that_became_bad_goes_on_in_its_last_good_version),
        TEST(a_rule_file_that_is_put_right_is_in_force_again),
        TEST(a_rule_file_that_was_deleted_does_not_come_back),
        TEST(rules_that_the_disk_did_not_take_are_kept_later),
        TEST(a_source_that_goes_silent_is_in_the_status_also_after_a_kill),
        TEST(an_idle_stream_tells_what_never_came),
        TEST(a_drain_keeps_what_was_heard_within_the_last_minute),
        TEST(passes_over_rows_that_an_empty_head_says_are_gone),
        TEST(what_was_passed_over_is_kept_with_the_state),
        TEST(asks_for_rows_that_an_empty_head_says_are_held),
        TEST(takes_the_oldest_row_after_a_gap_and_asks_before_any_other),
        TEST(an_incident_after_a_loss_is_marked_incomplete),
        TEST(an_incident_after_a_loss_that_only_a_head_told_of_is_marked_incomplete),
        TEST(an_incident_without_a_loss_is_complete),
    };

    return cmocka_run_group_tests_name("detector", tests, NULL, NULL);
}
