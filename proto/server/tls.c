#include "proto/server/tls_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/file_look.h"
#include "proto/base/log.h"
#include "proto/base/timestamp.h"

enum { LOOK_MS = 2000, FILES = 4, WARN_DAYS = 14 };

#define DAY_US (INT64_C(24) * 3600 * 1000000)

const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

struct tls {
    zloop_t *loop;
    int timer;
    char *paths[FILES];             /* certificate, key, client_ca, client_crl */
    uint64_t seen[FILES];           /* file_look() of each */
    int client_required;
    struct tls_lease *now;
    uint64_t readings;              /* that were taken */
    struct tls_counts counts;
    char problem[512];              /* of the files as they are; "": none */
    uint64_t *is_ok, *reloads, *expires;
};

static struct tls_spec
spec_of(const struct tls *tls)
{
    return (struct tls_spec){ .certificate = tls->paths[0], .key = tls->paths[1],
                              .client_ca = tls->paths[2], .client_crl = tls->paths[3],
                              .client_required = tls->client_required };
}

/* 1 when one of the files is another than was seen last. */
static int
has_changed(struct tls *tls)
{
    int is_changed = 0;

    for (int i = 0; i < FILES; i++) {
        uint64_t now = tls->paths[i] == NULL ? 0 : file_look(tls->paths[i]);

        is_changed |= now != tls->seen[i];
        tls->seen[i] = now;
    }
    return is_changed;
}

/* Days until the certificate expires, rounded down; below 0: it has. */
static long
days_left(const struct tls *tls)
{
    int64_t left_us = tls->now->expires_us - clock_real_us();

    return (long)(left_us < 0 ? -1 : left_us / DAY_US);
}

static int
take_files(struct tls *tls, struct err *err)
{
    const struct tls_spec spec = spec_of(tls);
    struct tls_lease *lease = tls_files_read(&spec, err);
    char until[TIMESTAMP_LEN];

    if (lease == NULL)
        return -1;
    lease->number = ++tls->readings;
    lease->counts = &tls->counts;
    tls_lease_end(&tls->now);
    tls->now = lease;
    *tls->is_ok = 1;
    *tls->expires = (uint64_t)(lease->expires_us / 1000000);
    timestamp_format(lease->expires_us, until);
    if (days_left(tls) < 0)
        log_warn("the certificate has expired", "file=\"%s\" at=%s", tls->paths[0], until);
    else
        log_info("certificate in force", "file=\"%s\" until=%s", tls->paths[0], until);
    return 0;
}

void
tls_look(struct tls *tls)
{
    struct err err = { "" };

    if (!has_changed(tls))
        return;
    if (take_files(tls, &err) == 0) {
        tls->problem[0] = '\0';
        ++*tls->reloads;
        return;
    }
    snprintf(tls->problem, sizeof(tls->problem), "%s", err.text);
    *tls->is_ok = 0;
    log_error("certificate refused", "reason=\"%s\"", err.text);
}

static int
on_look(zloop_t *loop, int timer, void *self)
{
    (void)loop, (void)timer;
    tls_look(self);
    return 0;
}

/* --- life --- */

int
tls_check(const struct tls_spec *spec, struct err *err)
{
    struct tls_lease *lease = tls_files_read(spec, err);
    int rc = lease == NULL ? -1 : 0;

    tls_lease_end(&lease);
    return rc;
}

static int
copy_paths(struct tls *tls, const struct tls_spec *spec)
{
    const char *const paths[FILES] = { spec->certificate, spec->key, spec->client_ca,
                                       spec->client_crl };

    for (int i = 0; i < FILES; i++) {
        tls->paths[i] = paths[i] == NULL ? NULL : strdup(paths[i]);
        if (paths[i] != NULL && tls->paths[i] == NULL)
            return -1;
    }
    return 0;
}

