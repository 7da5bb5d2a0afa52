#include "tests/support/fault_proxy_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <zlib.h>

enum { MAX_HEAD = 64 * 1024, MAX_BODY = 256 * 1024 * 1024, READ_SIZE = 64 * 1024 };

/* --- bytes --- */

/* Room for len more and a NUL. */
static char *
bytes_room(struct bytes *bytes, size_t len)
{
    if (bytes->cap - bytes->len <= len) {
        bytes->cap = bytes->cap * 2 + len + 1;
        bytes->data = realloc(bytes->data, bytes->cap);
        if (bytes->data == NULL)
            abort();
    }
    return bytes->data + bytes->len;
}

void
bytes_add(struct bytes *bytes, const void *data, size_t len)
{
    char *end = bytes_room(bytes, len);

    if (len > 0)
        memcpy(end, data, len);
    bytes->len += len;
    bytes->data[bytes->len] = '\0';
}

void
bytes_add_text(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

void
bytes_release(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){ NULL, 0, 0 };
}

static void
bytes_drop_front(struct bytes *bytes, size_t len)
{
    bytes->len -= len;
    memmove(bytes->data, bytes->data + len, bytes->len);
    bytes->data[bytes->len] = '\0';
}

/* --- reading --- */

int
wire_send(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        data += sent;
        len -= (size_t)sent;
    }
    return 0;
}

/* Read something more. 0, or -1: the peer has gone. */
static int
read_more(struct wire *wire)
{
    char *end = bytes_room(&wire->in, READ_SIZE);
    ssize_t got;

    do
        got = recv(wire->fd, end, READ_SIZE, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return -1;
    wire->in.len += (size_t)got;
    wire->in.data[wire->in.len] = '\0';
    return 0;
}

static int
read_until(struct wire *wire, size_t len)
{
    while (wire->in.len < len)
        if (read_more(wire) != 0)
            return -1;
    return 0;
}

/* Up to and with the first occurrence of end (at or after from): its length so far, 0: none. */
static size_t
read_until_text(struct wire *wire, size_t from, const char *end, size_t limit)
{
    for (;;) {
        const char *at = wire->in.len <= from ? NULL
                             : memmem(wire->in.data + from, wire->in.len - from, end, strlen(end));

        if (at != NULL)
            return (size_t)(at - wire->in.data) + strlen(end);
        if (wire->in.len > from + limit || read_more(wire) != 0)
            return 0;
    }
}

static int
read_head(struct wire *wire, struct wire_message *message)
{
    size_t len = read_until_text(wire, 0, "\r\n\r\n", MAX_HEAD);

    if (len == 0)
        return -1;
    bytes_add(&message->head, wire->in.data, len - 2);
    bytes_drop_front(&wire->in, len);
    return 0;
}

/* Chunks, and the trailer's lines (dropped). */
static int
read_chunks(struct wire *wire, struct bytes *body)
{
    for (;;) {
        size_t line = read_until_text(wire, 0, "\r\n", MAX_HEAD);
        unsigned long size;

        if (line == 0)
            return -1;
        size = strtoul(wire->in.data, NULL, 16);
        bytes_drop_front(&wire->in, line);
        if (size == 0)
            break;
        if (size > MAX_BODY - body->len || read_until(wire, size + 2) != 0)
            return -1;
        bytes_add(body, wire->in.data, size);
        bytes_drop_front(&wire->in, size + 2);
    }
    for (size_t line = 0; line != 2; bytes_drop_front(&wire->in, line)) {
        line = read_until_text(wire, 0, "\r\n", MAX_HEAD);
        if (line == 0)
            return -1;
    }
    return 0;
}

static int
read_counted(struct wire *wire, struct bytes *body, const char *length)
{
    unsigned long len = strtoul(length, NULL, 10);

    if (len > MAX_BODY || read_until(wire, len) != 0)
        return -1;
    bytes_add(body, wire->in.data == NULL ? "" : wire->in.data, len);
    if (len > 0)
        bytes_drop_front(&wire->in, len);
    return 0;
}

static int
read_to_end(struct wire *wire, struct bytes *body)
{
    while (wire->in.len <= MAX_BODY)
        if (read_more(wire) != 0) {
            bytes_add(body, wire->in.data == NULL ? "" : wire->in.data, wire->in.len);
            wire->in.len = 0;
            return 0;
        }
    return -1;
}

/* 1: the message is framed and its body was read; 0: it has no frame; -1: broken. */
static int
read_framed(struct wire *wire, struct wire_message *message)
{
    char value[64];

    if (wire_header(message, "Transfer-Encoding", value, sizeof(value)))
        return read_chunks(wire, &message->body) == 0 ? 1 : -1;
    if (wire_header(message, "Content-Length", value, sizeof(value)))
        return read_counted(wire, &message->body, value) == 0 ? 1 : -1;
    bytes_add(&message->body, "", 0);
    return 0;
}

int
wire_read_request(struct wire *wire, struct wire_message *message)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char value[64];

    if (read_head(wire, message) != 0)
        return -1;
    if (wire_header(message, "Expect", value, sizeof(value)) &&
        wire_send(wire->fd, go_on, sizeof(go_on) - 1) != 0)
        return -1;
    wire_remove_header(message, "Expect");
    return read_framed(wire, message) < 0 ? -1 : 0;
}

