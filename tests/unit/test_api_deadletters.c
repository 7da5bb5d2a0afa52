/* The api: dead letters listed and wanted, before the embedded store. */
#include "tests/support/api_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/store_case.h"

#define ID_OF "000000000000b0b0-00000007-%016x"
#define NO_ID "ffffffffffffffff-00000007-0000000000000001"

/* Both fixtures; the desk's api asks the case's reader. */
struct both {
    struct desk *desk;
    struct store_case *the;
};

static int
set_up(void **state)
{
    struct both *both = calloc(1, sizeof(*both));
    void *one = NULL;

    if (both == NULL || store_case_open(&one) != 0)
        return -1;
    both->the = one;
    if (desk_set_up(&one) != 0)
        return -1;
    both->desk = one;
    both->desk->api.store = both->the->reader;
    *state = both;
    return 0;
}

static int
tear_down(void **state)
{
    struct both *both = *state;
    void *one = both->desk;

    desk_tear_down(&one);
    one = both->the;
    store_case_close(&one);
    free(both);
    return 0;
}

static void
put_bytes(struct both *both, struct dead_key key, unsigned n, struct text encoded)
{
    const struct dead_letter letter = {
        .key = key, .at_us = CASE_START + n * CASE_SECOND, .received_us = CASE_START,
        .reason = text_of("document_parsing_exception: \xff"), .by = text_of("indexer"),
        .encoded = encoded };
    struct err err = { "" };

    if (both->the->writer->ops->dead->put(both->the->writer, &letter, 1, &err) != 0)
        fail_msg("%s", err.text);
}

static void
put(struct both *both, unsigned n)
{
    store_case_add(both->the, (struct event_plan){ .sequence = n, .username = "mina" });
    put_bytes(both, (struct dead_key){ event_id_make(0xb0b0, 7, n), 0 }, n,
              both->the->events[both->the->made_count - 1].encoded);
}

static void
a_letter_is_listed_with_its_event(void **state)
{
    struct both *both = *state;
    struct desk *desk = both->desk;

    assert_int_equal(desk_get(desk, "/deadletters"), 200);
    assert_int_equal(json_array_size(desk_at(desk, "deadletters")), 0);
    put(both, 5);
    assert_int_equal(desk_get(desk, "/deadletters"), 200);
    assert_string_equal(desk_text_at(desk, "deadletters/0/id"),
                        "000000000000b0b0-00000007-0000000000000005");
    assert_string_equal(desk_text_at(desk, "deadletters/0/at"), "2026-03-01T00:00:05Z");
    assert_string_equal(desk_text_at(desk, "deadletters/0/received_at"), "2026-03-01T00:00:00Z");
    assert_string_equal(desk_text_at(desk, "deadletters/0/by"), "indexer");
    assert_string_equal(desk_text_at(desk, "deadletters/0/reason"),
                        "document_parsing_exception: \xEF\xBF\xBD");
    assert_int_equal(desk_number_at(desk, "deadletters/0/attempts"), 0);
    assert_true(json_is_null(desk_at(desk, "deadletters/0/tried_at")));
    assert_true(json_is_false(desk_at(desk, "deadletters/0/wanted")));
    assert_string_equal(desk_text_at(desk, "deadletters/0/event/username"), "mina");
    assert_string_equal(desk_text_at(desk, "deadletters/0/event/id"),
                        "000000000000b0b0-00000007-0000000000000005");
    assert_true(json_is_null(desk_at(desk, "next_cursor")));
}

static void
what_is_no_event_is_listed_without_one(void **state)
{
    struct both *both = *state;

    put_bytes(both, (struct dead_key){ event_id_keyed(text_of("a"), text_of("b")), -5 }, 1,
              (struct text){ "\xc1\0{}", 4 });
    assert_int_equal(desk_get(both->desk, "/deadletters"), 200);
    assert_true(json_is_null(desk_at(both->desk, "deadletters/0/event")));
    assert_int_equal(desk_number_at(both->desk, "deadletters/0/bytes"), 4);
}

