/*
 * Log sources over simulated weeks: who is regular, who went silent, whose clock
 * is off; and that nobody is called silent for an outage of ours.
 */
#include "detector/sources/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
/* A Monday, 00:00 UTC. */
#define START (INT64_C(1795392000) * SECOND)

enum { JOURNAL = 7, OTHER_JOURNAL = 8, LISTED = 50, KEPT = 300 };

struct world {
    struct sources *sources;
    struct metrics *metrics;
    int64_t now_us;
    struct source_view views[LISTED];
    size_t count, more;
    char given_up[100];
    char kept[KEPT][400];       /* rows of the state file */
    size_t kept_len[KEPT], kept_count;
    size_t visited;
};

static void
given_up(void *ctx, const struct source_view *source)
{
    struct world *world = ctx;

    snprintf(world->given_up, sizeof(world->given_up), "%s", source->name);
}

static void
make(struct world *world, size_t max, int64_t silent_after_us)
{
    const struct sources_options options = { silent_after_us, max, given_up, world };

    sources_destroy(&world->sources);
    metrics_destroy(&world->metrics);
    world->metrics = metrics_new();
    world->sources = sources_new(&options, world->metrics);
    assert_non_null(world->sources);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    make(world, 200, HOUR);
    world->now_us = START;
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    sources_destroy(&world->sources);
    metrics_destroy(&world->metrics);
    free(world);
    return 0;
}

/* Nothing but heads, so long. */
static void
pass(struct world *world, int64_t span_us)
{
    int64_t end_us = world->now_us + span_us;

    while (world->now_us < end_us) {
        world->now_us += end_us - world->now_us < 20 * SECOND ? end_us - world->now_us
                                                              : 20 * SECOND;
        sources_tick(world->sources, JOURNAL, world->now_us, 1);
        sources_review(world->sources);
    }
}

/* An event of a host, received now, whose own time is lag_us ago. */
static void
hear_late(struct world *world, const char *host, int64_t lag_us)
{
    struct extra extra = { text_of("host.name"), value_text(text_of(host)) };
    struct event ev = { .extras = &extra, .extra_count = 1, .received_us = world->now_us,
                        .at_us = world->now_us - lag_us };

    sources_tick(world->sources, JOURNAL, world->now_us, 0);
    sources_hear(world->sources, &ev);
}

static void
hear(struct world *world, const char *host)
{
    hear_late(world, host, 0);
}

/* A host that sends each minute, for so long. */
static void
send_for(struct world *world, const char *host, int64_t span_us)
{
    for (int64_t end_us = world->now_us + span_us; world->now_us < end_us;) {
        hear(world, host);
        pass(world, MINUTE);
    }
}

static size_t
silent(struct world *world)
{
    world->count = sources_silent(world->sources, world->views, LISTED, &world->more);
    return world->count;
}

static size_t
skewed(struct world *world)
{
    world->count = sources_skewed(world->sources, world->views, LISTED, &world->more);
    return world->count;
}

static uint64_t
number(struct world *world, enum metric_kind kind, const char *name)
{
    return *metrics_number(world->metrics, kind, name, "", "");
}

/* --- silence --- */

static void
a_regular_source_that_stops_is_silent_until_it_is_heard(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 26 * HOUR);
    pass(world, 58 * MINUTE);
    assert_int_equal(silent(world), 0);
    pass(world, 122 * MINUTE);
    assert_int_equal(silent(world), 1);
    assert_string_equal(world->views[0].name, "web1");
    assert_string_equal(world->views[0].text,
                        "web1 sent nothing for 3 hours; it usually sends every minute");
    assert_int_equal(world->views[0].first_us, START);
    assert_int_equal(world->views[0].last_us, START + 26 * HOUR - MINUTE);
    assert_int_equal(world->views[0].events, 26 * 60);
    assert_int_equal(number(world, METRIC_GAUGE, "bongsu_detector_sources_silent"), 1);
    hear(world, "web1");
    assert_int_equal(silent(world), 0);
}

static void
who_was_heard_in_a_few_hours_only_is_never_called_silent(void **state)
{
    struct world *world = *state;

    send_for(world, "laptop", 23 * HOUR);
    pass(world, 6 * DAY);
    assert_int_equal(silent(world), 0);
    assert_int_equal(number(world, METRIC_GAUGE, "bongsu_detector_sources"), 1);
}

