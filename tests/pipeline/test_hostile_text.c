/*
 * What an attacker wrote comes back as it was sent, and stays what it is: text,
 * not a log line, not a pair in one, not markup in Slack, not a header. And no
 * key comes out anywhere.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/chain.h"
#include "tests/support/http_stub.h"
#include "tests/support/raw_client.h"

static struct chain *chain;
static struct stub *slack;

static int
start(void **state)
{
    (void)state;
    slack = stub_new();
    chain = chain_new(NULL, stub_url(slack));
    chain_start_all(chain);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_stop_all(chain);
    chain_destroy(&chain);
    stub_destroy(&slack);
    return 0;
}

static long
post_json(json_t *event)
{
    char *body = json_dumps(event, JSON_COMPACT);
    long status;

    assert_non_null(body);
    status = chain_post(chain, "/log", "application/json", body, strlen(body), NULL);
    free(body);
    return status;
}

/* A file of the chain, or of /proc, as far as it can be read. */
static void
read_file(const char *path, struct buf *out)
{
    char part[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    buf_clear(out);
    while (fd >= 0 && (len = read(fd, part, sizeof(part))) > 0)
        assert_int_equal(buf_append(out, part, (size_t)len), 0);
    if (fd >= 0)
        close(fd);
    assert_int_equal(buf_append_char(out, '\0'), 0);
}

static void
read_log(enum process which, struct buf *out)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s.log", chain_dir(chain), process_names[which]);
    read_file(path, out);
}

/* --- there and back --- */

static const char *const texts[] = {
    "", " ", "\"", "\\", "a\nb\r\n\tc", "\x01\x1f\x7f", "</script><script>alert(1)</script>",
    "' OR 1=1 --", "%s%n%00", "${jndi:ldap://x}", "\xc2\x85\xe2\x80\xa8\xe2\x80\xae", "\xef\xbb\xbf",
    "\xef\xbf\xbf", "\xf0\x9f\x94\xa5\xf4\x8f\xbf\xbf", "\xed\x95\x9c\xea\xb8\x80", "{\"a\":1}", "a=b c=d",
};

static json_t *
make_event(size_t n)
{
    const char *text = texts[n];

    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:[s, n, b, f, I, {s:s}], s:{s:[]}}",
                     "event_type", "hostile", "nonce", (int)n, "description", text,
                     "raw_log", text, "own", text, "list", text, 1, 0.1, INT64_MIN, "in", text,
                     "empty", "x");
}

static json_t *
find_by_nonce(const json_t *events, size_t nonce)
{
    json_t *event;
    size_t i;

    json_array_foreach(events, i, event)
        if (json_is_integer(json_object_get(event, "nonce")) &&
            json_integer_value(json_object_get(event, "nonce")) == (json_int_t)nonce)
            return event;
    fail_msg("event %zu is not there", nonce);
    return NULL;
}

static void
what_was_sent_comes_back_the_same(void **state)
{
    json_t *events;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *event = make_event(i);

        assert_int_equal(post_json(event), 202);
        json_decref(event);
    }
    chain_wait_delivered(chain, 60000);
    events = chain_all_events(chain);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *sent = make_event(i), *value, *back = find_by_nonce(events, i);
        const char *name;

        json_object_foreach(sent, name, value)
            if (!json_equal(value, json_object_get(back, name)))
                fail_msg("text %zu: %s is another", i, name);
        json_decref(sent);
    }
    json_decref(events);
}

/* --- an incident whose every text is the attacker's --- */

static void
an_attackers_name_forges_neither_a_log_line_nor_a_pair_nor_markup(void **state)
{
    static const char name[] = "x\" id=forged\n2026-01-01T00:00:00.000Z error ingest on fire\\ "
                               "<!channel> <https://evil.example|click> `&";
    struct buf log = { 0 };
    json_t *event = json_pack("{s:s, s:s, s:s}", "event_type", "web_request", "username", name,
                              "url_query", "id=1' UNION SELECT password FROM users--");
    int64_t deadline = now_ms() + 60000;

    (void)state;
    assert_int_equal(post_json(event), 202);
    json_decref(event);
    while (stub_count_containing(slack, "forged") == 0 && now_ms() < deadline)
        wait_a_little();
    assert_true(stub_count_containing(slack, "&lt;!channel&gt;") >= 1);
    assert_int_equal(stub_count_containing(slack, "<!channel>"), 0);
    assert_int_equal(stub_count_containing(slack, "<https://evil.example"), 0);
    for (int i = 0; i < PROCESSES; i++) {
        read_log((enum process)i, &log);
        assert_null(strstr(log.ptr, "x\" id=forged"));
        assert_null(strstr(log.ptr, "\n2026-01-01T00:00:00.000Z"));
    }
    buf_release(&log);
}

