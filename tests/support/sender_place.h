/*
 * sender_place.h - a sender between a made-up journal and a made-up socket
 */
#ifndef TESTS_SUPPORT_SENDER_PLACE_H
#define TESTS_SUPPORT_SENDER_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/run/sender.h"

enum { MAX_BATCHES = 4096, MAX_BYTES = 1024 * 1024 };

/* A journal of batches with keys 10, 20, 30, ... and a socket that notes them. */
struct sender_place {
    struct sender *sender;
    size_t batches;                     /* in the journal */
    size_t bytes[MAX_BATCHES + 1];      /* 0: not in the journal any more */
    unsigned sent[MAX_BATCHES + 1];     /* how often */
    size_t reads;
    uint64_t order[MAX_BATCHES];        /* the keys sent, first MAX_BATCHES */
    uint32_t again[MAX_BATCHES];        /* and what their heads said of that */
    size_t sent_count;
    size_t room;                        /* what the socket takes yet */
    int is_broken;
};

/* cmocka's set-up and tear-down; *state is the place: no batches, all room. */
int sender_place_set_up(void **state);
int sender_place_tear_down(void **state);

/* A journal as empty as at first, and a new sender that starts after frontier. */
void sender_place_renew(struct sender_place *place, uint64_t frontier);
/* The same after another sender, which may have sent all up to sent_before. */
void sender_place_renew_after(struct sender_place *place, uint64_t frontier,
                              uint64_t sent_before);

uint64_t key_of(size_t i);

/* So many batches more, each of so many bytes. */
void journal_add(struct sender_place *place, size_t count, size_t bytes);

/* sender_pump, which must not fail. */
void pump(struct sender_place *place, int64_t now_ms);

#endif
