#include "proto/run/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_BATCHES = 4096, MAX_BYTES = 1024 * 1024 };

#define MIB ((size_t)1024 * 1024)

/* A journal of batches with keys 10, 20, 30, ... and a socket that notes them. */
struct world {
    struct sender *sender;
    size_t batches;                     /* in the journal */
    size_t bytes[MAX_BATCHES + 1];      /* 0: not in the journal any more */
    unsigned sent[MAX_BATCHES + 1];     /* how often */
    size_t reads;
    uint64_t order[MAX_BATCHES];        /* the keys sent, first MAX_BATCHES */
    size_t sent_count;
    size_t room;                        /* what the socket takes yet */
    int is_broken;
};

static char space[MAX_BYTES];

static uint64_t
key_of(size_t i)
{
    return i * 10;
}

static int
journal_next(void *ctx, uint64_t after, struct batch_head *ret_head,
             struct text *ret_body, struct err *err)
{
    struct world *world = ctx;
    size_t i = after / 10 + 1;

    world->reads++;
    if (world->is_broken) {
        err_set(err, "the journal is broken");
        return -1;
    }
    while (i <= world->batches && world->bytes[i] == 0)
        i++;
    if (i > world->batches)
        return 0;
    memset(ret_head, 0, sizeof(*ret_head));
    ret_head->first = key_of(i);
    ret_head->count = 1;
    *ret_body = (struct text){ space, world->bytes[i] };
    return 1;
}

static int
socket_send(void *ctx, const struct batch_head *head, struct text body)
{
    struct world *world = ctx;

    if (world->room == 0)
        return -1;
    world->room--;
    world->sent[head->first / 10]++;
    if (world->sent_count < MAX_BATCHES)
        world->order[world->sent_count] = head->first;
    world->sent_count++;
    return 0;
}

static void
journal_add(struct world *world, size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        world->bytes[++world->batches] = bytes;
}

static int
open_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct sender_source source = { .ctx = world, .next = journal_next,
                                    .send = socket_send };

    world->room = SIZE_MAX;
    world->sender = sender_new(&source, 0);
    *state = world;
    return world->sender == NULL;
}

static int
close_world(void **state)
{
    struct world *world = *state;

    sender_destroy(&world->sender);
    sender_destroy(&world->sender);
    free(world);
    return 0;
}

static void
hello(struct world *world, uint64_t boot, int64_t now_ms)
{
    struct report_origin part = { 0 };

    sender_report(world->sender, boot, &part, now_ms);
}

static void
ack(struct world *world, uint64_t boot, uint64_t key, int64_t now_ms)
{
    struct report_origin part = { .acked = &key, .acked_count = 1 };

    sender_report(world->sender, boot, &part, now_ms);
}

static void
hold(struct world *world, uint64_t boot, uint64_t key, int64_t now_ms)
{
    struct report_origin part = { .held = &key, .held_count = 1 };

    sender_report(world->sender, boot, &part, now_ms);
}

static void
pump(struct world *world, int64_t now_ms)
{
    struct err err = { "" };

    assert_int_equal(sender_pump(world->sender, now_ms, &err), 0);
}

/* --- what is sent --- */

static void
sends_nothing_while_nobody_listens(void **state)
{
    struct world *world = *state;

    journal_add(world, 3, 100);
    pump(world, 0);
    assert_int_equal(world->sent_count, 0);
    assert_int_equal(world->reads, 0);
}

static void
sends_all_in_order_once_a_consumer_says_hello(void **state)
{
    struct world *world = *state;

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
    struct world *world = *state;
    struct sender_source source = { .ctx = world, .next = journal_next,
                                    .send = socket_send };

    sender_destroy(&world->sender);
    world->sender = sender_new(&source, 20);
    journal_add(world, 3, 100);
    hello(world, 1, 0);
    pump(world, 0);
    assert_int_equal(world->sent_count, 1);
    assert_int_equal(world->order[0], 30);
}

static void
stops_when_a_window_per_consumer_is_on_the_way(void **state)
{
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;
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
    struct world *world = *state;

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
    struct world *world = *state;
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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
}

