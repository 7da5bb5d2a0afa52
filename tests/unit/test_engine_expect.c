/*
 * test_engine_expect.c - events that the engine hears of before they are judged
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/engine/engine_internal.h"
#include "detector/read_ahead.h"
#include "tests/support/engine_case.h"
#include "tests/support/random_number.h"

enum { EVENTS = 3000 };

/* An event and the texts that it borrows. */
struct told {
    struct event ev;
    char source[64], user[64];
};

static struct told *
make_event(struct engine_case *fix, int64_t *now_us)
{
    struct told *told = calloc(1, sizeof(*told));

    assert_non_null(told);
    *now_us += (int64_t)random_number(SEC(20));
    snprintf(told->source, sizeof(told->source), "2001:DB8::%d", (int)random_number(30));
    snprintf(told->user, sizeof(told->user), "User%d", (int)random_number(9));
    told->ev = engine_case_event(fix, random_number(5) == 0 ? "alarm" : "login_failed",
                                 random_number(9) == 0 ? NULL : told->source, *now_us);
    told->ev.known[EVENT_USERNAME] = value_text(text_of(told->user));
    told->ev.known[EVENT_COUNT] = value_int(1 + (int64_t)random_number(2));
    if (random_number(4) != 0)
        assert_int_equal(event_add_extra(&told->ev, text_of("service"),
                                         value_text(text_of("ssh"))), 0);
    return told;
}

static int
compare_rows(const void *left, const void *right)
{
    const struct stored_row *a = left, *b = right;
    int order = strcmp(a->rule.ptr, b->rule.ptr);

    return order != 0 ? order : strcmp(a->key.ptr, b->key.ptr);
}

static void
assert_same_rows(struct row_store *a, struct row_store *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(a->count > 50);
    qsort(a->rows, a->count, sizeof(a->rows[0]), compare_rows);
    qsort(b->rows, b->count, sizeof(b->rows[0]), compare_rows);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(compare_rows(&a->rows[i], &b->rows[i]), 0);
        assert_int_equal(a->rows[i].hash, b->rows[i].hash);
        assert_int_equal(a->rows[i].is_gone, b->rows[i].is_gone);
        assert_int_equal(a->rows[i].state.len, b->rows[i].state.len);
        if (a->rows[i].state.len > 0)
            assert_memory_equal(a->rows[i].state.ptr, b->rows[i].state.ptr,
                                a->rows[i].state.len);
    }
}

/* Rightly, not at all, twice, too many, one that never comes, or one whose memory is
 * used again by then. */
static void
expect_somehow(struct engine_case *fix, struct told *const *coming)
{
    uint64_t how = random_number(6);
    struct told other;

    for (size_t i = 0; how != 1 && coming[i] != NULL && i < (how == 3 ? 9 : 3); i++) {
        engine_expect(fix->engine, &coming[i]->ev);
        if (how == 2)
            engine_expect(fix->engine, &coming[i]->ev);
        if (how == 4 || how == 5) {
            other = *coming[i];
            other.ev.known[EVENT_SOURCE_ADDRESS] = value_text(text_of("192.0.2.99"));
            engine_expect(fix->engine, &other.ev);
        }
    }
    if (how == 5 && coming[0] != NULL) {
        struct told *first = coming[0];

        other = *first;
        first->ev.known[EVENT_SOURCE_ADDRESS] = value_text(text_of("192.0.2.98"));
        engine_expect(fix->engine, &first->ev);
        first->ev = other.ev;   /* an earlier event stood there when it was expected */
    }
}

static struct row_store *
judge_all(uint64_t from, int is_expecting)
{
    struct row_store *store = calloc(1, sizeof(*store));
    struct told **all = calloc(EVENTS + 1, sizeof(struct told *));
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    int64_t now_us = START;

    assert_true(store != NULL && all != NULL);
    options.max_keys = 60;      /* rows go while they are expected */
    engine_case_open(&fix, engine_case_rules, &options);
    fix.engine->expecting.least_rows = 0;
    random_seed = from;
    for (size_t i = 0; i < EVENTS; i++)
        all[i] = make_event(&fix, &now_us);
    for (size_t i = 0; i < EVENTS; i++) {
        if (is_expecting)
            expect_somehow(&fix, &all[i]);
        engine_case_judge(&fix, &all[i]->ev);
        event_release(&all[i]->ev);
        free(all[i]);
        if (i % 500 == 499)
            row_store_save(store, &fix);
    }
    free(all);
    engine_case_close(&fix);
    return store;
}

static void
no_answer_depends_on_what_was_expected(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 5; round++) {
        struct row_store *plain = judge_all(round * 7919, 0);
        struct row_store *expecting = judge_all(round * 7919, 1);

        assert_same_rows(plain, expecting);
        row_store_destroy(&plain);
        row_store_destroy(&expecting);
    }
}

static void
a_coming_event_is_expected_under_the_key_that_it_gets(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    const struct expecting *expecting;
    const struct expected *first;
    struct event one, two;
    struct text key;

    (void)state;
    engine_case_open(&fix, engine_case_rules, &options);
    fix.engine->expecting.least_rows = 1;
    expecting = &fix.engine->expecting;
    one = engine_case_event(&fix, "login_failed", "2001:DB8::1", START);
    two = engine_case_event(&fix, "login_failed", "2001:DB8::2", START);
    engine_expect(fix.engine, &one);
    assert_int_equal(expecting->count, 0);      /* nothing was fed yet */
    engine_case_judge(&fix, &one);
    engine_expect(fix.engine, &two);
    assert_int_equal(expecting->count, 1);
    fix.engine->expecting.least_rows = 2;
    engine_expect(fix.engine, &one);            /* one row is too few then */
    assert_int_equal(expecting->count, 1);
    first = &expecting->events[expecting->first];
    assert_int_equal(first->key_count, 1);      /* "spray" wants a service, too */
    key = (struct text){ first->text.ptr + first->keys[0].at, first->keys[0].len };
    assert_true(text_is(key, "011:2001:db8::2"));
    assert_null(state_find(&fix.engine->table, first->keys[0].rule, key,
                           first->keys[0].hash));
    engine_case_judge(&fix, &two);
    assert_ptr_equal(expecting->now, first);
    assert_non_null(state_find(&fix.engine->table, first->keys[0].rule, key,
                               first->keys[0].hash));
    engine_case_close(&fix);
}

