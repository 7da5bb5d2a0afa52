#include "ingest/intake/document.h"

#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#include "ingest/intake/document_parts.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/json_value.h"
#include "proto/names.h"

static int
refuse(struct document *doc, struct text name, const char *reason)
{
    char shown[NAME_SHOWN_LEN];

    err_set(doc->value.err, "%s: %s", name_show(name, shown), reason);
    return -1;
}

int
document_add(struct document *doc, struct text name, struct value value)
{
    if (doc->ev->extra_count == EVENT_MAX_EXTRAS)
        return refuse(doc, name, "too many fields (more than 1000 further ones)");
    return event_add_extra(doc->ev, name, value) == 0 ? 0
                                                      : refuse(doc, name, "out of memory");
}

int
document_put_aside(struct document *doc, struct text name, struct value value)
{
    if (event_field_find(name) >= 0 || text_is(name, "id") || text_is(name, "received_at")) {
        name = arena_printf(doc->arena, "labels.%.*s", (int)name.len, name.ptr);
        if (name.ptr == NULL)
            return refuse(doc, text_of("labels"), "out of memory");
    }
    return document_add(doc, name, value);
}

/* --- values --- */

/* A NUL would end a text early somewhere; who could have a document refused by one
 * could hide a line. */
static int
take_text(struct document *doc, struct text name, yyjson_val *val, struct value *ret_value)
{
    struct text text = { yyjson_get_str(val), yyjson_get_len(val) };
    enum raw_encoding how;

    if (json_value_has_nul(&doc->value, text)) {
        text = raw_to_utf8(text, doc->arena, &how);
        if (text.ptr == NULL)
            return refuse(doc, name, "out of memory");
    }
    *ret_value = value_text(text);
    return 0;
}

static int
take_value(struct document *doc, struct text name, yyjson_val *val, struct value *ret_value)
{
    if (yyjson_is_str(val))
        return take_text(doc, name, val, ret_value);
    doc->value.field = name;
    return json_value_take(&doc->value, val, ret_value);
}

/* ECS lets any field be a list. */
static yyjson_val *
only_one(yyjson_val *val)
{
    return yyjson_is_arr(val) && yyjson_arr_size(val) == 1 ? yyjson_arr_get_first(val) : val;
}

/* 1 when the value, perhaps written as a text, can stand in the field. */
static int
fits(struct document *doc, enum event_field field, struct value *value)
{
    char space[32];
    struct text text;

    switch (event_fields[field].type) {
    case FIELD_TYPE_COUNT:
        return value->kind == VALUE_INT && value->as.integer >= 1 &&
               value->as.integer <= DOCUMENT_MAX_COUNT;
    case FIELD_TYPE_SEVERITY:
        return value->kind == VALUE_TEXT && severity_parse(value->as.text) >= 0;
    case FIELD_TYPE_ADDRESS:
        return value->kind == VALUE_TEXT && decoded_is_address(value->as.text);
    default:
        text = value_as_text(value, space);
        if (text.len > 0 && value->kind != VALUE_TEXT)
            *value = value_text(arena_copy(doc->arena, text));
        return text.len > 0 && value->as.text.ptr != NULL;
    }
}

static int
keep_severity(struct document *doc, struct text name, struct value value)
{
    doc->other[DOCUMENT_LEVEL] = value.kind == VALUE_TEXT ? doc->ev->extra_count + 1 : 0;
    return document_put_aside(doc, name, value);
}

/* A value for one of the event's own fields; one that does not fit goes elsewhere. */
static int
take_own(struct document *doc, const struct document_name *name, yyjson_val *val)
{
    struct value *known = &doc->ev->known[name->own], value;

    if (take_value(doc, name->sent, only_one(val), &value) != 0)
        return -1;
    if (value.kind == VALUE_NULL)
        return 0;
    if (value.kind == VALUE_TEXT && value.as.text.len == 0)
        return 0;
    if (name->own == EVENT_TIMESTAMP) {
        if (doc->time.kind != VALUE_ABSENT)
            return refuse(doc, name->sent, "given twice");
        doc->time = value;
        return 0;
    }
    if (!fits(doc, name->own, &value)) {
        if (name->own == EVENT_SEVERITY)
            return keep_severity(doc, name->sent, value);
        if (name->own == EVENT_SOURCE_IP && value.kind == VALUE_TEXT)
            return document_note_source(doc, name->sent, value.as.text);
        return document_put_aside(doc, name->sent, value);
    }
    if (known->kind == VALUE_ABSENT) {
        *known = value;
        return 0;
    }
    if (value.kind == VALUE_TEXT && text_equals(known->as.text, value.as.text))
        return 0;
    return document_put_aside(doc, name->sent, value);
}

