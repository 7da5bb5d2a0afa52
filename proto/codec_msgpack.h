/*
 * codec_msgpack.h - events as msgpack, on the wire, in the journal and in the store
 *
 * An event is a map: a known field's key is its number in event_fields[], a
 * further field's key is its name; two more numbers carry at_us and a
 * client-keyed id. A batch (a journal row) is an array of such maps whose
 * ids follow from its head. A reader skips a number it does not know.
 */
#ifndef PROTO_CODEC_MSGPACK_H
#define PROTO_CODEC_MSGPACK_H

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/event.h"

enum { WIRE_AT = 100, WIRE_KEYED_ID = 101 };    /* map keys beside event_fields[] */

/* The largest encoded event, and the largest body of a batch. */
#define EVENT_MAX_BYTES ((size_t)512 * 1024)
#define BATCH_MAX_BYTES ((size_t)1024 * 1024)

/* What is said of a whole batch. */
struct batch_head {
    uint64_t origin;        /* journal id (or the detector's state file id) */
    uint32_t nonce;         /* of the opening that wrote it */
    uint64_t first;         /* sequence of the first event; the batch's key */
    uint32_t count;         /* events in it */
    uint64_t previous;      /* last sequence before it in this origin, 0: none */
    int64_t received_us;    /* when it was journalled */
    uint64_t oldest;        /* `first` of the oldest batch still held */
    uint32_t is_again;      /* may have been sent before; 0: surely not */
};

/* Append the event as a map. 0, or -1 when out of memory. */
int event_pack(const struct event *ev, struct buf *out);

/* Append a value (nested ones as well). 0, or -1 when out of memory. */
int value_pack(const struct value *value, struct buf *out);

/* Append an array header for n events, so that a body is header + maps. */
int batch_pack_count(uint32_t n, struct buf *out);

/* Walks the events of a batch body; everything read borrows the body and the
 * reader, until the next step. */
struct batch_reader {
    struct batch_head head;
    const char *body;
    size_t len, offset;
    uint32_t index, count;
    struct text encoded;    /* the current event's map, as it stands in body */
    msgpack_unpacked unpacked;
};

/* Start. -1 with the reason when the body is no array of head->count items. */
int batch_reader_init(struct batch_reader *reader, const struct batch_head *head,
                      const void *body, size_t len, struct err *err);
void batch_reader_release(struct batch_reader *reader);

/* The next event into ev (cleared first), id and received_us from the head.
 * 1, 0 at the end, -1 with the reason (broken msgpack). */
int batch_reader_next(struct batch_reader *reader, struct event *ev, struct err *err);

/* One event's map into ev, borrowing bytes and unpacked (initialized by the
 * caller with msgpack_unpacked_init). id, received_us are the caller's. */
int event_unpack(const void *bytes, size_t len, msgpack_unpacked *unpacked,
                 struct event *ev, struct err *err);

#endif
