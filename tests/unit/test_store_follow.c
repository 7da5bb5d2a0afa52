/* What was stored after a place, in terms of store.h; and the places themselves. */
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

enum { NOTED = 4096 };

struct noted {
    char types[NOTED];          /* "a,b," */
    size_t count, most;         /* most: refuse to go on then; 0: never */
};

static int
note(void *ctx, const struct event *ev)
{
    struct noted *noted = ctx;
    struct text type = value_get_text(&ev->known[EVENT_TYPE]);
    size_t used = strlen(noted->types);

    if (used + type.len + 2 < NOTED)
        snprintf(noted->types + used, NOTED - used, "%.*s,", (int)type.len, type.ptr);
    return ++noted->count == noted->most;
}

static struct event_query
everything(unsigned limit)
{
    return (struct event_query){ .from_us = INT64_MIN, .to_us = INT64_MAX, .limit = limit };
}

/* From *place (NULL: the end) on, which is moved on. */
static struct event_news
follow(struct store_case *the, const struct event_query *query, char **place,
       struct noted *noted)
{
    struct event_news news;
    struct err err = { "" };

    noted->count = 0;
    noted->types[0] = '\0';
    if (the->reader->ops->follow_events(the->reader, query, text_of(*place), note, noted,
                                        &news, &err) != 0)
        fail_msg("follow_events: %s", err.text);
    free(*place);
    *place = buf_take(&news.place);
    return news;
}

static void
add(struct store_case *the, uint64_t sequence, int64_t at_s, int64_t received_s,
    const char *type)
{
    store_case_add(the, (struct event_plan){ .sequence = sequence, .at_s = at_s,
                                             .received_s = received_s, .type = type });
}

static void
nothing_is_new_at_the_end(void **state)
{
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    char *place = NULL;

    add(*state, 1, 1, 1, "old");
    store_case_put(*state);
    for (int i = 0; i < 2; i++) {
        assert_false(follow(*state, &query, &place, &noted).is_more);
        assert_int_equal(noted.count, 0);
    }
    free(place);
}

static void
an_event_is_told_once_however_late_it_comes(void **state)
{
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    char *place = NULL;

    add(*state, 5, 1000000, 1000000, "newest");
    store_case_put(*state);
    follow(*state, &query, &place, &noted);
    add(*state, 6, -400 * 86400, 1000001, "year-old");
    add(*state, 3, 1000000, 999000, "received-before");
    store_case_put(*state);
    follow(*state, &query, &place, &noted);
    assert_string_equal(noted.types, "year-old,received-before,");
    add(*state, 6, -400 * 86400, 1000001, "year-old");
    add(*state, 7, 0, 1000002, "next");
    store_case_put(*state);
    follow(*state, &query, &place, &noted);
    assert_string_equal(noted.types, "next,");
    free(place);
}

/* A keyed event is kept by its own day. */
static void
a_day_that_had_no_file_is_all_new(void **state)
{
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    char *place = NULL;

    follow(*state, &query, &place, &noted);
    add(*state, 1, 5, 5, "today");
    store_case_add(*state, (struct event_plan){ .at_s = -3 * 86400, .received_s = 6,
                                                .type = "keyed", .key = "k1" });
    store_case_add(*state, (struct event_plan){ .at_s = 4 * 86400, .received_s = 7,
                                                .type = "later", .key = "k2" });
    store_case_put(*state);
    follow(*state, &query, &place, &noted);
    assert_string_equal(noted.types, "keyed,today,later,");
    follow(*state, &query, &place, &noted);
    assert_int_equal(noted.count, 0);
    free(place);
}

static void
pages_go_on_where_the_last_one_ended(void **state)
{
    enum { EVENTS = 250 };
    struct event_query query = everything(7);
    struct noted noted = { .most = 5 };
    size_t sum = 0, pages = 0;
    int is_more = 1;
    char *place = NULL;

    follow(*state, &query, &place, &noted);
    for (int i = 0; i < EVENTS; i++)
        add(*state, (uint64_t)i + 1, i, (i % 5) * 86400 + 1, "x");
    store_case_put(*state);
    while (is_more) {
        noted.most = pages++ % 2 == 0 ? 5 : 0;      /* also when the reader has enough */
        is_more = follow(*state, &query, &place, &noted).is_more;
        assert_true(noted.count <= 7);
        sum += noted.count;
        store_case_reopen(*state);
    }
    assert_int_equal(sum, EVENTS);
    free(place);
}

