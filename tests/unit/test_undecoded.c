#include "ingest/intake/undecoded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct desk {
    struct metrics *metrics;
    struct undecoded *undecoded;
};

static int
open_desk(void **state)
{
    static struct desk desk;

    desk.metrics = metrics_new();
    desk.undecoded = undecoded_new(desk.metrics);
    *state = &desk;
    return desk.undecoded == NULL ? -1 : 0;
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;

    undecoded_destroy(&desk->undecoded);
    metrics_destroy(&desk->metrics);
    return 0;
}

static json_int_t
number(const json_t *shown, const char *name)
{
    return json_integer_value(json_object_get(shown, name));
}

static void
shows_the_source_with_most_lines_first(void **state)
{
    struct desk *desk = *state;
    json_t *shown, *sources;

    undecoded_add(desk->undecoded, text_of("10.0.0.5"));
    for (int i = 0; i < 3; i++)
        undecoded_add(desk->undecoded, text_of("/var/log/app.log"));
    shown = undecoded_show(desk->undecoded);
    sources = json_object_get(shown, "sources");
    assert_int_equal(number(shown, "lines"), 4);
    assert_int_equal(json_array_size(sources), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(sources, 0), "source")),
                        "/var/log/app.log");
    assert_int_equal(number(json_array_get(sources, 0), "lines"), 3);
    json_decref(shown);
}

static void
counts_further_sources_together(void **state)
{
    struct desk *desk = *state;
    json_t *shown, *sources, *source;
    json_int_t sum = 0;
    size_t i;

    for (int round = 0; round < 2; round++)
        for (int n = 0; n < UNDECODED_MAX_SOURCES + 44; n++) {
            char name[16];

            snprintf(name, sizeof(name), "10.0.%d.%d", n / 256, n % 256);
            undecoded_add(desk->undecoded, text_of(name));
        }
    shown = undecoded_show(desk->undecoded);
    sources = json_object_get(shown, "sources");
    assert_int_equal(json_array_size(sources), UNDECODED_MAX_SOURCES);
    json_array_foreach(sources, i, source)
        sum += number(source, "lines");
    assert_int_equal(number(shown, "other_lines"), 88);
    assert_int_equal(sum + 88, number(shown, "lines"));
    json_decref(shown);
}

static void
takes_an_empty_name_and_a_long_one(void **state)
{
    struct desk *desk = *state;
    char name[5000];
    json_t *shown;

    memset(name, 'x', sizeof(name));
    undecoded_add(desk->undecoded, (struct text){ name, sizeof(name) });
    undecoded_add(desk->undecoded, (struct text){ name, sizeof(name) - 1 });
    undecoded_add(desk->undecoded, (struct text){ name, 0 });
    shown = undecoded_show(desk->undecoded);
    assert_int_equal(json_array_size(json_object_get(shown, "sources")), 3);
    json_decref(shown);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_the_source_with_most_lines_first),
        TEST(counts_further_sources_together),
        TEST(takes_an_empty_name_and_a_long_one),
    };

    return cmocka_run_group_tests_name("undecoded", tests, NULL, NULL);
}
