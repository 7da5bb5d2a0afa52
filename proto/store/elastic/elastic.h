/*
 * elastic.h - the store on Elasticsearch 8: its own parts (private to elastic/)
 *
 * Indices: bongsu-events-YYYY.MM.DD by storage day, a function of the record,
 * so that a repeat meets its twin; bongsu-incidents, bongsu-ledger,
 * bongsu-allowed, bongsu-deadletter; the data stream logs-bongsu.alerts-default.
 * Documents are flat: their keys are ECS 8.11's dotted names (proto/fields.yml).
 * Reading blocks for READ_LIMIT_MS at most; after a call without an answer
 * all fail at once for a moment, so that a process that asks keeps its breath.
 */
#ifndef PROTO_STORE_ELASTIC_ELASTIC_H
#define PROTO_STORE_ELASTIC_ELASTIC_H

#include <jansson.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"
#include "proto/http/http_client.h"
#include "proto/store/store.h"

struct yyjson_val;

enum {
    ELASTIC_READ_LIMIT_MS = 5000,
    ELASTIC_MAX_HEADERS = 3,
    ELASTIC_MAX_ANSWER = 64 * 1024 * 1024,      /* bytes, of a _bulk */
    ELASTIC_PAGE = 1000,            /* hits of one search */
    ELASTIC_MAX_PARTS = 18          /* of a dotted name; mappings are 20 deep at most */
};

#define ELASTIC_EVENTS "bongsu-events-"         /* and the storage day */
#define ELASTIC_ALL_EVENTS "bongsu-events-*"
#define ELASTIC_INCIDENTS "bongsu-incidents"
#define ELASTIC_LEDGER "bongsu-ledger"
#define ELASTIC_ALLOWED "bongsu-allowed"
#define ELASTIC_DEAD "bongsu-deadletter"
#define ELASTIC_ALERTS "logs-bongsu.alerts-default"

struct elastic_store {
    struct store base;
    int mode;
    char *url;                      /* no slash at the end */
    char *authorization;            /* a header, or NULL */
    char *ca_file;
    const char *headers[ELASTIC_MAX_HEADERS + 1], *gzip_headers[ELASTIC_MAX_HEADERS + 1];
    char *bulk_url;
    int is_gzip;
    long timeout_ms;                /* of a _bulk */
    int64_t retention_us, max_bytes, refresh_ms, shards;
    int wants_geoip;
    struct http_session *session;
    int64_t failed_until_ms;        /* by clock_steady_ms: nothing is asked before */
    struct err failed;
    int is_set_up;                  /* templates are there, as far as we know */
    int has_ilm, has_geoip;
    struct elastic_writer *writer;  /* elastic_document.c */
    int32_t last_day;               /* elastic_bulk.c: whose index has this name */
    char last_index[sizeof(ELASTIC_EVENTS) + TIMESTAMP_LEN];
};

/* --- elastic_open.c --- */

struct store *elastic_store_open(const struct settings *settings, int mode, struct err *err);

/* --- elastic_call.c: asking --- */

/* One request; path begins with '/'. The HTTP status and the answer (of at most
 * max_answer bytes, 0: 64 MiB), which the caller releases; or -1 with the reason:
 * no answer, or one just failed. */
int elastic_call(struct elastic_store *store, const char *method, const char *path,
                 struct text body, size_t max_answer, struct http_answer *ret_answer,
                 struct err *err);

/* The same with JSON both ways, for small things. body may be NULL; its reference
 * is taken. *ret_json may be NULL on return. From status 400 on err says why. */
int elastic_ask(struct elastic_store *store, const char *method, const char *path,
                json_t *body, json_t **ret_json, struct err *err);

/* 0, or -1 with the reason: not every shard has answered a search, or not in time. */
int elastic_check_shards(const json_t *answer, struct err *err);

/* Small writes: append an action with its document (taken), 0 or -1; and send a
 * body of them, each of which must be done. */
int elastic_bulk_line(struct buf *body, const char *op, const char *index, const char *id,
                      json_t *document);
int elastic_bulk_action(struct buf *body, json_t *action, json_t *document);
enum store_outcome elastic_bulk_send(struct elastic_store *store, struct buf *body,
                                     struct err *err);

/* The same, and the caller looks at the answer's items: 0 and the answer, or -1. */
int elastic_bulk_ask(struct elastic_store *store, struct buf *body, json_t **ret_answer,
                     struct err *err);

