/*
 * tls_files.h - what tls.c holds of the files; of no use to others
 */
#ifndef PROTO_SERVER_TLS_FILES_H
#define PROTO_SERVER_TLS_FILES_H

#include <sys/stat.h>

#include "proto/base/buf.h"
#include "proto/server/tls.h"

/* Of clients whose certificate was refused. */
struct tls_counts {
    uint64_t *revoked, *other;
};

/* One reading of the files, shared by the sessions that began with it. */
struct tls_lease {
    int count;                              /* who holds it */
    gnutls_certificate_credentials_t credentials;
    int64_t expires_us;                     /* of the certificate */
    int asks_client, requires_client;
    uint64_t number;                        /* of this reading, from 1; 0: of a check */
    const struct tls_counts *counts;        /* NULL: of a check */
    uint64_t revoked;                       /* certificates on the lists */
    int64_t revoked_until_us;               /* when the first is out of date; 0: never */
};

/* NULL with the reason: what is wrong, of which file. */
struct tls_lease *tls_files_read(const struct tls_spec *spec, struct err *err);

/* A whole file of at most max bytes. 0, or -1 with the reason; the caller releases out. */
int tls_file_read(const char *path, size_t max, struct buf *out, struct stat *ret_st,
                  struct err *err);
gnutls_datum_t tls_file_datum(const struct buf *bytes);

/* tls_revoked.c: take spec's client_crl, of the authorities in PEM. 0, or -1 with the
 * reason. */
int tls_revoked_read(struct tls_lease *lease, const struct tls_spec *spec,
                     const struct buf *authorities, struct err *err);

/* tls_client.c: what a new session asks of its client. */
void tls_client_ask(gnutls_session_t session, struct tls_lease *lease);

/* What new sessions begin with. */
const struct tls_lease *tls_now(const struct tls *tls);

#endif
