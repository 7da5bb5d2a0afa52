/*
 * The straight path, as a user walks it: the seed's own example, bad input,
 * the API's answers, the status of an incident.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/http_stub.h"

struct fixture {
    struct chain *chain;
    struct stub *slack;
};

static struct fixture fix;

static int
start(void **state)
{
    (void)state;
    fix.slack = stub_new();
    fix.chain = chain_new(NULL, stub_url(fix.slack));
    chain_set(fix.chain, "BONGSU_PUBLIC_URL", "http://bongsu.example");
    chain_start_all(fix.chain);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_destroy(&fix.chain);
    stub_destroy(&fix.slack);
    return 0;
}

static long
post(const char *path, const char *type, const char *body, json_t **ret)
{
    return chain_post(fix.chain, path, type, body, strlen(body), ret);
}

static json_t *
wait_incidents(size_t count)
{
    int64_t deadline = now_ms() + 60000;

    for (;;) {
        json_t *list = chain_all_incidents(fix.chain);

        if (json_array_size(list) >= count)
            return list;
        json_decref(list);
        if (now_ms() > deadline)
            fail_msg("there are no %zu incidents", count);
        wait_a_little();
    }
}

static void
tells_slack_of_the_seeds_example_within_200_ms(void **state)
{
    int64_t posted = now_ms();
    const struct stub_request *told;
    json_t *list;

    (void)state;
    assert_int_equal(post("/log", "application/json",
                          "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\","
                          "\"username\":\"root\",\"count\":5}", NULL), 202);
    assert_int_equal(stub_wait_for(fix.slack, 1, 60000), 0);
    told = stub_request(fix.slack, 0);
    printf("post to Slack: %lld ms\n", (long long)(told->at_ms - posted));
    if (!is_slow())
        assert_true(told->at_ms - posted < 200);
    list = wait_incidents(1);
    assert_int_equal(json_array_size(list), 1);
    assert_non_null(strstr(told->body, json_string_value(
        json_object_get(json_array_get(list, 0), "id"))));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "count")), 5);
    assert_int_equal(json_array_size(json_object_get(json_array_get(list, 0), "events")), 1);
    json_decref(list);
    assert_int_equal(stub_count(fix.slack), 1);
}

static const struct {
    const char *path, *type, *body;
    long status;
    const char *word;           /* in the detail */
} bad[] = {
    { "/log", "application/json", "not json", 400, "" },
    { "/log", "application/json", "[1]", 400, "object" },
    { "/log", "application/json", "{\"source_ip\":\"192.0.2.1\"}", 400, "event_type" },
    { "/log", "application/json", "{\"event_type\":7}", 400, "event_type" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"source_ip\":\"300.1.1.1\"}", 400, "source_ip" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"count\":0}", 400, "count" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"severity\":\"huge\"}", 400, "severity" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"timestamp\":\"2999-01-01T00:00:00Z\"}", 400, "timestamp" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"username\":\"a\\u0000b\"}", 400, "username" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"username\":\"a\xff\"}", 400, "UTF-8" },
    { "/log", "application/json", "{\"event_type\":\"x\",\"id\":\"1\"}", 400, "id" },
    { "/log", "text/xml", "<x/>", 415, "" },
    { "/dashboard", "application/json", "{}", 405, "" },
    { "/nowhere", "application/json", "{}", 404, "" },
};

static void
answers_bad_input_with_field_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *body = NULL;
        long status = post(bad[i].path, bad[i].type, bad[i].body, &body);
        const char *detail = json_string_value(json_object_get(body, "detail"));

        if (status != bad[i].status || detail == NULL || strstr(detail, bad[i].word) == NULL)
            fail_msg("%s %s: %ld %s", bad[i].path, bad[i].body, status,
                     detail == NULL ? "(no detail)" : detail);
        json_decref(body);
    }
}

