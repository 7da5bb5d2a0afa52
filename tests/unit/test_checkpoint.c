#include "detector/state/checkpoint.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glob.h>
#include <sqlite3.h>

#include "detector/state/checkpoint_inner.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define NOW_US (INT64_C(1795000000) * 1000000)

enum { ORIGIN = 7 };

/* The real engine with the shipped brute force rule: five failed logins from
 * an address open an incident. */
struct place {
    char dir[64], path[128];
    struct checkpoint *cp;
    struct engine *engine;
    struct metrics *metrics;
    int64_t now_us;
    uint64_t sequence;
    uint64_t published[64];         /* rev counters, in order */
    size_t published_count;
    char last_id[INCIDENT_ID_HEX];
    uint64_t last_count;
    struct err err;    size_t most_grown;          /* when has_most_grown; else any number */
    int has_most_grown;
};

static void
start_engine(struct place *place)
{
    const struct engine_options options = {
        .lateness_us = 300000000, .max_keys = 1000, .max_entries = 1000, .slots = 1,
    };
    struct ruleset *rules = ruleset_load("detector/rules", &place->err);

    if (rules == NULL)
        fail_msg("%s", place->err.text);
    place->engine = engine_new(&options, &rules, place->metrics, &place->err);
    assert_non_null(place->engine);
}

static void
must_open(struct place *place)
{
    uint64_t refused = 99;

    place->cp = checkpoint_open(place->path, place->now_us, &place->err);
    if (place->cp == NULL)
        fail_msg("%s", place->err.text);
    start_engine(place);
    assert_int_equal(checkpoint_restore(place->cp, place->engine, &refused, &place->err), 0);
    assert_int_equal(refused, 0);
    engine_settle(place->engine);
}

static void
end(struct place *place)
{
    engine_destroy(&place->engine);
    checkpoint_close(&place->cp);
}

