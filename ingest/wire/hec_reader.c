#include "ingest/wire/hec_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/intake/intake.h"
#include "proto/decode/decode.h"
#include "proto/decode/json_line.h"

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

/* "1795309200.123", the whole of it, and 0; or -1. */
static int
number_of(struct text text, double *ret_number)
{
    char copy[TIME_MAX_LEN], *end;

    if (text.len == 0 || text.len >= sizeof(copy))
        return -1;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, "0123456789.") != text.len)
        return -1;
    *ret_number = strtod(copy, &end);
    return end == copy + text.len ? 0 : -1;
}

/* Seconds, or thousandths, millionths or billionths of them: many loggers send what their
 * language's clock says, and Splunk takes these too. */
static double
to_seconds(double time)
{
    for (int i = 0; i < 3 && time > last_second; i++)
        time /= 1000;
    return time;
}

/* 1 and the time; 0 when none is said; -1 with the reason. */
static int
read_time(yyjson_val *value, struct text other, double *ret_seconds, struct err *err)
{
    struct text text = { yyjson_get_str(value), yyjson_is_str(value) ? yyjson_get_len(value) : 0 };
    double time = -1;

    if (value == NULL || yyjson_is_null(value)) {
        if (other.len == 0)
            return 0;
        text = other;
    }
    if (yyjson_is_num(value))
        time = yyjson_get_num(value);
    else if (number_of(text, &time) != 0)
        time = -1;
    *ret_seconds = to_seconds(time);
    if (is_seconds(*ret_seconds))
        return 1;
    err_set(err, "time: must be seconds since 1970");
    return -1;
}

/* Milliseconds are what a double of today's seconds surely has. */
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
    double seconds;
    int rc = read_time(yyjson_obj_get(event, "time"), origin->time, &seconds, err);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text = text_in(event, rows[i].key);

        if (flat_put_text(flat, text_of(rows[i].name), text.len > 0 ? text : rows[i].other,
                          err) != 0)
            return -1;
    }
    return rc <= 0 ? rc : flat_put_time(flat, text_of("@timestamp"),
                                        llround(seconds * 1000) * (MICRO / 1000), err);
}

/* What Splunk itself would refuse. */
static enum hec_fault
check_event(yyjson_val *event, const struct hec_origin *origin, struct err *err)
{
    yyjson_val *value = yyjson_obj_get(event, "event"), *fields = yyjson_obj_get(event, "fields");
    double seconds;

    if (!yyjson_is_obj(event)) {
        err_set(err, "an event must be a JSON object");
        return HEC_BAD_FORMAT;
    }
    if (value == NULL || yyjson_is_null(value)) {
        err_set(err, "event: is missing");
        return HEC_NO_EVENT;
    }
    if ((yyjson_is_str(value) && yyjson_get_len(value) == 0) ||
        (yyjson_is_ctn(value) && unsafe_yyjson_get_len(value) == 0)) {
        err_set(err, "event: is blank");
        return HEC_BLANK_EVENT;
    }
    if (fields != NULL && !yyjson_is_obj(fields) && !yyjson_is_null(fields)) {
        err_set(err, "fields: must be an object");
        return HEC_BAD_FORMAT;
    }
    return read_time(yyjson_obj_get(event, "time"), origin->time, &seconds, err) < 0
               ? HEC_BAD_FORMAT : HEC_FINE;
}

