#include "ingest/ingest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/delivery/adoption.h"
#include "ingest/delivery/delivery.h"
#include "ingest/files/files_watch.h"
#include "ingest/wire/hec.h"
#include "ingest/intake/intake.h"
#include "ingest/journal/journal.h"
#include "ingest/wire/otlp.h"
#include "ingest/requests.h"
#include "ingest/routes.h"
#include "ingest/syslog/syslog.h"
#include "ingest/wire/wire.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/endpoints.h"
#include "proto/server/http_server.h"
#include "proto/server/tls.h"

/* How long the last answers may take to leave before the process ends. */
enum { LAST_ANSWERS_MS = 200 };

struct ingest {
    struct daemon *daemon;
    char *dir;                  /* of the first journal */
    struct journal_options options;
    unsigned number;            /* of our journal, of those that share the data folder */
    struct journal *journal;
    struct adoption *adoption;
    struct intake *intake;
    struct requests *requests;
    struct wire *wire;          /* Elasticsearch's */
    struct otlp *otlp;          /* OpenTelemetry's */
    struct hec *hec;            /* Splunk's */
    struct delivery *delivery;
    struct files_watch *files;  /* NULL: none are watched */
    struct tls *tls;            /* NULL: plain HTTP */
    struct syslog *syslog;      /* NULL: it is not listened for */
    struct http_server *server;
    zmq_pollitem_t disk;        /* says that a commit is over */
    struct err broken;          /* why the process will end */
};

static void
on_commit(void *self)
{
    delivery_pump(((struct ingest *)self)->delivery);
}

static int
on_last_answers_out(zloop_t *loop, int timer, void *self)
{
    (void)loop, (void)timer;
    daemon_die(EXIT_IO, ((struct ingest *)self)->broken.text);
}

static void
on_unclear(void *self, const char *reason)
{
    struct ingest *ingest = self;

    err_set(&ingest->broken, "what the journal holds is not known: %s", reason);
    log_error("the journal's disk fails", "reason=\"%s\"", reason);
    if (zloop_timer(ingest->daemon->loop, LAST_ANSWERS_MS, 1, on_last_answers_out, self) < 0)
        daemon_die(EXIT_IO, ingest->broken.text);
}

static int
on_disk(zloop_t *loop, zmq_pollitem_t *item, void *self)
{
    (void)loop, (void)item;
    requests_on_disk(((struct ingest *)self)->requests);
    return 0;
}

static int
join_writer(struct ingest *ingest, struct err *err)
{
    ingest->disk = (zmq_pollitem_t){ .fd = journal_commit_fd(ingest->journal, err),
                                     .events = ZMQ_POLLIN };
    if (ingest->disk.fd < 0)
        return -1;
    if (zloop_poller(ingest->daemon->loop, &ingest->disk, on_disk, ingest) == 0)
        return 0;
    err_set(err, "the journal's writer cannot join the loop");
    return -1;
}

/* Over ipc the sockets have one name each: a second ingest would take them away. */
static int
lock_sockets(const struct settings *settings, int *ret_code, struct err *err)
{
    char path[4096];

    if (settings->bus_dir == NULL)
        return 0;
    snprintf(path, sizeof(path), "%s/ingest.lock", settings->bus_dir);
    if (daemon_make_dir(settings->bus_dir, err) != 0)
        return -1;
    if (daemon_lock(path, err) >= 0)
        return 0;
    *ret_code = EXIT_TAKEN;
    return -1;
}

static int
open_journal(struct ingest *ingest, int *ret_code, struct err *err)
{
    const struct settings *settings = ingest->daemon->settings;
    int is_taken;

    ingest->dir = settings->journal_dir != NULL ? text_dup(text_of(settings->journal_dir))
                                                : settings_path(settings, "journal");
    ingest->options = (struct journal_options){
        .dir = ingest->dir, .segment_bytes = settings->journal_segment_bytes,
        .max_bytes = settings->journal_max_bytes, .min_free = settings->journal_min_free,
        .slots = (int)settings->detector_slots,
    };
    if (ingest->dir == NULL) {
        err_set(err, "journal: out of memory");
        return -1;
    }
    if (lock_sockets(settings, ret_code, err) != 0)
        return -1;
    ingest->journal = adoption_open_own(&ingest->options, &ingest->number, &is_taken, err);
    if (is_taken)
        *ret_code = EXIT_TAKEN;
    return ingest->journal == NULL ? -1 : 0;
}

