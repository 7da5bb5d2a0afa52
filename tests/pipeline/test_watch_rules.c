/*
 * Each thing that may be wrong with Bongsu itself, made to happen: one incident of
 * its rule, told once, and once when it is over. (A process that is down:
 * test_watched.c; log sources: test_silent.c.)
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_dir.h"

#define MAGIC "poison-77aa01"

enum { TOLD_MS = 60000, MAX_DEATHS = 12, PADDING = 100000, MAX_POSTS = 200 };

static struct chain *chain;
static struct stub *slack;
static char rules[64];

static const char good_rule[] =
    "title: a note\nid: 0b3c3f0e-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
    "logsource: {product: bongsu}\n"
    "detection:\n  words:\n    event_type: note\n  condition: words\n";

static int
prepare(void **state)
{
    (void)state;
    slack = stub_new();
    chain = chain_new(NULL, stub_url(slack));
    temp_dir_make(NULL, rules, sizeof(rules));
    chain_set(chain, "BONGSU_WATCH_STAGES", "ingest detector indexer");
    chain_set(chain, "BONGSU_WATCH_AFTER", "300ms");
    chain_set(chain, "BONGSU_SLACK_DIGEST_OVER", "10000");
    return 0;
}

static int
release(void **state)
{
    (void)state;
    chain_destroy(&chain);
    stub_destroy(&slack);
    temp_dir_remove(rules);
    return 0;
}

/* --- what was told --- */

/* Messages that open with this title: the first one, and that it is over. */
static size_t
count_told(const char *title, int is_over)
{
    char text[128];
    size_t over, all;

    snprintf(text, sizeof(text), "] %s* (it is over)", title);
    over = stub_count_containing(slack, text);
    snprintf(text, sizeof(text), "] %s*", title);
    all = stub_count_containing(slack, text);
    return is_over ? over : all - over;
}

static void
wait_told(const char *title, int is_over)
{
    int64_t deadline = now_ms() + TOLD_MS;

    while (count_told(title, is_over) == 0) {
        if (now_ms() > deadline)
            fail_msg("nobody was told%s: %s", is_over ? " that it is over" : "", title);
        wait_a_little();
    }
}

/* How many incidents the rule has; the summary and status of the newest. */
static size_t
find_incident(const char *rule, char summary[400], char status[32])
{
    json_t *all = chain_all_incidents(chain), *inc;
    size_t i, count = 0;

    json_array_foreach(all, i, inc) {
        if (strcmp(json_string_value(json_object_get(json_object_get(inc, "rule"), "id")), rule) != 0)
            continue;
        if (count++ > 0)
            continue;
        snprintf(summary, 400, "%s", json_string_value(json_object_get(inc, "summary")));
        snprintf(status, 32, "%s", json_string_value(json_object_get(inc, "status")));
    }
    json_decref(all);
    return count;
}

static void
check_incident(const char *rule, const char *status, const char *text)
{
    char summary[400] = "", found[32] = "";

    assert_int_equal(find_incident(rule, summary, found), 1);
    assert_string_equal(found, status);
    if (strstr(summary, text) == NULL)
        fail_msg("\"%s\" has no \"%s\"", summary, text);
}

static void
check_told_once_and_over(const char *rule, const char *title, const char *text)
{
    wait_told(title, 1);
    check_incident(rule, "resolved", text);
    assert_int_equal(count_told(title, 0), 1);
    assert_int_equal(count_told(title, 1), 1);
}

/* --- what goes wrong --- */

static long
post(const char *body)
{
    return chain_post(chain, "/log", "application/json", body, strlen(body), NULL);
}

/* With nobody who stores, until ingest takes no more. */
static void
fill_the_journal(void)
{
    static char body[PADDING + 64];
    int len = snprintf(body, sizeof(body), "{\"event_type\":\"note\",\"raw_log\":\"%0*d\"}",
                       PADDING, 0);
    long status = 202;

    assert_in_range(len, PADDING, sizeof(body) - 1);
    for (int i = 0; i < MAX_POSTS && status == 202; i++)
        status = post(body);
    assert_int_equal(status, 503);
}

static void
a_journal_that_is_full(void **state)
{
    static const char rule[] = "bongsu.journal_full", title[] = "The journal is over 80 % full";

    (void)state;
    chain_set(chain, "BONGSU_JOURNAL_MAX_BYTES", "2MiB");
    chain_set(chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "256KiB");
    chain_start_all(chain);
    chain_kill(chain, INDEXER);
    fill_the_journal();
    wait_told(title, 0);
    check_incident(rule, "open", "% full: index has");
    chain_start(chain, INDEXER, NULL);
    check_told_once_and_over(rule, title, "% full: index has");
}

/* As `bongsu up` does, until the deadly event is out of the way. */
static void
revive_until_delivered(void)
{
    int64_t deadline = now_ms() + TOLD_MS;

    for (int deaths = 0; chain_backlog(chain) != 0; wait_a_little()) {
        if (now_ms() > deadline || deaths > MAX_DEATHS)
            fail_msg("%ld events on the way after %d deaths", chain_backlog(chain), deaths);
        if (chain_has_died(chain, DETECTOR)) {
            deaths++;
            chain_start(chain, DETECTOR, NULL);
        }
    }
}

