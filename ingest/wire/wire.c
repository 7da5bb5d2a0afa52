#include "ingest/wire/wire_parts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

enum { SETUP_MAX_BODY = 4 * 1024 * 1024, DOC_MAX_BODY = 1024 * 1024 };

#define PRODUCT "X-Elastic-Product"

/* What the answers have for @: the cluster's uuid. */
static const char root_body[] =
    "{\"status\":\"ok\",\"service\":\"bongsu-ingest\",\"bongsu\":\"" BONGSU_VERSION "\","
    "\"name\":\"bongsu\",\"cluster_name\":\"bongsu\",\"cluster_uuid\":\"@\","
    "\"version\":{\"number\":\"" WIRE_VERSION "\",\"build_flavor\":\"default\","
    "\"build_type\":\"tar\",\"build_hash\":\"bongsu-" BONGSU_VERSION "\","
    "\"build_date\":\"2024-08-05T10:05:34.233336849Z\",\"build_snapshot\":false,"
    "\"lucene_version\":\"9.11.1\",\"minimum_wire_compatibility_version\":\"7.17.0\","
    "\"minimum_index_compatibility_version\":\"7.0.0\"},"
    "\"tagline\":\"You Know, for Search\"}";
static const char license_body[] =
    "{\"license\":{\"status\":\"active\",\"uid\":\"@\",\"type\":\"basic\","
    "\"issued_to\":\"bongsu\",\"issuer\":\"bongsu\",\"max_nodes\":1000}}";
static const char xpack_body[] =
    "{\"build\":{},\"license\":{\"uid\":\"@\",\"type\":\"basic\",\"mode\":\"basic\","
    "\"status\":\"active\"},\"features\":{},\"tagline\":\"You know, for X\"}";
static const char health_body[] =
    "{\"cluster_name\":\"bongsu\",\"status\":\"green\",\"timed_out\":false,"
    "\"number_of_nodes\":1,\"number_of_data_nodes\":1,\"active_primary_shards\":1,"
    "\"active_shards\":1,\"relocating_shards\":0,\"initializing_shards\":0,"
    "\"unassigned_shards\":0,\"active_shards_percent_as_number\":100.0}";
/* No addresses: who sniffs for nodes stays with the one that he was given. */
static const char nodes_body[] =
    "{\"_nodes\":{\"total\":0,\"successful\":0,\"failed\":0},\"cluster_name\":\"bongsu\","
    "\"nodes\":{}}";

void
wire_mark(struct http_request *req)
{
    http_set_header(req, PRODUCT, "Elasticsearch");
}

int
wire_check_index(struct http_request *req)
{
    struct text index = http_param(req, "index");
    size_t i = 0;

    /* what would grow to six bytes in the answer, Elasticsearch has not either */
    while (i < index.len && (unsigned char)index.ptr[i] >= ' ' && index.ptr[i] != 0x7f &&
           index.ptr[i] != '"' && index.ptr[i] != '\\')
        i++;
    if (index.len > BULK_MAX_INDEX)
        http_reply_problem(req, 400, "index name is too long, (%zu > %d)", index.len,
                           (int)BULK_MAX_INDEX);
    else if (i < index.len)
        http_reply_problem(req, 400, "index name must not contain a control character, \\ or \"");
    else
        return 0;
    return -1;
}

/* --- answers that never change --- */

static void
reply_body(struct http_request *req, const struct wire *wire, const char *body)
{
    const char *at = strchr(body, '@');
    char out[1024];

    snprintf(out, sizeof(out), "%.*s%s%s", at == NULL ? 0 : (int)(at - body), body,
             at == NULL ? "" : wire->uuid, at == NULL ? body : at + 1);
    wire_mark(req);
    http_reply(req, 200, "application/json", text_of(out));
}

static void
get_root(struct http_request *req, void *self)
{
    reply_body(req, self, root_body);
}

static void
get_license(struct http_request *req, void *self)
{
    reply_body(req, self, license_body);
}

static void
get_xpack(struct http_request *req, void *self)
{
    reply_body(req, self, xpack_body);
}

static void
get_health(struct http_request *req, void *self)
{
    reply_body(req, self, health_body);
}

static void
get_nodes(struct http_request *req, void *self)
{
    reply_body(req, self, nodes_body);
}

static void
get_cat_health(struct http_request *req, void *self)
{
    (void)self;
    wire_mark(req);
    http_reply(req, 200, "text/plain", text_of("bongsu green 1 1 1 1 0 0 0 0 - 100.0%\n"));
}

/* Templates, policies and pipelines: there is nothing to set up. A shipper that finds
 * one here, as it asks, sends none. */
static void
get_setup(struct http_request *req, void *self)
{
    reply_body(req, self, "{}");
}

static void
put_setup(struct http_request *req, void *self)
{
    reply_body(req, self, "{\"acknowledged\":true}");
}

static void
find_nothing(struct http_request *req, void *self)
{
    struct text path = http_path(req);

    (void)self;
    http_reply_problem(req, 404, "There is nothing at %.*s.",
                       path.len > 200 ? 200 : (int)path.len, path.ptr);
}

/* --- refusals --- */

static const struct { unsigned status; const char *type; } types[] = {
    { 401, "security_exception" },
    { 403, "security_exception" },
    { 404, "resource_not_found_exception" },
    { 406, "media_type_header_exception" },
    { 413, "content_too_long_exception" },
    { 415, "media_type_header_exception" },
    { 429, "es_rejected_execution_exception" },
    { 500, "exception" },
    { 503, "unavailable_shards_exception" },
};

