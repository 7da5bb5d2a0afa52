#include "proto/run/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/sender_place.h"

#define MIB ((size_t)1024 * 1024)

static void
hello(struct sender_place *world, uint64_t boot, int64_t now_ms)
{
    struct report_origin part = { 0 };

    sender_report(world->sender, boot, &part, now_ms);
}

static void
ack(struct sender_place *world, uint64_t boot, uint64_t key, int64_t now_ms)
{
    struct report_origin part = { .acked = &key, .acked_count = 1 };

    sender_report(world->sender, boot, &part, now_ms);
}

static void
hold(struct sender_place *world, uint64_t boot, uint64_t key, int64_t now_ms)
{
    struct report_origin part = { .held = &key, .held_count = 1 };

    sender_report(world->sender, boot, &part, now_ms);
}

/* --- what is sent --- */

static void
sends_nothing_while_nobody_listens(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 3, 100);
    pump(world, 0);
    assert_int_equal(world->sent_count, 0);
    assert_int_equal(world->reads, 0);
}

static void
sends_all_in_order_once_a_consumer_says_hello(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 3, 100);
    hello(world, 1, 0);
    pump(world, 0);
    pump(world, 1);
    assert_int_equal(world->sent_count, 3);
    assert_int_equal(world->order[0], 10);
    assert_int_equal(world->order[1], 20);
    assert_int_equal(world->order[2], 30);
}

static void
starts_above_the_frontier_it_was_given(void **state)
{
    struct sender_place *world = *state;

    sender_place_renew(world, 20);
    journal_add(world, 3, 100);
    hello(world, 1, 0);
    pump(world, 0);
    assert_int_equal(world->sent_count, 1);
    assert_int_equal(world->order[0], 30);
}

static void
stops_when_a_window_per_consumer_is_on_the_way(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 100, MIB);
    hello(world, 1, 0);
    pump(world, 0);
    assert_int_equal(world->sent_count, 16);
    hello(world, 2, 0);
    pump(world, 0);
    assert_int_equal(world->sent_count, 32);
    assert_int_equal(sender_numbers(world->sender).in_flight_bytes, 32 * MIB);
}

static void
an_ack_makes_room_for_the_next(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 100, MIB);
    hello(world, 1, 0);
    pump(world, 0);
    ack(world, 1, 50, 10);
    pump(world, 10);
    assert_int_equal(world->sent_count, 17);
    assert_int_equal(world->order[16], 170);
}

static void
does_not_read_the_journal_while_the_window_is_full(void **state)
{
    struct sender_place *world = *state;
    size_t reads;

    journal_add(world, 100, MIB);
    hello(world, 1, 0);
    pump(world, 0);
    reads = world->reads;
    for (int i = 0; i < 100; i++)
        pump(world, i);
    assert_int_equal(world->reads, reads);
}

static void
goes_on_after_a_full_socket_without_skipping(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 5, 100);
    hello(world, 1, 0);
    world->room = 2;
    pump(world, 0);
    assert_int_equal(world->sent_count, 2);
    world->room = SIZE_MAX;
    pump(world, 1);
    assert_int_equal(world->sent_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(world->order[i], key_of(i + 1));
}

static void
gives_the_reason_of_a_broken_source(void **state)
{
    struct sender_place *world = *state;
    struct err err = { "" };

    hello(world, 1, 0);
    world->is_broken = 1;
    assert_int_equal(sender_pump(world->sender, 0, &err), -1);
    assert_string_equal(err.text, "the journal is broken");
}

/* --- acks --- */

static void
the_frontier_waits_for_the_oldest(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 3, 100);
    hello(world, 1, 0);
    pump(world, 0);
    ack(world, 1, 30, 1);
    ack(world, 1, 20, 1);
    assert_int_equal(sender_frontier(world->sender), 0);
    ack(world, 1, 10, 1);
    assert_int_equal(sender_frontier(world->sender), 30);
    assert_int_equal(sender_numbers(world->sender).in_flight, 0);
    assert_int_equal(sender_numbers(world->sender).in_flight_bytes, 0);
}