static void
who_sends_each_hour_is_called_silent_after_three_of_its_pauses(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 9 * 24; i++) {
        hear(world, "cron1");
        pass(world, HOUR);
    }
    pass(world, 119 * MINUTE);
    assert_int_equal(silent(world), 0);
    pass(world, 10 * MINUTE);
    assert_int_equal(silent(world), 1);
    assert_string_equal(world->views[0].text,
                        "cron1 sent nothing for 3 hours; it usually sends every hour");
}

static void
who_is_quiet_every_night_is_called_silent_only_after_more(void **state)
{
    struct world *world = *state;

    for (int day = 0; day < 10; day++) {
        send_for(world, "office", 9 * HOUR);
        pass(world, 15 * HOUR);
        assert_int_equal(silent(world), 0);
    }
    pass(world, 29 * HOUR);             /* 44 in all, three nights are 45 */
    assert_int_equal(silent(world), 0);
    pass(world, 2 * HOUR);
    assert_int_equal(silent(world), 1);
    assert_non_null(strstr(world->views[0].text, "it usually sends every minute, and its"
                                                 " longest pause was 15 hours"));
}

static void
work_for_weeks(struct world *world, int weeks)
{
    for (int day = 0; day < 7 * weeks; day++) {
        if (day % 7 < 5)
            send_for(world, "office", 9 * HOUR);
        else
            pass(world, 9 * HOUR);
        assert_int_equal(silent(world), 0);
        pass(world, 15 * HOUR);
        assert_int_equal(silent(world), 0);
    }
}

static void
who_is_quiet_at_weekends_is_not_called_silent_not_even_at_the_first(void **state)
{
    struct world *world = *state;

    work_for_weeks(world, 3);
    pass(world, 2 * DAY);               /* Monday and Tuesday: 111 hours since Friday */
    assert_int_equal(silent(world), 0);
    pass(world, HOUR);
    assert_int_equal(silent(world), 1);
}

static void
a_young_source_with_pauses_has_four_days(void **state)
{
    struct world *world = *state;

    for (int day = 0; day < 4; day++) {
        send_for(world, "office", 9 * HOUR);
        pass(world, 15 * HOUR);
    }
    pass(world, 3 * DAY + 8 * HOUR);
    assert_int_equal(silent(world), 0);
    pass(world, 2 * HOUR);
    assert_int_equal(silent(world), 1);
}

static void
after_a_week_more_it_is_given_up_and_that_is_said(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 30 * HOUR);
    pass(world, 7 * DAY);
    assert_int_equal(silent(world), 1);
    assert_string_equal(world->given_up, "");
    pass(world, 2 * HOUR);
    assert_int_equal(silent(world), 0);
    assert_string_equal(world->given_up, "web1");
    pass(world, DAY);
    assert_int_equal(silent(world), 0);
}

static void
nobody_is_called_silent_when_that_is_switched_off(void **state)
{
    struct world *world = *state;

    make(world, 200, 0);
    send_for(world, "web1", 30 * HOUR);
    pass(world, 5 * DAY);
    assert_int_equal(silent(world), 0);
}

/* --- whose fault it is --- */

static void
an_outage_of_ours_is_no_silence_of_theirs(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 30 * HOUR);
    world->now_us += 5 * DAY;           /* no head came */
    sources_review(world->sources);
    assert_int_equal(silent(world), 0);
    pass(world, 50 * MINUTE);
    assert_int_equal(silent(world), 0);
    pass(world, 20 * MINUTE);
    assert_int_equal(silent(world), 1);
}

static void
a_pause_through_an_outage_makes_nobody_more_patient(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 30 * HOUR);
    world->now_us += 2 * DAY;
    send_for(world, "web1", HOUR);
    pass(world, 70 * MINUTE);
    assert_int_equal(silent(world), 1);
}

static void
a_clock_that_is_put_back_does_not_stop_time(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 30 * HOUR);
    world->now_us -= 300 * DAY;
    pass(world, 2 * HOUR);
    assert_int_equal(silent(world), 1);
}

