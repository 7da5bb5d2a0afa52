/*
 * scripts/run-tests itself: whatever a test does, its failure is not lost, and one
 * that passes leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/temp_dir.h"

#define PASSES "echo '[  PASSED  ] 1 test(s).'"

static char dir[96];
static int limit_s;                     /* of each test */

static int
open_folder(void **state)
{
    (void)state;
    limit_s = 2;
    temp_dir_make(NULL, dir, sizeof(dir));
    return 0;
}

static int
close_folder(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* A test of this name that does this. */
static void
write_test(const char *name, const char *script)
{
    char path[160];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

/* Run these tests: the exit code; what it says into out. */
static int
run(const char *names, char *out, size_t size)
{
    char command[512];
    size_t len;
    FILE *pipe;

    snprintf(command, sizeof(command), "runner=$PWD/scripts/run-tests; cd %s && "
             "TEST_JOBS=2 TEST_TIMEOUT=%d \"$runner\" . %s 2>&1", dir, limit_s, names);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    len = fread(out, 1, size - 1, pipe);
    out[len] = '\0';
    return WEXITSTATUS(pclose(pipe));
}

static void
expect(const char *out, const char *words)
{
    if (strstr(out, words) == NULL)
        fail_msg("no \"%s\" in:\n%s", words, out);
}

static void
those_that_pass_are_a_line_each(void **state)
{
    char out[4096];

    (void)state;
    write_test("one", "echo noise; " PASSES);
    write_test("two", "echo '[  SKIPPED ] 2 test(s), listed below:'; " PASSES);
    write_test("three", PASSES);
    assert_int_equal(run("./one ./two -- ./three", out, sizeof(out)), 0);
    expect(out, "ok     one ");
    expect(out, "ok     three ");
    expect(out, "2 skipped\n");
    expect(out, "3 passed, 0 failed");
    assert_null(strstr(out, "noise"));
}

static void
each_kind_of_failure_is_told_with_all_that_was_printed(void **state)
{
    static const struct {
        const char *name, *script, *says;
    } tests[] = {
        { "fails",    "echo first; echo last; exit 3", "ended with 3" },
        { "dies",     "echo last; kill -SEGV $$", "ended with 139" },
        { "is_mute",  "echo last; exit 0", "ended with 0 before its tests were over" },
        { "hangs",    "echo last; exec tail -f /dev/null", "did not end in 2 s" },
        { "is_not",   NULL, "ended with 127" },
    };
    char out[8192];

    (void)state;
    write_test("good", PASSES);
    write_test("fine", PASSES);         /* two names: a log belongs to one test */
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        char names[64], line[64];

        if (tests[i].script != NULL)
            write_test(tests[i].name, tests[i].script);
        snprintf(names, sizeof(names), "./good ./%s ./fine", tests[i].name);
        assert_int_equal(run(names, out, sizeof(out)), 1);
        snprintf(line, sizeof(line), "FAILED %s ", tests[i].name);
        expect(out, line);
        expect(out, tests[i].says);
        if (tests[i].script != NULL)
            expect(out, "  | last\n");
        snprintf(line, sizeof(line), "failed: %s\n2 passed, 1 failed", tests[i].name);
        expect(out, line);
    }
}

/* From the line of the slowest that has this name. */
static void
read_times(const char *out, const char *name, double *ret_wall, double *ret_cpu)
{
    const char *line = strstr(out, "slowest (and processor):\n");
    char found[32] = "";

    while (line != NULL && strcmp(found, name) != 0 && (line = strchr(line, '\n')) != NULL)
        if (sscanf(++line, "%lf s %lf s %31s", ret_wall, ret_cpu, found) != 3)
            found[0] = '\0';
    assert_string_equal(found, name);
}

static void
the_slowest_are_listed_with_what_they_took_of_the_processor(void **state)
{
    char out[8192], names[160] = "";
    double wall, cpu;

    (void)state;
    for (int i = 0; i < 12; i++) {
        char name[16];

        snprintf(name, sizeof(name), "t%d", i);
        write_test(name, PASSES);
        snprintf(names + strlen(names), sizeof(names) - strlen(names), " ./%s", name);
    }
    limit_s = 120;
    write_test("t4", "timeout 1.2 tail -f /dev/null; " PASSES);
    write_test("t7", "(ulimit -t 1; while :; do :; done); " PASSES);
    assert_int_equal(run(names, out, sizeof(out)), 0);
    expect(out, "slowest (and processor):\n");
    expect(out, "  all 12\n12 passed");
    read_times(out, "t4", &wall, &cpu);
    assert_true(wall >= 1.2 && cpu < 0.9);
    read_times(out, "t7", &wall, &cpu);
    if (wall < 0.5 || cpu < 0.5 || cpu > 2)
        fail_msg("%.1f s, %.1f s of processor", wall, cpu);
}

static void
a_test_without_a_result_is_a_failure(void **state)
{
    char out[4096];

    (void)state;
    write_test("good", PASSES);
    /* its parent is timeout, and of that run-tests */
    write_test("murders", "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat); " PASSES);
    assert_int_equal(run("./good ./murders", out, sizeof(out)), 1);
    expect(out, " of 2 tests have no result\n");
    expect(out, " passed, 0 failed");
}

static void
each_has_a_folder_of_its_own_that_goes_with_it(void **state)
{
    char out[4096];

    (void)state;
    write_test("one", "echo $TMPDIR >> folders; touch $TMPDIR/left; " PASSES);
    write_test("two", "echo $TMPDIR >> folders; touch $TMPDIR/left; " PASSES);
    write_test("look", "test $(sort -u folders | wc -l) = 2 && "
               "! ls $(cat folders) && " PASSES);
    assert_int_equal(run("./one ./two -- ./look", out, sizeof(out)), 0);
    expect(out, "3 passed, 0 failed");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_folder, close_folder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(those_that_pass_are_a_line_each),
        TEST(each_kind_of_failure_is_told_with_all_that_was_printed),
        TEST(the_slowest_are_listed_with_what_they_took_of_the_processor),
        TEST(a_test_without_a_result_is_a_failure),
        TEST(each_has_a_folder_of_its_own_that_goes_with_it),
    };

    return cmocka_run_group_tests_name("run_tests", tests, NULL, NULL);
}
