/*
 * http_stub_wire.h - the bytes of the stub's HTTP: one connection's requests and answers
 *
 * For http_stub.c only.
 */
#ifndef TESTS_SUPPORT_HTTP_STUB_WIRE_H
#define TESTS_SUPPORT_HTTP_STUB_WIRE_H

#include "tests/support/http_stub.h"

/* What was read of one connection and not used yet. */
struct stub_input {
    char *bytes;
    size_t len, cap;
};

/* realloc, and a copy with a NUL; both abort when memory is out: a test has
 * no use for going on then. */
void *stub_grow(void *old, size_t size);
char *stub_copy(const char *bytes, size_t len);

/* CLOCK_MONOTONIC. */
int64_t stub_now_ms(void);

/* The next request of a connection (the caller's), or NULL when there is none
 * any more. */
struct stub_request *stub_request_read(struct stub_input *in, int fd);
void stub_request_destroy(struct stub_request *request);

/* Send what the answer says. 1 when the connection goes on. */
int stub_answer_send(int fd, const struct stub_answer *answer, int is_head);

#endif
