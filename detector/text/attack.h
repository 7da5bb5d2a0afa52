/*
 * attack.h - is there an attack in this value, query or log line?
 *
 * SQL injection and XSS are judged by libinjection and by our own patterns, path traversal
 * and command injection by patterns alone; what matters is what they are given: one
 * decoded parameter value at a time (attack_values.c walks). A whole access-log
 * line hides most attacks (97 % found by value, 45 % by line). Prose is only
 * looked through for SQL, where something looks like it, since people write
 * about commands and paths. No memory is allocated once scratch has grown; time
 * is linear in the input, but for regular expressions under a limit.
 */
#ifndef DETECTOR_TEXT_ATTACK_H
#define DETECTOR_TEXT_ATTACK_H

#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

enum attack { ATTACK_SQLI, ATTACK_XSS, ATTACK_PATH_TRAVERSAL, ATTACK_COMMAND_INJECTION,
              ATTACK_COUNT };

#define ATTACK_BIT(attack) (1U << (attack))

/* As rules call them: "sqli", "xss", "path_traversal", "command_injection"; or -1. */
extern const char *const attack_names[ATTACK_COUNT];
int attack_find(const char *name);

enum attack_kind {
    ATTACK_IN_TEXT,     /* log lines and prose: raw_log, description */
    ATTACK_IN_QUERY,    /* "a=1&b=2": a field whose name ends with "query" */
    ATTACK_IN_VALUE     /* any other field: one value, or an URL */
};

enum { ATTACK_MAX_VALUE = 64 * 1024 };

/* How a field of this name is read. */
enum attack_kind attack_field_kind(struct text name);

/* The wanted ones (ATTACK_BITs) that text, read as kind, holds. scratch is for
 * decoding. */
unsigned attack_in_field(enum attack_kind kind, struct text text, unsigned wanted,
                         struct buf *scratch);

/* The same for one decoded value as it stands (attack.c). */
unsigned attack_in_value(struct text value, unsigned wanted);

/* Patterns that were given up since they took too long, in this process. */
uint64_t attack_limits_hit(void);

/* 1 when value holds nothing but letters, digits, "_" and single ".": nobody looks further. */
int attack_is_harmless(struct text value);

/* SQL in a sentence (attack_prose.c). */
int attack_in_prose(struct text text);

#endif
