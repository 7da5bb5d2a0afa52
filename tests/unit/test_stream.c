#include "ingest/delivery/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A journal of rows of ten events each, and a detector that notes what came. */
enum { ROWS = 64, EVENTS = 10, MAX_SENT = 512 };
enum { ORIGIN = 77, NONCE = 5, BOOT = 1000 };

struct world {
    struct stream *stream;
    size_t row_count, row_bytes;
    uint64_t first_held;            /* number of the first row held */
    size_t hole;                    /* number of a row that is lost, 0: none */
    struct batch_head sent[MAX_SENT];
    size_t sent_count;
    int is_full;                    /* the socket takes nothing */
    int is_broken;                  /* the journal cannot be read */
    struct stream_place place;
};

static char body[17 * 1024 * 1024];

/* Row i holds sequences 100 i + 1 .. 100 i + 10. */
static uint64_t
first_of(size_t row)
{
    return row * 100 + 1;
}

static uint64_t
last_of(size_t row)
{
    return row * 100 + EVENTS;
}

static int
next_row(void *ctx, uint64_t after, struct batch_head *ret_head, struct text *ret_body,
         struct err *err)
{
    struct world *world = ctx;

    if (world->is_broken) {
        err_set(err, "broken");
        return -1;
    }
    for (size_t i = world->first_held; i < world->row_count; i++) {
        if (first_of(i) <= after || (i == world->hole && i > 0))
            continue;
        *ret_head = (struct batch_head){
            .origin = ORIGIN, .nonce = NONCE, .first = first_of(i), .count = EVENTS,
            .previous = i == 0 ? 0 : last_of(i - 1), .oldest = first_of(world->first_held),
        };
        *ret_body = (struct text){ body, world->row_bytes };
        return 1;
    }
    return 0;
}

static int
send_row(void *ctx, const struct batch_head *head, struct text bytes)
{
    struct world *world = ctx;

    (void)bytes;
    if (world->is_full)
        return -1;
    assert_true(world->sent_count < MAX_SENT);
    world->sent[world->sent_count++] = *head;
    return 0;
}

static void
pump(struct world *world, int64_t now_ms)
{
    struct err err;

    world->place.last = world->row_count == 0 ? 0 : last_of(world->row_count - 1);
    world->place.oldest = first_of(world->first_held);
    assert_int_equal(stream_pump(world->stream, &world->place, now_ms, &err), 0);
}

static void
report(struct world *world, uint64_t boot, uint64_t received, uint64_t durable,
       int wants_resend, int64_t now_ms)
{
    const struct report_origin part = { .origin = ORIGIN, .received = received,
                                        .durable = durable, .wants_resend = wants_resend };

    world->place.last = world->row_count == 0 ? 0 : last_of(world->row_count - 1);
    stream_report(world->stream, boot, &part, &world->place, now_ms);
}

static size_t
rows_sent(const struct world *world)
{
    size_t rows = 0;

    for (size_t i = 0; i < world->sent_count; i++)
        rows += world->sent[i].count > 0;
    return rows;
}

static const struct batch_head *
last_sent(const struct world *world)
{
    assert_true(world->sent_count > 0);
    return &world->sent[world->sent_count - 1];
}

static void
start(struct world *world, uint64_t durable)
{
    const struct stream_source source = { .rows = { .ctx = world, .next = next_row,
                                                    .send = send_row },
                                          .origin = ORIGIN, .nonce = NONCE };

    stream_destroy(&world->stream);
    world->stream = stream_new(&source, durable);
    assert_non_null(world->stream);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->row_bytes = 1000;
    start(world, 0);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    stream_destroy(&world->stream);
    free(world);
    return 0;
}

/* --- order and place --- */

