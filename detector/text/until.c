#include "detector/text/until.h"

#include <stdio.h>

#include "proto/base/timestamp.h"

int
until_parse(struct text text, int64_t *ret_us, struct err *err)
{
    char noon[TIMESTAMP_LEN];
    int year, month, mday;
    struct err why = { "" };
    int32_t day;

    if (timestamp_parse_day(text, &day) == 0) {
        timestamp_format(((int64_t)day * 24 + 12) * 3600 * 1000000, noon);
        if (sscanf(noon, "%d-%d-%d", &year, &month, &mday) == 3) {
            *ret_us = timestamp_from_local(year, month, mday + 1, 0, 0, 0);
            return 0;
        }
    }
    if (timestamp_parse(text, ret_us, &why) == 0)
        return 0;
    err_set(err, "must be a day (2026-12-31) or a time (RFC 3339): %.150s", why.text);
    return -1;
}
