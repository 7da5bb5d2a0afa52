/*
 * test_file_look.c - whether a file is still what it was
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/file_look.h"
#include "tests/support/temp_dir.h"

struct place {
    char dir[200], path[300], other[300];
};

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* As a file that was written long ago. */
static void
set_time(const char *path, time_t at_s)
{
    const struct timespec times[] = { { .tv_sec = at_s }, { .tv_sec = at_s } };

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/a", place->dir);
    snprintf(place->other, sizeof(place->other), "%s/b", place->dir);
    write_file(place->path, "one");
    set_time(place->path, 1000);
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc = temp_dir_remove(place->dir);

    free(place);
    return rc;
}

static void
a_file_that_was_left_alone_looks_the_same(void **state)
{
    struct place *place = *state;
    uint64_t before = file_look(place->path);
    struct stat st;

    assert_true(before != 0);
    assert_true(file_look(place->path) == before);
    assert_int_equal(stat(place->path, &st), 0);
    assert_true(file_look_of(place->path, &st) == before);
}

static void
one_that_was_written_looks_different(void **state)
{
    struct place *place = *state;
    uint64_t before = file_look(place->path);

    write_file(place->path, "three");
    assert_true(file_look(place->path) != before);
}

/* The kernel's clock of files ticks every few milliseconds: tried until it has. */
static void
one_that_was_written_with_its_time_put_back_looks_different(void **state)
{
    struct place *place = *state;
    uint64_t before = file_look(place->path);
    int tries = 0;

    do {
        write_file(place->path, "two");
        set_time(place->path, 1000);
    } while (file_look(place->path) == before && ++tries < 100000);
    assert_true(tries < 100000);
}

static void
one_whose_mode_was_changed_looks_different(void **state)
{
    struct place *place = *state;
    uint64_t before = file_look(place->path);
    int tries = 0;

    do
        assert_int_equal(chmod(place->path, 0600), 0);
    while (file_look(place->path) == before && ++tries < 100000);
    assert_true(tries < 100000);
}

static void
one_that_took_its_place_looks_different(void **state)
{
    struct place *place = *state;
    uint64_t before = file_look(place->path);

    write_file(place->other, "two");
    set_time(place->other, 1000);
    assert_int_equal(rename(place->other, place->path), 0);
    assert_true(file_look(place->path) != before);
}

static void
none_is_told_from_one_that_cannot_be_looked_at(void **state)
{
    struct place *place = *state;

    assert_true(file_look(place->other) == 0);
    assert_int_equal(symlink(place->other, place->other), 0);
    assert_true(file_look(place->other) != 0);
    assert_true(file_look(place->other) == file_look(place->other));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_was_left_alone_looks_the_same),
        TEST(one_that_was_written_looks_different),
        TEST(one_that_was_written_with_its_time_put_back_looks_different),
        TEST(one_whose_mode_was_changed_looks_different),
        TEST(one_that_took_its_place_looks_different),
        TEST(none_is_told_from_one_that_cannot_be_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
