/*
 * line_event.h - a line of a file as an event for the matcher
 *
 * A JSON object's fields are taken as they stand: none is required, none
 * refused because only Bongsu may set it, and no type is checked. A raw line
 * goes through the decoders instead.
 */
#ifndef DETECTOR_TOOL_LINE_EVENT_H
#define DETECTOR_TOOL_LINE_EVENT_H

#include <jansson.h>
#include <msgpack.h>

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/text.h"
#include "proto/event.h"

struct json_reader;

/* Makes one event after the other, each until the next. */
struct line_event {
    struct event event;
    struct json_reader *reader;
    struct arena arena;
    msgpack_zone *zone;         /* nested values, as the wire reader would make them */
    struct text *names;         /* space to look for names that stand twice */
    int64_t now_us;             /* of lines whose date has no year */
    int is_decoded;             /* the event at hand is a line that a decoder read */
};

/* 0, or -1 when out of memory; release it in either case. */
int line_event_init(struct line_event *line, int64_t now_us);
/* For JSON texts of up to so many bytes: an event's own may be longer than it. */
int line_event_init_max(struct line_event *line, int64_t now_us, size_t max);
void line_event_release(struct line_event *line);

/* line->event borrows the text. -1 with the reason: no JSON object, a name given
 * twice, over the limits of an event. */
int line_event_json(struct line_event *line, struct text text, struct err *err);
int line_event_raw(struct line_event *line, struct text text, struct err *err);

/* An event as the api gives it says under "id" and "received_at" what was set when it
 * was stored: that is no field of it, but its place. 1 when it had one; else nothing is
 * done, and received_us is its own time. */
int line_event_take_place(struct line_event *line);

/* The event as the api would show it, without a place that it has not. A new reference,
 * or NULL. */
json_t *line_event_to_json(const struct line_event *line);

#endif
