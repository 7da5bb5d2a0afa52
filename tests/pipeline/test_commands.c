/*
 * test_commands.c - every command of bongsu against five real processes
 *
 * Each runs as people run it: with ./.env, its exit code and its JSON looked at.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/store/store.h"
#include "tests/support/chain.h"
#include "tests/support/free_port.h"
#include "tests/support/instance.h"

enum { MAX_WORDS = 24, PATIENCE_MS = 60000 };

static struct instance instance;

/* Where commands find it; nothing else of this machine's. */
static const char *env[8];
static char ingest_env[128], api_env[128], data_env[640];

static int
open_instance(void **state)
{
    size_t n = 0;

    (void)state;
    instance_prepare(&instance);
    snprintf(ingest_env, sizeof(ingest_env), "BONGSU_INGEST_LISTEN=%s", instance.ingest);
    snprintf(api_env, sizeof(api_env), "BONGSU_API_LISTEN=%s", instance.api);
    snprintf(data_env, sizeof(data_env), "BONGSU_DATA_DIR=%s", instance.data);
    env[n++] = ingest_env;
    env[n++] = api_env;
    env[n++] = data_env;
    env[n++] = "TZ=Asia/Seoul";
    env[n] = NULL;
    instance_start_and_wait(&instance, NULL);
    return 0;
}

static int
close_instance(void **state)
{
    (void)state;
    instance_release(&instance);
    return 0;
}

/* `bongsu` with these words, which are split at spaces ('|' stands for one inside a
 * word); with a further variable of the environment, or NULL. */
static struct command *
start_with(const char *extra, const char *words)
{
    const char *args[MAX_WORDS] = { "bongsu" }, *whole[12] = { NULL };
    const struct command_spec spec = { .dir = instance.dir, .env = whole };
    char *copy = strdup(words), *rest = copy, *word;
    struct command *command;
    size_t count = 1, n = 0;

    for (; env[n] != NULL; n++)
        whole[n] = env[n];
    whole[n] = extra;
    while ((word = strsep(&rest, " ")) != NULL) {
        assert_true(count < MAX_WORDS - 1);
        for (char *c = word; *c != '\0'; c++)
            *c = *c == '|' ? ' ' : *c;
        args[count++] = word;
    }
    command = command_start(&spec, args);
    free(copy);
    return command;
}

/* Its output; the caller frees. Fails the test at another exit code. */
static char *
run_with(const char *extra, int expected, const char *words)
{
    struct command *command = start_with(extra, words);
    int code = command_wait(command, 60000);
    char *output = strdup(command_output(command));

    if (code != expected)
        fail_msg("bongsu %s: exit %d, not %d; it says:\n%s", words, code, expected, output);
    command_destroy(&command);
    return output;
}

static void
expect(int code, const char *words, const char *needle)
{
    char *output = run_with(NULL, code, words);

    if (strstr(output, needle) == NULL)
        fail_msg("bongsu %s: no \"%s\" in:\n%s", words, needle, output);
    free(output);
}

static json_t *
json_of(int code, const char *words)
{
    char *output = run_with(NULL, code, words);
    json_error_t error;
    json_t *answer = json_loads(output, 0, &error);

    if (answer == NULL)
        fail_msg("bongsu %s: no JSON (%s):\n%s", words, error.text, output);
    free(output);
    return answer;
}

static const char *
text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    assert_non_null(text);
    return text;
}

/* Until the list ("incidents", "events") of this command's answer has at least so
 * many; then the answer. */
static json_t *
wait_for(const char *list, const char *words, size_t least)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        struct command *command = start_with(NULL, words);
        int code = command_wait(command, 60000);
        json_t *answer = json_loads(command_output(command), 0, NULL);

        command_destroy(&command);
        if (code <= 1 && json_array_size(json_object_get(answer, list)) >= least)
            return answer;
        json_decref(answer);
        if (now_ms() > deadline)
            fail_msg("bongsu %s: never %zu", words, least);
        wait_a_little();
    }
}

