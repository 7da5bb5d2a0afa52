#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/run/health.h"
#include "tests/support/loop_client.h"

struct fixture {
    zloop_t *loop;
    struct metrics *metrics;
    struct health *health;
    struct http_server *server;
    struct loop_client *client;
};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct http_options options = { .listen = "127.0.0.1:0", .max_connections = 8,
                                    .idle_timeout_s = 30 };
    struct err err = { "" };

    f->loop = zloop_new();
    f->metrics = metrics_new();
    f->health = health_new("tester", f->metrics);
    f->server = http_server_new(f->loop, &options, f->metrics, &err);
    if (f->server == NULL)
        return -1;
    http_server_add_routes(f->server, health_routes, health_route_count, f->health);
    f->client = loop_client_new(f->loop, http_server_address(f->server));
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    health_destroy(&f->health);
    metrics_destroy(&f->metrics);
    zloop_destroy(&f->loop);
    free(f);
    return 0;
}

static int
get(struct fixture *f, const char *path)
{
    loop_client_send(f->client, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    return loop_client_wait(f->client);
}

/* The answer's body as JSON; the caller releases it. */
static json_t *
get_json(struct fixture *f, const char *path, int status)
{
    struct text body;
    json_t *object;

    assert_int_equal(get(f, path), status);
    body = loop_client_body(f->client);
    object = json_loadb(body.ptr, body.len, 0, NULL);
    assert_non_null(object);
    return object;
}

static const char *
check_of(const json_t *object, const char *name)
{
    const char *value =
        json_string_value(json_object_get(json_object_get(object, "checks"), name));

    return value == NULL ? "" : value;
}

static void
alive_is_who_answers(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_set(f->health, "store", 0, "gone");
    object = get_json(f, "/healthz", 200);
    assert_string_equal(json_string_value(json_object_get(object, "status")), "ok");
    assert_true(json_integer_value(json_object_get(object, "last_beat_ms")) >= 0);
    json_decref(object);
}

static void
ready_while_every_check_is_fine(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_set(f->health, "journal", 1, NULL);
    health_set(f->health, "store", 1, "ignored");
    object = get_json(f, "/readyz", 200);
    assert_string_equal(json_string_value(json_object_get(object, "status")), "ready");
    assert_string_equal(check_of(object, "journal"), "ok");
    assert_string_equal(check_of(object, "store"), "ok");
    json_decref(object);
}

static void
a_warning_that_is_cut_within_a_character_is_shown(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_warn(f->health, "windows", "forgotten: \xea\xb0\x80\xea\xb0");
    object = get_json(f, "/readyz", 200);
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "warnings"), 0)),
                        "forgotten: \xea\xb0\x80??");
    json_decref(object);
}

static void
a_warning_makes_nobody_less_ready_and_stands_apart(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_set(f->health, "journal", 1, NULL);
    health_warn(f->health, "windows", "they forget");
    object = get_json(f, "/readyz", 200);
    assert_null(json_object_get(json_object_get(object, "checks"), "windows"));
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "warnings"), 0)),
                        "they forget");
    json_decref(object);
    object = get_json(f, "/status", 200);
    assert_int_equal(json_array_size(json_object_get(object, "warnings")), 1);
    json_decref(object);
    health_warn(f->health, "windows", NULL);
    object = get_json(f, "/readyz", 200);
    assert_null(json_object_get(object, "warnings"));
    json_decref(object);
}

static void
not_ready_says_why_and_recovers(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_set(f->health, "journal", 1, NULL);
    health_set(f->health, "store", 0, "the disk is \"full\"");
    object = get_json(f, "/readyz", 503);
    assert_string_equal(check_of(object, "store"), "the disk is \"full\"");
    assert_string_equal(check_of(object, "journal"), "ok");
    assert_string_equal(loop_client_header(f->client, "Retry-After"), "1");
    json_decref(object);
    health_set(f->health, "store", 1, NULL);
    object = get_json(f, "/readyz", 200);
    json_decref(object);
}

