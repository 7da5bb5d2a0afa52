/*
 * store_dead.h - the dead letters of a store: listed, wanted, tried again
 *
 * A letter is there once by its key, and stays as it was first put: who puts it again,
 * since an answer was lost, changes nothing. Where a letter is gone meanwhile, the others
 * of a call are done all the same. Retention deletes what is past its age.
 */
#ifndef PROTO_STORE_STORE_DEAD_H
#define PROTO_STORE_STORE_DEAD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/dead_letter.h"

struct store;

enum {
    DEAD_MAX_IDS = 1000,                        /* of one call */
    DEAD_PAGE_BYTES = 4 * 1024 * 1024           /* of a page's events: then it ends early */
};

/* Newest first, (at, key as text) descending. */
struct dead_query {
    int is_wanted;              /* only those that somebody wants to be tried again */
    int has_cursor;             /* go on below this place, as given by the last page */
    int64_t cursor_at_us;
    struct dead_key cursor;
    unsigned limit;             /* 1..STORE_MAX_PAGE */
};

struct dead_page {
    int is_more;                /* perhaps: then the place is where to go on */
    int64_t cursor_at_us;
    struct dead_key cursor;
};

/* Which are to be tried again. */
struct dead_wish {
    const struct dead_key *keys;        /* NULL: all */
    size_t count;                       /* at most DEAD_MAX_IDS */
    unsigned char *found;               /* beside keys: 1 when it is there; filled */
    uint64_t wanted;                    /* how many are now; filled */
    int is_more;                        /* of all, 5 s were not enough: ask again; filled */
};

/* Outcomes are those of store.h; -1 is a failure with its reason. */
struct store_dead_ops {
    int (*put)(struct store *store, const struct dead_letter *letters, size_t count,
               struct err *err);
    /* Call visit for each letter of the page (borrowed); it returns 0 to go on, and else
     * the page ends behind this one. */
    int (*find)(struct store *store, const struct dead_query *query,
                int (*visit)(void *ctx, const struct dead_letter *letter), void *ctx,
                struct dead_page *ret_page, struct err *err);
    /* A reader may do this, too. */
    int (*want)(struct store *store, struct dead_wish *wish, struct err *err);
    /* They were tried and refused again: keep reason, attempts and tried_us of each; it
     * is not wanted any more. At most DEAD_MAX_IDS. */
    int (*refuse)(struct store *store, const struct dead_letter *letters, size_t count,
                  struct err *err);
    /* They are stored: away with them. At most DEAD_MAX_IDS. */
    int (*drop)(struct store *store, const struct dead_letter *letters, size_t count,
                struct err *err);
    int (*count)(struct store *store, uint64_t *ret_count, struct err *err);
};

#endif
