/*
 * replay_input.h - the events that are replayed, as the detector got them
 *
 * Of a file each line is an event: as the api gives it, with its place (id and
 * received_at), or as a client would send it, or a line for the decoders; the last two
 * are taken to have been received when they happened. The stream that `bongsu` makes of
 * the api's answers has a first line {"whole": bool}, then the incidents that happened,
 * an empty line, the events, and an empty line, without which it was broken off.
 */
#ifndef DETECTOR_TOOL_REPLAY_INPUT_H
#define DETECTOR_TOOL_REPLAY_INPUT_H

#include <jansson.h>
#include <msgpack.h>
#include <stdint.h>

#include "detector/tool/found.h"
#include "detector/tool/spool.h"
#include "proto/base/err.h"
#include "proto/event.h"

/* Of lines that are refused so many are told. */
enum { REPLAY_TOLD = 20 };

struct replay_input {
    struct spool *spool;        /* what is to be judged */
    int64_t from_us;            /* events before are not judged */
    int is_whole;               /* the stream says that nothing was before */
    uint64_t refused, earlier;
    json_t *reasons;            /* of those refused, some */
    uint64_t journal;           /* the first one of an id; 0: none yet */
};

/* 0, or -1 when out of memory; release in either case. */
int replay_input_init(struct replay_input *input, int64_t from_us);
void replay_input_release(struct replay_input *input);

/* Read all; what happened goes into found (NULL: nowhere). 0, or -1 with the reason. */
int replay_read_file(struct replay_input *input, const char *path, int is_raw, struct err *err);
int replay_read_stream(struct replay_input *input, int fd, struct found *found,
                       struct err *err);

/* The next event in order, through the wire's reader; borrows spool and unpacked. 1, 0 at
 * the end, -1 with the reason. */
int replay_next(struct replay_input *input, msgpack_unpacked *unpacked, struct event *ev,
                uint64_t *ret_origin, struct err *err);

#endif
