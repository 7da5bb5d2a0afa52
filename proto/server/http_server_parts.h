/*
 * http_server_parts.h - what the files of the HTTP server share; of no use to others
 *
 * http_server.c joins libmicrohttpd to the loop; _serve is what libmicrohttpd calls;
 * _listen opens the socket; _gate decides, before a body is read, whether a
 * request may pass, with _framing (and _raw), _host and, for keys, _access and _auth;
 * _request is read and _reply written by handlers, _encode tags and compresses what is
 * written; _document tells of the routes; _tls gives connections their certificate;
 * _queue has long bodies come in after each other;
 * _linger sees refused uploads off; _crowd bounds the connections, _neighbours those of
 * one address, _pace how slow they may be.
 */
#ifndef PROTO_SERVER_HTTP_SERVER_PARTS_H
#define PROTO_SERVER_HTTP_SERVER_PARTS_H

#include <arpa/inet.h>
#include <microhttpd.h>

#include "proto/base/buf.h"
#include "proto/base/log.h"
#include "proto/base/networks.h"
#include "proto/server/forwarded.h"
#include "proto/server/http_server.h"

enum {
    HTTP_MAX_TABLES = 8,            /* of routes */
    HTTP_MAX_PARAMS = 8,            /* {names} in one route */
    HTTP_MAX_QUERY = 64,            /* parameters of one query string */
    HTTP_MAX_HEAD = 16 * 1024,      /* request line and headers, bytes */
    HTTP_MAX_KEY = 512,             /* longest key that is looked at */
    HTTP_DRAIN_BYTES = 64 * 1024,   /* a refused body up to this is read, to no end */
    HTTP_CACHED_BODY = 512          /* longest answer that is kept for reuse */
};

enum http_stage {
    STAGE_NEW,              /* the request line is known */
    STAGE_QUEUED,           /* suspended until there is room for the body */
    STAGE_LET_IN,           /* there is */
    STAGE_READING,          /* the body comes in */
    STAGE_DISCARDING,       /* refused; what is left of the body is thrown away */
    STAGE_HANDLING,         /* the route's handler runs */
    STAGE_WAITING,          /* deferred: the connection is suspended */
    STAGE_RESUMED,          /* deferred and answered */
    STAGE_SENT              /* given to libmicrohttpd */
};

/* The reasons of bongsu_http_refused_total, in the order of their names. */
enum http_refusal {
    REFUSED_PATH, REFUSED_METHOD, REFUSED_AUTH, REFUSED_NO_KEY, REFUSED_TYPE,
    REFUSED_SIZE, REFUSED_HEAD, REFUSED_QUERY, REFUSED_MEMORY, REFUSED_CLOSING,
    REFUSED_BROKEN, REFUSED_FRAMING, REFUSED_HOST, REFUSED_INFLATE, REFUSED_SCOPE,
    REFUSED_RATE, REFUSED_CERTIFICATE, REFUSED_COUNT
};

struct http_pair {
    struct text name, value;
};

struct http_request {
    struct http_request *prev, *next;       /* among the server's, or the spare ones */
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_connection *one;            /* NULL: there was no memory for it */
    const struct http_route *route;
    void *self;                             /* the handler's */
    http_say *say;                          /* of the path's table */
    struct http_inflate *inflate;           /* NULL: the body comes as it is */
    enum http_stage stage;
    const char *method, *version;           /* libmicrohttpd's */
    const char *sent_uri;                   /* likewise, as it was sent; only to compare */
    size_t sent_uri_len;
    struct buf uri;                         /* path (decoded in place), '?', query */
    struct text path, raw_query;
    struct text authority;                  /* of an absolute URI; ptr NULL: none */
    int is_bad_path;                        /* broken escapes, NUL, no UTF-8 */
    struct text params[HTTP_MAX_PARAMS];
    struct buf body;
    size_t max_body, received;              /* bytes; received: as they came */
    int64_t content_length;                 /* -1: chunked */
    struct http_request *queue_prev, *queue_next;
    int is_queued;
    size_t bound;                           /* bytes of the body that are to come yet */
    int64_t bound_ms;                       /* since when */
    struct buf query;                       /* the decoded parameters */
    struct http_pair pairs[HTTP_MAX_QUERY];
    size_t pair_count;
    int has_pairs;                          /* query was decoded */
    struct buf headers;                     /* of the answer: name NUL value NUL */
    int has_cache_control, has_retry_after, wants_tag;
    int is_deferred, is_answered, needs_linger, must_close;
    unsigned status;
    struct MHD_Response *response;
    char type[80];                          /* Content-Type */
    char peer[INET6_ADDRSTRLEN];
    char key_space[HTTP_MAX_KEY * 2];       /* of a key that came encoded */
    struct key_holder *holder;              /* whose key it was; NULL: none was needed */
};

