#include "proto/http/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "tests/support/http_stub.h"

enum { DEADLINE_MS = 20000 };

struct world {
    struct stub *stub;
    zloop_t *loop;
    struct http_client *client;
    char url[256];
    /* what done() was told */
    unsigned wanted, count;
    long status, retry_after_s;
    size_t body_len;
    char body[256];
    char error[512];
    /* to be started from inside done() */
    const struct http_call *next;
};

static int
open_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct err err = { "" };

    world->stub = stub_new();
    world->loop = zloop_new();
    world->client = http_client_new(world->loop, &err);
    *state = world;
    if (world->stub == NULL || world->client == NULL)
        return -1;
    snprintf(world->url, sizeof(world->url), "%s/services/T0/SECRET",
             stub_url(world->stub));
    return 0;
}

static int
close_world(void **state)
{
    struct world *world = *state;

    http_client_destroy(&world->client);
    assert_null(world->client);
    http_client_destroy(&world->client);
    zloop_destroy(&world->loop);
    stub_destroy(&world->stub);
    free(world);
    return 0;
}

static void
note(void *ctx, const struct http_answer *answer)
{
    struct world *world = ctx;
    struct err err = { "" };

    world->count++;
    world->status = answer->status;
    world->retry_after_s = answer->retry_after_s;
    world->body_len = answer->body.len;
    snprintf(world->body, sizeof(world->body), "%s",
             answer->body.ptr == NULL ? "" : answer->body.ptr);
    snprintf(world->error, sizeof(world->error), "%s", answer->error.text);
    if (world->next != NULL) {
        const struct http_call *next = world->next;

        world->next = NULL;
        assert_int_equal(http_client_start(world->client, next, note, world, &err), 0);
    }
}

static int
stop_when_done(zloop_t *loop, int timer, void *self)
{
    struct world *world = self;

    return world->count >= world->wanted ? -1 : 0;
}

static int
give_up(zloop_t *loop, int timer, void *self)
{
    return -1;
}

/* Run the loop until done() was called this often in all, or the deadline. */
static void
run(struct world *world, unsigned wanted)
{
    int watch = zloop_timer(world->loop, 2, 0, stop_when_done, world);
    int deadline = zloop_timer(world->loop, DEADLINE_MS, 1, give_up, NULL);

    world->wanted = wanted;
    zloop_start(world->loop);
    zloop_timer_end(world->loop, watch);
    zloop_timer_end(world->loop, deadline);
    assert_int_equal(world->count, wanted);
}

static struct http_call
post(const struct world *world, const char *body)
{
    return (struct http_call){ .method = "POST", .url = world->url,
                               .body = text_of(body),
                               .content_type = "application/json" };
}

static void
start(struct world *world, const struct http_call *call)
{
    struct err err = { "" };
    int rc = http_client_start(world->client, call, note, world, &err);

    if (rc != 0)
        print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
}

static void
answer_with(struct world *world, struct stub_answer answer)
{
    stub_script(world->stub, &answer, 1);
}

/* --- on a loop --- */

static void
posts_the_body_and_tells_the_answer(void **state)
{
    struct world *world = *state;
    const char *const headers[] = { "X-API-Key: k", NULL };
    struct http_call call = post(world, "{\"text\":\"hello\"}");
    const struct stub_request *request;
    char value[128];

    call.headers = headers;
    answer_with(world, (struct stub_answer){ .status = 201, .body = "done" });
    start(world, &call);
    assert_int_equal(world->count, 0);          /* never from inside start */
    run(world, 1);

    assert_int_equal(world->status, 201);
    assert_string_equal(world->body, "done");
    assert_string_equal(world->error, "");
    assert_int_equal(world->retry_after_s, -1);
    request = stub_request(world->stub, 0);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/services/T0/SECRET");
    assert_string_equal(request->body, "{\"text\":\"hello\"}");
    assert_true(stub_header(request, "content-type", value, sizeof(value)));
    assert_string_equal(value, "application/json");
    assert_true(stub_header(request, "X-Api-Key", value, sizeof(value)));
    assert_string_equal(value, "k");
    assert_false(stub_header(request, "Expect", value, sizeof(value)));
}

