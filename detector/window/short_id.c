#include "detector/window/short_id.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

void
journals_release(struct journals *journals)
{
    free(journals->ids);
    *journals = (struct journals){ 0 };
}

int64_t
journals_number(struct journals *journals, uint64_t id)
{
    if (journals->last < journals->count && journals->ids[journals->last] == id)
        return journals->last;
    for (uint32_t i = 0; i < journals->count; i++)
        if (journals->ids[i] == id)
            return journals->last = i;
    if (journals->count == journals->cap) {
        uint32_t cap = journals->cap == 0 ? 8 : journals->cap * 2;
        uint64_t *grown = realloc(journals->ids, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        journals->ids = grown;
        journals->cap = cap;
    }
    journals->ids[journals->count] = id;
    return journals->last = journals->count++;
}

static uint64_t
read_long(const uint8_t *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof(number));
    return be64toh(number);
}

int
short_id_make(struct journals *journals, const struct event_id *id, struct short_id *ret)
{
    int64_t journal;

    if (id->len == HASH_ID_LEN) {
        memcpy(ret->as.hash, id->bytes, HASH_ID_LEN);
        return 0;
    }
    journal = journals_number(journals, read_long(id->bytes));
    if (journal < 0)
        return -1;
    ret->as.numbered.journal = (uint32_t)journal;
    ret->as.numbered.nonce = (uint32_t)(read_long(id->bytes + 8) >> 32);
    ret->as.numbered.sequence = read_long(id->bytes + 12);
    return 0;
}

struct event_id
short_id_expand(const struct journals *journals, const struct short_id *id, int is_keyed)
{
    struct event_id whole = { .len = HASH_ID_LEN };

    if (!is_keyed)
        return event_id_make(journals->ids[id->as.numbered.journal],
                             id->as.numbered.nonce, id->as.numbered.sequence);
    memcpy(whole.bytes, id->as.hash, HASH_ID_LEN);
    return whole;
}
