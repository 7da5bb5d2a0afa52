/*
 * fault_proxy_wire.h - HTTP/1.1 messages, whole, in and out of sockets
 *
 * For fault_proxy*.c only. Test code: what is larger than 256 MiB, or no
 * HTTP, ends the connection.
 */
#ifndef TESTS_SUPPORT_FAULT_PROXY_WIRE_H
#define TESTS_SUPPORT_FAULT_PROXY_WIRE_H

#include <stddef.h>

/* Bytes that grow; NUL after the last. All abort when memory is out. */
struct bytes {
    char *data;
    size_t len, cap;
};

void bytes_add(struct bytes *bytes, const void *data, size_t len);
void bytes_add_text(struct bytes *bytes, const char *text);
void bytes_release(struct bytes *bytes);

/* One side of a connection: what was read and not used yet. */
struct wire {
    int fd;
    struct bytes in;
};

struct wire_message {
    struct bytes head;          /* first line and headers, each with its line end */
    struct bytes body;          /* without its chunks; gzip as it came */
    int has_no_body;            /* of a HEAD, 204, 304: Content-Length is not of the body */
};

/* Read the next. 0, or -1: no (whole) message comes any more. What a request
 * expects (100-continue) it is told. */
int wire_read_request(struct wire *wire, struct wire_message *message);
int wire_read_answer(struct wire *wire, struct wire_message *message, int is_to_head);
void wire_message_release(struct wire_message *message);

/* The value of a header into out; 1, or 0 and "" when it is not there. */
int wire_header(const struct wire_message *message, const char *name, char *out, size_t size);
void wire_remove_header(struct wire_message *message, const char *name);
void wire_add_header(struct wire_message *message, const char *line);

/* Method or status text: the n-th word of the first line, from 0. */
void wire_word(const struct wire_message *message, unsigned n, char *out, size_t size);

/* The whole message as bytes, with the Content-Length of its body. */
void wire_form(const struct wire_message *message, struct bytes *out);

/* Send all. 0 or -1. */
int wire_send(int fd, const char *data, size_t len);

/* Undo Content-Encoding: gzip of a body. 0, or -1 when it is none or too large. */
int wire_unzip(const struct bytes *zipped, struct bytes *out);

#endif