static void
ignores_acks_for_what_it_never_sent_and_repeated_ones(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 2, 100);
    hello(world, 1, 0);
    pump(world, 0);
    ack(world, 1, 15, 1);
    ack(world, 1, 0, 1);
    ack(world, 1, UINT64_MAX, 1);
    ack(world, 1, 20, 1);
    ack(world, 1, 20, 1);
    assert_int_equal(sender_frontier(world->sender), 0);
    assert_int_equal(sender_numbers(world->sender).acked, 1);
    assert_int_equal(sender_numbers(world->sender).in_flight, 1);
    ack(world, 1, 10, 1);
    ack(world, 1, 10, 1);
    assert_int_equal(sender_frontier(world->sender), 20);
    assert_int_equal(sender_numbers(world->sender).acked, 2);
}

/* --- sending again --- */

static void
sends_again_what_nobody_has_held_for_ten_seconds(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 1, 100);
    hello(world, 1, 0);
    pump(world, 2000);
    hello(world, 1, 6000);
    pump(world, 6000);
    hello(world, 1, 10000);
    pump(world, 11999);
    assert_int_equal(world->sent[1], 1);
    pump(world, 12000);
    assert_int_equal(world->sent[1], 2);
    assert_int_equal(sender_numbers(world->sender).resent, 1);
    assert_int_equal(world->again[0], 0);
    assert_int_equal(world->again[1], 1);
}

/* Its process died, or its consumer did: who stores may have stored it. */
static void
says_of_what_another_may_have_sent_that_it_comes_again(void **state)
{
    struct sender_place *world = *state;

    sender_place_renew_after(world, 10, 20);
    journal_add(world, 3, 100);
    hello(world, 1, 0);
    pump(world, 0);
    assert_int_equal(world->sent_count, 2);
    assert_int_equal(world->order[0], 20);
    assert_int_equal(world->again[0], 1);
    assert_int_equal(world->again[1], 0);
}

static void
what_a_slow_consumer_holds_is_not_sent_again(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 1, 100);
    hello(world, 1, 0);
    pump(world, 0);
    for (int64_t now_ms = 1000; now_ms < 600000; now_ms += 1000) {
        hold(world, 1, 10, now_ms);
        pump(world, now_ms);
    }
    assert_int_equal(world->sent[1], 1);
}

static void
sends_again_what_a_living_consumer_no_longer_holds(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 1, 100);
    hello(world, 1, 0);
    pump(world, 0);
    hold(world, 1, 10, 3000);
    for (int64_t now_ms = 4000; now_ms < 13000; now_ms += 1000) {
        hello(world, 1, now_ms);
        pump(world, now_ms);
    }
    assert_int_equal(world->sent[1], 1);
    pump(world, 13000);
    assert_int_equal(world->sent[1], 2);
}

static void
sends_at_once_what_a_silent_consumer_held(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 1, 100);
    hello(world, 1, 0);
    hello(world, 2, 0);
    pump(world, 0);
    hold(world, 1, 10, 4000);           /* its last word */
    hello(world, 2, 8000);
    pump(world, 8999);
    assert_int_equal(world->sent[1], 1);
    pump(world, 9000);
    assert_int_equal(world->sent[1], 2);
}

static void
sends_what_a_dead_consumers_pipe_swallowed_to_the_one_who_came_after(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 2, 100);
    hello(world, 1, 0);
    pump(world, 100);                   /* 1 is killed with both in its pipe */
    hello(world, 2, 5200);
    pump(world, 6100);
    assert_int_equal(world->sent_count, 2);
    pump(world, 6200);
    assert_int_equal(world->sent[1], 2);
    assert_int_equal(world->sent[2], 2);
    hello(world, 2, 7200);
    pump(world, 9000);
    assert_int_equal(world->sent_count, 4);
}

