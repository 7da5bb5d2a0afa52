/*
 * params.h - query parameters, checked
 *
 * That a route knows each of them by name, the HTTP server has seen to
 * (http_server_document.c): a typo is an error, not a filter that quietly does nothing.
 */
#ifndef API_PARAMS_H
#define API_PARAMS_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/server/http_server.h"
#include "proto/store/store.h"

/* from= and to= (RFC 3339), or window= ("90m", "24h", "7d"; default given in
 * ms, 0: all time). to defaults to now. 0 or -1. */
int params_span(const struct http_request *req, int64_t now_us, int64_t default_ms,
                int64_t *ret_from_us, int64_t *ret_to_us, struct err *err);

/* limit= within 1..max. 0 or -1. */
int params_limit(const struct http_request *req, unsigned fallback, unsigned max,
                 unsigned *ret_limit, struct err *err);

/* A cursor is "<microseconds>_<id>", opaque to clients. 0 or -1; 0 with
 * *ret_has 0 when there is none. id borrows the request. */
int params_cursor(const struct http_request *req, int *ret_has, int64_t *ret_us,
                  struct text *ret_id, struct err *err);

/* Have the query's next page begin after this incident. */
void params_go_on(struct incident_query *query, const struct incident *last);

/* Name the next page in a Link header (RFC 8288): this request with the parameter
 * (cursor or after) set to value. */
void params_link_next(struct http_request *req, const char *name, const char *value);

/* A new string for next_cursor. */
json_t *params_make_cursor(int64_t at_us, const char *id);

#endif
