#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "proto/event.h"

#define NOW INT64_C(1795341600000000)       /* 2026-11-22T10:00:00Z */
#define TEXT(s) value_text((struct text){ s, sizeof(s) - 1 })

static char space[TIMESTAMP_LEN];

/* An event that passes, for a test to spoil. */
static void
event_good(struct event *ev)
{
    memset(ev, 0, sizeof(*ev));
    ev->known[EVENT_TYPE] = TEXT("login_failed");
}

static void
assert_refused(struct event *ev, const char *reason)
{
    struct err err = { "" };

    assert_int_equal(event_check(ev, NOW, space, &err), -1);
    if (strstr(err.text, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
    event_release(ev);
}

static void
refuses_known(enum event_field field, struct value value, const char *reason)
{
    struct event ev;

    event_good(&ev);
    ev.known[field] = value;
    assert_refused(&ev, reason);
}

static void
takes_known(enum event_field field, struct value value)
{
    struct err err = { "" };
    struct event ev;

    event_good(&ev);
    ev.known[field] = value;
    if (event_check(&ev, NOW, space, &err) != 0)
        fail_msg("%s", err.text);
}

static void
finds_each_field_by_name_and_no_other(void **state)
{
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        assert_int_equal(event_field_find(text_of(event_fields[i].name)), i);
    assert_int_equal(event_field_find(text_of("source_i")), -1);
    assert_int_equal(event_field_find(text_of("source_ipx")), -1);
    assert_int_equal(event_field_find(text_of("")), -1);
    assert_int_equal(event_field_find((struct text){ "count\0x", 7 }), -1);
}

static void
each_field_has_a_name_of_its_own(void **state)
{
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(event_fields[i].name, event_fields[k].name);
}

static void
severity_goes_to_text_and_back(void **state)
{
    for (int i = SEVERITY_LOW; i <= SEVERITY_CRITICAL; i++)
        assert_int_equal(severity_parse(text_of(severity_name(i))), i);
    assert_int_equal(severity_parse(text_of("LOW")), -1);
    assert_int_equal(severity_parse(text_of("")), -1);
    assert_string_equal(severity_name(4), "unknown");
    assert_string_equal(severity_name(-1), "unknown");
}

static void
numbered_id_goes_to_text_and_back(void **state)
{
    struct event_id id = event_id_make(0x1, 0xabcdef01, UINT64_MAX), back;
    char text[EVENT_ID_TEXT_LEN];

    event_id_format(&id, text);
    assert_string_equal(text, "0000000000000001-abcdef01-ffffffffffffffff");
    assert_int_equal(event_id_parse(text_of(text), &back), 0);
    assert_true(event_id_equals(&id, &back));
}

static void
keyed_id_goes_to_text_and_back_and_depends_on_both_keys(void **state)
{
    struct event_id id = event_id_keyed(text_of("a"), text_of("bc"));
    struct event_id other = event_id_keyed(text_of("ab"), text_of("c")), back;
    char text[EVENT_ID_TEXT_LEN];

    event_id_format(&id, text);
    assert_int_equal(strlen(text), 33);
    assert_int_equal(text[0], 'k');
    assert_int_equal(event_id_parse(text_of(text), &back), 0);
    assert_true(event_id_equals(&id, &back));
    assert_false(event_id_equals(&id, &other));
}

static void
refuses_text_that_is_no_id(void **state)
{
    static const char *const bad[] = {
        "", "k", "kzz", "0000000000000001-abcdef01-fffffffffffffff",
        "0000000000000001+abcdef01-ffffffffffffffff",
        "000000000000000g-abcdef01-ffffffffffffffff",
        "k0123456789abcdef0123456789abcdeg",
    };
    struct event_id id;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(event_id_parse(text_of(bad[i]), &id), -1);
}

static void
check_fills_in_the_defaults(void **state)
{
    struct event ev;

    event_good(&ev);
    assert_int_equal(event_check(&ev, NOW, space, NULL), 0);
    assert_true(text_is(value_get_text(&ev.known[EVENT_SEVERITY]), "low"));
    assert_int_equal(ev.known[EVENT_COUNT].as.integer, 1);
    assert_true(text_is(value_get_text(&ev.known[EVENT_TIMESTAMP]),
                        "2026-11-22T10:00:00Z"));
    assert_true(ev.at_us == NOW);
    assert_int_equal(ev.known[EVENT_SOURCE_ADDRESS].kind, VALUE_ABSENT);
}

static void
null_counts_as_absent_unless_the_field_is_required(void **state)
{
    struct value null = { .kind = VALUE_NULL };
    struct event ev;

    event_good(&ev);
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (i != EVENT_TYPE)
            ev.known[i] = null;
    assert_int_equal(event_check(&ev, NOW, space, NULL), 0);
    assert_int_equal(ev.known[EVENT_USERNAME].kind, VALUE_ABSENT);
    assert_int_equal(ev.known[EVENT_COUNT].as.integer, 1);
    refuses_known(EVENT_TYPE, null, "event_type: must not be null");
    refuses_known(EVENT_TYPE, (struct value){ 0 }, "event_type: is missing");
    refuses_known(EVENT_TYPE, TEXT(""), "event_type: must not be empty");
}

static void
refuses_a_wrong_type_for_every_field_by_name(void **state)
{
    struct value flag = { .kind = VALUE_BOOL, .as.boolean = 1 };

    for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
        char reason[64];

        snprintf(reason, sizeof(reason), "%s: must be ", event_fields[i].name);
        if (!(event_fields[i].flags & FIELD_DERIVED))
            refuses_known((enum event_field)i, flag, reason);
    }
}

static void
refuses_a_nul_in_every_text(void **state)
{
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (event_fields[i].type == FIELD_TYPE_TEXT &&
            !(event_fields[i].flags & FIELD_DERIVED))
            refuses_known((enum event_field)i, TEXT("root\0x"), "holds a NUL");
    refuses_known(EVENT_SOURCE_IP, TEXT("1.2.3.4\0"), "source_ip: ");
}

static void
takes_addresses_of_both_families_only(void **state)
{
    takes_known(EVENT_SOURCE_IP, TEXT("203.0.113.7"));
    takes_known(EVENT_SOURCE_IP, TEXT("2001:db8::1"));
    takes_known(EVENT_DESTINATION_IP, TEXT("::ffff:203.0.113.7"));
    refuses_known(EVENT_SOURCE_IP, TEXT("abc"),
                  "source_ip: \"abc\" is no IPv4 or IPv6 address");
    refuses_known(EVENT_SOURCE_IP, TEXT(""), "is no IPv4");
    refuses_known(EVENT_SOURCE_IP, TEXT("1.2.3"), "is no IPv4");
    refuses_known(EVENT_SOURCE_IP, TEXT("1.2.3.4.5"), "is no IPv4");
    refuses_known(EVENT_SOURCE_IP, TEXT("fe80::1%eth0"), "is no IPv4");
    refuses_known(EVENT_DESTINATION_IP, TEXT(" 1.2.3.4"), "destination_ip: ");
    refuses_known(EVENT_SOURCE_IP, TEXT("a\n\xff"), "\"a??\"");
}

static void
takes_counts_from_1_to_a_million(void **state)
{
    takes_known(EVENT_COUNT, value_int(1));
    takes_known(EVENT_COUNT, value_int(1000000));
    refuses_known(EVENT_COUNT, value_int(0),
                  "count: must be an integer from 1 to 1000000");
    refuses_known(EVENT_COUNT, value_int(1000001), "count: must be an integer");
    refuses_known(EVENT_COUNT, value_int(-1), "count: must be an integer");
    refuses_known(EVENT_COUNT, TEXT("5"), "count: must be an integer");
    takes_known(EVENT_COUNT, (struct value){ VALUE_REAL, .as.real = 5.0 });
    refuses_known(EVENT_COUNT, (struct value){ VALUE_REAL, .as.real = 5.5 },
                  "count: must be an integer");
    refuses_known(EVENT_COUNT, (struct value){ VALUE_REAL, .as.real = 1e300 },
                  "count: must be an integer");
}

static void
refuses_a_time_before_the_year_0000(void **state)
{
    takes_known(EVENT_TIMESTAMP, TEXT("0000-01-01T00:00:00Z"));
    takes_known(EVENT_TIMESTAMP, TEXT("0000-01-01T00:00:00-01:00"));
    refuses_known(EVENT_TIMESTAMP, TEXT("0000-01-01T00:00:00+01:00"),
                  "timestamp: 0000-01-01T00:00:00+01:00 is before the year 0000");
}

static void
refuses_a_time_more_than_ten_minutes_ahead(void **state)
{
    takes_known(EVENT_TIMESTAMP, TEXT("2026-11-22T10:10:00Z"));
    takes_known(EVENT_TIMESTAMP, TEXT("1999-01-01T00:00:00Z"));
    refuses_known(EVENT_TIMESTAMP, TEXT("2026-11-22T10:10:00.000001Z"),
                  "timestamp: 2026-11-22T10:10:00.000001Z is more than 10 minutes");
    refuses_known(EVENT_TIMESTAMP, TEXT("yesterday"), "timestamp: ");
    refuses_known(EVENT_SEVERITY, TEXT("urgent"), "severity: must be low,");
}

static void
refuses_extras_with_bad_names(void **state)
{
    static char long_name[EVENT_MAX_NAME + 1];
    struct {
        struct text name;
        const char *reason;
    } cases[] = {
        { { "", 0 }, "empty name" },
        { { "a\0b", 3 }, "NUL" },
        { { long_name, sizeof(long_name) }, "256 bytes" },
        { { "id", 2 }, "id: is set by Bongsu" },
        { { "count", 5 }, "count: given twice" },
    };

    memset(long_name, 'n', sizeof(long_name));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event ev;

        event_good(&ev);
        assert_int_equal(event_add_extra(&ev, cases[i].name, value_int(1)), 0);
        assert_refused(&ev, cases[i].reason);
    }
}

