#include "ingest/files/files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/files_place.h"

/* --- by renaming --- */

/* What happens to a file that is rotated, in each order that there is. */
enum step { WRITE_OLD, WRITE_NEW, RENAME, CREATE, LOOK, RESTART, STEPS };

static void
rotate_in_order(struct files_place *place, const char *pattern, const enum step *steps,
                size_t count)
{
    unsigned next = 0;
    int is_renamed = 0;

    files_place_watch(place, pattern);
    files_place_number_lines(place, "app.log", next, next + 99);
    next += 100;
    if (strchr(pattern, '*') == NULL)
        files_place_pump(place);        /* what was never seen cannot be followed */
    for (size_t i = 0; i < count; i++) {
        switch (steps[i]) {
        case WRITE_OLD:         /* the writer has not noticed the renaming yet */
            files_place_number_lines(place, is_renamed ? "app.log.1" : "app.log", next, next + 9);
            next += 10;
            break;
        case WRITE_NEW:
            files_place_number_lines(place, "app.log", next, next + 9);
            next += 10;
            break;
        case RENAME:
            files_place_rename(place, "app.log", "app.log.1");
            is_renamed = 1;
            break;
        case CREATE:
            files_place_append(place, "app.log", "");
            break;
        case LOOK:
            files_place_pump(place);
            break;
        case RESTART:
            files_place_restart(place);
            break;
        default:
            fail();
        }
    }
    files_place_pump(place);
    files_place_pass(place, 10000);
    files_place_assert_numbers(place, 0, next - 1);
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_truncations_total"), 0);
}

static void
reads_a_renamed_file_to_its_end_in_every_order(void **state)
{
    /* between these, at each place, nothing, a look or a restart */
    static const enum step skeleton[] = { WRITE_OLD, RENAME, WRITE_OLD, CREATE, WRITE_OLD,
                                          WRITE_NEW };
    enum { POINTS = 6 };
    unsigned runs = 0;

    files_place_tear_down(state);
    for (unsigned variant = 0; variant < 729; variant += 7) {
        enum step steps[2 * POINTS];
        unsigned rest = variant;
        size_t count = 0;

        for (size_t i = 0; i < POINTS; i++, rest /= 3) {
            steps[count++] = skeleton[i];
            if (rest % 3 != 0)
                steps[count++] = rest % 3 == 1 ? LOOK : RESTART;
        }
        files_place_set_up(state);
        rotate_in_order(*state, runs % 2 ? "app.log" : "app.log*", steps, count);
        files_place_tear_down(state);
        runs++;
    }
    files_place_set_up(state);
}

static void
takes_a_last_line_without_end_once_its_file_was_renamed(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "app.log");
    files_place_append(place, "app.log", "one\ntwo");
    files_place_pass(place, 60000);
    files_place_assert(place, "one\n");                 /* it may be written on */
    files_place_rename(place, "app.log", "app.log.1");
    files_place_pump(place);
    files_place_append(place, "app.log.1", " and a half");
    files_place_pass(place, 4000);
    files_place_assert(place, "one\n");
    files_place_pass(place, 6000);
    files_place_assert(place, "one\ntwo and a half\n");
    files_place_append(place, "app.log.1", " too late\n");
    files_place_pass(place, 10000);
    files_place_assert(place, "one\ntwo and a half\n too late\n");
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_rotations_total"), 1);
}

static void
reads_a_deleted_file_to_its_end(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "app.log");
    files_place_append(place, "app.log", "one\n");
    files_place_pump(place);
    files_place_append(place, "app.log", "two\nthree");
    files_place_unlink(place, "app.log");
    files_place_append(place, "app.log", "new\n");
    files_place_pump(place);
    files_place_pass(place, 10000);
    files_place_pass(place, 100000);                    /* closed and forgotten */
    assert_string_equal(files_place_field(place, "three", "log.file.offset"), "8");
    assert_string_equal(files_place_field(place, "new", "log.file.offset"), "0");
    assert_int_equal(strlen(files_place_lines(place)), strlen("one\ntwo\nthree\nnew\n"));
}

static void
knows_a_chain_of_rotated_names(void **state)
{
    struct files_place *place = *state;
    unsigned next = 0;

    files_place_watch(place, "app.log*");
    for (unsigned round = 0; round < 8; round++) {
        files_place_number_lines(place, "app.log", next, next + 49);
        next += 50;
        if (round % 3 == 1)
            files_place_pump(place);
        if (round > 2)
            files_place_unlink(place, "app.log.3");
        if (round > 1)
            files_place_rename(place, "app.log.2", "app.log.3");
        if (round > 0)
            files_place_rename(place, "app.log.1", "app.log.2");
        files_place_rename(place, "app.log", "app.log.1");
        if (round % 2)
            files_place_restart(place);
        else
            files_place_pump(place);
    }
    files_place_assert_numbers(place, 0, next - 1);
}

