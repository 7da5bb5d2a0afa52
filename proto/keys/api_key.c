#include "proto/keys/api_key.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "proto/base/hash.h"

enum { ID_DIGITS = 8, SECRET_BYTES = 32, SECRET_DIGITS = 64, CHECK_DIGITS = 8 };

static const char prefix[] = "bgs_";
enum { PREFIX = sizeof(prefix) - 1, BEFORE_CHECK = PREFIX + ID_DIGITS + 1 + SECRET_DIGITS };

static const char *const scope_names[SCOPE_COUNT] = {
    [SCOPE_INGEST] = "ingest",
    [SCOPE_READ] = "read",
    [SCOPE_ANALYST] = "analyst",
    [SCOPE_ADMIN] = "admin",
};

/* Rows: what one has. Columns: what is needed. */
static const unsigned char covers[SCOPE_COUNT][SCOPE_COUNT] = {
    [SCOPE_INGEST]  = { [SCOPE_INGEST] = 1 },
    [SCOPE_READ]    = { [SCOPE_READ] = 1 },
    [SCOPE_ANALYST] = { [SCOPE_READ] = 1, [SCOPE_ANALYST] = 1 },
    [SCOPE_ADMIN]   = { 1, 1, 1, 1 },
};

const char *
key_scope_name(enum key_scope scope)
{
    return scope_names[scope];
}

int
key_scope_parse(struct text name)
{
    for (int i = 0; i < SCOPE_COUNT; i++)
        if (text_is(name, scope_names[i]))
            return i;
    return -1;
}

int
key_scope_covers(enum key_scope has, enum key_scope needed)
{
    return covers[has][needed];
}

int
api_key_is_name(struct text name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";

    if (name.len == 0 || name.len >= API_KEY_NAME_LEN || strchr("._-", name.ptr[0]) != NULL)
        return 0;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '\0' || strchr(letters, name.ptr[i]) == NULL)
            return 0;
    return !text_equals_nocase(name, text_of("API_KEY")) &&
           !text_equals_nocase(name, text_of("READER_KEY"));
}

static uint32_t
checksum(const char *text)
{
    return (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)text, BEFORE_CHECK);
}

void
api_key_make(char ret_key[API_KEY_TEXT_LEN], char ret_id[API_KEY_ID_LEN])
{
    unsigned char id[ID_DIGITS / 2], secret[SECRET_BYTES];
    char digits[SECRET_DIGITS + 1];

    hash_random(id, sizeof(id));
    hash_random(secret, sizeof(secret));
    hash_to_hex(id, sizeof(id), ret_id);
    hash_to_hex(secret, sizeof(secret), digits);
    snprintf(ret_key, API_KEY_TEXT_LEN, "%s%s_%s", prefix, ret_id, digits);
    snprintf(ret_key + BEFORE_CHECK, CHECK_DIGITS + 1, "%08" PRIx32, checksum(ret_key));
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(digits, sizeof(digits));
}

int
api_key_parse(struct text text, char ret_id[API_KEY_ID_LEN])
{
    static const char digits[] = "0123456789abcdef";
    char check[CHECK_DIGITS + 1];

    if (text.len != API_KEY_TEXT_LEN - 1 || !text_starts_with(text, prefix) ||
        text.ptr[PREFIX + ID_DIGITS] != '_')
        return 0;
    for (size_t i = PREFIX; i < text.len; i++)
        if (i != PREFIX + ID_DIGITS &&
            (text.ptr[i] == '\0' || strchr(digits, text.ptr[i]) == NULL))
            return 0;
    snprintf(check, sizeof(check), "%08" PRIx32, checksum(text.ptr));
    if (memcmp(check, text.ptr + BEFORE_CHECK, CHECK_DIGITS) != 0)
        return 0;
    memcpy(ret_id, text.ptr + PREFIX, ID_DIGITS);
    ret_id[ID_DIGITS] = '\0';
    return 1;
}

void
api_key_hash(struct text key, const unsigned char salt[API_KEY_SALT],
             unsigned char ret_hash[API_KEY_HASH])
{
    crypto_generichash(ret_hash, API_KEY_HASH, (const unsigned char *)key.ptr, key.len, salt,
                       API_KEY_SALT);
}