static void
letters_come_in_pages_that_a_cursor_joins(void **state)
{
    struct both *both = *state;
    char target[256] = "/deadletters?limit=4";

    for (unsigned n = 0; n < 9; n++)
        put(both, n);
    put_bytes(both, (struct dead_key){ event_id_keyed(text_of("a"), text_of("b")), -5 }, 9,
              (struct text){ "", 0 });
    for (int page = 0; page < 3; page++) {
        assert_int_equal(desk_get(both->desk, target), 200);
        assert_int_equal(json_array_size(desk_at(both->desk, "deadletters")), page == 2 ? 2 : 4);
        assert_int_equal(json_is_null(desk_at(both->desk, "next_cursor")), page == 2);
        if (page < 2)
            snprintf(target, sizeof(target), "/deadletters?limit=4&cursor=%s",
                     desk_text_at(both->desk, "next_cursor"));
    }
    assert_int_equal(desk_get(both->desk, "/deadletters?limit=1"), 200);
    snprintf(target, sizeof(target), "/deadletters?cursor=%s",  /* a client's key in it */
             desk_text_at(both->desk, "next_cursor"));
    assert_int_equal(desk_get(both->desk, target), 200);
    assert_int_equal(json_array_size(desk_at(both->desk, "deadletters")), 9);
}

static void
a_list_that_makes_no_sense_is_refused(void **state)
{
    static const struct wrong cases[] = {
        { "/deadletters?limit=0", "limit" }, { "/deadletters?limit=501", "limit" },
        { "/deadletters?limit=x", "limit" }, { "/deadletters?cursor=", "cursor" },
        { "/deadletters?cursor=5_", "cursor" }, { "/deadletters?cursor=5_x", "cursor" },
        { "/deadletters?cursor=x_" NO_ID, "cursor" }, { "/deadletters?all=1", "all" },
    };
    struct both *both = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(desk_get(both->desk, cases[i].target), 400);
        assert_non_null(strstr(desk_text_at(both->desk, "detail"), cases[i].word));
    }
}

static int
retry(struct both *both, const char *body)
{
    return desk_post(both->desk, "/deadletters/retry", WITH_KEY, body);
}

static void
those_that_are_named_are_wanted_and_unknown_ones_are_said(void **state)
{
    struct both *both = *state;
    char body[300];

    for (unsigned n = 0; n < 3; n++)
        put(both, n);
    snprintf(body, sizeof(body), "{\"ids\":[\"" ID_OF "\",\"" NO_ID "\",\"" ID_OF "\"]}", 1, 1);
    assert_int_equal(retry(both, body), 202);
    assert_int_equal(desk_number_at(both->desk, "wanted"), 1);
    assert_int_equal(json_array_size(desk_at(both->desk, "not_found")), 1);
    assert_string_equal(desk_text_at(both->desk, "not_found/0"), NO_ID);
    assert_int_equal(*both->desk->api.letters_wanted, 1);
    assert_int_equal(desk_get(both->desk, "/deadletters"), 200);
    assert_true(json_is_false(desk_at(both->desk, "deadletters/0/wanted")));
    assert_true(json_is_true(desk_at(both->desk, "deadletters/1/wanted")));
}

static void
all_are_wanted_at_once(void **state)
{
    struct both *both = *state;

    assert_int_equal(retry(both, "{\"all\":true}"), 202);
    assert_int_equal(desk_number_at(both->desk, "wanted"), 0);
    for (unsigned n = 0; n < 3; n++)
        put(both, n);
    assert_int_equal(retry(both, "{\"all\":true}"), 202);
    assert_int_equal(desk_number_at(both->desk, "wanted"), 3);
    assert_int_equal(json_array_size(desk_at(both->desk, "not_found")), 0);
    assert_true(json_is_false(desk_at(both->desk, "more")));
}

