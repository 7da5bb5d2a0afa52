#include "ingest/wire/hec_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/intake/intake.h"

/* 9999-12-31 in seconds: what RFC 3339 can say. */
static const double last_second = 253402300799.0;

enum { MICRO = 1000000, TIME_MAX_LEN = 32 };

/* --- one after another --- */

static int
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* How long the object at the start of text is; 0: it has no end. */
static size_t
object_len(struct text text)
{
    size_t depth = 0;
    int is_in_text = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (is_in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_in_text = 0;
        } else if (c == '"') {
            is_in_text = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

int
hec_next(struct text *rest, struct text *ret_object)
{
    size_t n = 0;

    while (n < rest->len && (is_space(rest->ptr[n]) || strchr("[],", rest->ptr[n]) != NULL))
        n++;
    *rest = (struct text){ rest->ptr + n, rest->len - n };
    if (rest->len == 0)
        return 0;
    n = *rest->ptr == '{' ? object_len(*rest) : 0;
    if (n == 0)
        return -1;
    *ret_object = (struct text){ rest->ptr, n };
    *rest = (struct text){ rest->ptr + n, rest->len - n };
    return 1;
}

/* --- one event --- */

static struct text
text_in(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return (struct text){ yyjson_get_str(value), yyjson_is_str(value) ? yyjson_get_len(value)
                                                                      : 0 };
}

static int
is_seconds(double seconds)
{
    return isfinite(seconds) && seconds >= 0 && seconds <= last_second;
}

/* "1795309200.123", the whole of it. */
static int
seconds_of(struct text text, double *ret_seconds)
{
    char copy[TIME_MAX_LEN], *end;

    if (text.len == 0 || text.len >= sizeof(copy))
        return -1;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, "0123456789.") != text.len)
        return -1;
    *ret_seconds = strtod(copy, &end);
    return end == copy + text.len && is_seconds(*ret_seconds) ? 0 : -1;
}

/* Milliseconds are what a double of today's seconds surely has. */
static int
put_seconds(struct flat_document *flat, double seconds, struct err *err)
{
    return flat_put_time(flat, text_of("@timestamp"), llround(seconds * 1000) * (MICRO / 1000),
                         err);
}

static int
put_time(struct flat_document *flat, yyjson_val *value, struct text other, struct err *err)
{
    struct text text = { yyjson_get_str(value), yyjson_is_str(value) ? yyjson_get_len(value) : 0 };
    double seconds = 0;

    if (yyjson_is_num(value))
        seconds = yyjson_get_num(value);
    else if (value == NULL || yyjson_is_null(value))
        text = other;
    else if (text.len == 0)
        seconds = -1;
    if (text.len > 0 && seconds_of(text, &seconds) != 0)
        seconds = -1;
    if (text.len == 0 && !yyjson_is_num(value) && seconds == 0)
        return 0;
    if (is_seconds(seconds))
        return put_seconds(flat, seconds, err);
    err_set(err, "time: must be seconds since 1970");
    return -1;
}

static int
put_metadata(struct flat_document *flat, yyjson_val *event, const struct hec_origin *origin,
             struct err *err)
{
    const struct { const char *key, *name; struct text other; } rows[] = {
        { "host", "host.name", origin->host },
        { "source", "splunk.source", origin->source },
        { "sourcetype", "splunk.sourcetype", origin->sourcetype },
        { "index", "splunk.index", origin->index },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text = text_in(event, rows[i].key);

        if (flat_put_text(flat, text_of(rows[i].name), text.len > 0 ? text : rows[i].other,
                          err) != 0)
            return -1;
    }
    return put_time(flat, yyjson_obj_get(event, "time"), origin->time, err);
}

static enum hec_fault
put_event(struct flat_document *flat, yyjson_val *event, struct err *err)
{
    yyjson_val *value = yyjson_obj_get(event, "event");
    int rc;

    if (value == NULL || yyjson_is_null(value)) {
        err_set(err, "event: is missing");
        return HEC_NO_EVENT;
    }
    if ((yyjson_is_str(value) && yyjson_get_len(value) == 0) ||
        (yyjson_is_ctn(value) && unsafe_yyjson_get_len(value) == 0)) {
        err_set(err, "event: is blank");
        return HEC_BLANK_EVENT;
    }
    rc = yyjson_is_obj(value) ? flat_put_json(flat, text_of(""), value, err)
         : flat_put_json(flat, text_of(yyjson_is_str(value) ? "message" : "splunk.event"),
                         value, err);
    return rc == 0 ? HEC_FINE : HEC_BAD_FORMAT;
}

static enum hec_fault
put_all(struct flat_document *flat, yyjson_val *event, const struct hec_origin *origin,
        struct err *err)
{
    yyjson_val *fields = yyjson_obj_get(event, "fields");
    enum hec_fault fault;

    if (!yyjson_is_obj(event)) {
        err_set(err, "an event must be a JSON object");
        return HEC_BAD_FORMAT;
    }
    fault = put_event(flat, event, err);
    if (fault != HEC_FINE)
        return fault;
    if (fields != NULL && !yyjson_is_obj(fields) && !yyjson_is_null(fields)) {
        err_set(err, "fields: must be an object");
        return HEC_BAD_FORMAT;
    }
    if (yyjson_is_obj(fields) && flat_put_json(flat, text_of(""), fields, err) != 0)
        return HEC_BAD_FORMAT;
    return put_metadata(flat, event, origin, err) == 0 ? HEC_FINE : HEC_BAD_FORMAT;
}

enum hec_fault
hec_read(struct text object, const struct hec_origin *origin, struct flat_document *flat,
         struct err *err)
{
    enum hec_fault fault = HEC_BAD_FORMAT;
    yyjson_read_err why;
    yyjson_doc *doc;

    if (object.len > INTAKE_MAX_JSON) {
        err_set(err, "the event is over %d KiB", INTAKE_MAX_JSON >> 10);
        return HEC_BAD_FORMAT;
    }
    doc = yyjson_read_opts((char *)(uintptr_t)object.ptr, object.len, 0, NULL, &why);
    if (doc == NULL) {
        err_set(err, "not JSON: %s, at byte %zu of the event", why.msg, why.pos);
        return why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? HEC_NO_MEMORY : HEC_BAD_FORMAT;
    }
    fault = put_all(flat, yyjson_doc_get_root(doc), origin, err);
    yyjson_doc_free(doc);
    return fault;
}

enum hec_fault
hec_read_line(struct text line, const struct hec_origin *origin, struct flat_document *flat,
              struct err *err)
{
    if (flat_put_text(flat, text_of("message"), line, err) != 0 ||
        put_metadata(flat, NULL, origin, err) != 0)
        return HEC_BAD_FORMAT;
    return HEC_FINE;
}
