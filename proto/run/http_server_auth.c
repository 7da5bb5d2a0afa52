/*
 * The key that came with a request. X-API-Key says it as it is; Authorization
 * in one of the ways that shippers have: a row of the table each.
 */
#include "proto/run/http_server_parts.h"

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

static const struct scheme schemes[] = {
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
