/*
 * Which values the fields of a summary had: few are kept, none is cut amid a
 * character, and a restart forgets none.
 */
#include "detector/text/details.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "tests/support/engine_case.h"

static void
values_are_told_apart_without_regard_to_case_and_counted_in_their_time(void **state)
{
    static const char *const names[] = { "root", "Root", "ROOT", "admin" };
    struct details *details = details_new();
    struct detail *detail = &details->fields[0];
    struct detail_seen seen;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(detail_add(detail, text_of(names[i]), SEC(10 * i), 1), 0);
    seen = detail_within(detail, 0, SEC(100));
    assert_int_equal(seen.distinct, 2);
    assert_null(seen.only);
    assert_false(seen.is_more);
    seen = detail_within(detail, SEC(5), SEC(25));
    assert_int_equal(seen.distinct, 1);
    assert_string_equal(seen.only, "root");
    assert_int_equal(detail_within(detail, SEC(31), SEC(99)).distinct, 0);
    assert_int_equal(detail_within(&details->fields[1], 0, SEC(100)).distinct, 0);
    details_destroy(&details);
    assert_null(details);
}

static void
what_has_no_room_is_known_to_be_more(void **state)
{
    struct details *details = details_new();
    struct detail *detail = &details->fields[0];
    struct detail_seen seen;
    char name[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(detail_add(detail, text_of(name), SEC(i), 1), 0);
    }
    assert_int_equal(details_size(details), DETAILS_MAX_VALUES);
    seen = detail_within(detail, 0, SEC(1000));
    assert_int_equal(seen.distinct, DETAILS_MAX_VALUES);
    assert_true(seen.is_more);
    assert_false(detail_within(detail, SEC(1000), SEC(2000)).is_more);
    details_destroy(&details);
    details = details_new();
    assert_int_equal(detail_add(&details->fields[0], text_of("root"), 0, 0), 0);
    assert_int_equal(details_size(details), 0);
    seen = detail_within(&details->fields[0], 0, 0);
    assert_true(seen.is_more);
    assert_null(seen.only);
    details_destroy(&details);
}

static void
a_long_value_is_cut_between_characters(void **state)
{
    struct details *details = details_new();
    char name[400];

    (void)state;
    memset(name, 'a', sizeof(name));
    memcpy(name + DETAILS_MAX_TEXT - 1, "\xeb\xb4\x89", 3);   /* one letter of Hangul */
    assert_int_equal(detail_add(&details->fields[0], (struct text){ name, sizeof(name) }, 0, 1),
                     0);
    assert_int_equal(strlen(detail_within(&details->fields[0], 0, 0).only),
                     DETAILS_MAX_TEXT - 1);
    details_destroy(&details);
}

static void
bytes_that_make_no_sense_are_refused(void **state)
{
    struct details *details = details_new(), *back;
    struct buf bytes = { 0 };
    struct packer packer = { .out = &bytes };

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(detail_add(&details->fields[i], text_of("web1"), SEC(i), 1), 0);
    details_pack(details, SEC(1), &packer);
    details_destroy(&details);
    for (size_t len = 0; len <= bytes.len; len++) {
        struct unpacker unpacker = { .at = (unsigned char *)bytes.ptr,
                                     .end = (unsigned char *)bytes.ptr + len };

        back = details_unpack(SEC(1), &unpacker);
        assert_int_equal(back != NULL, len == bytes.len);
        details_destroy(&back);
    }
    for (size_t i = 0; i < bytes.len; i++)          /* no crash, whatever comes of it */
        for (int bit = 0; bit < 8; bit++) {
            struct unpacker unpacker = { .at = (unsigned char *)bytes.ptr,
                                         .end = (unsigned char *)bytes.ptr + bytes.len };

            bytes.ptr[i] ^= (char)(1 << bit);
            back = details_unpack(SEC(1), &unpacker);
            details_destroy(&back);
            bytes.ptr[i] ^= (char)(1 << bit);
        }
    buf_release(&bytes);
}

/* --- in sentences --- */

static const char spray_rule[] =
    "title: Failed\nname: failed\nlogsource: {category: authentication}\n"
    "detection: {s: {event_type: login_failed}, condition: s}\n---\n"
    "title: Tried\ncorrelation: {type: value_sum, rules: [failed], group-by: [source_address],"
    " timespan: 5m, condition: {field: count, gte: 50}}\n"
    "bongsu:\n  details: [username, host.name]\n"
    "  summary: '{source_address} tried {count|password|passwords} for"
    " {username|user|users} on {host.name} {in_span}'\n";

/* Failed logins as n users; host may be NULL. */
static void
try_users(struct engine_case *fix, int users, int64_t count, const char *host, int64_t at_us)
{
    for (int i = 0; i < users; i++) {
        struct event ev = engine_case_event(fix, "login_failed", "203.0.113.9",
                                            at_us + SEC(i));
        char name[20];

        snprintf(name, sizeof(name), i % 2 ? "user%d" : "USER%d", i);
        ev.known[EVENT_USERNAME] = value_text(text_of(name));
        ev.known[EVENT_COUNT] = value_int(count);
        if (host != NULL)
            assert_int_equal(event_add_extra(&ev, text_of("host.name"),
                                             value_text(text_of(host))), 0);
        engine_case_judge(fix, &ev);
        event_release(&ev);
    }
}

static void
assert_says(struct engine_case *fix, const char *said)
{
    struct seen seen = engine_case_incidents(fix);

    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.summary, said);
}