/* Why Elasticsearch says no: "type: reason" of its answer. */
void elastic_reason(int status, struct text body, struct err *err);

/* --- elastic_setup.c: templates, mappings --- */

/* Templates and policies are there and ours. Once, and again after the cluster
 * seems to have lost them. */
enum store_outcome elastic_set_up(struct elastic_store *store, struct err *err);
/* "properties" of bongsu-events-*; new reference. */
json_t *elastic_event_properties(void);

/* --- elastic_retain.c --- */

int elastic_retain(struct store *base, int64_t now_us, unsigned *ret_deleted, struct err *err);

/* A text of parsed JSON: the value itself, or an object's member; {NULL, 0}: none. */
struct text elastic_text(struct yyjson_val *value);
struct text elastic_text_in(struct yyjson_val *object, const char *name);

/* --- elastic_fields.c: names in documents --- */

enum elastic_name {
    ELASTIC_NAME_EXTRA,             /* a further field: under its own name, or its ECS name */
    ELASTIC_NAME_KNOWN,             /* one of event_fields[] */
    ELASTIC_NAME_OURS,              /* made by us; says nothing of the event */
    ELASTIC_NAME_AS_SENT            /* of a further field: cannot stand at the top */
};

/* Under which name a further field stands in a document: *ret_name, which lives
 * as long as name. OURS is never given. is_nested: the value is a map or an array. */
enum elastic_name elastic_name_of_extra(struct text name, int is_nested,
                                        struct text *ret_name);
const char *elastic_name_of_known(enum event_field field);

/* How many parts a name has between its dots; 0: one of them is empty, or there is what
 * Elasticsearch takes for something else. */
int elastic_name_parts(struct text name);

/* And back: what a key of a document is. KNOWN: *ret_field; EXTRA: *ret_name. */
enum elastic_name elastic_name_read(struct text key, enum event_field *ret_field,
                                    struct text *ret_name);

/* --- elastic_mappable.c --- */

/* Whether a map or an array of a further field of this name fits a mapping that is made
 * of it: not too deep, no name inside that Elasticsearch refuses, each place of one type.
 * If not, the whole document would be refused. */
int elastic_is_mappable(struct text name, const struct value *value);

/* --- elastic_category.c: what an event_type is in ECS --- */

struct elastic_category {
    const char *type;               /* event_type, or its beginning with a '*' */
    const char *categories[3], *types[3];
    const char *outcome;            /* or NULL */
};

/* NULL when nothing is known: nothing is made up. */
const struct elastic_category *elastic_category_find(struct text event_type);

/* --- elastic_value.c, elastic_document.c, elastic_event.c: a document, and back --- */

/* Append the value as JSON. 0, or -1: no memory. */
int elastic_value_write(const struct value *value, struct buf *out);

/* Where an event stands in its journal. */
struct elastic_place {
    uint64_t journal, sequence;     /* 0, 0: nowhere */
};

struct elastic_writer;
struct elastic_writer *elastic_writer_new(void);
void elastic_writer_destroy(struct elastic_writer **writer);

/* Append the document as one line of JSON, no newline. 0 or -1. */
int elastic_document_write(struct elastic_writer *writer, const struct event *ev,
                           const struct elastic_place *place, struct buf *out,
                           struct err *err);

/* A document's _source and _id into ev (cleared first), which borrows both and
 * the arena. 0, or -1 when it is none of ours. */
int elastic_document_read(struct yyjson_val *source, struct text id, struct arena *arena,
                          struct buf *space, struct event *ev, struct err *err);

/* The name of the index that holds an event of that storage day. */
#define ELASTIC_INDEX_LEN (sizeof(ELASTIC_EVENTS) + TIMESTAMP_LEN)
void elastic_event_index(int32_t day, char out[ELASTIC_INDEX_LEN]);

/* --- elastic_bulk.c: store_ops.bulk; elastic_put.c: put_events by it --- */

extern const struct store_bulk_ops elastic_bulk_ops;
enum store_outcome elastic_put_events(struct store *base, const struct store_event *events,
                                      size_t count, struct store_written *ret_written,
                                      struct err *err);

/* --- elastic_search.c, elastic_query.c, elastic_follow.c --- */

int elastic_find_events(struct store *base, const struct event_query *query,
                        int (*visit)(void *ctx, const struct event *ev), void *ctx,
                        struct event_page *ret_page, struct err *err);
