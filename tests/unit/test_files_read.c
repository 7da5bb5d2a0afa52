#include "ingest/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/files_place.h"

/* --- where reading starts --- */

static void
begins_at_the_end_of_what_is_there_first(void **state)
{
    struct files_place *place = *state;

    files_place_append(place, "a.log", "old 1\nold 2\n");
    files_place_watch(place, "*.log");
    files_place_assert(place, "");
    files_place_append(place, "a.log", "new 1\n");
    files_place_append(place, "b.log", "late 1\n");     /* comes later: from its start */
    files_place_pump(place);
    files_place_assert(place, "new 1\nlate 1\n");
}

static void
begins_before_a_first_line_that_is_half_written(void **state)
{
    struct files_place *place = *state;

    files_place_append(place, "a.log", "old 1\nhal");
    files_place_watch(place, "*.log");
    files_place_append(place, "a.log", "f of it\n");
    files_place_pump(place);
    files_place_assert(place, "half of it\n");
}

static void
begins_at_the_start_when_told_so(void **state)
{
    struct files_place *place = *state;

    place->from_start = 1;
    files_place_append(place, "a.log", "old 1\r\n\n   \nold 2\n");
    files_place_watch(place, "*.log");
    files_place_assert(place, "old 1\nold 2\n");
}

static void
takes_only_a_new_pattern_for_a_first_look(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "a.log");                  /* nothing is there yet */
    files_place_append(place, "a.log", "a 1\n");
    files_place_append(place, "b.log", "b old\n");
    files_place_watch(place, "b.log");                  /* with a restart */
    files_place_append(place, "b.log", "b new\n");
    files_place_pump(place);
    files_place_assert(place, "a 1\nb new\n");
}

/* --- lines --- */

static void
says_where_a_line_stood(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    files_place_append(place, "a.log", "first\nsecond\n");
    files_place_pump(place);
    assert_string_equal(files_place_field(place, "second", "log.file.offset"), "6");
    assert_string_equal(files_place_field(place, "second", "log.file.path"),
                        files_place_path(place, "a.log"));
    assert_string_equal(files_place_field(place, "second", "received_from"), "file");
    assert_string_equal(files_place_field(place, "second", "log.flags"), "");
}

static void
waits_for_the_end_of_a_line_however_long(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    files_place_append(place, "a.log", "one\ntw");
    files_place_pass(place, 3600000);
    files_place_assert(place, "one\n");
    files_place_restart(place);
    files_place_pass(place, 3600000);
    files_place_append(place, "a.log", "o\n");
    files_place_pump(place);
    files_place_assert(place, "one\ntwo\n");
}

static void
cuts_a_huge_line_into_flagged_pieces(void **state)
{
    struct files_place *place = *state;
    const size_t len = 3 * FILES_LINE_BYTES + 1000;
    struct buf line = { 0 };
    const char *found;
    size_t joined = 0;

    files_place_watch(place, "*.log");
    while (line.len + 3 <= len)
        buf_append_str(&line, "\xeb\xb4\x89");          /* a character of three bytes */
    buf_append_str(&line, "\nnext\n");
    files_place_append_bytes(place, "a.log", line.ptr, line.len);
    files_place_pump(place);
    for (found = files_place_lines(place); strncmp(found, "next", 4) != 0;) {
        size_t piece = strcspn(found, "\n");

        assert_true(piece <= FILES_LINE_BYTES && piece > 0 && piece % 3 == 0);
        assert_memory_equal(found, line.ptr + joined, piece);
        joined += piece;
        found += piece + 1;
    }
    assert_int_equal(joined, line.len - 6);
    assert_string_equal(files_place_field(place, "next", "log.flags"), "");
    assert_true(files_place_number(place, "bongsu_ingest_file_lines_split_total") >= 4);
    buf_release(&line);
}

