#include "ctl/line_time.h"

#include <stdlib.h>

#include "ctl/line_reader.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/decode/decode.h"

struct line_time {
    int64_t now_us;
    struct json_reader *json;   /* NULL: raw lines */
    struct arena arena;         /* of the line at hand */
    struct event event;
};

struct line_time *
line_time_new(int is_json, int64_t now_us)
{
    struct line_time *reader = calloc(1, sizeof *reader);

    if (reader == NULL)
        return NULL;
    reader->now_us = now_us;
    if (is_json && (reader->json = json_reader_new(LINE_MAX_BYTES)) == NULL)
        line_time_destroy(&reader);
    return reader;
}

void
line_time_destroy(struct line_time **reader)
{
    if (*reader == NULL)
        return;
    json_reader_destroy(&(*reader)->json);
    arena_release(&(*reader)->arena);
    event_release(&(*reader)->event);
    free(*reader);
    *reader = NULL;
}

/* The line as an event. 0, or -1 when it is none. */
static int
read_line(struct line_time *reader, struct text line)
{
    struct event *ev = &reader->event;
    enum raw_encoding how;
    struct text key, raw;

    arena_clear(&reader->arena);
    event_clear(ev);
    if (reader->json != NULL) {
        if (event_from_json(reader->json, line, &reader->arena, ev, &key, NULL) != 0)
            return -1;
        raw = value_get_text(&ev->known[EVENT_RAW_LOG]);
        if (ev->known[EVENT_TYPE].kind != VALUE_ABSENT || raw.ptr == NULL)
            return 0;
        raw = text_split(&raw, '\n');   /* ingest's decoders read one line of it */
    } else {
        raw = raw_to_utf8(line, &reader->arena, &how);
    }
    return raw.ptr != NULL &&
           decode_line(raw, reader->now_us, &reader->arena, ev) != NULL ? 0 : -1;
}

int
line_time_read(struct line_time *reader, struct text line, int64_t *ret_us)
{
    struct text stamp;

    line = text_trim(line);
    if (line.len == 0 || read_line(reader, line) != 0)
        return 0;
    stamp = value_get_text(&reader->event.known[EVENT_TIMESTAMP]);
    return stamp.ptr != NULL && timestamp_parse(stamp, ret_us, NULL) == 0;
}
