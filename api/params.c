#include "api/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/timestamp.h"

enum { MAX_LINK = 4096 };          /* longer is left out: next_cursor says it too */

/* "90m", "24h", "7d" in microseconds. */
static int
parse_window(struct text text, int64_t *ret_us)
{
    static const struct { char unit; int64_t seconds; } units[] = {
        { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
    };
    int64_t number;

    if (text.len < 2 ||
        text_to_int((struct text){ text.ptr, text.len - 1 }, 1, 100000, &number) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (text.ptr[text.len - 1] == units[i].unit) {
            *ret_us = number * units[i].seconds * 1000000;
            return 0;
        }
    return -1;
}

static int
parse_time(const struct http_request *req, const char *name, int64_t *ret_us, struct err *err)
{
    struct text text = http_query(req, name);

    if (text.ptr == NULL)
        return 0;
    if (timestamp_parse(text, ret_us, err) == 0)
        return 0;
    err_add(err, "%s", name);
    return -1;
}

int
params_span(const struct http_request *req, int64_t now_us, int64_t default_ms,
            int64_t *ret_from_us, int64_t *ret_to_us, struct err *err)
{
    struct text window = http_query(req, "window");
    int64_t from = INT64_MIN, to = now_us, span = default_ms * 1000;
    int has_from = http_query(req, "from").ptr != NULL;

    if (window.ptr != NULL && has_from) {
        err_set(err, "window: give either window or from");
        return -1;
    }
    if (window.ptr != NULL && parse_window(window, &span) != 0) {
        err_set(err, "window: must be a number and s, m, h, d or w, as in 24h");
        return -1;
    }
    if (parse_time(req, "to", &to, err) != 0)
        return -1;
    if (window.ptr == NULL && !has_from && default_ms == 0 && http_query(req, "to").ptr == NULL)
        to = INT64_MAX;
    if (window.ptr != NULL || default_ms != 0)
        from = to - span;
    if (parse_time(req, "from", &from, err) != 0)
        return -1;
    if (from >= to) {
        err_set(err, "from: must be before to");
        return -1;
    }
    *ret_from_us = from;
    *ret_to_us = to;
    return 0;
}

int
params_limit(const struct http_request *req, unsigned fallback, unsigned max,
             unsigned *ret_limit, struct err *err)
{
    struct text text = http_query(req, "limit");
    int64_t number = fallback;

    if (text.ptr != NULL && text_to_int(text, 1, max, &number) != 0) {
        err_set(err, "limit: must be a number from 1 to %u", max);
        return -1;
    }
    *ret_limit = (unsigned)number;
    return 0;
}

int
params_cursor(const struct http_request *req, int *ret_has, int64_t *ret_us,
              struct text *ret_id, struct err *err)
{
    struct text cursor = http_query(req, "cursor");
    struct text number;

    *ret_has = cursor.ptr != NULL;
    if (cursor.ptr == NULL)
        return 0;
    number = text_split(&cursor, '_');
    if (cursor.ptr == NULL ||
        text_to_int(number, INT64_MIN, INT64_MAX, ret_us) != 0) {
        err_set(err, "cursor: not one that was given as next_cursor");
        return -1;
    }
    *ret_id = cursor;
    return 0;
}

void
params_go_on(struct incident_query *query, const struct incident *last)
{
    query->has_cursor = 1;
    query->cursor_us = last->last_seen_us;
    memcpy(query->cursor_id, last->id, sizeof(query->cursor_id));
}

json_t *
params_make_cursor(int64_t at_us, const char *id)
{
    char text[96];

    snprintf(text, sizeof(text), "%" PRId64 "_%s", at_us, id);
    return json_string(text);
}

/* --- the next page --- */

struct link {
    struct buf *out;
    const char *left_out;
    int rc;
};

/* RFC 3986 section 2.3: what need not be escaped. */
static int
append_escaped(struct buf *out, struct text text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~";
    int rc = 0;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '\0' && strchr(plain, text.ptr[i]) != NULL)
            rc |= buf_append_char(out, text.ptr[i]);
        else
            rc |= buf_printf(out, "%%%02X", (unsigned char)text.ptr[i]);
    return rc;
}

static void
append_parameter(void *ctx, struct text name, struct text value)
{
    struct link *link = ctx;

    if (text_is(name, link->left_out))
        return;
    link->rc |= append_escaped(link->out, name);
    link->rc |= buf_append_char(link->out, '=');
    link->rc |= append_escaped(link->out, value);
    link->rc |= buf_append_char(link->out, '&');
}

void
params_link_next(struct http_request *req, const char *name, const char *value)
{
    struct buf out = { 0 };
    struct link link = { &out, name, 0 };

    link.rc |= buf_append_char(&out, '<');
    link.rc |= buf_append_text(&out, http_path(req));
    link.rc |= buf_append_char(&out, '?');
    http_each_query(req, append_parameter, &link);
    append_parameter(&(struct link){ &out, "", 0 }, text_of(name), text_of(value));
    /* the parameter's & is the list's end */
    if (link.rc == 0 && out.len > 0 && out.len < MAX_LINK) {
        out.len--;
        if (buf_append(&out, ">; rel=\"next\"", sizeof(">; rel=\"next\"")) == 0)
            http_set_header(req, "Link", out.ptr);
    }
    buf_release(&out);
}
