/*
 * Reports from end to end: what was sent is in them, in each form; and the day
 * before is told to Slack once, whatever happens to the notifier.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/report/report_span.h"
#include "tests/support/chain.h"
#include "tests/support/http_stub.h"

enum { TOLD_MS = 40000 };

static struct chain *chain;
static struct stub *slack;
static char zone[16];                   /* where the chain is: */
static int ahead_hours;                 /* so far ahead of UTC */
static char day[REPORT_DAY_LEN];        /* yesterday, there */

/* Where it is noon just now: yesterday stays yesterday until the test is over. (Of
 * POSIX, and so of the tz database, the sign is the other way round.) */
static void
go_where_it_is_noon(void)
{
    ahead_hours = 12 - (int)(clock_real_us() / INT64_C(3600000000) % 24);
    snprintf(zone, sizeof(zone), "Etc/GMT%+d", -ahead_hours);
    setenv("TZ", zone, 1);
}

static int
start(void **state)
{
    struct err err = { "" };

    (void)state;
    go_where_it_is_noon();
    if (timestamp_init(&err) != 0)
        return -1;
    report_day_name(report_day_of(clock_real_us()) - 1, day);
    slack = stub_new();
    chain = chain_new(NULL, stub_url(slack));
    chain_set(chain, "TZ", zone);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_destroy(&chain);
    stub_destroy(&slack);
    return 0;
}

static void
post_event(const char *time, const char *fields)
{
    struct buf body = { 0 };

    buf_printf(&body, "{\"timestamp\":\"%sT%s%+03d:00\",%s}", day, time,
               ahead_hours, fields);
    assert_int_equal(chain_post(chain, "/log", "application/json", body.ptr, body.len, NULL), 202);
    buf_release(&body);
}

/* One attacker with a name that is meant to do harm, one honest user. */
static void
send_a_day(void)
{
    post_event("10:00:00", "\"event_type\":\"login_failed\",\"count\":9,\"username\":\"=1+1\","
                           "\"source_host\":\"<script>alert(1)</script>\"");
    post_event("11:00:00", "\"event_type\":\"login_success\",\"username\":\"mina\","
                           "\"source_ip\":\"192.0.2.7\"");
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_events_stored_total", 2, TOLD_MS);
    for (int64_t deadline = now_ms() + TOLD_MS;;) {
        json_t *all = chain_all_incidents(chain);
        size_t count = json_array_size(all);

        json_decref(all);
        if (count > 0)
            return;
        assert_true(now_ms() < deadline);
        wait_a_little();
    }
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *body)
{
    return buf_append(body, bytes, size * count) == 0 ? size * count : 0;
}

static struct buf
get_page(const char *format)
{
    struct buf body = { 0 }, url = { 0 };
    CURL *curl = curl_easy_init();
    long status = 0;

    buf_printf(&url, "%s/report/daily?date=%s&format=%s", chain_api_url(chain), day, format);
    curl_easy_setopt(curl, CURLOPT_URL, url.ptr);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    curl_easy_cleanup(curl);
    buf_release(&url);
    return body;
}

static void
what_was_sent_is_in_every_form(void **state)
{
    static const struct { const char *format, *has; } forms[] = {
        { "html", "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" },
        { "html", "2 events were stored." },
        { "csv", "users,\"'=1+1\",1,50.0" },
        { "md", "| &lt;script&gt;alert\\(1\\)&lt;\\/script&gt; | 1 | 50.0% |" },
        { "json", "\"new_sources\"" },
    };

    (void)state;
    chain_start_all(chain);
    send_a_day();
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct buf body = get_page(forms[i].format);

        if (strstr(body.ptr, forms[i].has) == NULL)
            fail_msg("%s: %s", forms[i].format, body.ptr);
        assert_null(strstr(body.ptr, forms[i].format[0] == 'h' ? "<script" : "\xff"));
        buf_release(&body);
    }
}

static void
wait_told(const char *text, size_t times)
{
    int64_t deadline = now_ms() + TOLD_MS;

    while (stub_count_containing(slack, text) < times) {
        if (now_ms() > deadline)
            fail_msg("nobody was told: %s", text);
        wait_a_little();
    }
}

/* An incident that comes after the report: once it is told, a second report would
 * have been, too. */
static void
tell_something_else(const char *source)
{
    char fields[160];

    snprintf(fields, sizeof(fields),
             "\"event_type\":\"login_failed\",\"count\":9,\"source_ip\":\"%s\"", source);
    post_event("12:00:00", fields);
    wait_told(source, 1);
}

static void
the_day_before_is_told_once(void **state)
{
    char title[64];

    (void)state;
    snprintf(title, sizeof(title), "Daily report %s", day);
    chain_start_all(chain);
    send_a_day();
    chain_kill(chain, NOTIFIER);
    chain_set(chain, "BONGSU_REPORT_DAILY_AT", "00:00");
    chain_start(chain, NOTIFIER, NULL);
    wait_told(title, 1);
    wait_told("&lt;script&gt;", 1);
    tell_something_else("198.51.100.1");
    chain_kill(chain, NOTIFIER);
    chain_start(chain, NOTIFIER, NULL);
    chain_wait_ready(chain, TOLD_MS);
    tell_something_else("198.51.100.2");
    assert_int_equal(stub_count_containing(slack, title), 1);
}

static void
a_report_that_slack_did_not_take_is_told_after_a_restart(void **state)
{
    const struct stub_answer down = { .status = 503 }, up = { .status = 200 };
    char title[64];

    (void)state;
    snprintf(title, sizeof(title), "Daily report %s", day);
    chain_start_all(chain);
    chain_kill(chain, NOTIFIER);
    chain_set(chain, "BONGSU_REPORT_DAILY_AT", "00:00");
    stub_set_usual(slack, &down);
    chain_start(chain, NOTIFIER, NULL);
    wait_told(title, 1);
    chain_kill(chain, NOTIFIER);
    stub_set_usual(slack, &up);
    stub_forget(slack);
    chain_start(chain, NOTIFIER, NULL);
    wait_told(title, 1);
    chain_wait_metric(chain, NOTIFIER, "bongsu_notifier_messages_sent_total", 1, TOLD_MS);
    assert_int_equal(stub_count_containing(slack, title), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_sent_is_in_every_form),
        TEST(the_day_before_is_told_once),
        TEST(a_report_that_slack_did_not_take_is_told_after_a_restart),
    };

    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
