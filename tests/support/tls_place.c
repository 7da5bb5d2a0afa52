#include "tests/support/tls_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "tests/support/temp_dir.h"

enum { DAY_S = 24 * 3600 };

/* The authority's key signs all certificates of a test program. */
static gnutls_x509_privkey_t ca_key;
static gnutls_x509_crt_t ca;

static void
check(int rc)
{
    if (rc < 0)
        fail_msg("GnuTLS: %s", gnutls_strerror(rc));
}

const char *
tls_place_path(const struct tls_place *place, const char *name)
{
    static char path[700];

    snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    return path;
}

/* Beside and renamed, as who cares for a running server does. */
static void
write_file(const struct tls_place *place, const char *name, gnutls_datum_t *pem)
{
    char path[700], temp[720];
    FILE *file;

    snprintf(path, sizeof(path), "%s", tls_place_path(place, name));
    snprintf(temp, sizeof(temp), "%s.new", path);
    file = fopen(temp, "w");
    assert_non_null(file);
    assert_int_equal(chmod(temp, 0600), 0);
    assert_int_equal(fwrite(pem->data, 1, pem->size, file), pem->size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(temp, path), 0);
    gnutls_free(pem->data);
}

static gnutls_x509_privkey_t
new_key(void)
{
    gnutls_x509_privkey_t key;

    check(gnutls_x509_privkey_init(&key));
    check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    return key;
}

static gnutls_x509_crt_t
new_certificate(gnutls_x509_privkey_t key, const char *name, int64_t until_s)
{
    gnutls_x509_crt_t crt;
    unsigned char serial[12];

    check(gnutls_x509_crt_init(&crt));
    check(gnutls_x509_crt_set_version(crt, 3));
    check(gnutls_x509_crt_set_key(crt, key));
    check(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)));
    serial[0] &= 0x7f;
    check(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
    check(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                        (unsigned)strlen(name)));
    check(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 10 * DAY_S));
    check(gnutls_x509_crt_set_expiration_time(crt, until_s));
    return crt;
}

static void
make_authority(const struct tls_place *place)
{
    gnutls_datum_t pem;

    ca_key = new_key();
    ca = new_certificate(ca_key, "test authority", time(NULL) + 10 * DAY_S);
    check(gnutls_x509_crt_set_basic_constraints(ca, 1, -1));
    check(gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
    check(gnutls_x509_crt_sign2(ca, ca, ca_key, GNUTLS_DIG_SHA256, 0));
    check(gnutls_x509_crt_export2(ca, GNUTLS_X509_FMT_PEM, &pem));
    write_file(place, "ca.pem", &pem);
}

void
tls_place_sign(struct tls_place *place, const char *name, int is_client, int64_t until_s)
{
    static const unsigned char loopback[] = { 127, 0, 0, 1 };
    gnutls_x509_privkey_t key = new_key();
    gnutls_x509_crt_t crt = new_certificate(key, name, until_s);
    gnutls_datum_t pem;
    char file[100];

    check(gnutls_x509_crt_set_key_purpose_oid(crt, is_client ? GNUTLS_KP_TLS_WWW_CLIENT
                                                             : GNUTLS_KP_TLS_WWW_SERVER, 0));
    if (!is_client) {
        check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                                   GNUTLS_FSAN_SET));
        check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback,
                                                   sizeof(loopback), GNUTLS_FSAN_APPEND));
    }
    check(gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0));
    check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
    snprintf(file, sizeof(file), "%s.pem", name);
    write_file(place, file, &pem);
    check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
    snprintf(file, sizeof(file), "%s.key", name);
    write_file(place, file, &pem);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void
put_on_list(gnutls_x509_crl_t list, const struct tls_place *place, const char *name)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    char file[100];

    snprintf(file, sizeof(file), "%s.pem", name);
    check(gnutls_load_file(tls_place_path(place, file), &pem));
    check(gnutls_x509_crt_init(&crt));
    check(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM));
    check(gnutls_x509_crl_set_crt(list, crt, time(NULL) - DAY_S));
    gnutls_x509_crt_deinit(crt);
    gnutls_free(pem.data);
}

void
tls_place_revoke(struct tls_place *place, const char *name, const char *revoked,
                 int64_t until_s, int is_other)
{
    gnutls_x509_privkey_t key = is_other ? new_key() : ca_key;
    gnutls_x509_crl_t list;
    gnutls_datum_t pem;
    char file[100];

    check(gnutls_x509_crl_init(&list));
    check(gnutls_x509_crl_set_version(list, 2));
    check(gnutls_x509_crl_set_this_update(list, time(NULL) - DAY_S));
    check(gnutls_x509_crl_set_next_update(list, until_s));
    if (revoked != NULL)
        put_on_list(list, place, revoked);
    check(gnutls_x509_crl_sign2(list, ca, key, GNUTLS_DIG_SHA256, 0));
    check(gnutls_x509_crl_export2(list, GNUTLS_X509_FMT_PEM, &pem));
    snprintf(file, sizeof(file), "%s.crl", name);
    write_file(place, file, &pem);
    gnutls_x509_crl_deinit(list);
    if (is_other)
        gnutls_x509_privkey_deinit(key);
}

void
tls_place_make(struct tls_place *place)
{
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->ca, sizeof(place->ca), "%s/ca.pem", place->dir);
    snprintf(place->certificate, sizeof(place->certificate), "%s/server.pem", place->dir);
    snprintf(place->key, sizeof(place->key), "%s/server.key", place->dir);
    make_authority(place);
    tls_place_sign(place, "server", 0, time(NULL) + 9 * DAY_S);
}

void
tls_place_remove(struct tls_place *place)
{
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(ca_key);
    assert_int_equal(temp_dir_remove(place->dir), 0);
}
