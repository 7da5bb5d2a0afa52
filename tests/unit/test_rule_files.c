/*
 * Rule files, and what is in force of one that is bad: its last good version.
 */
#include "detector/ruleset/ruleset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "detector/watch/rule_watch.h"
#include "tests/support/temp_dir.h"

struct place {
    char dir[64];
    struct rule_files files;
    struct ruleset *rules;
    struct err err;
};

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    *state = place;
    return 0;
}

static void
forget(struct place *place)
{
    ruleset_destroy(&place->rules);
    rule_files_release(&place->files);
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    forget(place);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static void
write_bytes(struct place *place, const char *name, const char *bytes, size_t len)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void
write_file(struct place *place, const char *name, const char *text)
{
    write_bytes(place, name, text, strlen(text));
}

#define RULE(title, value)                                                               \
    "title: " title "\nlogsource: {category: x}\n"                                       \
    "detection: {s: {event_type: " value "}, condition: s}\n"

/* A regular expression that does not compile takes only its rule. */
#define BAD_RULE(title)                                                                  \
    "title: " title "\nlogsource: {category: x}\n"                                       \
    "detection: {s: {a|re: '('}, condition: s}\n"

static void
read_folder(struct place *place)
{
    forget(place);
    if (rule_files_read(place->dir, &place->files, &place->err) != 0)
        fail_msg("%s", place->err.text);
}

static struct rule_file *
file_of(struct place *place, const char *name)
{
    struct rule_file *file = rule_files_find(&place->files, text_of(name));

    if (file == NULL)
        fail_msg("%s is not there", name);
    return file;
}

static void
know(struct place *place, const char *name, const char *last_good)
{
    assert_int_equal(buf_append_str(&file_of(place, name)->last_good, last_good), 0);
}

static void
build(struct place *place)
{
    place->rules = ruleset_build(&place->files, &place->err);
    if (place->rules == NULL)
        fail_msg("%s", place->err.text);
}

static int
is_in_use(struct place *place, const char *title)
{
    for (size_t i = 0; i < ruleset_count(place->rules); i++)
        if (strcmp(ruleset_rule(place->rules, i)->sigma.title, title) == 0)
            return 1;
    return 0;
}

static int
is_told(struct place *place, const char *text)
{
    for (size_t i = 0; i < ruleset_refused_count(place->rules); i++)
        if (strstr(ruleset_refused(place->rules, i), text) != NULL)
            return 1;
    return 0;
}

/* --- reading --- */

static void
files_are_read_with_their_sub_folders_and_found_by_name(void **state)
{
    struct place *place = *state;
    char path[128];

    snprintf(path, sizeof(path), "%s/linux", place->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(place, "b.yml", RULE("B", "b"));
    write_file(place, "linux/a.yaml", RULE("A", "a"));
    write_file(place, ".hidden.yml", "x");
    write_file(place, "notes.txt", "x");
    read_folder(place);
    assert_int_equal(place->files.count, 2);
    assert_string_equal(file_of(place, "linux/a.yaml")->bytes.ptr, RULE("A", "a"));
    assert_string_equal(file_of(place, "b.yml")->bytes.ptr, RULE("B", "b"));
    assert_null(rule_files_find(&place->files, text_of("linux/a")));
    assert_null(rule_files_find(&place->files, text_of("")));
    assert_null(rule_files_find(&place->files, text_of("zz")));
}

static void
a_file_that_is_too_large_is_refused_alone(void **state)
{
    struct place *place = *state;
    size_t len = 3 * 1024 * 1024;
    char *bytes = malloc(len);

    assert_non_null(bytes);
    memset(bytes, '#', len);
    write_bytes(place, "a.yml", bytes, len);
    free(bytes);
    write_file(place, "b.yml", RULE("B", "b"));
    read_folder(place);
    assert_true(file_of(place, "a.yml")->bytes.len < 2 * 1024 * 1024);
    build(place);
    assert_true(is_told(place, "a.yml"));
    assert_true(is_in_use(place, "B"));
}

/* --- the last good version --- */

static void
a_bad_file_is_in_force_in_its_last_good_version(void **state)
{
    static const struct { const char *text, *reason; } rows[] = {
        { "title: [", "a.yml:" },
        { "", "a.yml: nothing is in it" },
        { "title: A\n", "a.yml:1: " },
        { BAD_RULE("A"), "a.yml:" },
        { RULE("A", "a") "bongsu: {summary: '{nonsense}'}\n", "nonsense" },
        { "title: \xff\n", "a.yml:1: " },
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_file(place, "a.yml", rows[i].text);
        write_file(place, "b.yml", RULE("B", "b"));
        read_folder(place);
        know(place, "a.yml", RULE("A before", "a"));
        know(place, "b.yml", RULE("B before", "b"));
        build(place);
        if (!is_in_use(place, "A before") || !is_in_use(place, "B"))
            fail_msg("\"%s\": the last good version is not in force", rows[i].text);
        assert_int_equal(ruleset_count(place->rules), 2);
        if (!is_told(place, rows[i].reason))
            fail_msg("%s", ruleset_refused(place->rules, 0));
        assert_true(is_told(place, "last good version stays in force"));
        assert_int_equal(rule_files_kept(&place->files), 1);
        assert_true(file_of(place, "b.yml")->is_good);
        assert_false(file_of(place, "b.yml")->is_kept);
    }
}

static void
one_bad_rule_of_a_file_puts_the_whole_file_back(void **state)
{
    struct place *place = *state;

    write_file(place, "a.yml", RULE("One", "x") "---\n" BAD_RULE("Two"));
    read_folder(place);
    know(place, "a.yml", RULE("One", "a") "---\n" RULE("Two", "a"));
    build(place);
    assert_int_equal(ruleset_count(place->rules), 2);
    assert_true(is_in_use(place, "Two"));
    assert_int_equal(ruleset_refused_count(place->rules), 1);
}

static void
a_file_that_was_never_good_stays_out_and_the_others_go_on(void **state)
{
    struct place *place = *state;

    write_file(place, "a.yml", RULE("One", "x") "---\n" BAD_RULE("Two"));
    write_file(place, "b.yml", RULE("B", "b"));
    read_folder(place);
    build(place);
    assert_true(is_in_use(place, "One"));
    assert_true(is_in_use(place, "B"));
    assert_false(file_of(place, "a.yml")->is_good);
    assert_false(is_told(place, "last good version"));
    assert_int_equal(rule_files_kept(&place->files), 0);
}

static void
a_file_that_cannot_be_read_is_in_force_in_its_last_good_version(void **state)
{
    struct place *place = *state;
    struct rule_file *file;

    write_file(place, "a.yml", RULE("A", "a"));
    read_folder(place);
    file = file_of(place, "a.yml");
    buf_release(&file->bytes);
    file->unreadable = strdup("Permission denied");
    know(place, "a.yml", RULE("A before", "a"));
    build(place);
    assert_true(is_in_use(place, "A before"));
    assert_true(is_told(place, "a.yml: Permission denied; its last good version"));
}

/* a.yml had the rule that now is in b.yml, with the same id; and a.yml is bad. */
static void
what_a_last_good_version_pushes_out_goes_back_too(void **state)
{
    struct place *place = *state;
    static const char id[] = "id: 5d3e9a2e-1111-4a8e-9b60-000000000001\n";
    char old[400], moved[400];

    snprintf(old, sizeof(old), "%s%s", id, RULE("Moved", "a"));
    snprintf(moved, sizeof(moved), "%s---\n%s%s", RULE("B", "b"), id, RULE("Moved", "c"));
    write_file(place, "a.yml", "title: [");
    write_file(place, "b.yml", moved);
    read_folder(place);
    know(place, "a.yml", old);
    know(place, "b.yml", RULE("B before", "b"));
    build(place);
    assert_int_equal(ruleset_count(place->rules), 2);
    assert_true(is_in_use(place, "Moved"));
    assert_true(is_in_use(place, "B before"));
    assert_int_equal(rule_files_kept(&place->files), 2);
}

static void
a_last_good_version_that_is_good_no_more_is_told_by_its_name(void **state)
{
    struct place *place = *state;

    write_file(place, "a.yml", "title: [");
    write_file(place, "b.yml", RULE("B", "b"));
    read_folder(place);
    know(place, "a.yml", BAD_RULE("A"));
    build(place);
    assert_int_equal(ruleset_count(place->rules), 1);
    assert_true(is_told(place, "a.yml (last good version):"));
    assert_false(file_of(place, "a.yml")->is_good);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

static void
a_folder_is_read_with_its_placeholders(void **state)
{
    struct place *place = *state;
    struct placeholders *holders = placeholders_parse("p.yml", "Who: root\n", 10, &place->err);

    assert_non_null(holders);
    write_file(place, "a.yml", "title: A\nlogsource: {category: x}\n"
               "detection: {s: {username|expand: '%Who%'}, condition: s}\n");
    place->rules = ruleset_load_with(place->dir, holders, &place->err);
    assert_non_null(place->rules);
    assert_int_equal(ruleset_refused_count(place->rules), 0);
    assert_true(is_in_use(place, "A"));
    placeholders_destroy(&holders);
    ruleset_destroy(&place->rules);

    place->rules = ruleset_load(place->dir, &place->err);
    assert_true(is_told(place, "\"%Who%\" is not known"));
}

/* rsync and cp -p put it back. */
static void
placeholders_with_an_old_time_are_seen_to_have_changed(void **state)
{
    static const struct timespec old[] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct place *place = *state;
    char path[256];
    uint64_t before;
    int tries = 0;

    snprintf(path, sizeof(path), "%s/p.txt", place->dir);
    write_file(place, "p.txt", "Who: root\n");
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    before = rule_watch_look(place->dir, path);
    assert_true(rule_watch_look(place->dir, path) == before);
    do {                        /* the clock of files ticks every few milliseconds */
        write_file(place, "p.txt", "Who: mail\n");
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    } while (rule_watch_look(place->dir, path) == before && ++tries < 100000);
    assert_true(tries < 100000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_read_with_their_sub_folders_and_found_by_name),
        TEST(a_folder_is_read_with_its_placeholders),
        TEST(placeholders_with_an_old_time_are_seen_to_have_changed),
        TEST(a_file_that_is_too_large_is_refused_alone),
        TEST(a_bad_file_is_in_force_in_its_last_good_version),
        TEST(one_bad_rule_of_a_file_puts_the_whole_file_back),
        TEST(a_file_that_was_never_good_stays_out_and_the_others_go_on),
        TEST(a_file_that_cannot_be_read_is_in_force_in_its_last_good_version),
        TEST(what_a_last_good_version_pushes_out_goes_back_too),
        TEST(a_last_good_version_that_is_good_no_more_is_told_by_its_name),
    };

    return cmocka_run_group_tests_name("rule_files", tests, NULL, NULL);
}
