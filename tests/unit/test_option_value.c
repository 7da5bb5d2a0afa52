#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/option_value.h"

static const struct option whole = { .name = "whole", .type = OPTION_INT, .min = -5,
                                     .max = 64 };
static const struct option any = { .name = "any", .type = OPTION_INT };
static const struct option boolean = { .name = "bool", .type = OPTION_BOOL };
static const struct option size = { .name = "size", .type = OPTION_BYTES, .min = 1024,
                                    .max = INT64_MAX };
static const struct option time_ms = { .name = "time", .type = OPTION_DURATION,
                                       .max = 86400000 };

struct number_case {
    const char *str;
    int64_t number;
};

static void
assert_numbers(const struct option *option, const struct number_case *cases)
{
    for (; cases->str != NULL; cases++) {
        struct err err = { "" };
        int64_t number = -77;

        if (option_value_set(option, cases->str, &number, &err) != 0)
            fail_msg("%s: %s", cases->str, err.text);
        assert_true(number == cases->number);
    }
}

static void
assert_refused(const struct option *option, const char *str, const char *reason)
{
    struct err err = { "" };
    int64_t number = 77;

    assert_int_equal(option_value_set(option, str, &number, &err), -1);
    assert_string_equal(err.text, reason);
    assert_int_equal(number, 77);
}

static void
numbers_keep_to_their_range(void **state)
{
    assert_numbers(&whole, (struct number_case[]){
        { "-5", -5 }, { "64", 64 }, { NULL, 0 },
    });
    assert_refused(&whole, "65", "\"65\" is not within -5 and 64");
    assert_refused(&whole, "-6", "\"-6\" is not within -5 and 64");
    assert_refused(&time_ms, "25h", "\"25h\" is not within 0 and 1d");
    assert_refused(&size, "1023", "\"1023\" is not within 1KiB and 9223372036854775807");
}

static void
sizes_have_units(void **state)
{
    assert_numbers(&size, (struct number_case[]){
        { "2048", 2048 }, { "512k", 524288 }, { "512KiB", 524288 }, { "1 MiB", 1048576 },
        { "3kB", 3000 }, { "1M", 1048576 }, { "1MB", 1000000 }, { "1g", 1 << 30 },
        { "8388607TiB", INT64_C(8388607) << 40 }, { NULL, 0 },
    });
}

static void
times_have_units(void **state)
{
    assert_numbers(&time_ms, (struct number_case[]){
        { "500ms", 500 }, { "10s", 10000 }, { "5m", 300000 }, { "1h", 3600000 },
        { "1d", 86400000 }, { "0", 0 }, { NULL, 0 },
    });
}

static void
booleans_have_eight_spellings(void **state)
{
    assert_numbers(&boolean, (struct number_case[]){
        { "true", 1 }, { "YES", 1 }, { "On", 1 }, { "1", 1 },
        { "false", 0 }, { "no", 0 }, { "off", 0 }, { "0", 0 }, { NULL, 0 },
    });
    assert_refused(&boolean, "2", "\"2\" is not true or false");
    assert_refused(&boolean, "", "\"\" is not true or false");
}

static void
a_row_without_range_takes_any_natural_number(void **state)
{
    assert_numbers(&any, (struct number_case[]){ { "0", 0 },
                                                 { "9223372036854775807", INT64_MAX },
                                                 { NULL, 0 } });
    assert_refused(&any, "-1", "\"-1\" is not within 0 and 9223372036854775807");
}

static void
wrong_values_say_what_was_expected(void **state)
{
    static const char *const sizes[] = { "", "k", "1x", "-1", "1.5GiB", "8388608TiB",
                                         "99999999999999999999", "1k ", "0x10" };
    static const char *const times[] = { "", "5", "5 minutes", "-5s", "1h30m", "1e3s" };
    int64_t number;

    assert_refused(&whole, "1x", "\"1x\" is not a whole number");
    assert_refused(&size, "big", "\"big\" is not a size such as 512KiB, 64MiB or 10GiB");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (option_value_set(&size, sizes[i], &number, NULL) != -1)
            fail_msg("size %s was taken", sizes[i]);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (option_value_set(&time_ms, times[i], &number, NULL) != -1)
            fail_msg("time %s was taken", times[i]);
}

static void
a_wrong_secret_is_not_shown(void **state)
{
    const struct option pin = { .name = "pin", .type = OPTION_INT, .max = 10,
                                .flags = OPTION_SECRET };

    assert_refused(&pin, "hunter2", "\"(secret)\" is not a whole number");
    assert_refused(&pin, "4711", "\"(secret)\" is not within 0 and 10");
}

static void
texts_are_limited_and_hold_no_controls(void **state)
{
    const struct option text = { .name = "text", .type = OPTION_TEXT };
    char longest[4098], *copy = NULL;
    struct err err = { "" };

    memset(longest, 'x', sizeof(longest));
    longest[4097] = '\0';
    assert_int_equal(option_value_set(&text, longest, &copy, &err), -1);
    assert_string_equal(err.text, "is longer than 4096 bytes");
    longest[4096] = '\0';
    assert_int_equal(option_value_set(&text, longest, &copy, &err), 0);
    assert_string_equal(copy, longest);
    free(copy);
    copy = NULL;
    assert_int_equal(option_value_set(&text, "key\r", &copy, &err), -1);
    assert_string_equal(err.text, "holds a control character (\\x0d) at byte 4");
    assert_null(copy);
}

static void
numbers_are_printed_as_they_are_written(void **state)
{
    char out[OPTION_NUMBER_LEN];

    option_value_print(&size, 10485760, out);
    assert_string_equal(out, "10MiB");
    option_value_print(&size, 1025, out);
    assert_string_equal(out, "1025");
    option_value_print(&size, 0, out);
    assert_string_equal(out, "0");
    option_value_print(&time_ms, 90000, out);
    assert_string_equal(out, "90s");
    option_value_print(&time_ms, 172800000, out);
    assert_string_equal(out, "2d");
    option_value_print(&whole, -5, out);
    assert_string_equal(out, "-5");
    option_value_print(&boolean, 1, out);
    assert_string_equal(out, "true");
}

static void
names_follow_from_the_option(void **state)
{
    const struct option named = { .name = "ingest.max_body", .env = NULL };
    const struct option other = { .name = "api.key", .env = "API_KEY" };
    char out[OPTION_NAME_LEN];

    option_flag(&named, out);
    assert_string_equal(out, "--ingest-max-body");
    option_env(&named, out);
    assert_string_equal(out, "BONGSU_INGEST_MAX_BODY");
    option_env(&other, out);
    assert_string_equal(out, "API_KEY");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_to_their_range),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(booleans_have_eight_spellings),
        cmocka_unit_test(a_row_without_range_takes_any_natural_number),
        cmocka_unit_test(wrong_values_say_what_was_expected),
        cmocka_unit_test(a_wrong_secret_is_not_shown),
        cmocka_unit_test(texts_are_limited_and_hold_no_controls),
        cmocka_unit_test(numbers_are_printed_as_they_are_written),
        cmocka_unit_test(names_follow_from_the_option),
    };

    return cmocka_run_group_tests_name("option_value", tests, NULL, NULL);
}