static void
send_line(const char *line)
{
    char *output;

    instance_write(&instance, "one.log", line);
    output = run_with(NULL, 0, "send one.log");
    free(output);
}

/* --- tests --- */

static void
demo_opens_incidents_and_is_stored_once(void **state)
{
    json_t *answer, *events;

    json_t *sent;

    (void)state;
    expect(0, "demo --seed 5 --events 500", "accepted");
    answer = wait_for("incidents", "incidents list --rule brute|force --severity high --json", 1);
    assert_non_null(strstr(text_in(json_array_get(json_object_get(answer, "incidents"), 0),
                                   "summary"), "203.0.113."));
    json_decref(answer);
    events = json_of(0, "events search event_type=sudo username=deploy --json");
    assert_true(json_array_size(json_object_get(events, "events")) >= 2);
    json_decref(events);
    sent = json_of(0, "demo --seed 5 --json");
    assert_true(json_integer_value(json_object_get(sent, "lines")) > 0);
    assert_int_equal(json_integer_value(json_object_get(sent, "accepted")),
                     json_integer_value(json_object_get(sent, "lines")));
    json_decref(sent);
}

static void
an_incident_is_listed_shown_and_its_status_set(void **state)
{
    json_t *answer = wait_for("incidents", "incidents list --status open --json --limit 1",
                              1);
    char words[256], id[64];

    (void)state;
    snprintf(id, sizeof(id), "%s",
             text_in(json_array_get(json_object_get(answer, "incidents"), 0), "id"));
    json_decref(answer);
    snprintf(words, sizeof(words), "incidents status %s acknowledged --note \xeb\xb4\x89|seen "
             "--by mina --json", id);
    answer = json_of(0, words);
    assert_string_equal(text_in(answer, "status"), "acknowledged");
    json_decref(answer);

    id[10] = '\0';              /* a part of it is enough */
    snprintf(words, sizeof(words), "incidents show %s", id);
    expect(0, words, "open -> acknowledged by mina: \xeb\xb4\x89 seen");
    snprintf(words, sizeof(words), "incidents show %s --json", id);
    answer = json_of(0, words);
    assert_int_equal(json_array_size(json_object_get(answer, "history")), 1);
    json_decref(answer);

    expect(0, "incidents list --status acknowledged", "acknowledged");
    expect(1, "incidents list --status false_positive", "no incident");
    expect(64, "incidents list --status closed", "status");
    expect(64, "incidents status x acknowledged", "no incident's id");
    expect(1, "incidents show 00000000000000000000000000000000", "no incident with this id");
    snprintf(words, sizeof(words), "incidents status %s gone", id);
    expect(64, words, "status: must be");
}

/* As the indexer does it: nothing that ingest lets through is refused by this store. */
static void
put_letter(unsigned n, struct text encoded)
{
    char dir[700];
    struct settings settings = { .store_dir = dir };
    struct dead_letter letter = {
        .key.id = event_id_make(0xdead, 1, n), .at_us = clock_real_us(),
        .received_us = clock_real_us(), .reason = text_of("test: \x1b[31mrefused"),
        .by = text_of("indexer"), .encoded = encoded };
    struct err err = { "" };
    struct store *store;

    snprintf(dir, sizeof(dir), "%s/store", instance.data);
    store = store_open(&settings, STORE_WRITE, &err);
    if (store == NULL || store->ops->dead->put(store, &letter, 1, &err) != 0)
        fail_msg("%s", err.text);
    store_close(&store);
}

static void
put_good_letter(unsigned n)
{
    struct event ev = { 0 };
    struct buf encoded = { 0 };
    char space[TIMESTAMP_LEN];
    struct err err;

    ev.known[EVENT_TYPE] = value_text(text_of("letter_after_all"));
    assert_int_equal(event_check(&ev, clock_real_us(), space, &err), 0);
    assert_int_equal(event_pack(&ev, &encoded), 0);
    put_letter(n, buf_text(&encoded));
    buf_release(&encoded);
    event_release(&ev);
}

