#include "tests/support/http_stub_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

enum { MAX_HEAD = 64 * 1024, MAX_BODY = 64 * 1024 * 1024 };

void *
stub_grow(void *old, size_t size)
{
    void *bytes = realloc(old, size);

    if (bytes == NULL)
        abort();
    return bytes;
}

char *
stub_copy(const char *bytes, size_t len)
{
    char *out = stub_grow(NULL, len + 1);

    memcpy(out, bytes, len);
    out[len] = '\0';
    return out;
}

int64_t
stub_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        bytes += sent;
        len -= (size_t)sent;
    }
    return 0;
}

int
stub_answer_send(int fd, const struct stub_answer *answer, int is_head)
{
    const char *body = answer->body == NULL ? "ok" : answer->body;
    size_t times = answer->repeat == 0 ? 1 : answer->repeat;
    char head[512];
    int len;

    if (answer->raw != NULL)
        send_all(fd, answer->raw, strlen(answer->raw));
    if (answer->raw != NULL || answer->is_dropped)
        return 0;
    len = snprintf(head, sizeof(head),
                   "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n",
                   answer->status == 0 ? 200 : answer->status, strlen(body) * times);
    if (send_all(fd, head, (size_t)len) != 0)
        return 0;
    if (answer->headers != NULL &&
        send_all(fd, answer->headers, strlen(answer->headers)) != 0)
        return 0;
    if (send_all(fd, "\r\n", 2) != 0)
        return 0;
    for (size_t i = 0; i < times && !is_head; i++)
        if (send_all(fd, body, strlen(body)) != 0)
            return 0;
    return 1;
}

void
stub_request_destroy(struct stub_request *request)
{
    free(request->method);
    free(request->path);
    free(request->headers);
    free(request->body);
    free(request);
}

/* Read on until there are len bytes. 0, or -1 when the peer has gone. */
static int
input_need(struct stub_input *in, int fd, size_t len)
{
    while (in->len < len) {
        ssize_t got;

        if (in->cap - in->len < 8192) {
            in->cap = in->cap * 2 + 16384;
            in->bytes = stub_grow(in->bytes, in->cap);
        }
        got = recv(fd, in->bytes + in->len, in->cap - in->len - 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        in->len += (size_t)got;
        in->bytes[in->len] = '\0';
    }
    return 0;
}

/* The bytes up to and with the empty line that ends the head; 0: no head. */
static size_t
input_need_head(struct stub_input *in, int fd)
{
    for (size_t want = 1; want <= MAX_HEAD; want = in->len + 1) {
        const char *end;

        if (input_need(in, fd, want) != 0)
            return 0;
        end = strstr(in->bytes, "\r\n\r\n");
        if (end != NULL)
            return (size_t)(end - in->bytes) + 4;
    }
    return 0;
}

int
stub_header(const struct stub_request *request, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);

    out[0] = '\0';
    for (const char *line = request->headers; *line != '\0';) {
        size_t len = strcspn(line, "\r\n");

        if (len > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;

            value += strspn(value, " \t");
            snprintf(out, size, "%.*s", (int)(line + len - value), value);
            return 1;
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return 0;
}

struct stub_request *
stub_request_read(struct stub_input *in, int fd)
{
    size_t head = input_need_head(in, fd), body = 0, line, method, path;
    struct stub_request *request;
    char length[32];

    if (head == 0)
        return NULL;
    line = strcspn(in->bytes, "\r\n");
    method = strcspn(in->bytes, " \r\n");
    path = in->bytes[method] == ' ' ? strcspn(in->bytes + method + 1, " \r\n") : 0;
    request = memset(stub_grow(NULL, sizeof(*request)), 0, sizeof(*request));
    request->at_ms = stub_now_ms();
    request->method = stub_copy(in->bytes, method);
    request->path = stub_copy(in->bytes + method + 1, path);
    request->headers = stub_copy(in->bytes + line + 2, head - line - 4);
    if (stub_header(request, "Content-Length", length, sizeof(length)))
        body = strtoul(length, NULL, 10);
    if (body > MAX_BODY || input_need(in, fd, head + body) != 0) {
        stub_request_destroy(request);
        return NULL;
    }
    request->body = stub_copy(in->bytes + head, body);
    request->body_len = body;
    in->len -= head + body;
    memmove(in->bytes, in->bytes + head + body, in->len + 1);
    return request;
}
