/*
 * sqli.h - is there an SQL injection in this value, query or log line?
 *
 * The judge is libinjection; what matters is what it is given: one decoded
 * parameter value at a time. A whole access-log line hides most attacks from
 * it (97 % found by value, 45 % by line). Prose is only shown to it where
 * something looks like an injection, since it takes some sentences for SQL.
 * No memory is allocated once scratch has grown; time is linear in the input.
 */
#ifndef DETECTOR_SQLI_H
#define DETECTOR_SQLI_H

#include "proto/base/buf.h"
#include "proto/base/text.h"

enum sqli_kind {
    SQLI_TEXT,      /* log lines and prose: raw_log, description */
    SQLI_QUERY,     /* "a=1&b=2": a field whose name ends with "query" */
    SQLI_VALUE      /* any other field: one value, or an URL */
};

/* How a field of this name is read. */
enum sqli_kind sqli_field_kind(struct text name);

/* 1 when text, read as kind, holds an injection. scratch is for decoding. */
int sqli_in_field(enum sqli_kind kind, struct text text, struct buf *scratch);

/* 1 when libinjection takes this one value, as it stands, for an injection. */
int sqli_in_value(struct text value);

/* The keys and values of a query, percent-decoded up to twice. */
int sqli_in_query(struct text query, struct buf *scratch);

/* The queries and encoded words of a log line, and what looks like an
 * injection in prose. */
int sqli_in_text(struct text text, struct buf *scratch);

/* Prose alone (sqli_prose.c). */
int sqli_in_prose(struct text text);

#endif
