#include "proto/run/sender.h"

#include <stdlib.h>

enum {
    MAX_CONSUMERS = 64,         /* remembered, the gone ones too */
    STRANDED_MS = 1000,         /* after a hello its first word on what it holds is due */
    SCAN_MS = 50                /* how finely the time of a resend is looked at */
};

struct consumer {
    uint64_t boot;
    int64_t hello_ms;           /* its first report */
    int64_t last_ms;            /* its latest */
    int is_gone;                /* silent for SENDER_CONSUMER_GONE_MS */
};

struct flight {
    uint64_t key;
    uint64_t holder;            /* boot that last reported it held since it was sent */
    int64_t touched_ms;         /* sent, or last reported as held */
    uint32_t bytes;
    int is_acked;
};

struct sender {
    struct sender_source source;
    struct sender_numbers numbers;
    uint64_t frontier;
    uint64_t last;              /* key of the newest batch ever sent */
    struct flight *flights;     /* a ring in the order of keys */
    size_t head, count, cap;    /* cap is a power of two, or 0 */
    int64_t scan_at_ms;         /* no flight can be due before; INT64_MIN: look now */
    size_t refused_bytes;       /* of the next batch, which did not fit; 0: unknown */
    struct consumer consumers[MAX_CONSUMERS];
    size_t consumer_count;
};

static struct flight *
flight_at(const struct sender *sender, size_t i)
{
    return &sender->flights[(sender->head + i) & (sender->cap - 1)];
}

