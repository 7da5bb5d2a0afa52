/*
 * TLS of the connections. libmicrohttpd makes the sessions and would take one
 * certificate for ever; each new session is given ours as it is at that moment.
 */
#include "proto/server/http_server_parts.h"

#include <gnutls/abstract.h>
#include <sys/socket.h>

/* libmicrohttpd starts without a certificate only when it has somebody to ask. Nobody
 * asks: every session has credentials of its own. */
static int
no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
               const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
               gnutls_pcert_st **ret_certificate, unsigned *ret_length,
               gnutls_privkey_t *ret_key)
{
    (void)session, (void)authorities, (void)count, (void)algorithms, (void)algorithm_count;
    (void)ret_certificate, (void)ret_length, (void)ret_key;
    return -1;
}

unsigned
http_tls_options(const struct http_server *server, struct MHD_OptionItem items[HTTP_TLS_OPTIONS])
{
    const struct MHD_OptionItem end = { MHD_OPTION_END, 0, NULL };

    items[0] = end;
    if (server->tls == NULL)
        return 0;
    items[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
                                        (void *)(uintptr_t)tls_priorities };
    items[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
                                        (void *)(uintptr_t)no_certificate };
    items[2] = end;
    return MHD_USE_TLS;
}

void
http_tls_enter(struct http_server *server, struct MHD_Connection *connection,
               struct http_connection *one)
{
    const union MHD_ConnectionInfo *session, *fd;

    if (server->tls == NULL)
        return;
    session = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (one != NULL && session != NULL)
        one->lease = tls_prepare(server->tls, session->tls_session);
    if (one != NULL && one->lease != NULL)
        return;
    fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (fd != NULL)                         /* out of memory: it ends here */
        shutdown(fd->connect_fd, SHUT_RDWR);
}

void
http_tls_leave(struct http_server *server, struct http_connection *one)
{
    if (one == NULL || server->tls == NULL)
        return;
    if (!one->has_spoken && !server->is_closing)
        ++*server->tls_silent;
    tls_lease_end(&one->lease);
}

int
http_check_certificate(struct http_request *req)
{
    const union MHD_ConnectionInfo *session;

    if (req->one == NULL || req->one->lease == NULL)
        return 0;
    session = MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (session == NULL || tls_still_good(req->server->tls, session->tls_session,
                                          req->one->lease, &req->one->tls_checked))
        return 0;
    req->must_close = 1;
    http_set_header(req, "Connection", "close");
    http_refuse(req, REFUSED_CERTIFICATE, 403, "The client's certificate is not good any more.");
    return -1;
}
