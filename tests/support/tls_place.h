/*
 * tls_place.h - a folder with certificates for tests: an authority's, and what it signs
 */
#ifndef TESTS_SUPPORT_TLS_PLACE_H
#define TESTS_SUPPORT_TLS_PLACE_H

#include <stdint.h>

struct tls_place {
    char dir[512];
    char ca[600], certificate[600], key[600];
};

/* A folder with ca.pem, and server.pem and server.key that it signed, for localhost and
 * 127.0.0.1. Each function fails the test itself. */
void tls_place_make(struct tls_place *place);
void tls_place_remove(struct tls_place *place);

/* A certificate of the same authority as NAME.pem and NAME.key in the folder, put in the
 * place of what is there: for clients, or servers, until then (seconds since 1970). */
void tls_place_sign(struct tls_place *place, const char *name, int is_client, int64_t until_s);

/* The same authority's list of what it has revoked, as NAME.crl in the folder: the
 * certificate revoked.pem (NULL: none), out of date after until_s. is_other: signed by
 * somebody else of its name. */
void tls_place_revoke(struct tls_place *place, const char *name, const char *revoked,
                      int64_t until_s, int is_other);

/* folder/name; valid until the next call. */
const char *tls_place_path(const struct tls_place *place, const char *name);

#endif