static void
what_a_slow_consumer_holds_is_not_sent_again(void **state)
{
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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
    struct world *world = *state;

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

/* --- any order of events --- */

static uint64_t random_state;

static uint64_t
random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

enum { CONSUMERS = 3 };

struct fleet {
    uint64_t boots[CONSUMERS];          /* 0: dead */
    unsigned char has[CONSUMERS][MAX_BATCHES + 1];
    unsigned char is_acked[MAX_BATCHES + 1];
    uint64_t next_boot;
};

/* Each of the batches sent since `from` goes to somebody, to two, or to nobody. */
static void
fleet_receive(struct fleet *fleet, const struct world *world, const unsigned *before)
{
    for (size_t i = 1; i <= world->batches; i++) {
        unsigned fresh = world->sent[i] - before[i];

        while (fresh-- > 0) {
            size_t c = random_below(CONSUMERS);

            if (fleet->boots[c] == 0 || random_below(10) == 0)
                continue;               /* lost in a dead pipe */
            fleet->has[c][i] = 1;
            if (random_below(10) == 0)
                fleet->has[random_below(CONSUMERS)][i] = 1;
        }
    }
}

static void
fleet_report(struct fleet *fleet, struct world *world, size_t c, int64_t now_ms)
{
    uint64_t acked[2 * MAX_BATCHES], held[MAX_BATCHES];
    struct report_origin part = { .acked = acked, .held = held };
    int is_lost = random_below(8) == 0;

    if (fleet->boots[c] == 0)
        return;
    for (size_t i = 1; i <= world->batches; i++) {
        if (!fleet->has[c][i])
            continue;
        if (random_below(3) > 0) {
            held[part.held_count++] = key_of(i);
            continue;
        }
        fleet->has[c][i] = 0;
        fleet->is_acked[i] |= !is_lost;
        acked[part.acked_count++] = key_of(i);
        if (random_below(10) == 0)
            acked[part.acked_count++] = random_below(key_of(MAX_BATCHES)) | 1;
    }
    if (!is_lost)
        sender_report(world->sender, fleet->boots[c], &part, now_ms);
}

static void
fleet_change(struct fleet *fleet, size_t c)
{
    if (fleet->boots[c] == 0 && random_below(4) == 0) {
        fleet->boots[c] = ++fleet->next_boot;
    } else if (random_below(40) == 0) {
        fleet->boots[c] = 0;
        memset(fleet->has[c], 0, sizeof(fleet->has[c]));
    }
}

static void
check_invariants(const struct fleet *fleet, const struct world *world)
{
    struct sender_numbers numbers = sender_numbers(world->sender);
    size_t done = 0;

    while (done < world->batches && fleet->is_acked[done + 1])
        done++;
    assert_int_equal(sender_frontier(world->sender), key_of(done));
    if (numbers.in_flight > 1)
        assert_true(numbers.in_flight_bytes <= 64 * (uint64_t)SENDER_WINDOW_BYTES);
}

static void
run_fleet(struct world *world, struct fleet *fleet)
{
    static unsigned before[MAX_BATCHES + 1];
    int64_t now_ms = 0;

    for (int step = 0; sender_frontier(world->sender) < key_of(world->batches); step++) {
        uint64_t flying = sender_numbers(world->sender).in_flight_bytes;
        uint64_t sent = sender_numbers(world->sender).sent, window;

        assert_true(step < 100000);
        now_ms += (int64_t)random_below(700);
        world->room = random_below(30);
        memcpy(before, world->sent, sizeof(before));
        pump(world, now_ms);
        window = sender_numbers(world->sender).consumers * (uint64_t)SENDER_WINDOW_BYTES;
        if (sender_numbers(world->sender).sent > sent + (flying == 0))
            assert_true(sender_numbers(world->sender).in_flight_bytes <= window);
        fleet_receive(fleet, world, before);
        for (size_t c = 0; c < CONSUMERS; c++) {
            fleet_report(fleet, world, c, now_ms);
            fleet_change(fleet, c);
        }
        check_invariants(fleet, world);
    }
}

static void
whatever_is_lost_or_repeated_every_batch_is_acked_in_the_end(void **state)
{
    struct world *world = *state;
    struct sender_source source = { .ctx = world, .next = journal_next,
                                    .send = socket_send };

    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fleet *fleet = calloc(1, sizeof(*fleet));

        print_message("seed %llu\n", (unsigned long long)seed);
        random_state = seed * 0x9e3779b97f4a7c15u;
        sender_destroy(&world->sender);
        memset(world, 0, sizeof(*world));
        world->sender = sender_new(&source, 0);
        for (size_t i = 0; i < 300; i++)
            journal_add(world, 1, 1 + random_below(MAX_BYTES));
        run_fleet(world, fleet);
        for (size_t i = 1; i <= world->batches; i++)
            assert_true(world->sent[i] >= 1);
        assert_true(sender_numbers(world->sender).resent > 0);
        free(fleet);
    }
}

