/* Events in and out of any kind of store: said in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/store_case.h"

/* Which events a search showed, by sequence number. */
struct shown {
    uint64_t sequences[CASE_EVENTS];
    size_t count, most; /* most: stop after so many; 0: never */
};

static uint64_t
sequence_of(const struct event *ev)
{
    uint64_t sequence = 0;

    for (int i = 12; i < 20; i++)
        sequence = sequence << 8 | ev->id.bytes[i];
    return sequence;
}

static int
show(void *ctx, const struct event *ev)
{
    struct shown *shown = ctx;

    assert_true(shown->count < CASE_EVENTS);
    shown->sequences[shown->count++] = sequence_of(ev);
    return shown->count == shown->most;
}

static struct event_query
everything(void)
{
    return (struct event_query){ .from_us = INT64_MIN, .to_us = INT64_MAX, .limit = 100 };
}

static struct event_page
find(struct store_case *the, const struct event_query *query, struct shown *shown)
{
    struct event_page page;
    struct err err = { "" };

    if (the->reader->ops->find_events(the->reader, query, show, shown, &page, &err) != 0)
        fail_msg("find_events: %s", err.text);
    return page;
}

/* Page after page. */
static void
find_all(struct store_case *the, struct event_query query, struct shown *shown)
{
    struct event_page page;

    do {
        size_t before = shown->count;

        page = find(the, &query, shown);
        assert_true(shown->count - before <= query.limit);
        query.has_cursor = 1;
        query.cursor_at_us = page.cursor_at_us;
        query.cursor_id = page.cursor_id;
    } while (page.is_more);
}

struct comparison {
    const struct made_event *made;
    unsigned visits;
};

static int
compare_whole(void *ctx, const struct event *ev)
{
    struct comparison *comparison = ctx;
    const struct made_event *made = comparison->made;
    struct buf encoded = { 0 };

    comparison->visits++;
    assert_true(event_id_equals(&ev->id, &made->ev.id));
    assert_int_equal(ev->at_us, made->ev.at_us);
    assert_int_equal(ev->received_us, made->ev.received_us);
    assert_int_equal(event_pack(ev, &encoded), 0);
    assert_int_equal(encoded.len, made->encoded.len);
    assert_memory_equal(encoded.ptr, made->encoded.ptr, encoded.len);
    assert_true(text_is(value_get_text(&ev->known[EVENT_SOURCE_ADDRESS]), "192.0.2.7"));
    buf_release(&encoded);
    return 0;
}

static void
an_event_comes_back_with_every_field_as_it_was_sent(void **state)
{
    struct store_case *the = *state;
    struct comparison comparison = { &the->made[0], 0 };
    struct event_query query = everything();
    struct event_page page;
    struct err err;

    store_case_add(the, (struct event_plan){ .sequence = 1,
                                             .at_s = 5,
                                             .received_s = 9,
                                             .type = "login_failed",
                                             .severity = "high",
                                             .source = "192.0.2.7",
                                             .username = "r'o\"o;t%_",
                                             .raw_log = "\xed\x95\x9c raw",
                                             .description = "",
                                             .extra_name = "a.b",
                                             .extra = "'); DROP TABLE events;--" });
    store_case_put(the);
    assert_int_equal(the->reader->ops->find_events(the->reader, &query, compare_whole,
                                                   &comparison, &page, &err),
                     0);
    assert_int_equal(comparison.visits, 1);
    assert_int_equal(page.is_more, 0);
}

static void
an_event_written_again_is_stored_and_counted_once(void **state)
{
    struct store_case *the = *state;
    struct store_written written;
    struct event_query query = everything();
    struct shown shown = { .count = 0 };

    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 1 });
    store_case_add(the, (struct event_plan){ .sequence = 2, .at_s = 2 });
    written = store_case_put(the);
    assert_int_equal(written.inserted, 2);
    the->first = 0;
    store_case_add(the, (struct event_plan){ .sequence = 3, .at_s = 3 });
    store_case_add(the, (struct event_plan){ .sequence = 3, .at_s = 3 });
    store_case_reopen(the);
    written = store_case_put(the);
    assert_int_equal(written.inserted, 1);
    assert_int_equal(written.repeated, 3);
    find(the, &query, &shown);
    assert_int_equal(shown.count, 3);
}

/* A client's key names an event of one UTC day of event time: the first of that
 * day stays as it was; with a time of another day it is another event. */
static void
a_clients_key_names_one_event_a_day(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();
    struct shown shown = { .count = 0 };
    struct store_written written;

    store_case_add(the, (struct event_plan){ .at_s = 1, .key = "k", .type = "first" });
    store_case_add(the, (struct event_plan){ .at_s = 1, .key = "k", .type = "other words" });
    store_case_add(the, (struct event_plan){ .at_s = 86399, .key = "k", .type = "last second" });
    written = store_case_put(the);
    assert_int_equal(written.inserted, 1);
    assert_int_equal(written.repeated, 2);
    store_case_add(the, (struct event_plan){ .at_s = 86400, .key = "k", .type = "other day" });
    written = store_case_put(the);
    assert_int_equal(written.inserted, 1);
    find(the, &query, &shown);
    assert_int_equal(shown.count, 2);
}

static void
an_event_without_a_proper_id_is_refused_and_counted(void **state)
{
    struct store_case *the = *state;
    struct store_written written;

    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 1 });
    store_case_add(the, (struct event_plan){ .sequence = 2, .at_s = 1 });
    the->made[0].ev.id.len = 3;
    written = store_case_put(the);
    assert_int_equal(written.refused, 1);
    assert_int_equal(written.inserted, 1);
}

