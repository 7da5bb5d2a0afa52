/*
 * decode_wireguard.c - what the kernel's WireGuard says with dynamic debug on
 *
 *   kernel: [12.5] wireguard: wg0: Receiving handshake initiation from peer 3
 *       (192.0.2.7:51820)
 *
 * (echo module wireguard +p > /sys/kernel/debug/dynamic_debug/control.) A peer
 * shakes hands every two minutes, so that is a connection and no login. Who does
 * so with a key that the interface does not know has failed to log in; who does
 * not even know the interface's key has a wrong MAC.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/take.h"

static const struct {
    const char *start;
    const char *event_type;
    const char *outcome;
} messages[] = {
    { "Receiving handshake initiation from peer ", "connection", "success" },
    { "Invalid handshake initiation from ", "login_failed", "failure" },
    { "Invalid MAC of handshake, dropping packet from ", "connection", "failure" },
    { "Invalid handshake response from ", "connection", "failure" },
    { "Packet has unallowed src IP ", "connection_blocked", "failure" },
    { "Zeroing out all keys for peer ", "session_closed", NULL },
    { "Handshake for peer ", "wireguard", "failure" },
};

/* The last endpoint of the message: in parentheses, or its last word. */
static void
put_endpoint(struct text message, struct event *ev)
{
    struct text rest = message, last = { NULL, 0 };
    const char *space;

    while (rest.ptr != NULL) {
        struct text piece = text_split(&rest, '(');

        if (piece.ptr != message.ptr && memchr(piece.ptr, ')', piece.len) != NULL &&
            memchr(piece.ptr, ':', piece.len) != NULL)
            last = text_split(&piece, ')');
    }
    if (last.ptr == NULL) {
        space = message.len == 0 ? NULL : memrchr(message.ptr, ' ', message.len);
        if (space == NULL)
            return;
        last = drop(message, (size_t)(space + 1 - message.ptr));
    }
    (void)decoded_endpoint(ev, last);
}

static int
decode_wireguard(const struct log_line *line, struct arena *arena, struct event *ev)
{
    static const char start[] = "wireguard: ";
    struct text message = line->message, interface;
    const char *event_type = "wireguard";

    (void)arena;
    if (text_starts_with(message, "[")) {       /* printk's time since boot */
        (void)text_split(&message, ']');
        message = text_trim(message);
    }
    if (!text_starts_with(message, start))
        return 0;
    message = drop(message, sizeof start - 1);
    interface = text_split(&message, ':');
    if (!text_starts_with(message, " ") || memchr(interface.ptr, ' ', interface.len) != NULL)
        return 0;
    message = drop(message, 1);

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (text_starts_with(message, messages[i].start)) {
            event_type = messages[i].event_type;
            decoded_put_text(ev, FIELD_EVENT_OUTCOME, text_of(messages[i].outcome));
            break;
        }
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("wireguard"));
    decoded_text(ev, EVENT_DESCRIPTION, message);
    decoded_put_text(ev, FIELD_OBSERVER_INGRESS_INTERFACE_NAME, interface);
    put_endpoint(message, ev);
    return 1;
}

const struct decoder decoder_wireguard = {
    "wireguard", "kernel", decode_wireguard, NULL, NULL
};