static int
open_server(struct ingest *ingest, int *ret_code, struct err *err)
{
    const struct settings *settings = ingest->daemon->settings;
    struct http_options options = {
        .listen = settings->ingest_listen, .flag = "--ingest-listen",
        .keyring = ingest->daemon->keyring, .reader_key = settings->reader_key,
        .read_open = (int)settings->read_open,
        .public_url = settings->public_url,
        .trusted_proxies = settings->trusted_proxies,
        .forwarded_header = settings->forwarded_header,
        .allowed_hosts = settings->http_allowed_hosts,
        .max_body = (size_t)settings->http_max_body,
        .max_connections = (unsigned)settings->http_max_connections,
        .idle_timeout_s = (unsigned)((settings->http_timeout_ms + 999) / 1000),
    };

    if (tls_open(ingest->daemon->loop, settings, ingest->daemon->metrics, &ingest->tls, err) != 0)
        return -1;
    options.tls = ingest->tls;
    http_options_pace(&options, settings);
    ingest->server = http_server_new(ingest->daemon->loop, &options, ingest->daemon->metrics,
                                     err);
    if (ingest->server == NULL) {
        *ret_code = EXIT_TAKEN;
        return -1;
    }
    http_server_add_routes(ingest->server, intake_routes, intake_route_count,
                           ingest->requests);
    http_server_add_routes(ingest->server, front_routes, front_route_count,
                           (void *)(uintptr_t)settings);
    http_server_add_routes(ingest->server, health_routes, health_route_count,
                           ingest->daemon->health);
    otlp_add_routes(ingest->otlp, ingest->server);
    hec_add_routes(ingest->hec, ingest->server);
    wire_add_routes(ingest->wire, ingest->server);
    http_server_on_turn(ingest->server, requests_end_turn, ingest->requests);
    return http_server_document(ingest->server, &ingest_document, err);
}

static enum journal_outcome
commit_turn(void *self, struct err *err)
{
    return requests_commit(((struct ingest *)self)->requests, err);
}

static void
commit_turn_then(void *self, void (*over)(void *turn, enum journal_outcome outcome,
                                          const char *reason), void *turn)
{
    requests_commit_then(((struct ingest *)self)->requests,
                         &(const struct requests_over){ over, turn });
}

static void
show_status(void *self, json_t *status)
{
    struct ingest *ingest = self;

    delivery_status(ingest->delivery, status);
    json_object_set_new(status, "undecoded",
                        undecoded_show(intake_undecoded(ingest->intake)));
    if (ingest->files != NULL)
        files_watch_status(ingest->files, status);
    if (ingest->syslog != NULL)
        syslog_status(ingest->syslog, status);
}

static int
open_files(struct ingest *ingest, struct err *err)
{
    const struct files_watch_spec spec = { .intake = ingest->intake, .commit = commit_turn,
                                           .self = ingest };

    if (ingest->daemon->settings->ingest_files == NULL)
        return 0;
    ingest->files = files_watch_new(ingest->daemon, &spec, err);
    return ingest->files == NULL ? -1 : 0;
}

static int
open_syslog(struct ingest *ingest, int *ret_code, struct err *err)
{
    struct daemon *daemon = ingest->daemon;
    const struct syslog_spec spec = { .intake = ingest->intake, .tls = ingest->tls,
                                      .commit = commit_turn,
                                      .commit_then = commit_turn_then, .self = ingest };

    if (!syslog_is_wanted(daemon->settings))
        return 0;
    ingest->syslog = syslog_new(daemon, &spec, ret_code, err);
    return ingest->syslog == NULL ? -1 : 0;
}

