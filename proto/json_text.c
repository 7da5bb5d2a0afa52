#include "proto/json_text.h"

#include "proto/base/buf.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* The length of the character that text starts with, 0 when it is broken. */
static size_t
character_len(struct text text)
{
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if (text_is_utf8((struct text){ text.ptr, len }))
            return len;
    return 0;
}

static int
text_repair(struct text text, struct buf *out)
{
    int rc = 0;

    while (text.len > 0 && rc == 0) {
        size_t len = character_len(text);

        if (len > 0)
            rc = buf_append(out, text.ptr, len);
        else
            rc = buf_append_str(out, REPLACEMENT);
        len += (len == 0);
        text.ptr += len;
        text.len -= len;
    }
    return rc;
}

json_t *
json_text(struct text text)
{
    struct buf repaired = { 0 };
    json_t *json;

    if (text.len == 0)
        return json_string("");
    json = json_stringn(text.ptr, text.len);
    if (json == NULL && text_repair(text, &repaired) == 0)
        json = json_stringn(repaired.ptr, repaired.len);
    buf_release(&repaired);
    return json;
}

int
json_set(json_t *object, struct text name, json_t *value)
{
    struct buf repaired = { 0 };
    int rc = -1;

    if (value == NULL)
        return -1;
    if (text_is_utf8(name))
        return json_object_setn_new(object, name.ptr, name.len, value);
    if (text_repair(name, &repaired) == 0)
        rc = json_object_setn_new(object, repaired.ptr, repaired.len, value);
    else
        json_decref(value);
    buf_release(&repaired);
    return rc;
}
