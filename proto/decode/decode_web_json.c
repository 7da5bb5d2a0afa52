/*
 * decode_web_json.c - access logs as JSON: nginx, Apache, Caddy, Traefik
 *
 * nginx and Apache have no JSON format of their own: people write one, with
 * the names of the variables as keys, or names near them. A line is one when
 * it has a request, a status and a client. A key's value is the client's
 * choice at most; it never reaches another key.
 */
#include <yyjson.h>

#include "proto/base/timestamp.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/json_line.h"
#include "proto/decode/log_time.h"
#include "proto/decode/web_text.h"

enum slot {
    SLOT_SOURCE, SLOT_TIME, SLOT_REQUEST, SLOT_METHOD, SLOT_TARGET, SLOT_QUERY,
    SLOT_STATUS, SLOT_BYTES, SLOT_REFERRER, SLOT_AGENT, SLOT_DOMAIN, SLOT_USER,
    SLOT_VERSION, SLOT_SECONDS, SLOT_FORWARDED, SLOT_REQUEST_ID, SLOT_PORT, SLOT_COUNT
};

/* Where several of a slot are there, the first row of them has it. */
static const struct {
    const char *key;
    enum slot slot;
} keys[] = {
    { "remote_addr", SLOT_SOURCE },
    { "remote_ip", SLOT_SOURCE },
    { "ClientHost", SLOT_SOURCE },
    { "client_ip", SLOT_SOURCE },
    { "clientip", SLOT_SOURCE },
    { "clientIp", SLOT_SOURCE },
    { "remoteIP", SLOT_SOURCE },
    { "remoteIp", SLOT_SOURCE },
    { "remote_host", SLOT_SOURCE },
    { "remote_address", SLOT_SOURCE },
    { "client", SLOT_SOURCE },
    { "time_iso8601", SLOT_TIME },
    { "time_local", SLOT_TIME },
    { "@timestamp", SLOT_TIME },
    { "timestamp", SLOT_TIME },
    { "StartUTC", SLOT_TIME },
    { "msec", SLOT_TIME },
    { "ts", SLOT_TIME },
    { "time", SLOT_TIME },
    { "request", SLOT_REQUEST },
    { "request_line", SLOT_REQUEST },
    { "request_method", SLOT_METHOD },
    { "RequestMethod", SLOT_METHOD },
    { "method", SLOT_METHOD },
    { "verb", SLOT_METHOD },
    { "request_uri", SLOT_TARGET },
    { "RequestPath", SLOT_TARGET },
    { "uri", SLOT_TARGET },
    { "url", SLOT_TARGET },
    { "path", SLOT_TARGET },
    { "query_string", SLOT_QUERY },
    { "args", SLOT_QUERY },
    { "query", SLOT_QUERY },
    { "status", SLOT_STATUS },
    { "DownstreamStatus", SLOT_STATUS },
    { "status_code", SLOT_STATUS },
    { "response", SLOT_STATUS },
    { "response_code", SLOT_STATUS },
    { "body_bytes_sent", SLOT_BYTES },
    { "DownstreamContentSize", SLOT_BYTES },
    { "bytes_sent", SLOT_BYTES },
    { "bytes", SLOT_BYTES },
    { "size", SLOT_BYTES },
    { "http_referer", SLOT_REFERRER },
    { "http_referrer", SLOT_REFERRER },
    { "referer", SLOT_REFERRER },
    { "referrer", SLOT_REFERRER },
    { "request_Referer", SLOT_REFERRER },
    { "http_user_agent", SLOT_AGENT },
    { "user_agent", SLOT_AGENT },
    { "userAgent", SLOT_AGENT },
    { "useragent", SLOT_AGENT },
    { "agent", SLOT_AGENT },
    { "request_User-Agent", SLOT_AGENT },
    { "http_host", SLOT_DOMAIN },
    { "host", SLOT_DOMAIN },
    { "RequestHost", SLOT_DOMAIN },
    { "vhost", SLOT_DOMAIN },
    { "virtual_host", SLOT_DOMAIN },
    { "server_name", SLOT_DOMAIN },
    { "remote_user", SLOT_USER },
    { "ClientUsername", SLOT_USER },
    { "user_id", SLOT_USER },
    { "user", SLOT_USER },
    { "auth", SLOT_USER },
    { "server_protocol", SLOT_VERSION },
    { "RequestProtocol", SLOT_VERSION },
    { "protocol", SLOT_VERSION },
    { "proto", SLOT_VERSION },
    { "request_time", SLOT_SECONDS },
    { "duration", SLOT_SECONDS },
    { "http_x_forwarded_for", SLOT_FORWARDED },
    { "x_forwarded_for", SLOT_FORWARDED },
    { "request_id", SLOT_REQUEST_ID },
    { "remote_port", SLOT_PORT },
    { "ClientPort", SLOT_PORT },
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

struct found {
    yyjson_val *value;
    size_t row;                 /* of keys[] */
};

struct access {
    const struct json_line *json;
    struct arena *arena;
    struct found slots[SLOT_COUNT];
};

static void
walk(struct access *access, yyjson_val *object)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        for (size_t row = 0; row < KEY_COUNT; row++) {
            struct found *found = &access->slots[keys[row].slot];

            if (!yyjson_equals_str(key, keys[row].key))
                continue;
            if (!yyjson_is_null(value) && !yyjson_is_obj(value) &&
                (found->value == NULL || row < found->row))
                *found = (struct found){ value, row };
            break;
        }
    }
}

