/*
 * The certificates that clients show: looked at when a connection begins, and, where it
 * goes on while other files come into force, once more with those. Who was revoked
 * does not stay because he was there before.
 */
#include "proto/server/tls_files.h"

#include <gnutls/x509.h>

#include "proto/base/log.h"

enum { MAX_CHAIN = 16 };

static struct log_burst burst;

static const gnutls_typed_vdata_st client_purpose = {
    .type = GNUTLS_DT_KEY_PURPOSE_OID,
    .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
};

/* Count and log why it was refused. */
static int
refuse(const struct tls_lease *lease, unsigned status)
{
    const char *why = status & GNUTLS_CERT_REVOKED            ? "revoked"
                      : status & GNUTLS_CERT_EXPIRED          ? "expired"
                      : status & GNUTLS_CERT_SIGNER_NOT_FOUND ? "its authority is not known"
                                                              : "not good for a client";

    ++*(status & GNUTLS_CERT_REVOKED ? lease->counts->revoked : lease->counts->other);
    log_warn_burst(&burst, "client certificate refused", "why=\"%s\"", why);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* A certificate that is shown must be good for a client, of one of the authorities. */
static int
verify_client(gnutls_session_t session)
{
    const struct tls_lease *lease = gnutls_db_get_ptr(session);
    gnutls_typed_vdata_st purpose = client_purpose;
    unsigned status = 0, count = 0;

    if (gnutls_certificate_get_peers(session, &count) == NULL || count == 0)
        return 0;               /* GNUTLS_CERT_REQUIRE has seen to who must have one */
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status != 0)
        return refuse(lease, status);
    return 0;
}

void
tls_client_ask(gnutls_session_t session, struct tls_lease *lease)
{
    gnutls_certificate_server_set_request(session, !lease->asks_client ? GNUTLS_CERT_IGNORE
                                          : lease->requires_client     ? GNUTLS_CERT_REQUIRE
                                                                       : GNUTLS_CERT_REQUEST);
    /* nobody keeps sessions, so that this pointer of theirs is free */
    gnutls_db_set_ptr(session, lease);
    if (lease->asks_client)
        gnutls_session_set_verify_function(session, verify_client);
}

/* --- once more, with other files --- */

static int
verify_chain(const struct tls_lease *lease, const gnutls_datum_t *peers, unsigned count)
{
    gnutls_typed_vdata_st purpose = client_purpose;
    gnutls_x509_crt_t chain[MAX_CHAIN];
    gnutls_x509_trust_list_t authorities;
    unsigned status = GNUTLS_CERT_INVALID, made = 0;

    gnutls_certificate_get_trust_list(lease->credentials, &authorities);
    for (; made < count && made < MAX_CHAIN; made++) {
        if (gnutls_x509_crt_init(&chain[made]) < 0)
            break;
        if (gnutls_x509_crt_import(chain[made], &peers[made], GNUTLS_X509_FMT_DER) < 0) {
            gnutls_x509_crt_deinit(chain[made]);
            break;
        }
    }
    if (made > 0 && gnutls_x509_trust_list_verify_crt2(authorities, chain, made, &purpose, 1, 0,
                                                       &status, NULL) < 0)
        status |= GNUTLS_CERT_INVALID;
    while (made > 0)
        gnutls_x509_crt_deinit(chain[--made]);
    return status == 0 ? 0 : refuse(lease, status);
}

int
tls_still_good(const struct tls *tls, gnutls_session_t session, const struct tls_lease *lease,
               uint64_t *checked)
{
    const struct tls_lease *now = tls_now(tls);
    const gnutls_datum_t *peers;
    unsigned count = 0;

    if (lease == now || *checked == now->number || !now->asks_client)
        return 1;
    peers = gnutls_certificate_get_peers(session, &count);
    if (peers != NULL && count > 0 && verify_chain(now, peers, count) != 0)
        return 0;
    *checked = now->number;
    return 1;
}
