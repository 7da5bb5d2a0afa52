/*
 * api_desk.h - the api before a store that answers what the test wants
 *
 * One client asks, the answer's JSON is taken apart by path. Every function fails
 * the test itself when something goes wrong.
 */
#ifndef TESTS_SUPPORT_API_DESK_H
#define TESTS_SUPPORT_API_DESK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "tests/support/loop_client.h"

#define KEY "a-key-of-the-test"
#define WITH_KEY "X-API-Key: " KEY "\r\nContent-Type: application/json\r\n"
#define ID "00000000000000000000000000000001"

enum { MAX_QUERIES = 8 };

/* When the incidents are: on 2026-11-18, in Seoul too. */
#define INCIDENTS_US (INT64_C(1795000000) * 1000000)

/* A store that answers what the test wants, and notes what it was asked. */
struct desk {
    struct store store;                 /* first: the handlers get only this */
    struct api api;
    zloop_t *loop;
    struct metrics *metrics;
    struct loop_client *client;

    int is_down;
    size_t incident_count[STATUS_COUNT];        /* how many there are of each */
    struct incident *inc;                       /* the one with ID */
    int is_deleted_meanwhile;
    size_t event_count, page_len, given;        /* given: of the last page */
    const char *raw_log;                        /* that every event has */
    int is_history_full;
    int event_is_missing;

    struct count_query counted[MAX_QUERIES];
    size_t counted_count;
    struct incident_query asked, asked_first;
    size_t asked_count;
    struct event_query events_asked;
    char filter[256];
    json_t *body;
    struct daemon daemon;
    struct settings settings;
};

/* cmocka's set-up and tear-down; *state is the desk. In Seoul. */
int desk_set_up(void **state);
int desk_tear_down(void **state);

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, desk_set_up, desk_tear_down)

void desk_use_zone(const char *zone);

/* The status; the answer's JSON, if it is some, is in body. headers end with a line end. */
int desk_get(struct desk *desk, const char *target);
int desk_post(struct desk *desk, const char *target, const char *headers, const char *body);

/* A member by path, "totals/events"; an array's place is a number. */
json_t *desk_at(const struct desk *desk, const char *path);
const char *desk_text_at(const struct desk *desk, const char *path);
int64_t desk_number_at(const struct desk *desk, const char *path);

/* Each of these is 400 and names what is wrong; the store is never asked. */
struct wrong {
    const char *target, *word;
};
void desk_expect_wrong(struct desk *desk, const struct wrong *cases, size_t count);

/* Microseconds of an RFC 3339 time. */
int64_t desk_time_of(const char *text);

#endif
