/*
 * `bongsu up`, as `make run` calls it: it makes a key, starts the five, brings
 * back what dies, stops them in order, and says what is wrong with a port or
 * a folder.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/run/daemon.h"
#include "tests/support/chain.h"
#include "tests/support/free_port.h"
#include "tests/support/instance.h"
#include "tests/support/load.h"

enum { READY_MS = 60000, STOP_MS = 10000, BACK_MS = 10000, PATH_LEN = INSTANCE_PATH_LEN };

#define KEY "API_KEY=a-key-of-the-test-0123456789"

static struct instance one, two;

static int
open_folders(void **state)
{
    (void)state;
    instance_prepare(&one);
    instance_prepare(&two);
    return 0;
}

static int
close_folders(void **state)
{
    (void)state;
    instance_release(&one);
    instance_release(&two);
    return 0;
}

static void
check_none_left(const pid_t pids[PROCESSES], int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    for (int i = 0; i < PROCESSES; i++)
        while (command_is_alive(pids[i])) {
            if (now_ms() > deadline)
                fail_msg("%s is still there", process_names[i]);
            wait_a_little();
        }
}

/* The processes of all five. */
static void
note_children(const struct instance *instance, pid_t pids[PROCESSES])
{
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = instance_child(instance, process_names[i]);
        assert_true(pids[i] > 0);
    }
}

/* --- tests --- */

/* That it takes less than a second is test_supervisor's, which runs alone. */
static void
brings_back_each_that_is_killed(void **state)
{
    (void)state;
    instance_start_and_wait(&one, KEY);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t before = instance_child(&one, process_names[i]), after = before;
        int64_t killed_ms = now_ms();

        assert_true(before > 0);
        assert_int_equal(kill(before, SIGKILL), 0);
        while (after == before || after == 0) {
            if (now_ms() - killed_ms > BACK_MS)
                fail_msg("%s is not back", process_names[i]);
            after = instance_child(&one, process_names[i]);
        }
    }
    instance_wait_well(&one);
    command_expect(one.up, "signal=9", 1000);
}

static void
stops_in_order_and_exits_0(int signo)
{
    pid_t pids[PROCESSES];
    int64_t asked_ms;

    instance_start_and_wait(&one, KEY);
    note_children(&one, pids);
    asked_ms = now_ms();
    command_signal(one.up, signo);
    assert_int_equal(command_wait(one.up, is_slow() ? 3 * STOP_MS : STOP_MS), 0);
    printf("  stopped in %lld ms\n", (long long)(now_ms() - asked_ms));
    check_none_left(pids, 0);
    if (strstr(command_output(one.up), "killed") != NULL)
        fail_msg("one did not end by itself:\n%s", command_output(one.up));
}

static void
sigterm_drains_in_order_and_exits_0(void **state)
{
    const char *at;

    (void)state;
    stops_in_order_and_exits_0(SIGTERM);
    at = command_output(one.up);
    for (int i = 0; i < PROCESSES; i++) {
        char line[64];

        snprintf(line, sizeof(line), "info %s stopped", process_names[i]);
        at = strstr(at, line);
        if (at == NULL)
            fail_msg("%s does not stop in its turn:\n%s", process_names[i],
                     command_output(one.up));
    }
}

static void
sigint_does_the_same(void **state)
{
    (void)state;
    stops_in_order_and_exits_0(SIGINT);
}

static void
two_instances_run_side_by_side(void **state)
{
    (void)state;
    instance_start_and_wait(&one, KEY);
    instance_start_and_wait(&two, NULL);
    instance_check_runs(&one);
    instance_check_runs(&two);
    instance_check_takes_a_line(&two);
    command_signal(one.up, SIGTERM);
    assert_int_equal(command_wait(one.up, 3 * STOP_MS), 0);
    instance_check_runs(&two);
    instance_check_takes_a_line(&two);
}

/* It ends with a code that is not 0, and says these words. */
static void
expect_refusal(struct instance *instance, int code, const char *first, const char *second)
{
    const char *out;
    int found = command_wait(instance->up, READY_MS);

    out = command_output(instance->up);
    if (strstr(out, first) == NULL || strstr(out, second) == NULL)
        fail_msg("not a word of \"%s\" and \"%s\":\n%s", first, second, out);
    if (strstr(out, "starting again") != NULL)
        fail_msg("it says that it goes on:\n%s", out);
    assert_int_equal(found, code);
}

static void
a_taken_port_names_its_flag(void **state)
{
    (void)state;
    instance_start_and_wait(&one, KEY);
    memcpy(two.ingest, one.ingest, sizeof(two.ingest));
    instance_start(&two, KEY);
    expect_refusal(&two, EXIT_TAKEN, "--ingest-listen", one.ingest);
    command_destroy(&two.up);
    snprintf(two.ingest, sizeof(two.ingest), "127.0.0.1:%d", free_port());
    memcpy(two.api, one.api, sizeof(two.api));
    instance_start(&two, KEY);
    expect_refusal(&two, EXIT_TAKEN, "--api-listen", one.api);
    instance_check_runs(&one);
}

