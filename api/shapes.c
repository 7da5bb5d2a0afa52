#include "api/api.h"

#include "proto/codec_json.h"

json_t *
api_text(const char *text)
{
    return text_is_utf8(text_of(text)) ? json_string(text) : json_string("(no UTF-8)");
}

int
api_add_incident(json_t *list, const struct incident *inc, size_t *bytes)
{
    json_t *json = incident_to_json(inc);

    if (bytes != NULL && json != NULL)
        *bytes += json_dumpb(json, NULL, 0, JSON_COMPACT);
    return json_array_append_new(list, json);
}

int
api_add_event(void *ctx, const struct event *ev)
{
    struct api_events *events = ctx;

    json_t *json = event_to_json(ev);

    if (events->max_bytes > 0 && json != NULL)
        events->bytes += json_dumpb(json, NULL, 0, JSON_COMPACT);
    events->is_out_of_memory = json_array_append_new(events->list, json) != 0;
    return events->is_out_of_memory ||
           (events->max_bytes > 0 && events->bytes >= events->max_bytes);
}
