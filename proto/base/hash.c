#include "proto/base/hash.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

/* Lets libsodium pick the fastest code for this processor; cheap when repeated. */
static void
start(void)
{
    static _Thread_local int is_started = 0;

    if (!is_started && sodium_init() >= 0)
        is_started = 1;
}

static void
put_le64(uint64_t number, unsigned char out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(number >> (8 * i));
}

uint64_t
hash64(const void *bytes, size_t len)
{
    /* on disk in every state row: changing it splits all work anew */
    static const unsigned char key[crypto_shorthash_KEYBYTES] = {
        'b', 'o', 'n', 'g', 's', 'u', ' ', 'h', 'a', 's', 'h', '6', '4', ' ', 'v', '1',
    };
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t number;

    crypto_shorthash(out, len == 0 ? key : bytes, len, key);
    memcpy(&number, out, sizeof(number));
    return le64toh(number);
}

void
hash_id(const struct text *parts, size_t n, unsigned char ret_id[HASH_ID_LEN])
{
    crypto_generichash_state state;

    start();
    crypto_generichash_init(&state, NULL, 0, HASH_ID_LEN);
    for (size_t i = 0; i < n; i++) {
        unsigned char len[8];

        put_le64(parts[i].len, len);
        crypto_generichash_update(&state, len, sizeof(len));
        if (parts[i].len > 0)
            crypto_generichash_update(&state, (const unsigned char *)parts[i].ptr,
                                      parts[i].len);
    }
    crypto_generichash_final(&state, ret_id, HASH_ID_LEN);
}

void
hash_random(void *bytes, size_t len)
{
    start();
    randombytes_buf(bytes, len);
}

uint64_t
hash_random64(void)
{
    uint64_t number = 0;

    while (number == 0)
        hash_random(&number, sizeof(number));
    return number;
}

static uint64_t
hex_of(uint64_t nibbles)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t is_letter = (nibbles + ones * 6) >> 4 & ones;      /* 1 in each byte above 9 */

    return nibbles + ones * '0' + is_letter * ('a' - '0' - 10);
}

/* Each event's id is written twice: four bytes at once, their nibbles spread over
 * eight. */
static void
put_hex4(const unsigned char *from, char *out)
{
    uint64_t x = (uint64_t)from[0] | (uint64_t)from[1] << 16 | (uint64_t)from[2] << 32 |
                 (uint64_t)from[3] << 48;

    x = (x >> 4 & UINT64_C(0x000F000F000F000F)) | (x & UINT64_C(0x000F000F000F000F)) << 8;
    x = htole64(hex_of(x));
    memcpy(out, &x, sizeof(x));
}

void
hash_to_hex(const void *bytes, size_t len, char *out)
{
    const unsigned char *from = bytes;

    for (; len >= 4; len -= 4, from += 4, out += 8)
        put_hex4(from, out);
    for (; len > 0; len--, from++) {
        *out++ = (char)hex_of(from[0] >> 4);
        *out++ = (char)hex_of(from[0] & 15u);
    }
    *out = '\0';
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
hash_from_hex(struct text hex, void *bytes, size_t len)
{
    unsigned char *out = bytes;

    if (hex.len % 2 != 0 || hex.len / 2 != len)
        return -1;
    for (size_t i = 0; i < hex.len; i++)
        if (hex_digit(hex.ptr[i]) < 0)
            return -1;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(hex_digit(hex.ptr[2 * i]) << 4 |
                                 hex_digit(hex.ptr[2 * i + 1]));
    return 0;
}