static int
open_parts(struct ingest *ingest, int *ret_code, struct err *err)
{
    struct requests_spec spec = { .metrics = ingest->daemon->metrics, .on_commit = on_commit,
                                  .on_unclear = on_unclear, .self = ingest };

    if (open_journal(ingest, ret_code, err) != 0)
        return -1;
    ingest->intake = intake_new(ingest->journal, ingest->daemon->metrics);
    spec.intake = ingest->intake;
    if (ingest->intake == NULL || (ingest->requests = requests_new(&spec)) == NULL ||
        (ingest->wire = wire_new(ingest->requests, ingest->daemon->metrics)) == NULL ||
        (ingest->otlp = otlp_new(ingest->requests, ingest->daemon->metrics)) == NULL ||
        (ingest->hec = hec_new(ingest->requests, ingest->daemon->metrics)) == NULL) {
        err_set(err, "ingest: out of memory");
        return -1;
    }
    if (join_writer(ingest, err) != 0)
        return -1;
    ingest->delivery = delivery_new(ingest->daemon, ingest->journal, err);
    if (ingest->delivery == NULL) {
        *ret_code = EXIT_TAKEN;
        return -1;
    }
    ingest->adoption = adoption_new(ingest->daemon, ingest->delivery, &ingest->options,
                                    ingest->number, err);
    if (ingest->adoption == NULL)
        return -1;
    health_on_status(ingest->daemon->health, show_status, ingest);
    if (open_server(ingest, ret_code, err) != 0)
        return -1;
    health_also_show(ingest->daemon->health, keyring_show, ingest->daemon->keyring);
    if (ingest->tls != NULL)
        health_also_show(ingest->daemon->health, tls_show, ingest->tls);
    if (open_files(ingest, err) != 0)
        return -1;
    return open_syslog(ingest, ret_code, err);
}

/* What can be wrong without touching anything. */
static int
check_settings(const struct settings *settings, struct err *err)
{
    char address[ENDPOINT_LEN];

    if (settings->ingest_files != NULL &&
        files_check_patterns(settings->ingest_files, err) != 0) {
        err_add(err, "ingest.files");
        return -1;
    }
    if (syslog_check(settings, err) != 0)
        return -1;
    for (int slot = 0; slot < settings->detector_slots; slot++)
        if (endpoint_to_bind(settings, ENDPOINT_DETECT, slot, address) != 0) {
            err_set(err, "bus.dir: the path is too long for a socket");
            return -1;
        }
    return 0;
}

static void
ingest_destroy(void **self)
{
    struct ingest *ingest = *self;
    struct err err;

    if (ingest == NULL)
        return;
    syslog_destroy(&ingest->syslog);
    files_watch_destroy(&ingest->files);
    if (ingest->disk.fd > 0) {
        zloop_poller_end(ingest->daemon->loop, &ingest->disk);
        requests_commit(ingest->requests, &err);    /* who waits is answered before the end */
    }
    http_server_destroy(&ingest->server);
    tls_destroy(&ingest->tls);
    delivery_destroy(&ingest->delivery);
    adoption_destroy(&ingest->adoption);
    hec_destroy(&ingest->hec);
    otlp_destroy(&ingest->otlp);
    wire_destroy(&ingest->wire);
    requests_destroy(&ingest->requests);
    intake_destroy(&ingest->intake);
    journal_close(&ingest->journal);
    free(ingest->dir);
    free(ingest);
    *self = NULL;
}

static int
ingest_start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code,
             struct err *err)
{
    struct tls *checked = NULL;
    struct ingest *ingest;

    *ret_code = EXIT_CONFIG;
    if (check_settings(daemon->settings, err) != 0)
        return -1;
    if (is_check)
        return tls_open(NULL, daemon->settings, NULL, &checked, err);
    ingest = calloc(1, sizeof(*ingest));
    if (ingest == NULL) {
        err_set(err, "ingest: out of memory");
        return -1;
    }
    ingest->daemon = daemon;
    if (open_parts(ingest, ret_code, err) != 0) {
        ingest_destroy((void **)&ingest);
        return -1;
    }
    if (!keyring_has(daemon->keyring, SCOPE_INGEST))
        log_warn("API_KEY is not set and there is no other key, nothing will be accepted", "");
    log_info("ingest is open", "address=%s journal=%016" PRIx64 " last=%" PRIu64,
             http_server_address(ingest->server), journal_id(ingest->journal),
             journal_last(ingest->journal));
    *ret_self = ingest;
    return 0;
}

/* What was read is finished; the cursors are written when the journal closes. */
static void
ingest_drain(void *self)
{
    struct ingest *ingest = self;

    if (ingest->files != NULL)
        files_watch_stop(ingest->files);
    if (ingest->syslog != NULL)
        syslog_drain(ingest->syslog);
    http_server_quiesce(ingest->server);
    requests_end_turn(ingest->requests);
}

const struct daemon_spec ingest_spec = {
    .name = "ingest",
    .help = "accepts events and log lines, keeps them in the journal, delivers them",
    .start = ingest_start,
    .drain = ingest_drain,
    .destroy = ingest_destroy,
};
