/*
 * wire_parts.h - what the files of wire.h share; of no use to others
 *
 * wire.c has the table and the answers that never change; wire_bulk.c and wire_doc.c
 * take in.
 */
#ifndef INGEST_WIRE_WIRE_PARTS_H
#define INGEST_WIRE_WIRE_PARTS_H

#include "ingest/wire/bulk.h"
#include "ingest/wire/wire.h"

enum { WIRE_UUID_LEN = 22 };

struct wire {
    struct requests *requests;
    struct bulk_reader *reader;
    char uuid[WIRE_UUID_LEN + 1];   /* of the cluster: the journal's id */
    uint64_t *refused_actions, *items;
};

/* 0: the path's index, if it has one, may be one. -1: it was refused. Each entry of an
 * answer repeats it. */
int wire_check_index(struct http_request *req);

#endif