static void
sends_the_body_as_it_was_when_started(void **state)
{
    struct world *world = *state;
    char body[] = "before";
    struct http_call call = post(world, body);

    start(world, &call);
    memcpy(body, "behind", 6);
    run(world, 1);
    assert_string_equal(stub_request(world->stub, 0)->body, "before");
}

static void
keeps_its_connection_between_calls(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");

    for (unsigned i = 1; i <= 3; i++) {
        start(world, &call);
        run(world, i);
    }
    assert_int_equal(stub_request(world->stub, 2)->connection, 1);
}

static void
runs_many_calls_at_once_and_tells_each(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");

    stub_set_usual(world->stub, &(struct stub_answer){ .delay_ms = 30 });
    for (unsigned i = 0; i < 40; i++)
        start(world, &call);
    run(world, 40);
    assert_int_equal(stub_count(world->stub), 40);
    assert_true(stub_most_at_once(world->stub) > 1);
}

static void
a_call_can_be_started_from_inside_done(void **state)
{
    struct world *world = *state;
    struct http_call first = post(world, "first"), second = post(world, "second");

    world->next = &second;
    start(world, &first);
    run(world, 2);
    assert_string_equal(stub_request(world->stub, 1)->body, "second");
}

static void
refuses_a_call_too_many(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");
    struct err err = { "" };
    unsigned count = 0;

    while (count < 1000 &&
           http_client_start(world->client, &call, note, world, &err) == 0)
        count++;
    assert_int_equal(count, 256);
    assert_string_not_equal(err.text, "");
}

static void
forgets_what_is_under_way_when_destroyed(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");
    int deadline;

    stub_set_usual(world->stub, &(struct stub_answer){ .delay_ms = DEADLINE_MS });
    start(world, &call);
    start(world, &call);
    deadline = zloop_timer(world->loop, 50, 1, give_up, NULL);
    zloop_start(world->loop);
    zloop_timer_end(world->loop, deadline);
    http_client_destroy(&world->client);
    assert_int_equal(world->count, 0);
}

/* --- answers that are not as one would like --- */

static void
finish_waits_for_what_is_under_way_without_the_loop(void **state)
{
    struct world *world = *state;
    const struct stub_answer late = { .status = 200, .delay_ms = 100 };
    const struct http_call call = post(world, "a");

    stub_script(world->stub, &late, 1);
    start(world, &call);
    http_client_finish(world->client, DEADLINE_MS);
    assert_int_equal(world->count, 1);
    assert_int_equal(world->status, 200);
}

static void
finish_waits_no_longer_than_it_may(void **state)
{
    struct world *world = *state;
    const struct stub_answer never = { .status = 200, .delay_ms = DEADLINE_MS };
    const struct http_call call = post(world, "a");
    int64_t began_ms = clock_steady_ms();

    stub_script(world->stub, &never, 1);
    start(world, &call);
    http_client_finish(world->client, 200);
    assert_int_equal(world->count, 0);
    assert_in_range(clock_steady_ms() - began_ms, 200, DEADLINE_MS - 1);
}

static void
cuts_a_body_over_64_KiB_and_keeps_the_status(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");

    answer_with(world, (struct stub_answer){ .status = 500, .body = "0123456789abcdef",
                                             .repeat = 1024 * 1024 });
    start(world, &call);
    run(world, 1);
    assert_int_equal(world->status, 500);
    assert_int_equal(world->body_len, 64 * 1024);
}

static void
takes_a_longer_body_where_the_call_says_so(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");
    char *body = malloc(100 * 1024 + 1);
    struct stub_answer answer = { .status = 200, .body = body };

    assert_non_null(body);
    memset(body, 'x', 100 * 1024);
    body[100 * 1024] = '\0';
    call.max_answer = 1024 * 1024;
    stub_script(world->stub, &answer, 1);
    start(world, &call);
    http_client_finish(world->client, DEADLINE_MS);
    assert_int_equal(world->count, 1);
    assert_int_equal(world->body_len, 100 * 1024);
    free(body);
}

