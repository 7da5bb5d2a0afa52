/* Finding incidents in any kind of store: said in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "tests/support/store_case.h"

#define AT(s) (CASE_START + (s)*CASE_SECOND)

static void
set_status(struct store_case *the, unsigned n, int status)
{
    struct incident_change line = { .at_us = AT(1), .to = status };
    char id[INCIDENT_ID_HEX];
    struct err err = { "" };

    store_case_incident_id(n, id);
    if (the->reader->ops->set_status(the->reader, id, &line, &err) != 1)
        fail_msg("set_status: %s", err.text);
}

static struct incident_query
everything(void)
{
    return (struct incident_query){
        .to_us = INT64_MAX, .status = -1, .severity = -1, .limit = 1000
    };
}

/* How many there are; checks the order of what is found. */
static size_t
find(struct store_case *the, const struct incident_query *query, int *ret_is_more,
     struct incident_query *ret_next)
{
    struct incident **found = NULL;
    struct err err = { "" };
    size_t count = 0;

    if (the->reader->ops->find_incidents(the->reader, query, &found, &count, ret_is_more,
                                         &err) != 0)
        fail_msg("find_incidents: %s", err.text);
    for (size_t i = 1; i < count; i++)
        assert_true(found[i - 1]->last_seen_us > found[i]->last_seen_us ||
                    (found[i - 1]->last_seen_us == found[i]->last_seen_us &&
                     strcmp(found[i - 1]->id, found[i]->id) > 0));
    if (ret_next != NULL && count > 0) {
        ret_next->has_cursor = 1;
        ret_next->cursor_us = found[count - 1]->last_seen_us;
        memcpy(ret_next->cursor_id, found[count - 1]->id, INCIDENT_ID_HEX);
    }
    store_free_incidents(&found, count);
    return count;
}

static size_t
number_of(struct store_case *the, const struct incident_query *query)
{
    int is_more;

    return find(the, query, &is_more, NULL);
}

static void
put_forty(struct store_case *the)
{
    for (unsigned n = 0; n < 40; n++)
        store_case_put_incident(
            the, store_case_incident(n, 1, n % 8 ? "192.0.2.1" : "192.0.2.8"));
}

static void
incidents_are_paged_without_gap_or_repeat(void **state)
{
    static const unsigned limits[] = { 1, 3, 39, 40, 41 };
    struct store_case *the = *state;

    put_forty(the);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct incident_query query = everything();
        size_t total = 0;
        int is_more = 1;

        query.limit = limits[i];
        while (is_more) {
            struct incident_query page = query;

            total += find(the, &page, &is_more, &query);
        }
        assert_int_equal(total, 40);
    }
}

static void
incidents_are_found_by_their_fields(void **state)
{
    struct store_case *the = *state;
    struct incident_query query = everything();

    put_forty(the);
    set_status(the, 3, STATUS_RESOLVED);
    query.status = STATUS_RESOLVED;
    assert_int_equal(number_of(the, &query), 1);
    query = everything();
    query.severity = SEVERITY_HIGH;
    assert_int_equal(number_of(the, &query), 20);
    query = everything();
    query.rule_id = text_of("rule-odd");
    assert_int_equal(number_of(the, &query), 20);
    query.rule_id = text_of("' OR '1'='1");
    assert_int_equal(number_of(the, &query), 0);
    query = everything();
    query.key_value = text_of("192.0.2.8");
    assert_int_equal(number_of(the, &query), 5);
    query.key_value = text_of("192.0.2.%");
    assert_int_equal(number_of(the, &query), 0);
    query = everything();
    query.from_us = AT(10);
    query.to_us = AT(12);
    assert_int_equal(number_of(the, &query), 4);
}

static void
what_was_written_lately_is_found_by_the_clock_of_the_store(void **state)
{
    struct store_case *the = *state;
    struct incident_query query = everything();

    put_forty(the);
    query.updated_from_us = clock_real_us() - 3600 * CASE_SECOND;
    assert_int_equal(number_of(the, &query), 40);
    query.updated_from_us = clock_real_us() + 1;
    assert_int_equal(number_of(the, &query), 0);
    set_status(the, 5, STATUS_ACKNOWLEDGED);
    assert_int_equal(number_of(the, &query), 1);
}

static void
an_empty_store_has_no_incidents(void **state)
{
    struct incident_query query = everything();
    int is_more = 1;

    assert_int_equal(find(*state, &query, &is_more, NULL), 0);
    assert_int_equal(is_more, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(incidents_are_paged_without_gap_or_repeat),
        TEST(incidents_are_found_by_their_fields),
        TEST(what_was_written_lately_is_found_by_the_clock_of_the_store),
        TEST(an_empty_store_has_no_incidents),
    };

    return cmocka_run_group_tests_name("store incidents find", tests, NULL, NULL);
}