int elastic_follow_events(struct store *base, const struct event_query *query, struct text place,
                          int (*visit)(void *ctx, const struct event *ev), void *ctx,
                          struct event_news *ret_news, struct err *err);
int elastic_get_event(struct store *base, const struct event_id *id, int32_t day,
                      int (*visit)(void *ctx, const struct event *ev), void *ctx,
                      struct err *err);

/* The query clause of an event_query; new reference, NULL with the reason. */
json_t *elastic_event_clause(struct elastic_store *store, const struct event_query *query,
                             struct err *err);

/* --- elastic_counts.c, elastic_sources.c --- */

int elastic_count(struct store *base, const struct count_query *query,
                  struct counts *ret_counts, struct err *err);
int elastic_compare_sources(struct store *base, const struct source_query *query,
                            struct source_changes *ret_changes, struct err *err);

/* --- elastic_incidents.c, elastic_incidents_find.c, elastic_incident_document.c --- */

/* A stored incident with what guards its next writing. */
struct elastic_incident {
    struct incident *inc;
    int64_t seq_no, primary_term;
};

/* 1 and what is stored (the caller destroys inc), 0 nothing, -1. */
int elastic_incident_read(struct elastic_store *store, const char *id,
                          struct elastic_incident *ret, struct err *err);

enum store_outcome elastic_put_incidents(struct store *base, struct incident *const *incidents,
                                         size_t count, struct err *err);
int elastic_find_incidents(struct store *base, const struct incident_query *query,
                           struct incident ***ret_incidents, size_t *ret_count,
                           int *ret_is_more, struct err *err);
int elastic_get_incident(struct store *base, const char *id, struct incident **ret_inc,
                         struct err *err);
int elastic_set_status(struct store *base, const char *id, const struct incident_change *change,
                       struct err *err);
enum store_outcome elastic_import_incident(struct store *base, const struct incident *inc,
                                           int *ret_is_new, struct err *err);
json_t *elastic_incident_to_document(const struct incident *inc, int64_t now_us);
json_t *elastic_incident_to_alert(const struct incident *inc, int64_t now_us);
struct incident *elastic_incident_from_document(const json_t *source, struct err *err);
/* Bytes as a text, and a document's member back, onto ret: 0, or -1 with the reason (also
 * when it is empty). */
json_t *elastic_base64(const struct buf *bytes);
int elastic_unbase64(const json_t *source, const char *name, struct buf *ret, struct err *err);

/* --- elastic_dead.c, elastic_dead_find.c --- */

extern const struct store_dead_ops elastic_dead_ops;
int elastic_dead_expire(struct elastic_store *store, int64_t before_us, struct err *err);
int elastic_dead_find(struct store *base, const struct dead_query *query,
                      int (*visit)(void *ctx, const struct dead_letter *letter), void *ctx,
                      struct dead_page *ret_page, struct err *err);
int elastic_dead_count(struct store *base, uint64_t *ret_count, struct err *err);

/* The hits of a page and one more, without their events; further (taken, may be NULL) is a
 * clause of the question. A new array, NULL with the reason. */
json_t *elastic_dead_hits(struct elastic_store *store, const struct dead_query *query,
                          json_t *further, struct err *err);

/* Where the page goes on behind this hit: 0, or -1 when it is none of ours. */
int elastic_dead_place(const json_t *hit, struct dead_page *page, struct err *err);

/* A stored letter, which borrows source and bytes. 0, or -1. */
int elastic_dead_read(const json_t *source, struct buf *bytes, struct dead_letter *ret,
                      struct err *err);

/* --- elastic_ledger.c, elastic_allowed.c --- */

enum store_outcome elastic_put_ledger(struct store *base, const struct store_ledger_row *rows,
                                      size_t count, struct err *err);
enum store_outcome elastic_put_balance(struct store *base, const struct ledger *hours,
                                       struct err *err);
int elastic_get_ledger(struct store *base, int64_t from_hour, int64_t to_hour,
                       struct ledger *ret_hours, struct err *err);
enum store_outcome elastic_put_allowed(struct store *base, const struct store_allowed *rows,
                                       size_t count, struct err *err);
int elastic_get_allowed(struct store *base, const char *first_day, const char *last_day,
                        int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx,
                        struct err *err);

#endif
