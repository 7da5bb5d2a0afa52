#include "proto/server/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/log.h"

enum { MAX_FILE = 1024 * 1024 };

void
tls_lease_end(struct tls_lease **lease_ptr)
{
    struct tls_lease *lease = *lease_ptr;

    *lease_ptr = NULL;
    if (lease == NULL || --lease->count > 0)
        return;
    if (lease->credentials != NULL)
        gnutls_certificate_free_credentials(lease->credentials);
    free(lease);
}

/* 0, or -1 with the reason. The key's bytes are wiped by the caller. */
int
tls_file_read(const char *path, size_t max, struct buf *out, struct stat *ret_st,
              struct err *err)
{
    char chunk[4096];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;

    if (fd < 0 || fstat(fd, ret_st) != 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        goto done;
    }
    while ((got = read(fd, chunk, sizeof(chunk))) > 0)
        if (out->len + (size_t)got > max || buf_append(out, chunk, (size_t)got) != 0) {
            err_set(err, "%s: is larger than %zu MiB", path, max >> 20);
            goto done;
        }
    if (got < 0)
        err_set(err, "%s: %s", path, strerror(errno));
    else
        rc = 0;

done:
    explicit_bzero(chunk, sizeof(chunk));
    if (fd >= 0)
        close(fd);
    return rc;
}

gnutls_datum_t
tls_file_datum(const struct buf *bytes)
{
    return (gnutls_datum_t){ .data = (unsigned char *)bytes->ptr, .size = (unsigned)bytes->len };
}

/* Until when the server's own certificate, the first, is valid. */
static int
read_expiry(const char *path, const struct buf *bytes, int64_t *ret_us, struct err *err)
{
    gnutls_datum_t datum = tls_file_datum(bytes);
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int rc = gnutls_x509_crt_list_import2(&list, &count, &datum, GNUTLS_X509_FMT_PEM, 0);

    if (rc < 0 || count == 0) {
        err_set(err, "%s: holds no certificate in PEM (%s)", path, gnutls_strerror(rc));
        return -1;
    }
    *ret_us = (int64_t)gnutls_x509_crt_get_expiration_time(list[0]) * 1000000;
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    return 0;
}

static int
take_pair(struct tls_lease *lease, const struct tls_spec *spec, const struct buf *certificate,
          const struct buf *key, struct err *err)
{
    gnutls_datum_t cert_datum = tls_file_datum(certificate), key_datum = tls_file_datum(key);
    int rc = gnutls_certificate_set_x509_key_mem2(lease->credentials, &cert_datum, &key_datum,
                                                  GNUTLS_X509_FMT_PEM, NULL, 0);

    if (rc >= 0)
        return 0;
    if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        err_set(err, "%s is not the key of the certificate %s", spec->key, spec->certificate);
    else if (rc == GNUTLS_E_DECRYPTION_FAILED)
        err_set(err, "%s: has a password, which nobody could give at a start: take it off",
                spec->key);
    else
        err_set(err, "%s: is no private key in PEM (%s)", spec->key, gnutls_strerror(rc));
    return -1;
}

static int
read_pair(struct tls_lease *lease, const struct tls_spec *spec, struct err *err)
{
    struct buf certificate = { 0 }, key = { 0 };
    struct stat st;
    int rc = -1;

    if (tls_file_read(spec->certificate, MAX_FILE, &certificate, &st, err) == 0 &&
        read_expiry(spec->certificate, &certificate, &lease->expires_us, err) == 0 &&
        tls_file_read(spec->key, MAX_FILE, &key, &st, err) == 0 &&
        take_pair(lease, spec, &certificate, &key, err) == 0) {
        if (st.st_mode & S_IROTH)
            log_warn("everybody on this machine may read the private key", "file=\"%s\"",
                     spec->key);
        rc = 0;
    }
    if (key.ptr != NULL)
        explicit_bzero(key.ptr, key.cap);
    buf_release(&key);
    buf_release(&certificate);
    return rc;
}

static int
read_authorities(struct tls_lease *lease, const struct tls_spec *spec, struct err *err)
{
    struct buf bytes = { 0 };
    gnutls_datum_t datum;
    struct stat st;
    int rc = -1;

    if (spec->client_ca == NULL)
        return 0;
    if (tls_file_read(spec->client_ca, MAX_FILE, &bytes, &st, err) == 0) {
        datum = tls_file_datum(&bytes);
        rc = gnutls_certificate_set_x509_trust_mem(lease->credentials, &datum,
                                                   GNUTLS_X509_FMT_PEM);
        if (rc <= 0)
            err_set(err, "%s: holds no certificate in PEM", spec->client_ca);
        rc = rc <= 0 || (spec->client_crl != NULL &&
                         tls_revoked_read(lease, spec, &bytes, err) != 0) ? -1 : 0;
    }
    buf_release(&bytes);
    lease->asks_client = 1;
    lease->requires_client = spec->client_required;
    return rc;
}

struct tls_lease *
tls_files_read(const struct tls_spec *spec, struct err *err)
{
    struct tls_lease *lease = calloc(1, sizeof(*lease));

    if (lease == NULL || gnutls_certificate_allocate_credentials(&lease->credentials) < 0) {
        err_set(err, "out of memory");
        free(lease);
        return NULL;
    }
    lease->count = 1;
    if (read_pair(lease, spec, err) == 0 && read_authorities(lease, spec, err) == 0)
        return lease;
    tls_lease_end(&lease);
    return NULL;
}
