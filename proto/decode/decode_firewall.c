/*
 * decode_firewall.c - packets that the kernel's firewall wrote down
 *
 *   [12345.678901] [UFW BLOCK] IN=eth0 OUT= MAC=... SRC=A DST=B LEN=40 TOS=0x00
 *   ... TTL=244 ID=54321 DF PROTO=TCP SPT=43210 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0
 *
 * What stands before IN= is the administrator's; a word of it says what became
 * of the packet. An ICMP error has the packet that it is about in brackets:
 * whose fields are not this one's, so the first of each name counts.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

enum { MAC_LEN = 17, MACS_LEN = 35 };   /* "00:11:22:33:44:55", two of them */

static const struct {
    const char *word, *event_type;
} verdicts[] = {
    { "DROP", "connection_blocked" },
    { "REJECT", "connection_blocked" },
    { "BLOCK", "connection_blocked" },
    { "DENY", "connection_blocked" },
    { "DENIED", "connection_blocked" },
    { "ACCEPT", "connection_allowed" },
    { "ALLOW", "connection_allowed" },
};

/* As netfilter writes them; ECS wants IANA's keywords. Others stay numbers. */
static const struct {
    const char *said, *keyword;
} transports[] = {
    { "TCP", "tcp" }, { "UDP", "udp" }, { "ICMP", "icmp" }, { "ICMPv6", "ipv6-icmp" },
    { "UDPLITE", "udplite" }, { "SCTP", "sctp" }, { "ESP", "esp" }, { "AH", "ah" },
    { "GRE", "gre" }, { "47", "gre" }, { "2", "igmp" }, { "132", "sctp" },
};

enum packet_field {
    PACKET_OUT, PACKET_MAC, PACKET_SRC, PACKET_DST, PACKET_LEN, PACKET_PROTO,
    PACKET_SPT, PACKET_DPT, PACKET_FIELDS
};

static const char *const names[PACKET_FIELDS] = {
    [PACKET_OUT] = "OUT=", [PACKET_MAC] = "MAC=", [PACKET_SRC] = "SRC=",
    [PACKET_DST] = "DST=", [PACKET_LEN] = "LEN=", [PACKET_PROTO] = "PROTO=",
    [PACKET_SPT] = "SPT=", [PACKET_DPT] = "DPT=",
};

struct packet {
    struct text prefix, in, flags;
    struct text values[PACKET_FIELDS];
};

static struct text
from(struct text text, const char *at)
{
    return (struct text){ at, (size_t)(text.ptr + text.len - at) };
}

static void
keep_word(struct packet *packet, struct text word)
{
    for (int i = 0; i < PACKET_FIELDS; i++)
        if (packet->values[i].ptr == NULL && text_starts_with(word, names[i])) {
            size_t n = strlen(names[i]);

            packet->values[i] = (struct text){ word.ptr + n, word.len - n };
            return;
        }
}

/* " RES=0x00 ACK PSH URGP=0": the words between. */
static void
read_flags(struct text text, struct packet *packet)
{
    const char *start = text_find(text, " RES="), *end = text_find(text, " URGP=");

    if (start == NULL || end == NULL || end <= start)
        return;
    start = memchr(start + 1, ' ', (size_t)(end - start));
    if (start != NULL && start < end)
        packet->flags = (struct text){ start + 1, (size_t)(end - start - 1) };
}

static int
read_packet(struct text message, struct packet *packet)
{
    const char *start = text_find(message, "IN=");
    struct text rest, inner;

    if (start == NULL || text_find(message, " SRC=") == NULL)
        return 0;
    packet->prefix = text_trim((struct text){ message.ptr,
                                              (size_t)(start - message.ptr) });
    rest = from(message, start + 3);
    packet->in = text_split(&rest, ' ');

    /* Up to the packet in brackets. */
    inner = rest;
    if (rest.ptr != NULL && text_find(rest, " [SRC=") != NULL)
        rest.len = (size_t)(text_find(inner, " [SRC=") - rest.ptr);
    if (rest.ptr != NULL)
        read_flags(rest, packet);
    while (rest.ptr != NULL)
        keep_word(packet, text_split(&rest, ' '));

    return packet->values[PACKET_OUT].ptr != NULL &&
           decoded_is_address(packet->values[PACKET_SRC]) &&
           decoded_is_address(packet->values[PACKET_DST]);
}

/* The seconds since the start, which the kernel may put before all. */
static struct text
drop_uptime(struct text prefix)
{
    const char *end = prefix.len > 0 && prefix.ptr[0] == '[' ?
                      memchr(prefix.ptr, ']', prefix.len) : NULL;

    if (end == NULL)
        return prefix;
    for (const char *at = prefix.ptr + 1; at < end; at++)
        if (strchr(" .0123456789", *at) == NULL)
            return prefix;
    return text_trim(from(prefix, end + 1));
}