/* The text of a value as it stands in its JSON, or as the text that it is. */
static int
put_line(struct flat_document *flat, yyjson_val *value, struct err *err)
{
    size_t len = 0;
    char *json;
    int rc;

    if (yyjson_is_str(value))
        return flat_put_text(flat, text_of("message"),
                             (struct text){ yyjson_get_str(value), yyjson_get_len(value) }, err);
    json = yyjson_val_write(value, 0, &len);
    if (json == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    rc = flat_put_text(flat, text_of("message"), (struct text){ json, len }, err);
    free(json);
    return rc;
}

/* {"line":..,"source":"stdout","tag":..,"attrs":{..}}: what a container wrote, as Docker's
 * driver sends it. */
static int
is_dockers(yyjson_val *value)
{
    struct text stream = text_in(value, "source");

    return yyjson_obj_get(value, "line") != NULL &&
           (text_is(stream, "stdout") || text_is(stream, "stderr"));
}

static int
put_dockers(struct flat_document *flat, yyjson_val *value, struct err *err)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (put_line(flat, yyjson_obj_get(value, "line"), err) != 0 ||
        flat_put_text(flat, text_of("log.iostream"), text_in(value, "source"), err) != 0)
        return -1;
    yyjson_obj_iter_init(value, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL)
        if (!yyjson_equals_str(key, "line") && !yyjson_equals_str(key, "source") &&
            flat_put_json(flat, (struct text){ yyjson_get_str(key), yyjson_get_len(key) },
                          yyjson_obj_iter_get_val(key), err) != 0)
            return -1;
    return 0;
}

/* What a decoder knows better than its flattened names tell. Winlogbeat's and Docker's have
 * their place among those, beside what the shipper added. */
static int
is_line(yyjson_val *value)
{
    enum json_form form = json_form_of(value);

    return yyjson_is_str(value) ||
           (form != JSON_OTHER && form != JSON_WINLOGBEAT && form != JSON_DOCKER);
}

static int
put_event(struct flat_document *flat, yyjson_val *value, struct err *err)
{
    if (is_line(value))
        return put_line(flat, value, err);
    if (is_dockers(value))
        return put_dockers(flat, value, err);
    return flat_put_json(flat, text_of(yyjson_is_obj(value) ? "" : "splunk.event"), value, err);
}

enum hec_fault
hec_read(struct text object, const struct hec_origin *origin, struct flat_document *flat,
         struct err *err)
{
    yyjson_val *event, *fields;
    enum hec_fault fault;
    yyjson_read_err why;
    yyjson_doc *doc;

    if (object.len > INTAKE_MAX_JSON) {
        err_set(err, "the event is over %d KiB", INTAKE_MAX_JSON >> 10);
        return HEC_UNFIT;
    }
    doc = yyjson_read_opts((char *)(uintptr_t)object.ptr, object.len, 0, NULL, &why);
    if (doc == NULL) {
        err_set(err, "not JSON: %s, at byte %zu of the event", why.msg, why.pos);
        return why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? HEC_NO_MEMORY : HEC_BAD_FORMAT;
    }
    event = yyjson_doc_get_root(doc);
    fields = yyjson_obj_get(event, "fields");
    fault = check_event(event, origin, err);
    if (fault == HEC_FINE &&
        (put_event(flat, yyjson_obj_get(event, "event"), err) != 0 ||
         (yyjson_is_obj(fields) && flat_put_json(flat, text_of(""), fields, err) != 0) ||
         put_metadata(flat, event, origin, err) != 0))
        fault = HEC_UNFIT;
    yyjson_doc_free(doc);
    return fault;
}

int
hec_read_plain(struct text object, const struct hec_origin *origin, struct flat_document *flat,
               struct arena *arena, struct text *ret_line)
{
    struct err unused;
    yyjson_doc *doc = NULL;
    yyjson_val *event, *value;
    enum raw_encoding how;
    char *json;
    size_t len;

    if (object.len <= INTAKE_MAX_JSON)
        doc = yyjson_read(object.ptr, object.len, 0);
    event = yyjson_doc_get_root(doc);
    value = yyjson_obj_get(event, "event");
    if (yyjson_is_str(value)) {
        *ret_line = arena_copy(arena, (struct text){ yyjson_get_str(value),
                                                     yyjson_get_len(value) });
    } else if (value != NULL && (json = yyjson_val_write(value, 0, &len)) != NULL) {
        *ret_line = arena_copy(arena, (struct text){ json, len });
        free(json);
    } else {
        *ret_line = raw_to_utf8(object, arena, &how);
    }
    (void)put_metadata(flat, event, origin, &unused);   /* as much as there is */
    yyjson_doc_free(doc);
    return ret_line->ptr == NULL ? -1 : 0;
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

int
hec_read_metadata(const struct hec_origin *origin, struct flat_document *flat)
{
    struct err unused;

    return put_metadata(flat, NULL, origin, &unused);
}
