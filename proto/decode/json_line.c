#include "proto/decode/json_line.h"

#include <string.h>
#include <yyjson.h>

#include "proto/decode/decode.h"

enum { HEX_ESCAPE_LEN = 4 };    /* \xHH */

static int
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* How many "\xHH" text has, "\\" passed over as the pair that it is. */
static size_t
count_hex_escapes(struct text text)
{
    size_t count = 0;
    const char *at = text.ptr, *end = text.ptr + text.len;

    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        if (end - at >= HEX_ESCAPE_LEN && at[1] == 'x' && is_hex(at[2]) && is_hex(at[3]))
            count++;
        at += end - at > 1 ? 2 : 1;
    }
    return count;
}

/* Copy text to out; each "\xHH" gets a second backslash. */
static size_t
copy_escaping(struct text text, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        out[n++] = text.ptr[i];
        if (text.ptr[i] != '\\' || i + 1 == text.len)
            continue;
        if (text.ptr[i + 1] == 'x' && text.len - i >= HEX_ESCAPE_LEN &&
            is_hex(text.ptr[i + 2]) && is_hex(text.ptr[i + 3]))
            out[n++] = '\\';
        else
            out[n++] = text.ptr[++i];
    }
    return n;
}

/* Keys that tell a form; those of one form all have to be there. */
enum { NAMES_MAX = 3 };

static const struct {
    enum json_form form;
    const char *names[NAMES_MAX];
} forms[] = {
    { JSON_WINLOGBEAT, { "winlog", "@timestamp" } },
    { JSON_NXLOG, { "EventID", "SourceName", "EventTime" } },
    { JSON_SURICATA, { "event_type", "timestamp", "flow_id" } },
    { JSON_SURICATA, { "event_type", "timestamp", "stats" } },
    { JSON_CLOUDTRAIL, { "eventSource", "eventName", "eventTime" } },
    { JSON_EVENTBRIDGE, { "detail-type", "detail", "region" } },
    { JSON_KUBERNETES, { "auditID", "apiVersion", "stage" } },
    { JSON_DOCKER, { "log", "stream", "time" } },
};

enum { FORMS = sizeof forms / sizeof forms[0] };

static int
has_names(yyjson_val *root, const char *const *names)
{
    for (int i = 0; i < NAMES_MAX && names[i] != NULL; i++)
        if (yyjson_obj_get(root, names[i]) == NULL)
            return 0;
    return 1;
}

/* *tried: the rows that were looked at for an earlier key of the same name, which a sender
 * may repeat. */
static enum json_form
form_by(yyjson_val *root, yyjson_val *key, unsigned *tried)
{
    for (size_t i = 0; i < FORMS; i++) {
        if ((*tried & 1u << i) != 0 || !yyjson_equals_str(key, forms[i].names[0]))
            continue;
        *tried |= 1u << i;
        if (has_names(root, forms[i].names))
            return forms[i].form;
    }
    return JSON_OTHER;
}

/* Most keys are told from all of ours by their length and their first letter. */
static int
could_tell(yyjson_val *key)
{
    char first = *yyjson_get_str(key);

    switch (yyjson_get_len(key)) {
    case 3:
        return first == 'l';                    /* log */
    case 6:
        return first == 'w';                    /* winlog */
    case 7:
        return first == 'E' || first == 'a';    /* EventID, auditID */
    case 10:
        return first == 'e';                    /* event_type */
    case 11:
        return first == 'e' || first == 'd';    /* eventSource, detail-type */
    default:
        return 0;
    }
}

enum json_form
json_form_of(struct yyjson_val *root)
{
    enum json_form form = JSON_OTHER;
    yyjson_obj_iter iter;
    unsigned tried = 0;
    yyjson_val *key;

    yyjson_obj_iter_init(root, &iter);
    while (form == JSON_OTHER && (key = yyjson_obj_iter_next(&iter)) != NULL)
        if (could_tell(key))
            form = form_by(root, key, &tried);
    return form;
}

int
json_line_read(struct text text, struct arena *arena, struct json_line *ret_json)
{
    struct json_line json = { .arena = arena };
    size_t escapes, len;
    char *copy;

    text = text_trim(text);
    if (text.len < 2 || text.len > JSON_LINE_MAX_BYTES || text.ptr[0] != '{' ||
        text.ptr[text.len - 1] != '}')
        return 0;

    escapes = count_hex_escapes(text);
    copy = arena_alloc(arena, text.len + escapes + YYJSON_PADDING_SIZE);
    if (copy == NULL)
        return -1;
    len = copy_escaping(text, copy);
    memset(copy + len, 0, YYJSON_PADDING_SIZE);

    json.doc = yyjson_read_opts(copy, len, YYJSON_READ_INSITU, NULL, NULL);
    if (json.doc == NULL)
        return 0;
    json.root = yyjson_doc_get_root(json.doc);
    json.has_hex_escapes = escapes > 0;
    if (!yyjson_is_obj(json.root)) {
        yyjson_doc_free(json.doc);
        return 0;
    }
    json.form = json_form_of(json.root);
    *ret_json = json;
    return 1;
}

void
json_line_release(struct json_line *json)
{
    yyjson_doc_free(json->doc);
    *json = (struct json_line){ 0 };
}

int
json_line_is_known(struct text text, struct arena *arena)
{
    struct json_line json;
    int rc = json_line_read(text, arena, &json);

    if (rc != 1)
        return rc;
    rc = json.form != JSON_OTHER && json.form != JSON_SURICATA;
    json_line_release(&json);
    return rc;
}

struct yyjson_val *
json_line_get(struct yyjson_val *object, const char *key)
{
    return yyjson_obj_get(object, key);
}

/* An array of numbers from 0 to 255 as the bytes that they are. */
static struct text
bytes_of(const struct json_line *json, yyjson_val *array)
{
    size_t len = yyjson_arr_size(array), n = 0;
    char *bytes = arena_alloc(json->arena, len);
    enum raw_encoding how;
    yyjson_arr_iter iter;
    yyjson_val *one;

    if (bytes == NULL)
        return (struct text){ NULL, 0 };
    yyjson_arr_iter_init(array, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL) {
        if (!yyjson_is_uint(one) || yyjson_get_uint(one) > 255)
            return (struct text){ NULL, 0 };
        bytes[n++] = (char)(unsigned char)yyjson_get_uint(one);
    }
    return raw_to_utf8((struct text){ bytes, n }, json->arena, &how);
}

struct text
json_line_text(const struct json_line *json, struct yyjson_val *value)
{
    struct text text;
    enum raw_encoding how;

    if (yyjson_is_arr(value) && yyjson_is_num(yyjson_arr_get_first(value)))
        return bytes_of(json, value);
    if (yyjson_is_arr(value))
        value = yyjson_arr_get_first(value);
    if (yyjson_is_sint(value))
        return arena_printf(json->arena, "%lld", (long long)yyjson_get_sint(value));
    if (yyjson_is_uint(value))
        return arena_printf(json->arena, "%llu",
                            (unsigned long long)yyjson_get_uint(value));
    if (yyjson_is_real(value))
        return arena_printf(json->arena, "%.9f", yyjson_get_real(value));
    if (!yyjson_is_str(value))
        return (struct text){ NULL, 0 };

    text = (struct text){ yyjson_get_str(value), yyjson_get_len(value) };
    if (memchr(text.ptr, '\0', text.len) != NULL)       /* "\u0000" */
        text = raw_to_utf8(text, json->arena, &how);
    return text;
}

int
json_line_number(struct yyjson_val *value, int64_t *ret_number)
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