static int
copy_file(const char *from, const char *to)
{
    char bytes[4096];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    size_t len = 0;
    int rc = in == NULL || out == NULL ? -1 : 0;

    while (rc == 0 && (len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        rc = fwrite(bytes, 1, len, out) == len ? 0 : -1;
    if (in != NULL)
        fclose(in);
    if (out != NULL && fclose(out) != 0)
        rc = -1;
    return rc;
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    setenv("TZ", "Asia/Seoul", 1);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    if (timestamp_init(&place->err) != 0)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/detector-0.db", place->dir);
    place->now_us = NOW_US;
    place->metrics = metrics_new();
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    end(place);
    metrics_destroy(&place->metrics);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

/* One failed login, a second after the one before. */
static void
fail_login(struct place *place, const char *source)
{
    uint64_t n = ++place->sequence;
    struct event ev = { .id = event_id_make(ORIGIN, 1, n) };
    char space[TIMESTAMP_LEN];

    ev.known[EVENT_TYPE] = value_text(text_of("login_failed"));
    ev.known[EVENT_SOURCE_IP] = value_text(text_of(source));
    ev.received_us = NOW_US + (int64_t)n * 1000000;
    if (event_check(&ev, ev.received_us, space, &place->err) != 0)
        fail_msg("%s", place->err.text);
    ev.at_us = ev.received_us;
    assert_int_equal(engine_judge(place->engine, &ev, ORIGIN, &place->err), 0);
    checkpoint_position(place->cp, ORIGIN)->last = n;
}

static void
fail_logins(struct place *place, const char *source, int times)
{
    for (int i = 0; i < times; i++)
        fail_login(place, source);
}

static void
note_published(void *ctx, const struct incident *inc, const struct batch_head *head,
               struct text body)
{
    struct place *place = ctx;
    struct incident *copy = NULL;

    assert_true(place->published_count < 64);
    place->published[place->published_count++] = head->first;
    assert_int_equal(head->origin, checkpoint_id(place->cp));
    assert_int_equal(head->count, 1);
    assert_int_equal((unsigned char)body.ptr[0], 0x91);
    assert_int_equal(incident_unpack(body.ptr + 1, body.len - 1, &copy, NULL), 0);
    assert_string_equal(copy->id, inc->id);
    assert_int_equal(copy->rev_counter, head->first);
    assert_int_equal(copy->rev_epoch, checkpoint_epoch(place->cp));
    memcpy(place->last_id, inc->id, sizeof(place->last_id));
    place->last_count = inc->count;
    incident_destroy(&copy);
}

static enum db_outcome
try_commit(struct place *place, uint64_t sent, uint64_t acked)
{
    const struct checkpoint_commit work = { .most_grown = place->has_most_grown ? place->most_grown : SIZE_MAX,
                                            .engine = place->engine, .sent = sent,
                                            .acked = acked, .published = note_published,
                                            .ctx = place };

    return checkpoint_commit(place->cp, &work, &place->err);
}

static void
commit(struct place *place, uint64_t sent, uint64_t acked)
{
    if (try_commit(place, sent, acked) != DB_DONE)
        fail_msg("%s", place->err.text);
}

/* The outbox as its counters, "1 3 ". */
static void
assert_outbox(struct place *place, const char *expected)
{
    char text[256] = "";
    struct batch_head head = { 0 };
    struct text body;
    uint64_t after = 0;

    while (checkpoint_next(place->cp, after, &head, &body, &place->err) == 1) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", (int)head.first);
        assert_int_equal(head.origin, checkpoint_id(place->cp));
        after = head.first;
    }
    assert_string_equal(text, expected);
}

/* --- what is kept --- */

static void
a_new_file_is_new_and_then_no_longer(void **state)
{
    struct place *place = *state;
    uint64_t id;

    must_open(place);
    assert_int_equal(checkpoint_is_new(place->cp), 1);
    assert_int_equal(checkpoint_epoch(place->cp), NOW_US);
    assert_int_equal(checkpoint_counter(place->cp), 0);
    assert_int_equal(checkpoint_frontier(place->cp), 0);
    id = checkpoint_id(place->cp);
    end(place);
    must_open(place);
    assert_int_equal(checkpoint_is_new(place->cp), 0);
    assert_int_equal(checkpoint_id(place->cp), id);
}

static void
an_incident_that_half_happened_goes_on_after_a_restart(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 4);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 0);
    end(place);
    must_open(place);
    fail_login(place, "203.0.113.4");
    assert_true(engine_is_urgent(place->engine));
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 1);
    assert_int_equal(place->last_count, 5);
    assert_int_equal(checkpoint_frontier(place->cp), place->published[0] - 1);
}

static void
what_was_not_committed_is_not_there_after_a_restart(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 3);
    commit(place, 0, 0);
    fail_logins(place, "203.0.113.4", 1);
    end(place);
    must_open(place);
    assert_int_equal(checkpoint_position(place->cp, ORIGIN)->last, 3);
    fail_login(place, "203.0.113.4");
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 0);
}

static void
places_in_the_journals_are_kept_with_the_state(void **state)
{
    struct place *place = *state;
    struct position *pos;
    size_t count;

    must_open(place);
    pos = checkpoint_position(place->cp, UINT64_MAX);
    pos->last = UINT64_MAX - 1;
    checkpoint_position(place->cp, 5)->last = 50;
    assert_int_equal(pos->durable, 0);
    commit(place, 0, 0);
    assert_int_equal(checkpoint_position(place->cp, UINT64_MAX)->durable, UINT64_MAX - 1);
    end(place);
    must_open(place);
    checkpoint_positions(place->cp, &count);
    assert_int_equal(count, 2);
    pos = checkpoint_position(place->cp, UINT64_MAX);
    assert_int_equal(pos->last, UINT64_MAX - 1);
    assert_int_equal(pos->durable, UINT64_MAX - 1);
    assert_int_equal(checkpoint_position(place->cp, 5)->last, 50);
}