static void
a_summary_says_how_many_users_and_on_which_host(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };

    (void)state;
    engine_case_open(&fix, spray_rule, &options);
    try_users(&fix, 12, 4, "web1", START);
    try_users(&fix, 9, 1, "web1", START + SEC(240) - SEC(8));
    assert_says(&fix, "203.0.113.9 tried 57 passwords for 12 users on web1 in 4 minutes");
    try_users(&fix, 1, 1, "web2", START + SEC(241));
    assert_says(&fix, "203.0.113.9 tried 58 passwords for 12 users on several in 4 minutes");
    try_users(&fix, 60, 1, NULL, START + SEC(242));
    assert_says(&fix, "203.0.113.9 tried 118 passwords for over 32 users on several in 5 minutes");
    engine_case_close(&fix);
}

static void
an_incident_tells_only_of_its_own_time_and_of_what_events_said(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct event ev;

    (void)state;
    engine_case_open(&fix, spray_rule, &options);
    try_users(&fix, 5, 1, "web9", START - HOUR / 2);
    try_users(&fix, 1, 50, NULL, START);
    assert_says(&fix, "203.0.113.9 tried 50 passwords for 1 user on unknown");
    ev = engine_case_event(&fix, "login_failed", "203.0.113.77", START);
    ev.known[EVENT_COUNT] = value_int(60);
    engine_case_close(&fix);
    engine_case_open(&fix, spray_rule, &options);
    engine_case_judge(&fix, &ev);
    assert_says(&fix, "203.0.113.77 tried 60 passwords for unknown users on unknown");
    engine_case_close(&fix);
}

static void
a_restart_forgets_no_value(void **state)
{
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    struct engine_case fix = { 0 };
    uint64_t sequence;

    (void)state;
    engine_case_open(&fix, spray_rule, &options);
    try_users(&fix, 12, 3, "web1", START);
    row_store_save(store, &fix);
    sequence = fix.sequence;
    engine_case_close(&fix);
    engine_case_open(&fix, spray_rule, &options);
    fix.sequence = sequence;
    row_store_restore(store, &fix);
    try_users(&fix, 1, 21, "web1", START + SEC(240));
    assert_says(&fix, "203.0.113.9 tried 57 passwords for 12 users on web1 in 4 minutes");
    engine_case_close(&fix);
    row_store_destroy(&store);
}

static void
a_rule_that_tells_of_other_fields_now_begins_anew_with_them_alone(void **state)
{
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));
    struct engine_case fix = { 0 };
    char rule[sizeof(spray_rule)], *names;
    uint64_t sequence;

    (void)state;
    memcpy(rule, spray_rule, sizeof(rule));
    names = strstr(rule, "[username, host.name]");
    memcpy(names, "[host.name, username]", strlen("[host.name, username]"));
    engine_case_open(&fix, spray_rule, &options);
    try_users(&fix, 12, 3, "web1", START);
    row_store_save(store, &fix);
    sequence = fix.sequence;
    engine_case_close(&fix);
    engine_case_open(&fix, rule, &options);
    fix.sequence = sequence;
    row_store_restore(store, &fix);
    try_users(&fix, 1, 21, "web1", START + SEC(240));
    assert_says(&fix, "203.0.113.9 tried 57 passwords for 1 user on web1 in 4 minutes");
    engine_case_close(&fix);
    row_store_destroy(&store);
}

static void
a_summary_names_the_first_and_says_how_many_more_and_since_when(void **state)
{
    static const struct { int users; const char *text; } rows[] = {
        { 1, "1 user (u0), 1 of them" }, { 2, "2 users (u0 and 1 more), 2 of them" },
        { 40, "over 32 users (u0 and over 31 more), over 32 of them" },
    };
    static const char rule[] =
        "title: Alarm\nid: alarm\nlogsource: {product: x}\n"
        "detection: {s: {event_type: alarm}, condition: s}\n"
        "bongsu:\n  details: [username]\n"
        "  summary: '{distinct:username|user|users} ({list:username}),"
        " {distinct:username} of them, since {since}'\n";
    struct engine_options options = engine_case_options();
    struct local_time since;

    (void)state;
    options.max_total_entries = 100000;
    timestamp_to_local(START, &since);
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct engine_case fix = { 0 };
        char expected[200];

        engine_case_open(&fix, rule, &options);
        for (int i = rows[r].users - 1; i >= 0; i--) {
            struct event ev = engine_case_event(&fix, "alarm", "192.0.2.1", START + SEC(i));
            char user[16];

            snprintf(user, sizeof(user), "u%d", rows[r].users > 32 ? rows[r].users - 1 - i : i);
            if (rows[r].users > 32)
                ev.at_us = START + SEC(rows[r].users - 1 - i);
            ev.known[EVENT_USERNAME] = value_text(text_of(user));
            engine_case_judge(&fix, &ev);
        }
        snprintf(expected, sizeof(expected), "%s, since %04d-%02d-%02d %02d:%02d", rows[r].text,
                 since.year, since.month, since.day, since.hour, since.minute);
        assert_says(&fix, expected);
        engine_case_close(&fix);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_told_apart_without_regard_to_case_and_counted_in_their_time),
        cmocka_unit_test(what_has_no_room_is_known_to_be_more),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
        cmocka_unit_test(bytes_that_make_no_sense_are_refused),
        cmocka_unit_test(a_summary_says_how_many_users_and_on_which_host),
        cmocka_unit_test(an_incident_tells_only_of_its_own_time_and_of_what_events_said),
        cmocka_unit_test(a_summary_names_the_first_and_says_how_many_more_and_since_when),
        cmocka_unit_test(a_restart_forgets_no_value),
        cmocka_unit_test(a_rule_that_tells_of_other_fields_now_begins_anew_with_them_alone),
    };

    return cmocka_run_group_tests_name("details", tests, NULL, NULL);
}
