/*
 * elastic_client.h - what tests ask of an Elasticsearch node, in one call each
 *
 * base is "http://127.0.0.1:PORT" (of a node, a fault proxy or a front;
 * "http://user:password@..." works). Each call has a connection of its own,
 * so that they may come from any thread. "No answer" is status 0.
 */
#ifndef TESTS_SUPPORT_ELASTIC_CLIENT_H
#define TESTS_SUPPORT_ELASTIC_CLIENT_H

#include <jansson.h>

/* Trust this CA for https from now on (borrowed; NULL: the system's). */
void elastic_trust(const char *ca_file);

/* Send "Authorization: <value>" ("ApiKey ...") from now on (borrowed; NULL: none). */
void elastic_authorize(const char *value);

/* One request. body may be NULL; it is sent as JSON, and as NDJSON when the path
 * has _bulk in it. The answer's JSON (the caller's; NULL when it is none) and
 * its status into *ret_status when not NULL. */
json_t *elastic_request(const char *base, const char *method, const char *path,
                     const char *body, long *ret_status);

/* The same where only a 2xx will do: anything else fails the test and is printed. */
json_t *elastic_get(const char *base, const char *path);
json_t *elastic_post(const char *base, const char *path, const char *body);
json_t *elastic_put(const char *base, const char *path, const char *body);

/* The status alone. */
long elastic_status(const char *base, const char *method, const char *path, const char *body);

/* A member down a path of names and array places ("hits.total.value",
 * "items.0.create.status"; a name cannot have a dot): borrowed, NULL: none. */
json_t *elastic_at(const json_t *json, const char *path);

/* Make all that was written searchable. */
void elastic_refresh(const char *base);

/* How many documents are in the indices of this pattern ("bongsu-*"), after
 * a refresh; 0 when there is no such index. */
long elastic_documents(const char *base, const char *pattern);

/* Lift all blocks; delete all indices and templates but those of data streams (this
 * node cannot: count in them from where they were): what the next test of a
 * shared node begins with. */
void elastic_delete_all(const char *base);

#endif