/* --- speed --- */

struct stream {
    uint64_t end, sent[SENDER_MAX_FLIGHTS];
    size_t count;
};

static int
stream_next(void *ctx, uint64_t after, struct batch_head *ret_head, struct text *ret_body,
            struct err *err)
{
    struct stream *stream = ctx;

    if (after >= stream->end)
        return 0;
    memset(ret_head, 0, sizeof(*ret_head));
    ret_head->first = after + 1;
    *ret_body = (struct text){ space, 200 };
    return 1;
}

static int
stream_send(void *ctx, const struct batch_head *head, struct text body)
{
    struct stream *stream = ctx;

    if (stream->count == SENDER_MAX_FLIGHTS)
        return -1;
    stream->sent[stream->count++] = head->first;
    return 0;
}

static void
keeps_no_more_than_its_flights_in_mind(void **state)
{
    static struct stream stream = { .end = 1000000 };
    struct sender_source source = { .ctx = &stream, .next = stream_next,
                                    .send = stream_send };
    struct sender *sender = sender_new(&source, 0);
    struct report_origin part = { .acked = stream.sent };

    sender_report(sender, 1, &part, 0);
    assert_int_equal(sender_pump(sender, 0, NULL), 0);
    part.acked = stream.sent + 1;       /* all but the oldest */
    part.acked_count = stream.count - 1;
    sender_report(sender, 1, &part, 1);
    stream.count = 0;
    assert_int_equal(sender_pump(sender, 1, NULL), 0);
    assert_int_equal(stream.count, 0);
    assert_int_equal(sender_numbers(sender).in_flight, 1);
    part = (struct report_origin){ .acked = stream.sent, .acked_count = 1 };
    sender_report(sender, 1, &part, 2);
    assert_int_equal(sender_pump(sender, 2, NULL), 0);
    assert_int_equal(stream.count, SENDER_MAX_FLIGHTS);
    sender_destroy(&sender);
}

static void
moves_a_million_small_batches_in_well_under_two_seconds(void **state)
{
    static struct stream stream = { .end = 1000000 };
    struct sender_source source = { .ctx = &stream, .next = stream_next,
                                    .send = stream_send };
    struct sender *sender = sender_new(&source, 0);
    struct report_origin part = { 0 };
    struct timespec begin, end;
    double seconds;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int64_t now_ms = 0; sender_frontier(sender) < stream.end; now_ms++) {
        part.acked = stream.sent;
        part.acked_count = stream.count;
        sender_report(sender, 1, &part, now_ms);
        stream.count = 0;
        assert_int_equal(sender_pump(sender, now_ms, NULL), 0);
        assert_true(sender_numbers(sender).in_flight <= SENDER_MAX_FLIGHTS);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    seconds = (double)(end.tv_sec - begin.tv_sec) +
              (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_message("a million batches in %.3f s\n", seconds);
    assert_true(seconds < 2.0);
    sender_destroy(&sender);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

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
        TEST(what_a_slow_consumer_holds_is_not_sent_again),
        TEST(sends_again_what_a_living_consumer_no_longer_holds),
        TEST(sends_at_once_what_a_silent_consumer_held),
        TEST(sends_what_a_dead_consumers_pipe_swallowed_to_the_one_who_came_after),
        TEST(leaves_alone_what_a_consumer_that_was_only_stopped_has_in_its_pipe),
        TEST(what_waits_to_be_sent_again_goes_before_what_is_new),
        TEST(one_survivor_gets_no_more_than_its_window_of_what_four_had),
        TEST(what_its_source_no_longer_has_counts_as_done),
        TEST(a_flood_of_made_up_consumers_keeps_the_table_small),
        TEST(whatever_is_lost_or_repeated_every_batch_is_acked_in_the_end),
        TEST(keeps_no_more_than_its_flights_in_mind),
        TEST(moves_a_million_small_batches_in_well_under_two_seconds),
    };

    return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
