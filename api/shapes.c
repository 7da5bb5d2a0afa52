#include "api/api.h"

#include "proto/codec_json.h"

json_t *
api_text(const char *text)
{
    return text_is_utf8(text_of(text)) ? json_string(text) : json_string("(no UTF-8)");
}

int
api_add_incident(json_t *list, const struct incident *inc)
{
    return json_array_append_new(list, incident_to_json(inc));
}

int
api_add_event(void *ctx, const struct event *ev)
{
    struct api_events *events = ctx;

    events->is_out_of_memory = json_array_append_new(events->list, event_to_json(ev)) != 0;
    return events->is_out_of_memory;
}
