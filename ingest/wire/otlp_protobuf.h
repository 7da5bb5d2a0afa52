/*
 * otlp_protobuf.h - OTLP's protobuf as the tree of its JSON, and the answers
 *
 * Most SDKs speak protobuf alone. A request becomes what its JSON would have been, so
 * that one reader (otlp_record.h) says what a record means. Nanopb reads the bytes.
 */
#ifndef INGEST_WIRE_OTLP_PROTOBUF_H
#define INGEST_WIRE_OTLP_PROTOBUF_H

#include <stdint.h>
#include <yyjson.h>

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

#define OTLP_PROTOBUF_TYPE "application/x-protobuf"

/* An ExportLogsServiceRequest; texts are borrowed from body, or in arena. NULL with the
 * reason, which is "" when memory is out. Free it with yyjson_mut_doc_free(). */
yyjson_mut_doc *otlp_protobuf_read(struct text body, const yyjson_alc *memory,
                                   struct arena *arena, struct err *err);

enum { OTLP_PROTOBUF_ANSWER = 2048 };

/* Answers, in space: an ExportLogsServiceResponse that says how many were refused, and
 * why; a google.rpc.Status. What is longer than there is space for is cut off. */
struct text otlp_protobuf_partial(uint64_t refused, const char *reason,
                                  uint8_t space[OTLP_PROTOBUF_ANSWER]);
struct text otlp_protobuf_status(int code, const char *message,
                                 uint8_t space[OTLP_PROTOBUF_ANSWER]);

#endif
