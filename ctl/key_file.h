/*
 * key_file.h - the key and the address that a command uses
 *
 * A key never comes from an argument, which everyone on the machine can read.
 */
#ifndef CTL_KEY_FILE_H
#define CTL_KEY_FILE_H

#include "ctl/flags.h"
#include "proto/base/err.h"

enum key_use { KEY_TO_READ, KEY_TO_WRITE };

/* --key-file's first line; else to read READER_KEY, and API_KEY where that is
 * not set; else API_KEY. *ret_key is the caller's to free, NULL when there is
 * none. 0, or -1 with the reason when the file cannot be used. */
int key_find(const struct call *call, enum key_use use, char **ret_key, struct err *err);

/* A new key, in hexadecimal digits. */
enum { KEY_TEXT_LEN = 49 };
void key_make(char ret_key[KEY_TEXT_LEN]);

/* given, or http://listen (https:// where tls.certificate is set) as one can call it
 * (0.0.0.0 is 127.0.0.1), without a slash at its end. The caller frees; NULL when out
 * of memory. */
char *call_url(const struct call *call, const char *given, const char *listen);
char *url_of(const struct settings *settings, const char *given, const char *listen);

/* The authorities that an answer there must be signed by: --ca; else of our own server
 * the certificate itself; NULL: the system's. Borrowed. */
const char *call_ca(const struct call *call, const char *given);

/* Where what was sent can be looked at: below ingest's --url, which leads to its api,
 * else public_url, else api.listen. The caller frees; NULL when out of memory. */
char *call_url_to_look(const struct call *call);

#endif
