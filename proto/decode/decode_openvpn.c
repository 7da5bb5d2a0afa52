/*
 * decode_openvpn.c - OpenVPN's server, in its file or by syslog
 *
 *   2026-11-22 10:00:00 192.0.2.7:5555 TLS Auth Error: Auth Username/Password ...
 *   openvpn[7]: bob/192.0.2.7:5555 MULTI: primary virtual IP for bob/...: 10.8.0.6
 *
 * One attempt is many lines. A success is the address that the client is given:
 * "Peer Connection Initiated" is written after a wrong password too, since
 * OpenVPN tells the client of it over the tunnel. A failure is "TLS Auth Error"
 * for a password and "VERIFY ERROR" for a certificate; what follows them
 * (TLS_ERROR, handshake failed, AUTH_FAILED) is about the same attempt. With
 * deferred authentication only AUTH_FAILED is written: that stays auth_detail.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/pattern.h"
#include "proto/decode/take.h"

static const struct {
    const char *pattern;
    const char *event_type;
} messages[] = {
    { "MULTI: primary virtual IP for %s: %w", "login_success" },
    { "TLS Auth Error: %*", "login_failed" },
    { "TLS Error: Auth Username/Password was not provided by peer", "login_failed" },
    { "VERIFY ERROR: %*", "login_failed" },
    { "VERIFY KU ERROR%*", "login_failed" },
    { "VERIFY EKU ERROR%*", "login_failed" },
    { "VERIFY NSCERT ERROR: %*", "login_failed" },
    { "VERIFY X509NAME ERROR: %*", "login_failed" },
    { "CRL CHECK FAILED: %*", "login_failed" },
    { "VERIFY %*", "auth_detail" },
    { "Validating certificate %*", "auth_detail" },
    { "TLS: Username/Password authentication succeeded for username '%u'", "auth_detail" },
    { "TLS: Username/Password authentication succeeded for username '%u' %*",
      "auth_detail" },
    { "TLS: Username/Password authentication deferred for username '%u' %*",
      "auth_detail" },
    { "SENT CONTROL [%u]: 'AUTH_FAILED%*", "auth_detail" },
    { "AUTH-PAM: BACKGROUND: user '%u' failed to authenticate: %*", "auth_detail" },
    { "[%u] Peer Connection Initiated with %w", "connection" },
    { "TLS: Initial packet from %*", "connection" },
    { "TCP connection established with %w", "connection" },
    { "TLS Error: %*", "connection" },
    { "TLS_ERROR: %*", "connection" },
    { "Authenticate/Decrypt packet error: %*", "connection" },
    { "WARNING: Bad encapsulated packet length from peer %*", "connection" },
    { "SIGTERM[%w] received, client-instance %w", "session_closed" },
    { "SIGUSR1[%w] received, client-instance %w", "session_closed" },
    { "SIGHUP[%w] received, client-instance %w", "session_closed" },
};

/* Who a line is about: "[NAME/]ADDRESS:PORT " before the message. */
struct peer {
    struct text name, endpoint;
};

static struct text
without_family(struct text endpoint)
{
    static const char *const families[] = { "[AF_INET]", "[AF_INET6]" };

    for (size_t i = 0; i < 2; i++)
        if (text_starts_with(endpoint, families[i]))
            return drop(endpoint, strlen(families[i]));
    return endpoint;
}

/* A name has no colon before its slash; an address without a name has. */
static int
take_peer(struct text *rest, struct peer *ret_peer)
{
    struct event none = { 0 };
    struct peer peer = { { NULL, 0 }, { NULL, 0 } };
    struct text text = *rest;
    const char *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
    const char *colon = text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
    int is_peer;

    if (slash != NULL && colon != NULL && slash < colon) {
        peer.name = (struct text){ text.ptr, (size_t)(slash - text.ptr) };
        text = drop(text, peer.name.len + 1);
    }
    peer.endpoint = without_family(text_split(&text, ' '));
    is_peer = text.ptr != NULL && decoded_endpoint(&none, peer.endpoint);
    event_release(&none);
    if (!is_peer)
        return 0;
    *ret_peer = peer;
    *rest = text;
    return 1;
}

