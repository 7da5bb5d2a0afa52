/* What a _bulk's answer says: all was stored only when each byte says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/settings.h"
#include "proto/store/store.h"

enum { COUNT = 3 };

static struct store *store;
static struct store_item items[COUNT];
static struct err err;

static int
open_store(void **state)
{
    const struct settings settings = { .store_url = (char *)(uintptr_t)"http://127.0.0.1:9",
                                       .elastic_gzip = (char *)(uintptr_t)"off" };

    (void)state;
    store = store_open(&settings, STORE_WRITE, &err);
    return store == NULL;
}

static int
close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

/* The answer in which item i has the status and the place `of`. */
static void
write_answer(struct buf *out, const int status[COUNT], const size_t of[COUNT])
{
    buf_clear(out);
    buf_append_str(out, "{\"items\":[");
    for (size_t i = 0; i < COUNT; i++) {
        char id[EVENT_ID_TEXT_LEN];

        items[i] = (struct store_item){ 0 };
        items[i].id = event_id_make(7, 8, of[i] + 1);
        event_id_format(&items[i].id, id);
        items[i].id = event_id_make(7, 8, i + 1);
        buf_append_str(out, i == 0 ? "{\"create\":{\"_id\":\"" : ",{\"create\":{\"_id\":\"");
        buf_append_str(out, id);
        buf_printf(out, "\",\"status\":%d}}", status[i]);
    }
    buf_append_str(out, "]}");
}

static enum store_answer
read_it(const struct buf *body)
{
    const struct http_answer answer = { .status = 200, .body = *body };

    for (size_t i = 0; i < COUNT; i++)
        items[i].outcome = ITEM_UNKNOWN;
    return store->ops->bulk->read(store, &answer, items, COUNT, &err);
}

static const int all_created[COUNT] = { 201, 201, 201 };
static const size_t in_order[COUNT] = { 0, 1, 2 };

static void
each_item_created_is_each_item_stored(void **state)
{
    struct buf body = { 0 };

    (void)state;
    write_answer(&body, all_created, in_order);
    assert_int_equal(read_it(&body), ANSWER_READ);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(items[i].outcome, ITEM_STORED);
    buf_release(&body);
}

static void
other_spaces_say_the_same(void **state)
{
    struct buf body = { 0 }, spaced = { 0 };

    (void)state;
    write_answer(&body, all_created, in_order);
    for (size_t i = 0; i < body.len; i++) {
        buf_append_char(&spaced, body.ptr[i]);
        if (body.ptr[i] == ',' || body.ptr[i] == '[')
            buf_append_str(&spaced, "\n ");
    }
    assert_int_equal(read_it(&spaced), ANSWER_READ);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(items[i].outcome, ITEM_STORED);
    buf_release(&body);
    buf_release(&spaced);
}

static void
one_item_that_was_there_is_seen(void **state)
{
    struct buf body = { 0 };

    (void)state;
    for (size_t at = 0; at < COUNT; at++) {
        int status[COUNT] = { 201, 201, 201 };

        status[at] = 409;
        write_answer(&body, status, in_order);
        assert_int_equal(read_it(&body), ANSWER_READ);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(items[i].outcome, i == at ? ITEM_REPEATED : ITEM_STORED);
    }
    buf_release(&body);
}

static void
an_answer_to_others_says_nothing(void **state)
{
    static const size_t swapped[COUNT] = { 0, 2, 1 };
    struct buf body = { 0 };

    (void)state;
    write_answer(&body, all_created, swapped);
    assert_int_equal(read_it(&body), ANSWER_RETRY);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_not_equal(items[i].outcome, ITEM_STORED);
    buf_release(&body);
}

static void
an_answer_cut_anywhere_says_nothing(void **state)
{
    struct buf body = { 0 };
    size_t whole;

    (void)state;
    write_answer(&body, all_created, in_order);
    whole = body.len;
    for (body.len = 0; body.len < whole; body.len++) {
        assert_int_equal(read_it(&body), ANSWER_RETRY);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_not_equal(items[i].outcome, ITEM_STORED);
    }
    body.len = whole;
    buf_append_str(&body, "}");
    assert_int_equal(read_it(&body), ANSWER_RETRY);
    buf_release(&body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_created_is_each_item_stored),
        cmocka_unit_test(other_spaces_say_the_same),
        cmocka_unit_test(one_item_that_was_there_is_seen),
        cmocka_unit_test(an_answer_to_others_says_nothing),
        cmocka_unit_test(an_answer_cut_anywhere_says_nothing),
    };

    return cmocka_run_group_tests_name("elastic_answers", tests, open_store, close_store);
}
