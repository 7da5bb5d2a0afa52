#include "indexer/indexer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "indexer/flight.h"
#include "indexer/letters.h"
#include "proto/base/clock.h"
#include "proto/base/hash.h"
#include "proto/endpoints.h"

enum { REPORT_MS = 1000, RETAIN_MS = 60000, DRAIN_MS = 5000, MAX_BYTES = 16 * 1024 * 1024, MAX_ORIGINS = 16 };

int
indexer_is_full(const struct indexer *ix)
{
    return ix->queue_count == INDEXER_MAX_QUEUE || ix->queue_bytes >= MAX_BYTES;
}

static int
on_write_due(zloop_t *loop, int timer, void *self)
{
    struct indexer *ix = self;

    (void)loop, (void)timer;
    if (ix->is_write_due)
        indexer_write(ix);
    return 0;
}

/* Wait for more, but not for long: an incident's evidence should be there
 * when somebody follows the link. */
void
indexer_write_soon(struct indexer *ix)
{
    if (ix->is_write_due)
        return;
    ix->is_write_due = 1;
    zloop_timer(ix->daemon->loop, (size_t)ix->daemon->settings->indexer_batch_ms, 1,
                on_write_due, ix);
}

size_t
indexer_waiting_events(const struct indexer *ix)
{
    size_t events = 0;

    for (size_t i = 0; i < ix->queue_count; i++)
        if (!ix->queue[i]->is_on_the_way)
            events += ix->queue[i]->batch.head.count;
    return events;
}

/* How many make a request or a transaction. */
static size_t
enough(const struct indexer *ix)
{
    const struct settings *settings = ix->daemon->settings;

    return (size_t)(ix->flights != NULL ? settings->elastic_bulk_events
                                        : settings->indexer_batch_events);
}

void
waiting_destroy(struct waiting **item)
{
    bus_batch_release(&(*item)->batch);
    free(*item);
    *item = NULL;
}

int
indexer_on_batch(void *self, struct link *link, struct bus_batch *batch)
{
    struct indexer *ix = self;
    struct waiting *item;

    if (batch->head.count == 0)
        return 0;
    for (size_t i = 0; i < ix->queue_count; i++)    /* sent again while we hold it */
        if (ix->queue[i]->batch.head.first == batch->head.first &&
            ix->queue[i]->batch.head.origin == batch->head.origin)
            return 0;
    if (ix->queue_count == INDEXER_MAX_QUEUE) {
        ++*ix->turned_away;                         /* it will be sent again */
        return 1;
    }
    item = calloc(1, sizeof(*item));
    if (item == NULL) {
        ++*ix->turned_away;
        return 1;
    }
    *item = (struct waiting){ .link = link, .batch = *batch };
    ix->queue[ix->queue_count++] = item;
    batch->msg = NULL;                              /* ours now */
    ix->queue_events += batch->head.count;
    ix->queue_bytes += batch->body.len;
    *ix->held = ix->queue_count;
    /* a full queue does not wait for more: the next batch would find no place */
    if (indexer_waiting_events(ix) >= enough(ix) || indexer_is_full(ix))
        indexer_write(ix);
    else
        indexer_write_soon(ix);
    return indexer_is_full(ix);
}

/* The keys of a link's batches of one origin: what is done, what is held. */
struct keys {
    uint64_t origin;
    size_t acked_count, held_count;
    uint64_t acked[INDEXER_MAX_QUEUE], held[INDEXER_MAX_QUEUE];
};

static void
collect(const struct indexer *ix, const struct link *link, struct keys *keys)
{
    keys->acked_count = keys->held_count = 0;
    for (size_t i = 0; i < ix->queue_count; i++) {
        const struct waiting *item = ix->queue[i];

        if (item->link != link || item->batch.head.origin != keys->origin)
            continue;
        if (item->is_done)
            keys->acked[keys->acked_count++] = item->batch.head.first;
        else
            keys->held[keys->held_count++] = item->batch.head.first;
    }
}