int
wire_read_answer(struct wire *wire, struct wire_message *message, int is_to_head)
{
    char status[16];
    int rc;

    for (;;) {
        if (read_head(wire, message) != 0)
            return -1;
        wire_word(message, 1, status, sizeof(status));
        if (status[0] != '1')
            break;
        bytes_release(&message->head);
    }
    message->has_no_body = is_to_head || strcmp(status, "204") == 0 || strcmp(status, "304") == 0;
    if (message->has_no_body)
        return 0;
    rc = read_framed(wire, message);
    return rc > 0 ? 0 : rc < 0 ? -1 : read_to_end(wire, &message->body);
}

void
wire_message_release(struct wire_message *message)
{
    bytes_release(&message->head);
    bytes_release(&message->body);
}

/* --- heads --- */

/* The line of a header, NULL: none; its length with the line end. */
static char *
find_header(const struct wire_message *message, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);
    char *line = message->head.data == NULL ? NULL : strstr(message->head.data, "\r\n");

    for (; line != NULL && line[2] != '\0'; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        *ret_len = strcspn(line, "\r") + 2;
        return line;
    }
    return NULL;
}

int
wire_header(const struct wire_message *message, const char *name, char *out, size_t size)
{
    size_t len;
    const char *line = find_header(message, name, &len), *value;

    out[0] = '\0';
    if (line == NULL)
        return 0;
    value = line + strlen(name) + 1;
    value += strspn(value, " \t");
    snprintf(out, size, "%.*s", (int)strcspn(value, "\r"), value);
    return 1;
}

void
wire_remove_header(struct wire_message *message, const char *name)
{
    char *line;
    size_t len;

    while ((line = find_header(message, name, &len)) != NULL) {
        memmove(line, line + len, strlen(line + len) + 1);
        message->head.len -= len;
    }
}

void
wire_add_header(struct wire_message *message, const char *line)
{
    bytes_add_text(&message->head, line);
    bytes_add_text(&message->head, "\r\n");
}

void
wire_word(const struct wire_message *message, unsigned n, char *out, size_t size)
{
    const char *at = message->head.data;

    for (; n > 0; n--) {
        at += strcspn(at, " \r");
        at += *at == ' ';
    }
    snprintf(out, size, "%.*s", (int)strcspn(at, " \r"), at);
}

void
wire_form(const struct wire_message *message, struct bytes *out)
{
    struct wire_message copy = { .has_no_body = message->has_no_body };
    char length[64];

    bytes_add(&copy.head, message->head.data, message->head.len);
    if (!message->has_no_body) {
        wire_remove_header(&copy, "Transfer-Encoding");
        wire_remove_header(&copy, "Content-Length");
        snprintf(length, sizeof(length), "Content-Length: %zu", message->body.len);
        wire_add_header(&copy, length);
    }
    bytes_add(out, copy.head.data, copy.head.len);
    bytes_add_text(out, "\r\n");
    if (!message->has_no_body)
        bytes_add(out, message->body.data == NULL ? "" : message->body.data, message->body.len);
    wire_message_release(&copy);
}

int
wire_unzip(const struct bytes *zipped, struct bytes *out)
{
    z_stream stream = { .next_in = (unsigned char *)zipped->data,
                        .avail_in = (unsigned)zipped->len };
    int rc;

    if (inflateInit2(&stream, 15 + 16) != Z_OK)
        return -1;
    do {
        stream.next_out = (unsigned char *)bytes_room(out, READ_SIZE);
        stream.avail_out = READ_SIZE;
        rc = inflate(&stream, Z_NO_FLUSH);
        out->len += READ_SIZE - stream.avail_out;
        out->data[out->len] = '\0';
    } while (rc == Z_OK && out->len <= MAX_BODY);
    inflateEnd(&stream);
    return rc == Z_STREAM_END ? 0 : -1;
}
