/*
 * From the embedded store to Elasticsearch: a store full of a corpus, worked on by an
 * analyst, is copied; the api must then say the same of it, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/attack_log.h"
#include "tests/support/chain.h"
#include "tests/support/command.h"
#include "tests/support/elastic_client.h"
#include "tests/support/elastic_node.h"
#include "tests/support/sending.h"

#define CORPUS "../shared/corpora/loghub/OpenSSH_2k.log"

#define HOUR_US INT64_C(3600000000)

enum { PATIENCE_MS = 60000 };

static struct elastic_node *node;
static struct chain *chain;

static int
start_node(void **state)
{
    node = elastic_node_new();
    elastic_node_start(node);
    return 0;
}

static int
stop_node(void **state)
{
    chain_destroy(&chain);
    elastic_node_destroy(&node);
    return 0;
}

static void
send_log(const char *path)
{
    send_whole(chain, path, attack_log_lines(path));
}

static void
post(const char *line)
{
    assert_int_equal(chain_post(chain, "/log", "application/json", line, strlen(line), NULL), 202);
}

static void
change(const char *id, const char *status, const char *note)
{
    char path[128], body[256];

    snprintf(path, sizeof(path), "/incidents/%s/status", id);
    snprintf(body, sizeof(body), "{\"status\":\"%s\",\"by\":\"kim\",\"note\":\"%s\"}", status, note);
    assert_int_equal(chain_post_api(chain, path, body, strlen(body)), 200);
}

/* Events of lines, of JSON with all kinds of fields, and one that its client keyed;
 * incidents of which some are being worked on. */
static void
fill(void)
{
    char path[512];
    json_t *incidents;

    snprintf(path, sizeof(path), "%s/attacks.log", chain_dir(chain));
    attack_log_write(path);
    send_log(path);
    if (access(CORPUS, R_OK) == 0)
        send_log(CORPUS);
    post("{\"event_type\":\"x\",\"severity\":\"high\",\"shop\":{\"name\":\"corner\",\"floors\":[1,2.5,null]}}");
    post("{\"event_type\":\"x\",\"idempotency_key\":\"a key\",\"timestamp\":\"2026-01-02T03:04:05+09:00\"}");
    chain_wait_delivered(chain, PATIENCE_MS);
    incidents = chain_all_incidents(chain);
    assert_true(json_array_size(incidents) > 3);
    change(json_string_value(elastic_at(incidents, "0.id")), "investigating", "who is that?");
    change(json_string_value(elastic_at(incidents, "0.id")), "resolved", "it was \\\"us\\\"");
    change(json_string_value(elastic_at(incidents, "1.id")), "false_positive", "");
    json_decref(incidents);
}

/* All that the api says of the store, as text; the caller frees. */
static char *
all_answers(const char *dashboard)
{
    const char *const paths[] = {
        dashboard,
        "/incidents?limit=500", "/incidents?status=resolved", "/events?limit=1000",
        "/events?event_type=login_failed&limit=1000", "/events?username=root",
    };
    json_t *all = json_object(), *incidents = chain_all_incidents(chain), *inc;
    char *text;
    size_t i;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(json_object_set_new(all, paths[i], chain_get(chain, paths[i])), 0);
    json_object_set_new(all, "events", chain_all_events(chain));
    json_array_foreach(incidents, i, inc) {
        char path[128];

        snprintf(path, sizeof(path), "/incidents/%s", json_string_value(json_object_get(inc, "id")));
        assert_int_equal(json_object_set_new(all, path, chain_get(chain, path)), 0);
    }
    json_decref(incidents);
    text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    assert_non_null(text);
    return text;
}

static void
expect_same(const char *before, const char *after)
{
    size_t at = 0;

    while (before[at] != '\0' && before[at] == after[at])
        at++;
    if (before[at] != after[at])
        fail_msg("they differ at %zu:\n%.300s\n---\n%.300s", at, before + (at < 100 ? 0 : at - 100),
                 after + (at < 100 ? 0 : at - 100));
}

/* What `bongsu store copy --json` says; the exit code. */
static int
copy_store(json_t **ret_said)
{
    char url[128];
    const char *env[] = { url, "TZ=" CHAIN_ZONE, NULL };
    const char *args[] = { "bongsu", "store", "copy", "--json", "--data-dir", chain_dir(chain), NULL };
    struct command *command;
    int code;

    snprintf(url, sizeof(url), "ELASTICSEARCH_URL=%s", elastic_node_url(node));
    command = command_run(&(struct command_spec){ .env = env }, args, &code);
    /* after what it says to people */
    *ret_said = json_loads(strchrnul(command_output(command), '{'), JSON_DISABLE_EOF_CHECK, NULL);
    if (*ret_said == NULL)
        fail_msg("%s", command_output(command));
    if (code != 0 && code != 73)
        printf("  %s", command_output(command));
    command_destroy(&command);
    return code;
}

static long
said_of(const json_t *said, const char *name)
{
    return (long)json_integer_value(json_object_get(said, name));
}

/* A year with fixed ends. */
static void
dashboard_of_a_year(char out[128])
{
    int64_t hour_us = clock_real_us() / HOUR_US * HOUR_US;
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];

    timestamp_format(hour_us - 364 * 24 * HOUR_US, from);
    timestamp_format(hour_us + 24 * HOUR_US, to);
    snprintf(out, 128, "/dashboard?from=%s&to=%s", from, to);
}

static void
a_store_that_is_copied_says_the_same_and_nothing_twice(void **state)
{
    char *before, *after, dashboard[128];
    json_t *said;
    long events, incidents, alerts;

    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    fill();
    dashboard_of_a_year(dashboard);
    before = all_answers(dashboard);
    assert_int_equal(copy_store(&said), 73);    /* while the old indexer writes: no */
    json_decref(said);
    chain_stop_all(chain);

    alerts = elastic_documents(elastic_node_url(node), "logs-bongsu.alerts-*");
    assert_int_equal(copy_store(&said), 0);
    /* a request whose answer came too late is sent again, and finds its own events */
    events = said_of(said, "events") + said_of(said, "events_there_before");
    incidents = said_of(said, "incidents");
    assert_true(events > 100);
    assert_true(incidents > 3);
    assert_true(said_of(said, "hours") > 0);
    json_decref(said);
    elastic_refresh(elastic_node_url(node));
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), events);
    assert_int_equal(elastic_documents(elastic_node_url(node), "logs-bongsu.alerts-*"), alerts);

    chain_set(chain, "ELASTICSEARCH_URL", elastic_node_url(node));
    chain_start_all(chain);
    after = all_answers(dashboard);
    expect_same(before, after);
    free(after);

    /* what an analyst does there stays when it is copied once more */
    post("{\"event_type\":\"new\"}");
    chain_wait_delivered(chain, PATIENCE_MS);
    assert_int_equal(copy_store(&said), 0);
    assert_int_equal(said_of(said, "events"), 0);
    assert_int_equal(said_of(said, "events_there_before"), events);
    assert_int_equal(said_of(said, "incidents"), 0);
    assert_int_equal(said_of(said, "incidents_there_before"), incidents);
    json_decref(said);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), events + 1);
    chain_stop_all(chain);
    free(before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_is_copied_says_the_same_and_nothing_twice),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("elastic_copy", tests, start_node, stop_node);
}