/* 300 events, in threes of the same time, over three storage days, put in an
 * order of their own; some happened long before they were received. */
static void
add_many(struct store_case *the)
{
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t sequence = i * 7 % 300;
        int64_t at_s = (int64_t)(sequence / 3) * 700;

        store_case_add(
            the, (struct event_plan){
                     .sequence = sequence,
                     .at_s = at_s,
                     .received_s = at_s + (int64_t)(sequence % 3) * 86400 + 1,
                     .username = sequence % 10 == 0 ? "Alice" : "bob",
                     .description = sequence % 50 == 0 ? "a rare thing" : "usual" });
    }
    store_case_put(the);
}

static void
pages_follow_each_other_without_gap_or_repeat(void **state)
{
    static const unsigned limits[] = { 1, 7, 100, 299, 300, 1000 };
    struct store_case *the = *state;

    add_many(the);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct event_query query = everything();
        struct shown shown = { .count = 0 };

        query.limit = limits[i];
        find_all(the, query, &shown);
        assert_int_equal(shown.count, 300);
        for (uint64_t k = 0; k < 300; k++)
            assert_int_equal(shown.sequences[k], 299 - k); /* (at, id) falling */
    }
}

static void
pages_of_a_filtered_search_do_the_same(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();
    struct shown shown = { .count = 0 };

    add_many(the);
    query.limit = 4;
    query.filters[0].field = text_of("username");
    query.filters[0].value = text_of("alice");
    query.filter_count = 1;
    find_all(the, query, &shown);
    assert_int_equal(shown.count, 30);
    for (uint64_t k = 0; k < 30; k++)
        assert_int_equal(shown.sequences[k], 290 - 10 * k);
}

static void
a_visitor_can_stop_and_go_on_later(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();
    struct shown shown = { .count = 0, .most = 5 };
    struct event_page page;

    add_many(the);
    page = find(the, &query, &shown);
    assert_int_equal(shown.count, 5);
    assert_int_equal(page.is_more, 1);
    query.has_cursor = 1;
    query.cursor_at_us = page.cursor_at_us;
    query.cursor_id = page.cursor_id;
    find(the, &query, &shown);
    assert_int_equal(shown.sequences[5], 294);
}

static void
a_time_range_has_its_first_moment_and_not_its_last(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();
    struct shown shown = { .count = 0 };

    for (int i = 0; i < 10; i++)
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)i, .at_s = i });
    store_case_put(the);
    query.from_us = CASE_START + 3 * CASE_SECOND;
    query.to_us = CASE_START + 6 * CASE_SECOND;
    find(the, &query, &shown);
    assert_int_equal(shown.count, 3);
    assert_int_equal(shown.sequences[0], 5);
    assert_int_equal(shown.sequences[2], 3);
}

static int
take_id(void *ctx, const struct event *ev)
{
    *(struct event_id *)ctx = ev->id;
    return 0;
}

static void
an_event_is_found_by_its_id(void **state)
{
    struct store_case *the = *state;
    struct event_id found = { 0 }, absent = event_id_make(1, 2, 3);
    struct err err;
    const struct event *ev;

    add_many(the);
    ev = store_case_add(the, (struct event_plan){
                                 .at_s = -90 * 86400, .key = "line 1", .received_s = 5 });
    store_case_put(the);
    assert_int_equal(the->reader->ops->get_event(the->reader, &ev->id,
                                                 event_storage_day(ev), take_id, &found,
                                                 &err),
                     1);
    assert_true(event_id_equals(&found, &ev->id));
    assert_int_equal(the->reader->ops->get_event(the->reader, &the->made[0].ev.id,
                                                 INT32_MIN, take_id, &found, &err),
                     1);
    assert_true(event_id_equals(&found, &the->made[0].ev.id));
    assert_int_equal(the->reader->ops->get_event(the->reader, &absent, INT32_MIN, take_id,
                                                 &found, &err),
                     0);
    assert_int_equal(
        the->reader->ops->get_event(the->reader, &absent, 0, take_id, &found, &err), 0);
}

static void
a_page_size_out_of_range_is_refused(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();
    struct event_page page;

    query.limit = 0;
    assert_int_equal(
        the->reader->ops->find_events(the->reader, &query, show, NULL, &page, NULL), -1);
    query.limit = STORE_MAX_PAGE + 1;
    assert_int_equal(
        the->reader->ops->find_events(the->reader, &query, show, NULL, &page, NULL), -1);
}

static void
an_empty_store_has_nothing_to_find(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything();
    struct shown shown = { .count = 0 };
    struct event_page page = find(the, &query, &shown);

    assert_int_equal(shown.count, 0);
    assert_int_equal(page.is_more, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_comes_back_with_every_field_as_it_was_sent),
        TEST(an_event_written_again_is_stored_and_counted_once),
        TEST(a_clients_key_names_one_event_a_day),
        TEST(an_event_without_a_proper_id_is_refused_and_counted),
        TEST(pages_follow_each_other_without_gap_or_repeat),
        TEST(pages_of_a_filtered_search_do_the_same),
        TEST(a_visitor_can_stop_and_go_on_later),
        TEST(a_time_range_has_its_first_moment_and_not_its_last),
        TEST(an_event_is_found_by_its_id),
        TEST(a_page_size_out_of_range_is_refused),
        TEST(an_empty_store_has_nothing_to_find),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