/* Until so many letters were tried so often. */
static void
wait_letters(size_t count, json_int_t attempts)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        json_t *answer = wait_for("deadletters", "deadletter list --json", 0);
        json_t *list = json_object_get(answer, "deadletters");
        json_t *first = json_object_get(json_array_get(list, 0), "attempts");
        int is_so = json_array_size(list) == count && json_integer_value(first) == attempts;

        json_decref(answer);
        if (is_so)
            return;
        if (now_ms() > deadline)
            fail_msg("never %zu dead letters", count);
        wait_a_little();
    }
}

static void
dead_letters_are_listed_and_tried_again(void **state)
{
    json_t *answer;

    (void)state;
    expect(1, "deadletter list", "no dead letter");
    expect(1, "deadletter retry --all", "no dead letter");
    put_good_letter(1);
    put_letter(2, (struct text){ "\xc1", 1 });
    expect(0, "deadletter list", "test: \\x1b[31mrefused");
    answer = json_of(0, "deadletter list --json --limit 1");
    assert_int_equal(json_array_size(json_object_get(answer, "deadletters")), 1);
    assert_true(json_is_true(json_object_get(answer, "more")));
    json_decref(answer);
    expect(1, "deadletter retry 000000000000dead-00000001-0000000000000002 "
              "000000000000dead-00000001-0000000000000009", "9: there is no such dead letter");
    wait_letters(2, 1);                         /* it is no event, and stays */
    expect(0, "deadletter retry --all", "2 will be tried again");
    wait_letters(1, 2);
    json_decref(wait_for("events", "events search event_type=letter_after_all --json", 1));
    expect(64, "deadletter retry 17", "ids: number 1");
    expect(64, "deadletter retry", "--all");
    expect(64, "deadletter retry --all x", "--all");
    expect(64, "deadletter", "deadletter list");
}

static void
events_are_searched_by_field_text_and_time(void **state)
{
    json_t *answer;

    (void)state;
    send_line("2026-11-20T10:00:00Z web1 sshd[7]: Failed password for "
              "\033[2Jeve\302\233m from 192.0.2.99 port 5 ssh2\n");
    answer = wait_for("events", "events search source_ip=192.0.2.99 --since 2026-11-20 --until "
                                "2026-11-21 --json", 1);
    assert_int_equal(json_array_size(json_object_get(answer, "events")), 1);
    json_decref(answer);
    expect(1, "events search source_ip=192.0.2.99 --since 1h", "no event");
    expect(0, "events search --text eve", "\\x1b[2Jeve\\u009bm");
    expect(64, "events search source_ip", "FIELD=VALUE");
    expect(64, "events search from=now", "--since does that");
    expect(64, "events search --since tomorrowish", "is no time");
}

