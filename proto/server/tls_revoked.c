/*
 * Which certificates of clients their authorities have taken back (RFC 5280 section 5).
 * GnuTLS would take a list of anybody's, and look at it for no client: a list that says
 * nothing of our clients must not look as if it did.
 */
#include "proto/server/tls_files.h"

#include <gnutls/x509.h>

enum { MAX_LIST = 16 * 1024 * 1024 };

/* What makes a list another's, or no list. (Of its age tls_show() tells.) */
static const unsigned not_theirs =
    GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNATURE_FAILURE |
    GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE | GNUTLS_CERT_INSECURE_ALGORITHM;

/* The authorities and the lists of two PEM files. */
struct lists {
    gnutls_x509_crt_t *authorities;
    gnutls_x509_crl_t *all;
    unsigned authority_count, count;
};

static void
release(struct lists *lists)
{
    for (unsigned i = 0; i < lists->authority_count; i++)
        gnutls_x509_crt_deinit(lists->authorities[i]);
    for (unsigned i = 0; i < lists->count; i++)
        gnutls_x509_crl_deinit(lists->all[i]);
    gnutls_free(lists->authorities);
    gnutls_free(lists->all);
}

static int
import(struct lists *lists, const struct tls_spec *spec, const gnutls_datum_t *authorities,
       const gnutls_datum_t *revoked, struct err *err)
{
    if (gnutls_x509_crt_list_import2(&lists->authorities, &lists->authority_count, authorities,
                                     GNUTLS_X509_FMT_PEM, 0) < 0) {
        lists->authority_count = 0;
        err_set(err, "%s: holds no certificate in PEM", spec->client_ca);
        return -1;
    }
    if (gnutls_x509_crl_list_import2(&lists->all, &lists->count, revoked, GNUTLS_X509_FMT_PEM,
                                     0) < 0 || lists->count == 0) {
        lists->count = 0;
        err_set(err, "%s: holds no list of revoked certificates (CRL) in PEM",
                spec->client_crl);
        return -1;
    }
    return 0;
}

static int
check(const struct lists *lists, const struct tls_spec *spec, struct tls_lease *lease,
      struct err *err)
{
    for (unsigned i = 0; i < lists->count; i++) {
        int64_t until_us = (int64_t)gnutls_x509_crl_get_next_update(lists->all[i]) * 1000000;
        int revoked = gnutls_x509_crl_get_crt_count(lists->all[i]);
        unsigned status = 0;

        if (gnutls_x509_crl_verify(lists->all[i], lists->authorities,
                                   (int)lists->authority_count, 0, &status) < 0 ||
            (status & not_theirs) != 0) {
            err_set(err, "%s: list %u is not signed by an authority of %s", spec->client_crl,
                    i + 1, spec->client_ca);
            return -1;
        }
        lease->revoked += revoked < 0 ? 0 : (uint64_t)revoked;
        if (until_us > 0 && (lease->revoked_until_us == 0 || until_us < lease->revoked_until_us))
            lease->revoked_until_us = until_us;
    }
    return 0;
}

int
tls_revoked_read(struct tls_lease *lease, const struct tls_spec *spec,
                 const struct buf *authorities, struct err *err)
{
    const gnutls_datum_t authority_datum = tls_file_datum(authorities);
    struct lists lists = { .count = 0 };
    struct buf bytes = { 0 };
    gnutls_datum_t datum;
    struct stat st;
    int rc = -1;

    if (tls_file_read(spec->client_crl, MAX_LIST, &bytes, &st, err) != 0)
        goto done;
    datum = tls_file_datum(&bytes);
    if (import(&lists, spec, &authority_datum, &datum, err) != 0 ||
        check(&lists, spec, lease, err) != 0)
        goto done;
    if (gnutls_certificate_set_x509_crl_mem(lease->credentials, &datum,
                                            GNUTLS_X509_FMT_PEM) < 0) {
        err_set(err, "%s: cannot be used", spec->client_crl);
        goto done;
    }
    rc = 0;

done:
    release(&lists);
    buf_release(&bytes);
    return rc;
}
