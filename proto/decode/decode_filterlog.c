/*
 * decode_filterlog.c - packets that pf wrote down: filterlog of pfSense and OPNsense
 *
 *   rule,sub-rule,anchor,tracker,interface,reason,action,direction,4,tos,ecn,ttl,id,
 *   offset,flags,protocol id,protocol,length,source,destination,sport,dport,data,flags,...
 *   ...,6,class,label,hop limit,protocol,protocol id,length,source,destination,...
 *
 * Nothing in it is a text that a sender chose.
 */
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"

enum {
    AT_TRACKER = 3, AT_INTERFACE = 4, AT_REASON = 5, AT_ACTION = 6, AT_DIRECTION = 7,
    AT_VERSION = 8, COMMON = 9, PIECES_MAX = 32
};

/* Where each of the two versions of IP has what follows. */
struct layout {
    size_t protocol, length, source, destination, ports;
};

static const struct layout ipv4 = { 16, 17, 18, 19, 20 }, ipv6 = { 12, 14, 15, 16, 17 };

static const struct {
    const char *said, *event_type;
} verdicts[] = {
    { "block", "connection_blocked" },
    { "reject", "connection_blocked" },
    { "pass", "connection_allowed" },
    { "match", "connection" },
    { "nat", "connection" },
    { "rdr", "connection" },
    { "binat", "connection" },
};

static const struct {
    const char *said, *keyword;
} transports[] = {
    { "icmp6", "ipv6-icmp" }, { "ICMPv6", "ipv6-icmp" }, { "icmpv6", "ipv6-icmp" },
    { "TCP", "tcp" }, { "UDP", "udp" }, { "ICMP", "icmp" },
};

static const char *
verdict_of(struct text action)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (text_is(action, verdicts[i].said))
            return verdicts[i].event_type;
    return NULL;
}

static struct text
transport_of(struct text said)
{
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
        if (text_is(said, transports[i].said))
            return text_of(transports[i].keyword);
    return said;
}

static void
put_ports(const struct text *pieces, size_t count, size_t at, struct text transport,
          struct event *ev)
{
    int is_tcp = text_is(transport, "tcp");

    if ((!is_tcp && !text_is(transport, "udp")) || at + 1 >= count)
        return;
    json_fields_keep(ev, FIELD_SOURCE_PORT, pieces[at]);
    json_fields_keep(ev, FIELD_DESTINATION_PORT, pieces[at + 1]);
    if (is_tcp && at + 3 < count)
        form_keep(ev, FIELD_TCP_FLAGS, pieces[at + 3]);
}

static void
put_direction(const struct text *pieces, struct event *ev)
{
    int is_in = text_is(pieces[AT_DIRECTION], "in");

    form_keep(ev, is_in ? FIELD_OBSERVER_INGRESS_INTERFACE_NAME
                        : FIELD_OBSERVER_EGRESS_INTERFACE_NAME, pieces[AT_INTERFACE]);
    form_keep(ev, FIELD_NETWORK_DIRECTION, text_of(is_in ? "ingress" : "egress"));
}

static int
decode_filterlog(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text pieces[PIECES_MAX], rest = line->message, transport;
    const struct layout *layout;
    const char *event_type;
    size_t count = 0;

    (void)arena;
    while (count < PIECES_MAX && rest.ptr != NULL)
        pieces[count++] = text_split(&rest, ',');
    if (count <= COMMON)
        return 0;
    layout = text_is(pieces[AT_VERSION], "4") ? &ipv4
             : text_is(pieces[AT_VERSION], "6") ? &ipv6 : NULL;
    event_type = verdict_of(pieces[AT_ACTION]);
    if (layout == NULL || event_type == NULL || count <= layout->destination ||
        !decoded_is_address(pieces[layout->source]) ||
        !decoded_is_address(pieces[layout->destination]))
        return 0;

    transport = transport_of(pieces[layout->protocol]);
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    decoded_text(ev, EVENT_DESCRIPTION, line->message);
    decoded_source(ev, pieces[layout->source]);
    decoded_text(ev, EVENT_DESTINATION_IP, pieces[layout->destination]);
    form_keep(ev, FIELD_OBSERVER_PRODUCT, text_of("pf"));
    form_keep(ev, FIELD_RULE_ID, pieces[AT_TRACKER].len > 0 ? pieces[AT_TRACKER] : pieces[0]);
    form_keep(ev, FIELD_EVENT_REASON, pieces[AT_REASON]);
    form_keep(ev, FIELD_NETWORK_TRANSPORT, transport);
    json_fields_keep(ev, FIELD_NETWORK_BYTES, pieces[layout->length]);
    put_direction(pieces, ev);
    put_ports(pieces, count, layout->ports, transport, ev);
    return 1;
}

const struct decoder decoder_filterlog = { "filterlog", "filterlog", decode_filterlog, NULL, NULL };
