/*
 * err.h - the reason why something failed, in words for a person
 *
 * Said once, where it is known. A caller adds context (err_add) or logs,
 * never both. Every function here takes a NULL err: then nobody asked.
 */
#ifndef PROTO_BASE_ERR_H
#define PROTO_BASE_ERR_H

struct err {
    char text[512];
};

/* Set the reason, printf style. Cut to the space there is; always valid UTF-8. */
void err_set(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put context before the reason: "context: reason". */
void err_add(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