/* "[UFW BLOCK]", "IPTABLES-DROP:" without what only sets it off. */
static struct text
rule_of(struct text prefix)
{
    if (text_starts_with(prefix, "[") && text_ends_with(prefix, "]") && prefix.len > 1)
        return (struct text){ prefix.ptr + 1, prefix.len - 2 };
    while (prefix.len > 0 && strchr(":- ", prefix.ptr[prefix.len - 1]) != NULL)
        prefix.len--;
    return prefix;
}

static int
is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A word of text starts with word: DROP also for "Dropped". */
static int
has_word(struct text text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= text.len; i++)
        if ((i == 0 || !is_letter(text.ptr[i - 1])) &&
            text_equals_nocase((struct text){ text.ptr + i, n }, text_of(word)))
            return 1;
    return 0;
}

static const char *
verdict_of(struct text prefix)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (has_word(prefix, verdicts[i].word))
            return verdicts[i].event_type;
    return "connection";
}

/* "00:11:22:33:44:55" */
static int
is_mac(const char *at)
{
    static const char hex[] = "0123456789abcdefABCDEF";

    for (int i = 0; i < MAC_LEN; i++)
        if (i % 3 == 2 ? at[i] != ':' : at[i] == '\0' || strchr(hex, at[i]) == NULL)
            return 0;
    return 1;
}

/* Ethernet's header: to, from, type. Tunnels have other lengths. */
static void
keep_macs(struct event *ev, struct text mac)
{
    if (mac.len < MACS_LEN || mac.ptr[MAC_LEN] != ':' || !is_mac(mac.ptr) ||
        !is_mac(mac.ptr + MAC_LEN + 1))
        return;
    for (size_t i = 0; i < MACS_LEN; i++)       /* a character could be cut in two, too */
        if (strchr("0123456789abcdefABCDEF:", mac.ptr[i]) == NULL)
            return;
    form_keep(ev, FIELD_DESTINATION_MAC, (struct text){ mac.ptr, MAC_LEN });
    form_keep(ev, FIELD_SOURCE_MAC, (struct text){ mac.ptr + MAC_LEN + 1, MAC_LEN });
}

static void
keep_number(struct event *ev, enum field field, struct text value, int64_t max)
{
    int64_t number;

    if (text_to_int(value, 0, max, &number) == 0)
        decoded_put_number(ev, field, number);
}

static struct text
transport_of(struct text said)
{
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
        if (text_is(said, transports[i].said))
            return text_of(transports[i].keyword);
    return said;
}

static int
decode_firewall(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct packet packet = { .prefix = { NULL, 0 } };
    const struct text *values = packet.values;

    (void)arena;
    if (!read_packet(line->message, &packet))
        return 0;
    packet.prefix = drop_uptime(packet.prefix);

    decoded_text(ev, EVENT_TYPE, text_of(verdict_of(packet.prefix)));
    decoded_text(ev, EVENT_DESCRIPTION, line->message);
    decoded_source(ev, values[PACKET_SRC]);
    decoded_text(ev, EVENT_DESTINATION_IP, values[PACKET_DST]);
    form_keep(ev, FIELD_RULE_NAME, rule_of(packet.prefix));
    keep_number(ev, FIELD_SOURCE_PORT, values[PACKET_SPT], UINT16_MAX);
    keep_number(ev, FIELD_DESTINATION_PORT, values[PACKET_DPT], UINT16_MAX);
    form_keep(ev, FIELD_NETWORK_TRANSPORT, transport_of(values[PACKET_PROTO]));
    keep_number(ev, FIELD_NETWORK_BYTES, values[PACKET_LEN], INT32_MAX);
    if ((packet.in.len == 0) != (values[PACKET_OUT].len == 0))
        form_keep(ev, FIELD_NETWORK_DIRECTION,
                  text_of(packet.in.len > 0 ? "ingress" : "egress"));
    form_keep(ev, FIELD_OBSERVER_INGRESS_INTERFACE_NAME, packet.in);
    form_keep(ev, FIELD_OBSERVER_EGRESS_INTERFACE_NAME, values[PACKET_OUT]);
    keep_macs(ev, values[PACKET_MAC]);
    form_keep(ev, FIELD_TCP_FLAGS, packet.flags);
    return 1;
}

const struct decoder decoder_firewall = {
    "firewall", "kernel klogd ulogd ulogd2", decode_firewall, NULL, NULL
};
