/*
 * flight_parts.h - a flight, for the files that make it (private to flight*.c)
 */
#ifndef INDEXER_FLIGHT_PARTS_H
#define INDEXER_FLIGHT_PARTS_H

#include "indexer/indexer.h"
#include "proto/http/http_client.h"

enum { FLIGHT_SPARES = 4 };

/* An event of a flight. */
struct passenger {
    struct waiting *owner;
    struct text encoded;            /* in the owner's batch */
    size_t start, len;              /* its action and document in the body */
};

struct flight {
    struct flights *all;
    struct buf body, packed;        /* packed: the body compressed, where it is */
    struct store_item *items;       /* beside passengers */
    struct passenger *passengers;
    size_t count, cap;
    unsigned tries;
    int timer;                      /* of the pause before the next try; 0: none */
    int is_failing;
    struct flight *next;
};

struct flights {
    struct indexer *ix;
    struct http_client *client;
    struct flight *first;
    size_t count;
    struct buf spares[FLIGHT_SPARES];   /* bodies that have landed: the next one's memory */
    size_t spare_count;
    uint64_t *requests, *retried_items, *on_the_way;
};

/* All events of a batch come aboard. 0, or -1: none did, and it stays in the queue
 * (indexer_wait was called). */
int flight_board(struct flight *flight, struct waiting *owner);

#endif