static void
takes_a_body_of_exactly_64_KiB_whole(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");

    answer_with(world, (struct stub_answer){ .body = "0123456789abcdef",
                                             .repeat = 4096 });
    start(world, &call);
    run(world, 1);
    assert_int_equal(world->status, 200);
    assert_int_equal(world->body_len, 64 * 1024);
    assert_string_equal(world->error, "");
}

static void
reads_retry_after_in_all_its_forms(void **state)
{
    static const struct {
        const char *header;
        long low, high;
    } cases[] = {
        { "Retry-After: 7\r\n", 7, 7 },
        { "retry-after:0\r\n", 0, 0 },
        { "Retry-After:  30  \r\n", 30, 30 },
        { "Retry-After: 99999999999999999999999\r\n", 86400, 86400 },
        { "Retry-After: -5\r\n", -1, -1 },
        { "Retry-After: soon\r\n", -1, -1 },
        { "Retry-After: \r\n", -1, -1 },
        { "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", 0, 0 },
        { "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n", 86400, 86400 },
        { NULL, -1, -1 },
    };
    struct world *world = *state;
    struct http_call call = post(world, "a");

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer_with(world, (struct stub_answer){ .status = 429,
                                                 .headers = cases[i].header });
        start(world, &call);
        run(world, i + 1);
        assert_int_equal(world->status, 429);
        assert_in_range(world->retry_after_s + 1, cases[i].low + 1, cases[i].high + 1);
    }
}

static void
reads_a_date_in_retry_after_as_seconds_from_now(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");
    time_t at = time(NULL) + 100;
    struct tm utc;
    char header[128];

    strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
             gmtime_r(&at, &utc));
    answer_with(world, (struct stub_answer){ .status = 503, .headers = header });
    start(world, &call);
    run(world, 1);
    assert_in_range(world->retry_after_s, 60, 100);
}

static void
does_not_follow_a_redirect(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");
    char header[256];

    snprintf(header, sizeof(header), "Location: %s/other\r\n", stub_url(world->stub));
    answer_with(world, (struct stub_answer){ .status = 307, .headers = header });
    start(world, &call);
    run(world, 1);
    assert_int_equal(world->status, 307);
    assert_int_equal(stub_count(world->stub), 1);
}

static void
says_what_went_wrong_without_the_url(void **state)
{
    static const struct stub_answer bad[] = {
        { .is_dropped = 1 },
        { .raw = "SSH-2.0-OpenSSH_9.2\r\n" },
        { .raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" },
        { .raw = "HTTP/1.1 nonsense\r\n\r\n" },
        { .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n" },
    };
    struct world *world = *state;
    struct http_call call = post(world, "a");

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        answer_with(world, bad[i]);
        start(world, &call);
        run(world, i + 1);
        assert_int_equal(world->status, 0);
        assert_string_not_equal(world->error, "");
        assert_null(strstr(world->error, "SECRET"));
        assert_null(strstr(world->error, "127.0.0.1"));
    }
}

static void
gives_up_after_the_time_of_the_call(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");
    int64_t begin_ms = clock_steady_ms();

    call.timeout_ms = 100;
    answer_with(world, (struct stub_answer){ .delay_ms = DEADLINE_MS });
    start(world, &call);
    run(world, 1);
    assert_int_equal(world->status, 0);
    assert_string_not_equal(world->error, "");
    assert_in_range(clock_steady_ms() - begin_ms, 100, 5000);
}

static void
says_that_a_connection_was_refused(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");

    stub_destroy(&world->stub);
    start(world, &call);
    run(world, 1);
    assert_int_equal(world->status, 0);
    assert_non_null(strstr(world->error, "refused"));
    assert_null(strstr(world->error, "SECRET"));
}

static void
takes_no_proxy_from_the_environment(void **state)
{
    struct world *world = *state;
    struct http_call call = post(world, "a");

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    start(world, &call);
    run(world, 1);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(world->status, 200);
}

/* --- calls that are not made --- */

static void
refuses_calls_that_may_not_be_made(void **state)
{
    static const char *const split[] = { "X: a\r\nY: b", NULL };
    static const struct {
        struct http_call call;
        const char *why;
    } cases[] = {
        { { .method = "GET", .url = NULL }, "not a usable URL" },
        { { .method = "GET", .url = "" }, "not a usable URL" },
        { { .method = "GET", .url = "http://example.com/SECRET" }, "plain http" },
        { { .method = "GET", .url = "http://127.0.0.1@example.com/SECRET" }, "URL" },
        { { .method = "GET", .url = "file:///etc/passwd", .allow_plain = 1 },
          "nor http" },
        { { .method = "GET", .url = "gopher://127.0.0.1/", .allow_plain = 1 },
          "nor http" },
        { { .method = "GET", .url = "http://127.0.0.1/\r\nSECRET" }, "not a usable URL" },
        { { .method = "GE T", .url = "http://127.0.0.1/" }, "not a method" },
        { { .method = "", .url = "http://127.0.0.1/" }, "not a method" },
        { { .method = "GET", .url = "http://127.0.0.1/", .headers = split }, "control" },
        { { .method = "POST", .url = "http://127.0.0.1/", .content_type = "a\nb" },
          "control" },
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };
        struct http_answer answer;
        int rc = http_client_start(world->client, &cases[i].call, note, world, &err);

        assert_int_equal(rc, -1);
        assert_non_null(strstr(err.text, cases[i].why));
        assert_null(strstr(err.text, "SECRET"));
        assert_int_equal(http_call(&cases[i].call, &answer), -1);
        assert_non_null(strstr(answer.error.text, cases[i].why));
        http_answer_release(&answer);
    }
    assert_int_equal(world->count, 0);
}

