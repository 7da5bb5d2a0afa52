/*
 * Files that were deleted, or put back from an older copy, while the others
 * went on: what is answered 2xx afterwards is stored and judged all the same,
 * nothing waits for ever, and nobody asks for ever for what is gone.
 */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/temp_dir.h"

enum { DEADLINE_MS = 60000 };

static struct chain *chain;

static int
start(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    chain_set(chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "64KiB");
    chain_start_all(chain);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_destroy(&chain);
    return 0;
}

static void
path_of(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s", chain_dir(chain), name);
}

/* --- files --- */

static void
delete_files(const char *pattern)
{
    char path[512];
    glob_t found;

    path_of(path, pattern);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        assert_int_equal(unlink(found.gl_pathv[i]), 0);
    globfree(&found);
}

static void
copy_file(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    size_t len;

    assert_non_null(in);
    assert_non_null(out);
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* All files of a folder into another, which is emptied first. */
static void
copy_folder(const char *from_name, const char *to_name)
{
    char from[512], to[512], pattern[520], target[1100];
    glob_t found;

    path_of(from, from_name);
    path_of(to, to_name);
    temp_dir_remove(to);
    assert_int_equal(mkdir(to, 0700), 0);
    snprintf(pattern, sizeof(pattern), "%s/*", from);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(target, sizeof(target), "%s/%s", to, strrchr(found.gl_pathv[i], '/') + 1);
        copy_file(found.gl_pathv[i], target);
    }
    globfree(&found);
}

/* --- events --- */

/* Five failed logins from this address: an incident. And a note of some length. */
static void
attack_from(int address)
{
    static char body[8192];
    int len = 0;

    for (int i = 0; i < 5; i++)
        len += snprintf(body + len, sizeof(body) - (size_t)len,
                        "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.%d\"}\n",
                        address);
    len += snprintf(body + len, sizeof(body) - (size_t)len,
                    "{\"event_type\":\"note\",\"description\":\"%06000d\"}\n", address);
    assert_int_equal(chain_post(chain, "/logs", "application/x-ndjson", body, (size_t)len, NULL),
                     202);
}

static void
attack_from_all(int first, int count)
{
    for (int i = 0; i < count; i++)
        attack_from(first + i);
}

static size_t
count_incidents_of(int address)
{
    json_t *list = chain_all_incidents(chain), *inc;
    char expected[32];
    size_t i, count = 0;

    snprintf(expected, sizeof(expected), "203.0.113.%d", address);
    json_array_foreach(list, i, inc) {
        const char *name;
        json_t *value;

        json_object_foreach(json_object_get(inc, "key"), name, value)
            count += strcmp(json_string_value(value), expected) == 0;
    }
    json_decref(list);
    return count;
}

static void
wait_incidents_of(int first, int count)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    for (int i = first; i < first + count; i++)
        while (count_incidents_of(i) == 0) {
            if (now_ms() > deadline)
                fail_msg("no incident of 203.0.113.%d", i);
            wait_a_little();
        }
}

static size_t
count_events(void)
{
    json_t *events = chain_all_events(chain);
    size_t count = json_array_size(events);

    json_decref(events);
    return count;
}

/* For three seconds nobody asks again for what is gone. */
static void
assert_calm(void)
{
    double gaps = chain_metric(chain, DETECTOR, "bongsu_detector_gaps_total");

    pass_ms(3000);
    assert_in_range((int)(chain_metric(chain, DETECTOR, "bongsu_detector_gaps_total") - gaps), 0, 1);
}

/* --- the cases --- */

static void
a_deleted_state_begins_again_with_what_the_journal_holds(void **state)
{
    (void)state;
    attack_from_all(1, 60);
    chain_wait_delivered(chain, DEADLINE_MS);
    chain_kill(chain, DETECTOR);
    delete_files("detector-0.db*");
    chain_start(chain, DETECTOR, NULL);
    chain_wait_ready(chain, DEADLINE_MS);
    attack_from_all(101, 5);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(101, 5);
    assert_int_equal(count_events(), 65 * 6);
    assert_calm();
}