static void
there_is_room_for_256_journals_and_no_more(void **state)
{
    struct place *place = *state;
    size_t count;

    must_open(place);
    for (uint64_t i = 1; i <= 256; i++)
        checkpoint_position(place->cp, i)->last = i;
    assert_null(checkpoint_position(place->cp, 257));
    assert_non_null(checkpoint_position(place->cp, 256));
    commit(place, 0, 0);
    end(place);
    must_open(place);
    checkpoint_positions(place->cp, &count);
    assert_int_equal(count, 256);
}

/* Journals come and go for years: the 257th must be judged too. */
static void
a_journal_not_heard_of_since_the_start_makes_room_for_a_new_one(void **state)
{
    struct place *place = *state;
    size_t count;

    must_open(place);
    for (uint64_t i = 1; i <= 256; i++)
        checkpoint_position(place->cp, i)->last = 1000 - i;
    commit(place, 0, 0);
    end(place);
    must_open(place);
    assert_int_equal(checkpoint_position(place->cp, 256)->last, 744);   /* heard */
    assert_non_null(checkpoint_position(place->cp, 500));
    assert_int_equal(checkpoint_position(place->cp, 500)->last, 0);
    checkpoint_position(place->cp, 500)->last = 7;
    commit(place, 0, 0);
    end(place);
    must_open(place);
    checkpoint_positions(place->cp, &count);
    assert_int_equal(count, 256);
    assert_int_equal(checkpoint_position(place->cp, 500)->last, 7);
    assert_int_equal(checkpoint_position(place->cp, 256)->last, 744);
    assert_int_equal(checkpoint_position(place->cp, 254)->last, 746);
    assert_int_equal(checkpoint_position(place->cp, 255)->last, 0);     /* forgotten */
}

/* --- the outbox --- */

static void
an_incident_that_was_not_sent_is_replaced_by_its_newer_snapshot(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    fail_login(place, "203.0.113.4");
    commit(place, 0, 0);
    assert_outbox(place, "2 ");
    assert_int_equal(place->last_count, 6);
}

static void
one_that_was_sent_stays_until_it_is_acknowledged(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    fail_login(place, "203.0.113.4");
    commit(place, 1, 0);
    assert_outbox(place, "1 2 ");
    assert_int_equal(checkpoint_frontier(place->cp), 0);
    commit(place, 2, 1);
    assert_outbox(place, "2 ");
    assert_int_equal(checkpoint_frontier(place->cp), 1);
    commit(place, 2, 2);
    assert_outbox(place, "");
    assert_int_equal(checkpoint_frontier(place->cp), 2);
}

static void
other_incidents_are_not_replaced(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    fail_logins(place, "203.0.113.5", 5);
    commit(place, 0, 0);
    fail_login(place, "203.0.113.5");
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 3);
    assert_int_equal(checkpoint_counter(place->cp), 3);
    end(place);
    must_open(place);
    assert_true(checkpoint_counter(place->cp) >= 3);
}

/* Of many that go on, those that wait longest are told first, also after a restart;
 * one that opens waits for none. */
static void
what_only_went_on_waits_its_turn(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    fail_logins(place, "203.0.113.5", 5);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 2);
    place->has_most_grown = 1;
    fail_login(place, "203.0.113.5");
    fail_login(place, "203.0.113.4");
    fail_login(place, "203.0.113.4");
    fail_logins(place, "203.0.113.6", 5);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 3);
    assert_int_equal(place->last_count, 5);
    assert_int_equal(engine_untold(place->engine), 2);
    end(place);
    must_open(place);
    assert_int_equal(engine_untold(place->engine), 2);
    place->most_grown = 1;
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 4);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 5);
    assert_int_equal(engine_untold(place->engine), 0);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 5);
    end(place);
    must_open(place);       /* a row that was told later than it was written */
    assert_true(engine_untold(place->engine) <= 2);
}

