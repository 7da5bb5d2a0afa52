#include "ctl/env_file.h"
#include "tests/support/temp_dir.h"

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

struct place {
    char dir[64], path[128], temp[160];
    struct err err;
};

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/.env", place->dir);
    snprintf(place->temp, sizeof(place->temp), "%s.new", place->path);
    for (char name[] = "BT_A"; name[3] <= 'Z'; name[3]++)
        unsetenv(name);
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;

    chmod(place->dir, 0700);
    unlink(place->path);
    unlink(place->temp);
    rmdir(place->dir);
    free(place);
    return 0;
}

static void
write_bytes(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void
write_text(struct place *place, const char *text)
{
    write_bytes(place->path, text, strlen(text));
}

static void
assert_content(const struct place *place, const char *expected)
{
    char bytes[4096];
    FILE *file = fopen(place->path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes) - 1, file);
    fclose(file);
    bytes[len] = '\0';
    assert_string_equal(bytes, expected);
}

static void
a_file_that_is_not_there_is_fine(void **state)
{
    struct place *place = *state;

    assert_int_equal(env_file_load(place->path, &place->err), 0);
}

static void
reads_plain_quoted_and_exported_values(void **state)
{
    struct place *place = *state;

    write_text(place, "# a comment\n\nBT_A=plain\n  BT_B = spaced out \nexport BT_C=exported\r\n"
                      "BT_D=\"two words # no comment\"\nBT_E='it\"s'\nBT_F=\nBT_G=a=b\n"
                      "BT_H=value # a comment\nBT_I=a#b\nBT_J=\"q\" # a comment\nBT_K=last");
    assert_int_equal(env_file_load(place->path, &place->err), 0);
    assert_string_equal(getenv("BT_A"), "plain");
    assert_string_equal(getenv("BT_B"), "spaced out");
    assert_string_equal(getenv("BT_C"), "exported");
    assert_string_equal(getenv("BT_D"), "two words # no comment");
    assert_string_equal(getenv("BT_E"), "it\"s");
    assert_string_equal(getenv("BT_F"), "");
    assert_string_equal(getenv("BT_G"), "a=b");
    assert_string_equal(getenv("BT_H"), "value");
    assert_string_equal(getenv("BT_I"), "a#b");
    assert_string_equal(getenv("BT_J"), "q");
    assert_string_equal(getenv("BT_K"), "last");
}

static void
what_the_environment_has_already_wins(void **state)
{
    struct place *place = *state;

    setenv("BT_A", "mine", 1);
    write_text(place, "BT_A=theirs\nBT_B=theirs\n");
    assert_int_equal(env_file_load(place->path, &place->err), 0);
    assert_string_equal(getenv("BT_A"), "mine");
    assert_string_equal(getenv("BT_B"), "theirs");
}

static void
names_file_and_line_of_what_makes_no_sense(void **state)
{
    static const char *const wrong[] = {
        "BT_A=1\nnonsense\n", "BT_A=1\n=1\n", "BT_A=1\n1A=1\n", "BT_A=1\nB T=1\n",
        "BT_A=1\nBT_B=\"open\n", "BT_A=1\nBT_B='a' b\n",
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_text(place, wrong[i]);
        assert_int_equal(env_file_load(place->path, &place->err), -1);
        assert_non_null(strstr(place->err.text, ".env:2: "));
    }
}

static void
refuses_a_nul_byte_and_a_huge_file(void **state)
{
    struct place *place = *state;
    char *huge = calloc(1, 300 * 1024);

    write_bytes(place->path, "BT_A=a\0b\n", 9);
    assert_int_equal(env_file_load(place->path, &place->err), -1);
    assert_null(getenv("BT_A"));
    memset(huge, '#', 300 * 1024);
    write_bytes(place->path, huge, 300 * 1024);
    assert_int_equal(env_file_load(place->path, &place->err), -1);
    assert_non_null(strstr(place->err.text, "too large"));
    free(huge);
}

static void
makes_a_file_for_its_owner_alone(void **state)
{
    struct place *place = *state;
    struct stat st;

    assert_int_equal(env_file_set(place->path, "BT_A", "secret", &place->err), 0);
    assert_content(place, "BT_A=secret\n");
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_not_equal(access(place->temp, F_OK), 0);
}

static void
replaces_a_line_and_keeps_the_others(void **state)
{
    struct place *place = *state;
    struct stat st;

    write_text(place, "# mine\nBT_A=old\n\nnot understood\nexport BT_A=older\nBT_AB=1");
    chmod(place->path, 0644);
    assert_int_equal(env_file_set(place->path, "BT_A", "new", &place->err), 0);
    assert_content(place, "# mine\n\nnot understood\nBT_AB=1\nBT_A=new\n");
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void
takes_over_what_a_crash_has_left(void **state)
{
    struct place *place = *state;

    write_bytes(place->temp, "half", 4);
    assert_int_equal(env_file_set(place->path, "BT_A", "1", &place->err), 0);
    assert_content(place, "BT_A=1\n");
}

static void
does_not_follow_a_link_that_waits_in_its_way(void **state)
{
    struct place *place = *state;
    char victim[160];

    snprintf(victim, sizeof(victim), "%s/victim", place->dir);
    write_bytes(victim, "keep", 4);
    assert_int_equal(symlink(victim, place->temp), 0);
    assert_int_equal(env_file_set(place->path, "BT_A", "1", &place->err), 0);
    assert_content(place, "BT_A=1\n");
    snprintf(place->path, sizeof(place->path), "%s/victim", place->dir);
    assert_content(place, "keep");
    unlink(place->path);
    snprintf(place->path, sizeof(place->path), "%s/.env", place->dir);
}

static void
refuses_a_value_that_is_no_line(void **state)
{
    static const char *const wrong[] = { "a\nBT_B=1", "a\r", "\"a", "a # b" };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(env_file_set(place->path, "BT_A", wrong[i], &place->err), -1);
    assert_int_equal(env_file_set(place->path, "BT A", "1", &place->err), -1);
    assert_int_not_equal(access(place->path, F_OK), 0);
}

static void
says_why_it_cannot_be_written_and_leaves_the_old_file(void **state)
{
    struct place *place = *state;

    write_text(place, "BT_A=old\n");
    /* a folder in the way stops root too */
    assert_int_equal(mkdir(place->temp, 0700), 0);
    assert_int_equal(env_file_set(place->path, "BT_A", "new", &place->err), -1);
    assert_non_null(strstr(place->err.text, "cannot be written"));
    assert_content(place, "BT_A=old\n");
    rmdir(place->temp);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_not_there_is_fine),
        TEST(reads_plain_quoted_and_exported_values),
        TEST(what_the_environment_has_already_wins),
        TEST(names_file_and_line_of_what_makes_no_sense),
        TEST(refuses_a_nul_byte_and_a_huge_file),
        TEST(makes_a_file_for_its_owner_alone),
        TEST(replaces_a_line_and_keeps_the_others),
        TEST(takes_over_what_a_crash_has_left),
        TEST(does_not_follow_a_link_that_waits_in_its_way),
        TEST(refuses_a_value_that_is_no_line),
        TEST(says_why_it_cannot_be_written_and_leaves_the_old_file),
    };

    return cmocka_run_group_tests_name("env_file", tests, NULL, NULL);
}
