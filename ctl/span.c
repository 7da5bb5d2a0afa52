#include "ctl/span.h"

#include <stdio.h>
#include <string.h>

#include "ctl/remote.h"
#include "proto/base/timestamp.h"

#define SECOND INT64_C(1000000)

static const struct { char letter; int64_t seconds; } units[] = {
    { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
};

/* "90m": so long ago. */
static int
parse_ago(struct text text, int64_t now_us, int64_t *ret_us)
{
    int64_t number;

    if (text_ends_with(text, " ago"))
        text.len -= 4;
    if (text.len < 2 ||
        text_to_int((struct text){ text.ptr, text.len - 1 }, 0, 100000000, &number) != 0)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (text.ptr[text.len - 1] == units[i].letter) {
            *ret_us = now_us - number * units[i].seconds * SECOND;
            return 0;
        }
    return -1;
}

/* Midnight, days from today. */
static int64_t
midnight(int64_t now_us, int days)
{
    struct local_time local;

    timestamp_to_local(now_us, &local);
    return timestamp_from_local(local.year, local.month, local.day + days, 0, 0, 0);
}

/* "10:00" or "10:00:30" of today. */
static int
parse_clock(struct text text, int64_t now_us, int64_t *ret_us)
{
    int64_t parts[3] = { 0 };
    static const int limits[] = { 23, 59, 59 };
    struct local_time local;
    int count = 0;

    while (text.ptr != NULL) {
        struct text part = text_split(&text, ':');

        if (count == 3 || part.len > 2 ||
            text_to_int(part, 0, limits[count], &parts[count]) != 0)
            return -1;
        count++;
    }
    if (count < 2)
        return -1;
    timestamp_to_local(now_us, &local);
    *ret_us = timestamp_from_local(local.year, local.month, local.day, (int)parts[0],
                                   (int)parts[1], (int)parts[2]);
    return 0;
}

/* "2026-11-22": its midnight. A day that there is not ("2026-02-30") is none. */
static int
parse_day(struct text text, int64_t *ret_us)
{
    int32_t day;
    int64_t year, month, date;

    if (text.len != 10 || timestamp_parse_day(text, &day) != 0 ||
        text_to_int((struct text){ text.ptr, 4 }, 1, 9999, &year) != 0 ||
        text_to_int((struct text){ text.ptr + 5, 2 }, 1, 12, &month) != 0 ||
        text_to_int((struct text){ text.ptr + 8, 2 }, 1, 31, &date) != 0)
        return -1;
    *ret_us = timestamp_from_local((int)year, (int)month, (int)date, 0, 0, 0);
    return 0;
}

int
span_parse(struct text text, int64_t now_us, int64_t *ret_us, struct err *err)
{
    text = text_trim(text);
    if (text_is(text, "now"))
        *ret_us = now_us;
    else if (text_is(text, "today"))
        *ret_us = midnight(now_us, 0);
    else if (text_is(text, "yesterday"))
        *ret_us = midnight(now_us, -1);
    else if (parse_ago(text, now_us, ret_us) != 0 && parse_clock(text, now_us, ret_us) != 0 &&
             parse_day(text, ret_us) != 0 && timestamp_parse(text, ret_us, NULL) != 0) {
        err_set(err, "\"%.*s\" is no time: 2026-11-22T10:00:00+09:00, 2026-11-22, 10:00, 90m (ago) "
                     "or yesterday are", (int)(text.len > 80 ? 80 : text.len),
                text.ptr == NULL ? "" : text.ptr);
        return -1;
    }
    return 0;
}

int
span_parse_day(struct text text, int64_t now_us, char ret_day[32], struct err *err)
{
    struct local_time local;
    int64_t us;

    if (span_parse(text, now_us, &us, err) != 0)
        return -1;
    timestamp_to_local(us, &local);
    snprintf(ret_day, 32, "%04d-%02d-%02d", local.year, local.month, local.day);
    return 0;
}

static int
add_one(struct buf *path, const char *flag, const char *name, const char *value, int64_t now_us,
        struct err *err)
{
    char when[TIMESTAMP_LEN];
    int64_t us;

    if (value == NULL)
        return 0;
    if (span_parse(text_of(value), now_us, &us, err) != 0) {
        err_add(err, "%s", flag);
        return -1;
    }
    timestamp_format(us, when);
    if (query_add_str(path, name, when) == 0)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

int
span_add(struct buf *path, const struct call *call, int64_t now_us, struct err *err)
{
    return add_one(path, "--since", "from", call->since, now_us, err) != 0 ||
           add_one(path, "--until", "to", call->until, now_us, err) != 0 ? -1 : 0;
}
