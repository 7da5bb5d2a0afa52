/*
 * web_text.h - what the decoders of web servers' logs share
 *
 * A request is its client's choice, byte for byte. Apache and nginx escape
 * what stands between quotes; these undo it for fields that rules look at.
 */
#ifndef PROTO_DECODE_WEB_TEXT_H
#define PROTO_DECODE_WEB_TEXT_H

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/event.h"

/* Text as the client sent it: \" \\ and \xHH of printable bytes and of UTF-8
 * are what they stand for; control characters stay escaped. Borrows text or
 * arena; {NULL, 0} when out of memory. */
struct text web_unescape(struct text text, struct arena *arena);

/* "GET /a?b HTTP/1.1" (unescaped) into method, url.* and version: as much as
 * looks like it, nothing for bytes of TLS or "-". */
void web_put_request(struct event *ev, struct text request);

/* The target of a request into url.original, url.path, url.query. */
void web_put_target(struct event *ev, struct text target);

/* "HTTP/1.1" into http.version. */
void web_put_version(struct event *ev, struct text version);

/* 1 for "GET", "VERSION-CONTROL": a method as RFC 9110 has it, of letters. */
int web_is_method(struct text text);

/* Where the quoted text that starts at text (after its quote) ends: the index
 * of the first quote that has no backslash before it, or text.len. */
size_t web_quoted_len(struct text text);

/* "www.example.com:443" without the port; {NULL, 0} when it has none. */
struct text web_without_port(struct text host);

/* A list of addresses ("1.2.3.4, 5.6.7.8") that a client or proxy sent. */
void web_put_forwarded(struct event *ev, struct text list);

/* "0.003" seconds into event.duration; nothing for whole numbers, whose unit
 * nobody knows. 1 when it was one. */
int web_put_seconds(struct event *ev, struct text seconds);

#endif
