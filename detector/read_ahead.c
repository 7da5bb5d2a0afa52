#include "detector/read_ahead.h"

#include <string.h>

int
read_ahead_begin(struct read_ahead *ahead, struct engine *engine,
                 const struct batch_head *head, struct text body, int one_by_one,
                 struct err *err)
{
    ahead->engine = engine;
    ahead->first = ahead->count = 0;
    ahead->most = one_by_one ? 1 : ENGINE_AHEAD + 1;
    ahead->rc = 1;
    for (size_t i = 0; i <= ENGINE_AHEAD; i++)
        msgpack_unpacked_init(&ahead->events[i].unpacked);
    return batch_reader_init(&ahead->reader, head, body.ptr, body.len, err);
}

/* Read the next one into the place behind the others. */
static void
read_one(struct read_ahead *ahead)
{
    size_t at = (ahead->first + ahead->count) % (ENGINE_AHEAD + 1);
    struct ahead_event *one = &ahead->events[at];
    struct batch_reader *reader = &ahead->reader;
    const msgpack_unpacked own = reader->unpacked;

    /* the reader keeps what only its last event borrows: here each has its own */
    reader->unpacked = one->unpacked;
    ahead->rc = batch_reader_next(reader, &one->event, &ahead->err);
    one->unpacked = reader->unpacked;
    reader->unpacked = own;
    if (ahead->rc != 1)
        return;
    one->encoded = reader->encoded;
    one->sequence = reader->head.first + reader->index - 1;
    ahead->count++;
    if (ahead->most > 1)
        engine_expect(ahead->engine, &one->event);
}

int
read_ahead_next(struct read_ahead *ahead, struct ahead_event **ret_event, struct err *err)
{
    while (ahead->rc == 1 && ahead->count < ahead->most)
        read_one(ahead);
    if (ahead->count == 0) {
        if (ahead->rc < 0)
            *err = ahead->err;
        return ahead->rc;
    }
    *ret_event = &ahead->events[ahead->first];
    ahead->first = (ahead->first + 1) % (ENGINE_AHEAD + 1);
    ahead->count--;
    return 1;
}

void
read_ahead_end(struct read_ahead *ahead)
{
    for (size_t i = 0; i <= ENGINE_AHEAD; i++)
        msgpack_unpacked_destroy(&ahead->events[i].unpacked);
    batch_reader_release(&ahead->reader);
}

void
read_ahead_release(struct read_ahead *ahead)
{
    for (size_t i = 0; i <= ENGINE_AHEAD; i++)
        event_release(&ahead->events[i].event);
}