static void
sends_all_rows_once_and_in_order(void **state)
{
    struct world *world = *state;

    world->row_count = 5;
    pump(world, 1);
    world->row_count = 8;
    pump(world, 2);
    assert_int_equal(world->sent_count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(world->sent[i].first, first_of(i));
}

static void
starts_after_what_is_durable(void **state)
{
    struct world *world = *state;

    world->row_count = 3;
    start(world, last_of(1));
    pump(world, 1);
    assert_int_equal(world->sent_count, 1);
    assert_int_equal(world->sent[0].first, first_of(2));
}

static void
goes_on_when_a_full_socket_has_room_again(void **state)
{
    struct world *world = *state;

    world->row_count = 3;
    world->is_full = 1;
    pump(world, 1);
    assert_int_equal(world->sent_count, 0);
    world->is_full = 0;
    pump(world, 2);
    assert_int_equal(world->sent_count, 3);
}

static void
says_why_the_journal_cannot_be_read(void **state)
{
    struct world *world = *state;
    struct err err;

    world->is_broken = 1;
    assert_int_equal(stream_pump(world->stream, &world->place, 1, &err), -1);
    assert_string_equal(err.text, "broken");
}

/* --- the window --- */

static void
sends_no_more_than_the_window_ahead_of_what_is_received(void **state)
{
    struct world *world = *state;

    world->row_count = 40;
    world->row_bytes = 1024 * 1024;
    pump(world, 1);
    assert_int_equal(rows_sent(world), 16);
    report(world, BOOT, 0, 0, 0, 2);            /* hello: from the start */
    pump(world, 2);
    assert_int_equal(rows_sent(world), 32);
    report(world, BOOT, last_of(3), 0, 0, 3);
    pump(world, 3);
    assert_int_equal(rows_sent(world), 36);
    assert_int_equal(stream_numbers(world->stream, 3).in_flight_bytes, 16 * 1024 * 1024);
}

static void
sends_a_row_larger_than_the_window_alone(void **state)
{
    struct world *world = *state;

    world->row_count = 3;
    world->row_bytes = sizeof(body);
    pump(world, 1);
    assert_int_equal(rows_sent(world), 1);
}

/* --- coming back --- */

static void
goes_back_to_what_a_new_boot_has_received(void **state)
{
    struct world *world = *state;

    world->row_count = 6;
    pump(world, 1);
    report(world, BOOT, last_of(5), last_of(2), 0, 1);
    world->sent_count = 0;
    report(world, BOOT + 1, last_of(2), last_of(2), 0, 2);
    pump(world, 2);
    assert_int_equal(rows_sent(world), 3);
    assert_int_equal(world->sent[0].first, first_of(3));
    assert_int_equal(stream_numbers(world->stream, 2).resent, 3);
}

static void
goes_back_when_asked_to_once_for_the_same_gap(void **state)
{
    struct world *world = *state;

    world->row_count = 4;
    pump(world, 1);
    report(world, BOOT, 0, 0, 0, 1);
    pump(world, 1);
    world->sent_count = 0;
    report(world, BOOT, last_of(0), 0, 1, 10);
    report(world, BOOT, last_of(0), 0, 1, 11);  /* rows behind the gap ask too */
    pump(world, 11);
    report(world, BOOT, last_of(0), 0, 1, 12);
    pump(world, 12);
    assert_int_equal(rows_sent(world), 3);
    report(world, BOOT, last_of(0), 0, 1, 10 + STREAM_IDLE_MS);     /* lost again */
    pump(world, 10 + STREAM_IDLE_MS);
    assert_int_equal(rows_sent(world), 6);
}

static void
a_detector_that_lost_its_state_gets_what_is_still_held(void **state)
{
    struct world *world = *state;

    world->row_count = 6;
    world->first_held = 2;
    start(world, last_of(4));
    report(world, BOOT, 0, 0, 0, 1);
    pump(world, 1);
    assert_int_equal(rows_sent(world), 4);
    assert_int_equal(world->sent[0].first, first_of(2));
    assert_int_equal(world->sent[0].oldest, world->sent[0].first);
    assert_int_equal(stream_durable(world->stream), 0);     /* and it stays held */
}

/* A file of the journal was lost: nobody will ever send these rows again. */
static void
a_hole_in_the_journal_is_named_to_who_asks_for_it(void **state)
{
    struct world *world = *state;

    world->row_count = 6;
    world->hole = 2;
    pump(world, 1);
    assert_int_equal(world->sent[2].first, first_of(3));
    assert_int_not_equal(world->sent[2].oldest, world->sent[2].first);
    world->sent_count = 0;
    report(world, BOOT, last_of(1), 0, 1, 2);
    pump(world, 2);
    assert_int_equal(world->sent[0].first, first_of(3));
    assert_int_equal(world->sent[0].oldest, first_of(3));
    assert_int_equal(world->sent[1].oldest, first_of(0));   /* and only there */
}

/* Of what it asks for there is something left: that must not be passed over. */
static void
rows_before_a_hole_are_sent_again_before_it_is_named(void **state)
{
    struct world *world = *state;

    world->row_count = 6;
    world->hole = 2;
    pump(world, 1);
    world->sent_count = 0;
    report(world, BOOT, last_of(0), 0, 1, 2);
    pump(world, 2);
    assert_int_equal(world->sent[0].first, first_of(1));
    assert_int_not_equal(world->sent[1].oldest, world->sent[1].first);
}

static void
a_detector_ahead_of_a_restarted_ingest_goes_on_where_it_is(void **state)
{
    struct world *world = *state;

    world->row_count = 6;
    start(world, last_of(0));
    report(world, BOOT, last_of(4), last_of(3), 0, 1);
    pump(world, 1);
    assert_int_equal(rows_sent(world), 1);
    assert_int_equal(world->sent[0].first, first_of(5));
    assert_int_equal(stream_durable(world->stream), last_of(3));
    assert_int_equal(stream_numbers(world->stream, 1).refused, 0);
}

/* --- what is claimed --- */

static void
refuses_acks_beyond_what_was_sent(void **state)
{
    struct world *world = *state;

    world->row_count = 2;
    pump(world, 1);
    report(world, BOOT, last_of(0), 0, 0, 1);
    world->row_count = 6;                       /* not sent yet */
    report(world, BOOT, last_of(5), last_of(5), 0, 2);
    assert_int_equal(stream_durable(world->stream), 0);
    report(world, BOOT, last_of(0), last_of(1), 0, 2);      /* durable, not received */
    assert_int_equal(stream_durable(world->stream), 0);
    report(world, BOOT + 1, last_of(0), last_of(1), 0, 3);
    assert_int_equal(stream_durable(world->stream), 0);
    assert_int_equal(stream_numbers(world->stream, 3).refused, 3);
    pump(world, 3);
    assert_int_equal(last_sent(world)->first, first_of(5));
}

/* Its position is of a journal that was put back to an older copy. */
static void
a_detector_ahead_of_the_whole_journal_has_all_of_it(void **state)
{
    struct world *world = *state;

    world->row_count = 4;
    start(world, last_of(0));
    report(world, BOOT, last_of(30), last_of(29), 0, 1);
    assert_int_equal(stream_durable(world->stream), last_of(3));
    assert_int_equal(stream_numbers(world->stream, 1).refused, 1);
    pump(world, 1);
    assert_int_equal(rows_sent(world), 0);
    world->row_count = 40;
    pump(world, 2);
    assert_int_equal(world->sent[0].first, first_of(4));
    report(world, BOOT, last_of(30), last_of(30), 0, 3);
    assert_int_equal(stream_durable(world->stream), last_of(30));
}

static void
durable_only_rises_within_a_boot(void **state)
{
    struct world *world = *state;

    world->row_count = 4;
    pump(world, 1);
    report(world, BOOT, last_of(3), last_of(1), 0, 1);
    pump(world, 1);
    report(world, BOOT, last_of(3), last_of(3), 0, 2);
    report(world, BOOT, last_of(2), last_of(1), 0, 3);      /* an older one, late */
    assert_int_equal(stream_durable(world->stream), last_of(3));
    world->sent_count = 0;
    pump(world, 3);
    assert_int_equal(rows_sent(world), 0);
}

/* --- the idle head --- */

static void
shows_where_the_stream_is_every_second_when_idle(void **state)
{
    struct world *world = *state;

    world->row_count = 2;
    pump(world, 5000);
    assert_int_equal(world->sent_count, 2);
    pump(world, 5000 + STREAM_IDLE_MS - 1);
    assert_int_equal(world->sent_count, 2);
    pump(world, 5000 + STREAM_IDLE_MS);
    pump(world, 5001 + STREAM_IDLE_MS);
    assert_int_equal(world->sent_count, 3);
    assert_int_equal(last_sent(world)->count, 0);
    assert_int_equal(last_sent(world)->previous, last_of(1));
    assert_int_equal(last_sent(world)->oldest, first_of(0));
    assert_int_equal(last_sent(world)->origin, ORIGIN);
}

/* Rows that the detector does not have yet were received before now. */
static void
says_what_time_it_is_only_where_nothing_waits(void **state)
{
    struct world *world = *state;

    world->row_count = 2;
    world->place.now_us = 777;
    pump(world, 5000);
    pump(world, 5000 + STREAM_IDLE_MS);
    assert_int_equal(last_sent(world)->count, 0);
    assert_int_equal(last_sent(world)->received_us, 777);
    world->row_count = 40;
    world->row_bytes = 1024 * 1024;
    pump(world, 6000 + STREAM_IDLE_MS);
    pump(world, 6000 + 2 * STREAM_IDLE_MS);
    assert_int_equal(last_sent(world)->count, 0);
    assert_int_equal(last_sent(world)->received_us, 0);
}

static void
shows_it_also_when_the_window_is_full_of_lost_rows(void **state)
{
    struct world *world = *state;

    world->row_count = 40;
    world->row_bytes = 1024 * 1024;
    report(world, BOOT, 0, 0, 0, 1);
    pump(world, 5000);
    pump(world, 5000 + STREAM_IDLE_MS);
    assert_int_equal(last_sent(world)->count, 0);
    assert_int_equal(last_sent(world)->previous, last_of(15));
    report(world, BOOT, 0, 0, 1, 5001 + STREAM_IDLE_MS);
    pump(world, 5001 + STREAM_IDLE_MS);
    assert_int_equal(rows_sent(world), 32);
}

static void
is_alive_while_reports_come(void **state)
{
    struct world *world = *state;

    assert_false(stream_numbers(world->stream, 100).is_alive);
    stream_hear(world->stream, 100);
    assert_true(stream_numbers(world->stream, 100 + STREAM_GONE_MS).is_alive);
    assert_false(stream_numbers(world->stream, 101 + STREAM_GONE_MS).is_alive);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_all_rows_once_and_in_order),
        TEST(starts_after_what_is_durable),
        TEST(goes_on_when_a_full_socket_has_room_again),
        TEST(says_why_the_journal_cannot_be_read),
        TEST(sends_no_more_than_the_window_ahead_of_what_is_received),
        TEST(sends_a_row_larger_than_the_window_alone),
        TEST(goes_back_to_what_a_new_boot_has_received),
        TEST(goes_back_when_asked_to_once_for_the_same_gap),
        TEST(a_detector_that_lost_its_state_gets_what_is_still_held),
        TEST(a_hole_in_the_journal_is_named_to_who_asks_for_it),
        TEST(rows_before_a_hole_are_sent_again_before_it_is_named),
        TEST(a_detector_ahead_of_a_restarted_ingest_goes_on_where_it_is),
        TEST(refuses_acks_beyond_what_was_sent),
        TEST(a_detector_ahead_of_the_whole_journal_has_all_of_it),
        TEST(durable_only_rises_within_a_boot),
        TEST(shows_where_the_stream_is_every_second_when_idle),
        TEST(says_what_time_it_is_only_where_nothing_waits),
        TEST(shows_it_also_when_the_window_is_full_of_lost_rows),
        TEST(is_alive_while_reports_come),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
