/*
 * sqlite_search.h - a search for events on its way through the files
 *
 * sqlite_search.c walks event time downwards in stretches, sqlite_scan.c
 * looks through one file for one stretch.
 */
#ifndef PROTO_STORE_SQLITE_SEARCH_H
#define PROTO_STORE_SQLITE_SEARCH_H

#include "proto/store/store_sqlite.h"

/* An event of the page: where it is. Bodies are read again when it is shown. */
struct hit {
    int64_t at_us, n;
    struct event_id id;
    int32_t day;
};

struct search {
    struct sqlite_store *store;
    const struct event_query *query;
    int64_t top;                /* all at or above it has been looked through */
    struct event_id top_id;     /* at top itself, only what is below this */
    int64_t start_ms;
    int is_first;               /* stretch */
    int is_out_of_time;
    struct hit *hits;           /* newest first, at most limit + 1 */
    size_t hit_count;
    msgpack_unpacked unpacked;
    struct event ev;
};

/* Look through one file from search->top down to bottom, for hits. 0 or -1;
 * search->is_out_of_time when the deadline came first. */
int scan_file(struct search *search, struct day_file *file, int64_t bottom,
              struct err *err);

#endif
