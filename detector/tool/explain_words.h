/*
 * explain_words.h - a rule's lines as people wrote them, or nearly
 *
 * What is read is kept in a form for judging; this puts it back into Sigma's words.
 * Bytes that are no UTF-8 (of base64, utf16) are shown as \xNN.
 */
#ifndef DETECTOR_TOOL_EXPLAIN_WORDS_H
#define DETECTOR_TOOL_EXPLAIN_WORDS_H

#include <jansson.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/base/buf.h"

/* "CommandLine|contains|all"; keywords have no field. 0, or -1 when out of memory. */
int explain_item_name(const struct sigma_item *item, struct buf *out);

/* A value of it: a text, a number, a network, or null. A new reference, NULL when out
 * of memory. */
json_t *explain_value(const struct sigma_item *item, const struct sigma_value *value);

/* Any bytes as a JSON text. */
json_t *explain_text(struct text text);

/* "5m", "1h30m", "90s". */
void explain_span(int64_t us, char out[32]);

#endif
