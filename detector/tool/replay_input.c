#include "detector/tool/replay_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "detector/tool/line_event.h"
#include "detector/tool/lines.h"
#include "proto/base/clock.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/codec_msgpack.h"

/* A control character is six bytes in JSON. */
enum { JSON_BYTES = 6 * 512 * 1024 + 64 * 1024, JOURNAL_BYTES = 8, SEQUENCE_AT = 12 };

/* While lines are read. */
struct reading {
    struct replay_input *input;
    struct line_event line;
    struct lines lines;
    struct buf packed;
    const char *name;
    int is_raw;
    int64_t clock_us;           /* the latest time of the lines that have no place */
    uint64_t made;              /* ids that were made up for those */
};

int
replay_input_init(struct replay_input *input, int64_t from_us)
{
    *input = (struct replay_input){ .spool = spool_new(0), .from_us = from_us,
                                    .reasons = json_array() };
    return input->spool == NULL || input->reasons == NULL ? -1 : 0;
}

void
replay_input_release(struct replay_input *input)
{
    spool_destroy(&input->spool);
    json_decref(input->reasons);
    input->reasons = NULL;
}

static void
refuse(struct reading *reading, const char *reason)
{
    if (reading->input->refused++ < REPLAY_TOLD)
        json_array_append_new(reading->input->reasons,
                              json_sprintf("%.200s:%llu: %s", reading->name,
                                           (unsigned long long)reading->lines.number, reason));
}

/* --- an event --- */