static void
send_to_tail(int n, time_t at)
{
    char body[256], when[64];
    struct tm tm;

    gmtime_r(&at, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(body, sizeof(body),
             "{\"event_type\":\"tailed\",\"n\":\"n-%d-\",\"timestamp\":\"%s\"}\n", n, when);
    send_line(body);
}

/* Events that come in any order of time, all shown, each once. The first one, older
 * than the others, shows that it has begun to look. */
static void
tail_shows_each_event_once_however_late_it_comes(void **state)
{
    enum { EVENTS = 40 };
    char first_mark[32];
    struct command *tail;

    (void)state;
    send_to_tail(EVENTS, time(NULL) - 120);
    tail = start_with(NULL, "events tail -f --json --every 100ms --limit 1 event_type=tailed");
    snprintf(first_mark, sizeof(first_mark), "\"n-%d-\"", EVENTS);
    command_expect(tail, first_mark, PATIENCE_MS);
    for (int i = 0; i < EVENTS; i++)
        send_to_tail(i, time(NULL) - (i * 7) % 11 * 40000);   /* up to four days late */
    for (int i = 0; i < EVENTS; i++) {
        char mark[32];
        const char *first;

        snprintf(mark, sizeof(mark), "\"n-%d-\"", i);
        command_expect(tail, mark, PATIENCE_MS);
        first = strstr(command_output(tail), mark);
        assert_null(strstr(first + 1, mark));
    }
    command_signal(tail, SIGINT);
    assert_int_equal(command_wait(tail, PATIENCE_MS), 130);
    command_destroy(&tail);
}

static void
a_report_is_json_for_programs(void **state)
{
    json_t *answer = json_of(0, "report daily --json --date yesterday");

    (void)state;
    assert_string_equal(text_in(answer, "period"), "daily");
    json_decref(answer);
    answer = json_of(0, "report weekly --format json --date 2026-11-22");
    assert_string_equal(text_in(answer, "period"), "weekly");
    json_decref(answer);
    expect(64, "report daily --date 2026-02-31x", "is no time");
}

static size_t
count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void
an_export_has_every_event_and_goes_on_from_its_place(void **state)
{
    char *all = run_with(NULL, 0, "export events --resume place"), *again, *rest;
    char place[INSTANCE_PATH_LEN];
    json_t *event, *found;

    (void)state;
    assert_true(count_lines(all) > 400);
    event = json_loadb(all, strcspn(all, "\n"), 0, NULL);
    assert_non_null(event);
    json_decref(event);
    rest = run_with(NULL, 0, "export events --resume place");
    assert_string_equal(rest, "");
    again = run_with(NULL, 0, "export events");
    assert_string_equal(all, again);

    /* as if it had ended after its first events */
    found = json_of(0, "events search --limit 3 --json");
    event = json_array_get(json_object_get(found, "events"), 2);
    snprintf(place, sizeof(place), "%s/place", instance.dir);
    {
        json_t *saved = json_load_file(place, 0, NULL);
        const char *at = text_in(event, "timestamp");
        char *line = all, cursor[128];
        struct tm tm = { 0 };
        long long us = 0;

        assert_non_null(saved);
        assert_non_null(strptime(at, "%Y-%m-%dT%H:%M:%S", &tm));
        us = (long long)timegm(&tm) * 1000000;
        if (strchr(at, '.') != NULL)
            us += (long long)(strtod(strchr(at, '.'), NULL) * 1e6 + 0.5);
        snprintf(cursor, sizeof(cursor), "%lld_%s", us, text_in(event, "id"));
        json_object_set_new(saved, "cursor", json_string(cursor));
        assert_int_equal(json_dump_file(saved, place, 0), 0);
        json_decref(saved);
        free(rest);
        rest = run_with(NULL, 0, "export events --resume place");
        for (int i = 0; i < 3; i++)
            line = strchr(line, '\n') + 1;
        assert_string_equal(rest, line);
    }
    expect(78, "export events --resume place --since 1h", "another export");
    expect(0, "export incidents --status open", "\"status\":\"open\"");
    json_decref(found);
    free(all);
    free(again);
    free(rest);
}

static void
top_shows_it_once_when_nobody_watches(void **state)
{
    json_t *answer = json_of(0, "top --json");
    char words[256];

    (void)state;
    assert_non_null(json_object_get(json_object_get(answer, "processes"), "detector"));
    json_decref(answer);
    expect(0, "top", "CONSUMER");
    snprintf(words, sizeof(words), "top --once --url http://%s --ingest-url http://%s",
             instance.api, instance.ingest);
    expect(0, words, "not seen from here");
}

/* Another machine's dashboard is not at this one's api. */
static void
what_was_sent_is_seen_where_it_was_sent_to(void **state)
{
    char words[128], place[128];

    (void)state;
    instance_write(&instance, "one.log", "a line\n");
    snprintf(place, sizeof(place), "see http://%s/dashboard?from=", instance.api);
    expect(0, "send one.log", place);
    snprintf(words, sizeof(words), "send one.log --url http://%s/", instance.ingest);
    snprintf(place, sizeof(place), "see http://%s/dashboard?from=", instance.ingest);
    expect(0, words, place);
    snprintf(words, sizeof(words), "demo --url http://%s", instance.ingest);
    expect(0, words, place);
}

/* Few findings are told; of many it says how many there are, unless all are asked for. */
static void
what_an_author_may_not_have_meant_is_told_and_refuses_nothing(void **state)
{
    static const char rule[] = "---\ntitle: T%d\nid: t%d\nlogsource: {product: x}\n"
                               "detection: {s: {a: b}, t: {a: c}, condition: s}\n";
    char many[8192];
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 21; i++) {
        len += (size_t)snprintf(many + len, sizeof(many) - len, rule, i, i);
        if (i == 0)
            instance_write(&instance, "unused.yml", many);
    }
    instance_write(&instance, "many.yml", many);
    snprintf(many + len, sizeof(many) - len, "---\ntitle: F\nid: f\nlogsource: {product: x}\n"
             "filter: {rules: [t20], s: {a: b}, u: {a: c}, condition: not s}\n");
    instance_write(&instance, "filter.yml", strstr(many, "---\ntitle: T20"));
    expect(0, "rules check unused.yml", "unused.yml:5: lint: no condition names \"t\"");
    expect(0, "rules check many.yml",
           "lint:   21 selections that no condition names (--lint tells which)");
    expect(0, "rules check --lint many.yml", "many.yml:102: lint: it has no tests of its own");
    expect(0, "rules check filter.yml", "filter.yml:10: lint: no condition names \"u\"");
}

