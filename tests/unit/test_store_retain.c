/* What the embedded store deletes, and what else it bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "tests/support/store_case.h"

static int
count_visit(void *ctx, const struct event *ev)
{
    ++*(size_t *)ctx;
    return 0;
}

/* Events that this store finds, or fails the test. */
static size_t
events_in(struct store *store)
{
    struct event_query query = { .from_us = INT64_MIN,
                                 .to_us = INT64_MAX,
                                 .limit = 1000 };
    struct event_page page;
    struct err err = { "" };
    size_t count = 0;

    if (store->ops->find_events(store, &query, count_visit, &count, &page, &err) != 0)
        fail_msg("find_events: %s", err.text);
    return count;
}

static void
path_of(const struct store_case *the, int day, const char *end, char *out, size_t size)
{
    char name[TIMESTAMP_LEN];

    timestamp_format_day(20513 + day, name);
    snprintf(out, size, "%s/events-%s.db%s", the->store_dir, name, end);
}

static int
is_there(const struct store_case *the, int day, const char *end)
{
    char path[256];

    path_of(the, day, end, path, sizeof(path));
    return access(path, F_OK) == 0;
}

/* One event on each of `days` storage days. */
static void
put_days(struct store_case *the, int days)
{
    for (int day = 0; day < days; day++)
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)day + 1,
                                                 .at_s = day * 86400 + 60 });
    store_case_put(the);
}

static unsigned
retain(struct store_case *the, int64_t now_s)
{
    unsigned deleted = 0;
    struct err err = { "" };

    if (the->writer->ops->retain(the->writer, CASE_START + now_s * CASE_SECOND, &deleted,
                                 &err) != 0)
        fail_msg("retain: %s", err.text);
    return deleted;
}

static void
a_file_is_deleted_when_its_last_write_is_old(void **state)
{
    struct store_case *the = *state;

    the->settings.store_retention_ms = INT64_C(10) * 86400 * 1000;
    store_case_reopen(the);
    put_days(the, 3);
    /* an old day, by its events' own time, that was written on day 2 */
    store_case_add(the, (struct event_plan){
                            .at_s = -50 * 86400, .key = "old", .received_s = 2 * 86400 });
    store_case_put(the);
    assert_int_equal(events_in(the->reader), 4);
    assert_int_equal(retain(the, 10 * 86400 + 59), 0);
    assert_int_equal(retain(the, 10 * 86400 + 61), 1);
    assert_false(is_there(the, 0, ""));
    assert_false(is_there(the, 0, "-wal"));
    assert_false(is_there(the, 0, "-shm"));
    assert_true(is_there(the, -50, ""));
    assert_int_equal(events_in(the->reader), 3);
    assert_int_equal(retain(the, 20 * 86400), 3);
    assert_int_equal(events_in(the->reader), 0);
}

static void
without_a_retention_nothing_is_deleted(void **state)
{
    struct store_case *the = *state;

    put_days(the, 2);
    assert_int_equal(retain(the, INT64_C(100000) * 86400), 0);
    assert_int_equal(events_in(the->reader), 2);
}

static void
over_the_size_the_least_recently_written_goes_first_and_the_last_never(void **state)
{
    struct store_case *the = *state;

    the->settings.store_max_bytes = 1;
    store_case_reopen(the);
    put_days(the, 3);
    store_case_add(the, (struct event_plan){
                            .at_s = -50 * 86400, .key = "old", .received_s = 9 * 86400 });
    store_case_put(the);
    assert_int_equal(retain(the, 9 * 86400), 3);
    assert_true(is_there(the, -50, ""));
    assert_int_equal(retain(the, 9 * 86400), 0);
    assert_int_equal(events_in(the->reader), 1);
}

static void
put_incident(struct store_case *the, unsigned n, int64_t last_seen_s)
{
    struct incident *inc = store_case_incident(n, 1, "192.0.2.1");

    inc->last_seen_us = CASE_START + last_seen_s * CASE_SECOND;
    store_case_put_incident(the, inc);
}

static int
resolve(struct store *store, unsigned n, int status)
{
    struct incident_change change = { .to = status, .at_us = CASE_START };
    char id[INCIDENT_ID_HEX];
    struct err err = { "" };

    store_case_incident_id(n, id);
    return store->ops->set_status(store, id, &change, &err);
}