static uint64_t
number_of(const uint8_t *bytes, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* The id, then the event's map. */
static int
pack(struct reading *reading, const struct event *ev)
{
    buf_clear(&reading->packed);
    return buf_append(&reading->packed, &ev->id, sizeof(ev->id)) != 0 ||
                   event_pack(ev, &reading->packed) != 0
               ? -1 : 0;
}

static int
keep(struct reading *reading, const struct event *ev, struct err *err)
{
    struct replay_input *input = reading->input;
    struct spool_place place = { .received_us = ev->received_us, .at_us = ev->at_us };

    if (!ev->is_keyed) {
        place.sequence = number_of(ev->id.bytes + SEQUENCE_AT, 8);
        if (input->journal == 0)
            input->journal = number_of(ev->id.bytes, JOURNAL_BYTES);
    }
    if (pack(reading, ev) != 0) {
        err_set(err, "out of memory");
        return -1;
    }
    if (reading->packed.len > EVENT_MAX_BYTES + sizeof(ev->id)) {
        refuse(reading, "longer than an event may be (512 KiB)");
        return 0;
    }
    return spool_add(input->spool, &place, buf_text(&reading->packed), err);
}

/* An event that nobody stored: it is checked and completed as ingest does, and received
 * when it happened, but never before one that stands above it. */
static int
place_new(struct reading *reading, struct event *ev, char *space, struct err *err)
{
    if (event_check(ev, reading->line.now_us, space, err) != 0)
        return -1;
    if (ev->at_us > reading->clock_us)
        reading->clock_us = ev->at_us;
    ev->received_us = reading->clock_us;
    ev->id = event_id_make(1, 1, ++reading->made);
    ev->is_keyed = 0;
    return 0;
}

/* 0: taken, refused or passed over; -1 with the reason: no more can be taken. */
static int
take_event(struct reading *reading, struct text text, int may_be_new, struct err *err)
{
    struct event *ev = &reading->line.event;
    struct replay_input *input = reading->input;
    int is_json = !reading->is_raw && text.ptr[0] == '{';
    char space[TIMESTAMP_LEN];
    struct err why = { "it has no id and received_at" };
    int rc = is_json ? line_event_json(&reading->line, text, &why)
                     : line_event_raw(&reading->line, text, &why);

    if (rc == 0 && (!is_json || !line_event_take_place(&reading->line)))
        rc = may_be_new ? place_new(reading, ev, space, &why) : -1;
    if (rc != 0) {
        refuse(reading, why.text);
        return 0;
    }
    if (ev->at_us < input->from_us) {
        input->earlier++;
        return 0;
    }
    return keep(reading, ev, err);
}

/* --- lines --- */

static int
open_reading(struct reading *reading, int fd, struct err *err)
{
    err_set(err, "out of memory");
    reading->clock_us = INT64_MIN;
    return lines_init_max(&reading->lines, fd, JSON_BYTES) != 0 ||
                   line_event_init_max(&reading->line, clock_real_us(), JSON_BYTES) != 0
               ? -1 : 0;
}

static void
close_reading(struct reading *reading)
{
    lines_release(&reading->lines);
    line_event_release(&reading->line);
    buf_release(&reading->packed);
}

/* 1 and the line, trimmed, 0 at the end, -1. One that is too long is refused. */
static int
next_line(struct reading *reading, struct text *ret_line, struct err *err)
{
    struct err why;
    int rc;

    while ((rc = lines_next(&reading->lines, ret_line, &why)) == 2)
        refuse(reading, "longer than an event may be");
    if (rc < 0)
        err_set(err, "%.200s: %s", reading->name, why.text);
    if (rc == 1)
        *ret_line = text_trim(*ret_line);
    return rc;
}

int
replay_read_file(struct replay_input *input, const char *path, int is_raw, struct err *err)
{
    int is_input = strcmp(path, "-") == 0, rc = -1;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct reading reading = { .input = input, .name = path, .is_raw = is_raw };
    struct text line;

    if (fd < 0) {
        err_set(err, "%.200s: %s", path, strerror(errno));
        return -1;
    }
    if (open_reading(&reading, fd, err) == 0)
        while ((rc = next_line(&reading, &line, err)) == 1)
            if (line.len > 0 && take_event(&reading, line, 1, err) != 0) {
                rc = -1;
                break;
            }
    close_reading(&reading);
    if (!is_input)
        close(fd);
    return rc;
}

/* Up to an empty line. take: 0, or -1 with the reason. */
static int
read_part(struct reading *reading, struct found *found,
          int (*take)(struct reading *reading, struct text line, struct found *found,
                      struct err *err), struct err *err)
{
    struct text line;
    int rc;

    while ((rc = next_line(reading, &line, err)) == 1) {
        if (line.len == 0)
            return 0;
        if (take(reading, line, found, err) != 0)
            return -1;
    }
    if (rc == 0)
        err_set(err, "what was to be judged ended before its end");
    return -1;
}

static int
take_incident(struct reading *reading, struct text line, struct found *found, struct err *err)
{
    json_t *json = json_loadb(line.ptr, line.len, 0, NULL);
    int rc = found == NULL ? 0 : found_add_json(found, FOUND_BEFORE, json, err);

    (void)reading;
    json_decref(json);
    return rc;
}

static int
take_stored(struct reading *reading, struct text line, struct found *found, struct err *err)
{
    (void)found;
    return take_event(reading, line, 0, err);
}

int
replay_read_stream(struct replay_input *input, int fd, struct found *found, struct err *err)
{
    struct reading reading = { .input = input, .name = "events" };
    json_t *head = NULL;
    struct text line;
    int rc = -1;

    if (open_reading(&reading, fd, err) != 0)
        goto done;
    if (next_line(&reading, &line, err) == 1)
        head = json_loadb(line.ptr, line.len, 0, NULL);
    if (!json_is_object(head)) {
        err_set(err, "what was to be judged has no beginning");
        goto done;
    }
    input->is_whole = json_is_true(json_object_get(head, "whole"));
    rc = read_part(&reading, found, take_incident, err);
    if (rc == 0)
        rc = read_part(&reading, found, take_stored, err);

done:
    json_decref(head);
    close_reading(&reading);
    return rc;
}

int
replay_next(struct replay_input *input, msgpack_unpacked *unpacked, struct event *ev,
            uint64_t *ret_origin, struct err *err)
{
    struct spool_place place;
    struct event_id id;
    struct text bytes;
    int rc = spool_next(input->spool, &place, &bytes, err);

    if (rc != 1)
        return rc;
    memcpy(&id, bytes.ptr, sizeof(id));
    event_clear(ev);
    if (event_unpack(bytes.ptr + sizeof(id), bytes.len - sizeof(id), unpacked, ev, err) != 0)
        return -1;
    ev->id = id;
    ev->is_keyed = id.len == HASH_ID_LEN;
    ev->received_us = place.received_us;
    /* which journal brought a keyed event, its id does not say */
    *ret_origin = ev->is_keyed ? input->journal : number_of(id.bytes, JOURNAL_BYTES);
    return 1;
}
