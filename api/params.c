#include "api/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/timestamp.h"

struct check {
    const char *const *names;
    struct err *err;
    int rc;
};

static void
check_one(void *ctx, struct text name, struct text value)
{
    struct check *check = ctx;

    (void)value;
    for (const char *const *known = check->names; *known != NULL; known++)
        if (text_is(name, *known))
            return;
    if (check->rc == 0)
        err_set(check->err, "%.*s: no such parameter", (int)(name.len > 64 ? 64 : name.len),
                name.ptr);
    check->rc = -1;
}

int
params_check_known(const struct http_request *req, const char *const *names, struct err *err)
{
    struct check check = { names, err, 0 };

    http_each_query(req, check_one, &check);
    return check.rc;
}

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