static void
what_it_suggests_has_the_key_that_reading_takes(void **state)
{
    char words[128];
    int port = free_port();

    (void)state;
    snprintf(one.api, sizeof(one.api), "0.0.0.0:%d", port);
    instance_start_and_wait(&one, KEY);
    snprintf(words, sizeof(words),
             "curl -s http://127.0.0.1:%d/incidents -H \"X-API-Key: $API_KEY\"\n", port);
    command_expect(one.up, words, 1000);
    instance_start_and_wait(&two, KEY);
    snprintf(words, sizeof(words), "curl -s http://%s/incidents\n", two.api);
    command_expect(two.up, words, 1000);
}

static void
a_data_folder_in_use_is_named(void **state)
{
    (void)state;
    instance_start_and_wait(&one, KEY);
    memcpy(two.data, one.data, sizeof(two.data));
    instance_start(&two, KEY);
    expect_refusal(&two, EXIT_TAKEN, "in use", one.data);
    instance_check_runs(&one);
}

static void
a_data_folder_of_another_owner_is_named(void **state)
{
    (void)state;
    if (getuid() != 0) {
        print_message("[  SKIPPED ] only root can give a folder to another\n");
        skip();
    }
    assert_int_equal(mkdir(one.data, 0755), 0);
    assert_int_equal(chown(one.data, 65534, 65534), 0);
    instance_start(&one, KEY);
    expect_refusal(&one, EXIT_CONFIG, "another user", one.data);
}

static void
sockets_of_a_long_data_folder_are_elsewhere(void **state)
{
    char runtime[PATH_LEN], line[PATH_LEN + 32], sock[PATH_LEN + 64];
    struct stat st;
    size_t len = strlen(one.dir);

    (void)state;
    snprintf(runtime, sizeof(runtime), "%s/rt", one.dir);
    assert_int_equal(mkdir(runtime, 0700), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
    snprintf(one.data, sizeof(one.data), "%s/%0*d/%0*d", one.dir, 99, 0,
             (int)(200 - len - 101), 0);
    assert_int_equal(strlen(one.data), 200);
    instance_start_and_wait(&one, KEY);
    instance_check_runs(&one);
    snprintf(line, sizeof(line), "health=unix:%s/bongsu-", runtime);
    command_expect(one.up, line, 1000);
    snprintf(sock, sizeof(sock), "%s/run", one.data);
    assert_int_not_equal(stat(sock, &st), 0);
    command_signal(one.up, SIGTERM);
    assert_int_equal(command_wait(one.up, 3 * STOP_MS), 0);
    unsetenv("XDG_RUNTIME_DIR");
}

static void
its_own_end_takes_the_children_along(void **state)
{
    pid_t pids[PROCESSES];

    (void)state;
    instance_start_and_wait(&one, KEY);
    note_children(&one, pids);
    command_signal(one.up, SIGKILL);
    assert_int_equal(command_wait(one.up, 5000), 128 + SIGKILL);
    check_none_left(pids, is_slow() ? 3 * STOP_MS : STOP_MS);
}

static void
makes_a_key_that_works_and_keeps_it_to_itself(void **state)
{
    static const char *const files[] = { ".env", "var/bongsu.lock", "var/notifier.db" };
    char key[128], again[128], path[PATH_LEN];
    struct stat st;

    (void)state;
    instance_start_and_wait(&one, NULL);
    instance_key(&one, key, sizeof(key));
    assert_true(strlen(key) >= 32);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", one.dir, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_null(strstr(command_output(one.up), key));
    instance_check_takes_a_line(&one);
    command_signal(one.up, SIGTERM);
    assert_int_equal(command_wait(one.up, 3 * STOP_MS), 0);
    command_destroy(&one.up);
    instance_start_and_wait(&one, NULL);
    instance_key(&one, again, sizeof(again));
    assert_string_equal(key, again);
}

static void
a_value_of_the_example_counts_as_unset_and_is_named(void **state)
{
    char key[128];

    (void)state;
    instance_write(&one, ".env", "API_KEY=change-me\n"
                             "SLACK_WEBHOOK_URL=https://hooks.slack.com/services/CHANGE/ME\n");
    instance_start_and_wait(&one, NULL);
    instance_key(&one, key, sizeof(key));
    assert_string_not_equal(key, "change-me");
    assert_true(strlen(key) >= 32);
    instance_check_takes_a_line(&one);
    command_expect(one.up, "SLACK_WEBHOOK_URL", 1000);
    command_expect(one.up, "still as in .env.example", 1000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_folders, close_folders)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(brings_back_each_that_is_killed),
        TEST(sigterm_drains_in_order_and_exits_0),
        TEST(sigint_does_the_same),
        TEST(two_instances_run_side_by_side),
        TEST(a_taken_port_names_its_flag),
        TEST(what_it_suggests_has_the_key_that_reading_takes),
        TEST(a_data_folder_in_use_is_named),
        TEST(a_data_folder_of_another_owner_is_named),
        TEST(sockets_of_a_long_data_folder_are_elsewhere),
        TEST(its_own_end_takes_the_children_along),
        TEST(makes_a_key_that_works_and_keeps_it_to_itself),
        TEST(a_value_of_the_example_counts_as_unset_and_is_named),
    };

    return cmocka_run_group_tests_name("up", tests, NULL, NULL);
}
