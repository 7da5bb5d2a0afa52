/*
 * 100,000 inputs that are wrong, to ingest and api as they run: two thirds with a known
 * fault and the one right answer to it, the rest good requests that were damaged at
 * random, each on a connection of its own. Afterwards nothing has died, memory and
 * descriptors are as they were, and nothing was stored but what was answered 202.
 *
 * The same every time; BONGSU_SEED=N is another run.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/chain.h"

enum { KNOWN = 66000, DAMAGED = 34000, WARM = 6000, ANSWER_MS = 30000, MOST_GROWTH_KIB = 12 * 1024,
       ADDRESSES = 200, AT_ONCE = 64, END_AFTER_MS = 5, DELIVERED_MS = 60000 };

#define KEY "X-API-Key: test-key-0123456789abcdef\r\n"
#define JSON "Content-Type: application/json\r\n"
#define TEXT "Content-Type: text/plain\r\n"
#define NDJSON "Content-Type: application/x-ndjson\r\n"

static struct chain *chain;
static uint64_t seed = 1, state64;
static unsigned accepted;

/* xorshift64*: the same numbers on every machine. */
static uint32_t
any(uint32_t below)
{
    state64 ^= state64 >> 12;
    state64 ^= state64 << 25;
    state64 ^= state64 >> 27;
    return (uint32_t)((state64 * UINT64_C(2685821657736338717)) >> 33) % below;
}

/* --- a connection --- */

