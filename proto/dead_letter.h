/*
 * dead_letter.h - an event that could not be stored or judged, with the reason
 *
 * Its consumer sets it aside in a file of its own before it acknowledges it
 * (proto/run/poison.h); the indexer carries its ones over into the store
 * (proto/store/store.h), where they are listed and tried again.
 */
#ifndef PROTO_DEAD_LETTER_H
#define PROTO_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/event.h"

/* Its name. A client's key stands for one event of each storage day, so that the day
 * belongs to it there; it is 0 for all others. */
struct dead_key {
    struct event_id id;
    int32_t day;
};

#define DEAD_KEY_TEXT_LEN (EVENT_ID_TEXT_LEN + 16)

/* The event's id, with "-<day>" behind a client's key (days since 1970); and back: 0 or -1. */
struct dead_key dead_key_of(const struct event *ev);
void dead_key_format(const struct dead_key *key, char out[DEAD_KEY_TEXT_LEN]);
int dead_key_parse(struct text text, struct dead_key *ret_key);

struct dead_letter {
    struct dead_key key;
    int64_t at_us;              /* when it was set aside */
    int64_t received_us;        /* when it was journalled: says its storage day */
    struct text reason;
    struct text by;             /* who set it aside: "indexer" */
    struct text encoded;        /* the event's map, or what stood in its place */
    unsigned attempts;          /* to store it after all, that were refused */
    int64_t tried_us;           /* the last of them; 0: none */
    int is_wanted;              /* somebody wants it to be tried again */
};

/* Letters with their bytes. A zeroed one is empty. */
struct dead_letters {
    struct dead_letter *letters;
    size_t count, cap;
    size_t bytes;               /* of all encoded */
    struct arena space;
};

/* Add a copy. 0, or -1 when out of memory. */
int dead_letters_add(struct dead_letters *all, const struct dead_letter *letter);
void dead_letters_release(struct dead_letters *all);

#endif