static void
the_one_that_waits_longest_is_told_first(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    fail_logins(place, "203.0.113.5", 5);
    commit(place, 0, 0);
    place->has_most_grown = 1;
    fail_login(place, "203.0.113.5");
    commit(place, 0, 0);
    for (int i = 0; i < 3; i++)
        fail_login(place, "203.0.113.4");
    place->most_grown = 1;
    commit(place, 0, 0);
    assert_int_equal(place->last_count, 6);
    fail_login(place, "203.0.113.5");       /* behind the other now */
    commit(place, 0, 0);
    assert_int_equal(place->last_count, 8);
    commit(place, 0, 0);
    assert_int_equal(place->last_count, 7);
    assert_int_equal(engine_untold(place->engine), 0);
}

static void
numbers_of_snapshots_go_on_after_a_restart(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    commit(place, 1, 1);
    end(place);
    must_open(place);
    assert_true(checkpoint_frontier(place->cp) >= 1);
    fail_login(place, "203.0.113.4");
    commit(place, 0, 0);
    assert_true(place->published[1] > place->published[0]);
}

/* Of two copies of one file, the later opened must not give the revs that the
 * other has given meanwhile. */
static void
a_file_put_back_to_an_older_copy_gives_no_rev_again(void **state)
{
    struct place *place = *state;
    char command[300];
    uint64_t last;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    end(place);
    snprintf(command, sizeof(command), "%s.old", place->path);
    assert_int_equal(copy_file(place->path, command), 0);
    must_open(place);
    for (int i = 0; i < 10; i++) {
        fail_login(place, "203.0.113.4");
        commit(place, 0, 0);
    }
    last = place->published[place->published_count - 1];
    end(place);
    assert_int_equal(rename(command, place->path), 0);
    place->now_us += 1000000;
    must_open(place);
    fail_login(place, "203.0.113.4");
    commit(place, 0, 0);
    assert_true(place->published[place->published_count - 1] > last);
}

static void
a_commit_with_nothing_new_publishes_nothing(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 1);
    assert_outbox(place, "1 ");
}

/* --- a disk that takes no more --- */

static void
a_full_disk_writes_nothing_half_and_publishes_nothing(void **state)
{
    struct place *place = *state;
    char source[32];

    must_open(place);
    fail_logins(place, "203.0.113.4", 4);
    commit(place, 0, 0);
    assert_int_equal(sqlite3_exec(place->cp->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < 200; i++) {
        snprintf(source, sizeof(source), "198.51.100.%d", i);
        fail_logins(place, source, i == 0 ? 5 : 1);
    }
    assert_int_equal(try_commit(place, 0, 0), DB_RETRY);
    assert_string_not_equal(place->err.text, "");
    assert_int_equal(place->published_count, 0);
    assert_int_equal(checkpoint_counter(place->cp), 0);
    assert_int_equal(checkpoint_position(place->cp, ORIGIN)->durable, 4);
    assert_outbox(place, "");

    /* the same when there is room: nothing was forgotten */
    assert_int_equal(sqlite3_exec(place->cp->db, "PRAGMA max_page_count = 100000", NULL, NULL,
                                  NULL), SQLITE_OK);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 1);
    assert_int_equal(checkpoint_position(place->cp, ORIGIN)->durable, place->sequence);
    end(place);
    must_open(place);
    assert_outbox(place, "1 ");
    fail_login(place, "203.0.113.4");
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 2);
}

static void
after_a_full_disk_and_a_crash_the_old_state_is_there(void **state)
{
    struct place *place = *state;
    char source[32];

    must_open(place);
    fail_logins(place, "203.0.113.4", 4);
    commit(place, 0, 0);
    sqlite3_exec(place->cp->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        snprintf(source, sizeof(source), "198.51.100.%d", i);
        fail_logins(place, source, 5);
    }
    assert_int_equal(try_commit(place, 0, 0), DB_RETRY);
    end(place);
    must_open(place);
    assert_int_equal(checkpoint_position(place->cp, ORIGIN)->last, 4);
    assert_outbox(place, "");
    place->sequence = 4;        /* the journal begins again there */
    fail_login(place, "203.0.113.4");
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 1);
    assert_int_equal(place->last_count, 5);
}