/* As the client sent it; {NULL, 0} for nothing, and for "-". */
static struct text
get(struct access *access, enum slot slot)
{
    struct text text = json_line_text(access->json, access->slots[slot].value);

    if (text.len == 0 || text_is(text, "-"))
        return (struct text){ NULL, 0 };
    return access->json->has_hex_escapes ? web_unescape(text, access->arena) : text;
}

static void
put_time(struct event *ev, struct text text, struct arena *arena)
{
    int64_t at_us;

    if (text.len > 2 && *text.ptr == '[')
        text = (struct text){ text.ptr + 1, text.len - 2 };
    if (text.len > 0 && (timestamp_parse(text, &at_us, NULL) == 0 ||
                         log_time_take_clf(&text, &at_us) == 0 ||
                         log_time_from_epoch(text, &at_us) == 0))
        decoded_time(ev, at_us, arena);
}

static void
put_numbers(struct event *ev, struct access *access, int64_t status)
{
    int64_t number;

    decoded_put_number(ev, FIELD_HTTP_RESPONSE_STATUS_CODE, status);
    if (json_line_number(access->slots[SLOT_BYTES].value, &number) == 0 && number >= 0)
        decoded_put_number(ev, FIELD_HTTP_RESPONSE_BODY_BYTES, number);
    if (json_line_number(access->slots[SLOT_PORT].value, &number) == 0 && number > 0 &&
        number <= 65535)
        decoded_put_number(ev, FIELD_SOURCE_PORT, number);
    (void)web_put_seconds(ev, get(access, SLOT_SECONDS));
}

/* The request line, or one made of its parts. */
static void
put_request(struct event *ev, struct access *access, struct text request)
{
    struct text method = get(access, SLOT_METHOD), target = get(access, SLOT_TARGET);
    struct text version = get(access, SLOT_VERSION), query = get(access, SLOT_QUERY);

    if (query.len > 0 && *query.ptr == '?')     /* Apache's %q */
        query = (struct text){ query.ptr + 1, query.len - 1 };
    if (request.ptr == NULL)
        request = arena_printf(access->arena, "%.*s %.*s%s%.*s", (int)method.len, method.ptr,
                               (int)target.len, target.ptr, version.len > 0 ? " " : "",
                               (int)version.len, version.len > 0 ? version.ptr : "");
    else
        web_put_request(ev, request);
    decoded_text(ev, EVENT_DESCRIPTION, request);

    if (web_is_method(method))
        decoded_put_text(ev, FIELD_HTTP_REQUEST_METHOD, method);
    web_put_target(ev, target);
    if (query.len > 0)
        decoded_put_text(ev, FIELD_URL_QUERY, query);
    web_put_version(ev, version);
}

static void
put_texts(struct event *ev, struct access *access)
{
    struct text domain = get(access, SLOT_DOMAIN), name;

    decoded_source(ev, get(access, SLOT_SOURCE));
    decoded_text(ev, EVENT_USERNAME, get(access, SLOT_USER));
    decoded_put_text(ev, FIELD_HTTP_REQUEST_REFERRER, get(access, SLOT_REFERRER));
    decoded_put_text(ev, FIELD_USER_AGENT_ORIGINAL, get(access, SLOT_AGENT));
    decoded_put_text(ev, FIELD_HTTP_REQUEST_ID, get(access, SLOT_REQUEST_ID));
    web_put_forwarded(ev, get(access, SLOT_FORWARDED));
    if (domain.len > 0) {
        name = web_without_port(domain);
        decoded_put_text(ev, FIELD_URL_DOMAIN, name.ptr != NULL ? name : domain);
    }
}

/* Caddy: "request" is an object, and the headers one inside it. Of those even
 * the names are the client's choice: only three are looked at, and only for what
 * they are. */
static void
walk_all(struct access *access)
{
    static const struct {
        const char *name;
        enum slot slot;
    } headers[] = {
        { "User-Agent", SLOT_AGENT },
        { "Referer", SLOT_REFERRER },
        { "X-Forwarded-For", SLOT_FORWARDED },
    };
    yyjson_val *request = json_line_get(access->json->root, "request");
    yyjson_val *object = json_line_get(request, "headers");

    walk(access, access->json->root);
    if (yyjson_is_obj(request))
        walk(access, request);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (access->slots[headers[i].slot].value == NULL)
            access->slots[headers[i].slot].value = json_line_get(object, headers[i].name);
}

static int
decode_web_json(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct access access = { .json = line->json, .arena = arena };
    struct text request;
    int64_t status;

    if (line->json == NULL)
        return 0;
    walk_all(&access);
    if (json_line_number(access.slots[SLOT_STATUS].value, &status) != 0 || status < 0 ||
        status > 999 || access.slots[SLOT_SOURCE].value == NULL)
        return 0;
    request = get(&access, SLOT_REQUEST);
    if (request.ptr == NULL && access.slots[SLOT_REQUEST].value == NULL &&
        (!web_is_method(get(&access, SLOT_METHOD)) || get(&access, SLOT_TARGET).len == 0))
        return 0;

    decoded_text(ev, EVENT_TYPE, text_of("web_request"));
    put_time(ev, get(&access, SLOT_TIME), arena);
    if (request.ptr != NULL || access.slots[SLOT_TARGET].value != NULL)
        put_request(ev, &access, request);
    put_numbers(ev, &access, status);
    put_texts(ev, &access);
    return 1;
}

const struct decoder decoder_web_json = { "web_json", NULL, decode_web_json, NULL, NULL };
