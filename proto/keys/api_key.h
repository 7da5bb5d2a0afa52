/*
 * api_key.h - the text of an API key, what it may do, and how it is kept
 *
 * "bgs_<id>_<secret><checksum>": 8, 64 and 8 lower-case hexadecimal digits. The
 * id names the key in logs; the checksum (CRC-32 of all before it) lets a scanner
 * of leaks tell a real key from an example. A key is kept as a hash only.
 */
#ifndef PROTO_KEYS_API_KEY_H
#define PROTO_KEYS_API_KEY_H

#include "proto/base/text.h"

enum {
    API_KEY_ID_LEN = 9,             /* these three with the NUL */
    API_KEY_NAME_LEN = 65,
    API_KEY_TEXT_LEN = 4 + 8 + 1 + 64 + 8 + 1,
    API_KEY_SALT = 32,              /* bytes */
    API_KEY_HASH = 32
};

/* What a key may do: send events; read; read and change the status and notes of
 * incidents; everything. */
enum key_scope { SCOPE_INGEST, SCOPE_READ, SCOPE_ANALYST, SCOPE_ADMIN, SCOPE_COUNT };

/* "ingest".."admin" <-> number; parse gives -1 for anything else. */
const char *key_scope_name(enum key_scope scope);
int key_scope_parse(struct text name);

/* 1 when who has this scope may do what needs that one. */
int key_scope_covers(enum key_scope has, enum key_scope needed);

/* 1 for 1 to 64 letters, digits, '.', '_' and '-', the first a letter or a digit,
 * that is not the name of a key of the configuration (API_KEY, READER_KEY). */
int api_key_is_name(struct text name);

/* A new key of 256 random bits, and its id. */
void api_key_make(char ret_key[API_KEY_TEXT_LEN], char ret_id[API_KEY_ID_LEN]);

/* 1 when text has the form of a key and its checksum is right: its id. */
int api_key_parse(struct text text, char ret_id[API_KEY_ID_LEN]);

/* How a key is kept: BLAKE2b-256 of its whole text, keyed with the file's salt. A
 * slow hash (Argon2) makes guessable passwords dear to guess; nobody guesses 256
 * random bits, and the cost would fall on us at every request. */
void api_key_hash(struct text key, const unsigned char salt[API_KEY_SALT],
                  unsigned char ret_hash[API_KEY_HASH]);

#endif
