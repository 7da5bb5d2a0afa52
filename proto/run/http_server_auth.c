/*
 * Where a request's key stands. Clients of Elasticsearch know Authorization, ours
 * X-API-Key, which goes before it. No challenge asks for Basic: a browser that
 * remembers a password sends it with requests that its user knows nothing of.
 */
#include "proto/run/http_server_parts.h"

#include <sodium.h>
#include <string.h>

/* Clients differ in the alphabet and in whether they pad. */
static const int alphabets[] = {
    sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
    sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

/* What follows the first colon of a decoded "id:key"; ptr NULL: it is none. */
static struct text
key_of_pair(struct text encoded, char *space, size_t size)
{
    const char *colon;
    size_t len;

    for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++) {
        if (sodium_base642bin((unsigned char *)space, size, encoded.ptr, encoded.len, NULL,
                              &len, NULL, alphabets[i]) != 0)
            continue;
        colon = memchr(space, ':', len);
        if (colon != NULL)
            return (struct text){ colon + 1, (size_t)(space + len - colon) - 1 };
    }
    return (struct text){ NULL, 0 };
}

struct text
http_sent_key(const struct http_request *req, char space[HTTP_MAX_KEY * 2])
{
    struct text sent = http_header(req, "X-API-Key"), rest, scheme, key;

    if (sent.ptr != NULL)
        return sent;
    rest = text_trim(http_header(req, "Authorization"));
    if (rest.len == 0)
        return (struct text){ NULL, 0 };
    scheme = text_split(&rest, ' ');
    sent = text_trim(rest);
    if (sent.len == 0)
        return (struct text){ NULL, 0 };
    if (text_equals_nocase(scheme, text_of("Bearer")))
        return sent;
    if (text_equals_nocase(scheme, text_of("Basic")))
        return key_of_pair(sent, space, HTTP_MAX_KEY * 2);
    if (!text_equals_nocase(scheme, text_of("ApiKey")))
        return (struct text){ NULL, 0 };
    key = key_of_pair(sent, space, HTTP_MAX_KEY * 2);
    return key.ptr != NULL ? key : sent;
}