/* Every origin that this link has brought and that still waits, one report each. */
static void
report_link(void *ctx, struct link *link)
{
    static struct keys keys;
    struct indexer *ix = ctx;
    uint64_t told[MAX_ORIGINS];
    size_t told_count = 1;

    told[0] = link_origin(link);
    for (size_t i = 0; i < ix->queue_count; i++) {
        uint64_t origin = ix->queue[i]->batch.head.origin;
        int is_new = ix->queue[i]->link == link && told_count < MAX_ORIGINS;

        for (size_t t = 0; t < told_count; t++)
            is_new = is_new && told[t] != origin;
        if (is_new)
            told[told_count++] = origin;
    }
    for (size_t t = 0; t < told_count; t++) {
        struct report_origin part = { .origin = told[t], .acked = keys.acked, .held = keys.held };
        struct report report = { .consumer = "index", .boot = ix->boot, .origins = &part,
                                 .origin_count = told[t] != 0 };

        keys.origin = told[t];
        collect(ix, link, &keys);
        part.acked_count = keys.acked_count;
        part.held_count = keys.held_count;
        link_report(link, &report);
    }
}

void
indexer_report(struct indexer *ix)
{
    fan_each(ix->events, report_link, ix);
    fan_each(ix->incidents, report_link, ix);
}

static int
on_second(zloop_t *loop, int timer, void *self)
{
    struct indexer *ix = self;

    (void)loop, (void)timer;
    if (ix->events == NULL)
        return 0;
    if (ix->retry_at_ms != 0)
        indexer_write(ix);
    indexer_report(ix);
    health_set(ix->daemon->health, "ingest",
               fan_alive(ix->events, clock_steady_ms()) > 0, "no ingest is heard");
    return 0;
}

static int
on_retain(zloop_t *loop, int timer, void *self)
{
    struct indexer *ix = self;
    unsigned deleted = 0;
    struct err err;

    (void)loop, (void)timer;
    if (ix->events == NULL)
        return 0;
    if (ix->store->ops->retain(ix->store, clock_real_us(), &deleted, &err) != 0)
        log_warn_burst(&ix->burst, "retention failed", "reason=\"%s\"", err.text);
    *ix->files_deleted += deleted;
    if (deleted > 0)
        log_info("retention deleted day files", "files=%u", deleted);
    return 0;
}

static void
fill_status(void *self, json_t *status)
{
    struct indexer *ix = self;

    json_object_set_new(status, "number", json_integer(ix->number));
    json_object_set_new(status, "is_writing", json_boolean(ix->events != NULL));
    json_object_set_new(status, "held_batches", json_integer((json_int_t)ix->queue_count));
    json_object_set_new(status, "held_events", json_integer((json_int_t)ix->queue_events));
    json_object_set_new(status, "store", json_string(ix->store == NULL ? "" : ix->store->ops->name));
    json_object_set_new(status, "dead_letters", json_integer((json_int_t)(
        poison_count(ix->poison) + letters_in_store(ix->letters))));
    json_object_set_new(status, "dead_letters_in_store",
                        json_integer((json_int_t)letters_in_store(ix->letters)));
}