static void
cuts_a_line_that_escapes_make_too_large(void **state)
{
    struct files_place *place = *state;
    char *line = malloc(200001);
    size_t escaped = 0;

    files_place_watch(place, "*.log");
    memset(line, 0xff, 200000);
    line[200000] = '\n';
    files_place_append_bytes(place, "a.log", line, 200001);
    files_place_append(place, "a.log", "next\n");
    files_place_pump(place);
    for (const char *at = files_place_lines(place); *at != '\0'; at++)
        escaped += at[0] == '\\' && at[1] == 'x';
    assert_true(escaped % 200000 == 0 && escaped > 0);
    assert_non_null(strstr(files_place_lines(place), "next\n"));
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_lines_refused_total"), 0);
    free(line);
}

static void
keeps_hostile_bytes_readable(void **state)
{
    static const char line[] = "nul\0and \x1b[31m\xff end\n";
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    files_place_append_bytes(place, "a.log", line, sizeof(line) - 1);
    files_place_pump(place);
    assert_non_null(strstr(files_place_lines(place), "nul\\x00and "));
    assert_non_null(strstr(files_place_lines(place), "\\xff end\n"));
}

static void
keeps_a_line_of_next_year_as_it_is(void **state)
{
    static const char line[] =
        "2037-05-01T00:00:00Z web1 sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2";
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    files_place_append(place, "a.log", line);
    files_place_append(place, "a.log", "\n");
    files_place_pump(place);
    assert_string_equal(files_place_field(place, line, "event_type"), "log");
    assert_string_equal(files_place_field(place, line, "log.flags"), "plain");
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_lines_plain_total"), 1);
}

/* --- exactly once --- */

static void
goes_on_behind_the_last_line_after_each_restart(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    for (unsigned i = 0; i < 20; i++) {
        files_place_number_lines(place, "a.log", i * 10, i * 10 + 9);
        if (i % 3 != 0)
            files_place_pump(place);
        files_place_restart(place);
    }
    files_place_assert_numbers(place, 0, 199);
}

static void
reads_again_what_a_failed_commit_took_back(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    for (unsigned i = 0; i < 20; i++) {
        files_place_number_lines(place, "a.log", i * 10, i * 10 + 9);
        place->next_commit = JOURNAL_RETRY;
        assert_int_equal(files_place_pump(place), FILES_WAIT);
        assert_int_equal(files_place_pump(place), FILES_IDLE);
    }
    files_place_assert_numbers(place, 0, 199);
    assert_int_equal(files_place_number(place, "bongsu_ingest_file_commits_failed_total"), 20);
}

static void
ends_when_a_commit_is_unclear(void **state)
{
    struct files_place *place = *state;

    files_place_watch(place, "*.log");
    files_place_append(place, "a.log", "one\n");
    place->next_commit = JOURNAL_UNCLEAR;
    assert_int_equal(files_place_pump(place), FILES_BROKEN);
}

static void
carries_the_places_to_each_new_file_of_the_journal(void **state)
{
    struct files_place *place = *state;

    place->segment_bytes = 64 * 1024;
    files_place_watch(place, "*.log");
    files_place_number_lines(place, "idle.log", 15000, 15099);
    files_place_pump(place);
    for (unsigned i = 0; i < 30; i++) {
        files_place_number_lines(place, i % 2 ? "a.log" : "b.log", i * 500, i * 500 + 499);
        files_place_pump(place);
        if (i % 4 == 0)
            files_place_restart(place);
    }
    assert_true(journal_space(place->journal).segments > 5);
    files_place_number_lines(place, "idle.log", 15100, 15199);
    files_place_restart(place);
    files_place_assert_numbers(place, 0, 15199);
}

