/* The events of batches become items of a request. */
#include <stdlib.h>

#include "indexer/flight_parts.h"
#include "proto/base/fault.h"

static int
grow(struct flight *flight)
{
    size_t cap = flight->cap == 0 ? 2048 : flight->cap * 2;
    struct store_item *items = realloc(flight->items, cap * sizeof(*items));
    struct passenger *passengers;

    if (items == NULL)
        return -1;
    flight->items = items;
    passengers = realloc(flight->passengers, cap * sizeof(*passengers));
    if (passengers == NULL)
        return -1;
    flight->passengers = passengers;
    flight->cap = cap;
    return 0;
}

/* An event of batch number index. 0, or -1 with the reason. */
static int
board_event(struct flight *flight, struct waiting *owner, const struct event *ev,
            const struct batch_reader *reader, struct err *err)
{
    struct indexer *ix = flight->all->ix;
    const struct batch_head *head = &owner->batch.head;
    size_t start_at = flight->body.len;

    fault_on_text("indexer.event", reader->encoded);
    if (flight->count == flight->cap && grow(flight) != 0) {
        err_set(err, "out of memory");
        return -1;
    }
    flight->items[flight->count] = (struct store_item){
        .id = ev->id, .is_keyed = ev->is_keyed, .day = event_storage_day(ev),
        .journal = head->origin, .sequence = head->first + reader->index - 1 };
    if (ix->store->ops->bulk->add(ix->store, ev, &flight->items[flight->count], &flight->body,
                                  err) != 0)
        return -1;
    flight->passengers[flight->count++] = (struct passenger){
        owner, reader->encoded, start_at, flight->body.len - start_at };
    owner->left++;
    return 0;
}

/* Take back what boarded of a batch: it goes later, whole. */
static void
unboard(struct flight *flight, struct waiting *owner, size_t count, size_t body_len)
{
    flight->count = count;
    flight->body.len = body_len;
    owner->left = owner->dead = 0;
}

int
flight_board(struct flight *flight, struct waiting *owner)
{
    struct indexer *ix = flight->all->ix;
    size_t count = flight->count, body_len = flight->body.len;
    struct batch_reader reader;
    struct event ev = { 0 };
    struct err err;
    int rc, is_short_of_memory = 0;

    owner->left = owner->dead = owner->elsewhere = 0;
    rc = batch_reader_init(&reader, &owner->batch.head, owner->batch.body.ptr,
                           owner->batch.body.len, &err);
    while (rc >= 0 && (rc = batch_reader_next(&reader, &ev, &err)) == 1)
        if (board_event(flight, owner, &ev, &reader, &err) != 0) {
            is_short_of_memory = 1;
            break;
        }
    if (is_short_of_memory)
        indexer_wait(ix, &err);
    else if (rc < 0)
        is_short_of_memory = indexer_set_rest_aside(ix, owner, &reader, &err) != 0;
    if (is_short_of_memory)
        unboard(flight, owner, count, body_len);
    batch_reader_release(&reader);
    event_release(&ev);
    if (is_short_of_memory)
        return -1;
    owner->is_on_the_way = owner->left > 0;
    owner->is_written = owner->left == 0;
    return 0;
}