static void
two_journals_do_not_make_time_run_faster(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 30 * HOUR);
    for (int i = 0; i < 50 * 60; i++) {
        world->now_us += SECOND / 2;
        sources_tick(world->sources, JOURNAL, world->now_us, 1);
        world->now_us += SECOND / 2;
        sources_tick(world->sources, OTHER_JOURNAL, world->now_us - 10 * MINUTE, 1);
        sources_review(world->sources);
    }
    assert_int_equal(silent(world), 0);
    pass(world, 20 * MINUTE);
    assert_int_equal(silent(world), 1);
}

/* The one journal's hours are read at once; the other's, with web1, follow. */
static void
who_stands_in_a_backlog_that_is_read_later_is_not_called_silent(void **state)
{
    struct world *world = *state;

    send_for(world, "web1", 30 * HOUR);
    for (int i = 0; i < 200; i++)
        sources_tick(world->sources, OTHER_JOURNAL, world->now_us + i * MINUTE, 0);
    sources_review(world->sources);
    assert_int_equal(silent(world), 0);
    hear(world, "web1");
    for (int i = 0; i < 70; i++) {
        sources_tick(world->sources, OTHER_JOURNAL, world->now_us + 200 * MINUTE + i * SECOND, 1);
        sources_review(world->sources);
    }
    assert_int_equal(silent(world), 0);
}

/* --- bounds and names --- */

static void
a_flood_of_names_makes_no_regular_source_forgotten(void **state)
{
    struct world *world = *state;
    char name[40];

    make(world, 10, HOUR);
    send_for(world, "web1", 30 * HOUR);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "made-up-%d", i);
        hear(world, name);
    }
    assert_int_equal(number(world, METRIC_GAUGE, "bongsu_detector_sources"), 10);
    assert_int_equal(number(world, METRIC_COUNTER, "bongsu_detector_sources_forgotten_total"),
                     5000 - 9);
    pass(world, 2 * HOUR);
    assert_int_equal(silent(world), 1);
    assert_string_equal(world->views[0].name, "web1");
}

static void
more_than_the_list_holds_are_counted(void **state)
{
    struct world *world = *state;
    char name[20];

    for (int i = 0; i < 25 * 2; i++, pass(world, HOUR / 2))
        for (int k = 0; k < 60; k++) {
            snprintf(name, sizeof(name), "host-%02d", k);
            hear(world, name);
        }
    pass(world, 3 * HOUR);
    assert_int_equal(silent(world), LISTED);
    assert_int_equal(world->more, 10);
    assert_string_equal(world->views[0].name, "host-00");
}

static void
check_name(struct world *world, struct event *ev, const char *name)
{
    make(world, 200, HOUR);
    ev->received_us = ev->at_us = world->now_us;
    for (int i = 0; i < 30; i++) {
        sources_hear(world->sources, ev);
        pass(world, HOUR);
    }
    pass(world, 5 * HOUR);
    assert_int_equal(silent(world), 1);
    assert_string_equal(world->views[0].name, name);
}

