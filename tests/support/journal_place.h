/*
 * journal_place.h - a journal in a temp folder, and what its tests do with it
 *
 * Every function fails the test itself when something goes wrong.
 */
#ifndef TESTS_SUPPORT_JOURNAL_PLACE_H
#define TESTS_SUPPORT_JOURNAL_PLACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "ingest/journal/journal.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

/* The time at which places are opened: sequences start there. */
extern const int64_t journal_place_now_us;

struct journal_place {
    char dir[64];
    struct journal_options options;
    struct journal *journal;
    struct err err;
};

/* cmocka's set-up and tear-down; *state is the place. */
int journal_place_set_up(void **state);
int journal_place_tear_down(void **state);

void journal_place_open(struct journal_place *place, int64_t at_us);
void journal_place_reopen(struct journal_place *place, int64_t at_us);

/* An encoded event of len bytes: what is in it is no business of the journal's. */
enum journal_outcome place_append_bytes(struct journal_place *place, size_t len,
                                        uint64_t *ret_sequence);
uint64_t place_append(struct journal_place *place, size_t len);
void place_commit(struct journal_place *place);

/* Both; the event's sequence. */
uint64_t place_store(struct journal_place *place, size_t len);

int place_next(struct journal_place *place, uint64_t after, struct batch_head *head,
               struct text *body);

/* Walk all rows above after, checking that each names its predecessor. */
unsigned place_count_rows(struct journal_place *place, uint64_t after);

/* Files in the folder whose names end so. */
unsigned place_count_files(const struct journal_place *place, const char *end);

/* Every consumer is at position. */
void place_all_are_past(struct journal_place *place, uint64_t position);

#endif
