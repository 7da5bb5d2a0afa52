#include "ingest/syslog/syslog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/syslog/syslog_inner.h"
#include "proto/base/clock.h"

enum { TICK_MS = 1000 };

/* Who may send when nobody says who. */
static const char this_machine[] = "127.0.0.0/8, ::1";

/* --- settings --- */

static const char *
addresses_of(const struct settings *settings, enum syslog_transport transport)
{
    const char *const addresses[] = {
        [SYSLOG_UDP] = settings->syslog_listen_udp,
        [SYSLOG_TCP] = settings->syslog_listen_tcp,
        [SYSLOG_TLS] = settings->syslog_listen_tls,
    };

    return addresses[transport];
}

static const char *const option_names[] = {
    [SYSLOG_UDP] = "syslog.listen_udp",
    [SYSLOG_TCP] = "syslog.listen_tcp",
    [SYSLOG_TLS] = "syslog.listen_tls",
};

/* Call each(ctx, address) for all of a transport. 0, or -1 with the reason. */
static int
each_address(const struct settings *settings, enum syslog_transport transport,
             int (*each)(void *ctx, enum syslog_transport transport, const char *address,
                         struct err *err),
             void *ctx, struct err *err)
{
    struct text rest = text_of(addresses_of(settings, transport));

    while (rest.ptr != NULL) {
        struct text one = text_trim(text_split(&rest, ','));
        char *address = one.len == 0 ? NULL : text_dup(one);
        int rc = one.len == 0 ? 0 : -1;

        if (address != NULL)
            rc = each(ctx, transport, address, err);
        else if (rc != 0)
            err_set(err, "out of memory");
        free(address);
        if (rc != 0) {
            err_add(err, "%s", option_names[transport]);
            return -1;
        }
    }
    return 0;
}

static int
check_address(void *count, enum syslog_transport transport, const char *address,
              struct err *err)
{
    (void)transport;
    if (++*(size_t *)count > SYSLOG_MAX_LISTENERS) {
        err_set(err, "more than %d addresses in all", (int)SYSLOG_MAX_LISTENERS);
        return -1;
    }
    return listen_check(address, err);
}

static int
read_networks(const struct settings *settings, struct networks *allowed,
              struct networks *proxies, struct err *err)
{
    const char *allow = settings->syslog_allow != NULL ? settings->syslog_allow : this_machine;

    if (networks_parse_list(text_of(allow), allowed, err) != 0)
        err_add(err, "syslog.allow");
    else if (networks_parse_list(text_of(settings->trusted_proxies), proxies, err) != 0)
        err_add(err, "trusted_proxies");
    else
        return 0;
    return -1;
}

int
syslog_is_wanted(const struct settings *settings)
{
    for (int i = 0; i < SYSLOG_TRANSPORTS; i++)
        if (addresses_of(settings, (enum syslog_transport)i) != NULL)
            return 1;
    return 0;
}

int
syslog_check(const struct settings *settings, struct err *err)
{
    struct networks allowed = { 0 }, proxies = { 0 };
    size_t count = 0;
    int rc = read_networks(settings, &allowed, &proxies, err);

    for (int i = 0; i < SYSLOG_TRANSPORTS && rc == 0; i++)
        rc = each_address(settings, (enum syslog_transport)i, check_address, &count, err);
    if (rc == 0 && settings->syslog_listen_tls != NULL && settings->tls_certificate == NULL) {
        err_set(err, "syslog.listen_tls: needs tls.certificate and tls.key");
        rc = -1;
    }
    if (rc == 0 && settings->syslog_proxy_protocol && proxies.count == 0) {
        err_set(err, "syslog.proxy_protocol: needs trusted_proxies");
        rc = -1;
    }
    networks_release(&allowed);
    networks_release(&proxies);
    return rc;
}

int
syslog_is_allowed(const struct syslog *syslog, struct text address)
{
    return networks_has(&syslog->allowed, address);
}

/* --- life --- */

static int
open_address(void *self, enum syslog_transport transport, const char *address, struct err *err)
{
    struct syslog *syslog = self;
    struct syslog_listener *listener = &syslog->listeners[syslog->listener_count];

    if (listen_open(address, transport == SYSLOG_UDP ? SOCK_DGRAM : SOCK_STREAM, NULL,
                    &listener->socket, err) != 0)
        return -1;
    listener->source = SOURCE_LISTENER;
    listener->transport = transport;
    syslog->listener_count++;
    if (!listener->socket.is_local && syslog->settings->syslog_allow == NULL)
        log_warn("syslog listens for others, and nobody but this machine is in syslog.allow",
                 "address=%s", listener->socket.address);
    log_info("syslog is open", "option=%s address=%s", option_names[transport],
             listener->socket.address);
    return 0;
}

