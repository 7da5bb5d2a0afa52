#include "api/api.h"

#include <errno.h>
#include <stdlib.h>

#include "api/openapi.h"
#include "proto/base/log.h"
#include "proto/server/openapi.h"

enum { STATUS_BODY_MAX = 64 * 1024 };

static void
handle_root(struct http_request *req, void *self)
{
    (void)self;
    http_reply_json(req, 200, json_pack("{s:s, s:s, s:s}", "status", "ok", "service",
                                        "bongsu-api", "version", BONGSU_VERSION));
}

const struct http_route api_routes[] = {
    { "GET", "/", HTTP_OPEN, NULL, 0, handle_root },
    { "GET", "/dashboard", HTTP_READ, NULL, 0, handle_dashboard },
    { "GET", "/report/daily", HTTP_READ, NULL, 0, handle_report_daily },
    { "GET", "/report/weekly", HTTP_READ, NULL, 0, handle_report_weekly },
    { "GET", "/incidents", HTTP_READ, NULL, 0, handle_incidents },
    { "GET", "/incidents/{id}", HTTP_READ, NULL, 0, handle_incident },
    { "POST", "/incidents/{id}/status", HTTP_ANALYST, "application/json", STATUS_BODY_MAX,
      handle_incident_status },
    { "GET", "/events", HTTP_READ, NULL, 0, handle_events },
    { "GET", "/deadletters", HTTP_READ, NULL, 0, handle_deadletters },
    { "POST", "/deadletters/retry", HTTP_ADMIN, "application/json", STATUS_BODY_MAX,
      handle_deadletters_retry },
};
const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);

void
api_store_failed(struct api *api, struct http_request *req, const struct err *err)
{
    static struct log_burst burst;

    ++*api->query_failures;
    log_warn_burst(&burst, "store cannot be asked", "reason=\"%s\"", err->text);
    http_set_header(req, "Retry-After", "5");
    http_reply_problem(req, 503, "the store cannot be asked now: %s", err->text);
}

static const char *const document_parts[] = { api_openapi, proto_server_openapi, NULL };
const struct http_document api_document = {
    .title = "Bongsu: reading", .parts = document_parts,
    .about = "Dashboard, reports, incidents, events and dead letters. Events are taken in by ingest, which "
             "has a document of its own at this path.",
};

static void
open_metrics(struct api *api)
{
    struct metrics *all = api->daemon->metrics;

    api->queries = metrics_number(all, METRIC_COUNTER, "bongsu_api_queries_total", "",
                                  "questions put to the store");
    api->query_failures = metrics_number(all, METRIC_COUNTER, "bongsu_api_queries_failed_total",
                                         "", "questions the store could not answer");
    api->status_changes = metrics_number(all, METRIC_COUNTER, "bongsu_api_status_changes_total",
                                         "", "incidents whose status was changed");
    api->letters_wanted = metrics_number(all, METRIC_COUNTER, "bongsu_api_dead_letters_wanted_total",
                                         "", "dead letters that are to be tried again");
}

static void
api_destroy(void **self)
{
    struct api *api = *self;

    if (api == NULL)
        return;
    http_server_destroy(&api->server);
    tls_destroy(&api->tls);
    store_close(&api->store);
    free(api);
    *self = NULL;
}

static int
api_start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code, struct err *err)
{
    const struct settings *settings = daemon->settings;
    struct http_options options = {
        .listen = settings->api_listen, .flag = "--api-listen",
        .keyring = daemon->keyring, .reader_key = settings->reader_key,
        .read_open = settings->read_open != 0, .public_url = settings->public_url,
        .allowed_hosts = settings->http_allowed_hosts, .max_body = STATUS_BODY_MAX,
        .max_connections = (unsigned)settings->http_max_connections,
        .idle_timeout_s = (unsigned)(settings->http_timeout_ms / 1000),
    };
    struct tls *checked = NULL;
    struct api *api;

    *ret_code = EXIT_CONFIG;
    if (is_check)
        return tls_open(NULL, settings, NULL, &checked, err);
    api = calloc(1, sizeof(*api));
    if (api == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    *ret_self = api;
    api->daemon = daemon;
    open_metrics(api);
    api->store = store_open(settings, STORE_READ, err);
    if (api->store == NULL ||
        tls_open(daemon->loop, settings, daemon->metrics, &api->tls, err) != 0)
        return -1;
    options.tls = api->tls;
    http_options_pace(&options, settings);
    api->server = http_server_new(daemon->loop, &options, daemon->metrics, err);
    if (api->server == NULL) {
        *ret_code = errno == EADDRINUSE ? EXIT_TAKEN : EXIT_CONFIG;
        return -1;
    }
    http_server_add_routes(api->server, api_routes, api_route_count, api);
    http_server_add_routes(api->server, health_routes, health_route_count, daemon->health);
    if (http_server_document(api->server, &api_document, err) != 0)
        return -1;
    health_also_show(daemon->health, keyring_show, daemon->keyring);
    if (api->tls != NULL)
        health_also_show(daemon->health, tls_show, api->tls);
    log_info("listening", "address=%s", http_server_address(api->server));
    return 0;
}

static void
api_drain(void *self)
{
    struct api *api = self;

    http_server_quiesce(api->server);
}

const struct daemon_spec api_spec = {
    .name = "api",
    .help = "answers dashboard, reports, incidents, events and dead letters",
    .start = api_start,
    .drain = api_drain,
    .destroy = api_destroy,
};
