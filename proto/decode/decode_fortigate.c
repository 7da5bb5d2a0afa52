/*
 * decode_fortigate.c - FortiGate's own syslog format, FortiOS 5 to 7
 *
 *   date=2026-11-22 time=10:00:00 devname="fw1" devid="FG..." eventtime=1795309200...
 *   tz="+0900" logid="0100032002" type="event" subtype="system" level="alert" ...
 *
 * Traffic is a connection, utm what an inspection found in it, event what the device
 * itself did: logins, VPN, changes.
 */
#include <string.h>

#include "proto/base/timestamp.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"
#include "proto/decode/key_values.h"
#include "proto/decode/web_text.h"

enum { EVENT_CODE_LEN = 5, LOGID_LEN = 10, SECONDS_DIGITS = 10, NANO_DIGITS = 19 };

/* The last digits of logid; the first say which log it is. */
static const struct {
    const char *code, *event_type, *outcome;
} events[] = {
    { "32001", "login_success", "success" },        /* an administrator */
    { "32002", "login_failed", "failure" },
    { "32003", "logout", NULL },
    { "32021", "account_locked", NULL },            /* too many failures of one */
    { "32095", "auth_detail", NULL },               /* an action without a session */
    { "39424", "login_success", "success" },        /* SSL VPN: tunnel up, as one user */
    { "39425", "session_closed", NULL },
    { "39426", "login_failed", "failure" },
    { "39947", "login_success", "success" },        /* SSL VPN: tunnel mode */
    { "39948", "session_closed", NULL },
    { "43008", "login_success", "success" },        /* a user of the firewall */
    { "43009", "login_failed", "failure" },
    { "43011", "logout", NULL },
    { "44544", "config_changed", NULL },
    { "44545", "config_changed", NULL },
    { "44546", "config_changed", NULL },
    { "44547", "config_changed", NULL },
};

static const struct {
    const char *subtype, *event_type;
} inspections[] = {
    { "ips", "ids_alert" },
    { "virus", "malware_detected" },
    { "waf", "ids_alert" },
    { "anomaly", "ids_alert" },
    { "dns", "dns_query" },
};

struct row {
    const char *name;
    enum field field;
};

/* What stands first in every line, before anything that a user chose. */
static const struct row head_rows[] = {
    { "devname", FIELD_HOST_NAME },
    { "devid", FIELD_OBSERVER_SERIAL_NUMBER },
    { "logid", FIELD_EVENT_CODE },
    { "level", FIELD_LOG_LEVEL },
    { "type", FIELD_FORTINET_FIREWALL_TYPE },
    { "subtype", FIELD_FORTINET_FIREWALL_SUBTYPE },
};

static const struct row rows[] = {
    { "srcip", FIELD_SOURCE_ADDRESS },
    { "remip", FIELD_SOURCE_ADDRESS },          /* of a VPN: the client */
    { "srcport", FIELD_SOURCE_PORT },
    { "srcmac", FIELD_SOURCE_MAC },
    { "dstip", FIELD_DESTINATION_IP },
    { "dstport", FIELD_DESTINATION_PORT },
    { "user", FIELD_USERNAME },
    { "unauthuser", FIELD_USERNAME },
    { "group", FIELD_GROUP_NAME },
    { "action", FIELD_FORTINET_FIREWALL_ACTION },
    { "reason", FIELD_EVENT_REASON },
    { "srcintf", FIELD_OBSERVER_INGRESS_INTERFACE_NAME },
    { "dstintf", FIELD_OBSERVER_EGRESS_INTERFACE_NAME },
    { "policyid", FIELD_RULE_ID },
    { "attackid", FIELD_RULE_ID },
    { "attack", FIELD_RULE_NAME },
    { "virus", FIELD_RULE_NAME },
    { "policyname", FIELD_RULE_NAME },
    { "catdesc", FIELD_RULE_CATEGORY },
    { "service", FIELD_NETWORK_PROTOCOL },
    { "app", FIELD_NETWORK_APPLICATION },
    { "sentbyte", FIELD_SOURCE_BYTES },
    { "rcvdbyte", FIELD_DESTINATION_BYTES },
    { "hostname", FIELD_URL_DOMAIN },
    { "agent", FIELD_USER_AGENT_ORIGINAL },
    { "filename", FIELD_FILE_PATH },
    { "qname", FIELD_DNS_QUESTION_NAME },
    { "qtype", FIELD_DNS_QUESTION_TYPE },
};

static const struct {
    const char *number, *keyword;
} transports[] = {
    { "1", "icmp" }, { "6", "tcp" }, { "17", "udp" }, { "47", "gre" }, { "50", "esp" },
    { "58", "ipv6-icmp" }, { "132", "sctp" },
};

/* Words of action that mean the packet, or the request, did not get through. */
static const char *const blocked[] = {
    "deny", "dropped", "blocked", "block", "drop", "reset", "reset_client", "reset_server",
};

static int
is_blocked(struct text action)
{
    for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++)
        if (text_is(action, blocked[i]))
            return 1;
    return 0;
}

static const char *
traffic_type(const struct key_values *pairs)
{
    return is_blocked(key_values_get(pairs, "action")) ? "connection_blocked"
                                                       : "connection_allowed";
}