static void
fills_a_blank_journal_file_with_the_places(void **state)
{
    struct files_place *place = *state;
    char blank[128];
    int fd;

    files_place_watch(place, "*.log");
    files_place_number_lines(place, "a.log", 0, 99);
    files_place_pump(place);
    files_destroy(&place->files);
    intake_destroy(&place->intake);
    journal_close(&place->journal);
    snprintf(blank, sizeof(blank), "%s/0000000002.db", place->journal_dir);
    fd = open(blank, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    files_place_number_lines(place, "a.log", 100, 199);
    files_place_restart(place);
    files_place_assert_numbers(place, 0, 199);
}

static void
waits_while_the_journal_is_full_and_goes_on_by_itself(void **state)
{
    struct files_place *place = *state;
    enum files_outcome outcome = FILES_IDLE;
    unsigned last = 0;

    place->max_bytes = 2 * 1024 * 1024;
    files_place_watch(place, "*.log");
    while (outcome == FILES_IDLE && last < 200000) {
        files_place_number_lines(place, "a.log", last, last + 999);
        last += 1000;
        outcome = files_place_pump(place);
    }
    assert_int_equal(outcome, FILES_WAIT);
    assert_true(files_place_number(place, "bongsu_ingest_file_waits_total") > 0);
    files_place_number_lines(place, "a.log", last, last + 999);
    assert_int_equal(files_place_pump(place), FILES_WAIT);
    place->max_bytes = 1 << 30;
    files_place_restart(place);                         /* there is room now */
    files_place_assert_numbers(place, 0, last + 999);
}

static void
wants_absolute_patterns(void **state)
{
    struct err err;

    assert_int_equal(files_check_patterns("/var/log/*.log, /b ,,", &err), 0);
    assert_int_equal(files_check_patterns("/a,var/log/*.log", &err), -1);
    assert_string_equal(err.text, "\"var/log/*.log\" is no absolute path");
}

static void
is_fair_between_files(void **state)
{
    struct files_place *place = *state;
    char *bytes = malloc(8 << 20);

    for (size_t i = 0; i < 8 << 20; i++)
        bytes[i] = i % 100 == 99 ? '\n' : 'x';
    files_place_watch(place, "*.log");
    files_place_append_bytes(place, "a.log", bytes, 8 << 20);
    files_place_append(place, "b.log", "small\n");
    files_set_time(place->files, place->now_us, ++place->now_ms);
    files_scan(place->files);
    for (int i = 0; i < 2; i++)
        assert_int_equal(files_turn(place->files), FILES_MORE);
    assert_non_null(strstr(files_place_lines(place), "small\n"));
    free(bytes);
}

static void
is_told_of_changes_by_the_kernel(void **state)
{
    struct files_place *place = *state;
    struct pollfd poll_fd = { .events = POLLIN };

    files_place_append(place, "a.log", "old\n");
    files_place_watch(place, "*.log");
    files_take_notices(place->files);
    poll_fd.fd = files_notice_fd(place->files);
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    files_place_append(place, "a.log", "new\n");
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    files_take_notices(place->files);
    assert_int_equal(files_turn(place->files), FILES_IDLE);     /* without a scan */
    files_place_assert(place, "new\n");
    files_place_append(place, "b.log", "another\n");
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    assert_int_equal(files_take_notices(place->files), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, files_place_set_up, files_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begins_at_the_end_of_what_is_there_first),
        TEST(begins_before_a_first_line_that_is_half_written),
        TEST(begins_at_the_start_when_told_so),
        TEST(takes_only_a_new_pattern_for_a_first_look),
        TEST(says_where_a_line_stood),
        TEST(waits_for_the_end_of_a_line_however_long),
        TEST(cuts_a_huge_line_into_flagged_pieces),
        TEST(cuts_a_line_that_escapes_make_too_large),
        TEST(keeps_hostile_bytes_readable),
        TEST(keeps_a_line_of_next_year_as_it_is),
        TEST(goes_on_behind_the_last_line_after_each_restart),
        TEST(reads_again_what_a_failed_commit_took_back),
        TEST(ends_when_a_commit_is_unclear),
        TEST(carries_the_places_to_each_new_file_of_the_journal),
        TEST(fills_a_blank_journal_file_with_the_places),
        TEST(waits_while_the_journal_is_full_and_goes_on_by_itself),
        TEST(wants_absolute_patterns),
        TEST(is_fair_between_files),
        TEST(is_told_of_changes_by_the_kernel),
    };

    return cmocka_run_group_tests_name("files_read", tests, NULL, NULL);
}