static void
leaves_alone_what_a_consumer_that_was_only_stopped_has_in_its_pipe(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 1, 100);
    hello(world, 1, 0);
    pump(world, 100);
    pump(world, 6000);                  /* taken for gone */
    hello(world, 1, 8000);
    pump(world, 9500);
    assert_int_equal(world->sent[1], 1);
}

static void
what_waits_to_be_sent_again_goes_before_what_is_new(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 4, 100);
    hello(world, 1, 0);
    pump(world, 0);
    hello(world, 1, 9000);
    world->room = 1;
    pump(world, 10000);
    journal_add(world, 1, 100);
    world->room = 100;
    pump(world, 10001);
    assert_int_equal(world->order[4], 10);
    assert_int_equal(world->order[5], 20);
    assert_int_equal(world->order[7], 40);
    assert_int_equal(world->order[8], 50);
}

static void
one_survivor_gets_no_more_than_its_window_of_what_four_had(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 100, MIB);
    for (uint64_t boot = 1; boot <= 4; boot++)
        hello(world, boot, 0);
    pump(world, 0);
    assert_int_equal(world->sent_count, 64);
    hello(world, 4, 9000);
    pump(world, 10000);
    assert_int_equal(world->sent_count, 64 + 16);
    pump(world, 10001);
    assert_int_equal(world->sent_count, 64 + 16);
    ack(world, 4, 10, 10100);
    pump(world, 10100);
    assert_int_equal(world->order[64 + 16], 170);
}

static void
what_its_source_no_longer_has_counts_as_done(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 2, 100);
    hello(world, 1, 0);
    pump(world, 0);
    ack(world, 1, 20, 9000);
    world->bytes[1] = 0;
    pump(world, 10000);
    assert_int_equal(sender_numbers(world->sender).gone, 1);
    assert_int_equal(sender_frontier(world->sender), 20);
}

static void
a_flood_of_made_up_consumers_keeps_the_table_small(void **state)
{
    struct sender_place *world = *state;

    journal_add(world, 1, 100);
    for (uint64_t boot = 1; boot < 100000; boot++)
        hello(world, boot, 0);
    assert_in_range(sender_numbers(world->sender).consumers, 1, 64);
    pump(world, 0);
    ack(world, 99999, 10, 1);
    assert_int_equal(sender_frontier(world->sender), 10);
    hello(world, 99999, 5000);          /* the others are silent since 5 s */
    assert_int_equal(sender_numbers(world->sender).consumers, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sender_place_set_up, sender_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_nothing_while_nobody_listens),
        TEST(sends_all_in_order_once_a_consumer_says_hello),
        TEST(starts_above_the_frontier_it_was_given),
        TEST(stops_when_a_window_per_consumer_is_on_the_way),
        TEST(an_ack_makes_room_for_the_next),
        TEST(does_not_read_the_journal_while_the_window_is_full),
        TEST(goes_on_after_a_full_socket_without_skipping),
        TEST(gives_the_reason_of_a_broken_source),
        TEST(the_frontier_waits_for_the_oldest),
        TEST(ignores_acks_for_what_it_never_sent_and_repeated_ones),
        TEST(sends_again_what_nobody_has_held_for_ten_seconds),
        TEST(says_of_what_another_may_have_sent_that_it_comes_again),
        TEST(what_a_slow_consumer_holds_is_not_sent_again),
        TEST(sends_again_what_a_living_consumer_no_longer_holds),
        TEST(sends_at_once_what_a_silent_consumer_held),
        TEST(sends_what_a_dead_consumers_pipe_swallowed_to_the_one_who_came_after),
        TEST(leaves_alone_what_a_consumer_that_was_only_stopped_has_in_its_pipe),
        TEST(what_waits_to_be_sent_again_goes_before_what_is_new),
        TEST(one_survivor_gets_no_more_than_its_window_of_what_four_had),
        TEST(what_its_source_no_longer_has_counts_as_done),
        TEST(a_flood_of_made_up_consumers_keeps_the_table_small),
    };

    return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
