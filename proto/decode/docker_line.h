/*
 * docker_line.h - an entry of Docker's json-file log, unwrapped
 *
 *   {"log":"the line\n","stream":"stdout","time":"2026-11-22T01:00:00.123456789Z"}
 */
#ifndef PROTO_DECODE_DOCKER_LINE_H
#define PROTO_DECODE_DOCKER_LINE_H

#include "proto/decode/decode.h"
#include "proto/decode/json_line.h"

/* 1 when json is one: then line is what the program wrote, read as a line of its own
 * (with a header, if it has one), its time Docker's unless the header has one. 0 when
 * not; line is as it was. */
int docker_line_read(const struct json_line *json, int64_t now_us, struct log_line *line);

#endif