static void
does_not_read_a_compressed_file(void **state)
{
    static const char gz[] = "\x1f\x8b\x08\0\0\0\0\0";
    struct files_place *place = *state;
    json_t *status = json_object(), *list;

    files_place_watch(place, "app.log*");
    files_place_append(place, "app.log.2.gz", "anything\n");
    files_place_append_bytes(place, "app.log-20270115", gz, sizeof(gz));
    files_place_pump(place);
    files_place_assert(place, "");
    files_status(place->files, status);
    list = json_object_get(json_object_get(status, "files"), "not_read");
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(json_array_size(json_object_get(status, "warnings")), 0);
    json_decref(status);
}

static void
says_that_a_file_vanished_unread_while_nobody_watched(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "app.log");
    files_place_append(place, "app.log", "one\n");
    files_place_pump(place);
    files_place_append(place, "app.log", "two\n");
    files_place_unlink(place, "app.log");
    files_place_append(place, "other", "takes the inode, perhaps\n");
    files_place_restart(place);
    files_place_assert(place, "one\n");
    assert_int_equal(files_place_number(place, "bongsu_ingest_files_lost_total"), 1);
}

/* --- by truncating --- */

static void
begins_anew_after_a_truncation_to_less(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "app.log");
    files_place_append(place, "app.log", "one\ntwo\nthree\n");
    files_place_pump(place);
    files_place_truncate(place, "app.log");
    files_place_append(place, "app.log", "four\n");
    files_place_pump(place);
    files_place_assert(place, "one\ntwo\nthree\nfour\n");
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_truncations_total"), 1);
}

static void
begins_anew_after_a_truncation_to_the_same_length_or_more(void **state)
{
    static const char *const texts[] = { "one\ntwo\n", "six\nten\n", "cat\ndog\nfox\n" };
    struct files_place *place = *state;

    files_place_watch(place, "app.log");
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            files_place_truncate(place, "app.log");
        files_place_append(place, "app.log", texts[i]);
        if (i == 1)
            files_place_restart(place);
        else
            files_place_pump(place);
    }
    files_place_assert(place, "one\ntwo\nsix\nten\ncat\ndog\nfox\n");
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_truncations_total"), 2);
}

static void
sees_a_truncation_behind_a_beginning_that_stays(void **state)
{
    struct files_place *place = *state;
    char banner[2000];

    memset(banner, '#', sizeof(banner));
    banner[1998] = '\n';
    banner[1999] = '\0';
    files_place_watch(place, "app.log");
    files_place_append(place, "app.log", banner);
    files_place_number_lines(place, "app.log", 0, 9);
    files_place_pump(place);
    files_place_truncate(place, "app.log");
    files_place_append(place, "app.log", banner);
    files_place_number_lines(place, "app.log", 10, 99);
    files_place_pump(place);
    assert_non_null(strstr(files_place_lines(place), "line 000010\n"));
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_truncations_total"), 1);
}

static void
skips_the_hole_before_a_writer_who_kept_its_offset(void **state)
{
    struct files_place *place = *state;
    int fd = open(files_place_path(place, "app.log"), O_WRONLY | O_CREAT, 0600);

    files_place_watch(place, "app.log");
    assert_int_equal(write(fd, "one\ntwo\n", 8), 8);
    files_place_pump(place);
    files_place_truncate(place, "app.log");
    assert_int_equal(write(fd, "three\n", 6), 6);       /* at offset 8 */
    files_place_pump(place);
    close(fd);
    files_place_assert(place, "one\ntwo\nthree\n");
    assert_string_equal(files_place_field(place, "three", "log.file.offset"), "8");
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_hole_bytes_total"), 8);
}

static void
reads_no_line_twice_when_a_copy_is_watched_too(void **state)
{
    struct files_place *place = *state;
    unsigned next = 0;

    files_place_watch(place, "app.log*");
    for (unsigned round = 0; round < 12; round++) {
        char name[32];

        snprintf(name, sizeof(name), "app.log.%u", round);
        files_place_number_lines(place, "app.log", next, next + 149);
        next += 150;
        if (round % 4 != 3)                             /* else the copy alone has them */
            files_place_pump(place);
        files_place_copy(place, "app.log", name);
        if (round % 3 == 0)
            files_place_pump(place);
        if (round % 5 == 2)
            files_place_restart(place);
        files_place_truncate(place, "app.log");
        if (round % 2 == 0)
            files_place_pump(place);
    }
    files_place_pump(place);
    files_place_assert_numbers(place, 0, next - 1);
    assert_true(files_place_number(place, "bongsu_ingest_file_copies_total") >= 8);
}

static void
takes_no_file_for_a_copy_that_only_begins_alike(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "app.log*");
    files_place_append(place, "app.log", "started\none\n");
    files_place_pump(place);
    files_place_append(place, "app.log.errors", "started\n");
    files_place_pump(place);
    files_place_append(place, "app.log.errors", "two\n");
    files_place_pump(place);
    files_place_rename(place, "app.log", "app.log.1");
    files_place_append(place, "app.log", "started\n");
    files_place_pump(place);
    files_place_assert(place, "started\none\nstarted\ntwo\nstarted\n");
}