static int
on_tick(zloop_t *loop, int timer, void *self)
{
    struct syslog *syslog = self;

    (void)loop, (void)timer;
    syslog_streams_tick(syslog, clock_steady_ms());
    syslog_datagrams_count(syslog);
    return 0;
}

static int
open_all(struct syslog *syslog, int *ret_code, struct err *err)
{
    for (int i = 0; i < SYSLOG_TRANSPORTS; i++)
        if (each_address(syslog->settings, (enum syslog_transport)i, open_address, syslog,
                         err) != 0) {
            *ret_code = EXIT_TAKEN;
            return -1;
        }
    if (syslog_streams_start(syslog, err) != 0 || syslog_datagrams_start(syslog, err) != 0) {
        err_add(err, "syslog");
        return -1;
    }
    syslog->tick = zloop_timer(syslog->daemon->loop, TICK_MS, 0, on_tick, syslog);
    if (syslog->tick < 0)
        err_set(err, "syslog: out of memory");
    return syslog->tick < 0 ? -1 : 0;
}

struct syslog *
syslog_new(struct daemon *daemon, const struct syslog_spec *spec, int *ret_code,
           struct err *err)
{
    struct syslog *syslog;

    if (syslog_check(daemon->settings, err) != 0)
        return NULL;
    syslog = calloc(1, sizeof(*syslog));
    if (syslog == NULL) {
        err_set(err, "syslog: out of memory");
        return NULL;
    }
    syslog->daemon = daemon;
    syslog->spec = *spec;
    syslog->settings = daemon->settings;
    syslog->epoll_fd = syslog->tick = syslog->soon = -1;
    syslog_take_numbers(&syslog->numbers, daemon->metrics);
    if (read_networks(syslog->settings, &syslog->allowed, &syslog->proxies, err) == 0 &&
        open_all(syslog, ret_code, err) == 0)
        return syslog;
    syslog_destroy(&syslog);
    return NULL;
}

void
syslog_stop(struct syslog *syslog)
{
    syslog->is_stopped = 1;
    syslog_streams_stop(syslog);
    syslog_datagrams_stop(syslog);
    if (syslog->tick >= 0)
        zloop_timer_end(syslog->daemon->loop, syslog->tick);
    syslog->tick = -1;
}

static void
close_listeners(struct syslog *syslog)
{
    for (size_t i = 0; i < syslog->listener_count; i++)
        close(syslog->listeners[i].socket.fd);
    syslog->listener_count = 0;
}

void
syslog_drain(struct syslog *syslog)
{
    syslog_streams_drain(syslog);
    syslog_datagrams_drain(syslog);
    syslog_stop(syslog);
    while (syslog->connections != NULL)
        syslog_connection_end(syslog, syslog->connections);
    close_listeners(syslog);
}

void
syslog_destroy(struct syslog **syslog_ptr)
{
    struct syslog *syslog = *syslog_ptr;
    struct err err;

    if (syslog == NULL)
        return;
    syslog_stop(syslog);
    if (syslog->turns[0].is_handed || syslog->turns[1].is_handed)
        syslog->spec.commit(syslog->spec.self, &err);   /* nobody may be told afterwards */
    while (syslog->connections != NULL)
        syslog_connection_end(syslog, syslog->connections);
    close_listeners(syslog);
    if (syslog->epoll_fd >= 0)
        close(syslog->epoll_fd);
    for (int i = 0; i < SYSLOG_TURNS; i++)
        free(syslog->turns[i].bytes);
    syslog_datagrams_free(syslog);
    networks_release(&syslog->allowed);
    networks_release(&syslog->proxies);
    free(syslog);
    *syslog_ptr = NULL;
}

void
syslog_count(struct syslog *syslog, const struct syslog_turn *turn)
{
    const struct syslog_numbers *numbers = &syslog->numbers;

    for (int i = 0; i < SYSLOG_TRANSPORTS; i++)
        *numbers->messages[i] += turn->messages[i];
    *numbers->accepted += turn->kept.accepted;
    *numbers->split += turn->kept.split;
    *numbers->plain += turn->kept.plain;
    *numbers->unkept += turn->kept.refused;
}
