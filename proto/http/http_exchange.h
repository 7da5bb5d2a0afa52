/*
 * http_exchange.h - one libcurl call: how it is set up, and what came of it
 *
 * Shared by http_client.c's loop and its blocking calls, so that the
 * restrictions (protocols, no redirects, no proxy, loopback for plain http,
 * bounded answers) are made in one place. Of no use to others.
 */
#ifndef PROTO_HTTP_HTTP_EXCHANGE_H
#define PROTO_HTTP_HTTP_EXCHANGE_H

#include <curl/curl.h>

#include "proto/http/http_client.h"

struct http_exchange {
    CURL *easy;                 /* borrowed */
    CURLU *url;
    struct curl_slist *headers;
    struct http_answer answer;
    size_t max_body;
    int is_cut;                 /* the answer was longer than max_body */
    int shows_certificate;      /* of ours, which may be what is wrong */
    int needs_loopback;         /* plain http: refuse any other address */
};

/* Fill a zeroed exchange and set easy up for the call (the body is copied, unless it is kept).
 * The exchange must stay where it is until released. 0, or -1 with the
 * reason, and then release it too. */
int http_exchange_prepare(struct http_exchange *exchange, CURL *easy,
                          const struct http_call *call, size_t max_body, struct err *err);

/* The transfer ended with code: fill in the answer. */
void http_exchange_finish(struct http_exchange *exchange, CURLcode code);

/* Free all but easy. */
void http_exchange_release(struct http_exchange *exchange);

#endif
