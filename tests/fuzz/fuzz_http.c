/* The bytes of a connection, to the HTTP server as it is: what it hands to a handler is
 * whole and within its limits, and the same however the bytes are cut into reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/server/http_server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

enum { MAX_BODY = 32 * 1024, SMALL_BODY = 64, MAX_CUTS = 6, PATIENCE_MS = 8000 };

#define KEY "0123456789abcdef"

static zloop_t *loop;
static struct metrics *metrics;
static struct http_server *server;
static char dir[128];

/* What handlers were given, in order. */
static struct {
    uint64_t sum;
    unsigned count;
} handled;

/* --- the server --- */

static void
mix(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        handled.sum = (handled.sum ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    handled.sum = (handled.sum ^ 0x100) * UINT64_C(1099511628211);
}

static void
mix_pair(void *ctx, struct text name, struct text value)
{
    (void)ctx;
    REQUIRE(text_is_utf8(name) && text_is_utf8(value));
    mix(name);
    mix(value);
}

static void
echo(struct http_request *req, void *self)
{
    const struct text body = http_body(req), path = http_path(req);
    const size_t *most = self;

    REQUIRE(body.len <= *most);
    REQUIRE(path.len > 0 && path.ptr[0] == '/' && text_is_utf8(path));
    REQUIRE(memchr(path.ptr, '\0', path.len) == NULL);
    handled.count++;
    mix(http_method(req));
    mix(path);
    mix(http_param(req, "id"));
    mix(http_content_type(req));
    mix(http_key_name(req));
    http_each_query(req, mix_pair, NULL);
    mix(body);
    http_reply_problem(req, 200, "%.*s", path.len > 100 ? 100 : (int)path.len, path.ptr);
}

static size_t no_body, small_body = SMALL_BODY, large_body = MAX_BODY;

static const struct http_route read_routes[] = {
    { "GET", "/", HTTP_OPEN, NULL, 0, echo },
    { "GET", "/things/{id}/status", HTTP_OPEN, NULL, 0, echo },
};
static const struct http_route small_routes[] = {
    { "POST", "/things/{id}/status", HTTP_INGEST, "application/json", SMALL_BODY, echo },
};
static const struct http_route large_routes[] = {
    { "POST", "/log", HTTP_OPEN, NULL, SIZE_MAX, echo },
    { "POST", "/{id}/_doc", HTTP_INGEST, NULL, SIZE_MAX, echo },
};

static void
clean_up(void)
{
    http_server_destroy(&server);
    zloop_destroy(&loop);
    metrics_destroy(&metrics);
    temp_dir_remove(dir);
}

static void
begin(void)
{
    static char address[160];
    struct http_options options = { .listen = address, .flag = "--listen", .api_key = KEY,
                                    .max_body = MAX_BODY, .max_connections = 64,
                                    .idle_timeout_s = 30 };
    struct err err;

    if (server != NULL)
        return;
    log_open("fuzz", LEVEL_ERROR);
    temp_dir_make("/dev/shm", dir, sizeof(dir));
    snprintf(address, sizeof(address), "unix:%s/s", dir);
    loop = zloop_new();
    zloop_set_nonstop(loop, true);
    metrics = metrics_new();
    server = http_server_new(loop, &options, metrics, &err);
    REQUIRE(server != NULL);
    http_server_add_routes(server, read_routes, 2, &no_body);
    http_server_add_routes(server, small_routes, 1, &small_body);
    http_server_add_routes(server, large_routes, 2, &large_body);
    atexit(clean_up);
}

/* --- a client --- */

/* What it says, in pieces: each when the server has nothing to do for the one before. */
struct talk {
    struct text rest;
    size_t cuts[MAX_CUTS];      /* lengths of the pieces but the last */
    size_t cut, cut_count;
    struct buf answer;
    int fd, is_over;
    int64_t deadline_ms;
};

static void
say_next(struct talk *talk)
{
    size_t len = talk->rest.len;
    ssize_t sent;

    if (talk->cut < talk->cut_count && talk->cuts[talk->cut] < len)
        len = talk->cuts[talk->cut];
    talk->cut++;
    sent = len == 0 ? 0 : send(talk->fd, talk->rest.ptr, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        talk->rest.len = 0;     /* it hung up, as it may */
    if (sent > 0)
        talk->rest = (struct text){ talk->rest.ptr + sent, talk->rest.len - (size_t)sent };
}

static int
on_client(zloop_t *l, zmq_pollitem_t *item, void *self)
{
    struct talk *talk = self;
    char chunk[16384];
    ssize_t got = recv(talk->fd, chunk, sizeof(chunk), 0);

    (void)l;
    (void)item;
    if (got > 0) {
        REQUIRE(buf_append(&talk->answer, chunk, (size_t)got) == 0);
        return 0;
    }
    talk->is_over = got == 0 || errno != EAGAIN;
    return talk->is_over ? -1 : 0;
}

static int
on_tick(zloop_t *l, int timer, void *self)
{
    struct talk *talk = self;

    (void)l;
    (void)timer;
    /* its end comes by itself: libmicrohttpd is told of one that comes with bytes late */
    if (talk->rest.len > 0)
        say_next(talk);
    else
        shutdown(talk->fd, SHUT_WR);
    REQUIRE(clock_steady_ms() < talk->deadline_ms);
    return 0;
}

static void
run(struct talk *talk)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    zmq_pollitem_t item = { .events = ZMQ_POLLIN };
    int timer;

    handled.sum = 1;
    handled.count = 0;
    talk->deadline_ms = clock_steady_ms() + PATIENCE_MS;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
    talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(talk->fd >= 0);
    REQUIRE(connect(talk->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(fcntl(talk->fd, F_SETFL, O_NONBLOCK) == 0);
    say_next(talk);
    item.fd = talk->fd;
    zloop_poller(loop, &item, on_client, talk);
    zloop_poller_set_tolerant(loop, &item);        /* a reset is an end, too */
    timer = zloop_timer(loop, 1, 0, on_tick, talk);
    while (!talk->is_over)
        zloop_start(loop);
    zloop_timer_end(loop, timer);
    zloop_poller_end(loop, &item);
    close(talk->fd);
}

/* The first answer begins as one, and is no 500. */
static void
check_answer(const struct talk *talk)
{
    const char *at = talk->answer.ptr;

    if (talk->answer.len == 0)
        return;
    REQUIRE(talk->answer.len > 12 && memcmp(at, "HTTP/1.", 7) == 0);
    REQUIRE(at[9] >= '1' && at[9] <= '5' && memcmp(at + 9, "500", 3) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = { (const char *)data, size };
    struct talk whole = { .is_over = 0 }, cut = { .is_over = 0 };
    uint64_t sum;
    unsigned count, seed = fuzz_take(&bytes);

    begin();
    whole.rest = cut.rest = bytes;
    run(&whole);
    check_answer(&whole);
    sum = handled.sum;
    count = handled.count;
    if (seed > 0 && bytes.len > 1) {
        cut.cut_count = 1 + seed % MAX_CUTS;
        for (size_t i = 0; i < cut.cut_count; i++) {
            seed = seed * 1103515245 + 12345;
            cut.cuts[i] = 1 + (seed >> 16) % (seed & 0x40000000 ? 4 : bytes.len);
        }
        run(&cut);
        REQUIRE(handled.sum == sum && handled.count == count);
    }
    buf_release(&whole.answer);
    buf_release(&cut.answer);
    return 0;
}