static void
a_source_is_the_host_else_who_sent_it_and_has_a_name_that_can_be_shown(void **state)
{
    static const char packed[] = "\x82\xA1q\xA1x\xA4name\xA3web", longest[] =
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg";
    struct extra extra = { text_of("host.name"), value_text(text_of("a\nb\xff")) };
    struct event ev = { .known[EVENT_RECEIVED_FROM] = value_text(text_of("10.0.0.9")) };
    struct world *world = *state;
    msgpack_unpacked unpacked;

    check_name(world, &ev, "10.0.0.9");
    ev.extras = &extra;
    ev.extra_count = 1;
    check_name(world, &ev, "a?b?");
    extra.value = value_text(text_of(longest));
    check_name(world, &ev, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg...");
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, packed, sizeof(packed) - 1, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    extra.name = text_of("host");
    extra.value = (struct value){ VALUE_OBJECT, .as.object = &unpacked.data };
    check_name(world, &ev, "web");
    msgpack_unpacked_destroy(&unpacked);
    ev.extra_count = 0;
    ev.known[EVENT_RECEIVED_FROM] = (struct value){ VALUE_ABSENT, { 0 } };
    check_name(world, &ev, "unknown");
}

/* --- clocks --- */

/* An event each 30 seconds, whose lag is so and jitters by ten. */
static void
send_with_lag(struct world *world, int64_t lag_us, int64_t span_us)
{
    int64_t end_us = world->now_us + span_us;

    for (int i = 0; world->now_us < end_us; i++) {
        hear_late(world, "web1", lag_us + i % 2 * 10 * SECOND);
        pass(world, 30 * SECOND);
    }
}

static void
a_clock_that_is_behind_is_named_after_ten_minutes_and_over_when_it_is_right(void **state)
{
    struct world *world = *state;

    send_with_lag(world, 7 * MINUTE, 9 * MINUTE);
    assert_int_equal(skewed(world), 0);
    send_with_lag(world, 7 * MINUTE, 2 * MINUTE);
    assert_int_equal(skewed(world), 1);
    assert_string_equal(world->views[0].name, "web1");
    assert_string_equal(world->views[0].text, "web1's clock is 7 minutes behind");
    sources_review(world->sources);
    assert_int_equal(number(world, METRIC_GAUGE, "bongsu_detector_sources_skewed"), 1);
    send_with_lag(world, SECOND, 9 * MINUTE);
    assert_int_equal(skewed(world), 1);
    send_with_lag(world, SECOND, 13 * MINUTE);
    assert_int_equal(skewed(world), 0);
}

/* Or each would be told of in turn, and be over in turn. */
static void
who_is_heard_again_takes_nobodys_place_in_the_list(void **state)
{
    static const char *const hosts[] = { "web1", "web2", "web3" };
    struct world *world = *state;

    for (int i = 0; i < 25; i++)
        for (size_t k = 0; k < 3; k++) {
            hear_late(world, hosts[k], 7 * MINUTE);
            pass(world, 10 * SECOND);
        }
    for (size_t k = 0; k < 3; k++) {
        world->count = sources_skewed(world->sources, world->views, 2, &world->more);
        assert_int_equal(world->count, 2);
        assert_int_equal(world->more, 1);
        assert_string_equal(world->views[0].name, "web1");
        assert_string_equal(world->views[1].name, "web2");
        hear_late(world, hosts[k], 7 * MINUTE);
        pass(world, 10 * SECOND);
    }
}

static void
check_skew(struct world *world, int64_t lag_us, const char *text)
{
    make(world, 200, HOUR);
    send_with_lag(world, lag_us, 12 * MINUTE);
    assert_int_equal(skewed(world), 1);
    assert_string_equal(world->views[0].text, text);
}

static void
the_text_names_how_much_and_where_a_zone_may_be_missing(void **state)
{
    struct world *world = *state;

    check_skew(world, -25 * SECOND, "web1's clock is 20 seconds ahead");
    check_skew(world, 125 * SECOND, "web1's clock is 2 minutes behind");
    check_skew(world, 9 * HOUR + 3 * SECOND,
               "web1's clock is exactly 9 hours behind: its time zone may not be set");
    check_skew(world, HOUR, "web1's clock is exactly 1 hour behind: its time zone may not be set");
    check_skew(world, 5 * HOUR + 30 * MINUTE,
               "web1's clock is exactly 5.5 hours behind: its time zone may not be set");
    check_skew(world, 9 * HOUR + 5 * MINUTE, "web1's clock is 9 hours behind");
    check_skew(world, 400 * DAY, "web1's clock is 400 days behind");
}

static void
small_lags_backlogs_and_old_files_are_no_wrong_clock(void **state)
{
    struct world *world = *state;

    send_with_lag(world, 90 * SECOND, 30 * MINUTE);
    assert_int_equal(skewed(world), 0);
    send_with_lag(world, -4 * SECOND, 30 * MINUTE);
    assert_int_equal(skewed(world), 0);
    for (int i = 0; i < 400; i++) {             /* a backlog that shrinks */
        hear_late(world, "web1", HOUR - i * 5 * SECOND);
        pass(world, 10 * SECOND);
    }
    assert_int_equal(skewed(world), 0);
    for (int i = 0; i < 1000; i++)              /* lines of one second, at once */
        hear_late(world, "web2", 300 * DAY);
    pass(world, HOUR);
    hear_late(world, "web2", SECOND);
    assert_int_equal(skewed(world), 0);
}

static void
events_without_a_time_of_their_own_neither_hide_a_wrong_clock_nor_keep_it(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 30; i++) {
        hear_late(world, "web1", 7 * MINUTE);
        hear_late(world, "web1", -1000);
        pass(world, 30 * SECOND);
    }
    assert_int_equal(skewed(world), 1);
    for (int i = 0; i < 80; i++) {
        hear(world, "web1");
        pass(world, 30 * SECOND);
    }
    assert_int_equal(skewed(world), 0);
}