static void
open_metrics(struct indexer *ix)
{
    const struct { uint64_t **number; enum metric_kind kind; const char *name, *help; } rows[] = {
        { &ix->stored, METRIC_COUNTER, "bongsu_indexer_events_stored_total", "events written to the store" },
        { &ix->repeated, METRIC_COUNTER, "bongsu_indexer_events_repeated_total", "events that were stored already" },
        { &ix->incidents_stored, METRIC_COUNTER, "bongsu_indexer_incidents_total", "incident snapshots applied" },
        { &ix->dead, METRIC_COUNTER, "bongsu_indexer_dead_letters_total", "events set aside, with the reason" },
        { &ix->retries, METRIC_COUNTER, "bongsu_indexer_retries_total", "writes put off: full disk or a lock" },
        { &ix->commits, METRIC_COUNTER, "bongsu_indexer_commits_total", "transactions of events" },
        { &ix->turned_away, METRIC_COUNTER, "bongsu_indexer_batches_turned_away_total", "batches that found the queue full; they are sent again" },
        { &ix->files_deleted, METRIC_COUNTER, "bongsu_indexer_files_deleted_total", "day files deleted by retention" },
        { &ix->held, METRIC_GAUGE, "bongsu_indexer_held_batches", "batches that wait for the store" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(ix->daemon->metrics, rows[i].kind, rows[i].name, "",
                                         rows[i].help);
}

/* The first number that no other has: its dead letters are ours. */
static int
take_number(struct indexer *ix, struct err *err)
{
    const char *dir = ix->daemon->settings->data_dir;
    char lock[4096], dead[4096];
    int fd = -1;

    for (ix->number = 0; fd < 0 && ix->number < DAEMON_MAX_REPLICAS; ix->number++) {
        snprintf(lock, sizeof(lock), "%s/indexer-%d.lock", dir, ix->number);
        fd = daemon_lock(lock, err);
        if (fd < 0 && errno != EWOULDBLOCK)
            return -1;
    }
    if (fd < 0)
        return -1;
    ix->number--;
    if (ix->number == 0)
        snprintf(dead, sizeof(dead), "%s/indexer-deadletter.db", dir);
    else
        snprintf(dead, sizeof(dead), "%s/indexer-%d-deadletter.db", dir, ix->number);
    ix->poison = poison_open(dead, clock_steady_ms(), err);
    return ix->poison == NULL ? -1 : 0;
}

static int
open_links(struct indexer *ix, struct err *err)
{
    const struct daemon *daemon = ix->daemon;
    struct fan_spec spec = {
        .settings = daemon->settings, .data = ENDPOINT_INDEX, .report = ENDPOINT_INGEST_REPORT,
        .slots = 1, .on_batch = indexer_on_batch, .self = ix,
    };

    ix->events = fan_new(daemon->loop, &spec, daemon->metrics, err);
    if (ix->events == NULL)
        return -1;
    spec.data = ENDPOINT_INCIDENTS;
    spec.report = ENDPOINT_INCIDENT_REPORT;
    spec.slots = (int)daemon->settings->detector_slots;
    ix->incidents = fan_new(daemon->loop, &spec, daemon->metrics, err);
    return ix->incidents == NULL ? -1 : 0;
}

/* From here on this one writes. */
static int
begin_work(void *self, struct err *err)
{
    struct indexer *ix = self;

    ix->store = store_open(ix->daemon->settings, STORE_WRITE, err);
    if (ix->store == NULL)
        return -1;
    if (ix->store->ops->bulk != NULL && (ix->flights = flights_new(ix, err)) == NULL)
        return -1;
    if (open_links(ix, err) != 0)
        return -1;
    indexer_report(ix);
    return 0;
}

/* The embedded store takes one writer at a time: the others stand by. */
static int
wait_for_turn(struct indexer *ix, struct err *err)
{
    struct store *store = store_open(ix->daemon->settings, STORE_READ, err);
    char lock[4096];
    int is_alone;

    if (store == NULL)
        return -1;
    is_alone = strcmp(store->ops->name, "sqlite") == 0;
    store_close(&store);
    if (!is_alone)
        return begin_work(ix, err);
    snprintf(lock, sizeof(lock), "%s/indexer.lock", ix->daemon->settings->data_dir);
    ix->turn = turn_new(ix->daemon, lock, begin_work, ix, err);
    return ix->turn == NULL ? -1 : 0;
}

static void
indexer_destroy(void **self)
{
    struct indexer *ix = *self;

    if (ix == NULL)
        return;
    turn_destroy(&ix->turn);
    letters_destroy(&ix->letters);
    flights_destroy(&ix->flights);
    fan_destroy(&ix->events);
    fan_destroy(&ix->incidents);
    for (size_t i = 0; i < ix->queue_count; i++)
        waiting_destroy(&ix->queue[i]);
    store_close(&ix->store);
    poison_close(&ix->poison);
    free(ix->rows);
    free(ix->views);
    free(ix->owners);
    free(ix);
    *self = NULL;
}

static int
indexer_start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code,
              struct err *err)
{
    struct indexer *ix;

    *ret_code = EXIT_CONFIG;
    if (is_check)
        return 0;
    ix = calloc(1, sizeof(*ix));
    if (ix == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    *ret_self = ix;
    ix->daemon = daemon;
    ix->boot = hash_random64();
    open_metrics(ix);
    if (take_number(ix, err) != 0 || wait_for_turn(ix, err) != 0 ||
        (ix->letters = letters_new(ix, err)) == NULL)
        return -1;
    health_on_status(daemon->health, fill_status, ix);
    zloop_timer(daemon->loop, REPORT_MS, 0, on_second, ix);
    zloop_timer(daemon->loop, RETAIN_MS, 0, on_retain, ix);
    return 0;
}

/* What is here and can be written is; the rest is still in the journals. */
static void
indexer_drain(void *self)
{
    struct indexer *ix = self;

    if (ix->events == NULL)
        return;
    fan_pause(ix->events, 1);
    fan_pause(ix->incidents, 1);
    ix->incidents_at_ms = 0;
    indexer_write(ix);
    flights_finish(ix->flights, DRAIN_MS);
}

const struct daemon_spec indexer_spec = {
    .name = "indexer",
    .help = "writes events and incidents to the store, each once",
    .start = indexer_start,
    .drain = indexer_drain,
    .destroy = indexer_destroy,
};