static void
a_deleted_journal_begins_a_new_one_for_the_same_state(void **state)
{
    (void)state;
    attack_from_all(1, 20);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(1, 20);
    chain_kill(chain, INGEST);
    delete_files("journal/*");
    chain_start(chain, INGEST, NULL);
    chain_wait_ready(chain, DEADLINE_MS);
    attack_from_all(101, 5);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(101, 5);
    assert_int_equal(count_events(), 25 * 6);
    assert_calm();
}

static void
a_journal_put_back_to_an_older_copy_goes_on_and_waits_for_nobody(void **state)
{
    (void)state;
    attack_from_all(1, 20);
    chain_stop(chain, INGEST);
    copy_folder("journal", "kept");         /* not all of it acknowledged, perhaps */
    chain_start(chain, INGEST, NULL);
    chain_wait_ready(chain, DEADLINE_MS);
    attack_from_all(51, 20);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(51, 20);
    chain_kill(chain, INGEST);
    copy_folder("kept", "journal");
    chain_start(chain, INGEST, NULL);
    chain_wait_ready(chain, DEADLINE_MS);
    chain_wait_delivered(chain, DEADLINE_MS);                      /* before anything new has come */
    attack_from_all(101, 5);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(101, 5);
    assert_int_equal(count_events(), 45 * 6);
    assert_calm();
}

/* One file of the middle is lost while nobody has read it. */
static void
a_hole_in_the_journal_costs_only_what_was_in_it(void **state)
{
    char path[512];
    glob_t found;

    (void)state;
    chain_signal(chain, DETECTOR, SIGSTOP);
    attack_from_all(1, 60);
    chain_stop(chain, INGEST);
    path_of(path, "journal/*.db");
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 4);
    assert_int_equal(unlink(found.gl_pathv[found.gl_pathc / 2]), 0);
    globfree(&found);
    chain_start(chain, INGEST, NULL);
    chain_signal(chain, DETECTOR, SIGCONT);
    chain_wait_ready(chain, DEADLINE_MS);
    attack_from_all(101, 5);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(101, 5);
    assert_true(chain_metric(chain, DETECTOR, "bongsu_detector_rows_lost_total") >= 1);
    assert_calm();
}

/* The state is as it was an hour ago; the store is not. */
static void
a_state_put_back_to_an_older_copy_goes_on_telling_of_its_incidents(void **state)
{
    char from[512], to[512];
    json_t *list;

    (void)state;
    attack_from(1);
    chain_wait_delivered(chain, DEADLINE_MS);
    wait_incidents_of(1, 1);
    chain_stop(chain, DETECTOR);
    copy_folder(".", "kept");
    chain_start(chain, DETECTOR, NULL);
    for (int i = 0; i < 5; i++) {
        attack_from(1);
        chain_wait_delivered(chain, DEADLINE_MS);
    }
    chain_stop(chain, DETECTOR);
    delete_files("detector-0.db*");
    path_of(from, "kept/detector-0.db");
    path_of(to, "detector-0.db");
    copy_file(from, to);
    chain_start(chain, DETECTOR, NULL);
    chain_wait_ready(chain, DEADLINE_MS);
    attack_from(1);
    chain_wait_delivered(chain, DEADLINE_MS);
    for (int64_t deadline = now_ms() + DEADLINE_MS;;) {
        list = chain_all_incidents(chain);
        if (json_integer_value(json_object_get(json_array_get(list, 0), "count")) == 35)
            break;
        if (now_ms() > deadline)
            fail_msg("the incident has a count of %d, not 35",
                     (int)json_integer_value(json_object_get(json_array_get(list, 0), "count")));
        json_decref(list);
        wait_a_little();
    }
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_deleted_state_begins_again_with_what_the_journal_holds),
        TEST(a_deleted_journal_begins_a_new_one_for_the_same_state),
        TEST(a_journal_put_back_to_an_older_copy_goes_on_and_waits_for_nobody),
        TEST(a_hole_in_the_journal_costs_only_what_was_in_it),
        TEST(a_state_put_back_to_an_older_copy_goes_on_telling_of_its_incidents),
    };

    return cmocka_run_group_tests_name("restored", tests, NULL, NULL);
}
