#include "proto/store/sqlite_sheet.h"

/* Seven bits a byte, the lowest first; the high bit says that more follow. */
static size_t
put_number(char *out, uint64_t number)
{
    size_t len = 0;

    for (; number >= 0x80; number >>= 7)
        out[len++] = (char)(0x80 | (number & 0x7f));
    out[len++] = (char)number;
    return len;
}

static int
take_number(struct text *rest, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->ptr++;

        rest->len--;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_number = number;
            return 0;
        }
    }
    return -1;
}

int
sheet_append(struct buf *sheet, struct text value, uint64_t events)
{
    char numbers[20];
    size_t len;

    if (buf_reserve(sheet, value.len + sizeof(numbers)) != 0)
        return -1;
    len = put_number(numbers, value.len);
    if (buf_append(sheet, numbers, len) != 0 || buf_append_text(sheet, value) != 0)
        return -1;
    len = put_number(numbers, events);
    return buf_append(sheet, numbers, len);
}

int
sheet_next(struct text *rest, struct text *ret_value, uint64_t *ret_events)
{
    uint64_t len;

    if (rest->len == 0)
        return 0;
    if (take_number(rest, &len) != 0 || len > rest->len)
        return -1;
    *ret_value = (struct text){ rest->ptr, (size_t)len };
    rest->ptr += len;
    rest->len -= (size_t)len;
    return take_number(rest, ret_events) == 0 ? 1 : -1;
}