static struct flight *
flight_find(const struct sender *sender, uint64_t key)
{
    size_t low = 0, high = sender->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct flight *flight = flight_at(sender, middle);

        if (flight->key == key)
            return flight;
        if (flight->key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Room for one more; the ring is laid out anew, head first, when it grows. */
static int
flights_reserve(struct sender *sender)
{
    size_t cap = sender->cap == 0 ? 64 : sender->cap * 2;
    struct flight *flights;

    if (sender->count < sender->cap)
        return 0;
    flights = calloc(cap, sizeof(*flights));
    if (flights == NULL)
        return -1;
    for (size_t i = 0; i < sender->count; i++)
        flights[i] = *flight_at(sender, i);
    free(sender->flights);
    sender->flights = flights;
    sender->head = 0;
    sender->cap = cap;
    return 0;
}

/* What is finished at the old end moves the frontier. */
static void
frontier_advance(struct sender *sender)
{
    while (sender->count > 0 && flight_at(sender, 0)->is_acked) {
        sender->frontier = flight_at(sender, 0)->key;
        sender->head = (sender->head + 1) & (sender->cap - 1);
        sender->count--;
    }
}

static void
flight_finish(struct sender *sender, struct flight *flight)
{
    flight->is_acked = 1;
    sender->numbers.in_flight--;
    sender->numbers.in_flight_bytes -= flight->bytes;
}

static void
scan_not_after(struct sender *sender, int64_t at_ms)
{
    if (at_ms < sender->scan_at_ms)
        sender->scan_at_ms = at_ms;
}

static struct consumer *
consumer_find(struct sender *sender, uint64_t boot)
{
    for (size_t i = 0; i < sender->consumer_count; i++)
        if (sender->consumers[i].boot == boot)
            return &sender->consumers[i];
    return NULL;
}

/* A place for a new consumer: the one gone longest makes room. NULL while
 * all are alive; then only its acks count. */
static struct consumer *
consumer_add(struct sender *sender)
{
    struct consumer *oldest = NULL;

    if (sender->consumer_count < MAX_CONSUMERS)
        return &sender->consumers[sender->consumer_count++];
    for (size_t i = 0; i < sender->consumer_count; i++) {
        struct consumer *consumer = &sender->consumers[i];

        if (consumer->is_gone && (oldest == NULL || consumer->last_ms < oldest->last_ms))
            oldest = consumer;
    }
    return oldest;
}

/* One that was only stopped keeps its hello: what was sent to it waits in
 * its pipe still, and is not taken for stranded. */
static void
consumer_renew(struct sender *sender, uint64_t boot, int64_t now_ms)
{
    struct consumer *consumer = consumer_find(sender, boot);

    if (consumer == NULL) {
        consumer = consumer_add(sender);
        if (consumer == NULL)
            return;
        *consumer = (struct consumer){ .boot = boot, .hello_ms = now_ms, .is_gone = 1 };
        sender->scan_at_ms = INT64_MIN;
    }
    if (consumer->is_gone)
        sender->numbers.consumers++;
    consumer->is_gone = 0;
    consumer->last_ms = now_ms;
}

static void
consumers_age(struct sender *sender, int64_t now_ms)
{
    for (size_t i = 0; i < sender->consumer_count; i++) {
        struct consumer *consumer = &sender->consumers[i];

        if (consumer->is_gone || now_ms - consumer->last_ms < SENDER_CONSUMER_GONE_MS)
            continue;
        consumer->is_gone = 1;
        sender->numbers.consumers--;
        sender->scan_at_ms = INT64_MIN;
    }
}

/* Batches that nobody held and that were sent before this hello went to a pipe
 * whose reader is dead: all who are alive came later. */
static int64_t
oldest_hello(const struct sender *sender)
{
    int64_t oldest_ms = INT64_MAX;

    for (size_t i = 0; i < sender->consumer_count; i++) {
        const struct consumer *consumer = &sender->consumers[i];

        if (!consumer->is_gone && consumer->hello_ms < oldest_ms)
            oldest_ms = consumer->hello_ms;
    }
    return oldest_ms;
}

/* When the flight is to be sent again: at once, or when its time has run out. */
static int64_t
flight_due_ms(struct sender *sender, const struct flight *flight, int64_t stranded_ms)
{
    const struct consumer *holder;

    if (flight->holder == 0)
        return flight->touched_ms < stranded_ms ? INT64_MIN
                                                : flight->touched_ms + SENDER_RESEND_MS;
    holder = consumer_find(sender, flight->holder);
    if (holder != NULL && holder->is_gone)
        return INT64_MIN;
    return flight->touched_ms + SENDER_RESEND_MS;
}

/* 1 sent, 0 the socket takes nothing now, -1 with the source's reason. */
static int
flight_resend(struct sender *sender, struct flight *flight, int64_t now_ms,
              struct err *err)
{
    struct batch_head head;
    struct text body;
    int rc = sender->source.next(sender->source.ctx, flight->key - 1, &head, &body, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || head.first != flight->key) {
        /* superseded or removed at its source: nobody needs it any more */
        flight_finish(sender, flight);
        sender->numbers.gone++;
        return 1;
    }
    head.is_again = 1;
    if (sender->source.send(sender->source.ctx, &head, body) != 0)
        return 0;
    flight->holder = 0;
    flight->touched_ms = now_ms;
    sender->numbers.resent++;
    return 1;
}

static uint64_t
window_bytes(const struct sender *sender)
{
    return sender->numbers.consumers * (uint64_t)SENDER_WINDOW_BYTES;
}

/* What is on the way and not due: it fills the window already. */
static uint64_t
fresh_bytes(struct sender *sender, int64_t stranded_ms, int64_t now_ms)
{
    uint64_t fresh = 0;

    for (size_t i = 0; i < sender->count; i++) {
        const struct flight *flight = flight_at(sender, i);

        if (!flight->is_acked && flight_due_ms(sender, flight, stranded_ms) > now_ms)
            fresh += flight->bytes;
    }
    return fresh;
}

/* Send what is due, oldest first. */
static int
resend_due(struct sender *sender, int64_t now_ms, struct err *err)
{
    int64_t stranded_ms = oldest_hello(sender), next_ms = INT64_MAX;
    uint64_t fresh;
    int rc = 1;

    if (now_ms < stranded_ms + STRANDED_MS) {
        next_ms = stranded_ms + STRANDED_MS;    /* it may yet say that it holds them */
        stranded_ms = INT64_MIN;
    }

    fresh = fresh_bytes(sender, stranded_ms, now_ms);
    for (size_t i = 0; i < sender->count && rc == 1; i++) {
        struct flight *flight = flight_at(sender, i);
        int64_t due_ms;

        if (flight->is_acked)
            continue;
        due_ms = flight_due_ms(sender, flight, stranded_ms);
        if (due_ms <= now_ms) {
            if (fresh > 0 && fresh + flight->bytes > window_bytes(sender))
                rc = 0;
            else
                rc = flight_resend(sender, flight, now_ms, err);
            fresh += flight->bytes;
            due_ms = now_ms + SENDER_RESEND_MS;
        }
        if (due_ms < next_ms)
            next_ms = due_ms;
    }
    if (next_ms < now_ms + SCAN_MS)
        next_ms = now_ms + SCAN_MS;
    sender->scan_at_ms = rc == 1 ? next_ms : now_ms;    /* what is left goes first */
    frontier_advance(sender);
    return rc;
}

/* 1 sent, 0 nothing to send or no room for it, -1 with the reason. */
static int
send_next(struct sender *sender, int64_t now_ms, struct err *err)
{
    uint64_t in_flight = sender->numbers.in_flight_bytes;
    struct batch_head head;
    struct text body;
    int rc;

    if (in_flight > 0 && in_flight + sender->refused_bytes > window_bytes(sender))
        return 0;
    rc = sender->source.next(sender->source.ctx, sender->last, &head, &body, err);
    if (rc <= 0)
        return rc;
    if (head.first <= sender->last || body.len > UINT32_MAX) {
        err_set(err, "batch %llu came after batch %llu, with %zu bytes",
                (unsigned long long)head.first, (unsigned long long)sender->last,
                body.len);
        return -1;
    }
    sender->refused_bytes = body.len;
    if (in_flight > 0 && in_flight + body.len > window_bytes(sender))
        return 0;
    if (flights_reserve(sender) != 0) {
        err_set(err, "out of memory");
        return -1;
    }
    head.is_again = head.first <= sender->source.sent_before;
    if (sender->source.send(sender->source.ctx, &head, body) != 0)
        return 0;
    sender->last = head.first;
    sender->refused_bytes = 0;
    *flight_at(sender, sender->count++) = (struct flight){
        .key = head.first, .bytes = (uint32_t)body.len, .touched_ms = now_ms };
    sender->numbers.sent++;
    sender->numbers.in_flight++;
    sender->numbers.in_flight_bytes += body.len;
    scan_not_after(sender, now_ms + SENDER_RESEND_MS);
    return 1;
}

struct sender *
sender_new(const struct sender_source *source, uint64_t frontier)
{
    struct sender *sender = calloc(1, sizeof(*sender));

    if (sender != NULL)
        *sender = (struct sender){ .source = *source, .frontier = frontier,
                                   .last = frontier, .scan_at_ms = INT64_MAX };
    return sender;
}

void
sender_destroy(struct sender **sender)
{
    if (*sender != NULL)
        free((*sender)->flights);
    free(*sender);
    *sender = NULL;
}

int
sender_pump(struct sender *sender, int64_t now_ms, struct err *err)
{
    int rc = 1;

    consumers_age(sender, now_ms);
    if (sender->numbers.consumers == 0)
        return 0;           /* without a peer a batch would only wait in the socket */
    if (now_ms >= sender->scan_at_ms)
        rc = resend_due(sender, now_ms, err);
    while (rc == 1)
        rc = sender->count < SENDER_MAX_FLIGHTS ? send_next(sender, now_ms, err) : 0;
    return rc < 0 ? -1 : 0;
}

void
sender_report(struct sender *sender, uint64_t boot, const struct report_origin *part,
              int64_t now_ms)
{
    struct flight *flight;

    consumers_age(sender, now_ms);
    consumer_renew(sender, boot, now_ms);
    for (size_t i = 0; i < part->held_count; i++) {
        flight = flight_find(sender, part->held[i]);
        if (flight == NULL)
            continue;
        flight->holder = boot;
        flight->touched_ms = now_ms;
    }
    for (size_t i = 0; i < part->acked_count; i++) {
        flight = flight_find(sender, part->acked[i]);
        if (flight == NULL || flight->is_acked)
            continue;
        flight_finish(sender, flight);
        sender->numbers.acked++;
    }
    frontier_advance(sender);
}

uint64_t
sender_frontier(const struct sender *sender)
{
    return sender->frontier;
}

struct sender_numbers
sender_numbers(const struct sender *sender)
{
    return sender->numbers;
}