static void
rules_are_listed_checked_and_tested(void **state)
{
    static const char good[] =
        "title: Alarm\nid: alarm\nlogsource: {product: x}\nlevel: low\n"
        "detection: {s: {event_type: alarm}, condition: s}\n";
    static const char bad[] =
        "title: Bad\nid: bad\nlogsource: {product: x}\n"
        "detection: {s: {event_type|nonsense: alarm}, condition: s}\n";
    json_t *answer = json_of(0, "rules list --json");

    (void)state;
    assert_true(json_array_size(json_object_get(answer, "rules")) >= 12);
    assert_non_null(json_object_get(answer, "running"));
    json_decref(answer);
    instance_write(&instance, "good.yml", good);
    instance_write(&instance, "bad.yml", bad);
    instance_write(&instance, "cases.yml",
                   "- events: [{event_type: alarm, source_ip: 192.0.2.1}]\n"
                   "  incidents: [{rule: Alarm}]\n- events: [{event_type: x}]\n  incidents: []\n");
    instance_write(&instance, "wrong.yml",
                   "- events: [{event_type: x}]\n  incidents: [{rule: Alarm}]\n");
    expect(0, "rules check good.yml", "1 fine, 0 refused");
    expect(1, "rules check bad.yml", "bad.yml:4:");
    expect(66, "rules check no/such", "no/such");
    expect(0, "rules test cases.yml good.yml", "2 cases, 0 complaints");
    expect(1, "rules test wrong.yml good.yml", "wrong.yml:1: missing:");
    answer = json_of(1, "rules test wrong.yml good.yml --json");
    assert_int_equal(json_array_size(json_object_get(answer, "failed")), 1);
    json_decref(answer);
    expect(78, "rules test cases.yml bad.yml", "bad.yml:4:");
}