static void
only_what_the_query_means_is_told(void **state)
{
    struct event_query query = everything(2);
    struct noted noted = { .count = 0 };
    char *place = NULL;

    query.filters[0].field = text_of("event_type");
    query.filters[0].value = text_of("WANTED");
    query.filter_count = 1;
    query.from_us = CASE_START + 100 * CASE_SECOND;
    follow(*state, &query, &place, &noted);
    for (int i = 0; i < 200; i++)
        add(*state, (uint64_t)i + 1, i, 500, i % 50 == 0 ? "wanted" : "other");
    store_case_put(*state);
    assert_true(follow(*state, &query, &place, &noted).is_more);
    assert_string_equal(noted.types, "wanted,wanted,");     /* of second 100 and 150 */
    assert_false(follow(*state, &query, &place, &noted).is_more);
    assert_int_equal(noted.count, 0);
    free(place);
}

static void
path_of(const struct store_case *the, int32_t day, const char *end, char out[256])
{
    char name[TIMESTAMP_LEN];

    timestamp_format_day(day, name);
    snprintf(out, 256, "%s/events-%s.db%s", the->store_dir, name, end);
}

static void
a_file_that_was_deleted_and_made_anew_is_read_from_its_start(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    char path[256], *place = NULL;

    for (int i = 1; i <= 3; i++)
        add(*state, (uint64_t)i, i, i, "old");
    store_case_put(*state);
    follow(*state, &query, &place, &noted);
    for (size_t i = 0; i < 3; i++) {
        path_of(*state, 20513, ends[i], path);
        (void)unlink(path);
    }
    store_case_reopen(*state);
    add(*state, 9, 9, 9, "anew");
    store_case_put(*state);
    follow(*state, &query, &place, &noted);
    assert_string_equal(noted.types, "anew,");
    free(place);
}

/* Files of length zero are days without events. */
static void
more_days_than_are_followed_are_counted(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    char path[256], *place = NULL;

    store_case_needs_files(the);
    add(the, 1, 1, 1, "first");
    store_case_put(the);
    for (int i = 1; i < STORE_FOLLOW_DAYS; i++) {
        FILE *file;

        path_of(the, 20513 + i, "", path);
        file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(follow(the, &query, &place, &noted).days_left_out, 0);
    assert_in_range(strlen(place), STORE_FOLLOW_DAYS, 8192);
    store_case_add(the, (struct event_plan){ .at_s = -86400, .received_s = 2,
                                             .type = "too-old", .key = "k" });
    add(the, 2, 2, 2, "second");
    store_case_put(the);
    assert_int_equal(follow(the, &query, &place, &noted).days_left_out, 1);
    assert_string_equal(noted.types, "second,");
    path_of(the, 20513 + 1, "", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(follow(the, &query, &place, &noted).days_left_out, 0);
    assert_int_equal(noted.count, 0);               /* not new, only followed again */
    free(place);
}

static void
what_is_no_place_is_refused(void **state)
{
    static const char *const wrong[] = {
        "s", "s1_", "s1_1", "s1_1.", "s1_.1", "s1_1.-1", "s1_1.1_0.1", "s1_1.1_-1.1", "s2_1.1",
        "s1_1.1_", "s1_99999999999.1", "s1_1.99999999999999999999", "now", "s1_1.1.1",
        "s1_-2147483648.1_1.1", "' OR 1=1",
    };
    struct store_case *the = *state;
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    struct event_news news;
    struct err err;
    char many[16 * (STORE_FOLLOW_DAYS + 1)] = "s1_20000.1";

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (the->reader->ops->follow_events(the->reader, &query, text_of(wrong[i]), note,
                                            &noted, &news, &err) != -2)
            fail_msg("%s is taken for a place", wrong[i]);
    for (size_t i = 0; i < STORE_FOLLOW_DAYS; i++)
        strncat(many, "_1.1", sizeof many - strlen(many) - 1);
    assert_int_equal(the->reader->ops->follow_events(the->reader, &query, text_of(many), note,
                                                     &noted, &news, &err), -2);
}

static void
a_file_that_cannot_be_read_is_an_error_and_not_empty(void **state)
{
    struct store_case *the = *state;
    struct event_query query = everything(10);
    struct noted noted = { .count = 0 };
    struct event_news news;
    struct err err = { "" };
    char path[256], *place = NULL;
    FILE *file;

    store_case_needs_files(the);
    follow(the, &query, &place, &noted);
    path_of(the, 20513, "", path);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++)
        fputc('x', file);
    fclose(file);
    assert_int_equal(the->reader->ops->follow_events(the->reader, &query, text_of(place), note,
                                                     &noted, &news, &err), -1);
    assert_true(err.text[0] != '\0');
    free(place);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_new_at_the_end),
        TEST(an_event_is_told_once_however_late_it_comes),
        TEST(a_day_that_had_no_file_is_all_new),
        TEST(pages_go_on_where_the_last_one_ended),
        TEST(only_what_the_query_means_is_told),
        TEST(a_file_that_was_deleted_and_made_anew_is_read_from_its_start),
        TEST(more_days_than_are_followed_are_counted),
        TEST(what_is_no_place_is_refused),
        TEST(a_file_that_cannot_be_read_is_an_error_and_not_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