/* "2026-11-22 10:00:00 us=123456 ", or with asctime()'s form before 2.5. */
static int
take_time(struct text *text, int64_t *ret_us)
{
    struct text rest = *text, word, after;

    if (log_time_take_ctime(&rest, ret_us) != 0 && log_time_take_date(&rest, ret_us) != 0)
        return 0;
    if (!text_starts_with(rest, " "))
        return 0;
    after = rest = drop(rest, 1);
    word = text_split(&after, ' ');
    if (text_starts_with(word, "us=") && after.ptr != NULL)
        rest = after;
    *text = rest;
    return 1;
}

static int
is_openvpn(struct text program)
{
    return text_starts_with(program, "openvpn") || text_starts_with(program, "ovpn");
}

/* "depth=0, error=...: C=KR, CN=bob, ...": the name in the client's certificate,
 * when only one stands there; its maker chose it. */
static void
put_certificate(struct text message, struct event *ev)
{
    const char *at = text_find(message, "CN=");
    struct text name;
    size_t n = 0;

    if (at == NULL || text_find(message, "depth=0,") == NULL)
        return;
    name = drop(message, (size_t)(at + 3 - message.ptr));
    if (text_find(name, "CN=") != NULL)
        return;
    while (n < name.len && name.ptr[n] != ',' && name.ptr[n] != '/')
        n++;
    if (n > 0)
        decoded_put_text(ev, FIELD_TLS_CLIENT_X509_SUBJECT_COMMON_NAME,
                         (struct text){ name.ptr, n });
}

/* "... from [AF_INET]192.0.2.7:5555", of a line that has no peer before it. */
static void
put_last_endpoint(struct text message, struct event *ev)
{
    const char *space = message.len == 0 ? NULL : memrchr(message.ptr, ' ', message.len);
    struct text last;

    if (space == NULL)
        return;
    last = drop(message, (size_t)(space + 1 - message.ptr));
    if (text_starts_with(last, "[AF_INET") && (text_starts_with(message, "TLS Error: ") ||
                                               text_starts_with(message, "TCP connection ")))
        (void)decoded_endpoint(ev, without_family(last));
}

/* The first template that fits: its event type, or NULL. */
static const char *
read_message(struct text message, const struct peer *peer, struct captures *caps)
{
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (!pattern_match(messages[i].pattern, message, caps))
            continue;
        /* Without a name nobody was logged in. */
        if (text_is(text_of(messages[i].event_type), "session_closed") &&
            peer->name.len == 0)
            return "connection";
        return messages[i].event_type;
    }
    caps->user = (struct text){ NULL, 0 };
    return NULL;
}

static int
decode_openvpn(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct peer peer = { { NULL, 0 }, { NULL, 0 } };
    struct captures caps = { .port = -1 };
    struct text message = line->message;
    const char *event_type;
    int64_t at_us = 0;
    int is_file = line->program.len == 0;

    if (is_file ? !take_time(&message, &at_us) : !is_openvpn(line->program))
        return 0;
    if (!take_peer(&message, &peer) && is_file &&
        !text_starts_with(message, "TLS Error: ") &&
        !text_starts_with(message, "TCP connection established with [AF_INET"))
        return 0;

    event_type = read_message(message, &peer, &caps);
    /* Without a peer it is a client's own log: we connected to somebody. */
    if (peer.endpoint.ptr == NULL && text_starts_with(message, "[")) {
        event_type = NULL;
        caps.user = (struct text){ NULL, 0 };
    }
    if (event_type == NULL)
        event_type = "openvpn";

    if (is_file)
        decoded_time(ev, at_us, arena);
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("openvpn"));
    decoded_text(ev, EVENT_DESCRIPTION, message);
    if (peer.endpoint.ptr != NULL)
        (void)decoded_endpoint(ev, peer.endpoint);
    else
        put_last_endpoint(message, ev);
    if (peer.name.len > 0)
        decoded_text(ev, EVENT_USERNAME, peer.name);
    else if (caps.user.len > 0 && !text_is(caps.user, "UNDEF"))
        decoded_text(ev, EVENT_USERNAME, caps.user);
    if (text_starts_with(message, "VERIFY "))
        put_certificate(message, ev);
    return 1;
}

const struct decoder decoder_openvpn = { "openvpn", NULL, decode_openvpn, "o", NULL };