/* Few names are compared one by one, many are sorted: both ways must see it. */
static void
refuses_an_extra_given_twice_among_few_and_many(void **state)
{
    static char names[EVENT_MAX_EXTRAS][16];
    static const int counts[] = { 2, 16, 17, EVENT_MAX_EXTRAS };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct event ev;

        event_good(&ev);
        for (int k = 0; k < counts[i]; k++) {
            snprintf(names[k], sizeof(names[k]), "n%d", k);
            assert_int_equal(event_add_extra(&ev, text_of(names[k]), value_int(k)), 0);
        }
        assert_int_equal(event_check(&ev, NOW, space, NULL), 0);
        ev.extras[counts[i] - 1].name = text_of("n0");
        assert_refused(&ev, "n0: given twice");
    }
}

static void
holds_a_thousand_extras_and_no_more(void **state)
{
    struct event ev = { 0 };

    for (int i = 0; i < EVENT_MAX_EXTRAS; i++)
        assert_int_equal(event_add_extra(&ev, text_of("x"), value_int(i)), 0);
    assert_int_equal(event_add_extra(&ev, text_of("x"), value_int(0)), -1);
    event_clear(&ev);
    assert_int_equal(ev.extra_count, 0);
    assert_true(ev.extra_cap >= EVENT_MAX_EXTRAS);
    event_release(&ev);
    assert_null(ev.extras);
}