static void
goes_on_in_a_file_that_was_written_anew_with_the_same_beginning(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "app.log");
    files_place_number_lines(place, "app.log", 0, 199);
    files_place_pump(place);
    files_place_copy(place, "app.log", "moved");        /* as from a backup, or sed -i */
    files_place_number_lines(place, "moved", 200, 299);
    files_place_rename(place, "moved", "app.log");
    files_place_pump(place);
    files_place_number_lines(place, "app.log", 300, 309);
    files_place_restart(place);
    files_place_assert_numbers(place, 0, 309);
}

/* --- all kinds of files --- */

static void
names_what_cannot_be_read_and_goes_on(void **state)
{
    struct files_place *place = *state;
    json_t *status = json_object(), *warnings;

    files_place_watch(place, "*");
    assert_int_equal(mkdir(files_place_path(place, "folder"), 0700), 0);
    assert_int_equal(mkfifo(files_place_path(place, "pipe"), 0600), 0);
    assert_int_equal(symlink("/dev/null", files_place_path(place, "null")), 0);
    assert_int_equal(symlink("loop", files_place_path(place, "loop")), 0);
    files_place_append(place, "real", "one\n");
    assert_int_equal(symlink("real", files_place_path(place, "link")), 0);
    for (int i = 0; i < 3; i++)
        files_place_pump(place);
    files_place_assert(place, "one\n");
    files_status(place->files, status);
    warnings = json_object_get(status, "warnings");
    assert_int_equal(json_array_size(warnings), 4);
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_errors_total"), 4);
    rmdir(files_place_path(place, "folder"));
    files_place_pump(place);
    files_status(place->files, status);
    json_decref(status);
    status = json_object();
    files_status(place->files, status);
    assert_int_equal(json_array_size(json_object_get(status, "warnings")), 3);
    json_decref(status);
}

static void
takes_hostile_names(void **state)
{
    static const char *const names[] = { "a\nb.log", "\xff\xfe.log", "\"q\" x=\"y\".log",
                                         "%s%n.log", "-rf.log", "\x1b[2J.log", "[a].log" };
    struct files_place *place = *state;
    json_t *status = json_object();
    char *text;

    files_place_watch(place, "*.log");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        files_place_number_lines(place, names[i], (unsigned)i, (unsigned)i);
    files_place_pump(place);
    files_place_restart(place);
    files_place_assert_numbers(place, 0, sizeof(names) / sizeof(names[0]) - 1);
    assert_non_null(strstr(files_place_field(place, "line 000001", "log.file.path"),
                           "\\xff\\xfe.log"));
    files_status(place->files, status);
    text = json_dumps(status, 0);
    assert_non_null(text);
    assert_int_equal(json_array_size(json_object_get(json_object_get(status, "files"), "read")),
                     7);
    free(text);
    json_decref(status);
}

static void
reads_more_files_than_it_holds_open(void **state)
{
    enum { MANY = FILES_MAX_OPEN + 100 };
    struct files_place *place = *state;
    char name[32];

    files_place_watch(place, "*.log");
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            snprintf(name, sizeof(name), "%u.log", i);
            files_place_number_lines(place, name, round * MANY + i, round * MANY + i);
        }
        for (int i = 0; i < 5; i++) {
            files_place_pump(place);
            assert_true(*metrics_number(place->metrics, METRIC_GAUGE, "bongsu_ingest_files_open",
                                        "", "") <= FILES_MAX_OPEN);
            files_place_pass(place, 20000);
        }
    }
    assert_true(files_place_number(place, "bongsu_ingest_file_errors_total") > 0);
    files_place_assert_numbers(place, 0, 2 * MANY - 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, files_place_set_up, files_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_a_renamed_file_to_its_end_in_every_order),
        TEST(takes_a_last_line_without_end_once_its_file_was_renamed),
        TEST(reads_a_deleted_file_to_its_end),
        TEST(knows_a_chain_of_rotated_names),
        TEST(does_not_read_a_compressed_file),
        TEST(says_that_a_file_vanished_unread_while_nobody_watched),
        TEST(begins_anew_after_a_truncation_to_less),
        TEST(begins_anew_after_a_truncation_to_the_same_length_or_more),
        TEST(sees_a_truncation_behind_a_beginning_that_stays),
        TEST(skips_the_hole_before_a_writer_who_kept_its_offset),
        TEST(reads_no_line_twice_when_a_copy_is_watched_too),
        TEST(takes_no_file_for_a_copy_that_only_begins_alike),
        TEST(goes_on_in_a_file_that_was_written_anew_with_the_same_beginning),
        TEST(names_what_cannot_be_read_and_goes_on),
        TEST(takes_hostile_names),
        TEST(reads_more_files_than_it_holds_open),
    };

    return cmocka_run_group_tests_name("files_rotate", tests, NULL, NULL);
}
