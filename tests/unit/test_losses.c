/* What the detector says of what it forgets: which rules, and why. */
#include "detector/detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_case.h"
#include "tests/support/loop_client.h"

enum { RULES = 25, SHOWN = 20, ROOM = 100 };

/* Counts of alarms; and before it so many of failed logins, each with keys of its own. */
static void
add_rules(struct buf *text)
{
    static const char *const types[] = { "login_failed", "alarm" };

    for (int i = 0; i < 2; i++)
        assert_int_equal(buf_printf(text, "title: d%d\nname: d%d\nlogsource: {product: x}\n"
                                    "detection: {s: {event_type: %s}, condition: s}\n---\n", i, i,
                                    types[i]), 0);
    for (int i = 0; i < RULES; i++)
        assert_int_equal(buf_printf(text, "title: r%d\nid: r%d\ncorrelation: {type: event_count,"
                                    " rules: d%d, group-by: [source_address], timespan: 5m,"
                                    " condition: {gte: 1000}}\n---\n", i, i, i == RULES - 1), 0);
    assert_int_equal(buf_append(text, "", 1), 0);
}

static void
judge_from_many(struct engine_case *fix, const char *type, int count)
{
    char source[32];

    for (int i = 0; i < count; i++) {
        struct event ev;

        snprintf(source, sizeof(source), "10.0.%d.%d", i / 200, i % 200);
        ev = engine_case_event(fix, type, source, START);
        engine_case_judge(fix, &ev);
    }
}

static json_int_t
keys_of(const json_t *rules, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(rules, i), "keys"));
}

static void
the_rules_that_have_lost_most_are_named_the_worst_first(void **state)
{
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    struct detector det = { 0 };
    json_t *status = json_object(), *rules;
    struct buf text = { 0 };

    engine_case_close(fix);
    add_rules(&text);
    options.max_keys = ROOM;
    engine_case_open(fix, text.ptr, &options);
    judge_from_many(fix, "login_failed", 10);
    judge_from_many(fix, "alarm", 5 * ROOM);
    det.engine = fix->engine;
    detector_fill_losses(&det, status);
    rules = json_object_get(status, "rules_that_forget");
    assert_int_equal(json_array_size(rules), SHOWN);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rules, 0), "id")), "r24");
    for (size_t i = 1; i < SHOWN; i++)
        assert_in_range(keys_of(rules, i), 1, keys_of(rules, i - 1));
    json_decref(status);
    buf_release(&text);
}

/* --- the warning --- */

struct warned {
    struct engine_case fix;
    struct settings settings;
    struct daemon daemon;
    struct http_server *server;
    struct loop_client *client;
    struct detector det;
};

static void
open_warned(struct warned *w, const char *rules, const struct engine_options *options)
{
    const struct http_options http = { .listen = "127.0.0.1:0", .max_connections = 8,
                                       .idle_timeout_s = 30 };
    struct err err = { "" };

    memset(w, 0, sizeof(*w));
    engine_case_open(&w->fix, rules, options);
    w->settings.detector_max_keys = (int64_t)options->max_keys;
    w->settings.detector_max_total_entries = (int64_t)options->max_total_entries;
    w->daemon = (struct daemon){ .settings = &w->settings, .loop = zloop_new(),
                                 .metrics = metrics_new() };
    w->daemon.health = health_new("detector", w->daemon.metrics);
    w->server = http_server_new(w->daemon.loop, &http, w->daemon.metrics, &err);
    assert_non_null(w->server);
    http_server_add_routes(w->server, health_routes, health_route_count, w->daemon.health);
    w->client = loop_client_new(w->daemon.loop, http_server_address(w->server));
    w->det.daemon = &w->daemon;
    w->det.engine = w->fix.engine;
}

static void
close_warned(struct warned *w)
{
    loop_client_destroy(&w->client);
    http_server_destroy(&w->server);
    health_destroy(&w->daemon.health);
    metrics_destroy(&w->daemon.metrics);
    zloop_destroy(&w->daemon.loop);
    engine_case_close(&w->fix);
}