static void
a_locked_file_is_tried_again(void **state)
{
    struct place *place = *state;
    sqlite3 *other = NULL;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    sqlite3_busy_timeout(place->cp->db, 1);
    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(try_commit(place, 0, 0), DB_RETRY);
    assert_int_equal(place->published_count, 0);
    sqlite3_close(other);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 1);
}

static void
die_when_published(void *ctx, const struct incident *inc, const struct batch_head *head,
                   struct text body)
{
    (void)ctx, (void)inc, (void)head, (void)body;
    kill(getpid(), SIGKILL);
}

static void
what_is_published_is_on_disk_already(void **state)
{
    struct place *place = *state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct checkpoint_commit work = { .most_grown = SIZE_MAX, .published = die_when_published };

        must_open(place);
        fail_logins(place, "203.0.113.4", 5);
        work.engine = place->engine;
        checkpoint_commit(place->cp, &work, &place->err);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    must_open(place);
    assert_outbox(place, "1 ");
    assert_int_equal(checkpoint_position(place->cp, ORIGIN)->last, 5);
}

/* --- a file that is no good --- */

/* How many files were set aside. */
static size_t
count_aside(const struct place *place)
{
    char pattern[160];
    size_t count;
    glob_t found;

    snprintf(pattern, sizeof(pattern), "%s/*.corrupt-1795000000", place->dir);
    glob(pattern, 0, NULL, &found);
    count = found.gl_pathc;
    globfree(&found);
    return count;
}

static void
a_file_that_is_no_database_is_set_aside(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->path, "w");

    for (int i = 0; i < 1000; i++)
        fputs("not a database ", file);
    fclose(file);
    must_open(place);
    assert_int_equal(checkpoint_is_new(place->cp), 1);
    assert_int_equal(count_aside(place), 1);
    commit(place, 0, 0);
}

static void
a_file_with_damaged_pages_is_set_aside(void **state)
{
    struct place *place = *state;
    char source[32], junk[4096];
    FILE *file;
    uint64_t id;

    must_open(place);
    for (int i = 0; i < 200; i++) {
        snprintf(source, sizeof(source), "198.51.100.%d", i);
        fail_login(place, source);
    }
    commit(place, 0, 0);
    id = checkpoint_id(place->cp);
    end(place);
    memset(junk, 0xa5, sizeof(junk));
    file = fopen(place->path, "r+");
    fseek(file, 0, SEEK_END);
    for (long at = 4096, last = ftell(file); at < last; at += 4096) {
        fseek(file, at, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, sizeof(junk), file), sizeof(junk));
    }
    fclose(file);
    must_open(place);
    assert_int_equal(checkpoint_is_new(place->cp), 1);
    assert_int_not_equal(checkpoint_id(place->cp), id);
    assert_int_equal(count_aside(place), 1);
}