static const char *
inspection_type(const struct key_values *pairs)
{
    struct text subtype = key_values_first(pairs, "subtype");

    for (size_t i = 0; i < sizeof inspections / sizeof inspections[0]; i++)
        if (text_is(subtype, inspections[i].subtype))
            return inspections[i].event_type;
    if (text_is(subtype, "webfilter"))
        return is_blocked(key_values_get(pairs, "action")) ? "connection_blocked"
                                                           : "web_request";
    return "fortigate";
}

static const char *
device_type(const struct key_values *pairs, struct event *ev)
{
    struct text code = key_values_first(pairs, "logid");

    if (code.len == LOGID_LEN)
        code = (struct text){ code.ptr + EVENT_CODE_LEN, EVENT_CODE_LEN };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (text_is(code, events[i].code)) {
            form_keep(ev, FIELD_EVENT_OUTCOME, text_of(events[i].outcome));
            return events[i].event_type;
        }
    return "fortigate";
}

/* eventtime is the surest: seconds, or nanoseconds since 6.0. Else date and time, with
 * tz if it is there. */
static void
put_time(const struct key_values *pairs, struct arena *arena, struct event *ev)
{
    struct text epoch = key_values_first(pairs, "eventtime"), tz = key_values_first(pairs, "tz");
    struct text date = key_values_first(pairs, "date"), clock = key_values_first(pairs, "time");
    struct text text;
    int64_t at;

    if (text_to_int(epoch, 1, INT64_MAX, &at) == 0 &&
        (epoch.len == SECONDS_DIGITS || epoch.len == NANO_DIGITS)) {
        (void)decoded_time(ev, epoch.len == SECONDS_DIGITS ? at * 1000000 : at / 1000, arena);
        return;
    }
    if (date.len == 0 || clock.len == 0)
        return;
    text = arena_printf(arena, "%.*sT%.*s%.*s", (int)date.len, date.ptr, (int)clock.len,
                        clock.ptr, (int)tz.len, tz.len > 0 ? tz.ptr : "");
    if (text.ptr != NULL && timestamp_parse(text, &at, NULL) == 0)
        (void)decoded_time(ev, at, arena);
}

static void
put_request(const struct key_values *pairs, struct event *ev)
{
    struct text url = key_values_get(pairs, "url"), proto = key_values_get(pairs, "proto");

    if (url.len > 0)
        web_put_target(ev, url);
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
        if (text_is(proto, transports[i].number))
            form_keep(ev, FIELD_NETWORK_TRANSPORT, text_of(transports[i].keyword));
}

/* An administrator's login names its client in ui alone before FortiOS 5.6:
 * "ssh(192.0.2.1)", "https(192.0.2.1)". */
static void
put_interface(const struct key_values *pairs, struct event *ev)
{
    struct text ui = key_values_get(pairs, "ui");
    const char *open = ui.len == 0 ? NULL : memchr(ui.ptr, '(', ui.len);
    struct text inside;

    if (open == NULL || !text_ends_with(ui, ")"))
        return;
    inside = (struct text){ open + 1, (size_t)(ui.ptr + ui.len - open - 2) };
    if (decoded_is_address(inside))
        decoded_source(ev, inside);
}

/* What stands there when there is nothing to say. */
static void
keep_said(struct event *ev, enum field field, struct text value)
{
    if (!text_is(value, "N/A") && !text_is(value, "none"))
        json_fields_keep(ev, field, value);
}

static __attribute__((noinline)) int
decode_pairs(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct key_values pairs;
    struct text type, message;

    key_values_read(line->message, &pairs);
    type = key_values_first(&pairs, "type");
    if (key_values_first(&pairs, "logid").len == 0 || type.len == 0 ||
        key_values_first(&pairs, "devid").len == 0)
        return 0;

    decoded_text(ev, EVENT_TYPE,
                 text_of(text_is(type, "traffic") ? traffic_type(&pairs)
                         : text_is(type, "utm") ? inspection_type(&pairs)
                         : device_type(&pairs, ev)));
    put_time(&pairs, arena, ev);
    message = key_values_get(&pairs, "msg");
    decoded_text(ev, EVENT_DESCRIPTION,
                 message.len > 0 ? message : key_values_get(&pairs, "logdesc"));
    form_keep(ev, FIELD_OBSERVER_PRODUCT, text_of("fortigate"));
    for (size_t i = 0; i < sizeof head_rows / sizeof head_rows[0]; i++)
        json_fields_keep(ev, head_rows[i].field,
                         key_values_first(&pairs, head_rows[i].name));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        keep_said(ev, rows[i].field, key_values_get(&pairs, rows[i].name));
    put_interface(&pairs, ev);
    put_request(&pairs, ev);
    return 1;
}

/* The pairs are large: they are apart, so that other lines do not pay for them. */
static int
decode_fortigate(const struct log_line *line, struct arena *arena, struct event *ev)
{
    static const char *const starts[] = { "date=", "logver=", "timestamp=", "eventtime=" };

    if (line->program.len > 0)
        return 0;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (text_starts_with(line->message, starts[i]))
            return decode_pairs(line, arena, ev);
    return 0;
}

const struct decoder decoder_fortigate = { "fortigate", NULL, decode_fortigate, "", "delt" };