/* It is over when somebody has taken the file away. */
static void
a_dead_letter(void **state)
{
    static const char rule[] = "bongsu.dead_letter", title[] = "Events were set aside";
    char path[300];

    (void)state;
    chain_set(chain, "BONGSU_POISON", "detector.event:" MAGIC);
    chain_start_all(chain);
    assert_int_equal(post("{\"event_type\":\"note\",\"description\":\"a " MAGIC "\"}"), 202);
    revive_until_delivered();
    wait_told(title, 0);
    check_incident(rule, "open", "detector has set aside 1 event that it could not judge");
    assert_int_equal(chain_stop(chain, DETECTOR), 0);
    snprintf(path, sizeof(path), "%s/detector-0-deadletter.db", chain_dir(chain));
    assert_int_equal(unlink(path), 0);
    chain_start(chain, DETECTOR, NULL);
    check_told_once_and_over(rule, title, "detector has set aside 1 event");
}

static void
write_rule(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", rules, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
read_rules_again(void)
{
    assert_int_equal(chain_stop(chain, DETECTOR), 0);
    chain_start(chain, DETECTOR, NULL);
}

/* A slip while it is edited: its last good version goes on, and that is to be known. */
static void
a_rule_that_is_refused(void **state)
{
    static const char rule[] = "bongsu.rule_refused", title[] = "A rule was refused";

    (void)state;
    write_rule("note.yml", good_rule);
    chain_set(chain, "BONGSU_DETECTOR_RULES", rules);
    chain_start_all(chain);
    write_rule("note.yml", "title: a note\ndetection: [\n");
    read_rules_again();
    wait_told(title, 0);
    check_incident(rule, "open", "1 rule was refused");
    write_rule("note.yml", good_rule);
    read_rules_again();
    check_told_once_and_over(rule, title, "1 rule was refused");
}

static void
wait_for_incident(const char *rule)
{
    int64_t deadline = now_ms() + TOLD_MS;
    char summary[400], status[32];

    while (find_incident(rule, summary, status) == 0) {
        if (now_ms() > deadline)
            fail_msg("no incident of %s", rule);
        wait_a_little();
    }
}

/* It can itself be told only afterwards. */
static void
messages_that_cannot_be_sent(void **state)
{
    static const char rule[] = "bongsu.untold", title[] = "Messages cannot be sent";
    const struct stub_answer broken = { .status = 500 }, well = { .status = 200 };

    (void)state;
    stub_set_usual(slack, &broken);
    chain_start_all(chain);
    assert_int_equal(post("{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.9\",\"count\":5}"),
                     202);
    wait_for_incident(rule);
    stub_forget(slack);
    stub_set_usual(slack, &well);
    check_told_once_and_over(rule, title, "of incidents could not be sent");
}

/* Slack says no, for good: the incident is there for who looks. */
static void
messages_that_are_refused_for_good(void **state)
{
    static const char rule[] = "bongsu.untold", title[] = "Messages cannot be sent";
    const struct stub_answer gone = { .status = 404, .body = "no_service" };
    const struct stub_answer well = { .status = 200 };
    char summary[400], status[32] = "";
    int64_t deadline = now_ms() + TOLD_MS;

    (void)state;
    stub_set_usual(slack, &gone);
    chain_start_all(chain);
    assert_int_equal(post("{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.9\",\"count\":5}"),
                     202);
    wait_for_incident(rule);
    check_incident(rule, "open", "refused for good");
    stub_set_usual(slack, &well);
    assert_int_equal(post("{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.8\",\"count\":5}"),
                     202);
    wait_told(title, 1);
    while (find_incident(rule, summary, status) != 1 || strcmp(status, "resolved") != 0) {
        if (now_ms() > deadline)
            fail_msg("it is %s still", status);
        wait_a_little();
    }
}

/* --- the balance sheet --- */

static void
change_file(const char *name, const char *sql)
{
    char path[300], *why = NULL;
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/%s", chain_dir(chain), name);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(db, TOLD_MS) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", path, why != NULL ? why : sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* What has come two hours ago (one request, so that it is of one hour), and was lost. */
static void
a_balance_that_does_not_close(void **state)
{
    static const char rule[] = "bongsu.imbalance", title[] = "The balance sheet does not close";
    static const char two[] = "{\"event_type\":\"note\"}\n{\"event_type\":\"note\"}\n";

    (void)state;
    chain_start_all(chain);
    assert_int_equal(chain_post(chain, "/logs", "application/x-ndjson", two, sizeof(two) - 1,
                                NULL), 202);
    chain_wait_delivered(chain, TOLD_MS);
    chain_stop_all(chain);
    change_file("journal/0000000001.db", "UPDATE ledger SET hour = hour - 2");
    change_file("store/ledger.db",
                "DELETE FROM balance; UPDATE rows SET hour = hour - 2;"
                "CREATE TABLE lost AS SELECT * FROM rows; DELETE FROM rows");
    chain_start_all(chain);
    wait_told(title, 0);
    check_incident(rule, "open", "ingest accepted 2 events; the store has stored 0 and set aside"
                                 " 0: 2 missing");
    change_file("store/ledger.db", "INSERT INTO rows SELECT * FROM lost");
    check_told_once_and_over(rule, title, "2 missing");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, release)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_journal_that_is_full),
        TEST(a_dead_letter),
        TEST(a_rule_that_is_refused),
        TEST(messages_that_cannot_be_sent),
        TEST(messages_that_are_refused_for_good),
        TEST(a_balance_that_does_not_close),
    };

    return cmocka_run_group_tests_name("watch rules", tests, NULL, NULL);
}
