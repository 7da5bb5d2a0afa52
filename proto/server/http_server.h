/*
 * http_server.h - libmicrohttpd (epoll) on the process's own loop
 *
 * Routes are tables. A handler gets a whole request and answers it at once,
 * or lets it wait (http_defer) and answers later from the same loop. Wrong
 * paths, methods, content types, sizes and keys are answered here, before a
 * body is read. Errors are RFC 9457 problem+json.
 */
#ifndef PROTO_SERVER_HTTP_SERVER_H
#define PROTO_SERVER_HTTP_SERVER_H

#include <czmq.h>
#include <jansson.h>
#include <stddef.h>

#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/base/text.h"
#include "proto/server/keyring.h"
#include "proto/server/tls.h"

struct http_server;
struct http_request;

enum http_access {
    HTTP_OPEN,          /* anybody */
    HTTP_READ,          /* a key that may read, where one is asked for */
    HTTP_INGEST,        /* a key that may send events */
    HTTP_ANALYST,       /* a key that may change an incident's status and notes */
    HTTP_ADMIN,         /* a key that may do everything, as API_KEY */
    HTTP_WRITE = HTTP_INGEST    /* its older name */
};

struct http_route {
    const char *method;         /* "GET" answers HEAD too */
    const char *path;           /* "/incidents/{id}/status"; a {name} is one segment; "/x/{...}" the rest */
    enum http_access access;
    const char *content_types;  /* allowed for a body, space separated; NULL: any */
    size_t max_body;            /* unpacked; 0: no body; SIZE_MAX: the server's http_max_body */
    void (*handle)(struct http_request *req, void *self);
};

struct http_options {
    const char *listen;         /* "127.0.0.1:8000", "[::1]:8000", "127.0.0.1:0", or "unix:/path" */
    const char *flag;           /* named when the address is taken: "--ingest-listen" */
    struct keyring *keyring;    /* lent; NULL: only the two keys that follow are taken */
    struct tls *tls;            /* lent; NULL: plain HTTP */
    const char *api_key;        /* with a keyring it is not looked at */
    const char *reader_key;     /* NULL: reading is open on loopback, or with read_open */
    int read_open;
    const char *public_url;     /* its host may be asked for; NULL: none (copied) */
    const char *trusted_proxies;    /* networks with commas, whose http_peer is whom they speak for */
    const char *forwarded_header;   /* where they say it: "x-forwarded-for" (NULL), "forwarded" */
    const char *allowed_hosts;  /* as may these: "a.example, b.example"; NULL: none */
    size_t max_body;
    unsigned max_connections;   /* beyond: the longest idle one makes room */
    unsigned idle_timeout_s;
    unsigned max_per_address;   /* connections; 0: no limit */
    int64_t head_timeout_ms, body_timeout_ms;   /* 0: no limit */
    uint64_t min_rate;          /* bytes a second, of bodies and answers; 0: none */
};

/* Take the limits of slowness and of connections per address from the settings. */
void http_options_pace(struct http_options *options, const struct settings *settings);

/* Listen and register on the loop. routes and self must outlive the server.
 * NULL with the reason; errno is then EADDRINUSE when the address is taken. */
struct http_server *http_server_new(zloop_t *loop, const struct http_options *options,
                                    struct metrics *metrics, struct err *err);
void http_server_destroy(struct http_server **server);

/* Add a table of routes; earlier tables are looked at first. */
void http_server_add_routes(struct http_server *server, const struct http_route *routes,
                            size_t count, void *self);

/* How a refusal is told, by the server or by http_reply_problem, where it is not to be
 * problem+json. */
typedef void http_say(struct http_request *req, unsigned status, const char *detail);

/* The same for paths of another protocol, whose refusals it tells. Of a table that
 * is_last a route is taken only when no other table has its path, and a wrong method
 * there is a path that is not there. */
void http_server_add_wire(struct http_server *server, const struct http_route *routes,
                          size_t count, void *self, http_say *say, int is_last);

/* What a program tells of its routes: see http_server_document.c. */
struct http_document {
    const char *title, *about;      /* about may be NULL */
    const char *const *parts;       /* partial OpenAPI documents, JSON texts, NULL at the end */
};

/* Describe the routes that were added: /openapi.json (OpenAPI 3.1) and /docs are
 * added, and from now on a described route takes only the query parameters that
 * its description names. 0, or -1 when parts and routes do not fit together. */
int http_server_document(struct http_server *server, const struct http_document *document,
                         struct err *err);

/* Call at the end of each loop turn in which requests were handled: the
 * place for one commit for all of them. */
void http_server_on_turn(struct http_server *server, void (*end)(void *self), void *self);

/* Accept no further connections; open ones go on. */
void http_server_quiesce(struct http_server *server);

/* "127.0.0.1:8000", with the real port when 0 was asked for. Borrowed. */
const char *http_server_address(const struct http_server *server);

/* --- a request; what is borrowed lives until it is answered --- */
struct text http_method(const struct http_request *req);
struct text http_path(const struct http_request *req);
struct text http_body(const struct http_request *req);
struct text http_param(const struct http_request *req, const char *name);   /* {id} */
struct text http_query(const struct http_request *req, const char *name);   /* decoded; ptr NULL: absent */
struct text http_header(const struct http_request *req, const char *name);
/* "192.0.2.1": the sender, whom a trusted proxy names. */
struct text http_peer(const struct http_request *req);
/* Content-Type without parameters, lower case. */
struct text http_content_type(const struct http_request *req);
/* The query string as it was sent, for a redirect. */
struct text http_raw_query(const struct http_request *req);
/* Call each(name, value) for every query parameter, to refuse unknown ones. */
void http_each_query(const struct http_request *req,
                     void (*each)(void *ctx, struct text name, struct text value), void *ctx);

/* The weight in thousandths that "gzip;q=0.5"'s parameters give (RFC 9110 section
 * 12.4.2); 1000 without any. */
int http_weight(struct text parameters);

/* Short id and name of the key that was used (empty when none was needed). */
struct text http_key_id(const struct http_request *req);
struct text http_key_name(const struct http_request *req);

/* So many events were in the request, taken or refused: its key pays for them. (Its
 * bytes are paid for already.) */
void http_charge_events(struct http_request *req, uint64_t events);

/* --- answering: exactly once per request --- */
void http_set_header(struct http_request *req, const char *name, const char *value);
void http_reply(struct http_request *req, unsigned status, const char *content_type,
                struct text body);                              /* body is copied */
/* body is gzip and must outlive the server; who does not take gzip gets it inflated. */
void http_reply_gzipped(struct http_request *req, const char *content_type, struct text body);
/* Before a 200: it carries an ETag, and is 304 to one who names it in If-None-Match
 * (RFC 9110 section 13). */
void http_tag(struct http_request *req);
void http_reply_json(struct http_request *req, unsigned status, json_t *body); /* body is given */
/* application/problem+json with a plain detail. */
void http_reply_problem(struct http_request *req, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with further members (given; may be NULL). */
void http_reply_problem_with(struct http_request *req, unsigned status, json_t *members,
                             const char *detail);

/* Leave the request open; some http_reply* follows later. */
void http_defer(struct http_request *req);

/* 1 once the client has gone (a deferred request must still be answered). */
int http_is_gone(const struct http_request *req);

#endif