static void
a_reason_that_is_no_utf8_is_still_json(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_set(f->health, "store", 0, "\xff");
    object = get_json(f, "/readyz", 503);
    assert_string_equal(check_of(object, "store"), "?");
    json_decref(object);
}

static void
draining_is_not_ready_whatever_the_checks_say(void **state)
{
    struct fixture *f = *state;
    json_t *object;

    health_set(f->health, "journal", 1, NULL);
    health_set_draining(f->health);
    object = get_json(f, "/readyz", 503);
    assert_string_not_equal(check_of(object, "draining"), "");
    json_decref(object);
}

static void
more_checks_than_there_is_room_for_do_no_harm(void **state)
{
    struct fixture *f = *state;
    char name[32];

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "check%d", i);
        health_set(f->health, name, 1, NULL);
    }
    assert_int_equal(get(f, "/readyz"), 200);
}

static void
metrics_are_prometheus_text_with_those_of_the_process(void **state)
{
    static const char *const names[] = {
        "\nbongsu_build_info{process=\"tester\",version=\"" BONGSU_VERSION "\"} 1\n",
        "\nprocess_resident_memory_bytes ", "\nprocess_cpu_seconds_total ",
        "\nprocess_open_fds ", "\nprocess_start_time_seconds ",
        "\ntester_things_total{kind=\"a b\"} 7\n",
    };
    struct fixture *f = *state;

    *metrics_number(f->metrics, METRIC_COUNTER, "tester_things_total", "kind=\"a b\"",
                    "Things") = 7;
    assert_int_equal(get(f, "/metrics"), 200);
    assert_string_equal(loop_client_header(f->client, "Content-Type"),
                        "text/plain; version=0.0.4");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_find(loop_client_body(f->client), names[i]) == NULL)
            fail_msg("no %s", names[i]);
}

static void
fill(void *self, json_t *status)
{
    json_object_set_new(status, "backlog", json_integer(*(int *)self));
}

static void
status_has_numbers_as_an_object_and_what_the_process_adds(void **state)
{
    struct fixture *f = *state;
    int backlog = 42;
    json_t *object, *metrics;

    *metrics_number(f->metrics, METRIC_COUNTER, "tester_things_total", "kind=\"a b\"",
                    "Things") = 7;
    health_on_status(f->health, fill, &backlog);
    health_set(f->health, "journal", 1, NULL);
    object = get_json(f, "/status", 200);
    metrics = json_object_get(object, "metrics");
    assert_string_equal(json_string_value(json_object_get(object, "process")), "tester");
    assert_string_equal(json_string_value(json_object_get(object, "version")), BONGSU_VERSION);
    assert_int_equal(json_integer_value(json_object_get(object, "pid")), getpid());
    assert_true(json_is_true(json_object_get(object, "ready")));
    assert_int_equal(json_integer_value(json_object_get(object, "backlog")), 42);
    assert_int_equal(json_integer_value(
        json_object_get(metrics, "tester_things_total{kind=\"a b\"}")), 7);
    assert_true(json_integer_value(
        json_object_get(metrics, "process_resident_memory_bytes")) > 100000);
    assert_true(json_is_real(json_object_get(metrics, "process_cpu_seconds_total")));
    json_decref(object);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alive_is_who_answers),
        TEST(ready_while_every_check_is_fine),
        TEST(a_warning_that_is_cut_within_a_character_is_shown),
        TEST(a_warning_makes_nobody_less_ready_and_stands_apart),
        TEST(not_ready_says_why_and_recovers),
        TEST(a_reason_that_is_no_utf8_is_still_json),
        TEST(draining_is_not_ready_whatever_the_checks_say),
        TEST(more_checks_than_there_is_room_for_do_no_harm),
        TEST(metrics_are_prometheus_text_with_those_of_the_process),
        TEST(status_has_numbers_as_an_object_and_what_the_process_adds),
    };

    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