struct http_table {
    const struct http_route *routes;
    size_t count;
    void *self;
    http_say *say;                          /* NULL: problem+json */
    int is_last;                            /* only for paths that nobody else has */
};

struct http_description;                    /* http_server_openapi.h */

struct http_socket {
    int fd;
    int is_local;                           /* loopback or unix */
    char address[160];                      /* for people */
    char path[112];                         /* of a unix socket, "" for tcp */
};

/* What a connection has in our memory, in bytes. */
enum http_held { HELD_BODY, HELD_ANSWER, HELD_KINDS };

/* What a connection waits for. */
enum http_phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_WORK, PHASE_ANSWER };

/* The reasons of bongsu_http_slow_total. */
enum http_slow { SLOW_HEAD, SLOW_BODY, SLOW_RATE, SLOW_ANSWER, SLOW_GONE, SLOW_COUNT };

struct http_connection {
    struct http_connection *prev, *next;    /* of those that are idle, by age */
    struct http_connection *all_prev, *all_next;
    int fd;
    struct http_request *request;           /* under way; NULL: none */
    size_t held[HELD_KINDS];
    int is_idle;                            /* is in the crowd's list */
    int is_leaving;                         /* was hung up to make room */
    int has_spoken;                         /* a request has come */
    enum http_phase phase;
    int has_base;                           /* since_ms and base are of this phase */
    int ended_looks;                        /* in a row that saw its peer's end */
    int64_t since_ms;                       /* by the pace's clock */
    uint64_t base;                          /* bytes received, or acked, then */
    unsigned char address[8];               /* IPv4, or the first half of IPv6 */
    int has_address;                        /* 0: none; 1 and 2: IPv4 and IPv6 */
    struct tls_lease *lease;                /* NULL: no TLS */
    uint64_t tls_checked;                   /* tls_still_good()'s */
};

/* The connections that no handler works for, by when something last happened. */
struct http_crowd {
    struct http_connection *oldest, *newest;
    struct http_connection *all;            /* the idle ones and those that are not */
    size_t count, limit, leaving, max_per_address;
    size_t held[HELD_KINDS], leaving_held[HELD_KINDS], max_held[HELD_KINDS];
    uint64_t *evicted, *evicted_neighbours;
};

/* How slow one may be. */
struct http_pace {
    int timer;
    int64_t clock_ms, looked_ms;
    int64_t head_ms, body_ms;               /* 0: no limit */
    uint64_t min_rate;                      /* bytes a second */
    uint64_t *slow[SLOW_COUNT];
};

/* Bodies that are let in, and who waits for that. */
struct http_queue {
    struct http_request *first, *last;
    size_t bound, max_bytes;                /* announced; in all, with what has come */
    int64_t moved_ms;                       /* the last time that it became less */
    int timer;
    uint64_t *waiting, *waited;
};