/* What is decided when all is known. */
static int
take_later(struct document *doc, const struct document_name *name, yyjson_val *val)
{
    enum document_other which = text_is(name->name, "host.name") ? DOCUMENT_HOST
                                                                 : DOCUMENT_PROGRAM;
    struct value value;

    if (take_value(doc, name->sent, only_one(val), &value) != 0)
        return -1;
    if (value.kind == VALUE_NULL || (value.kind == VALUE_TEXT && value.as.text.len == 0))
        return 0;
    if (value.kind == VALUE_TEXT) {
        if (name->role == ROLE_LINE && doc->lines[name->rank].ptr != NULL)
            return refuse(doc, name->sent, "given twice");
        if (name->role == ROLE_LINE) {
            doc->lines[name->rank] = value.as.text;
            doc->line_names[name->rank] = name->sent;
            return 0;
        }
        if (name->role == ROLE_SOURCE)
            return document_note_source(doc, name->sent, value.as.text);
        if (name->role == ROLE_HOST && doc->other[which] == 0)
            doc->other[which] = doc->ev->extra_count + 1;
    }
    return document_put_aside(doc, name->sent, value);
}

static int
take_leaf(struct document *doc, struct text sent, yyjson_val *val)
{
    const struct document_name *name = document_name(sent);
    struct value value;

    switch (name->role) {
    case ROLE_OWN:
        return take_own(doc, name, val);
    case ROLE_LINE:
    case ROLE_SOURCE:
    case ROLE_HOST:
        return take_later(doc, name, val);
    case ROLE_TIME:
        if (doc->ecs_time.kind != VALUE_ABSENT)
            return refuse(doc, sent, "given twice");
        return take_value(doc, sent, only_one(val), &doc->ecs_time);
    default:
        break;
    }
    if (take_value(doc, sent, val, &value) != 0)
        return -1;
    if (name->role == ROLE_RENAMED)
        sent = name->name;
    return name->role == ROLE_ASIDE ? document_put_aside(doc, sent, value)
                                    : document_add(doc, sent, value);
}

/* --- names --- */

static int
join(struct document *doc, struct text prefix, yyjson_val *key, struct text *ret_name)
{
    struct text name = { yyjson_get_str(key), yyjson_get_len(key) };
    char *joined;

    if (json_value_has_nul(&doc->value, name))
        return refuse(doc, name, "the name holds a NUL");
    if (name.len == 0)
        return refuse(doc, prefix, "a field has an empty name");
    if (prefix.len + name.len >= EVENT_MAX_NAME)
        return refuse(doc, name, "a name of more than 256 bytes");
    *ret_name = name;
    if (prefix.len == 0)
        return 0;
    joined = arena_alloc(doc->arena, prefix.len + 1 + name.len);
    if (joined == NULL)
        return refuse(doc, name, "out of memory");
    memcpy(joined, prefix.ptr, prefix.len);
    joined[prefix.len] = '.';
    memcpy(joined + prefix.len + 1, name.ptr, name.len);
    *ret_name = (struct text){ joined, prefix.len + 1 + name.len };
    return 0;
}

static int
take_object(struct document *doc, struct text prefix, yyjson_val *object, int depth)
{
    yyjson_obj_iter iter;
    yyjson_val *key, *val;
    struct text name;

    if (depth > EVENT_MAX_DEPTH)
        return refuse(doc, prefix, "nested deeper than 32");
    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        if (join(doc, prefix, key, &name) != 0)
            return -1;
        val = yyjson_obj_iter_get_val(key);
        if ((yyjson_is_obj(val) ? take_object(doc, name, val, depth + 1)
                                : take_leaf(doc, name, val)) != 0)
            return -1;
    }
    return 0;
}

int
document_read(struct json_reader *reader, struct text json, struct arena *arena,
              struct event *ev, struct text *ret_read_at, struct err *err)
{
    struct document doc = {
        .ev = ev, .arena = arena,
        .value = { .arena = arena, .packed = json_reader_space(reader), .err = err },
    };
    yyjson_val *root;

    event_clear(ev);
    *ret_read_at = (struct text){ NULL, 0 };
    root = json_reader_object(reader, json, err);
    if (root == NULL)
        return -1;
    doc.value.may_hold_nul = memchr(json.ptr, '\\', json.len) != NULL;
    if (take_object(&doc, (struct text){ NULL, 0 }, root, 1) != 0)
        return -1;
    if (document_settle(&doc) != 0)
        return -1;
    *ret_read_at = doc.read_at;
    return 0;
}
