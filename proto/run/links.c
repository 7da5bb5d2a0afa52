#include "proto/run/links_inner.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"

enum { READS_PER_TURN = 32, ALIVE_MS = 5000 };

/* --- one link --- */

/* zloop may call this once more after a timer of the same turn has closed the
 * link: the socket it names is gone then. */
static int
read_link(zloop_t *loop, zsock_t *unused, void *self)
{
    struct link *link = self;
    struct links *links = link->links;
    int is_enough = 0;

    for (int i = 0; i < READS_PER_TURN && !is_enough; i++) {
        struct bus_batch batch;
        struct err err = { "" };
        int rc;

        if (link->data == NULL || links->is_paused)
            break;
        rc = bus_recv_batch(link->data, &batch, &err);
        if (rc == 0)
            break;
        if (rc < 0) {
            ++*links->refused;
            log_warn_burst(&links->refused_burst, "message refused", "reason=\"%s\"",
                           err.text);
            continue;
        }
        link->origin = batch.head.origin;
        link->last_ms = clock_steady_ms();
        is_enough = links->spec.on_batch(links->spec.self, link, &batch);
        bus_batch_release(&batch);
    }
    return 0;
}

static int
link_listen(struct link *link)
{
    if (zloop_reader(link->links->loop, link->data, read_link, link) != 0)
        return -1;
    /* else zloop drops the reader after a second error, in silence */
    zloop_reader_set_tolerant(link->links->loop, link->data);
    return 0;
}

void
link_close(struct link *link)
{
    if (link->data == NULL)
        return;
    zloop_reader_end(link->links->loop, link->data);
    link->data = link->report = NULL;
    bus_retry_destroy(&link->data_retry);
    bus_retry_destroy(&link->report_retry);
    --*link->links->open;
}

static int
link_connect(struct link *link, const char *data, const char *report, struct err *err)
{
    const struct links *links = link->links;
    struct bus_retry_spec spec = {
        .loop = links->loop, .type = links->spec.is_live ? ZMQ_SUB : ZMQ_PULL,
        .endpoint = data, .server = links->spec.server, .failed = links->handshakes_failed,
    };

    link->data_retry = bus_retry_new(&spec, err);
    if (link->data_retry == NULL)
        return -1;
    if (links->spec.is_live)
        return 0;
    spec.type = ZMQ_PUSH;
    spec.endpoint = report;
    link->report_retry = bus_retry_new(&spec, err);
    return link->report_retry != NULL ? 0 : -1;
}

static int
link_open(struct link *link, struct err *err)
{
    struct links *links = link->links;
    char data[RESOLVER_ENDPOINT_LEN], report[RESOLVER_ENDPOINT_LEN];

    if (resolver_put_address(links->spec.data, link->address, data) != 0 ||
        resolver_put_address(links->spec.report, link->address, report) != 0) {
        err_set(err, "%s: too long", links->spec.data);
        return -1;
    }
    if (link_connect(link, data, report, err) != 0) {
        bus_retry_destroy(&link->data_retry);
        return -1;
    }
    link->data = bus_retry_sock(link->data_retry);
    link->report = bus_retry_sock(link->report_retry);
    link->origin = 0;
    link->last_ms = 0;
    link->missed = 0;
    ++*links->open;
    if (!links->is_paused && link_listen(link) != 0) {
        err_set(err, "out of memory");
        link_close(link);
        return -1;
    }
    return 0;
}

struct link *
links_find(struct links *links, const char *address)
{
    for (size_t i = 0; i < links->count; i++)
        if (strcmp(links->links[i]->address, address) == 0)
            return links->links[i];
    return NULL;
}

/* A place for a link: the one it had, else a new one, else any closed one. */
static struct link *
links_place(struct links *links, const char *address)
{
    struct link *link = links_find(links, address);

    if (link != NULL)
        return link;
    for (size_t i = 0; i < links->count && links->count == MAX_LINKS; i++)
        if (links->links[i]->data == NULL)
            return links->links[i];
    if (links->count == MAX_LINKS)
        return NULL;
    link = calloc(1, sizeof(*link));
    if (link != NULL) {
        link->links = links;
        links->links[links->count++] = link;
    }
    return link;
}

int
links_add(struct links *links, const char *address, struct err *err)
{
    struct link *link = links_place(links, address);

    if (link == NULL) {
        ++*links->left_out;
        err_set(err, "no room for a further link");
        return -1;
    }
    snprintf(link->address, sizeof(link->address), "%s", address);
    return link_open(link, err);
}

