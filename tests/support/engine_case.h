/*
 * engine_case.h - an engine with a few rules, events for it, and what came of them
 *
 * Everything fails the running test when it does not work.
 */
#ifndef TESTS_SUPPORT_ENGINE_CASE_H
#define TESTS_SUPPORT_ENGINE_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/engine/engine.h"
#include "proto/base/buf.h"

#define SEC(n) ((int64_t)(n) * 1000000)
#define HOUR SEC(3600)
#define START (INT64_C(1795300000) * 1000000)

/* Four rules: "failed" feeds "brute" (sum of count >= 5 by source_address in
 * 5m) and "spray" (3 distinct users by source_address and service in 5m);
 * "alarm" has no window. */
extern const char *const engine_case_rules;

struct engine_case {
    struct engine *engine;
    struct metrics *metrics;
    uint64_t sequence;          /* of the last event made */
};

/* What a visit of the changed incidents found. */
struct seen {
    size_t count;
    uint64_t total;             /* sum of their counts */
    struct incident incident;   /* the last one; its texts are gone but for these */
    char id[INCIDENT_ID_HEX], summary[200], key[300];
};

/* Rows as a checkpoint would keep them. */
enum { STORE_MAX_ROWS = 500 };

struct stored_row {
    struct buf rule, key, state;
    uint64_t hash;
    int is_gone;
};

struct row_store {
    struct stored_row rows[STORE_MAX_ROWS];
    size_t count;
    size_t changes;             /* rows of the last save */
};

/* Options as a small site would have them. */
struct engine_options engine_case_options(void);

void engine_case_open(struct engine_case *fix, const char *rules,
                      const struct engine_options *options);
void engine_case_close(struct engine_case *fix);

/* cmocka's set-up and tear-down: *state is a struct engine_case. */
int engine_case_set_up(void **state);
int engine_case_tear_down(void **state);

/* An event, received when it happened; source NULL: none. */
struct event engine_case_event(struct engine_case *fix, const char *type,
                               const char *source, int64_t at_us);
void engine_case_judge(struct engine_case *fix, const struct event *ev);
void engine_case_fail_login(struct engine_case *fix, const char *source, int64_t count,
                            int64_t at_us);

/* The incidents that changed since the last save. */
struct seen engine_case_incidents(struct engine_case *fix);

uint64_t engine_case_counter(struct engine_case *fix, const char *name);

/* Take what changed into the store and settle; give all of it back; count what
 * is not gone; free it and the store. */
void row_store_save(struct row_store *store, struct engine_case *fix);
void row_store_restore(const struct row_store *store, struct engine_case *fix);
size_t row_store_kept(const struct row_store *store);
void row_store_destroy(struct row_store **store);

#endif
