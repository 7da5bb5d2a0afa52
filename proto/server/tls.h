/*
 * tls.h - a server's certificate, its key and the authorities of its clients
 *
 * The files are looked at every two seconds and read again when one is another: new
 * connections get what they hold then, open ones keep what they began with. Files that
 * do not fit together (a certificate put in place before its key) change nothing: the
 * last good ones stay, and the reason shows. Only a client whose certificate is not good
 * any more loses his open connection. TLS 1.2 and 1.3 only. Of GnuTLS, which
 * libmicrohttpd has too; whoever makes his own sessions uses tls_prepare the same way.
 */
#ifndef PROTO_SERVER_TLS_H
#define PROTO_SERVER_TLS_H

#include <czmq.h>
#include <gnutls/gnutls.h>
#include <jansson.h>

#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/settings.h"

struct tls;
struct tls_lease;               /* what one session was begun with */

struct tls_spec {
    const char *certificate;    /* PEM: the server's, then those between it and the root */
    const char *key;            /* PEM, without a password */
    const char *client_ca;      /* PEM; NULL: clients are asked for no certificate */
    const char *client_crl;     /* PEM: what they have revoked, each list signed by one of them; NULL: none */
    int client_required;        /* who has none is turned away */
};

/* GnuTLS's priorities of every session. */
extern const char tls_priorities[];

/* Read the files and forget them. 0, or -1 with the reason. */
int tls_check(const struct tls_spec *spec, struct err *err);

/* Read the files (names are copied) and watch them. NULL with the reason. */
struct tls *tls_new(zloop_t *loop, const struct tls_spec *spec, struct metrics *metrics,
                    struct err *err);
void tls_destroy(struct tls **tls);

/* The same for tls.* of the settings: 0, and *ret_tls is NULL where there is no
 * certificate. With a NULL loop the files are only checked. */
int tls_open(zloop_t *loop, const struct settings *settings, struct metrics *metrics,
             struct tls **ret_tls, struct err *err);

/* Look at the files now. */
void tls_look(struct tls *tls);

/* Give a new session of the server's side the certificate and what is asked of the
 * client, as they are now. Ended by the caller when the session is; NULL when out of
 * memory. */
struct tls_lease *tls_prepare(struct tls *tls, gnutls_session_t session);
void tls_lease_end(struct tls_lease **lease);

/* For a session that goes on: 1 while the certificate that its client showed, if any, is
 * good by the files as they are now. *checked, 0 at first, is the session's, so that each
 * reading of the files is asked once. */
int tls_still_good(const struct tls *tls, gnutls_session_t session,
                   const struct tls_lease *lease, uint64_t *checked);

/* "tls" and its warnings, for health_also_show; self is the struct tls. */
void tls_show(void *self, json_t *status);

#endif