static void
a_retry_needs_the_key_and_json(void **state)
{
    struct both *both = *state;

    put(both, 1);
    assert_int_equal(desk_post(both->desk, "/deadletters/retry", "Content-Type: application/json\r\n",
                               "{\"all\":true}"), 401);
    assert_int_equal(desk_post(both->desk, "/deadletters/retry", "X-API-Key: " KEY "\r\n"
                               "Content-Type: text/plain\r\n", "{\"all\":true}"), 415);
    assert_int_equal(desk_get(both->desk, "/deadletters"), 200);
    assert_true(json_is_false(desk_at(both->desk, "deadletters/0/wanted")));
}

static void
a_retry_that_makes_no_sense_is_refused_and_its_field_named(void **state)
{
    static const struct { const char *body, *word; } cases[] = {
        { "", "JSON" }, { "{", "JSON" }, { "[]", "object" }, { "{}", "ids" },
        { "{\"ids\":[]}", "ids" }, { "{\"ids\":\"" NO_ID "\"}", "ids" }, { "{\"ids\":null}", "ids" },
        { "{\"ids\":[\"" NO_ID "\",5]}", "ids: number 2" }, { "{\"ids\":[\"x\"]}", "ids: number 1" },
        { "{\"ids\":[\"\"]}", "ids: number 1" }, { "{\"ids\":[\"" NO_ID "\"],\"all\":true}", "all" },
        { "{\"all\":false}", "all" }, { "{\"all\":1}", "all" }, { "{\"al\":true}", "al" },
        { "{\"all\":true,\"x\":1}", "x" },
    };
    struct both *both = *state;
    char *many = calloc(1, 60000);

    put(both, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = retry(both, cases[i].body);

        if (status != 400 || strstr(desk_text_at(both->desk, "detail"), cases[i].word) == NULL)
            fail_msg("%s: %d, %s", cases[i].body, status, desk_text_at(both->desk, "detail"));
    }
    snprintf(many, 60000, "{\"ids\":[");
    for (unsigned n = 0; n <= DEAD_MAX_IDS; n++)
        snprintf(many + strlen(many), 60000 - strlen(many), "%s\"" ID_OF "\"", n > 0 ? "," : "", n);
    strncat(many, "]}", 3);
    assert_int_equal(retry(both, many), 400);
    free(many);
    assert_int_equal(*both->desk->api.letters_wanted, 0);
}

static int
find_nothing(struct store *store, const struct dead_query *query,
             int (*visit)(void *ctx, const struct dead_letter *letter), void *ctx,
             struct dead_page *ret_page, struct err *err)
{
    err_set(err, "no answer");
    return -1;
}

static int
want_nothing(struct store *store, struct dead_wish *wish, struct err *err)
{
    err_set(err, "no answer");
    return -1;
}

static void
a_store_that_is_away_is_503(void **state)
{
    static const struct store_dead_ops dead = { .find = find_nothing, .want = want_nothing };
    static const struct store_ops ops = { .name = "away", .dead = &dead };
    struct store away = { &ops };
    struct both *both = *state;

    both->desk->api.store = &away;
    assert_int_equal(desk_get(both->desk, "/deadletters"), 503);
    assert_int_equal(retry(both, "{\"all\":true}"), 503);
    assert_non_null(strstr(desk_text_at(both->desk, "detail"), "no answer"));
    assert_int_equal(*both->desk->api.query_failures, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_letter_is_listed_with_its_event),
        TEST(what_is_no_event_is_listed_without_one),
        TEST(letters_come_in_pages_that_a_cursor_joins),
        TEST(a_list_that_makes_no_sense_is_refused),
        TEST(those_that_are_named_are_wanted_and_unknown_ones_are_said),
        TEST(all_are_wanted_at_once),
        TEST(a_retry_needs_the_key_and_json),
        TEST(a_retry_that_makes_no_sense_is_refused_and_its_field_named),
        TEST(a_store_that_is_away_is_503),
    };

    return cmocka_run_group_tests_name("api_deadletters", tests, NULL, NULL);
}
