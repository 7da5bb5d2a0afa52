/*
 * `bongsu rules add`: a checkout of rules into a folder of rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/command.h"

struct place {
    char dir[256];
    char from[300], into[300];
    json_t *answer;
};

static const char rule[] =
    "title: Rule %s\nid: %s\nauthor: Kim\nlevel: %s\nstatus: test\nlogsource: {product: linux}\n"
    "detection: {s: {a: '%s'}, condition: s}\n";

static void
write_file(const struct place *place, const char *name, const char *text)
{
    char path[600];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0755);
        *at = '/';
    }
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void
write_rule(const struct place *place, const char *name, const char *id, const char *level)
{
    char text[500];

    snprintf(text, sizeof(text), rule, id, id, level, id);
    write_file(place, name, text);
}

static int
is_there(const struct place *place, const char *name)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    return access(path, F_OK) == 0;
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    command_make_folder(place->dir, sizeof(place->dir));
    snprintf(place->from, sizeof(place->from), "%s/sigma", place->dir);
    snprintf(place->into, sizeof(place->into), "%s/mine", place->dir);
    write_rule(place, "sigma/rules/linux/a.yml", "id-a", "high");
    write_rule(place, "sigma/rules/linux/b.yml", "id-b", "low");
    write_rule(place, "sigma/rules-emerging-threats/c.yml", "id-c", "high");
    write_rule(place, "sigma/deprecated/d.yml", "id-d", "high");
    write_file(place, "sigma/LICENSE", "to be kept\n");
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;

    json_decref(place->answer);
    command_remove_folder(place->dir);
    free(place);
    return 0;
}

/* The exit code; what it said is in the place. */
static int
add(struct place *place, const char *from, const char *word)
{
    struct command_spec spec = { 0 };
    struct command *command;
    const char *json;
    int code;

    command = command_run(&spec, (const char *const[]){ "bongsu", "rules", "add", "--json", "--into",
                                                        place->into, from, word, NULL }, &code);
    json_decref(place->answer);
    json = strchr(command_output(command), '{');        /* a reason may stand before it */
    place->answer = json == NULL ? NULL : json_loads(json, 0, NULL);
    if (place->answer == NULL)
        fail_msg("no JSON: %s", command_output(command));
    command_destroy(&command);
    return code;
}

static int
said(const struct place *place, const char *name)
{
    return (int)json_integer_value(json_object_get(place->answer, name));
}

static void
copies_the_rules_of_a_checkout_with_their_licence(void **state)
{
    struct place *place = *state;

    assert_int_equal(add(place, place->from, NULL), 0);
    assert_int_equal(said(place, "added"), 3);
    assert_int_equal(said(place, "refused"), 0);
    assert_true(is_there(place, "mine/sigma/rules/linux/a.yml"));
    assert_true(is_there(place, "mine/sigma/rules-emerging-threats/c.yml"));
    assert_false(is_there(place, "mine/sigma/deprecated/d.yml"));
    assert_true(is_there(place, "mine/sigma/LICENSE"));
}

static void
brings_up_to_date_what_was_there_and_leaves_the_rest(void **state)
{
    struct place *place = *state;

    write_rule(place, "mine/own.yml", "id-own", "high");
    assert_int_equal(add(place, place->from, NULL), 0);
    write_rule(place, "sigma/rules/linux/a.yml", "id-a", "critical");
    assert_int_equal(add(place, place->from, NULL), 0);
    assert_int_equal(said(place, "added"), 0);
    assert_int_equal(said(place, "updated"), 1);
    assert_int_equal(said(place, "unchanged"), 2);
    assert_true(is_there(place, "mine/own.yml"));
}

static void
the_folder_rules_of_a_checkout_goes_to_the_same_place(void **state)
{
    struct place *place = *state;
    char below[320];

    snprintf(below, sizeof(below), "%s/rules", place->from);
    assert_int_equal(add(place, place->from, NULL), 0);
    assert_int_equal(add(place, below, NULL), 0);
    assert_int_equal(said(place, "unchanged"), 2);
    assert_int_equal(said(place, "added"), 0);
}

static void
takes_only_what_is_chosen(void **state)
{
    struct place *place = *state;

    assert_int_equal(add(place, place->from, "level=low"), 0);
    assert_int_equal(said(place, "added"), 1);
    assert_int_equal(said(place, "skipped"), 2);
    assert_true(is_there(place, "mine/sigma/rules/linux/b.yml"));
    assert_int_not_equal(add(place, place->from, "level=hihg"), 0);
    assert_non_null(strstr(json_string_value(json_object_get(place->answer, "error")),
                           "there is no level \"hihg\""));
}

static void
what_the_detector_would_refuse_is_counted_by_reason_and_not_copied(void **state)
{
    struct place *place = *state;

    write_file(place, "sigma/rules/x.yml", "title: X\nlevel: severe\n");
    write_file(place, "sigma/rules/y.yml", "title: Y\nlevel: worse\n");
    write_rule(place, "mine/own.yml", "id-a", "high");
    assert_int_equal(add(place, place->from, NULL), 1);
    assert_int_equal(said(place, "added"), 2);
    assert_int_equal(said(place, "refused"), 3);
    assert_int_equal(json_integer_value(json_object_get(
        json_object_get(place->answer, "reasons"), "unknown level")), 2);
    assert_int_equal(json_object_size(json_object_get(place->answer, "reasons")), 2);
    assert_false(is_there(place, "mine/sigma/rules/x.yml"));
    assert_false(is_there(place, "mine/sigma/rules/linux/a.yml"));
}

static void
a_folder_that_is_not_there_or_holds_nothing_is_an_error(void **state)
{
    struct place *place = *state;
    char empty[320];

    snprintf(empty, sizeof(empty), "%s/empty", place->dir);
    assert_int_equal(mkdir(empty, 0755), 0);
    assert_int_not_equal(add(place, empty, NULL), 0);
    assert_non_null(strstr(json_string_value(json_object_get(place->answer, "error")), "no rule files"));
    assert_int_not_equal(add(place, "no/such", NULL), 0);
    assert_non_null(strstr(json_string_value(json_object_get(place->answer, "error")),
                           "No such file or directory"));
}

/* Whoever can write into the folder of rules must not turn the writing elsewhere. */
static void
a_link_in_the_way_is_replaced_not_followed(void **state)
{
    struct place *place = *state;
    char link[600], victim[600];
    struct stat st;

    write_file(place, "victim", "");
    write_file(place, "mine/sigma/rules/linux/z.yml", "");
    snprintf(victim, sizeof(victim), "%s/victim", place->dir);
    snprintf(link, sizeof(link), "%s/mine/sigma/rules/linux/a.yml", place->dir);
    assert_int_equal(symlink(victim, link), 0);
    assert_int_equal(add(place, place->from, "level=high"), 0);
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copies_the_rules_of_a_checkout_with_their_licence),
        TEST(brings_up_to_date_what_was_there_and_leaves_the_rest),
        TEST(the_folder_rules_of_a_checkout_goes_to_the_same_place),
        TEST(takes_only_what_is_chosen),
        TEST(what_the_detector_would_refuse_is_counted_by_reason_and_not_copied),
        TEST(a_folder_that_is_not_there_or_holds_nothing_is_an_error),
        TEST(a_link_in_the_way_is_replaced_not_followed),
    };

    return cmocka_run_group_tests_name("rules_add", tests, NULL, NULL);
}