struct http_server {
    zloop_t *loop;
    struct MHD_Daemon *mhd;
    zmq_pollitem_t poll;
    struct http_socket socket;
    struct http_table tables[HTTP_MAX_TABLES];
    size_t table_count;
    struct http_description *description;   /* NULL: none */
    struct tls *tls;                        /* lent; NULL: none */
    uint64_t *tls_silent;
    struct keyring *keyring, *own_keyring;  /* own: NULL when it is lent */
    int has_reader, is_reading_open;
    struct log_burst key_burst;
    char *public_url, *allowed_hosts;       /* NULL: none */
    struct networks proxies;                /* that are believed whom they speak for */
    enum forwarded_form forwarded_form;
    struct http_crowd crowd;
    struct http_pace pace;
    struct http_queue queue;
    size_t max_body;
    void (*end)(void *self);
    void *end_self;
    struct http_request *requests, *spare;
    size_t spare_count;
    size_t unsent;                          /* answered, not yet with the client */
    struct http_linger *linger;
    int timer;                              /* zloop's id, -1: none */
    int is_now;                             /* that timer is due at once */
    int is_due;                             /* work that no socket announces */
    unsigned calls;                         /* libmicrohttpd's, of this turn */
    unsigned quiet_turns;                   /* in a row, without any */
    int is_running, has_handled, is_quiesced, is_closing;
    struct MHD_Response *cached;            /* the last short plain answer */
    struct text cached_body;
    char cached_bytes[HTTP_CACHED_BODY], cached_type[80];
    uint64_t *answered[6];                  /* [2]: 2xx */
    uint64_t *refused[REFUSED_COUNT];
    uint64_t *connections;
};

/* Open the socket that address names. 0, or -1 with the reason (errno is
 * EADDRINUSE when another has it). */
int http_listen(const char *address, const char *flag, struct http_socket *ret_socket,
                struct err *err);

/* Close it and remove a unix socket's file. */
void http_listen_end(struct http_socket *socket);

/* Take in the request line as it was sent (copied). 0, or -1 when out of memory. */
int http_request_set_uri(struct http_request *req, const char *uri);

/* Decode %XX (and + when is_form) from `from` into out, which has room for
 * as many bytes. Returns the length; *ret_is_bad is set on a broken escape. */
size_t http_unescape(struct text from, char *out, int is_form, int *ret_is_bad);

/* 0: pass, req->route and self are set. -1: it was answered with a refusal. */
int http_gate(struct http_request *req);

/* 0: handlers are still called. -1: the server ends, and it was refused. */
int http_check_closing(struct http_request *req);

/* 0: the certificate that the client showed, if any, is still good. -1: it was refused. */
int http_check_certificate(struct http_request *req);

/* 0: there is no doubt where the request ends. -1: it was refused. */
int http_check_framing(struct http_request *req);

/* What is wrong with the head as it was sent, which libmicrohttpd passed; NULL: nothing. */
const char *http_raw_fault(const struct http_request *req);

/* 1 when libmicrohttpd takes chunks that others would read otherwise (a bare LF behind a
 * chunk's size, a trailer without a name). */
int http_raw_doubts_chunks(void);

/* 0: Host names us, or it does not matter. -1: it was refused. */
int http_check_host(struct http_request *req);

/* Copy the names that mean us. 0, or -1 when out of memory. */
int http_hosts_init(struct http_server *server, const struct http_options *options);
void http_hosts_release(struct http_server *server);

/* The key that came with the request (borrowed until it is answered), or {NULL, 0}. */
struct text http_credential(struct http_request *req);

/* 0: the route is open, or a key that may came with it (req->holder). -1: it was refused. */
int http_check_access(struct http_request *req);

/* 0: the rates of the request's key let it in. -1: it was refused with a 429. */
int http_check_rate(struct http_request *req);

/* 1 when a key came with it that may read. */
int http_holds_key(struct http_request *req);

/* 1 when the body comes gzipped (or as deflate, which is zlib's form), 0 when as it
 * is, -1 in another form. */
int http_is_packed(const struct http_request *req);

/* Unpacks the body of a request as it comes in, into req->body; at most req->max_body
 * bytes, and at most MAX_RATIO times what came. 0; or -1 and it was refused. */
int http_inflate_begin(struct http_request *req);
int http_inflate_take(struct http_request *req, const char *bytes, size_t len);
int http_inflate_end(struct http_request *req);
void http_inflate_release(struct http_request *req);

/* Take the trusted proxies from the options. 0, or -1 with the reason. */
int http_proxies_init(struct http_server *server, const struct http_options *options,
                      struct err *err);
void http_proxies_release(struct http_server *server);


/* The head has passed: 0: its body may come. 1: it waits, to be suspended; when its turn
 * has come it is resumed with STAGE_LET_IN. So many bytes of it have come (as they came);
 * and: it is over, or waits no more. */