static void
takes_the_good_lines_and_names_the_bad_ones(void **state)
{
    json_t *body = NULL, *errors;

    (void)state;
    assert_int_equal(post("/logs", "application/x-ndjson",
                          "{\"event_type\":\"a\"}\n{\"event_type\":1}\n\n{\"event_type\":\"b\"}\nnonsense\n",
                          &body), 202);
    assert_int_equal(json_integer_value(json_object_get(body, "accepted")), 2);
    assert_int_equal(json_integer_value(json_object_get(body, "refused")), 2);
    errors = json_object_get(body, "errors");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(errors, 0), "line")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(errors, 1), "line")), 5);
    json_decref(body);
}

/* A hostile body: refused within 50 ms (after it was sent), memory bounded. */
static void
refuses_hostile_json_quickly(void **state)
{
    size_t len = 10 * 1024 * 1024;
    char *body = malloc(len + 64);
    long before = chain_resident_kib(fix.chain, INGEST);

    (void)state;
    memset(body, '[', len);
    for (int i = 0; i < 3; i++) {
        size_t size = i == 0 ? 500 * 1024 : i == 1 ? 1000 * 1024 : len;
        int64_t started = now_ms();
        long status = chain_post(fix.chain, i == 2 ? "/logs" : "/log", "application/json", body,
                                 size, NULL);

        assert_in_range(status, 400, 413);
        printf("%zu bytes of [: %ld in %lld ms\n", size, status, (long long)(now_ms() - started));
        if (!is_slow())
            assert_true(now_ms() - started < 150);
    }
    free(body);
    if (!is_slow())
        assert_true(chain_resident_kib(fix.chain, INGEST) - before < 64 * 1024);
}

static void
changes_a_status_with_a_line_of_history(void **state)
{
    static const char change[] = "{\"status\":\"resolved\",\"by\":\"kim\",\"note\":\"blocked\"}";
    json_t *list, *inc, *history;
    char path[128];

    (void)state;
    assert_int_equal(post("/log", "application/json",
                          "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\",\"count\":9}",
                          NULL), 202);
    list = wait_incidents(1);
    snprintf(path, sizeof(path), "/incidents/%s/status",
             json_string_value(json_object_get(json_array_get(list, 0), "id")));
    assert_int_equal(chain_post_api(fix.chain, path, change, sizeof(change) - 1), 200);
    json_decref(list);
    list = chain_all_incidents(fix.chain);
    inc = json_array_get(list, 0);
    history = json_object_get(inc, "history");
    assert_string_equal(json_string_value(json_object_get(inc, "status")), "resolved");
    assert_string_equal(json_string_value(json_object_get(json_array_get(history, 0), "by")), "kim");
    json_decref(list);
}

static void
counts_on_the_dashboard_what_was_sent(void **state)
{
    int64_t deadline = now_ms() + 60000;
    json_int_t events = 0;

    (void)state;
    assert_int_equal(post("/logs", "application/x-ndjson",
                          "{\"event_type\":\"a\",\"username\":\"kim\"}\n{\"event_type\":\"a\"}\n", NULL), 202);
    while (events != 2 && now_ms() < deadline) {
        json_t *body = chain_get(fix.chain, "/dashboard?window=1h");

        events = json_integer_value(json_object_get(json_object_get(body, "totals"), "events"));
        json_decref(body);
        wait_a_little();
    }
    assert_int_equal(events, 2);
}

static void
ends_cleanly_on_sigterm(void **state)
{
    (void)state;
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(chain_stop(fix.chain, (enum process)i), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_slack_of_the_seeds_example_within_200_ms),
        TEST(answers_bad_input_with_field_and_reason),
        TEST(takes_the_good_lines_and_names_the_bad_ones),
        TEST(refuses_hostile_json_quickly),
        TEST(changes_a_status_with_a_line_of_history),
        TEST(counts_on_the_dashboard_what_was_sent),
        TEST(ends_cleanly_on_sigterm),
    };

    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
