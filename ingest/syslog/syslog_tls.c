#include "ingest/syslog/syslog_tls.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/server/tls.h"

struct syslog_tls {
    gnutls_session_t session;
    struct tls *tls;
    struct tls_lease *lease;
    uint64_t checked;           /* tls_still_good()'s */
};

struct syslog_tls *
syslog_tls_new(struct tls *tls, int fd)
{
    struct syslog_tls *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    if (gnutls_init(&self->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
        free(self);
        return NULL;
    }
    gnutls_transport_set_int(self->session, fd);
    gnutls_handshake_set_timeout(self->session, 0);     /* the deadline is the caller's */
    self->tls = tls;
    self->lease = tls_prepare(tls, self->session);
    if (self->lease == NULL ||
        gnutls_priority_set_direct(self->session, tls_priorities, NULL) < 0)
        syslog_tls_destroy(&self);
    return self;
}

void
syslog_tls_destroy(struct syslog_tls **session)
{
    if (*session == NULL)
        return;
    gnutls_deinit((*session)->session);
    tls_lease_end(&(*session)->lease);
    free(*session);
    *session = NULL;
}

int
syslog_tls_handshake(struct syslog_tls *session, struct err *err)
{
    int rc;

    do
        rc = gnutls_handshake(session->session);
    while (rc < 0 && rc != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(rc));
    if (rc == GNUTLS_E_SUCCESS)
        return 1;
    if (rc == GNUTLS_E_AGAIN)
        return 0;
    err_set(err, "TLS: %s", gnutls_strerror(rc));
    gnutls_alert_send_appropriate(session->session, rc);
    return -1;
}

/* Who closes without saying so over TLS is at his end, too: many do. */
ssize_t
syslog_tls_read(struct syslog_tls *session, void *bytes, size_t len)
{
    ssize_t got;

    if (!tls_still_good(session->tls, session->session, session->lease, &session->checked)) {
        errno = EACCES;
        return -1;
    }
    do
        got = gnutls_record_recv(session->session, bytes, len);
    while (got < 0 && got != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)got));
    if (got >= 0)
        return got;
    if (got == GNUTLS_E_PREMATURE_TERMINATION)
        return 0;
    errno = got == GNUTLS_E_AGAIN ? EAGAIN : ECONNRESET;
    return -1;
}

int
syslog_tls_wants_write(const struct syslog_tls *session)
{
    return gnutls_record_get_direction(session->session) == 1;
}

int
syslog_tls_has_bytes(const struct syslog_tls *session)
{
    return gnutls_record_check_pending(session->session) > 0;
}

void
syslog_tls_bye(struct syslog_tls *session)
{
    gnutls_bye(session->session, GNUTLS_SHUT_WR);
}