static void
source_address_is_the_ip_else_the_host(void **state)
{
    struct event ev = { 0 };

    ev.known[EVENT_SOURCE_HOST] = TEXT("mail.example");
    event_derive(&ev);
    assert_true(text_is(value_get_text(&ev.known[EVENT_SOURCE_ADDRESS]), "mail.example"));
    ev.known[EVENT_SOURCE_IP] = TEXT("192.0.2.1");
    event_derive(&ev);
    assert_true(text_is(value_get_text(&ev.known[EVENT_SOURCE_ADDRESS]), "192.0.2.1"));
    ev.known[EVENT_SOURCE_IP] = ev.known[EVENT_SOURCE_HOST] = TEXT("");
    event_derive(&ev);
    assert_int_equal(ev.known[EVENT_SOURCE_ADDRESS].kind, VALUE_ABSENT);
}

static void
gets_known_and_further_fields_by_name(void **state)
{
    struct event ev = { 0 };

    ev.known[EVENT_USERNAME] = TEXT("root");
    assert_int_equal(event_add_extra(&ev, text_of("port"), value_int(22)), 0);
    assert_true(text_is(value_get_text(event_get(&ev, text_of("username"))), "root"));
    assert_int_equal(event_get(&ev, text_of("port"))->as.integer, 22);
    assert_null(event_get(&ev, text_of("count")));
    assert_null(event_get(&ev, text_of("nothing")));
    event_release(&ev);
}

