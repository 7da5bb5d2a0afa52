#include "proto/run/run_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* What run_dir gives for these two options; the caller frees. */
static char *
dir_of(const char *data_dir, const char *bus_dir)
{
    struct settings settings = { .data_dir = (char *)(uintptr_t)data_dir,
                                 .bus_dir = (char *)(uintptr_t)bus_dir };

    return run_dir(&settings);
}

static void
assert_dir(const char *data_dir, const char *bus_dir, const char *expected)
{
    char *dir = dir_of(data_dir, bus_dir);

    assert_string_equal(dir, expected);
    free(dir);
}

static void
is_below_the_data_folder(void **state)
{
    (void)state;
    assert_dir("/srv/bongsu", NULL, "/srv/bongsu/run");
}

static void
is_bus_dir_when_that_is_set(void **state)
{
    (void)state;
    assert_dir("/srv/bongsu", "/run/bongsu", "/run/bongsu");
}

static void
is_the_same_however_the_data_folder_is_written(void **state)
{
    static const char *const ways[] = { "var", "./var", "var/", ".//var/./" };
    char *first = dir_of(ways[0], NULL), *here = getcwd(NULL, 0);

    (void)state;
    assert_int_equal(first[0], '/');
    if (strlen(here) < 60) {
        assert_int_equal(strncmp(first, here, strlen(here)), 0);
        assert_string_equal(first + strlen(here), "/var/run");
    }
    for (size_t i = 1; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_dir(ways[i], NULL, first);
    free(here);
    free(first);
}

static void
is_short_and_its_own_when_the_data_folder_is_long(void **state)
{
    char data[300] = "/srv/", other[300], *dir, *same, *second;
    struct sockaddr_un address;

    (void)state;
    memset(data + 5, 'x', 200);
    data[205] = '\0';
    snprintf(other, sizeof(other), "%sy", data);
    unsetenv("XDG_RUNTIME_DIR");
    dir = dir_of(data, NULL);
    same = dir_of(data, NULL);
    second = dir_of(other, NULL);
    assert_int_equal(strncmp(dir, "/tmp/bongsu-", 12), 0);
    assert_string_equal(dir, same);
    assert_string_not_equal(dir, second);
    assert_true(strlen(dir) + strlen("/incident-report-255.sock") < sizeof(address.sun_path));
    free(dir);
    free(same);
    free(second);
}

static void
uses_the_runtime_folder_when_it_is_short_enough(void **state)
{
    char data[300] = "/srv/", runtime[120] = "/run/", *dir;

    (void)state;
    memset(data + 5, 'x', 200);
    data[205] = '\0';
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    dir = dir_of(data, NULL);
    assert_int_equal(strncmp(dir, "/run/user/7/bongsu-", 19), 0);
    free(dir);
    memset(runtime + 5, 'r', 100);
    runtime[105] = '\0';
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    dir = dir_of(data, NULL);
    assert_int_equal(strncmp(dir, "/tmp/bongsu-", 12), 0);
    free(dir);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    dir = dir_of(data, NULL);
    assert_int_equal(strncmp(dir, "/tmp/bongsu-", 12), 0);
    free(dir);
    unsetenv("XDG_RUNTIME_DIR");
}

static void
every_length_of_a_data_folder_leaves_room_for_each_socket(void **state)
{
    struct sockaddr_un address;

    (void)state;
    for (size_t len = 2; len < 120; len++) {
        char data[128] = "/", *dir;

        memset(data + 1, 'x', len - 1);
        dir = dir_of(data, NULL);
        assert_true(strlen(dir) + strlen("/incident-report-255.sock") <
                    sizeof(address.sun_path));
        free(dir);
    }
}

static void
names_a_socket_for_each_process(void **state)
{
    struct settings settings = { .data_dir = (char *)(uintptr_t)"/srv/b" };
    char *path = run_dir_socket(&settings, "ingest");

    (void)state;
    assert_string_equal(path, "/srv/b/run/ingest.sock");
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_below_the_data_folder),
        cmocka_unit_test(is_bus_dir_when_that_is_set),
        cmocka_unit_test(is_the_same_however_the_data_folder_is_written),
        cmocka_unit_test(is_short_and_its_own_when_the_data_folder_is_long),
        cmocka_unit_test(uses_the_runtime_folder_when_it_is_short_enough),
        cmocka_unit_test(every_length_of_a_data_folder_leaves_room_for_each_socket),
        cmocka_unit_test(names_a_socket_for_each_process),
    };

    return cmocka_run_group_tests_name("run_dir", tests, NULL, NULL);
}
