#include "proto/decode/json_fields.h"

#include <string.h>
#include <yyjson.h>

#include "proto/base/timestamp.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

struct yyjson_val *
json_fields_at(struct yyjson_val *object, const char *path)
{
    const char *dot;

    while ((dot = strchr(path, '.')) != NULL) {
        object = yyjson_obj_getn(object, path, (size_t)(dot - path));
        path = dot + 1;
    }
    return yyjson_obj_get(object, path);
}

struct text
json_fields_text(const struct json_line *json, struct yyjson_val *object, const char *path)
{
    struct text text = json_line_text(json, json_fields_at(object, path));

    return text.len == 0 || text_is(text, "-") ? (struct text){ NULL, 0 } : text;
}

static int
is_port(enum field field)
{
    return field == FIELD_SOURCE_PORT || field == FIELD_DESTINATION_PORT;
}

void
json_fields_keep(struct event *ev, enum field field, struct text value)
{
    int64_t number;

    if (value.len == 0 || text_is(value, "-"))
        return;
    if (field == FIELD_DESTINATION_IP) {
        if (decoded_is_address(value))
            decoded_text(ev, EVENT_DESTINATION_IP, value);
    } else if (field_rows[field].type == ECS_LONG) {
        if (text_to_int(value, is_port(field), is_port(field) ? UINT16_MAX : INT64_MAX,
                        &number) == 0)
            decoded_put_number(ev, field, number);
    } else if (field == FIELD_DESCRIPTION) {
        decoded_text(ev, EVENT_DESCRIPTION, value);
    } else {
        form_keep(ev, field, value);
    }
}

void
json_fields_put(const struct json_line *json, struct yyjson_val *object,
                const struct json_field *rows, size_t count, struct event *ev)
{
    for (size_t i = 0; i < count; i++) {
        struct yyjson_val *value = json_fields_at(object, rows[i].path);

        if (value != NULL)
            json_fields_keep(ev, rows[i].field, json_line_text(json, value));
    }
}

void
json_fields_time(const struct json_line *json, struct yyjson_val *object, const char *path,
                 struct event *ev)
{
    struct text text = json_fields_text(json, object, path);
    int64_t at_us;

    if (text.len > 0 && timestamp_parse(text, &at_us, NULL) == 0)
        (void)decoded_time(ev, at_us, json->arena);
}