static void
a_few_late_events_do_not_hide_a_wrong_clock(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 60; i++) {
        hear_late(world, "web1", i % 15 == 7 ? DAY : 4 * MINUTE);
        pass(world, 15 * SECOND);
    }
    assert_int_equal(skewed(world), 1);
    assert_string_equal(world->views[0].text, "web1's clock is 4 minutes behind");
}

static void
times_that_no_clock_has_do_no_harm(void **state)
{
    static const int64_t times[] = { INT64_MIN, INT64_MAX, 0, -1, INT64_MAX / 4 };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
            struct event ev = { .at_us = times[i], .received_us = times[k] };

            sources_tick(world->sources, JOURNAL, times[k], 0);
            sources_hear(world->sources, &ev);
            sources_review(world->sources);
        }
    send_for(world, "web1", 30 * HOUR);
    pass(world, 2 * HOUR);
    assert_int_equal(silent(world), 1);
}

/* --- what is kept --- */

static int
keep(void *ctx, const struct source_row *row)
{
    struct world *world = ctx;

    assert_in_range(row->number, 0, KEPT - 1);
    assert_true(row->bytes.len <= sizeof(world->kept[0]));
    memcpy(world->kept[row->number], row->bytes.ptr, row->bytes.len);
    world->kept_len[row->number] = row->bytes.len;
    world->visited++;
    return 0;
}

static void
save(struct world *world)
{
    world->visited = 0;
    assert_int_equal(sources_changes(world->sources, keep, world), 0);
    sources_settle(world->sources);
}

static void
restart(struct world *world)
{
    struct err err;

    make(world, 200, HOUR);
    for (int64_t i = 0; i < KEPT; i++) {
        struct source_row row = { i, { world->kept[i], world->kept_len[i] } };

        if (row.bytes.len > 0)
            assert_int_equal(sources_restore(world->sources, &row, &err), 0);
    }
}

static void
once_a_minute_what_changed_is_kept(void **state)
{
    struct world *world = *state;

    hear(world, "web1");
    hear(world, "web2");
    assert_true(sources_is_due(world->sources));
    save(world);
    assert_int_equal(world->visited, 1 + 2);    /* the journal's clock, two sources */
    hear(world, "web2");
    pass(world, 40 * SECOND);
    assert_false(sources_is_due(world->sources));
    save(world);
    assert_int_equal(world->visited, 0);
    pass(world, 20 * SECOND);
    save(world);
    assert_int_equal(world->visited, 1 + 1);
    sources_hasten(world->sources);
    save(world);
    assert_int_equal(world->visited, 1);
}

static void
a_restart_goes_on_where_it_was(void **state)
{
    struct world *world = *state;

    send_with_lag(world, 9 * HOUR, 30 * HOUR);
    send_for(world, "web2", 30 * HOUR);
    save(world);
    restart(world);
    assert_int_equal(skewed(world), 1);
    pass(world, 20 * SECOND);
    assert_int_equal(number(world, METRIC_GAUGE, "bongsu_detector_sources"), 2);
    assert_int_equal(silent(world), 1);         /* web1, for it was so before */
    assert_string_equal(world->views[0].name, "web1");
    assert_int_equal(world->views[0].first_us, START);
    pass(world, 30 * MINUTE);
    sources_hasten(world->sources);
    save(world);
    restart(world);
    pass(world, 32 * MINUTE);
    assert_int_equal(silent(world), 2);
    assert_string_equal(world->views[1].text,
                        "web2 sent nothing for 63 minutes; it usually sends every minute");
}

