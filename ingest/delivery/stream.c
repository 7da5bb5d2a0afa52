#include "ingest/delivery/stream.h"

#include <stdlib.h>

struct flight {
    uint64_t last;              /* last sequence of the row */
    size_t bytes;
};

struct stream {
    struct stream_source source;
    uint64_t boot;              /* of the detector we know, 0: none yet */
    uint64_t place;             /* rows up to this sequence were sent */
    uint64_t highest;           /* the highest place since the detector's hello */
    uint64_t received, durable;
    struct flight flights[STREAM_MAX_FLIGHTS];  /* a ring: sent, not received */
    size_t first, count, bytes;
    int64_t last_sent_ms;
    int64_t heard_ms;           /* 0: never */
    int64_t rewound_ms;
    uint64_t rewound_to;
    struct stream_numbers numbers;
};

struct stream *
stream_new(const struct stream_source *source, uint64_t durable)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->source = *source;
    stream->place = stream->highest = stream->received = stream->durable = durable;
    return stream;
}

void
stream_destroy(struct stream **stream)
{
    free(*stream);
    *stream = NULL;
}

static void
add_flight(struct stream *stream, uint64_t last, size_t bytes)
{
    size_t i = (stream->first + stream->count) % STREAM_MAX_FLIGHTS;

    stream->flights[i] = (struct flight){ last, bytes };
    stream->count++;
    stream->bytes += bytes;
}

static void
land_until(struct stream *stream, uint64_t received)
{
    while (stream->count > 0 && stream->flights[stream->first].last <= received) {
        stream->bytes -= stream->flights[stream->first].bytes;
        stream->first = (stream->first + 1) % STREAM_MAX_FLIGHTS;
        stream->count--;
    }
}

/* --- sending --- */

static int
has_room(const struct stream *stream)
{
    return stream->count == 0 || (stream->count < STREAM_MAX_FLIGHTS &&
                                  stream->bytes < STREAM_WINDOW_BYTES);
}

/* Shows the detector a row that was lost on the way, when no other follows;
 * also when the window is full of lost ones. Where it has all there is, the head
 * says what time it is: until then nothing else was received. */
static void
send_empty_head(struct stream *stream, const struct stream_place *place, int64_t now_ms)
{
    static const char empty_array[1] = { (char)0x90 };
    const struct batch_head head = {
        .origin = stream->source.origin, .nonce = stream->source.nonce,
        .first = stream->place + 1, .previous = stream->place, .oldest = place->oldest,
        .received_us = stream->place >= place->last ? place->now_us : 0,
    };
    const struct text body = { empty_array, sizeof(empty_array) };

    if (stream->source.rows.send(stream->source.rows.ctx, &head, body) == 0)
        stream->last_sent_ms = now_ms;
}

/* Right after going back the detector has all up to our place: what the journal
 * misses between that and the first row it finds is gone for good, be it below
 * the oldest row or a file lost from the middle. The head says so, or the
 * detector would ask for it for ever. */
static void
tell_hole(const struct stream *stream, struct batch_head *head)
{
    if (stream->rewound_ms != 0 && stream->place == stream->rewound_to &&
        head->previous > stream->place)
        head->oldest = head->first;
}

int
stream_pump(struct stream *stream, const struct stream_place *place, int64_t now_ms,
            struct err *err)
{
    const struct sender_source *rows = &stream->source.rows;
    struct batch_head head;
    struct text body;
    int rc;

    while (has_room(stream)) {
        rc = rows->next(rows->ctx, stream->place, &head, &body, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            break;
        tell_hole(stream, &head);
        if (rows->send(rows->ctx, &head, body) != 0)
            return 0;
        stream->place = head.first + (head.count == 0 ? 0 : head.count - 1);
        stream->numbers.sent++;
        if (stream->place <= stream->highest)
            stream->numbers.resent++;
        else
            stream->highest = stream->place;
        add_flight(stream, stream->place, body.len);
        stream->last_sent_ms = now_ms;
    }
    if (now_ms - stream->last_sent_ms >= STREAM_IDLE_MS)
        send_empty_head(stream, place, now_ms);
    return 0;
}

/* --- reports --- */

static void
go_back(struct stream *stream, uint64_t received, int64_t now_ms)
{
    stream->place = received;
    stream->first = stream->count = stream->bytes = 0;
    stream->rewound_to = received;
    stream->rewound_ms = now_ms == 0 ? 1 : now_ms;
}

/* Every row behind a gap makes the detector ask again: the first time counts,
 * as long as what was sent again may still be on its way. */
static int
is_asked_already(const struct stream *stream, uint64_t received, int64_t now_ms)
{
    return stream->rewound_ms != 0 && stream->rewound_to == received &&
           now_ms - stream->rewound_ms < STREAM_IDLE_MS;
}

static void
greet(struct stream *stream, uint64_t boot, const struct report_origin *part, int64_t now_ms)
{
    stream->boot = boot;
    stream->received = part->received;
    stream->durable = part->durable;
    if (stream->highest < part->received)
        stream->highest = part->received;
    go_back(stream, part->received, now_ms);
}

/* A detector that is further than this journal: the journal was put back to an
 * older copy. All that it holds was judged, and must not wait for a word that
 * never comes, or a full one would stay full. */
static struct report_origin
cut_claim(const struct report_origin *part, uint64_t last)
{
    struct report_origin cut = *part;

    if (cut.received > last)
        cut.received = last;
    if (cut.durable > last)
        cut.durable = last;
    return cut;
}

void
stream_report(struct stream *stream, uint64_t boot, const struct report_origin *part,
              const struct stream_place *place, int64_t now_ms)
{
    int is_new = stream->boot != boot;
    uint64_t most = is_new ? place->last : stream->highest;
    struct report_origin cut;

    stream_hear(stream, now_ms);
    stream->numbers.refused += part->received > most || part->durable > part->received;
    if (part->durable > part->received)
        return;
    if (is_new) {
        cut = cut_claim(part, place->last);
        greet(stream, boot, &cut, now_ms);
        return;
    }
    if (part->received > most)
        return;
    if (part->durable > stream->durable)
        stream->durable = part->durable;
    if (part->received > stream->received)
        stream->received = part->received;
    if (part->received > stream->place)
        stream->place = part->received;
    land_until(stream, part->received);
    if (part->wants_resend && !is_asked_already(stream, part->received, now_ms))
        go_back(stream, part->received, now_ms);
}

void
stream_hear(struct stream *stream, int64_t now_ms)
{
    stream->heard_ms = now_ms == 0 ? 1 : now_ms;
}

uint64_t
stream_durable(const struct stream *stream)
{
    return stream->durable;
}

struct stream_numbers
stream_numbers(const struct stream *stream, int64_t now_ms)
{
    struct stream_numbers numbers = stream->numbers;

    numbers.in_flight_bytes = stream->bytes;
    numbers.is_alive = stream->heard_ms != 0 && now_ms - stream->heard_ms <= STREAM_GONE_MS;
    return numbers;
}
