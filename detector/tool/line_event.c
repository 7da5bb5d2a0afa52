#include "detector/tool/line_event.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"
#include "proto/decode/decode.h"
#include "proto/json_value.h"
#include "proto/names.h"

enum { MAX_NAMES = EVENT_MAX_EXTRAS + EVENT_FIELD_COUNT };

int
line_event_init(struct line_event *line, int64_t now_us)
{
    return line_event_init_max(line, now_us, EVENT_MAX_BYTES);
}

int
line_event_init_max(struct line_event *line, int64_t now_us, size_t max)
{
    *line = (struct line_event){ .reader = json_reader_new(max),
                                 .names = calloc(MAX_NAMES, sizeof(struct text)),
                                 .zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE),
                                 .now_us = now_us };
    return line->zone != NULL && line->reader != NULL && line->names != NULL ? 0 : -1;
}

void
line_event_release(struct line_event *line)
{
    if (line->zone != NULL)
        msgpack_zone_free(line->zone);
    arena_release(&line->arena);
    event_release(&line->event);
    json_reader_destroy(&line->reader);
    free(line->names);
    *line = (struct line_event){ 0 };
}

static void
begin(struct line_event *line)
{
    event_clear(&line->event);
    arena_clear(&line->arena);
    msgpack_zone_clear(line->zone);
}

static int
take(struct event *ev, struct json_value_reader *r, struct yyjson_val *val)
{
    struct value value = { .kind = VALUE_ABSENT };
    int known = event_field_find(r->field);

    if (r->field.len == 0 || r->field.len > EVENT_MAX_NAME)
        return json_value_refuse(r, "a name has 1 to 256 bytes");
    if (json_value_has_nul(r, r->field))
        return json_value_refuse(r, "the name holds a NUL");
    if (json_value_take(r, val, &value) != 0)
        return -1;
    if (known >= 0)
        ev->known[known] = value;
    else if (ev->extra_count == EVENT_MAX_EXTRAS)
        return json_value_refuse(r, "too many fields (more than 1000 further ones)");
    else if (event_add_extra(ev, r->field, value) != 0)
        return json_value_refuse(r, "out of memory");
    return 0;
}

static int
take_all(struct line_event *line, struct yyjson_val *root, int may_hold_nul, struct err *err)
{
    struct json_value_reader r = { .arena = &line->arena,
                                   .packed = json_reader_space(line->reader), .err = err,
                                   .may_hold_nul = may_hold_nul };
    char shown[NAME_SHOWN_LEN];
    const struct text *repeated;
    yyjson_obj_iter iter;
    yyjson_val *key;
    size_t count = 0;

    yyjson_obj_iter_init(root, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        r.field = (struct text){ yyjson_get_str(key), yyjson_get_len(key) };
        if (count == MAX_NAMES)
            return json_value_refuse(&r, "too many fields");
        line->names[count++] = r.field;
        if (take(&line->event, &r, yyjson_obj_iter_get_val(key)) != 0)
            return -1;
    }
    repeated = names_repeated(line->names, count);
    if (repeated != NULL)
        err_set(err, "%s: given twice", name_show(*repeated, shown));
    return repeated == NULL ? 0 : -1;
}

/* Arrays and objects in the form in which the matcher gets them from the wire. */
static int
unpack(struct line_event *line, struct value *value, struct err *err)
{
    struct text packed = value->as.text;
    msgpack_object *object;
    size_t offset = 0;

    if (value->kind != VALUE_PACKED)
        return 0;
    object = arena_alloc(&line->arena, sizeof(*object));
    if (object == NULL || msgpack_unpack(packed.ptr, packed.len, &offset, line->zone, object) !=
                              MSGPACK_UNPACK_SUCCESS) {
        err_set(err, "out of memory");
        return -1;
    }
    value->kind = VALUE_OBJECT;
    value->as.object = object;
    return 0;
}

static int
finish(struct line_event *line, struct err *err)
{
    struct event *ev = &line->event;
    struct text when = value_get_text(&ev->known[EVENT_TIMESTAMP]);

    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (unpack(line, &ev->known[i], err) != 0)
            return -1;
    for (size_t i = 0; i < ev->extra_count; i++)
        if (unpack(line, &ev->extras[i].value, err) != 0)
            return -1;
    ev->at_us = line->now_us;
    if (when.len > 0)
        timestamp_parse(when, &ev->at_us, NULL);
    if (ev->known[EVENT_SOURCE_ADDRESS].kind == VALUE_ABSENT)
        event_derive(ev);
    return 0;
}

int
line_event_json(struct line_event *line, struct text text, struct err *err)
{
    struct yyjson_val *root;

    begin(line);
    line->is_decoded = 0;
    root = json_reader_object(line->reader, text, err);
    if (root == NULL ||
        take_all(line, root, memchr(text.ptr, '\\', text.len) != NULL, err) != 0)
        return -1;
    return finish(line, err);
}

int
line_event_raw(struct line_event *line, struct text text, struct err *err)
{
    enum raw_encoding how;

    begin(line);
    line->is_decoded = 1;
    text = raw_to_utf8(text, &line->arena, &how);
    if (text.ptr == NULL ||
        decode_line(text, line->now_us, &line->arena, &line->event) == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    return finish(line, err);
}

static int
find_extra(const struct event *ev, const char *name)
{
    for (size_t i = 0; i < ev->extra_count; i++)
        if (text_is(ev->extras[i].name, name))
            return (int)i;
    return -1;
}

static void
drop_extra(struct event *ev, const char *name)
{
    size_t at = (size_t)find_extra(ev, name);

    memmove(&ev->extras[at], &ev->extras[at + 1],
            (--ev->extra_count - at) * sizeof(ev->extras[0]));
}

int
line_event_take_place(struct line_event *line)
{
    struct event *ev = &line->event;
    int id = find_extra(ev, "id"), when = find_extra(ev, "received_at");

    ev->received_us = ev->at_us;
    if (id < 0 || when < 0 ||
        event_id_parse(value_get_text(&ev->extras[id].value), &ev->id) != 0 ||
        timestamp_parse(value_get_text(&ev->extras[when].value), &ev->received_us, NULL) != 0)
        return 0;
    ev->is_keyed = ev->id.len == HASH_ID_LEN;
    drop_extra(ev, "id");
    drop_extra(ev, "received_at");
    return 1;
}

json_t *
line_event_to_json(const struct line_event *line)
{
    json_t *json = event_to_json(&line->event);

    if (line->event.id.len == 0) {
        json_object_del(json, "id");
        json_object_del(json, "received_at");
    }
    return json;
}