int
link_is_alive(const struct link *link, int64_t now_ms)
{
    return link->data != NULL && link->last_ms != 0 && now_ms - link->last_ms <= ALIVE_MS;
}

static uint64_t *
counter(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metrics_number(metrics, METRIC_COUNTER, name, labels, help);
}

static void
ask_metrics(struct links *links, struct metrics *metrics)
{
    links->open = metrics_number(metrics, METRIC_GAUGE, "bongsu_links", "",
                                 "connections to producers");
    links->refused = counter(metrics, "bongsu_bus_refused_total", "socket=\"data\"",
                             "messages refused as malformed");
    links->left_out = counter(metrics, "bongsu_links_left_out_total", "",
                              "producer addresses beyond the limit");
    links->unresolved = counter(metrics, "bongsu_unresolved_total", "",
                                "look-ups that failed");
    links->reports_dropped = counter(metrics, "bongsu_reports_dropped_total", "",
                                     "reports that a socket did not take");
    links->handshakes_failed = counter(metrics, "bongsu_bus_handshakes_failed_total", "",
                                       "connections to producers that did not come about");
}

/* Open the one link, or begin to look for those behind a name. */
static int
links_begin(struct links *links, struct err *err)
{
    char *report_host = NULL;
    int rc = -1;

    if (resolver_split_host(links->spec.data, &links->host, err) != 0 ||
        resolver_split_host(links->spec.report, &report_host, err) != 0)
        goto done;
    if (links->host == NULL || resolver_is_numeric(links->host)) {
        rc = links_add(links, "", err);
        goto done;
    }
    if (report_host == NULL || strcmp(links->host, report_host) != 0) {
        err_set(err, "%s and %s: not on one host", links->spec.data, links->spec.report);
        goto done;
    }
    links->resolver = resolver_new(links->host);
    if (links->resolver == NULL) {
        err_set(err, "out of memory");
    } else {
        links_resolve(links->loop, -1, links);
        rc = 0;
    }

done:
    free(report_host);
    return rc;
}

struct links *
links_new(zloop_t *loop, const struct links_spec *spec, struct metrics *metrics,
          struct err *err)
{
    struct links *links = calloc(1, sizeof(*links));

    if (links == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    links->loop = loop;
    links->timer = -1;
    links->spec = *spec;
    links->spec.data = strdup(spec->data);
    links->spec.report = strdup(spec->report);
    ask_metrics(links, metrics);
    if (links->spec.data == NULL || links->spec.report == NULL)
        err_set(err, "out of memory");
    else if (links_begin(links, err) == 0)
        return links;
    links_destroy(&links);
    return NULL;
}

void
links_destroy(struct links **ref)
{
    struct links *links = *ref;

    if (links == NULL)
        return;
    if (links->timer >= 0)
        zloop_timer_end(links->loop, links->timer);
    for (size_t i = 0; i < links->count; i++) {
        link_close(links->links[i]);
        free(links->links[i]);
    }
    resolver_destroy(&links->resolver);
    free(links->host);
    free((char *)(uintptr_t)links->spec.data);
    free((char *)(uintptr_t)links->spec.report);
    free(links);
    *ref = NULL;
}

void
links_pause(struct links *links, int is_paused)
{
    if (!links->is_paused == !is_paused)
        return;
    links->is_paused = is_paused;
    for (size_t i = 0; i < links->count; i++) {
        struct link *link = links->links[i];

        if (link->data == NULL)
            continue;
        if (is_paused)
            zloop_reader_end(links->loop, link->data);
        else if (link_listen(link) != 0)
            log_error("link is deaf: out of memory", "address=%s", link->address);
    }
}

void
link_report(struct link *link, const struct report *report)
{
    if (link->report == NULL || bus_send_report(link->report, report) != 0)
        ++*link->links->reports_dropped;
}

void
links_report(struct links *links, const struct report *report)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->links[i]->data != NULL)
            link_report(links->links[i], report);
}

uint64_t
link_origin(const struct link *link)
{
    return link->origin;
}

void
links_each(struct links *links, void (*each)(void *ctx, struct link *link), void *ctx)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->links[i]->data != NULL)
            each(ctx, links->links[i]);
}

unsigned
links_alive(const struct links *links, int64_t now_ms)
{
    unsigned alive = 0;

    for (size_t i = 0; i < links->count; i++)
        alive += (unsigned)link_is_alive(links->links[i], now_ms);
    return alive;
}