/* |expand means for the tools what it means for the detector. */
static void
rules_are_read_with_the_placeholders_of_the_configuration(void **state)
{
    static const char with[] = " --detector-placeholders names.yml";
    char words[256];

    (void)state;
    instance_write(&instance, "names.yml", "Admins: [root, toor]\n");
    instance_write(&instance, "expand.yml",
                   "title: Admin\nid: admin\nlogsource: {product: x}\nlevel: low\n"
                   "detection: {s: {username|expand: '%Admins%'}, condition: s}\n");
    instance_write(&instance, "admin.yml",
                   "- events: [{event_type: x, username: toor, source_ip: 192.0.2.1}]\n"
                   "  incidents: [{rule: Admin}]\n");
    instance_write(&instance, "admin.ndjson", "{\"username\":\"root\"}\n");
    expect(1, "rules check expand.yml", "0 fine, 1 refused");
    snprintf(words, sizeof(words), "rules check expand.yml%s", with);
    expect(0, words, "1 fine, 0 refused");
    snprintf(words, sizeof(words), "rules test admin.yml expand.yml%s", with);
    expect(0, words, "1 cases, 0 complaints");
    snprintf(words, sizeof(words), "rules match --rules expand.yml admin.ndjson%s", with);
    expect(0, words, "{\"line\":1,\"rule\":\"admin\"}");
    expect(78, "rules check expand.yml --detector-placeholders no/such", "no/such");
    expect(78, "rules match --rules expand.yml admin.ndjson --detector-placeholders no/such",
           "bongsu rules match: no/such");
}

