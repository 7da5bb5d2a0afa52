/* SQL injection by its kinds, and what people type that looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "detector/text/attack.h"
#include "proto/base/clock.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Of the lines of a file but those that begin with "#": how many are judged otherwise
 * than they should be. */
static size_t
count_wrong(const char *path, int is_attack)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0, wrong = 0, lines = 0;

    assert_non_null(file);
    while (getline(&line, &cap, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        lines++;
        if (line[0] == '#')
            continue;
        if ((attack_in_value(text_of(line), ATTACK_BIT(ATTACK_SQLI)) != 0) != is_attack) {
            print_error("%s: %s\n", is_attack ? "missed" : "wrong", line);
            wrong++;
        }
    }
    assert_true(lines > 100);
    free(line);
    fclose(file);
    return wrong;
}

static void
each_kind_is_found(void **state)
{
    (void)state;
    assert_int_equal(count_wrong("tests/attacks/sqli.txt", 1), 0);
}

static void
what_people_type_is_let_through(void **state)
{
    (void)state;
    assert_int_equal(count_wrong("tests/attacks/ordinary.txt", 0), 0);
}

/* Each piece repeated, which is where a pattern with many ways to fail takes longest. */
static void
hostile_values_take_little_time(void **state)
{
    static const char *const pieces[] = {
        "select ", "(select ", "1 and ", "' or ", "/*", "/* */", "'\"", "case when ", "null,", "; begin ", "union ",
        "a(", "select a,", "' || ", "if(a=b,", "-- ", "1 having 1", "convert (", "\n", "x'||'",
    };
    char *value = malloc(ATTACK_MAX_VALUE);
    int64_t began_ms = clock_steady_ms();

    (void)state;
    assert_non_null(value);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        size_t len = strlen(pieces[i]);

        for (size_t at = 0; at < ATTACK_MAX_VALUE; at++)
            value[at] = pieces[i][at % len];
        (void)attack_in_value((struct text){ value, ATTACK_MAX_VALUE }, ATTACK_BIT(ATTACK_SQLI));
    }
    free(value);
    /* some milliseconds each; a pattern that goes wild takes minutes */
    assert_true(clock_steady_ms() - began_ms < 10000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_found),
        cmocka_unit_test(what_people_type_is_let_through),
        cmocka_unit_test(hostile_values_take_little_time),
    };

    return cmocka_run_group_tests_name("attack_sql", tests, NULL, NULL);
}