static void
a_webhook_is_https_or_on_this_machine(void **state)
{
    static const struct {
        const char *url;
        int rc;
    } cases[] = {
        { "https://hooks.slack.com/services/T0/B0/x", 0 },
        { "HTTPS://example.com:8443/x", 0 },
        { "http://127.0.0.1:9000/x", 0 },
        { "http://127.9.9.9/x", 0 },
        { "http://[::1]:9000/x", 0 },
        { "http://localhost/x", 0 },
        { "http://LocalHost:80/x", 0 },
        { "http://example.com/x", -1 },
        { "http://localhost.example.com/", -1 },
        { "http://127.0.0.1.example.com/", -1 },
        { "http://128.0.0.1/", -1 },
        { "http://0.0.0.0/", -1 },
        { "http://[::]/", -1 },
        { "http://[::ffff:127.0.0.1]/", -1 },
        { "http://10.0.0.1/", -1 },
        { "http://user:pw@127.0.0.1/", -1 },
        { "https://user:pw@example.com/", -1 },
        { "ftp://127.0.0.1/", -1 },
        { "file:///etc/passwd", -1 },
        { "hooks.slack.com/services", -1 },
        { "https://", -1 },
        { "http:///x", -1 },
        { "", -1 },
        { "https://exa mple.com/", -1 },
        { "https://example.com/\n", -1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };
        int rc = http_url_check_webhook(cases[i].url, &err);

        if (rc != cases[i].rc)
            print_message("%s -> %d %s\n", cases[i].url, rc, err.text);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(err.text[0] == '\0', rc == 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(posts_the_body_and_tells_the_answer),
        TEST(sends_the_body_as_it_was_when_started),
        TEST(keeps_its_connection_between_calls),
        TEST(runs_many_calls_at_once_and_tells_each),
        TEST(a_call_can_be_started_from_inside_done),
        TEST(refuses_a_call_too_many),
        TEST(forgets_what_is_under_way_when_destroyed),
        TEST(finish_waits_for_what_is_under_way_without_the_loop),
        TEST(finish_waits_no_longer_than_it_may),
        TEST(cuts_a_body_over_64_KiB_and_keeps_the_status),
        TEST(takes_a_longer_body_where_the_call_says_so),
        TEST(takes_a_body_of_exactly_64_KiB_whole),
        TEST(reads_retry_after_in_all_its_forms),
        TEST(reads_a_date_in_retry_after_as_seconds_from_now),
        TEST(does_not_follow_a_redirect),
        TEST(says_what_went_wrong_without_the_url),
        TEST(gives_up_after_the_time_of_the_call),
        TEST(says_that_a_connection_was_refused),
        TEST(takes_no_proxy_from_the_environment),
        TEST(refuses_calls_that_may_not_be_made),
        TEST(a_webhook_is_https_or_on_this_machine),
    };

    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
