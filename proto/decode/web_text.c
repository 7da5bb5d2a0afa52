#include "proto/decode/web_text.h"

#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"

enum { METHOD_MAX = 32, SCHEME_MAX = 8, NANO = 1000000000 };

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "\xHH" stands for, or -1 when text starts with none, or with
 * one that would be a control character. */
static int
escaped_byte(struct text text)
{
    int high, low, byte;

    if (text.len < 4 || text.ptr[1] != 'x')
        return -1;
    high = hex_digit(text.ptr[2]);
    low = hex_digit(text.ptr[3]);
    if (high < 0 || low < 0)
        return -1;
    byte = high * 16 + low;
    return byte < ' ' || byte == 0x7f ? -1 : byte;
}

struct text
web_unescape(struct text text, struct arena *arena)
{
    const char *first = text.len == 0 ? NULL : memchr(text.ptr, '\\', text.len);
    struct text result;
    enum raw_encoding how;
    size_t n = 0;
    char *out;

    if (first == NULL)
        return text;
    out = arena_alloc(arena, text.len);
    if (out == NULL)
        return (struct text){ NULL, 0 };

    for (size_t i = 0; i < text.len; i++) {
        struct text rest = { text.ptr + i, text.len - i };
        int byte;

        out[n++] = *rest.ptr;
        if (*rest.ptr != '\\' || rest.len == 1)
            continue;
        byte = escaped_byte(rest);
        if (byte >= 0) {
            out[n - 1] = (char)byte;
            i += 3;
        } else if (rest.ptr[1] == '"' || rest.ptr[1] == '\\') {
            out[n - 1] = rest.ptr[1];
            i++;
        }
    }
    result = (struct text){ out, n };
    return text_is_utf8(result) ? result : raw_to_utf8(result, arena, &how);
}

int
web_is_method(struct text text)
{
    if (text.len == 0 || text.len > METHOD_MAX)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i] | 0x20;

        if ((c < 'a' || c > 'z') && text.ptr[i] != '-' && text.ptr[i] != '_')
            return 0;
    }
    return 1;
}

void
web_put_version(struct event *ev, struct text version)
{
    if (text_starts_with(version, "HTTP/"))
        decoded_put_text(ev, FIELD_HTTP_VERSION,
                         (struct text){ version.ptr + 5, version.len - 5 });
}

/* "http://host" of a request to a proxy is no part of the path. */
static struct text
without_authority(struct text target)
{
    struct text start = { target.ptr, target.len < SCHEME_MAX ? target.len : SCHEME_MAX };
    const char *at = text_find(start, "://"), *slash;

    if (at == NULL)
        return target;
    at += 3;
    slash = memchr(at, '/', (size_t)(target.ptr + target.len - at));
    if (slash == NULL)
        return (struct text){ NULL, 0 };
    return (struct text){ slash, (size_t)(target.ptr + target.len - slash) };
}

void
web_put_target(struct event *ev, struct text target)
{
    struct text rest = target, path;

    if (target.len == 0)
        return;
    decoded_put_text(ev, FIELD_URL_ORIGINAL, target);
    if (target.ptr[0] != '/')
        rest = without_authority(target);
    path = text_split(&rest, '?');
    if (path.len > 0 && *path.ptr == '/')   /* not "*", nor CONNECT's host:port */
        decoded_put_text(ev, FIELD_URL_PATH, path);
    if (rest.len > 0)
        decoded_put_text(ev, FIELD_URL_QUERY, rest);
}

/* Where " HTTP/1.1" starts at the end of request, or its length. */
static size_t
version_at(struct text request)
{
    const char *space = memrchr(request.ptr, ' ', request.len);
    struct text last;

    if (space == NULL)
        return request.len;
    last = (struct text){ space + 1, (size_t)(request.ptr + request.len - space - 1) };
    if (!text_starts_with(last, "HTTP/") || last.len < 6 || last.len > 8)
        return request.len;
    for (size_t i = 5; i < last.len; i++)
        if ((last.ptr[i] < '0' || last.ptr[i] > '9') && last.ptr[i] != '.')
            return request.len;
    return (size_t)(space - request.ptr);
}

/* A target may hold spaces: the version is the last word, the method the first. */
void
web_put_request(struct event *ev, struct text request)
{
    struct text rest = request, method, target;
    size_t end;

    if (request.len == 0)
        return;
    method = text_split(&rest, ' ');
    if (!web_is_method(method) || rest.len == 0)
        return;

    end = version_at(request);
    if (end < method.len + 1 || (end == request.len && rest.ptr[0] != '/'))
        return;
    target = (struct text){ rest.ptr, end - method.len - 1 };

    decoded_put_text(ev, FIELD_HTTP_REQUEST_METHOD, method);
    web_put_target(ev, target);
    if (end < request.len)
        web_put_version(ev, (struct text){ request.ptr + end + 1, request.len - end - 1 });
}

size_t
web_quoted_len(struct text text)
{
    size_t i = 0;

    while (i < text.len) {
        const char *at = text.ptr + i;
        size_t left = text.len - i;
        const char *quote = memchr(at, '"', left);
        const char *slash = memchr(at, '\\', quote != NULL ? (size_t)(quote - at) : left);

        if (slash == NULL)
            return quote != NULL ? (size_t)(quote - text.ptr) : text.len;
        i = (size_t)(slash - text.ptr) + 2;
    }
    return text.len;
}

struct text
web_without_port(struct text host)
{
    const char *colon = host.len == 0 ? NULL : memrchr(host.ptr, ':', host.len);
    struct text port;
    int64_t number;

    if (colon == NULL || colon == host.ptr || decoded_is_address(host))
        return (struct text){ NULL, 0 };
    port = (struct text){ colon + 1, (size_t)(host.ptr + host.len - colon - 1) };
    if (text_to_int(port, 0, 65535, &number) != 0)
        return (struct text){ NULL, 0 };
    return (struct text){ host.ptr, (size_t)(colon - host.ptr) };
}

void
web_put_forwarded(struct event *ev, struct text list)
{
    struct text rest = list;

    if (list.len == 0)
        return;
    while (rest.ptr != NULL)
        if (!decoded_is_address(text_trim(text_split(&rest, ','))))
            return;
    decoded_put_text(ev, FIELD_HTTP_REQUEST_FORWARDED_FOR, list);
}

int
web_put_seconds(struct event *ev, struct text seconds)
{
    struct text fraction = seconds, whole = text_split(&fraction, '.');
    int64_t number, ns = 0, unit = NANO / 10;

    if (fraction.len == 0 || text_to_int(whole, 0, 1000000, &number) != 0)
        return 0;
    for (size_t i = 0; i < fraction.len; i++) {
        if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
            return 0;
        ns += (fraction.ptr[i] - '0') * unit;
        unit /= 10;
    }
    decoded_put_number(ev, FIELD_EVENT_DURATION, number * NANO + ns);
    return 1;
}
