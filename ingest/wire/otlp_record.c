#include "ingest/wire/otlp_record.h"

#include <stdlib.h>
#include <string.h>

#include "proto/event.h"

enum { NANO_PER_MICRO = 1000, SEVERITY_MAX = 24, PER_LEVEL = 4 };

/* Severity numbers in fours, from 1. */
static const char *const levels[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };

static struct text
text_in(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return (struct text){ yyjson_get_str(value), yyjson_get_len(value) * yyjson_is_str(value) };
}

/* An integer as protobuf's JSON has it: 64 bits in a text, or a number. */
static int
number_of(yyjson_val *value, int64_t *ret_number)
{
    if (yyjson_is_str(value))
        return text_to_int((struct text){ yyjson_get_str(value), yyjson_get_len(value) },
                           INT64_MIN, INT64_MAX, ret_number);
    if (!yyjson_is_int(value) ||
        (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX))
        return -1;
    *ret_number = yyjson_get_sint(value);
    return 0;
}

/* --- AnyValue --- */

static yyjson_mut_val *make_value(struct flat_document *flat, yyjson_val *any, int depth);

static yyjson_mut_val *
make_array(struct flat_document *flat, yyjson_val *values, int depth)
{
    yyjson_mut_val *array = yyjson_mut_arr(flat->doc);
    yyjson_arr_iter iter;
    yyjson_val *one;

    yyjson_arr_iter_init(values, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL)
        if (!yyjson_mut_arr_append(array, make_value(flat, one, depth + 1)))
            return NULL;
    return array;
}

static yyjson_mut_val *
make_map(struct flat_document *flat, yyjson_val *values, int depth)
{
    yyjson_mut_val *map = yyjson_mut_obj(flat->doc);
    yyjson_arr_iter iter;
    yyjson_val *one;

    yyjson_arr_iter_init(values, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL) {
        struct text name = text_in(one, "key");
        yyjson_mut_val *key = yyjson_mut_strncpy(flat->doc, name.ptr, name.len);
        yyjson_mut_val *value = make_value(flat, yyjson_obj_get(one, "value"), depth + 1);

        if (name.len == 0)
            flat->is_unfit = 1;
        if (name.len == 0 || !yyjson_mut_obj_add(map, key, value))
            return NULL;
    }
    return map;
}

/* NULL for what is no value of OTLP, or out of memory. No value at all is null. */
static yyjson_mut_val *
make_value(struct flat_document *flat, yyjson_val *any, int depth)
{
    yyjson_val *value;
    int64_t number;

    if (depth > EVENT_MAX_DEPTH)
        flat->is_unfit = 1;
    if (depth > EVENT_MAX_DEPTH || (any != NULL && !yyjson_is_obj(any)))
        return NULL;
    if ((value = yyjson_obj_get(any, "stringValue")) != NULL)
        return yyjson_is_str(value) ? yyjson_val_mut_copy(flat->doc, value) : NULL;
    if ((value = yyjson_obj_get(any, "intValue")) != NULL)
        return number_of(value, &number) == 0 ? yyjson_mut_sint(flat->doc, number) : NULL;
    if ((value = yyjson_obj_get(any, "boolValue")) != NULL)
        return yyjson_is_bool(value) ? yyjson_val_mut_copy(flat->doc, value) : NULL;
    if ((value = yyjson_obj_get(any, "doubleValue")) != NULL)   /* or "NaN", "Infinity" */
        return yyjson_is_num(value) || yyjson_is_str(value)
                   ? yyjson_val_mut_copy(flat->doc, value) : NULL;
    if ((value = yyjson_obj_get(any, "bytesValue")) != NULL)    /* in base64, and stays so */
        return yyjson_is_str(value) ? yyjson_val_mut_copy(flat->doc, value) : NULL;
    if ((value = yyjson_obj_get(any, "arrayValue")) != NULL)
        return make_array(flat, yyjson_obj_get(value, "values"), depth);
    if ((value = yyjson_obj_get(any, "kvlistValue")) != NULL)
        return make_map(flat, yyjson_obj_get(value, "values"), depth);
    return yyjson_obj_size(any) == 0 ? yyjson_mut_null(flat->doc) : NULL;
}

/* A list of {"key":..,"value":..}, those of a map each under prefix.NAME. */
static int
put_list(struct flat_document *flat, struct text prefix, yyjson_val *list, int depth,
         struct err *err)
{
    yyjson_arr_iter iter;
    yyjson_val *one;

    if (depth > EVENT_MAX_DEPTH)
        return flat_refuse(flat, err, "nested deeper than 32");
    yyjson_arr_iter_init(list, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL) {
        struct text name = flat_join(flat, prefix, text_in(one, "key"));
        yyjson_val *any = yyjson_obj_get(one, "value");
        yyjson_val *map = yyjson_obj_get(any, "kvlistValue");
        yyjson_mut_val *value;

        if (text_in(one, "key").len == 0)
            return flat_refuse(flat, err, "an attribute has no key");
        if (map != NULL) {
            if (put_list(flat, name, yyjson_obj_get(map, "values"), depth + 1, err) != 0)
                return -1;
            continue;
        }
        value = make_value(flat, any, depth);
        if (value == NULL) {
            err_set(err, "%.*s: no value of OTLP", name.len > 64 ? 64 : (int)name.len, name.ptr);
            return -1;
        }
        if (!yyjson_mut_is_null(value) && flat_put(flat, name, value, err) != 0)
            return -1;
    }
    return 0;
}

