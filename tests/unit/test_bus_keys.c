#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "proto/run/bus_keys.h"
#include "tests/support/temp_dir.h"

enum { MAKERS = 8, STRANGER = 65534 };

struct place {
    char dir[128];
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

static int
close_place(void **state)
{
    struct place *place = *state;

    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

static void
make(struct place *place)
{
    assert_int_equal(bus_keys_make(place->dir, &place->err), 1);
}

static const char *
path_of(const struct place *place, const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    return path;
}

static void
put(const struct place *place, const char *name, const char *content, mode_t mode)
{
    FILE *file;

    unlink(path_of(place, name));
    file = fopen(path_of(place, name), "we");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(path_of(place, name), mode), 0);
}

static int
load(struct place *place, const char *role)
{
    char public_key[BUS_KEY_SIZE], secret_key[BUS_KEY_SIZE];

    return bus_keys_load(place->dir, role, public_key, secret_key, &place->err);
}

static void
expect_reason(const struct place *place, const char *part)
{
    if (strstr(place->err.text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, place->err.text);
}

static mode_t
mode_of(const struct place *place, const char *name)
{
    struct stat st;

    assert_int_equal(stat(path_of(place, name), &st), 0);
    return st.st_mode & 07777;
}

static void
each_role_has_a_pair_that_is_allowed_and_its_own_alone(void **state)
{
    struct place *place = *state;
    struct bus_allowed allowed;
    char seen[BUS_ROLES][BUS_KEY_SIZE], secret_key[BUS_KEY_SIZE], name[64];
    unsigned char raw[BUS_KEY_BYTES];

    make(place);
    assert_int_equal(bus_allowed_read(&allowed, place->dir, &place->err), 0);
    assert_int_equal(allowed.count, BUS_ROLES);
    for (size_t i = 0; i < BUS_ROLES; i++) {
        assert_int_equal(bus_keys_load(place->dir, bus_roles[i], seen[i], secret_key,
                                       &place->err), 0);
        zmq_z85_decode(raw, seen[i]);
        assert_true(bus_allowed_has(&allowed, raw, sizeof(raw)));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(seen[k], seen[i]);
        snprintf(name, sizeof(name), "%s.key_secret", bus_roles[i]);
        assert_int_equal(mode_of(place, name), 0600);
    }
    assert_false(bus_allowed_has(&allowed, raw, sizeof(raw) - 1));
    raw[0] ^= 1;
    assert_false(bus_allowed_has(&allowed, raw, sizeof(raw)));
}

static void
keys_that_are_there_are_not_made_again(void **state)
{
    char first[BUS_KEY_SIZE], second[BUS_KEY_SIZE];
    struct place *place = *state;

    make(place);
    assert_int_equal(bus_keys_load_public(place->dir, "ingest", first, &place->err), 0);
    assert_int_equal(bus_keys_make(place->dir, &place->err), 0);
    assert_int_equal(bus_keys_load_public(place->dir, "ingest", second, &place->err), 0);
    assert_string_equal(first, second);
}

/* As when all containers of one volume start at once: each process's first look. */
static void
makers_that_race_make_one_set(void **state)
{
    struct place *place = *state;
    int made = 0;

    for (int i = 0; i < MAKERS; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            _exit(bus_keys_make(place->dir, &place->err) == -1 ||
                          load(place, bus_roles[i % BUS_ROLES]) != 0 ? 1 : 0);
    }
    for (int i = 0; i < MAKERS; i++) {
        int status;

        assert_true(wait(&status) > 0);
        made += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    assert_int_equal(made, MAKERS);
}

/* What a maker leaves that dies half-way: secrets, and allowed under another name. */
static void
half_made_keys_are_made_anew(void **state)
{
    struct place *place = *state;

    assert_int_equal(mkdir(path_of(place, "allowed.new"), 0700), 0);
    put(place, "ingest.key_secret", "half", 0600);
    put(place, "allowed.new/ingest.pub", "", 0600);
    assert_false(bus_keys_exist(place->dir));
    make(place);
    for (size_t i = 0; i < BUS_ROLES; i++)
        assert_int_equal(load(place, bus_roles[i]), 0);
    assert_int_equal(access(path_of(place, "allowed.new"), F_OK), -1);
}

/* A host that was given its secret and not the public keys must not make others. */
static void
secret_keys_without_allowed_are_not_overwritten(void **state)
{
    struct place *place = *state;

    put(place, "indexer.key_secret", "mine", 0600);
    assert_int_equal(bus_keys_make(place->dir, &place->err), -1);
    expect_reason(place, "/allowed is missing, but indexer.key_secret is there");
    assert_false(bus_keys_exist(place->dir));
}

static void
one_secret_and_the_public_keys_are_enough(void **state)
{
    struct place *place = *state;

    make(place);
    for (size_t i = 1; i < BUS_ROLES; i++) {
        char name[64];

        snprintf(name, sizeof(name), "%s.key_secret", bus_roles[i]);
        assert_int_equal(unlink(path_of(place, name)), 0);
    }
    assert_int_equal(bus_keys_make(place->dir, &place->err), 0);
    assert_int_equal(load(place, bus_roles[0]), 0);
}

static void
a_wrong_file_is_named_with_what_is_wrong(void **state)
{
    static const struct { const char *name, *content; mode_t mode; const char *reason; } cases[] = {
        { "ingest.key_secret", NULL, 0, "/ingest.key_secret: No such file" },
        { "allowed/ingest.pub", NULL, 0, "/allowed/ingest.pub: No such file" },
        { "ingest.key_secret", "", 0600, "/ingest.key_secret: is no key" },
        { "ingest.key_secret", "0123456789012345678901234567890123456789", 0640,
          "/ingest.key_secret: mode 0640 lets other users read it" },
        { "ingest.key_secret", "0123456789012345678901234567890123456789", 0604,
          "/ingest.key_secret: mode 0604 lets other users read it" },
        { "ingest.key_secret", "012345678901234567890123456789012345678", 0600, "is no key" },
        { "ingest.key_secret", "01234567890123456789012345678901234567890", 0600, "is no key" },
        { "ingest.key_secret", "012345678901234567890123456789012345678 ", 0600, "is no key" },
        { "ingest.key_secret", "0123456789012345678901234567890123456\"\\~", 0600, "is no key" },
        { "ingest.key_secret", "#####01234567890123456789012345678901234", 0600, "is no key" },
        { "ingest.key_secret", "0123456789012345678901234567890123456789", 0600,
          "/ingest.key_secret: is not the pair of allowed/ingest.pub" },
        { "allowed/ingest.pub", "0123456789012345678901234567890123456789", 0620,
          "/allowed/ingest.pub: mode 0620 lets other users change it" },
        { "allowed/ingest.pub", "\xff\xfe", 0600, "/allowed/ingest.pub: is no key" },
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        temp_dir_remove(place->dir);
        make(place);
        unlink(path_of(place, cases[i].name));
        if (cases[i].content != NULL)
            put(place, cases[i].name, cases[i].content, cases[i].mode);
        assert_int_equal(load(place, "ingest"), -1);
        expect_reason(place, cases[i].reason);
    }
}

static void
a_file_that_is_long_or_no_file_is_refused(void **state)
{
    struct place *place = *state;
    char content[1000];

    make(place);
    memset(content, ' ', sizeof(content) - 1);
    content[sizeof(content) - 1] = '\0';
    put(place, "ingest.key_secret", content, 0600);
    assert_int_equal(load(place, "ingest"), -1);
    expect_reason(place, "is no key");
    unlink(path_of(place, "ingest.key_secret"));
    assert_int_equal(mkfifo(path_of(place, "ingest.key_secret"), 0600), 0);
    assert_int_equal(load(place, "ingest"), -1);
    expect_reason(place, "is no file");
    unlink(path_of(place, "ingest.key_secret"));
    assert_int_equal(mkdir(path_of(place, "ingest.key_secret"), 0700), 0);
    assert_int_equal(load(place, "ingest"), -1);
    expect_reason(place, "/ingest.key_secret: ");
}

/* Who can add a file there lets himself in. */
static void
a_folder_that_others_can_change_is_refused(void **state)
{
    static const char *const folders[] = { "", "allowed" };
    struct place *place = *state;
    struct bus_allowed allowed;

    make(place);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(chmod(path_of(place, folders[i]), 0770), 0);
        assert_int_equal(load(place, "ingest"), -1);
        expect_reason(place, "mode 0770 lets other users change it");
        assert_int_equal(bus_allowed_read(&allowed, place->dir, &place->err), -1);
        assert_int_equal(allowed.count, 0);
        assert_int_equal(chmod(path_of(place, folders[i]), 0700), 0);
    }
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(path_of(place, "ingest.key_secret"), STRANGER, STRANGER), 0);
    assert_int_equal(load(place, "ingest"), -1);
    expect_reason(place, "belongs to another user");
}

static void
a_file_of_the_allowed_that_is_no_key_is_named_and_the_others_count(void **state)
{
    struct place *place = *state;
    struct bus_allowed allowed;

    make(place);
    put(place, "allowed/guest.pub", "nonsense", 0600);
    put(place, "allowed/README", "no key either, and not looked at", 0600);
    put(place, "allowed/.hidden.pub", "nor this", 0600);
    assert_int_equal(bus_allowed_read(&allowed, place->dir, &place->err), -1);
    expect_reason(place, "/allowed/guest.pub: is no key");
    assert_int_equal(allowed.count, BUS_ROLES);
}

static void
more_keys_than_there_is_room_for_are_refused(void **state)
{
    struct place *place = *state;
    struct bus_allowed allowed;
    char name[64];

    make(place);
    for (int i = 0; i < BUS_MAX_ALLOWED; i++) {
        snprintf(name, sizeof(name), "allowed/guest-%d.pub", i);
        put(place, name, "0123456789012345678901234567890123456789", 0600);
    }
    assert_int_equal(bus_allowed_read(&allowed, place->dir, &place->err), -1);
    expect_reason(place, "more than 256 keys");
    assert_int_equal(allowed.count, BUS_MAX_ALLOWED);
}

static void
a_folder_that_cannot_be_made_is_named(void **state)
{
    struct place *place = *state;
    char below[256];

    put(place, "file", "", 0600);
    snprintf(below, sizeof(below), "%s/file/keys", place->dir);
    assert_int_equal(bus_keys_make(below, &place->err), -1);
    expect_reason(place, below);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_role_has_a_pair_that_is_allowed_and_its_own_alone),
        TEST(keys_that_are_there_are_not_made_again),
        TEST(makers_that_race_make_one_set),
        TEST(half_made_keys_are_made_anew),
        TEST(secret_keys_without_allowed_are_not_overwritten),
        TEST(one_secret_and_the_public_keys_are_enough),
        TEST(a_wrong_file_is_named_with_what_is_wrong),
        TEST(a_file_that_is_long_or_no_file_is_refused),
        TEST(a_folder_that_others_can_change_is_refused),
        TEST(a_file_of_the_allowed_that_is_no_key_is_named_and_the_others_count),
        TEST(more_keys_than_there_is_room_for_are_refused),
        TEST(a_folder_that_cannot_be_made_is_named),
    };

    return cmocka_run_group_tests_name("bus_keys", tests, NULL, NULL);
}