void
wire_say(struct http_request *req, unsigned status, const char *detail)
{
    const char *type = "illegal_argument_exception";

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].status == status)
            type = types[i].type;
    wire_mark(req);
    http_reply_json(req, status, json_pack("{s:{s:[{s:s,s:s}],s:s,s:s},s:i}", "error",
        "root_cause", "type", type, "reason", detail, "type", type, "reason", detail,
        "status", (int)status));
}

/* --- tables --- */

#define BULK_TYPES "application/json application/x-ndjson application/ndjson" \
                   " application/vnd.elasticsearch+json" \
                   " application/vnd.elasticsearch+x-ndjson"

#define SETUP(path) \
    { "GET",  path, HTTP_OPEN, NULL, 0, get_setup }, \
    { "PUT",  path, HTTP_INGEST, NULL, SETUP_MAX_BODY, put_setup }, \
    { "POST", path, HTTP_INGEST, NULL, SETUP_MAX_BODY, put_setup }

#define DOC_TYPES "application/json application/vnd.elasticsearch+json"

static const struct http_route wire_routes[] = {
    { "GET",  "/",                    HTTP_OPEN,  NULL, 0, get_root },
    { "POST", "/_bulk",               HTTP_INGEST, BULK_TYPES, SIZE_MAX, wire_bulk },
    { "PUT",  "/_bulk",               HTTP_INGEST, BULK_TYPES, SIZE_MAX, wire_bulk },
    { "POST", "/{index}/_bulk",       HTTP_INGEST, BULK_TYPES, SIZE_MAX, wire_bulk },
    { "PUT",  "/{index}/_bulk",       HTTP_INGEST, BULK_TYPES, SIZE_MAX, wire_bulk },
    { "POST", "/{index}/_doc",        HTTP_INGEST, DOC_TYPES, DOC_MAX_BODY, wire_doc },
    { "POST", "/{index}/_doc/{...}",  HTTP_INGEST, DOC_TYPES, DOC_MAX_BODY, wire_doc },
    { "PUT",  "/{index}/_doc/{...}",  HTTP_INGEST, DOC_TYPES, DOC_MAX_BODY, wire_doc },
    { "POST", "/{index}/_create/{...}", HTTP_INGEST, DOC_TYPES, DOC_MAX_BODY, wire_doc },
    { "PUT",  "/{index}/_create/{...}", HTTP_INGEST, DOC_TYPES, DOC_MAX_BODY, wire_doc },
    { "GET",  "/_license",            HTTP_OPEN,  NULL, 0, get_license },
    { "GET",  "/_xpack",              HTTP_OPEN,  NULL, 0, get_xpack },
    { "GET",  "/_cluster/health",     HTTP_OPEN,  NULL, 0, get_health },
    { "GET",  "/_cat/health",         HTTP_OPEN,  NULL, 0, get_cat_health },
    { "GET",  "/_nodes",              HTTP_OPEN,  NULL, 0, get_nodes },
    { "GET",  "/_nodes/{...}",        HTTP_OPEN,  NULL, 0, get_nodes },
    SETUP("/_ilm/policy/{...}"),
    SETUP("/_index_template/{...}"),
    SETUP("/_component_template/{...}"),
    SETUP("/_template/{...}"),
    SETUP("/_data_stream/{...}"),
    SETUP("/_ingest/pipeline/{...}"),
    { "GET",  "/_logstash/{...}",     HTTP_OPEN,  NULL, 0, get_setup },
};

/* Logstash looks for the alias that it writes to, and makes "<alias-{now/d}-1>". A path of one word is anybody's, so
 * that only who has the key is told that there is one. */
static const struct http_route index_routes[] = {
    /* what we do not have is said as Elasticsearch says it */
    { "GET",  "/_{...}",              HTTP_OPEN,  NULL, 0, find_nothing },
    { "HEAD", "/{index}",             HTTP_INGEST, NULL, 0, get_setup },
    { "PUT",  "/{index}",             HTTP_INGEST, NULL, SETUP_MAX_BODY, put_setup },
    { "PUT",  "/<{...}",              HTTP_INGEST, NULL, SETUP_MAX_BODY, put_setup },
};

void
wire_add_routes(struct wire *wire, struct http_server *server)
{
    http_server_add_wire(server, wire_routes, sizeof(wire_routes) / sizeof(wire_routes[0]),
                         wire, wire_say, 0);
    http_server_add_wire(server, index_routes,
                         sizeof(index_routes) / sizeof(index_routes[0]), wire, wire_say, 1);
}

/* --- life --- */

struct wire *
wire_new(struct requests *requests, struct metrics *metrics)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    uint64_t journal = journal_id(intake_journal(requests_intake(requests)));
    struct text parts[] = { text_of("cluster"), { (const char *)&journal, sizeof(journal) } };
    unsigned char id[HASH_ID_LEN];

    if (wire == NULL)
        return NULL;
    wire->requests = requests;
    wire->reader = bulk_reader_new();
    hash_id(parts, 2, id);
    sodium_bin2base64(wire->uuid, sizeof(wire->uuid), id, sizeof(id),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    wire->items = metrics_number(metrics, METRIC_COUNTER, "bongsu_ingest_bulk_actions_total",
                                 "", "actions of _bulk requests");
    wire->refused_actions = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_bulk_actions_refused_total", "",
        "actions of _bulk that are no create or index, or whose _id is none");
    if (wire->reader == NULL)
        wire_destroy(&wire);
    return wire;
}

void
wire_destroy(struct wire **wire)
{
    if (*wire == NULL)
        return;
    bulk_reader_destroy(&(*wire)->reader);
    free(*wire);
    *wire = NULL;
}