struct tls *
tls_new(zloop_t *loop, const struct tls_spec *spec, struct metrics *metrics, struct err *err)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    err_set(err, "out of memory");
    if (tls == NULL)
        return NULL;
    tls->loop = loop;
    tls->timer = -1;
    tls->client_required = spec->client_required;
    tls->is_ok = metrics_number(metrics, METRIC_GAUGE, "bongsu_tls_files_ok", "",
                                "1: certificate and key as they are now are in force");
    tls->reloads = metrics_number(metrics, METRIC_COUNTER, "bongsu_tls_reloads_total", "",
                                  "times that certificate and key were read again");
    tls->expires = metrics_number(metrics, METRIC_GAUGE, "bongsu_tls_certificate_expires_seconds",
                                  "", "when the certificate expires, in seconds since 1970");
    tls->counts.revoked = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_tls_clients_refused_total", "reason=\"revoked\"",
        "connections whose client showed a certificate that is not good");
    tls->counts.other = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_tls_clients_refused_total", "reason=\"other\"", "");
    if (copy_paths(tls, spec) == 0) {
        has_changed(tls);
        if (take_files(tls, err) == 0) {
            tls->timer = zloop_timer(loop, LOOK_MS, 0, on_look, tls);
            if (tls->timer >= 0)
                return tls;
            err_set(err, "out of memory");
        }
    }
    tls_destroy(&tls);
    return NULL;
}

void
tls_destroy(struct tls **tls_ptr)
{
    struct tls *tls = *tls_ptr;

    if (tls == NULL)
        return;
    if (tls->timer >= 0)
        zloop_timer_end(tls->loop, tls->timer);
    tls_lease_end(&tls->now);
    for (int i = 0; i < FILES; i++)
        free(tls->paths[i]);
    free(tls);
    *tls_ptr = NULL;
}

int
tls_open(zloop_t *loop, const struct settings *settings, struct metrics *metrics,
         struct tls **ret_tls, struct err *err)
{
    const struct tls_spec spec = { .certificate = settings->tls_certificate,
                                   .key = settings->tls_key,
                                   .client_ca = settings->tls_client_ca,
                                   .client_crl = settings->tls_client_crl,
                                   .client_required = (int)settings->tls_client_required };
    int rc;

    *ret_tls = NULL;
    if (spec.certificate == NULL)
        return 0;
    if (loop == NULL) {
        rc = tls_check(&spec, err);
    } else {
        *ret_tls = tls_new(loop, &spec, metrics, err);
        rc = *ret_tls == NULL ? -1 : 0;
    }
    if (rc != 0)
        err_add(err, "tls");
    return rc;
}

/* --- a session --- */

const struct tls_lease *
tls_now(const struct tls *tls)
{
    return tls->now;
}

struct tls_lease *
tls_prepare(struct tls *tls, gnutls_session_t session)
{
    struct tls_lease *lease = tls->now;

    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, lease->credentials) < 0)
        return NULL;
    tls_client_ask(session, lease);
    lease->count++;
    return lease;
}

/* --- showing --- */

static void
warn_of_dates(const struct tls *tls, json_t *warnings)
{
    char until[TIMESTAMP_LEN];
    long days = days_left(tls);

    timestamp_format(tls->now->expires_us, until);
    if (days < 0)
        json_array_append_new(warnings, json_sprintf("tls: the certificate expired at %s", until));
    else if (days < WARN_DAYS)
        json_array_append_new(warnings, json_sprintf("tls: the certificate expires in %ld days",
                                                     days));
    if (tls->now->revoked_until_us == 0 || tls->now->revoked_until_us > clock_real_us())
        return;
    timestamp_format(tls->now->revoked_until_us, until);
    json_array_append_new(warnings, json_sprintf(
        "tls: %s: a newer list of revoked certificates was to come at %s; the old one is in"
        " force", tls->paths[3], until));
}

void
tls_show(void *self, json_t *status)
{
    const struct tls *tls = self;
    json_t *warnings = json_object_get(status, "warnings");
    char until[TIMESTAMP_LEN];

    timestamp_format(tls->now->expires_us, until);
    json_object_set_new(status, "tls", json_pack("{s:s, s:s, s:b, s:I}", "certificate",
                                                 tls->paths[0], "expires", until,
                                                 "client_required", tls->now->requires_client,
                                                 "revoked", (json_int_t)tls->now->revoked));
    if (warnings == NULL) {
        json_object_set_new(status, "warnings", json_array());
        warnings = json_object_get(status, "warnings");
    }
    if (tls->problem[0] != '\0')
        json_array_append_new(warnings, json_sprintf("tls: %s; the last good files are in force",
                                                     tls->problem));
    warn_of_dates(tls, warnings);
}
