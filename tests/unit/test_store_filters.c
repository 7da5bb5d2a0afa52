/* Searches of any kind of store, by field and by text: in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/store_case.h"

static int
count_visit(void *ctx, const struct event *ev)
{
    ++*(size_t *)ctx;
    return 0;
}

static struct event_query
everything(void)
{
    return (struct event_query){ .from_us = INT64_MIN, .to_us = INT64_MAX, .limit = 100 };
}

static size_t
find(struct store_case *the, const struct event_query *query)
{
    struct event_page page;
    struct err err = { "" };
    size_t count = 0;

    if (the->reader->ops->find_events(the->reader, query, count_visit, &count, &page,
                                      &err) != 0)
        fail_msg("find_events: %s", err.text);
    return count;
}

/* How many events there are with field = value. */
static size_t
matches(struct store_case *the, const char *field, const char *value)
{
    struct event_query query = everything();

    query.filters[0].field = text_of(field);
    query.filters[0].value = text_of(value);
    query.filter_count = 1;
    return find(the, &query);
}

static size_t
texts(struct store_case *the, const char *text)
{
    struct event_query query = everything();

    query.text = text_of(text);
    return find(the, &query);
}

static void
filters_compare_whole_values_without_case(void **state)
{
    struct store_case *the = *state;

    store_case_add(the, (struct event_plan){ .sequence = 1,
                                             .at_s = 1,
                                             .type = "Login_Failed",
                                             .severity = "high",
                                             .source = "192.0.2.1",
                                             .username = "ROOT",
                                             .extra_name = "host",
                                             .extra = "Web1" });
    store_case_add(the,
                   (struct event_plan){ .sequence = 2, .at_s = 2, .username = "root%" });
    store_case_put(the);
    assert_int_equal(matches(the, "username", "root"), 1);
    assert_int_equal(matches(the, "username", "roo"), 0);
    assert_int_equal(matches(the, "username", "root%"), 1);
    assert_int_equal(matches(the, "username", "%"), 0);
    assert_int_equal(matches(the, "username", "' OR 1=1 --"), 0);
    assert_int_equal(matches(the, "event_type", "LOGIN_FAILED"), 1);
    assert_int_equal(matches(the, "severity", "high"), 1);
    assert_int_equal(matches(the, "source_ip", "192.0.2.1"), 1);
    assert_int_equal(matches(the, "source_address", "192.0.2.1"), 1);
    assert_int_equal(matches(the, "host", "web1"), 1);
    assert_int_equal(matches(the, "count", "1"), 2);
    assert_int_equal(matches(the, "no_such_field", "1"), 0);
}

static void
several_filters_must_all_match(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();

    for (int i = 0; i < 12; i++)
        store_case_add(
            the, (struct event_plan){ .sequence = (uint64_t)i,
                                      .at_s = i,
                                      .username = i % 2 ? "a" : "b",
                                      .source = i % 3 ? "192.0.2.1" : "192.0.2.2" });
    store_case_put(the);
    query.filters[0].field = text_of("username");
    query.filters[0].value = text_of("a");
    query.filters[1].field = text_of("source_address");
    query.filters[1].value = text_of("192.0.2.2");
    query.filter_count = 2;
    assert_int_equal(find(the, &query), 2); /* 3 and 9 */
    query.from_us = CASE_START + 4 * CASE_SECOND;
    assert_int_equal(find(the, &query), 1);
}

static void
text_is_looked_for_in_logs_descriptions_and_further_fields(void **state)
{
    struct store_case *the = *state;

    store_case_add(the, (struct event_plan){ .sequence = 1,
                                             .at_s = 1,
                                             .raw_log = "Failed Password for root" });
    store_case_add(the, (struct event_plan){ .sequence = 2,
                                             .at_s = 2,
                                             .description = "a failed password%" });
    store_case_add(the, (struct event_plan){ .sequence = 3,
                                             .at_s = 3,
                                             .extra_name = "note",
                                             .extra = "the FAILED PASSWORD again" });
    store_case_add(the, (struct event_plan){
                            .sequence = 4, .at_s = 4, .username = "failed password" });
    store_case_put(the);
    assert_int_equal(texts(the, "failed password"), 3);
    assert_int_equal(texts(the, "password%"), 1);
    assert_int_equal(texts(the, "_ailed"), 0);
    assert_int_equal(texts(the, "failed passwords"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(filters_compare_whole_values_without_case),
        TEST(several_filters_must_all_match),
        TEST(text_is_looked_for_in_logs_descriptions_and_further_fields),
    };

    return cmocka_run_group_tests_name("store filters", tests, NULL, NULL);
}
