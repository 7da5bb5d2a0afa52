#include "tests/support/loop_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/clock.h"

enum { WAIT_MS = 60000 };

struct waiting {
    int (*is_done)(void *ctx);
    void *ctx;
    int64_t deadline_ms;
    int result;
};

static int
on_check(zloop_t *loop, int timer, void *arg)
{
    struct waiting *waiting = arg;

    (void)loop;
    (void)timer;
    waiting->result = waiting->is_done(waiting->ctx);
    return waiting->result || clock_steady_ms() > waiting->deadline_ms ? -1 : 0;
}

int
loop_until(zloop_t *loop, int (*is_done)(void *ctx), void *ctx, int timeout_ms)
{
    struct waiting waiting = { is_done, ctx, clock_steady_ms() + timeout_ms, 0 };
    int timer = zloop_timer(loop, 1, 0, on_check, &waiting);

    zloop_set_nonstop(loop, true);
    zloop_start(loop);
    zloop_timer_end(loop, timer);
    return waiting.result;
}

static int
connect_to(const char *address)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr *addr = (struct sockaddr *)&in;
    socklen_t len = sizeof(in);
    unsigned long port = strtoul(strrchr(address, ':') + 1, NULL, 10);
    int fd;

    in.sin_port = in6.sin6_port = htons((uint16_t)port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (strncmp(address, "unix:", 5) == 0) {
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", address + 5);
        addr = (struct sockaddr *)&un;
        len = sizeof(un);
    } else if (address[0] == '[') {
        addr = (struct sockaddr *)&in6;
        len = sizeof(in6);
    }
    fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, addr, len) != 0)
        fail_msg("%s: %s", address, strerror(errno));
    return fd;
}

struct loop_client *
loop_client_new(zloop_t *loop, const char *address)
{
    struct loop_client *client = calloc(1, sizeof(*client));

    assert_non_null(client);
    client->loop = loop;
    client->fd = connect_to(address);
    return client;
}

void
loop_client_destroy(struct loop_client **client)
{
    if (*client == NULL)
        return;
    if ((*client)->fd >= 0)
        close((*client)->fd);
    buf_release(&(*client)->out);
    buf_release(&(*client)->in);
    free(*client);
    *client = NULL;
}

void
loop_client_send_bytes(struct loop_client *client, const void *bytes, size_t len)
{
    assert_int_equal(buf_append(&client->out, bytes, len), 0);
}

void
loop_client_send(struct loop_client *client, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    assert_int_equal(buf_vprintf(&client->out, fmt, args), 0);
    va_end(args);
}

/* Send and receive what can be now. A server that closes while we send is no
 * reason to stop reading. */
static void
step(struct loop_client *client)
{
    char bytes[64 * 1024];
    ssize_t len;

    if (client->sent < client->out.len) {
        len = send(client->fd, client->out.ptr + client->sent,
                   client->out.len - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (len > 0)
            client->sent += (size_t)len;
        else if (len < 0 && errno != EAGAIN)
            client->sent = client->out.len;
    }
    len = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len > 0)
        assert_int_equal(buf_append(&client->in, bytes, (size_t)len), 0);
    else if (len == 0 || errno != EAGAIN)
        client->is_closed = 1;
}

static void
forget(struct loop_client *client)
{
    size_t len = client->head_len + client->body_len;

    if (len > 0) {
        memmove(client->in.ptr, client->in.ptr + len, client->in.len - len + 1);
        client->in.len -= len;
    }
    client->head_len = client->body_len = 0;
    client->status = 0;
}

static int
has_answer(void *ctx)
{
    struct loop_client *client = ctx;
    char *end;

    step(client);
    for (;;) {
        end = client->in.len == 0 ? NULL : strstr(client->in.ptr, "\r\n\r\n");
        if (end == NULL)
            return client->is_closed;
        client->head_len = (size_t)(end - client->in.ptr) + 4;
        assert_memory_equal(client->in.ptr, "HTTP/1.1 ", 9);
        client->status = (int)strtol(client->in.ptr + 9, NULL, 10);
        if (client->status >= 200)
            break;
        forget(client);
    }
    client->body_len = 0;
    if (!client->is_head_only)
        client->body_len = strtoul(loop_client_header(client, "Content-Length"), NULL, 10);
    if (client->in.len < client->head_len + client->body_len) {
        client->head_len = client->body_len = 0;
        client->status = 0;
        return client->is_closed;
    }
    return 1;
}

int
loop_client_wait(struct loop_client *client)
{
    forget(client);
    if (!loop_until(client->loop, has_answer, client, WAIT_MS))
        fail_msg("no answer within %d ms", WAIT_MS);
    return client->status;
}

static int
is_closed(void *ctx)
{
    struct loop_client *client = ctx;

    step(client);
    return client->is_closed;
}

int
loop_client_wait_closed(struct loop_client *client)
{
    return loop_until(client->loop, is_closed, client, WAIT_MS);
}

const char *
loop_client_header(struct loop_client *client, const char *name)
{
    static char value[512];
    struct text rest = { client->in.ptr, client->head_len };

    value[0] = '\0';
    while (rest.ptr != NULL) {
        struct text line = text_split(&rest, '\n');
        struct text key = text_split(&line, ':');

        if (line.ptr != NULL && text_equals_nocase(key, text_of(name))) {
            line = text_trim(line);
            snprintf(value, sizeof(value), "%.*s", (int)line.len, line.ptr);
            break;
        }
    }
    return value;
}

struct text
loop_client_body(const struct loop_client *client)
{
    return (struct text){ client->in.ptr + client->head_len, client->body_len };
}