static int
dial(const char *url)
{
    struct sockaddr_in to = { .sin_family = AF_INET }, from = { .sin_family = AF_INET };
    const struct linger none = { 1, 0 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    /* many addresses, and no TIME_WAIT: there are fewer ports than inputs */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + any(ADDRESSES));
    to.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Bytes of the answer at the start of in, head and body (of HEAD: the head), 0 when it
 * is not whole. */
static size_t
answer_len(const struct buf *in, int is_head)
{
    const char *end = in->len == 0 ? NULL : memmem(in->ptr, in->len, "\r\n\r\n", 4), *length;
    size_t head;

    if (end == NULL)
        return 0;
    head = (size_t)(end - in->ptr) + 4;
    length = strcasestr(in->ptr, "\r\nContent-Length:");
    if (length == NULL || length > end || is_head)
        return head;
    head += strtoul(length + 17, NULL, 10);
    return in->len >= head ? head : 0;
}

/* Send all, read an answer: its status, or 0 when the connection ended without one. */
static int
ask(int fd, const struct buf *bytes, struct buf *in)
{
    int64_t deadline = now_ms() + ANSWER_MS;
    size_t sent = 0;
    char part[4096];
    int status = 0;

    buf_clear(in);
    while (answer_len(in, 0) == 0) {
        struct pollfd item = { fd, POLLIN | (sent < bytes->len ? POLLOUT : 0), 0 };
        ssize_t n;

        if (poll(&item, 1, 1000) < 0 || now_ms() > deadline)
            fail_msg("no answer to: %.200s", bytes->ptr);
        if (item.revents & POLLOUT) {
            n = send(fd, bytes->ptr + sent, bytes->len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent = n < 0 ? bytes->len : sent + (size_t)n;
        }
        if ((item.revents & (POLLIN | POLLHUP | POLLERR)) == 0)
            continue;
        n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
        if (n <= 0)
            break;
        assert_int_equal(buf_append(in, part, (size_t)n), 0);
    }
    if (in->len > 0)
        (void)!sscanf(in->ptr, "HTTP/1.1 %d", &status);
    return status;
}

/* --- inputs with a known fault --- */

static const struct known {
    int wanted;
    int is_api;
    const char *request;        /* with "Host" and the end of the head added */
    const char *headers;
    const char *body;           /* NULL: none; '#' becomes a random digit, '@' a random byte */
} known[] = {
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\"" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":#}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event\":\"@@@@\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"count\":-#}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"count\":1e400}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"count\":NaN}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"severity\":\"worst#\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"source_ip\":\"1.2.3.4#6\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"destination_ip\":\"#::#::1\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"timestamp\":\"20#6-13-45\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"timestamp\":\"29#6-01-01T00:00:00Z\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"id\":\"#\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"x\",\"event_type\":\"y\"}" },
    { 400, 0, "POST /log", KEY JSON, "{\"event_type\":\"\xff@\"}" },
    { 400, 0, "POST /log", KEY JSON, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" },
    { 400, 0, "POST /log", KEY JSON, "\"x#\"" },
    { 400, 0, "POST /log", KEY JSON, "@@@@@@@@@@@@@@@@" },
    { 400, 0, "POST /log", KEY JSON, "" },
    { 400, 0, "POST /logs", KEY NDJSON, "{\"a\":#}\n@\n{}\n" },
    { 400, 0, "POST /logs", KEY JSON, "[{\"event_type\":\"x\"},{]" },
    { 400, 0, "POST /logs?offset=#", KEY TEXT, "a line" },
    { 400, 0, "POST /logs?source=a&offset=x#", KEY TEXT, "a line" },
    { 400, 0, "POST /logs?nothing=#", KEY TEXT, "a line" },
    { 415, 0, "POST /log", KEY "Content-Type: text/x-#\r\n", "{}" },
    { 415, 0, "POST /log", KEY, "{}" },
    { 401, 0, "POST /log", JSON, "{\"event_type\":\"x\"}" },
    { 401, 0, "POST /log", "X-API-Key: wrong-#\r\n" JSON, "{\"event_type\":\"x\"}" },
    { 401, 0, "POST /log", "Authorization: Bearer bgs_#\r\n" JSON, "{\"event_type\":\"x\"}" },
    { 404, 0, "POST /log/#", KEY JSON, "{}" },
    { 404, 0, "GET /../../etc/passwd#", "", NULL },
    { 405, 0, "DELETE /log", KEY, NULL },
    { 400, 0, "GET /%zz#", "", NULL },
    { 400, 0, "GET /a%00b#", "", NULL },
    { 400, 0, "POST /log", KEY JSON "X-A: a\001b\r\n", "{}" },
    { 400, 0, "POST /log", KEY JSON "Content-Length: #\r\n", "{}" },
    { 413, 0, "GET /", "", "no body is expected #" },
    { 400, 1, "GET /events?limit=-#", "", NULL },
    { 400, 1, "GET /events?from=@#", "", NULL },
    { 400, 1, "GET /events?cursor=x#", "", NULL },
    { 400, 1, "GET /incidents?status=x#", "", NULL },
    { 400, 1, "GET /report/daily?date=20#6-99-99", "", NULL },
    { 404, 1, "GET /incidents/x#", "", NULL },
    { 401, 1, "POST /incidents/x/status", JSON, "{\"status\":\"open\"}" },
    { 400, 1, "POST /incidents/x#/status", KEY JSON, "{\"status\":\"opened\"}" },
    { 404, 1, "GET /nothing/#", "", NULL },
};
enum { KNOWN_KINDS = sizeof(known) / sizeof(known[0]) };

static void
fill_in(struct buf *out, const char *pattern)
{
    for (; *pattern != '\0'; pattern++)
        buf_append_char(out, *pattern == '#' ? (char)('0' + any(10))
                             : *pattern == '@' ? (char)('!' + any('~' - '!')) : *pattern);
}

static void
write_known(const struct known *one, struct buf *out)
{
    struct buf body = { 0 };

    buf_clear(out);
    if (one->body != NULL)
        fill_in(&body, one->body);
    fill_in(out, one->request);
    buf_append_str(out, " HTTP/1.1\r\nHost: localhost\r\n");
    fill_in(out, one->headers);
    if (one->body != NULL)
        buf_printf(out, "Content-Length: %zu\r\n", body.len);
    buf_append_str(out, "\r\n");
    buf_append_text(out, buf_text(&body));
    buf_release(&body);
}

static void
send_known(int count)
{
    int fds[2] = { -1, -1 };
    struct buf request = { 0 }, answer = { 0 };

    for (int i = 0; i < count; i++) {
        const struct known *one = &known[any(KNOWN_KINDS)];
        int *fd = &fds[one->is_api], status = 0;

        write_known(one, &request);
        for (int tries = 0; tries < 2 && status == 0; tries++) {
            if (*fd < 0)
                *fd = dial(one->is_api ? chain_api_url(chain) : chain_ingest_url(chain));
            status = ask(*fd, &request, &answer);
            if (status == 0 || strcasestr(answer.ptr, "\r\nConnection: close") != NULL) {
                close(*fd);     /* it was closed behind the answer before: once again */
                *fd = -1;
            }
        }
        if (status != one->wanted)
            fail_msg("input %d of seed %" PRIu64 ": %d, not %d: %s\n%s", i, seed, status,
                     one->wanted, request.ptr, answer.len > 0 ? answer.ptr : "");
    }
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    buf_release(&request);
    buf_release(&answer);
}

/* --- good requests that were damaged --- */

#define BODY "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.7\",\"count\":3}"

static const char *const good[] = {
    "POST /log HTTP/1.1\r\nHost: localhost\r\n" KEY JSON "Content-Length: 63\r\n\r\n" BODY,
    "POST /logs HTTP/1.1\r\nHost: localhost\r\n" KEY NDJSON "Transfer-Encoding: chunked\r\n\r\n"
    "3f\r\n" BODY "\r\n2\r\n{}\r\n0\r\n\r\n",
    "POST /logs?source=0123&offset=0 HTTP/1.1\r\nHost: localhost\r\n" KEY TEXT
    "Content-Length: 12\r\nExpect: 100-continue\r\n\r\nline\nline\nli",
    "GET /events?limit=1&from=2026-01-01T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /incidents/0123 HTTP/1.1\r\nHost: localhost:80\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Splunk x\r\n\r\n",
};

static void
cut_out(struct buf *bytes, size_t at, size_t len)
{
    if (len > bytes->len - at)
        len = bytes->len - at;
    memmove(bytes->ptr + at, bytes->ptr + at + len, bytes->len - at - len);
    bytes->len -= len;
}

static void
put_in(struct buf *bytes, size_t at, const char *what, size_t len)
{
    assert_int_equal(buf_reserve(bytes, len), 0);
    memmove(bytes->ptr + at + len, bytes->ptr + at, bytes->len - at);
    memcpy(bytes->ptr + at, what, len);
    bytes->len += len;
}

static void
damage(struct buf *bytes)
{
    static const char *const pieces[] = { "\r\n", "\n", "\r", " ", "\t", ":", ",", "%", "%00",
                                          "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
                                          "Host: x\r\n", "\r\n\r\n", "0\r\n\r\n", "\"", "{", "}",
                                          "\xff", "\xed\xa0\x80", "99999999999999999999" };
    size_t at = any((uint32_t)bytes->len);
    const char *piece = pieces[any(sizeof(pieces) / sizeof(pieces[0]))];
    char copy[64], byte;

    switch (any(6)) {
    case 0:
        bytes->ptr[at] = (char)(bytes->ptr[at] ^ (1 << any(8)));
        break;
    case 1:
        byte = (char)any(256);
        put_in(bytes, at, &byte, 1);
        break;
    case 2:
        put_in(bytes, at, piece, strlen(piece));
        break;
    case 3:
        cut_out(bytes, at, 1 + any(8));
        break;
    case 4:
        bytes->len = at;
        break;
    default:
        snprintf(copy, sizeof(copy), "%.*s", (int)(bytes->len - at), bytes->ptr + at);
        put_in(bytes, at, copy, strlen(copy));
        break;
    }
    if (bytes->len == 0)
        buf_append_char(bytes, 'G');
}

/* The events that an answer says it has taken. */
static unsigned
taken(const struct buf *answer, int status)
{
    const char *count = status == 202 ? strstr(answer->ptr, "\"accepted\":") : NULL;

    return status != 202 ? 0 : count == NULL ? 1 : (unsigned)strtoul(count + 11, NULL, 10);
}

static int
is_right(int status)
{
    return status == 0 || status == 200 || status == 202 || status == 100 || status == 307 ||
           (status >= 400 && status < 432) || status == 501 || status == 505;
}

/* Many at once: one that is not whole is answered only when it has ended. */
struct damaged {
    int fd;                     /* -1: this place is free */
    int has_ended;
    struct buf bytes, answer;
    size_t sent;
    int64_t begun_ms;
};

static void
begin(struct damaged *one)
{
    buf_clear(&one->bytes);
    buf_clear(&one->answer);
    buf_append_str(&one->bytes, good[any(sizeof(good) / sizeof(good[0]))]);
    for (uint32_t n = 1 + any(4); n > 0; n--)
        damage(&one->bytes);
    assert_int_equal(buf_append_char(&one->bytes, '\0'), 0);
    one->bytes.len--;
    one->fd = dial(any(3) == 0 ? chain_api_url(chain) : chain_ingest_url(chain));
    one->sent = 0;
    one->has_ended = 0;
    one->begun_ms = now_ms();
}

static void
finish(struct damaged *one)
{
    int status = 0;

    if (one->answer.len > 0)
        (void)!sscanf(one->answer.ptr, "HTTP/1.1 %d", &status);
    if (!is_right(status))
        fail_msg("seed %" PRIu64 ": %d: %s", seed, status, one->bytes.ptr);
    accepted += taken(&one->answer, status);
    close(one->fd);
    one->fd = -1;
}

static void
advance(struct damaged *one)
{
    int is_head = memmem(one->bytes.ptr, one->bytes.len, "HEAD ", 5) != NULL;
    char part[4096];
    ssize_t n = 1;

    if (one->sent < one->bytes.len) {
        n = send(one->fd, one->bytes.ptr + one->sent, one->bytes.len - one->sent,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        one->sent = n < 0 ? one->bytes.len : one->sent + (size_t)n;
    } else if (!one->has_ended && now_ms() - one->begun_ms >= END_AFTER_MS) {
        one->has_ended = 1;
        shutdown(one->fd, SHUT_WR);
    }
    n = recv(one->fd, part, sizeof(part), MSG_DONTWAIT);
    if (n > 0)
        assert_int_equal(buf_append(&one->answer, part, (size_t)n), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN) || answer_len(&one->answer, is_head) > 0)
        finish(one);
    else if (now_ms() - one->begun_ms > ANSWER_MS)
        fail_msg("no end of: %s", one->bytes.ptr);
}

static void
send_damaged(int count)
{
    static struct damaged places[AT_ONCE];
    struct pollfd items[AT_ONCE];
    int begun = 0, busy = 1;

    for (int i = 0; i < AT_ONCE; i++)
        places[i].fd = -1;
    while (busy > 0) {
        busy = 0;
        for (int i = 0; i < AT_ONCE; i++) {
            if (places[i].fd < 0 && begun < count) {
                begun++;
                begin(&places[i]);
            }
            if (places[i].fd >= 0)
                advance(&places[i]);
            items[i] = (struct pollfd){ places[i].fd, POLLIN, 0 };
            busy += places[i].fd >= 0;
        }
        if (busy > 0)
            poll(items, AT_ONCE, 1);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        buf_release(&places[i].bytes);
        buf_release(&places[i].answer);
    }
}

/* --- the test --- */

static int
descriptors(enum process which)
{
    char path[64];
    DIR *dir;
    int count = 0;

    snprintf(path, sizeof(path), "/proc/%ld/fd", chain_pid(chain, which));
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* Connections that their clients have left are closed within a moment. */
static void
expect_no_more_descriptors(enum process which, int before)
{
    int64_t deadline = now_ms() + 60000;

    while (descriptors(which) > before + 8) {
        if (now_ms() > deadline)
            fail_msg("%s has %d descriptors, and had %d", process_names[which],
                     descriptors(which), before);
        wait_a_little();
    }
}

static void
a_hundred_thousand_wrong_inputs_get_the_right_answers_and_leave_nothing(void **state)
{
    static const enum process both[] = { INGEST, API };
    long before_kib[2];
    int before_fds[2];
    int64_t begun;

    (void)state;
    print_message("BONGSU_SEED=%" PRIu64 "\n", seed);
    send_known(WARM);
    send_damaged(WARM / 2);
    for (int i = 0; i < 2; i++) {
        before_kib[i] = chain_resident_kib(chain, both[i]);
        before_fds[i] = descriptors(both[i]);
    }
    begun = now_ms();
    send_known(KNOWN - WARM);
    send_damaged(DAMAGED - WARM / 2);
    print_message("%d inputs in %lld ms, %u events taken\n", KNOWN + DAMAGED - WARM - WARM / 2,
                  (long long)(now_ms() - begun), accepted);
    for (int i = 0; i < 2; i++) {
        print_message("%s: %ld KiB before, %ld KiB after\n", process_names[both[i]], before_kib[i],
                      chain_resident_kib(chain, both[i]));
        if (!is_slow())
            assert_true(chain_resident_kib(chain, both[i]) - before_kib[i] < MOST_GROWTH_KIB);
        expect_no_more_descriptors(both[i], before_fds[i]);
    }
    assert_true(chain_metric(chain, INGEST, "bongsu_ingest_events_accepted_total") >= accepted);
    chain_wait_delivered(chain, DELIVERED_MS);
    chain_check_balance(chain);
}

static int
start(void **state)
{
    const char *given = getenv("BONGSU_SEED");

    (void)state;
    if (given != NULL)
        seed = strtoull(given, NULL, 10);
    state64 = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_stop_all(chain);
    chain_destroy(&chain);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_wrong_inputs_get_the_right_answers_and_leave_nothing),
    };

    return cmocka_run_group_tests_name("abused", tests, start, stop);
}