static void
the_configuration_is_shown_with_its_places_and_no_secret(void **state)
{
    json_t *answer = json_of(0, "config show --json --slack-digest-over 7");
    char key[128], env_path[INSTANCE_PATH_LEN], *output;
    struct stat st;

    (void)state;
    assert_string_equal(text_in(json_object_get(answer, "slack.digest_over"), "from"),
                        "flag --slack-digest-over");
    assert_string_equal(text_in(json_object_get(answer, "api.listen"), "from"),
                        "environment BONGSU_API_LISTEN");
    json_decref(answer);
    instance_write(&instance, "own.yml", "store:\n  retention: 10d\n");
    expect(0, "config show --config own.yml", "own.yml:2");
    instance_key(&instance, key, sizeof(key));
    output = run_with(NULL, 0, "config show --all");
    assert_null(strstr(output, key));
    assert_non_null(strstr(output, "secret, 48 characters"));
    free(output);
    expect(0, "config check", "configuration OK");
    expect(0, "config keys", "is set already");
    expect(0, "config keys --reader", "READER_KEY made");
    snprintf(env_path, sizeof(env_path), "%s/.env", instance.dir);
    assert_int_equal(stat(env_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void
keys_of_the_bus_are_made_once(void **state)
{
    json_t *answer = json_of(0, "bus keys keys --json");

    (void)state;
    assert_string_equal(text_in(answer, "action"), "made");
    json_decref(answer);
    expect(0, "bus keys keys", "There are keys in keys already");
    expect(0, "bus keys other", "detector.key_secret (mode 0600), allowed/");
    expect(78, "bus keys .env/keys", ".env/keys: cannot be made");
    expect(64, "bus keys", "DIR");
}

/* A process that is to use them, with -n and for real. */
static void
expect_of_keys(const char *check, int code, const char *text)
{
    const char *const clean[] = { "BONGSU_BUS_DIR", "BONGSU_DATA_DIR", NULL };
    const char *const args[] = { "bongsu-indexer", "--data-dir", "elsewhere", "--bus-curve-dir",
                                 "keys", check, NULL };
    const struct command_spec spec = { .dir = instance.dir, .env = clean };
    struct command *command;
    int found;

    command = command_run(&spec, args, &found);
    if (found != code || strstr(command_output(command), text) == NULL)
        fail_msg("%d: %s", found, command_output(command));
    command_destroy(&command);
}

static void
keys_that_others_can_read_end_the_start_with_their_name(void **state)
{
    char path[INSTANCE_PATH_LEN];

    (void)state;
    expect_of_keys("-n", 0, "configuration OK");
    snprintf(path, sizeof(path), "%s/keys/indexer.key_secret", instance.dir);
    assert_int_equal(chmod(path, 0640), 0);
    expect_of_keys("-n", 78, "bus.curve_dir: keys/indexer.key_secret: mode 0640 lets other users read it");
    expect_of_keys(NULL, 78, "bus.curve_dir: keys/indexer.key_secret: mode 0640 lets other users read it");
    assert_int_equal(unlink(path), 0);
    expect_of_keys(NULL, 78, "keys/indexer.key_secret: No such file");
}

static void
what_goes_wrong_is_one_sentence_and_a_code(void **state)
{
    char words[160], *output;

    (void)state;
    snprintf(words, sizeof(words), "incidents list --url http://127.0.0.1:%d", free_port());
    expect(69, words, "does not answer");
    snprintf(words, sizeof(words), "events search --url http://%s", instance.ingest);
    expect(76, words, "only refers to the api");
    output = run_with("API_KEY=another-key-of-32-characters-0123", 77,
                      "incidents status 00000000000000000000000000000000 open");
    assert_non_null(strstr(output, "key is missing or wrong"));
    assert_int_equal(count_lines(output), 1);
    free(output);
    instance_write(&instance, "key", "another-key-of-32-characters-0123\n");
    expect(77, "incidents status 00000000000000000000000000000000 open --key-file key",
           "--key-file");
    expect(78, "incidents list --key-file no/such", "no/such");
    instance_write(&instance, "flag.yml", "status: open\n");
    expect(78, "incidents list --config flag.yml", "unknown option status");
    output = run_with("BONGSU_LIMIT=nonsense", 0, "incidents list");
    free(output);
    expect(64, "incidents", "incidents list");
    expect(64, "nonsense", "no such command");
    expect(0, "help incidents list", "example:");
}

/* A program that asked for JSON finds JSON on standard output, whatever happened. */
static void
what_goes_wrong_is_json_for_who_asked_for_it(void **state)
{
    char nobody[64];
    const struct { int code; const char *words, *reason; } cases[] = {
        { 69, "incidents list --json", "does not answer" },
        { 69, "events search --json", "does not answer" },
        { 69, "events tail --json", "does not answer" },
        { 69, "report daily --json", "does not answer" },
        { 69, "send --json --give-up 1ms key", "gave up" },
        { 69, "demo --json --give-up 1ms", "gave up" },
        { 1, "incidents show 00000000000000000000000000000000 --json", "no incident with this id" },
        { 64, "incidents status x open --json", "no incident's id" },
        { 64, "incidents list --json --nonsense", "nonsense" },
        { 64, "events search nonsense --json", "FIELD=VALUE" },
        { 64, "report daily --json --date 2026-02-30", "--date" },
        { 64, "decode --json", "what is missing" },
        { 64, "health --json nonsense", "not one of the five" },
        { 66, "send no/such --json", "no/such" },
        { 66, "rules check no/such --json", "no/such: No such file" },
        { 66, "rules test no/such key --json", "no/such: No such file" },
        { 78, "incidents list --json --config no/such.yml", "no/such.yml" },
        { 78, "top --json --key-file no/such", "no/such" },
    };

    (void)state;
    instance_write(&instance, "key", "a line\n");
    snprintf(nobody, sizeof(nobody), " --url http://127.0.0.1:%d", free_port());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char words[160], *output, *json;
        json_t *answer;

        snprintf(words, sizeof(words), "%s%s", cases[i].words, cases[i].code == 69 ? nobody : "");
        output = run_with(NULL, cases[i].code, words);
        json = strchr(output, '{');
        answer = json == NULL ? NULL : json_loads(json, JSON_DISABLE_EOF_CHECK, NULL);
        if (answer == NULL || strstr(text_in(answer, "error"), cases[i].reason) == NULL ||
            json_integer_value(json_object_get(answer, "exit")) != cases[i].code)
            fail_msg("bongsu %s: %s", words, output);
        json_decref(answer);
        free(output);
    }
}

/* What a shell script with this `bongsu` says; the caller frees. */
static char *
shell(const char *script)
{
    char path[4096], whole[8192], chunk[4096];
    struct buf text = { 0 };
    size_t got;
    FILE *out;

    command_path("bongsu", path, sizeof(path));
    snprintf(whole, sizeof(whole), "cd %s; export %s %s %s; bongsu() { %s \"$@\"; }; { %s; } 2>&1",
             instance.dir, ingest_env, api_env, data_env, path, script);
    out = popen(whole, "r");
    assert_non_null(out);
    while ((got = fread(chunk, 1, sizeof(chunk), out)) > 0)
        buf_append(&text, chunk, got);
    pclose(out);
    assert_int_equal(buf_append_str(&text, ""), 0);
    return buf_take(&text);
}

static void
an_output_that_goes_away_ends_it_quietly(void **state)
{
    char *said = shell("{ bongsu events tail -f --limit 1; echo exit $? >&2; } | head -n 1 >/dev/null");

    (void)state;
    assert_string_equal(said, "exit 130\n");
    free(said);
}

static void
an_output_that_is_full_is_a_failure(void **state)
{
    static const char *const commands[] = {
        "events search --limit 1000", "export events", "status --json", "events tail --limit 500",
        "report daily --format html",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char script[128], *said;

        snprintf(script, sizeof(script), "bongsu %s >/dev/full; echo exit $?", commands[i]);
        said = shell(script);
        if (strstr(said, "standard output") == NULL || strstr(said, "exit 74\n") == NULL)
            fail_msg("%s: %s", script, said);
        free(said);
    }
}

static void
decode_says_which_decoder_and_what_came_of_it(void **state)
{
    json_t *answer = json_of(0, "decode --json 2026-11-20T10:00:00Z|web1|sshd[7]:|Failed|password|"
                                "for|root|from|192.0.2.9|port|5|ssh2");

    (void)state;
    assert_string_equal(text_in(answer, "decoder"), "sshd");
    assert_string_equal(text_in(json_object_get(answer, "event"), "source_ip"), "192.0.2.9");
    json_decref(answer);
    expect(1, "decode what|is|this\033[2J", "none");
    expect(0, "status --json", "\"ready\": true");
    expect(0, "health --json", "ready");
    expect(1, "notify test --json", "answer");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo_opens_incidents_and_is_stored_once),
        cmocka_unit_test(an_incident_is_listed_shown_and_its_status_set),
        cmocka_unit_test(dead_letters_are_listed_and_tried_again),
        cmocka_unit_test(events_are_searched_by_field_text_and_time),
        cmocka_unit_test(tail_shows_each_event_once_however_late_it_comes),
        cmocka_unit_test(a_report_is_json_for_programs),
        cmocka_unit_test(an_export_has_every_event_and_goes_on_from_its_place),
        cmocka_unit_test(top_shows_it_once_when_nobody_watches),
        cmocka_unit_test(what_was_sent_is_seen_where_it_was_sent_to),
        cmocka_unit_test(rules_are_listed_checked_and_tested),
        cmocka_unit_test(what_an_author_may_not_have_meant_is_told_and_refuses_nothing),
        cmocka_unit_test(rules_are_read_with_the_placeholders_of_the_configuration),
        cmocka_unit_test(what_goes_wrong_is_json_for_who_asked_for_it),
        cmocka_unit_test(an_output_that_goes_away_ends_it_quietly),
        cmocka_unit_test(an_output_that_is_full_is_a_failure),
        cmocka_unit_test(decode_says_which_decoder_and_what_came_of_it),
        cmocka_unit_test(keys_of_the_bus_are_made_once),
        cmocka_unit_test(keys_that_others_can_read_end_the_start_with_their_name),
        cmocka_unit_test(what_goes_wrong_is_one_sentence_and_a_code),
        cmocka_unit_test(the_configuration_is_shown_with_its_places_and_no_secret),
    };

    return cmocka_run_group_tests_name("commands", tests, open_instance, close_instance);
}
