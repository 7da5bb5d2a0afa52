/* put_events: what waits for its answer; the indexer sends _bulks itself. */
#include <stdlib.h>
#include <string.h>

#include "proto/store/elastic/elastic.h"

enum { AT_ONCE = 2000 };

static void
count_items(struct store_item *items, size_t count, struct store_written *written, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        written->inserted += items[i].outcome == ITEM_STORED;
        written->repeated += items[i].outcome == ITEM_REPEATED || items[i].outcome == ITEM_ELSEWHERE;
        written->elsewhere += items[i].outcome == ITEM_ELSEWHERE;
        written->refused += items[i].outcome == ITEM_REFUSED;
        if (items[i].outcome == ITEM_REFUSED)
            err_set(err, "%.400s", items[i].reason == NULL ? "refused" : items[i].reason);
    }
}

static void
free_reasons(struct store_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].reason);
        items[i].reason = NULL;
    }
}

static int
has_retry(const struct store_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].outcome == ITEM_RETRY || items[i].outcome == ITEM_UNKNOWN)
            return 1;
    return 0;
}

/* The whole event again: the view may lack its further fields. */
static int
add_event(struct elastic_store *store, const struct store_event *one, struct store_item *item,
          struct buf *body, struct err *err)
{
    msgpack_unpacked unpacked;
    struct event ev = { 0 };
    int rc;

    msgpack_unpacked_init(&unpacked);
    rc = event_unpack(one->encoded.ptr, one->encoded.len, &unpacked, &ev, err);
    if (rc == 0) {
        ev.id = one->ev->id;
        ev.is_keyed = one->ev->is_keyed;
        ev.received_us = one->ev->received_us;
        *item = (struct store_item){ .id = ev.id, .is_keyed = ev.is_keyed,
                                     .day = event_storage_day(one->ev), .journal = one->journal,
                                     .sequence = one->sequence };
        rc = elastic_bulk_ops.add(&store->base, &ev, item, body, err);
    }
    event_release(&ev);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

static enum store_outcome
put_some(struct elastic_store *store, const struct store_event *events, size_t count,
         struct store_item *items, struct store_written *ret_written, struct err *err)
{
    struct buf body = { 0 }, packed = { 0 };
    struct http_call call;
    struct http_answer answer = { 0 };
    enum store_answer said;
    enum store_outcome outcome = STORE_RETRY;
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_event(store, &events[i], &items[i], &body, err);
    if (rc != 0 || elastic_bulk_ops.call(&store->base, &body, &packed, &call, err) != 0) {
        buf_release(&body);
        buf_release(&packed);
        return STORE_UNCLEAR;
    }
    if (call.timeout_ms > ELASTIC_READ_LIMIT_MS)
        call.timeout_ms = ELASTIC_READ_LIMIT_MS;    /* somebody's loop waits for us */
    http_session_call(store->session, &call, &answer);
    said = elastic_bulk_ops.read(&store->base, &answer, items, count, err);
    http_answer_release(&answer);
    buf_release(&body);
    buf_release(&packed);
    if (said == ANSWER_SPLIT && count > 1) {
        outcome = put_some(store, events, count / 2, items, ret_written, err);
        if (outcome == STORE_DONE)
            outcome = put_some(store, events + count / 2, count - count / 2, items, ret_written, err);
        return outcome;
    }
    if (said == ANSWER_SPLIT) {
        ret_written->refused++;
        return STORE_DONE;
    }
    if (said == ANSWER_READ && !has_retry(items, count) &&
        elastic_bulk_ops.settle(&store->base, items, count, err) == 0)
        outcome = STORE_DONE;
    if (outcome == STORE_DONE)
        count_items(items, count, ret_written, err);
    free_reasons(items, count);
    return outcome;
}

enum store_outcome
elastic_put_events(struct store *base, const struct store_event *events, size_t count,
                   struct store_written *ret_written, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct store_item *items = calloc(AT_ONCE, sizeof(*items));
    enum store_outcome outcome = items == NULL ? STORE_RETRY : elastic_set_up(store, err);

    *ret_written = (struct store_written){ 0 };
    if (items == NULL)
        err_set(err, "store: out of memory");
    for (size_t done = 0; done < count && outcome == STORE_DONE;) {
        size_t some = count - done < AT_ONCE ? count - done : AT_ONCE;

        outcome = put_some(store, events + done, some, items, ret_written, err);
        done += some;
    }
    free(items);
    return outcome;
}
