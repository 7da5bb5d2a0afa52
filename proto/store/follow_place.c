#include "proto/store/follow_place.h"

#include <inttypes.h>

int
follow_place_parse(struct text text, const char *version, struct follow_place *ret,
                   struct err *err)
{
    struct text rest = text;
    int64_t day = INT32_MAX;

    if (!text_is(text_split(&rest, '_'), version))
        goto wrong;
    while (rest.ptr != NULL) {
        struct text row = text_split(&rest, '_'), back = text_split(&row, '.');
        int is_first = ret->count == 0;
        int64_t number;

        if (ret->count == STORE_FOLLOW_DAYS || row.ptr == NULL ||
            text_to_int(back, is_first ? INT32_MIN : 1, INT32_MAX, &number) != 0 ||
            text_to_int(row, 0, INT64_MAX, &ret->files[ret->count].n) != 0)
            goto wrong;
        day = is_first ? number : day - number;
        if (day < INT32_MIN)
            goto wrong;
        ret->files[ret->count++].day = (int32_t)day;
    }
    return 0;

wrong:
    err_set(err, "not a place that was given");
    return -2;
}

int
follow_place_format(const struct follow_place *place, const char *version, struct buf *out)
{
    int64_t day = 0;

    if (buf_append_str(out, version) != 0)
        return -1;
    for (size_t i = 0; i < place->count; i++) {
        int64_t next = place->files[i].day;

        if (buf_printf(out, "_%" PRId64 ".%" PRId64, i == 0 ? next : day - next,
                       place->files[i].n) != 0)
            return -1;
        day = next;
    }
    return 0;
}

int64_t
follow_place_find(const struct follow_place *place, int32_t day, int64_t last_n)
{
    for (size_t i = 0; i < place->count; i++)
        if (place->files[i].day == day)
            return place->files[i].n <= last_n ? place->files[i].n : 0;
    if (place->count == STORE_FOLLOW_DAYS && day < place->files[place->count - 1].day)
        return last_n;                          /* was left out: not followed */
    return 0;                                   /* made since */
}