static size_t
incidents_in(struct store *store, const char *key)
{
    struct incident_query query = { .to_us = INT64_MAX,
                                    .limit = 100,
                                    .status = -1,
                                    .severity = -1,
                                    .key_value = text_of(key) };
    struct incident **found = NULL;
    struct err err = { "" };
    size_t count = 0;
    int is_more;

    if (store->ops->find_incidents(store, &query, &found, &count, &is_more, &err) != 0)
        fail_msg("find_incidents: %s", err.text);
    store_free_incidents(&found, count);
    return count;
}

static void
old_incidents_go_unless_they_are_still_worked_on(void **state)
{
    struct store_case *the = *state;

    the->settings.store_retention_ms = INT64_C(86400) * 1000;
    store_case_reopen(the);
    for (unsigned n = 0; n < 5; n++)
        put_incident(the, n, n == 4 ? 86400 : 0);
    assert_int_equal(resolve(the->reader, 0, STATUS_RESOLVED), 1);
    assert_int_equal(resolve(the->reader, 1, STATUS_FALSE_POSITIVE), 1);
    assert_int_equal(resolve(the->reader, 2, STATUS_INVESTIGATING), 1);
    assert_int_equal(resolve(the->reader, 4, STATUS_RESOLVED), 1);
    assert_int_equal(retain(the, 86400 + 1), 0);
    assert_int_equal(incidents_in(the->reader, NULL), 3);
    assert_int_equal(incidents_in(the->reader, "192.0.2.1"), 3);
}

static void
a_minute_of_countless_users_keeps_few_rows_and_the_whole_sum(void **state)
{
    const struct count_query query = { CASE_START, CASE_START + 60 * CASE_SECOND,
                                       60 * CASE_SECOND, 100000 };
    struct store_case *the = *state;
    char(*users)[16] = calloc(12000, sizeof(*users));
    struct counts counts;
    struct err err;
    uint64_t sum = 0;

    assert_non_null(users);
    for (int i = 0; i < 12000; i++) {
        snprintf(users[i], sizeof(users[i]), "u%d", i % 20 == 0 ? 0 : i);
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)i + 1,
                                                 .at_s = i % 60,
                                                 .username = users[i] });
        if (i % 1000 == 999)
            store_case_put(the);
    }
    assert_int_equal(the->reader->ops->count(the->reader, &query, &counts, &err), 0);
    for (size_t i = 0; i < counts.row_count[COUNT_USER]; i++)
        sum += counts.rows[COUNT_USER][i].events;
    assert_int_equal(sum, 12000);
    assert_in_range(counts.row_count[COUNT_USER], 2, 4 * 1001);
    assert_string_equal(counts.rows[COUNT_USER][0].value, "u0");
    assert_int_equal(counts.rows[COUNT_USER][0].events, 600);
    counts_release(&counts);
    free(users);
}

static void
a_value_too_long_to_count_is_other_and_still_found(void **state)
{
    const struct count_query query = { CASE_START, CASE_START + CASE_HOUR, CASE_HOUR,
                                       10 };
    struct store_case *the = *state;
    struct event_query find = { .to_us = INT64_MAX, .limit = 10, .filter_count = 1 };
    struct event_page page;
    char *name = malloc(5001);
    struct counts counts;
    struct err err;
    size_t found = 0;

    assert_non_null(name);
    memset(name, 'A', 5000);
    name[5000] = '\0';
    store_case_add(the,
                   (struct event_plan){ .sequence = 1, .at_s = 1, .username = name });
    store_case_add(the, (struct event_plan){ .sequence = 2, .at_s = 40000 });
    store_case_put(the);
    assert_int_equal(the->reader->ops->count(the->reader, &query, &counts, &err), 0);
    assert_int_equal(counts.row_count[COUNT_USER], 1);
    assert_string_equal(counts.rows[COUNT_USER][0].value, "(other)");
    counts_release(&counts);
    find.filters[0].field = text_of("username");
    find.filters[0].value = text_of(name);
    assert_int_equal(the->reader->ops->find_events(the->reader, &find, count_visit,
                                                   &found, &page, &err),
                     0);
    assert_int_equal(found, 1);
    free(name);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_deleted_when_its_last_write_is_old),
        TEST(without_a_retention_nothing_is_deleted),
        TEST(over_the_size_the_least_recently_written_goes_first_and_the_last_never),
        TEST(old_incidents_go_unless_they_are_still_worked_on),
        TEST(a_minute_of_countless_users_keeps_few_rows_and_the_whole_sum),
        TEST(a_value_too_long_to_count_is_other_and_still_found),
    };

    return cmocka_run_group_tests_name("store retain", tests, NULL, NULL);
}
