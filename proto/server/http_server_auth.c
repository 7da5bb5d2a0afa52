/*
 * The key that came with a request. X-API-Key says it as it is, and goes before the
 * other; Authorization in one of the ways that shippers have: a row of the table each.
 * No challenge asks for Basic: a browser that remembers a password sends it with
 * requests that its user knows nothing of.
 */
#include "proto/server/http_server_parts.h"

#include <sodium.h>
#include <string.h>

struct scheme {
    const char *name;           /* of Authorization, in lower case */
    /* The key in what follows the scheme; ptr NULL: there is none. What it borrows
     * lives as long as the request. */
    struct text (*key)(struct http_request *req, struct text rest);
};

/* RFC 6750, and Splunk's HTTP Event Collector: "Splunk KEY". */
static struct text
as_it_is(struct http_request *req, struct text rest)
{
    (void)req;
    return rest;
}

/* Clients differ in the alphabet and in whether they pad. */
static const int alphabets[] = {
    sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
    sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

/* What follows the first colon of "user:password", whoever the user is. */
static struct text
of_pair(struct http_request *req, struct text rest)
{
    char *space = req->key_space;
    const char *colon;
    size_t len;

    for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++) {
        if (sodium_base642bin((unsigned char *)space, sizeof(req->key_space), rest.ptr, rest.len,
                              NULL, &len, NULL, alphabets[i]) != 0)
            continue;
        colon = memchr(space, ':', len);
        if (colon != NULL)
            return (struct text){ colon + 1, (size_t)(space + len - colon) - 1 };
    }
    return (struct text){ NULL, 0 };
}

/* Elasticsearch's: "id:key" in base64, or, by those who know no better, the key. */
static struct text
of_pair_or_as_it_is(struct http_request *req, struct text rest)
{
    struct text key = of_pair(req, rest);

    return key.ptr != NULL ? key : rest;
}

static const struct scheme schemes[] = {
    { "apikey", of_pair_or_as_it_is },
    { "basic", of_pair },
    { "bearer", as_it_is },
    { "splunk", as_it_is },
};

struct text
http_credential(struct http_request *req)
{
    const struct text none = { NULL, 0 };
    struct text key = text_trim(http_header(req, "X-API-Key")), rest, name;

    if (key.len == 0) {
        rest = text_trim(http_header(req, "Authorization"));
        name = text_split(&rest, ' ');
        rest = text_trim(rest);
        for (size_t i = 0; rest.len > 0 && i < sizeof(schemes) / sizeof(schemes[0]); i++)
            if (text_equals_nocase(name, text_of(schemes[i].name)))
                key = schemes[i].key(req, rest);
    }
    return key.len == 0 || key.len > HTTP_MAX_KEY ? none : key;
}