static void
is_stored_on_the_day_of_receipt_unless_keyed(void **state)
{
    struct event ev = { .at_us = 0, .received_us = NOW };

    assert_int_equal(event_storage_day(&ev), timestamp_utc_day(NOW));
    ev.is_keyed = 1;
    assert_int_equal(event_storage_day(&ev), 0);
}

static void
values_are_texts_and_numbers_as_people_read_them(void **state)
{
    const struct {
        struct value value;
        const char *text;
        int is_number;
    } cases[] = {
        { { VALUE_BOOL, .as.boolean = 1 }, "true", 0 },
        { { VALUE_INT, .as.integer = INT64_MIN }, "-9223372036854775808", 1 },
        { { VALUE_UINT, .as.natural = UINT64_MAX }, "18446744073709551615", 1 },
        { { VALUE_REAL, .as.real = 0.1 }, "0.1", 1 },
        { { VALUE_REAL, .as.real = -2.2250738585072014e-308 },
          "-2.2250738585072014e-308", 1 },
        { TEXT("+1.5e3"), "+1.5e3", 1 },
        { TEXT("0x10"), "0x10", 0 },
        { TEXT("inf"), "inf", 0 },
        { TEXT(" 1"), " 1", 0 },
        { TEXT("1e"), "1e", 0 },
        { TEXT("1e999"), "1e999", 0 },
        { TEXT(""), "", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char room[32];
        double number = 0;

        assert_true(text_is(value_as_text(&cases[i].value, room), cases[i].text));
        assert_int_equal(value_as_number(&cases[i].value, &number),
                         cases[i].is_number ? 0 : -1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_field_by_name_and_no_other),
        cmocka_unit_test(each_field_has_a_name_of_its_own),
        cmocka_unit_test(severity_goes_to_text_and_back),
        cmocka_unit_test(numbered_id_goes_to_text_and_back),
        cmocka_unit_test(keyed_id_goes_to_text_and_back_and_depends_on_both_keys),
        cmocka_unit_test(refuses_text_that_is_no_id),
        cmocka_unit_test(check_fills_in_the_defaults),
        cmocka_unit_test(null_counts_as_absent_unless_the_field_is_required),
        cmocka_unit_test(refuses_a_wrong_type_for_every_field_by_name),
        cmocka_unit_test(refuses_a_nul_in_every_text),
        cmocka_unit_test(takes_addresses_of_both_families_only),
        cmocka_unit_test(takes_counts_from_1_to_a_million),
        cmocka_unit_test(refuses_a_time_before_the_year_0000),
        cmocka_unit_test(refuses_a_time_more_than_ten_minutes_ahead),
        cmocka_unit_test(refuses_extras_with_bad_names),
        cmocka_unit_test(refuses_an_extra_given_twice_among_few_and_many),
        cmocka_unit_test(holds_a_thousand_extras_and_no_more),
        cmocka_unit_test(source_address_is_the_ip_else_the_host),
        cmocka_unit_test(gets_known_and_further_fields_by_name),
        cmocka_unit_test(is_stored_on_the_day_of_receipt_unless_keyed),
        cmocka_unit_test(values_are_texts_and_numbers_as_people_read_them),
    };

    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
