#include "detector/text/packing.h"

#include <string.h>

enum { MAX_NUMBER = 10 };       /* bytes of 64 bits in sevens */

void
pack_bytes(struct packer *packer, const void *bytes, size_t len)
{
    struct buf *out = packer->out;

    /* nearly always there is room: a call for each byte would be most of the work */
    if (out->cap - out->len <= len && buf_reserve(out, len) != 0) {
        packer->is_failed = 1;
        return;
    }
    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
    out->ptr[out->len] = '\0';
}

void
pack_byte(struct packer *packer, uint8_t byte)
{
    pack_bytes(packer, &byte, 1);
}

void
pack_number(struct packer *packer, uint64_t number)
{
    unsigned char bytes[MAX_NUMBER];
    size_t len = 0;

    for (; number > 0x7F; number >>= 7)
        bytes[len++] = (unsigned char)(0x80 | (number & 0x7F));
    bytes[len++] = (unsigned char)number;
    pack_bytes(packer, bytes, len);
}

void
pack_signed(struct packer *packer, int64_t number)
{
    uint64_t folded = (uint64_t)number << 1;

    pack_number(packer, number < 0 ? ~folded : folded);
}

void
pack_fixed(struct packer *packer, uint64_t number, size_t width)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < width; i++, number >>= 8)
        bytes[i] = (unsigned char)number;
    pack_bytes(packer, bytes, width);
}

/* The place for a further page: the first made goes when there are too many. */
static unsigned
page_next(struct id_pages *ids)
{
    unsigned page = ids->next;

    ids->next = (ids->next + 1) % PACKING_PAGES;
    if (ids->count < PACKING_PAGES)
        ids->count++;
    return page;
}

uint8_t
pack_page(struct packer *packer, const struct short_id *id, int is_keyed)
{
    const struct id_pages *ids = &packer->ids;

    if (is_keyed)
        return PACKING_KEYED;
    for (unsigned page = 0; page < ids->count; page++)
        if (ids->pages[page].journal == id->as.numbered.journal &&
            ids->pages[page].nonce == id->as.numbered.nonce)
            return (uint8_t)(8 * page);
    return PACKING_NEW;
}

void
pack_id(struct packer *packer, const struct short_id *id, uint8_t page)
{
    struct id_pages *ids = &packer->ids;
    unsigned at = page / 8;

    if (page == PACKING_KEYED) {
        pack_bytes(packer, id->as.hash, sizeof(id->as.hash));
        return;
    }
    if (page == PACKING_NEW) {
        at = page_next(ids);
        ids->pages[at].journal = id->as.numbered.journal;
        ids->pages[at].nonce = id->as.numbered.nonce;
        ids->pages[at].sequence = 0;
        pack_fixed(packer, packer->journals->ids[id->as.numbered.journal], 8);
        pack_fixed(packer, id->as.numbered.nonce, 4);
    }
    /* modulo 2^64: any step has an answer */
    pack_signed(packer, (int64_t)(id->as.numbered.sequence - ids->pages[at].sequence));
    ids->pages[at].sequence = id->as.numbered.sequence;
}

void
unpack_bytes(struct unpacker *unpacker, void *ret, size_t len)
{
    memset(ret, 0, len);
    if (unpacker->is_broken || (size_t)(unpacker->end - unpacker->at) < len) {
        unpacker->is_broken = 1;
        return;
    }
    memcpy(ret, unpacker->at, len);
    unpacker->at += len;
}

uint8_t
unpack_byte(struct unpacker *unpacker)
{
    uint8_t byte;

    unpack_bytes(unpacker, &byte, 1);
    return byte;
}

uint64_t
unpack_number(struct unpacker *unpacker)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < MAX_NUMBER; i++) {
        uint8_t byte = unpack_byte(unpacker);

        if (i == MAX_NUMBER - 1 && byte > 1)
            break;              /* more than 64 bits */
        number |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte <= 0x7F)
            return number;
    }
    unpacker->is_broken = 1;
    return 0;
}

int64_t
unpack_signed(struct unpacker *unpacker)
{
    uint64_t folded = unpack_number(unpacker);

    return (int64_t)(folded & 1 ? ~(folded >> 1) : folded >> 1);
}

uint64_t
unpack_fixed(struct unpacker *unpacker, size_t width)
{
    unsigned char bytes[8];
    uint64_t number = 0;

    unpack_bytes(unpacker, bytes, width);
    for (size_t i = width; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

/* Fill a further page; its number. */
static unsigned
unpack_page(struct unpacker *unpacker)
{
    struct id_pages *ids = &unpacker->ids;
    uint64_t name = unpack_fixed(unpacker, 8);
    uint32_t nonce = (uint32_t)unpack_fixed(unpacker, 4);
    int64_t journal = unpacker->is_broken ? -1
                                          : journals_number(unpacker->journals, name);
    unsigned page;

    if (journal < 0) {
        unpacker->is_broken = 1;
        return 0;
    }
    page = page_next(ids);
    ids->pages[page].journal = (uint32_t)journal;
    ids->pages[page].nonce = nonce;
    ids->pages[page].sequence = 0;
    return page;
}

struct short_id
unpack_id(struct unpacker *unpacker, uint8_t page)
{
    struct short_id id = { { { 0 } } };
    unsigned at = page / 8;

    if (page == PACKING_KEYED) {
        unpack_bytes(unpacker, id.as.hash, sizeof(id.as.hash));
        return id;
    }
    if (page == PACKING_NEW)
        at = unpack_page(unpacker);
    if (at >= unpacker->ids.count || unpacker->is_broken) {
        unpacker->is_broken = 1;
        return id;
    }
    unpacker->ids.pages[at].sequence += (uint64_t)unpack_signed(unpacker);
    id.as.numbered.journal = unpacker->ids.pages[at].journal;
    id.as.numbered.nonce = unpacker->ids.pages[at].nonce;
    id.as.numbered.sequence = unpacker->ids.pages[at].sequence;
    return id;
}
