#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/timestamp.h"
#include "proto/base/zone.h"

static void
in_zone(const char *tz)
{
    struct err err = { "" };

    setenv("TZ", tz, 1);
    if (timestamp_init(&err) != 0)
        fail_msg("%s", err.text);
}

static void
assert_local(int64_t us, const char *expected)
{
    char out[TIMESTAMP_LEN];

    timestamp_format_local(us, out);
    assert_string_equal(out, expected);
}

static void
the_zone_is_known_by_its_name(void **state)
{
    static const struct {
        const char *tz, *name;
    } cases[] = {
        { "Asia/Seoul", "Asia/Seoul" },     { ":Europe/Berlin", "Europe/Berlin" },
        { "", "UTC" },                      { "UTC", "UTC" },
        { "UTC0", "UTC" },                  { "KST-9", "KST-9" },
        { "EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0" },
        { "/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo" },
        { "/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* Debian 13 has posix/ in a package of its own, tzdata-legacy */
        if (strstr(cases[i].tz, "/posix/") != NULL && access(cases[i].tz, R_OK) != 0)
            continue;
        in_zone(cases[i].tz);
        assert_string_equal(timestamp_zone(), cases[i].name);
    }
    in_zone("KST-9");
    assert_local(0, "1970-01-01T09:00:00+09:00");
}

static void
a_zone_this_machine_does_not_have_is_an_error(void **state)
{
    static const char *const bad[] = {
        "Asia/Seul",
        "KST",
        "Seoul",
        "Asia",
        "Asia/",
        "../../../etc/passwd",
        "/etc/passwd",
        "/nowhere",
        ":Nowhere",
        "zone.tab",
        "Asia/../Asia/Seoul",
        "EST5EDT,M3",
        "KST-9x",
        "KST-999",
        "EST5EDT,M3.2.0,M11.1.0,",
        "<+09-9",
    };
    struct err err;

    in_zone("Asia/Seoul");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("TZ", bad[i], 1);
        err.text[0] = '\0';
        if (timestamp_init(&err) != -1)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(err.text, bad[i]));
    }
    assert_string_equal(timestamp_zone(), "Asia/Seoul");
}

static void
without_tz_the_machine_decides(void **state)
{
    struct err err = { "" };

    unsetenv("TZ");
    assert_int_equal(timestamp_init(&err), 0);
    assert_true(strlen(timestamp_zone()) > 0);
    assert_null(strstr(timestamp_zone(), "zoneinfo"));
}

static void
posix_rules_are_told_from_names(void **state)
{
    static const char *const good[] = {
        "UTC0",
        "KST-9",
        "<+09>-9",
        "EST5EDT",
        "NZST-12NZDT-13",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
        "IST-5:30",
        "XXX1:02:03",
        "ABC3DEF,J60,300/2:30",
    };
    static const char *const bad[] = {
        "", "UTC", "KS-9", "KST-9,M1.1.0", "KST-9 ", "<>0", "EST5EDT,M13.1.0,M1.1.0",
        "EST5EDT,M3.6.0,M1.1.0", "EST5EDT,J366,J1", "EST5EDT,", "9KST", "EST5:60",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!zone_is_posix_rule(good[i]))
            fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (zone_is_posix_rule(bad[i]))
            fail_msg("%s was taken", bad[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zone_is_known_by_its_name),
        cmocka_unit_test(a_zone_this_machine_does_not_have_is_an_error),
        cmocka_unit_test(without_tz_the_machine_decides),
        cmocka_unit_test(posix_rules_are_told_from_names),
    };

    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
