#include "indexer/flight.h"

#include <stdlib.h>
#include <string.h>

#include "indexer/flight_parts.h"
#include "proto/base/clock.h"
#include "proto/base/hash.h"

enum { PAUSE_FIRST_MS = 250, PAUSE_LAST_MS = 5000, STOPPED_MS = 5000 };

static void start(struct flight *flight);

/* --- lifecycle --- */

struct flights *
flights_new(struct indexer *ix, struct err *err)
{
    struct flights *flights = calloc(1, sizeof(*flights));

    if (flights == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    flights->ix = ix;
    flights->requests = metrics_number(ix->daemon->metrics, METRIC_COUNTER,
        "bongsu_indexer_requests_total", "", "requests to the store that brought events");
    flights->retried_items = metrics_number(ix->daemon->metrics, METRIC_COUNTER,
        "bongsu_indexer_retried_events_total", "", "events that the store could not take yet");
    flights->on_the_way = metrics_number(ix->daemon->metrics, METRIC_GAUGE,
        "bongsu_indexer_requests_on_the_way", "", "requests that wait for their answer or their next try");
    flights->client = http_client_new(ix->daemon->loop, err);
    if (flights->client == NULL)
        flights_destroy(&flights);
    return flights;
}

/* A new body would be a megabyte of pages that the kernel has to clear. One that was
 * much larger than usual goes back. */
static void
put_aside(struct flights *flights, struct buf *body)
{
    size_t most = (size_t)flights->ix->daemon->settings->elastic_bulk_bytes * 2;

    if (body->cap == 0 || body->cap > most || flights->spare_count == FLIGHT_SPARES) {
        buf_release(body);
        return;
    }
    buf_clear(body);
    flights->spares[flights->spare_count++] = *body;
    *body = (struct buf){ 0 };
}

static void
flight_destroy(struct flight *flight)
{
    struct flight **place = &flight->all->first;

    while (*place != NULL && *place != flight)
        place = &(*place)->next;
    if (*place == flight)
        *place = flight->next;
    flight->all->count--;
    *flight->all->on_the_way = flight->all->count;
    if (flight->timer != 0)
        zloop_timer_end(flight->all->ix->daemon->loop, flight->timer);
    for (size_t i = 0; i < flight->count; i++)
        free(flight->items[i].reason);
    put_aside(flight->all, &flight->body);
    buf_release(&flight->packed);
    free(flight->items);
    free(flight->passengers);
    free(flight);
}

void
flights_destroy(struct flights **flights)
{
    if (*flights == NULL)
        return;
    http_client_destroy(&(*flights)->client);
    while ((*flights)->first != NULL)
        flight_destroy((*flights)->first);
    while ((*flights)->spare_count > 0)
        buf_release(&(*flights)->spares[--(*flights)->spare_count]);
    free(*flights);
    *flights = NULL;
}

static struct flight *
flight_new(struct flights *flights)
{
    struct flight *flight = calloc(1, sizeof(*flight));

    if (flight == NULL)
        return NULL;
    flight->all = flights;
    if (flights->spare_count > 0)
        flight->body = flights->spares[--flights->spare_count];
    flight->next = flights->first;
    flights->first = flight;
    *flights->on_the_way = ++flights->count;
    return flight;
}

int
flights_are_failing(const struct flights *flights)
{
    if (flights == NULL)
        return 0;
    for (const struct flight *flight = flights->first; flight != NULL; flight = flight->next)
        if (flight->is_failing)
            return 1;
    return 0;
}

/* --- departure --- */

static int
may_board(const struct waiting *item)
{
    return item->batch.kind == BUS_EVENTS && !item->is_on_the_way && !item->is_written &&
           !item->is_done;
}

/* One more flight, of as many batches as fit. 1, or 0 when nobody waits. */
static int
launch_one(struct flights *flights)
{
    const struct settings *settings = flights->ix->daemon->settings;
    struct flight *flight = NULL;

    for (size_t i = 0; i < flights->ix->queue_count; i++) {
        struct waiting *item = flights->ix->queue[i];

        if (!may_board(item))
            continue;
        if (flight == NULL && (flight = flight_new(flights)) == NULL)
            return 0;
        if (flight_board(flight, item) != 0 ||
            flight->count >= (size_t)settings->elastic_bulk_events ||
            flight->body.len >= (size_t)settings->elastic_bulk_bytes)
            break;
    }
    if (flight == NULL)
        return 0;
    if (flight->count == 0)
        flight_destroy(flight);
    else
        start(flight);
    return 1;
}

void
flights_launch(struct flights *flights)
{
    size_t most = (size_t)flights->ix->daemon->settings->elastic_in_flight;

    while (flights->count < most && !flights_are_failing(flights) && launch_one(flights))
        continue;
}

/* --- arrival --- */

/* Full jitter over the upper half: those that failed together do not come back together. */
static unsigned
pause_ms(const struct flight *flight, enum store_answer said)
{
    unsigned ms = PAUSE_FIRST_MS << (flight->tries < 5 ? flight->tries : 5);

    if (said == ANSWER_STOPPED)
        return STOPPED_MS;
    ms = ms > PAUSE_LAST_MS ? PAUSE_LAST_MS : ms;
    return ms / 2 + (unsigned)(hash_random64() % (ms / 2 + 1));
}

static int
on_pause_over(zloop_t *loop, int timer, void *self)
{
    struct flight *flight = self;

    (void)loop, (void)timer;
    flight->timer = 0;
    start(flight);
    return 0;
}

/* The store, not the events, is at fault. */
static void
wait_and_try_again(struct flight *flight, enum store_answer said, const struct err *why)
{
    struct indexer *ix = flight->all->ix;
    unsigned ms = pause_ms(flight, said);

    flight->tries++;
    flight->is_failing = 1;
    ix->is_store_unwell = 1;
    ++*ix->retries;
    health_set(ix->daemon->health, "store", 0, why->text);
    if (said == ANSWER_STOPPED)
        log_error("the store refuses us; everything is kept until that is mended", "reason=\"%s\"",
                  why->text);
    else
        log_warn_burst(&ix->burst, "store cannot be written, trying again", "in_ms=%u reason=\"%s\"",
                       ms, why->text);
    flight->timer = zloop_timer(ix->daemon->loop, ms, 1, on_pause_over, flight);
}

/* Passenger i has come to its end. */
static void
leave(struct flight *flight, size_t i)
{
    struct waiting *owner = flight->passengers[i].owner;

    free(flight->items[i].reason);
    flight->items[i].reason = NULL;
    if (--owner->left > 0)
        return;
    owner->is_on_the_way = 0;
    owner->is_written = 1;
}

/* 1 when it has left the flight, 0 when it goes once more. */
static int
settle_item(struct flight *flight, size_t i)
{
    struct indexer *ix = flight->all->ix;
    struct store_item *item = &flight->items[i];
    struct waiting *owner = flight->passengers[i].owner;

    switch (item->outcome) {
    case ITEM_STORED:
        ++*ix->stored;
        break;
    case ITEM_ELSEWHERE:
        owner->elsewhere++;
        ++*ix->repeated;
        break;
    case ITEM_REPEATED:
        ++*ix->repeated;
        break;
    case ITEM_REFUSED:          /* and set aside */
        owner->dead++;
        break;
    case ITEM_RETRY:
    case ITEM_UNKNOWN:
        ++*flight->all->retried_items;
        return 0;
    }
    leave(flight, i);
    return 1;
}

/* All that were refused, with one wait for the disk; they go once more when that fails. */
static void
set_refused_aside(struct flight *flight)
{
    struct dead_letter *letters = NULL;
    size_t count = 0;
    int rc = 0;

    for (size_t i = 0; i < flight->count; i++)
        count += flight->items[i].outcome == ITEM_REFUSED;
    if (count == 0)
        return;
    letters = calloc(count, sizeof(*letters));
    count = 0;
    for (size_t i = 0; i < flight->count && letters != NULL; i++) {
        const struct store_item *item = &flight->items[i];

        if (item->outcome == ITEM_REFUSED)
            letters[count++] = (struct dead_letter){
                .key = { item->id, item->is_keyed ? item->day : 0 },
                .received_us = flight->passengers[i].owner->batch.head.received_us,
                .reason = text_of(item->reason == NULL ? "refused" : item->reason),
                .encoded = flight->passengers[i].encoded };
    }
    rc = letters == NULL ? -1 : indexer_set_all_aside(flight->all->ix, letters, count);
    for (size_t i = 0; i < flight->count && rc != 0; i++)
        if (flight->items[i].outcome == ITEM_REFUSED)
            flight->items[i].outcome = ITEM_RETRY;
    free(letters);
}

/* Those that stay move together, with their lines of the body. */
static void
settle_items(struct flight *flight)
{
    size_t kept = 0, body_len = 0;

    set_refused_aside(flight);
    for (size_t i = 0; i < flight->count; i++) {
        struct passenger passenger = flight->passengers[i];

        if (settle_item(flight, i))
            continue;
        memmove(flight->body.ptr + body_len, flight->body.ptr + passenger.start, passenger.len);
        passenger.start = body_len;
        body_len += passenger.len;
        flight->items[kept] = flight->items[i];
        flight->items[kept].outcome = ITEM_UNKNOWN;
        flight->passengers[kept++] = passenger;
    }
    flight->count = kept;
    flight->body.len = body_len;
}

/* The second half gets a flight of its own. 0, or -1 when out of memory. */
static int
split(struct flight *flight)
{
    size_t half = flight->count / 2, rest = flight->count - half;
    size_t from = flight->passengers[half].start;
    struct flight *other = flight_new(flight->all);

    if (other == NULL)
        return -1;
    other->items = calloc(rest, sizeof(*other->items));
    other->passengers = calloc(rest, sizeof(*other->passengers));
    if (other->items == NULL || other->passengers == NULL ||
        buf_append(&other->body, flight->body.ptr + from, flight->body.len - from) != 0) {
        flight_destroy(other);
        return -1;
    }
    other->count = other->cap = rest;
    for (size_t i = 0; i < rest; i++) {
        other->items[i] = flight->items[half + i];
        other->passengers[i] = flight->passengers[half + i];
        other->passengers[i].start -= from;
    }
    flight->count = half;
    flight->body.len = from;
    start(other);
    return 0;
}

/* A request that was refused whole: in halves, and one alone is at fault itself. */
static void
divide(struct flight *flight, const struct err *why)
{
    if (flight->count == 1) {
        flight->items[0].outcome = ITEM_REFUSED;
        free(flight->items[0].reason);
        flight->items[0].reason = strdup(why->text);
        settle_items(flight);
    } else if (split(flight) == 0) {
        start(flight);
        return;
    }
    if (flight->count > 0)
        wait_and_try_again(flight, ANSWER_RETRY, why);
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
    struct flight *flight = ctx;
    struct indexer *ix = flight->all->ix;
    const struct store_bulk_ops *bulk = ix->store->ops->bulk;
    struct err err = { "" };
    enum store_answer said = bulk->read(ix->store, answer, flight->items, flight->count, &err);

    ++*flight->all->requests;
    flight->is_failing = 0;
    if (said == ANSWER_READ && bulk->settle(ix->store, flight->items, flight->count, &err) != 0)
        said = ANSWER_RETRY;
    if (said == ANSWER_SPLIT) {
        divide(flight, &err);
    } else {
        if (said == ANSWER_READ)
            settle_items(flight);
        if (flight->count > 0)
            wait_and_try_again(flight, said, &err);
    }
    if (flight->count == 0) {
        ++*ix->commits;
        flight_destroy(flight);
    }
    indexer_arrived(ix);
}

static void
start(struct flight *flight)
{
    struct indexer *ix = flight->all->ix;
    struct http_call call;
    struct err err;

    if (ix->store->ops->bulk->call(ix->store, &flight->body, &flight->packed, &call, &err) != 0 ||
        http_client_start(flight->all->client, &call, on_answer, flight, &err) != 0)
        wait_and_try_again(flight, ANSWER_RETRY, &err);
}

void
flights_finish(struct flights *flights, int timeout_ms)
{
    if (flights != NULL)
        http_client_finish(flights->client, timeout_ms);
}
