/*
 * store_case.h - an empty store in a folder of its own, and events to put in
 *
 * For the tests and benches of proto/store. Events made here live until
 * store_case_close(); times are seconds after 2026-03-01T00:00:00Z.
 */
#ifndef TESTS_SUPPORT_STORE_CASE_H
#define TESTS_SUPPORT_STORE_CASE_H

#include "proto/base/buf.h"
#include "proto/store/store.h"

#define CASE_SECOND INT64_C(1000000)
#define CASE_HOUR (3600 * CASE_SECOND)
#define CASE_DAY (24 * CASE_HOUR)
#define CASE_START (INT64_C(20513) * CASE_DAY)

enum { CASE_EVENTS = 40000 };

/* What a test says of an event; NULL texts are left out. */
struct event_plan {
    uint64_t sequence;
    int64_t at_s, received_s;           /* received_s 0: as at_s */
    const char *type, *severity, *source, *username, *raw_log, *description;
    const char *extra_name, *extra;
    const char *key;                    /* client-keyed */
};

struct made_event {
    struct event ev;
    struct buf encoded;
};

struct store_case {
    char dir[64];
    char *store_dir;
    struct settings settings;
    struct store *writer, *reader;
    struct made_event *made;
    struct store_event *events;         /* what was made since the last put */
    size_t made_count, first;
};

/* For cmocka: *state is the case. 0 or -1. */
int store_case_open(void **state);
int store_case_close(void **state);

/* Skip the test where the store has no files: it is about them. */
void store_case_needs_files(const struct store_case *the);

/* Close both stores and open them again, as two new processes would. */
void store_case_reopen(struct store_case *the);

/* Make an event; the next store_case_put() writes it. */
const struct event *store_case_add(struct store_case *the, struct event_plan plan);

/* Write what was added; fails the test unless the store says DONE. */
struct store_written store_case_put(struct store_case *the);

/* A snapshot of incident n, the caller destroys: rule-even or rule-odd, the
 * severity n % 4, last seen at n / 2 s, its newest event received at n + rev s. */
struct incident *store_case_incident(unsigned n, uint64_t rev, const char *source);

/* The id of incident n. */
void store_case_incident_id(unsigned n, char out[INCIDENT_ID_HEX]);

/* Write the snapshot and destroy it. */
void store_case_put_incident(struct store_case *the, struct incident *inc);

/* Incident n as the reader sees it; the caller destroys. */
struct incident *store_case_get_incident(struct store_case *the, unsigned n);

#endif
