/*
 * read_ahead.h - the events of a row, a few read before the first of them is judged
 *
 * So the engine hears what comes next, and fetches the rows of those keys meanwhile.
 * Each event is given out once, in order; what a broken one is refused for is said when
 * all before it were given out.
 */
#ifndef DETECTOR_READ_AHEAD_H
#define DETECTOR_READ_AHEAD_H

#include "detector/engine/engine.h"
#include "proto/codec_msgpack.h"

struct ahead_event {
    struct event event;
    struct text encoded;        /* its map, as it stands in the body */
    uint64_t sequence;
    msgpack_unpacked unpacked;  /* what the event borrows beside the body */
};

struct read_ahead {
    struct ahead_event events[ENGINE_AHEAD + 1];
    size_t first, count, most;
    struct batch_reader reader;
    struct engine *engine;
    int rc;                     /* of the reader's last step, and why */
    struct err err;
};

/* Begin with a row (zero the struct once); one_by_one: without reading ahead. -1 with the
 * reason when it is no row. */
int read_ahead_begin(struct read_ahead *ahead, struct engine *engine,
                     const struct batch_head *head, struct text body, int one_by_one,
                     struct err *err);

/* The next event, good until the next call. 1, 0 at the end, -1 with the reason. */
int read_ahead_next(struct read_ahead *ahead, struct ahead_event **ret_event,
                    struct err *err);

/* Done with the row (also when it did not begin); and with all. */
void read_ahead_end(struct read_ahead *ahead);
void read_ahead_release(struct read_ahead *ahead);

#endif
