/* The sender in any order of events, with a seed each; and with a million batches. */
#include "proto/run/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/sender_place.h"
#include "tests/support/wait.h"

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
fleet_receive(struct fleet *fleet, const struct sender_place *world, const unsigned *before)
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
fleet_report(struct fleet *fleet, struct sender_place *world, size_t c, int64_t now_ms)
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
check_invariants(const struct fleet *fleet, const struct sender_place *world)
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
run_fleet(struct sender_place *world, struct fleet *fleet)
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
    struct sender_place *world = *state;

    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fleet *fleet = calloc(1, sizeof(*fleet));

        print_message("seed %llu\n", (unsigned long long)seed);
        random_state = seed * 0x9e3779b97f4a7c15u;
        sender_place_renew(world, 0);
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
    static const char bytes[200];
    struct stream *stream = ctx;

    if (after >= stream->end)
        return 0;
    memset(ret_head, 0, sizeof(*ret_head));
    ret_head->first = after + 1;
    *ret_body = (struct text){ bytes, sizeof(bytes) };
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
    assert_true(seconds < (is_slow() ? 20.0 : 2.0));
    sender_destroy(&sender);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sender_place_set_up, sender_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_is_lost_or_repeated_every_batch_is_acked_in_the_end),
        TEST(keeps_no_more_than_its_flights_in_mind),
        TEST(moves_a_million_small_batches_in_well_under_two_seconds),
    };

    return cmocka_run_group_tests_name("sender_random", tests, NULL, NULL);
}