static void
a_file_of_another_program_stays_where_it_is(void **state)
{
    struct place *place = *state;
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    sqlite3_exec(other, "CREATE TABLE theirs (a)", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_null(checkpoint_open(place->path, NOW_US, &place->err));
    assert_non_null(strstr(place->err.text, "another program"));
    assert_int_equal(count_aside(place), 0);
}

static void
rows_that_make_no_sense_are_counted_and_dropped(void **state)
{
    struct place *place = *state;
    uint64_t refused = 0;

    must_open(place);
    fail_logins(place, "203.0.113.4", 4);
    commit(place, 0, 0);
    assert_int_equal(sqlite3_exec(place->cp->db, "UPDATE state SET state = x'c1'", NULL, NULL,
                                  NULL), SQLITE_OK);
    end(place);
    place->cp = checkpoint_open(place->path, NOW_US, &place->err);
    start_engine(place);
    assert_int_equal(checkpoint_restore(place->cp, place->engine, &refused, &place->err), 0);
    assert_true(refused > 0);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    assert_int_equal(place->published_count, 1);
}

static void
an_outbox_that_cannot_be_read_counts_nothing_as_acknowledged(void **state)
{
    struct place *place = *state;

    must_open(place);
    fail_logins(place, "203.0.113.4", 5);
    commit(place, 0, 0);
    assert_int_equal(sqlite3_exec(place->cp->db, "DROP TABLE outbox", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(checkpoint_frontier(place->cp), 0);
}

/* One wrong hour of the clock, years ahead, stays the newest for years. */
static void
an_hour_of_a_clock_that_was_wrong_costs_no_other(void **state)
{
    enum { HOUR = 498600, FAR = HOUR + 87600 };
    struct place *place = *state;
    const struct ledger_row *row;

    must_open(place);
    ledger_add(checkpoint_ledger(place->cp), ORIGIN, HOUR, LEDGER_JUDGED, 5);
    ledger_add(checkpoint_ledger(place->cp), ORIGIN, FAR, LEDGER_JUDGED, 1);
    assert_int_equal(try_commit(place, 0, 0), DB_DONE);
    end(place);
    must_open(place);
    row = ledger_find(checkpoint_ledger(place->cp), ORIGIN, HOUR);
    assert_non_null(row);
    assert_int_equal(row->counts[LEDGER_JUDGED], 5);
    assert_non_null(ledger_find(checkpoint_ledger(place->cp), ORIGIN, FAR));
}

static void
as_many_hours_are_kept_as_fit(void **state)
{
    struct place *place = *state;

    must_open(place);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++)
            ledger_add(checkpoint_ledger(place->cp), ORIGIN, 1000 + 300 * round + i,
                       LEDGER_JUDGED, 1);
        assert_int_equal(try_commit(place, 0, 0), DB_DONE);
    }
    end(place);
    must_open(place);
    assert_int_equal(checkpoint_ledger(place->cp)->count, LEDGER_MAX_ROWS);
    assert_null(ledger_find(checkpoint_ledger(place->cp), ORIGIN, 1199));
    assert_non_null(ledger_find(checkpoint_ledger(place->cp), ORIGIN, 1200));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_is_new_and_then_no_longer),
        TEST(an_incident_that_half_happened_goes_on_after_a_restart),
        TEST(what_was_not_committed_is_not_there_after_a_restart),
        TEST(places_in_the_journals_are_kept_with_the_state),
        TEST(there_is_room_for_256_journals_and_no_more),
        TEST(a_journal_not_heard_of_since_the_start_makes_room_for_a_new_one),
        TEST(an_incident_that_was_not_sent_is_replaced_by_its_newer_snapshot),
        TEST(one_that_was_sent_stays_until_it_is_acknowledged),
        TEST(other_incidents_are_not_replaced),
        TEST(what_only_went_on_waits_its_turn),
        TEST(the_one_that_waits_longest_is_told_first),
        TEST(numbers_of_snapshots_go_on_after_a_restart),
        TEST(a_file_put_back_to_an_older_copy_gives_no_rev_again),
        TEST(a_commit_with_nothing_new_publishes_nothing),
        TEST(a_full_disk_writes_nothing_half_and_publishes_nothing),
        TEST(after_a_full_disk_and_a_crash_the_old_state_is_there),
        TEST(a_locked_file_is_tried_again),
        TEST(what_is_published_is_on_disk_already),
        TEST(a_file_that_is_no_database_is_set_aside),
        TEST(a_file_with_damaged_pages_is_set_aside),
        TEST(a_file_of_another_program_stays_where_it_is),
        TEST(rows_that_make_no_sense_are_counted_and_dropped),
        TEST(an_outbox_that_cannot_be_read_counts_nothing_as_acknowledged),
        TEST(an_hour_of_a_clock_that_was_wrong_costs_no_other),
        TEST(as_many_hours_are_kept_as_fit),
    };

    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