int http_queue_join(struct http_request *req);
void http_queue_took(struct http_request *req, size_t bytes);
void http_queue_leave(struct http_request *req);
void http_queue_start(struct http_server *server, struct metrics *metrics);
void http_queue_end(struct http_server *server);

/* How many connections the limit of open files leaves of those wanted. */
unsigned http_crowd_limit(unsigned wanted);

/* A connection was opened (the oldest idle one may be hung up for it), was
 * closed, or something happened on it: is_busy while a handler's answer is due. */
void http_crowd_enter(struct http_crowd *crowd, struct MHD_Connection *connection,
                      void **ret_one);
void http_crowd_leave(struct http_crowd *crowd, void **one);
void http_crowd_moved(struct http_crowd *crowd, struct MHD_Connection *connection,
                      int is_busy);

/* Hang one up: libmicrohttpd sees that and ends it. */
void http_crowd_hang_up(struct http_crowd *crowd, struct http_connection *one);
struct http_connection *http_crowd_find(struct MHD_Connection *connection);

/* A new connection: are there too many of its address? */
void http_crowd_check_address(struct http_crowd *crowd, struct http_connection *newcomer);

/* Watch how fast connections are. 0, or -1 when out of memory. */
int http_pace_start(struct http_server *server, const struct http_options *options,
                    struct metrics *metrics);
void http_pace_end(struct http_server *server);

/* The connection (NULL: none) now waits for this. */
void http_pace_mark(struct http_connection *one, enum http_phase phase);

/* The connection has so many bytes of this kind now. When all have too many, the
 * oldest that have some are hung up. 0, or -1: even so there is no room for more. */
int http_crowd_hold(struct http_crowd *crowd, struct MHD_Connection *connection,
                    enum http_held kind, size_t bytes);

/* What libmicrohttpd is started with for TLS: its flag, and options. */
enum { HTTP_TLS_OPTIONS = 3 };
unsigned http_tls_options(const struct http_server *server,
                          struct MHD_OptionItem items[HTTP_TLS_OPTIONS]);

/* A connection was opened (one is NULL when out of memory), or is closed. */
void http_tls_enter(struct http_server *server, struct MHD_Connection *connection,
                    struct http_connection *one);
void http_tls_leave(struct http_server *server, struct http_connection *one);

/* Answer with a problem and count why. */
void http_refuse(struct http_request *req, enum http_refusal why, unsigned status,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* 0: all query parameters are known. -1: it was refused, with the one that is not. */
int http_check_query(struct http_request *req);
void http_description_destroy(struct http_description **description);

/* The entity tag of this body; 1 when If-None-Match names it. */
enum { HTTP_TAG_LEN = 24 };
int http_make_tag(const struct http_request *req, struct text body, char out[HTTP_TAG_LEN]);

/* Compress body where that is worth it and the client takes it: 1, and *ret_bytes is
 * the caller's to free. */
int http_compress(const struct http_request *req, const char *content_type, struct text body,
                  char **ret_bytes, size_t *ret_len);

/* What gzip holds, at most 64 MiB. 0, or -1. */
int http_inflate_all(struct text gzip, struct buf *out);

/* 1 when Accept-Encoding takes gzip. */
int http_takes_gzip(const struct http_request *req);

/* A request among the server's, with nothing in it; NULL: out of memory. It is given back
 * when it is over: some of them are kept, until the release. */
struct http_request *http_request_take(struct http_server *server);
void http_request_give_back(struct http_request *req);
void http_requests_release(struct http_server *server);

/* Start libmicrohttpd on the socket. 0, or -1 with the reason. */
int http_serve_start(struct http_server *server, const struct http_options *options,
                     struct err *err);

/* Stop it (no request may be waiting) and free the requests. */
void http_serve_end(struct http_server *server);

/* Have the loop run the server as soon as it can. */
void http_server_wake(struct http_server *server);

/* Connections that were answered before their upload was read: closing them
 * at once would make the kernel send a reset, and the client lose the answer.
 * They are read empty for up to 2 s first. */
struct http_linger *http_linger_new(zloop_t *loop);
void http_linger_destroy(struct http_linger **linger);
void http_linger_add(struct http_linger *linger, int fd);

#endif
