#include "ingest/intake/document.h"

#include <string.h>

#include "proto/decode/json_line.h"

/* A line stands in the event beside the fields that the shipper made of it. */
enum { MAX_LINE = 128 * 1024 };

/* Keys of which every form has one, as documents have them. */
static const char *const hints[] = {
    "auditID", "eventSource", "flow_id", "SourceName", "detail-type",
};

static int
has_hint(const struct event *ev)
{
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (event_get(ev, text_of(hints[i])) != NULL)
            return 1;
    return 0;
}

int
document_is_line(const struct event *ev, struct text json, struct arena *arena)
{
    struct json_line line;
    int is_line;

    if (ev->known[EVENT_RAW_LOG].kind != VALUE_ABSENT || json.len > MAX_LINE ||
        !has_hint(ev) || memchr(json.ptr, '\n', json.len) != NULL)
        return 0;
    is_line = json_line_read(json, arena, &line);
    if (is_line != 1)
        return is_line;
    is_line = line.form != JSON_OTHER && line.form != JSON_WINLOGBEAT &&
              line.form != JSON_DOCKER;
    json_line_release(&line);
    return is_line;
}
