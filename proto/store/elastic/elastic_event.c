/* A document as an event again: what elastic_document.c wrote, exactly. */
#include <string.h>
#include <yyjson.h>

#include "proto/base/timestamp.h"
#include "proto/json_value.h"
#include "proto/store/elastic/elastic.h"

struct reading {
    struct event *ev;
    struct json_value_reader value;
    yyjson_val *source;
};

static int
add_extra(struct reading *r, struct text name, yyjson_val *val)
{
    struct value value = { 0 };

    r->value.field = name;
    if (json_value_take(&r->value, val, &value) != 0)
        return -1;
    if (event_add_extra(r->ev, name, value) != 0)
        return json_value_refuse(&r->value, "out of memory");
    return 0;
}

static int
add_as_sent(struct reading *r, yyjson_val *object)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL)
        if (add_extra(r, elastic_text(key), yyjson_obj_iter_get_val(key)) != 0)
            return -1;
    return 0;
}

static int
is_named(yyjson_val *list, struct text name)
{
    yyjson_arr_iter iter;
    yyjson_val *one;

    yyjson_arr_iter_init(list, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL)
        if (text_equals(elastic_text(one), name))
            return 1;
    return 0;
}

/* event.category, event.type and perhaps event.outcome are ours, unless named
 * as sent. */
static int
is_ours(const struct reading *r, struct text name)
{
    const struct elastic_category *category;

    if (!text_starts_with(name, "event.") ||
        (!text_is(name, "event.category") && !text_is(name, "event.type") &&
         !text_is(name, "event.outcome")))
        return 0;
    if (is_named(yyjson_obj_get(r->source, "bongsu.sent"), name))
        return 0;
    if (!text_is(name, "event.outcome"))
        return 1;
    category = elastic_category_find(elastic_text(yyjson_obj_get(r->source, "event.action")));
    return category != NULL && category->outcome != NULL;
}

static int
take(struct reading *r, struct text key, yyjson_val *val)
{
    enum event_field field = EVENT_FIELD_COUNT;
    struct text name;

    switch (elastic_name_read(key, &field, &name)) {
    case ELASTIC_NAME_KNOWN:
        r->value.field = key;
        if (field == EVENT_TIMESTAMP || field == EVENT_SOURCE_ADDRESS)
            return 0;
        return json_value_take(&r->value, val, &r->ev->known[field]);
    case ELASTIC_NAME_AS_SENT:
        return add_as_sent(r, val);
    case ELASTIC_NAME_OURS:
        return 0;
    case ELASTIC_NAME_EXTRA:
        return is_ours(r, name) ? 0 : add_extra(r, name, val);
    }
    return 0;
}

/* The event's time, and the text that it was sent as. */
static int
take_times(struct reading *r)
{
    yyjson_val *at = yyjson_obj_get(r->source, "bongsu.at");
    yyjson_val *sent = yyjson_obj_get(r->source, "bongsu.timestamp");
    yyjson_val *shown = yyjson_obj_get(r->source, "@timestamp");
    struct text received = elastic_text(yyjson_obj_get(r->source, "event.ingested"));

    r->value.field = text_of("@timestamp");
    if (!yyjson_is_int(at) || timestamp_parse(received, &r->ev->received_us, r->value.err) != 0)
        return json_value_refuse(&r->value, "no document of ours");
    r->ev->at_us = yyjson_get_sint(at);
    return json_value_take(&r->value, sent != NULL ? sent : shown, &r->ev->known[EVENT_TIMESTAMP]);
}

int
elastic_document_read(struct yyjson_val *source, struct text id, struct arena *arena,
                      struct buf *space, struct event *ev, struct err *err)
{
    struct reading r = { .ev = ev, .source = source,
                         .value = { .arena = arena, .packed = space, .err = err } };
    yyjson_obj_iter iter;
    yyjson_val *key;

    event_clear(ev);
    if (event_id_parse(id, &ev->id) != 0 || !yyjson_is_obj(source)) {
        err_set(err, "a document that is no event");
        return -1;
    }
    ev->is_keyed = ev->id.len == 16;
    if (take_times(&r) != 0)
        return -1;
    yyjson_obj_iter_init(source, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL)
        if (take(&r, elastic_text(key), yyjson_obj_iter_get_val(key)) != 0)
            return -1;
    event_derive(ev);
    return 0;
}
