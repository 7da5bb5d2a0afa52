/* Calls that wait for their answer: http_call and http_session. */
#include "proto/http/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_stub.h"
#include "tests/support/temp_dir.h"

struct world {
    struct stub *stub;
    char url[256];
};

static int
open_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->stub = stub_new();
    assert_non_null(world->stub);
    snprintf(world->url, sizeof(world->url), "%s/services/T0/SECRET", stub_url(world->stub));
    *state = world;
    return 0;
}

static int
close_world(void **state)
{
    struct world *world = *state;

    stub_destroy(&world->stub);
    free(world);
    return 0;
}

static void
answer_with(struct world *world, struct stub_answer answer)
{
    stub_script(world->stub, &answer, 1);
}

static void
a_blocking_call_gives_status_and_body(void **state)
{
    struct world *world = *state;
    struct http_call call = { .method = "GET", .url = world->url };
    struct http_answer answer;

    answer_with(world, (struct stub_answer){ .status = 404, .body = "not here" });
    assert_int_equal(http_call(&call, &answer), 0);
    assert_int_equal(answer.status, 404);
    assert_true(text_is(buf_text(&answer.body), "not here"));
    assert_string_equal(stub_request(world->stub, 0)->method, "GET");
    assert_int_equal(stub_request(world->stub, 0)->body_len, 0);
    http_answer_release(&answer);
}

static void
a_blocking_call_takes_more_than_a_daemon_does(void **state)
{
    struct world *world = *state;
    struct http_call call = { .method = "GET", .url = world->url };
    struct http_answer answer;

    answer_with(world, (struct stub_answer){ .body = "0123456789abcdef",
                                             .repeat = 65536 });
    assert_int_equal(http_call(&call, &answer), 0);
    assert_int_equal(answer.body.len, 1024 * 1024);
    http_answer_release(&answer);
}

static void
a_blocking_call_says_why_there_was_no_answer(void **state)
{
    struct world *world = *state;
    struct http_call call = { .method = "GET", .url = world->url };
    struct http_answer answer;

    answer_with(world, (struct stub_answer){ .is_dropped = 1 });
    assert_int_equal(http_call(&call, &answer), -1);
    assert_int_equal(answer.status, 0);
    assert_string_not_equal(answer.error.text, "");
    assert_null(strstr(answer.error.text, "SECRET"));
    http_answer_release(&answer);
}

static void
each_method_and_body_arrives_as_it_was_given(void **state)
{
    static const struct {
        const char *method, *body;
    } cases[] = {
        { "GET", "" }, { "POST", "x" }, { "POST", "" }, { "PUT", "y" }, { "DELETE", "" },
        { "GET", "{\"query\":1}" }, { "HEAD", "" }, { "GET", "" },
    };
    struct world *world = *state;
    struct http_session *session = http_session_new();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_call call = { .method = cases[i].method, .url = world->url,
                                  .body = text_of(cases[i].body) };
        const struct stub_request *request;
        struct http_answer answer;
        char value[64];

        assert_int_equal(http_session_call(session, &call, &answer), 0);
        http_answer_release(&answer);
        request = stub_request(world->stub, i);
        assert_string_equal(request->method, cases[i].method);
        assert_string_equal(request->body, cases[i].body);
        assert_false(stub_header(request, "Content-Type", value, sizeof(value)));
    }
    assert_int_equal(stub_request(world->stub, 7)->connection, 1);
    http_session_destroy(&session);
    assert_null(session);
}

static void
a_session_lives_on_after_a_failed_call(void **state)
{
    struct world *world = *state;
    struct http_call call = { .method = "POST", .url = world->url, .body = text_of("a") };
    struct http_session *session = http_session_new();
    struct http_answer answer;

    answer_with(world, (struct stub_answer){ .is_dropped = 1 });
    assert_int_equal(http_session_call(session, &call, &answer), -1);
    http_answer_release(&answer);
    assert_int_equal(http_session_call(session, &call, &answer), 0);
    assert_int_equal(answer.status, 200);
    http_answer_release(&answer);
    http_session_destroy(&session);
}

static void
calls_through_a_unix_socket_whatever_the_host_is_called(void **state)
{
    char dir[64], path[80];
    struct http_call call = { .method = "GET", .url = "http://bongsu/healthz",
                              .unix_socket = path };
    struct http_answer answer;
    struct stub *stub;

    temp_dir_make(NULL, dir, sizeof(dir));
    snprintf(path, sizeof(path), "%s/a.sock", dir);
    assert_int_equal(http_call(&call, &answer), -1);
    assert_non_null(strstr(answer.error.text, "No such file"));
    http_answer_release(&answer);

    stub = stub_new_unix(path);
    assert_non_null(stub);
    assert_int_equal(http_call(&call, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_string_equal(stub_request(stub, 0)->path, "/healthz");
    http_answer_release(&answer);
    stub_destroy(&stub);
    temp_dir_remove(dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_blocking_call_gives_status_and_body),
        TEST(a_blocking_call_takes_more_than_a_daemon_does),
        TEST(a_blocking_call_says_why_there_was_no_answer),
        TEST(each_method_and_body_arrives_as_it_was_given),
        TEST(a_session_lives_on_after_a_failed_call),
        TEST(calls_through_a_unix_socket_whatever_the_host_is_called),
    };

    return cmocka_run_group_tests_name("http_blocking", tests, NULL, NULL);
}