/* --- the redirect, and names that are not ours --- */

static void
nothing_of_a_request_becomes_a_header_of_the_answer(void **state)
{
    static const char *const asks[] = {
        "GET /dashboard?a=%0d%0aX-Evil:1 HTTP/1.1\r\nHost: x\r\n",
        "GET /report/%0d%0aX-Evil:1 HTTP/1.1\r\nHost: x\r\n",
        "GET /dashboard HTTP/1.1\r\nHost: a\"><script>\r\n",
        "GET /dashboard HTTP/1.1\r\nHost: user@evil.example\r\n",
        "GET /dashboard HTTP/1.1\r\nHost: evil.example]:1\r\n",
    };
    struct buf answer = { 0 };
    char request[300];

    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        int len = snprintf(request, sizeof(request), "%sConnection: close\r\n\r\n", asks[i]);

        assert_int_equal(raw_say(chain_ingest_url(chain), request, (size_t)len, &answer), 307);
        assert_null(strstr(answer.ptr, "\nX-Evil"));
        assert_null(strstr(answer.ptr, "<script>"));
        assert_null(strstr(answer.ptr, "evil.example"));
    }
    buf_release(&answer);
}

static void
a_web_page_with_a_name_that_leads_here_reads_nothing(void **state)
{
    static const struct {
        int is_api;
        const char *path;
    } asks[] = {
        { 1, "/events" }, { 1, "/incidents" }, { 1, "/dashboard" }, { 1, "/report/daily" },
        { 1, "/status" }, { 0, "/status" },
    };
    struct buf answer = { 0 };
    char request[300];

    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        const char *url = asks[i].is_api ? chain_api_url(chain) : chain_ingest_url(chain);
        int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: evil.example\r\n"
                           "Connection: close\r\n\r\n", asks[i].path);

        assert_int_equal(raw_say(url, request, (size_t)len, &answer), 421);
        assert_non_null(strstr(answer.ptr, "http.allowed_hosts"));
    }
    buf_release(&answer);
}

/* --- the keys --- */

static void
expect_no_key(const struct buf *bytes, const char *where)
{
    const char *keys[] = { chain_key(chain), stub_url(slack) };

    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
        if (memmem(bytes->ptr, bytes->len, keys[k], strlen(keys[k])) != NULL)
            fail_msg("a secret stands in %s", where);
}

static void
no_key_is_in_a_log_an_argument_or_an_answer(void **state)
{
    static const char *const paths[] = { "/status", "/metrics", "/readyz", "/", "/dashboard" };
    struct buf bytes = { 0 };
    char text[512];

    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        read_log((enum process)i, &bytes);
        assert_true(bytes.len > 1);
        expect_no_key(&bytes, process_names[i]);
        snprintf(text, sizeof(text), "/proc/%ld/cmdline", chain_pid(chain, (enum process)i));
        read_file(text, &bytes);
        assert_true(bytes.len > 1);
        expect_no_key(&bytes, text);
    }
    for (size_t i = 0; i < 2 * sizeof(paths) / sizeof(paths[0]); i++) {
        const char *path = paths[i / 2];
        int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           "Connection: close\r\n\r\n", path);

        assert_int_not_equal(raw_say(i % 2 ? chain_api_url(chain) : chain_ingest_url(chain), text,
                                     (size_t)len, &bytes), 0);
        expect_no_key(&bytes, path);
    }
    buf_release(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sent_comes_back_the_same),
        cmocka_unit_test(an_attackers_name_forges_neither_a_log_line_nor_a_pair_nor_markup),
        cmocka_unit_test(nothing_of_a_request_becomes_a_header_of_the_answer),
        cmocka_unit_test(a_web_page_with_a_name_that_leads_here_reads_nothing),
        cmocka_unit_test(no_key_is_in_a_log_an_argument_or_an_answer),
    };

    return cmocka_run_group_tests_name("hostile_text", tests, start, stop);
}