/* What came after the last commit comes again, as one row of the journal does. */
static void
a_replay_after_a_kill_gives_the_same(void **state)
{
    struct world *world = *state;
    struct source_view before;
    int64_t committed_us;

    send_for(world, "web1", 40 * HOUR);
    sources_hasten(world->sources);
    save(world);
    committed_us = world->now_us;
    send_for(world, "web1", 10 * MINUTE);
    pass(world, 3 * HOUR);
    assert_int_equal(silent(world), 1);
    before = world->views[0];
    restart(world);                             /* nothing was saved since */
    world->now_us = committed_us;
    send_for(world, "web1", 10 * MINUTE);
    pass(world, 3 * HOUR);
    assert_int_equal(silent(world), 1);
    assert_string_equal(world->views[0].text, before.text);
    assert_int_equal(world->views[0].events, before.events);
    assert_int_equal(world->views[0].last_us, before.last_us);
}

static void
rows_that_make_no_sense_are_refused(void **state)
{
    struct world *world = *state;
    char bytes[sizeof(world->kept[0])];
    struct source_row row = { 64, { bytes, 0 } };
    struct err err;

    send_for(world, "web1", 40 * HOUR);
    sources_hasten(world->sources);
    save(world);
    make(world, 200, HOUR);
    memcpy(bytes, world->kept[64], world->kept_len[64]);
    for (row.bytes.len = 0; row.bytes.len < world->kept_len[64]; row.bytes.len++)
        assert_int_equal(sources_restore(world->sources, &row, &err), -1);
    for (size_t i = 0; i < row.bytes.len; i++) {    /* each byte wrong: refused, or no harm */
        bytes[i] = (char)(bytes[i] ^ 0x80);
        if (sources_restore(world->sources, &row, &err) == 0) {
            pass(world, 3 * HOUR);
            make(world, 200, HOUR);
        }
        bytes[i] = (char)(bytes[i] ^ 0x80);
    }
    row.number = 64 + 200;
    assert_int_equal(sources_restore(world->sources, &row, &err), -1);
    row.number = 64;
    assert_int_equal(sources_restore(world->sources, &row, &err), 0);
    row.number = 65;
    assert_int_equal(sources_restore(world->sources, &row, &err), -1);     /* the same name */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_regular_source_that_stops_is_silent_until_it_is_heard),
        TEST(who_was_heard_in_a_few_hours_only_is_never_called_silent),
        TEST(who_sends_each_hour_is_called_silent_after_three_of_its_pauses),
        TEST(who_is_quiet_every_night_is_called_silent_only_after_more),
        TEST(who_is_quiet_at_weekends_is_not_called_silent_not_even_at_the_first),
        TEST(a_young_source_with_pauses_has_four_days),
        TEST(after_a_week_more_it_is_given_up_and_that_is_said),
        TEST(nobody_is_called_silent_when_that_is_switched_off),
        TEST(an_outage_of_ours_is_no_silence_of_theirs),
        TEST(a_pause_through_an_outage_makes_nobody_more_patient),
        TEST(a_clock_that_is_put_back_does_not_stop_time),
        TEST(two_journals_do_not_make_time_run_faster),
        TEST(who_stands_in_a_backlog_that_is_read_later_is_not_called_silent),
        TEST(a_flood_of_names_makes_no_regular_source_forgotten),
        TEST(more_than_the_list_holds_are_counted),
        TEST(a_source_is_the_host_else_who_sent_it_and_has_a_name_that_can_be_shown),
        TEST(who_is_heard_again_takes_nobodys_place_in_the_list),
        TEST(a_clock_that_is_behind_is_named_after_ten_minutes_and_over_when_it_is_right),
        TEST(the_text_names_how_much_and_where_a_zone_may_be_missing),
        TEST(small_lags_backlogs_and_old_files_are_no_wrong_clock),
        TEST(events_without_a_time_of_their_own_neither_hide_a_wrong_clock_nor_keep_it),
        TEST(a_few_late_events_do_not_hide_a_wrong_clock),
        TEST(times_that_no_clock_has_do_no_harm),
        TEST(once_a_minute_what_changed_is_kept),
        TEST(a_restart_goes_on_where_it_was),
        TEST(a_replay_after_a_kill_gives_the_same),
        TEST(rows_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