static void
what_feeds_nothing_for_a_while_is_not_expected_any_more(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct event ev;

    (void)state;
    engine_case_open(&fix, engine_case_rules, &options);
    engine_case_fail_login(&fix, "192.0.2.1", 1, START);
    ev = engine_case_event(&fix, "nothing", "192.0.2.2", START);
    for (int i = 0; i < 7; i++)
        engine_case_judge(&fix, &ev);
    assert_int_not_equal(fix.engine->expecting.step_count, 0);
    engine_case_judge(&fix, &ev);
    assert_int_equal(fix.engine->expecting.step_count, 0);
    engine_expect(fix.engine, &ev);
    assert_int_equal(fix.engine->expecting.count, 0);
    engine_case_close(&fix);
}

/* --- a row, read ahead --- */

static struct batch_head
pack_row(struct engine_case *fix, struct buf *body, uint32_t count)
{
    char user[32];

    assert_int_equal(batch_pack_count(count, body), 0);
    for (uint32_t i = 0; i < count; i++) {
        struct event ev = engine_case_event(fix, "login_failed", "192.0.2.1", START);

        snprintf(user, sizeof(user), "user%u", i);
        ev.known[EVENT_USERNAME] = value_text(text_of(user));
        assert_int_equal(event_pack(&ev, body), 0);
    }
    return (struct batch_head){ .origin = 1, .nonce = 2, .first = 100, .count = count,
                                .received_us = START };
}

/* How many come, in order and each with what is its own, before the end or the error. */
static uint32_t
read_row(struct engine_case *fix, const struct batch_head *head, struct text body,
         int one_by_one, int *ret_rc, struct err *err)
{
    struct read_ahead *ahead = calloc(1, sizeof(*ahead));
    struct ahead_event *one;
    uint32_t n = 0;

    assert_non_null(ahead);
    assert_int_equal(read_ahead_begin(ahead, fix->engine, head, body, one_by_one, err), 0);
    while ((*ret_rc = read_ahead_next(ahead, &one, err)) == 1) {
        const struct event_id id = event_id_make(1, 2, 100 + n);
        char user[32];

        snprintf(user, sizeof(user), "user%u", n);
        assert_true(text_is(value_get_text(&one->event.known[EVENT_USERNAME]), user));
        assert_int_equal(one->sequence, 100 + n);
        assert_true(event_id_equals(&one->event.id, &id));
        assert_true(one->encoded.ptr > body.ptr &&
                    one->encoded.ptr + one->encoded.len <= body.ptr + body.len);
        engine_case_judge(fix, &one->event);
        n++;
    }
    read_ahead_end(ahead);
    read_ahead_release(ahead);
    free(ahead);
    return n;
}

static void
rows_are_read_to_their_end_and_to_what_is_broken(void **state)
{
    struct engine_options options = engine_case_options();

    (void)state;
    for (uint32_t count = 0; count <= 12; count++)
        for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
            struct engine_case fix = { 0 };
            struct buf body = { 0 };
            struct batch_head head;
            struct err err = { "" };
            int rc;

            engine_case_open(&fix, engine_case_rules, &options);
            head = pack_row(&fix, &body, count);
            assert_int_equal(read_row(&fix, &head, buf_text(&body), one_by_one, &rc, &err),
                             count);
            assert_int_equal(rc, 0);
            if (count > 0) {
                /* the last event lacks its last byte */
                struct text cut = { body.ptr, body.len - 1 };

                assert_int_equal(read_row(&fix, &head, cut, one_by_one, &rc, &err),
                                 count - 1);
                assert_int_equal(rc, -1);
                assert_non_null(strstr(err.text, "batch, event"));
            }
            buf_release(&body);
            engine_case_close(&fix);
        }
}

static void
what_is_no_row_is_refused_with_the_reason(void **state)
{
    struct engine_options options = engine_case_options();
    const struct batch_head head = { .count = 3, .first = 1 };
    struct read_ahead *ahead = calloc(1, sizeof(*ahead));
    struct engine_case fix = { 0 };
    struct err err = { "" };

    (void)state;
    assert_non_null(ahead);
    engine_case_open(&fix, engine_case_rules, &options);
    assert_int_equal(read_ahead_begin(ahead, fix.engine, &head, text_of("\x92"), 0, &err), -1);
    assert_non_null(strstr(err.text, "its head says 3 events"));
    read_ahead_end(ahead);
    read_ahead_release(ahead);
    free(ahead);
    engine_case_close(&fix);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_answer_depends_on_what_was_expected),
        cmocka_unit_test(a_coming_event_is_expected_under_the_key_that_it_gets),
        cmocka_unit_test(what_feeds_nothing_for_a_while_is_not_expected_any_more),
        cmocka_unit_test(rows_are_read_to_their_end_and_to_what_is_broken),
        cmocka_unit_test(what_is_no_row_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
