/*
 * decode_suricata.c - Suricata's eve.json, versions 4 to 8
 *
 * Each line has the two ends, and an object named as its event_type with what was
 * seen; an alert has the objects of the protocol beside its own. What was seen is
 * chosen by whoever sent it, and stays in its own field.
 */
#include <yyjson.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"
#include "proto/decode/web_text.h"

static const struct {
    const char *said, *event_type;
} types[] = {
    { "alert", "ids_alert" },
    { "drop", "connection_blocked" },
    { "flow", "connection" },
    { "netflow", "connection" },
    { "tls", "connection" },
    { "ssh", "connection" },
    { "dns", "dns_query" },
    { "http", "web_request" },
    { "fileinfo", "file_transferred" },
    { "stats", "stats" },
};

/* Of an alert: 1 is the worst. */
static const struct {
    const char *said, *severity;
} severities[] = {
    { "1", "high" }, { "2", "medium" }, { "3", "low" }, { "4", "low" },
};

static const struct {
    const char *said, *keyword;
} transports[] = {
    { "TCP", "tcp" }, { "UDP", "udp" }, { "ICMP", "icmp" }, { "IPv6-ICMP", "ipv6-icmp" },
    { "SCTP", "sctp" },
};

static const struct json_field rows[] = {
    { "src_ip", FIELD_SOURCE_IP },
    { "src_port", FIELD_SOURCE_PORT },
    { "dest_ip", FIELD_DESTINATION_IP },
    { "dest_port", FIELD_DESTINATION_PORT },
    { "app_proto", FIELD_NETWORK_PROTOCOL },
    { "community_id", FIELD_NETWORK_COMMUNITY_ID },
    { "event_type", FIELD_SURICATA_EVE_EVENT_TYPE },
    { "flow_id", FIELD_SURICATA_EVE_FLOW_ID },
    { "in_iface", FIELD_OBSERVER_INGRESS_INTERFACE_NAME },
    { "host", FIELD_HOST_NAME },
    { "alert.signature", FIELD_RULE_NAME },
    { "alert.signature_id", FIELD_RULE_ID },
    { "alert.category", FIELD_RULE_CATEGORY },
    { "alert.severity", FIELD_EVENT_ORIGINAL_SEVERITY },
    { "alert.action", FIELD_SURICATA_EVE_ALERT_ACTION },
    { "flow.bytes_toserver", FIELD_SOURCE_BYTES },
    { "flow.bytes_toclient", FIELD_DESTINATION_BYTES },
    { "flow.reason", FIELD_EVENT_REASON },
    { "netflow.bytes", FIELD_NETWORK_BYTES },
    { "drop.len", FIELD_NETWORK_BYTES },
    { "dns.rrname", FIELD_DNS_QUESTION_NAME },
    { "dns.rrtype", FIELD_DNS_QUESTION_TYPE },
    { "dns.rcode", FIELD_DNS_RESPONSE_CODE },
    { "http.hostname", FIELD_URL_DOMAIN },
    { "http.http_user_agent", FIELD_USER_AGENT_ORIGINAL },
    { "http.http_refer", FIELD_HTTP_REQUEST_REFERRER },
    { "http.status", FIELD_HTTP_RESPONSE_STATUS_CODE },
    { "http.length", FIELD_HTTP_RESPONSE_BODY_BYTES },
    { "http.http_content_type", FIELD_HTTP_RESPONSE_MIME_TYPE },
    { "http.xff", FIELD_HTTP_REQUEST_FORWARDED_FOR },
    { "tls.sni", FIELD_TLS_CLIENT_SERVER_NAME },
    { "tls.subject", FIELD_TLS_SERVER_SUBJECT },
    { "tls.issuerdn", FIELD_TLS_SERVER_ISSUER },
    { "tls.ja3.hash", FIELD_TLS_CLIENT_JA3 },
    { "ssh.client.software_version", FIELD_SSH_CLIENT_SOFTWARE },
    { "ssh.server.software_version", FIELD_SSH_SERVER_SOFTWARE },
    { "fileinfo.filename", FIELD_FILE_PATH },
    { "fileinfo.size", FIELD_FILE_SIZE },
    { "fileinfo.md5", FIELD_FILE_HASH_MD5 },
    { "fileinfo.sha256", FIELD_FILE_HASH_SHA256 },
};

