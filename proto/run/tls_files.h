/*
 * tls_files.h - what tls.c holds of the files; of no use to others
 */
#ifndef PROTO_RUN_TLS_FILES_H
#define PROTO_RUN_TLS_FILES_H

#include "proto/run/tls.h"

/* One reading of the files, shared by the sessions that began with it. */
struct tls_lease {
    int count;                              /* who holds it */
    gnutls_certificate_credentials_t credentials;
    int64_t expires_us;                     /* of the certificate */
    int asks_client, requires_client;
};

/* NULL with the reason: what is wrong, of which file. */
struct tls_lease *tls_files_read(const struct tls_spec *spec, struct err *err);

#endif