/* What stands in /readyz after a look; NULL stands for no warning. */
static void
expect_warning(struct warned *w, const char *text)
{
    char body[1000];

    detector_note_losses(&w->det);
    loop_client_send(w->client, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(loop_client_wait(w->client), 200);
    snprintf(body, sizeof(body), "%.*s", (int)loop_client_body(w->client).len,
             loop_client_body(w->client).ptr);
    if (text == NULL ? strstr(body, "forget") != NULL : strstr(body, text) == NULL)
        fail_msg("%s: not \"%s\"", body, text == NULL ? "" : text);
}

static void
what_first_seen_rules_forget_is_told_with_the_rule(void **state)
{
    static const char rules[] =
        "title: First\nid: first\nlogsource: {product: x}\n"
        "detection: {s: {event_type: sudo}, condition: s}\n"
        "bongsu: {first_seen: {fields: [source_address], within: 30d}}\n";
    struct engine_options options = engine_case_options();
    struct warned w;

    (void)state;
    options.max_keys = 400;
    open_warned(&w, rules, &options);
    judge_from_many(&w.fix, "sudo", 50);
    expect_warning(&w, NULL);
    judge_from_many(&w.fix, "sudo", 500);
    expect_warning(&w, "windows forget early (detector.max_keys): most of it is of \\\"First\\\"");
    close_warned(&w);
}

static void
windows_that_are_short_since_all_are_full_name_the_bound_of_all(void **state)
{
    static const char rules[] =
        "title: a\nid: a\nname: a\nlogsource: {product: x}\n"
        "detection: {s: {event_type: busy}, condition: s}\n---\n"
        "title: Average\nid: average\n"
        "correlation: {type: value_avg, rules: a, group-by: [source_address],"
        " timespan: 1h, condition: {field: count, gte: 50}}\n";
    static const struct { size_t most; const char *text; } cases[] = {
        { 100000, "(detector.max_entries)" }, { 600, "(detector.max_total_entries)" },
    };
    struct engine_options options = engine_case_options();
    struct warned w;

    (void)state;
    options.max_entries = 500;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.max_total_entries = cases[i].most;
        open_warned(&w, rules, &options);
        for (int k = 0; k < 510; k++) {
            struct event ev = engine_case_event(&w.fix, "busy", "192.0.2.1", START + k);

            ev.known[EVENT_COUNT] = value_int(1);
            engine_case_judge(&w.fix, &ev);
        }
        assert_int_equal(engine_numbers(w.fix.engine).keys_evicted, 0);
        expect_warning(&w, cases[i].text);
        close_warned(&w);
    }
}

static void
rows_of_no_rule_are_not_called_windows(void **state)
{
    struct engine_options options = engine_case_options();
    char key[16];
    struct warned w;

    (void)state;
    options.max_keys = ROOM;
    open_warned(&w, engine_case_rules, &options);
    for (int i = 0; i < 5 * ROOM; i++) {
        struct event ev = engine_case_event(&w.fix, "alarm", "192.0.2.1", START + i);

        snprintf(key, sizeof(key), "%d", i);
        ev.id = event_id_keyed(text_of("k"), text_of(key));
        ev.is_keyed = 1;
        engine_case_judge(&w.fix, &ev);
    }
    assert_true(engine_numbers(w.fix.engine).keys_evicted > 0);
    expect_warning(&w, "ids that clients gave");
    close_warned(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, engine_case_set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rules_that_have_lost_most_are_named_the_worst_first),
        cmocka_unit_test(what_first_seen_rules_forget_is_told_with_the_rule),
        cmocka_unit_test(windows_that_are_short_since_all_are_full_name_the_bound_of_all),
        cmocka_unit_test(rows_of_no_rule_are_not_called_windows),
    };

    return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