/* Since version 8 an event of DNS has a list of questions. */
static const struct json_field question_rows[] = {
    { "rrname", FIELD_DNS_QUESTION_NAME },
    { "rrtype", FIELD_DNS_QUESTION_TYPE },
};

static void
put_type(struct event *ev, struct text said)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (text_is(said, types[i].said))
            decoded_text(ev, EVENT_TYPE, text_of(types[i].event_type));
    decoded_text(ev, EVENT_TYPE, text_of("suricata"));
}

static void
put_severity(struct event *ev, struct text said)
{
    for (size_t i = 0; i < sizeof severities / sizeof severities[0]; i++)
        if (text_is(said, severities[i].said))
            decoded_text(ev, EVENT_SEVERITY, text_of(severities[i].severity));
}

static void
put_transport(struct event *ev, struct text said)
{
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
        if (text_is(said, transports[i].said))
            form_keep(ev, FIELD_NETWORK_TRANSPORT, text_of(transports[i].keyword));
    form_keep(ev, FIELD_NETWORK_TRANSPORT, said);
}

/* "TLS 1.2", "TLSv1.3": the number. */
static void
put_tls_version(struct event *ev, struct text said)
{
    while (said.len > 0 && (*said.ptr < '0' || *said.ptr > '9'))
        said = (struct text){ said.ptr + 1, said.len - 1 };
    form_keep(ev, FIELD_TLS_VERSION, said);
}

static void
put_http(const struct json_line *json, struct event *ev)
{
    struct text method = json_fields_text(json, json->root, "http.http_method");

    if (web_is_method(method))
        decoded_put_text(ev, FIELD_HTTP_REQUEST_METHOD, method);
    web_put_target(ev, json_fields_text(json, json->root, "http.url"));
    web_put_version(ev, json_fields_text(json, json->root, "http.protocol"));
}

/* What a person would read first. */
static void
put_description(const struct json_line *json, struct event *ev)
{
    static const char *const paths[] = { "alert.signature", "dns.rrname", "http.url", "tls.sni" };
    struct text text = { NULL, 0 };

    for (size_t i = 0; text.len == 0 && i < sizeof paths / sizeof paths[0]; i++)
        text = json_fields_text(json, json->root, paths[i]);
    decoded_text(ev, EVENT_DESCRIPTION, text);
}

static int
decode_suricata(const struct log_line *line, struct arena *arena, struct event *ev)
{
    const struct json_line *json = line->json;
    struct text type;

    (void)arena;
    if (json == NULL || json->form != JSON_SURICATA)
        return 0;
    type = json_fields_text(json, json->root, "event_type");
    if (type.len == 0)
        return 0;
    put_type(ev, type);
    json_fields_time(json, json->root, "timestamp", ev);
    form_keep(ev, FIELD_OBSERVER_PRODUCT, text_of("suricata"));
    json_fields_put(json, json->root, rows, sizeof rows / sizeof rows[0], ev);
    json_fields_put(json, yyjson_arr_get_first(json_fields_at(json->root, "dns.queries")),
                    question_rows, sizeof question_rows / sizeof question_rows[0], ev);
    put_severity(ev, json_fields_text(json, json->root, "alert.severity"));
    put_transport(ev, json_fields_text(json, json->root, "proto"));
    put_tls_version(ev, json_fields_text(json, json->root, "tls.version"));
    put_http(json, ev);
    put_description(json, ev);
    /* dns, tls, ssh: an event of the protocol does not name it again */
    if (!text_is(type, "alert") && !text_is(type, "flow") && !text_is(type, "stats") &&
        !text_is(type, "fileinfo") && !text_is(type, "drop") && !text_is(type, "netflow"))
        form_keep(ev, FIELD_NETWORK_PROTOCOL, type);
    return 1;
}

const struct decoder decoder_suricata = {
    "suricata", NULL, decode_suricata, NULL, DECODER_STARTS_JSON
};
