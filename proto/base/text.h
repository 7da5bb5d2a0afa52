/*
 * text.h - a borrowed run of bytes
 *
 * Most strings here are pieces of a larger buffer (a request, a log line, a
 * batch), so they carry their length and end in no NUL. A struct text owns
 * nothing: whoever hands it out says how long the bytes live.
 */
#ifndef PROTO_BASE_TEXT_H
#define PROTO_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
    const char *ptr;
    size_t len;
};

/* The text of a C string, without its NUL; {NULL, 0} for NULL. */
struct text text_of(const char *str);

/* 1 when both hold the same bytes. */
int text_equals(struct text a, struct text b);

/* 1 when text holds exactly the C string str. */
int text_is(struct text text, const char *str);

/* 1 when both are equal, ASCII letters of either case taken as the same. */
int text_equals_nocase(struct text a, struct text b);

int text_starts_with(struct text text, const char *prefix);
int text_ends_with(struct text text, const char *suffix);

/* Where the C string needle starts in text, or NULL. */
const char *text_find(struct text text, const char *needle);

/* text without white space (and CR, LF) at both ends. */
struct text text_trim(struct text text);

/* Cut the piece before the first `sep` off *rest and return it; *rest moves
 * past the separator. The last piece leaves *rest with ptr NULL. */
struct text text_split(struct text *rest, char sep);

/* The whole of text as a decimal integer within [min, max]: 0, or -1 when it
 * is not one. */
int text_to_int(struct text text, int64_t min, int64_t max, int64_t *ret_number);

/* 1 when text is valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
int text_is_utf8(struct text text);

/* Make a C string valid UTF-8: bytes that are of no character become "?". */
void text_mend(char *str);

/* A NUL-terminated copy; the caller frees. NULL when out of memory. */
char *text_dup(struct text text);

#endif
