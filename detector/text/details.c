#include "detector/text/details.h"

#include <stdlib.h>
#include <string.h>

#include "detector/text/pattern.h"
#include "proto/base/hash.h"

/* Values up to this are compared whole; longer ones by what they begin with. */
enum { MAX_COMPARED = 256 };

/* So that a difference of two times stays a number. */
#define MAX_TIME (INT64_MAX / 4)

struct details *
details_new(void)
{
    struct details *details = calloc(1, sizeof(*details));

    for (size_t i = 0; details != NULL && i < DETAILS_MAX_FIELDS; i++)
        details->fields[i].over_us = -MAX_TIME;
    return details;
}

void
details_destroy(struct details **details)
{
    for (size_t i = 0; *details != NULL && i < DETAILS_MAX_FIELDS; i++)
        free((*details)->fields[i].values);
    free(*details);
    *details = NULL;
}

size_t
details_size(const struct details *details)
{
    size_t size = 0;

    for (size_t i = 0; details != NULL && i < DETAILS_MAX_FIELDS; i++)
        size += details->fields[i].count;
    return size;
}

static uint64_t
hash_folded(struct text value)
{
    char folded[MAX_COMPARED];
    size_t len = value.len < sizeof(folded) ? value.len : sizeof(folded);

    for (size_t i = 0; i < len; i++)
        folded[i] = fold_char(value.ptr[i]);
    return hash64(folded, len);
}

/* Never cut inside a character, for it goes into JSON. */
static void
copy_cut(char out[DETAILS_MAX_TEXT + 1], struct text value)
{
    size_t len = value.len;

    if (len > DETAILS_MAX_TEXT) {
        len = DETAILS_MAX_TEXT;
        while (len > 0 && (value.ptr[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(out, value.ptr, len);
    out[len] = '\0';
}

/* A place for one more; NULL when out of memory. */
static struct detail_value *
append(struct detail *detail)
{
    if (detail->count == detail->cap) {
        uint8_t cap = detail->cap == 0 ? 1 : (uint8_t)(detail->cap * 2);
        struct detail_value *grown = realloc(detail->values, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        detail->values = grown;
        detail->cap = cap;
    }
    return &detail->values[detail->count++];
}

/* Add a value with its times; text is cut. */
static int
put(struct detail *detail, const struct detail_value *value, struct text text, int has_room)
{
    struct detail_value *one;

    for (size_t i = 0; i < detail->count; i++) {
        one = &detail->values[i];
        if (one->hash != value->hash)
            continue;
        if (value->first_us < one->first_us)
            one->first_us = value->first_us;
        if (value->last_us > one->last_us)
            one->last_us = value->last_us;
        return 0;
    }
    if (!has_room || detail->count == DETAILS_MAX_VALUES) {
        if (value->last_us > detail->over_us)
            detail->over_us = value->last_us;
        return 0;
    }
    one = append(detail);
    if (one == NULL)
        return -1;
    *one = (struct detail_value){ .first_us = value->first_us, .last_us = value->last_us,
                                  .hash = value->hash };
    copy_cut(one->text, text);
    return 0;
}

int
detail_add(struct detail *detail, struct text value, int64_t at_us, int has_room)
{
    const struct detail_value one = { .first_us = at_us, .last_us = at_us,
                                      .hash = hash_folded(value) };

    return put(detail, &one, value, has_room);
}

int
detail_merge(struct detail *detail, const struct detail *other, int has_room)
{
    for (size_t i = 0; i < other->count; i++)
        if (put(detail, &other->values[i], text_of(other->values[i].text), has_room) != 0)
            return -1;
    if (other->over_us > detail->over_us)
        detail->over_us = other->over_us;
    return 0;
}

struct detail_seen
detail_within(const struct detail *detail, int64_t from_us, int64_t to_us)
{
    struct detail_seen seen = { .is_more = detail->over_us >= from_us };
    int64_t first_us = INT64_MAX;

    for (size_t i = 0; i < detail->count; i++) {
        const struct detail_value *one = &detail->values[i];

        if (one->last_us < from_us || one->first_us > to_us)
            continue;
        seen.only = seen.distinct == 0 ? one->text : NULL;
        if (one->first_us < first_us) {
            first_us = one->first_us;
            seen.first = one->text;
        }
        seen.distinct++;
    }
    if (seen.is_more)
        seen.only = NULL;
    return seen;
}

void
details_pack(const struct details *details, int64_t start_us, struct packer *packer)
{
    static const struct detail none = { .over_us = -MAX_TIME };

    for (size_t f = 0; f < DETAILS_MAX_FIELDS; f++) {
        const struct detail *detail = details == NULL ? &none : &details->fields[f];

        pack_signed(packer, detail->over_us - start_us);
        pack_number(packer, detail->count);
        for (size_t i = 0; i < detail->count; i++) {
            const struct detail_value *one = &detail->values[i];
            size_t len = strlen(one->text);

            pack_signed(packer, one->first_us - start_us);
            pack_signed(packer, one->last_us - one->first_us);
            pack_fixed(packer, one->hash, 8);
            pack_number(packer, len);
            pack_bytes(packer, one->text, len);
        }
    }
}

static int64_t
unpack_time(struct unpacker *from, int64_t start_us)
{
    int64_t us = 0;

    if (__builtin_add_overflow(start_us, unpack_signed(from), &us) || us < -MAX_TIME ||
        us > MAX_TIME)
        from->is_broken = 1;
    return from->is_broken ? 0 : us;
}

static int
unpack_value(struct unpacker *from, int64_t start_us, struct detail *detail)
{
    struct detail_value one = { .first_us = unpack_time(from, start_us) };
    struct detail_value *to;
    uint64_t len;

    one.last_us = unpack_time(from, one.first_us);
    one.hash = unpack_fixed(from, 8);
    len = unpack_number(from);
    if (len > DETAILS_MAX_TEXT)
        return -1;
    unpack_bytes(from, one.text, len);
    to = from->is_broken || !text_is_utf8(text_of(one.text)) ? NULL : append(detail);
    if (to == NULL)
        return -1;
    *to = one;
    return 0;
}

struct details *
details_unpack(int64_t start_us, struct unpacker *unpacker)
{
    struct details *details = details_new();

    for (size_t f = 0; details != NULL && f < DETAILS_MAX_FIELDS; f++) {
        struct detail *detail = &details->fields[f];
        uint64_t count;

        detail->over_us = unpack_time(unpacker, start_us);
        count = unpack_number(unpacker);
        if (count > DETAILS_MAX_VALUES)
            unpacker->is_broken = 1;
        for (uint64_t i = 0; i < count && !unpacker->is_broken; i++)
            if (unpack_value(unpacker, start_us, detail) != 0)
                unpacker->is_broken = 1;
        if (unpacker->is_broken)
            details_destroy(&details);
    }
    return details;
}
