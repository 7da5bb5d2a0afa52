/*
 * test_zone_table.c - zones of one's own, held to the C library's answers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/zone_rule.h"
#include "proto/base/zone_table.h"

/* Each with something of its own: half hours, the south, summer time below winter's, a
 * change at midnight, on a Friday, none, 24 hours skipped, Ramadan. */
static const char *const zones[] = {
    "UTC", "Asia/Seoul", "Europe/Berlin", "Europe/Dublin", "America/New_York",
    "America/St_Johns", "America/Sao_Paulo", "America/Santiago", "America/Nuuk",
    "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Apia", "Pacific/Chatham",
    "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Asia/Jerusalem", "Africa/Cairo",
    "Africa/Casablanca", "Antarctica/Troll", "Etc/GMT+5", "Africa/Monrovia",
};

static const struct zone_table *
load(const char *name, struct arena *arena)
{
    struct err err = { "" };
    const struct zone_table *zone = zone_table_load(name, arena, &err);

    if (zone == NULL)
        fail_msg("%s: %s", name, err.text);
    return zone;
}

static int
library_offset(int64_t second)
{
    time_t at = (time_t)second;
    struct tm local;

    assert_non_null(localtime_r(&at, &local));
    return (int)local.tm_gmtoff;
}

static void
offsets_are_those_of_the_c_library(void **state)
{
    const int64_t first = INT64_C(-2208988800), last = INT64_C(5680281600);  /* 1900, 2150 */
    struct arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        const struct zone_table *zone = load(zones[i], &arena);

        assert_string_equal(zone_table_name(zone), zones[i]);
        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t at = first; at < last; at += 13 * 3600 + 7)
            if (zone_table_offset(zone, at) != library_offset(at))
                fail_msg("%s at %lld: %d, not %d", zones[i], (long long)at,
                         zone_table_offset(zone, at), library_offset(at));
    }
    arena_release(&arena);
}

/* To the second, for 60 years, around each change. */
static void
changes_are_at_their_second(void **state)
{
    struct arena arena = { 0 };
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        const struct zone_table *zone = load(zones[i], &arena);

        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t day = 10957; day < 10957 + 60 * 365; day++) {
            int64_t low = day * 86400, high = low + 86400;

            if (zone_table_offset(zone, low) == zone_table_offset(zone, high))
                continue;
            while (high - low > 1) {
                int64_t middle = low + (high - low) / 2;

                if (zone_table_offset(zone, middle) == zone_table_offset(zone, low))
                    low = middle;
                else
                    high = middle;
            }
            assert_int_equal(library_offset(low), zone_table_offset(zone, low));
            assert_int_equal(library_offset(high), zone_table_offset(zone, high));
            found++;
        }
    }
    assert_true(found > 1000);
    arena_release(&arena);
}

static void
local_times_become_utc(void **state)
{
    static const struct { int64_t local, utc; } rows[] = {
        { 1795305600, 1795302000 },     /* 2026-11-22 00:00 CET */
        { 1782086400, 1782079200 },     /* 2026-06-22 00:00 CEST */
        { 1774751400, 1774747800 },     /* 2026-03-29 02:30 never was: 03:30 CEST */
        { 1792895400, 1792888200 },     /* 2026-10-25 02:30, the first of two */
    };
    struct arena arena = { 0 };
    const struct zone_table *berlin = load("Europe/Berlin", &arena);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(zone_table_to_utc(berlin, rows[i].local), rows[i].utc);
    arena_release(&arena);
}

static void
names_that_are_no_zones_are_refused(void **state)
{
    static const char *const names[] = {
        "", "Europe/Atlantis", "Europe", "../../../etc/passwd", "/etc/localtime",
        "Europe/../Europe/Berlin", "Europe/Berlin\n", "tzdata.zi", "zone.tab",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct err err = { "" };

        assert_null(zone_table_load(names[i], &arena, &err));
        assert_string_not_equal(err.text, "");
    }
    arena_release(&arena);
}

/* A file cut off anywhere, or with any byte turned, is refused or answers something. */
static void
broken_files_do_no_harm(void **state)
{
    unsigned char bytes[8192];
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "r");
    size_t len;

    (void)state;
    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *copy = malloc(cut + 1);
        struct arena arena = { 0 };
        struct err err;

        memcpy(copy, bytes, cut);
        assert_null(zone_table_parse("x", copy, cut, &arena, &err));
        free(copy);
        arena_release(&arena);
    }
    for (size_t at = 0; at < len * 8; at++) {
        struct arena arena = { 0 };
        const struct zone_table *zone;
        struct err err;

        bytes[at / 8] ^= (unsigned char)(1 << at % 8);
        zone = zone_table_parse("x", bytes, len, &arena, &err);
        for (int64_t when = -5; zone != NULL && when < 6; when++) {
            int offset_s = zone_table_offset(zone, when * 1000000000);

            assert_true(offset_s >= -168 * 3600 && offset_s <= 169 * 3600);
        }
        bytes[at / 8] ^= (unsigned char)(1 << at % 8);
        arena_release(&arena);
    }
}

static void
rules_are_read_as_posix_says(void **state)
{
    static const struct { const char *text; int is_good; } rows[] = {
        { "KST-9", 1 }, { "<+0330>-3:30", 1 }, { "CET-1CEST,M3.5.0,M10.5.0/3", 1 },
        { "IST-2IDT,M3.4.4/26,M10.5.0", 1 }, { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1 },
        { "EST5EDT,J60/2,J300", 1 },
        { "", 0 }, { "K-9", 0 }, { "KST", 0 }, { "KST-9x", 0 }, { "<+0>0", 0 },
        { "CET-1CEST", 0 }, { "CET-1CEST,M3.5.0", 0 }, { "CET-1CEST,M13.5.0,M10.5.0", 0 },
        { "CET-1CEST,M3.0.0,M10.5.0", 0 }, { "CET-1CEST,M3.6.0,M10.5.0", 0 },
        { "CET-1CEST,M3.5.7,M10.5.0", 0 }, { "CET-1CEST,J0,J300", 0 },
        { "CET-1CEST,366,J300", 0 }, { "CET-1CEST,M3.5.0,M10.5.0/168", 0 },
        { "CET-1CEST,M3.5.0,M10.5.0/3 ", 0 }, { "CET-999999999999", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct zone_rule rule;

        if ((zone_rule_parse(rows[i].text, &rule) == 0) != rows[i].is_good)
            fail_msg("%s", rows[i].text);
        if (!rows[i].is_good)
            continue;
        setenv("TZ", rows[i].text, 1);
        tzset();
        for (int64_t at = 0; at < INT64_C(4000000000); at += 86399)
            if (zone_rule_offset(&rule, at) != library_offset(at))
                fail_msg("%s at %lld", rows[i].text, (long long)at);
    }
}

/* RFC 8536 section 3.3.1 has this; the C library errs for hours about the new year. */
static void
summer_may_be_all_the_year(void **state)
{
    struct zone_rule rule;

    (void)state;
    assert_int_equal(zone_rule_parse("XXX3EDT4,0/0,J365/23", &rule), 0);
    for (int64_t at = 0; at < INT64_C(4000000000); at += 1801)
        assert_int_equal(zone_rule_offset(&rule, at), -4 * 3600);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_the_c_library),
        cmocka_unit_test(changes_are_at_their_second),
        cmocka_unit_test(local_times_become_utc),
        cmocka_unit_test(names_that_are_no_zones_are_refused),
        cmocka_unit_test(broken_files_do_no_harm),
        cmocka_unit_test(rules_are_read_as_posix_says),
        cmocka_unit_test(summer_may_be_all_the_year),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