/* --- a record --- */

static int
put_time(yyjson_val *record, struct flat_document *flat, struct err *err)
{
    static const char *const keys[] = { "timeUnixNano", "observedTimeUnixNano" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        yyjson_val *value = yyjson_obj_get(record, keys[i]);
        int64_t nano = 0;

        if (value != NULL && !yyjson_is_null(value) && (number_of(value, &nano) != 0 || nano < 0)) {
            err_set(err, "%s: is no number of nanoseconds", keys[i]);
            return -1;
        }
        if (nano > 0)
            return flat_put_time(flat, text_of("@timestamp"), nano / NANO_PER_MICRO, err);
    }
    return 0;
}

static int
put_severity(yyjson_val *record, struct flat_document *flat, struct err *err)
{
    struct text level = text_in(record, "severityText");
    int64_t number = 0;

    if (number_of(yyjson_obj_get(record, "severityNumber"), &number) != 0 || number < 1 ||
        number > SEVERITY_MAX)
        number = 0;
    if (level.len == 0 && number > 0)
        level = text_of(levels[(number - 1) / PER_LEVEL]);
    if (flat_put_text(flat, text_of("log.level"), level, err) != 0)
        return -1;
    return number == 0 ? 0 : flat_put_number(flat, text_of("event.original_severity"), number, err);
}

/* A text is the line; of a map each member is a field; all else stands as otel.body. */
static int
put_body(yyjson_val *record, struct flat_document *flat, struct err *err)
{
    yyjson_val *body = yyjson_obj_get(record, "body");
    yyjson_val *map = yyjson_obj_get(body, "kvlistValue");
    struct text line = text_in(body, "stringValue");
    yyjson_mut_val *value;

    if (line.len > 0)
        return flat_put_text(flat, text_of("message"), line, err);
    if (map != NULL)
        return put_list(flat, text_of(""), yyjson_obj_get(map, "values"), 1, err);
    value = body == NULL || yyjson_is_null(body) ? yyjson_mut_null(flat->doc)
                                                 : make_value(flat, body, 1);
    if (value != NULL && yyjson_mut_is_null(value))
        return 0;
    if (value == NULL) {
        err_set(err, "body: no value of OTLP");
        return -1;
    }
    return yyjson_mut_equals_str(value, "") ? 0 : flat_put(flat, text_of("otel.body"), value, err);
}

static int
put_texts(yyjson_val *object, struct flat_document *flat, const char *const (*rows)[2],
          size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (flat_put_text(flat, text_of(rows[i][1]), text_in(object, rows[i][0]), err) != 0)
            return -1;
    return 0;
}

int
otlp_record_read(yyjson_val *record, const struct otlp_place *place,
                 struct flat_document *flat, struct err *err)
{
    static const char *const of_record[][2] = {
        { "eventName", "event.action" }, { "traceId", "trace.id" }, { "spanId", "span.id" },
    };
    static const char *const of_scope[][2] = {
        { "name", "otel.scope.name" }, { "version", "otel.scope.version" },
    };
    const struct text no_prefix = text_of("");

    if (!yyjson_is_obj(record)) {
        err_set(err, "a log record is no object");
        return -1;
    }
    if (put_time(record, flat, err) != 0 || put_severity(record, flat, err) != 0 ||
        put_texts(record, flat, of_record, 3, err) != 0 || put_body(record, flat, err) != 0 ||
        put_list(flat, no_prefix, yyjson_obj_get(record, "attributes"), 1, err) != 0 ||
        put_texts(place->scope, flat, of_scope, 2, err) != 0 ||
        put_list(flat, no_prefix, yyjson_obj_get(place->scope, "attributes"), 1, err) != 0)
        return -1;
    return put_list(flat, no_prefix, yyjson_obj_get(place->resource, "attributes"), 1, err);
}

/* --- as a line --- */

/* Of a list of attributes, the texts that tell where a line is from. */
static int
put_whence(struct flat_document *flat, yyjson_val *list, struct err *err)
{
    static const char *const names[] = {
        "host.name", "service.name", "process.name", "container.name", "container.id",
        "k8s.pod.name", "k8s.namespace.name", "log.file.path", "log.iostream",
    };
    yyjson_arr_iter iter;
    yyjson_val *one;

    yyjson_arr_iter_init(list, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL)
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (text_is(text_in(one, "key"), names[i]) &&
                flat_put_text(flat, text_of(names[i]),
                              text_in(yyjson_obj_get(one, "value"), "stringValue"), err) != 0)
                return -1;
    return 0;
}

int
otlp_record_plain(yyjson_val *record, const struct otlp_place *place,
                  struct flat_document *flat, struct arena *arena, struct text *ret_line,
                  struct err *err)
{
    yyjson_val *attributes = yyjson_obj_get(record, "attributes");
    struct text line = text_in(yyjson_obj_get(record, "body"), "stringValue");
    char *json = NULL;

    if (line.len == 0 || yyjson_arr_size(attributes) > 0)
        json = yyjson_val_write(record, 0, &line.len);
    if (json != NULL)
        line.ptr = json;
    *ret_line = arena_copy(arena, line);
    free(json);
    if (ret_line->ptr == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    return put_time(record, flat, err) != 0 || put_severity(record, flat, err) != 0 ||
           put_whence(flat, attributes, err) != 0 ||
           put_whence(flat, yyjson_obj_get(place->resource, "attributes"), err) != 0 ? -1 : 0;
}
