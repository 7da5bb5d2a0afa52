/*
 * The clients that people have, against ingest: the official ones for Python and
 * JavaScript, OpenTelemetry's, curl and rsyslog. Skipped where scripts/setup wire fetched none.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/temp_dir.h"

enum { SKIPPED = 77, CLIENT_MS = 180000, STORED_MS = 60000 };

static struct chain *chain;
static char folder[64];

/* Start tests/wire/clients for it; it dies with the test. */
static pid_t
start(const char *client)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("tests/wire/clients", "clients", client, chain_ingest_url(chain),
              chain_key(chain), folder, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void
run(const char *client)
{
    int64_t deadline = now_ms() + CLIENT_MS;
    pid_t pid = start(client);
    int status = 0;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() > deadline) {
            kill(pid, SIGKILL);
            fail_msg("%s did not end", client);
        }
        wait_a_little();
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s was not content (status %d)", client, status);
}

struct tally {
    const char *type;
    int count;
};

static void
count_event(void *ctx, const json_t *event)
{
    struct tally *tally = ctx;
    const char *type = json_string_value(json_object_get(event, "event_type"));

    tally->count += type != NULL && strcmp(type, tally->type) == 0;
}

static void
are_stored(const char *type, int count)
{
    struct tally tally = { .type = type };

    chain_each_event(chain, count_event, &tally);
    if (tally.count != count)
        fail_msg("%d of %s are stored, and not %d", tally.count, type, count);
}

static void
pythons_helpers_are_content_and_all_is_stored(void **state)
{
    (void)state;
    run("python");
    chain_wait_delivered(chain, STORED_MS);
    are_stored("py_bulk_api_key_text", 10);
    are_stored("py_bulk_basic", 10);
    are_stored("py_gzip", 2500);
    are_stored("py_streaming", 300);
    are_stored("py_parallel", 300);
    are_stored("py_once", 5);
    are_stored("py_single", 2);
    are_stored("py_mixed", 4);              /* two calls of two good ones */
    are_stored("py_never", 0);
}

static void
opentelemetrys_sdk_is_content_and_its_lines_are_decoded(void **state)
{
    (void)state;
    run("otel");
    chain_wait_delivered(chain, STORED_MS);
    are_stored("login_failed", 2000);
}

static void
javascripts_helpers_are_content_and_all_is_stored(void **state)
{
    (void)state;
    run("javascript");
    chain_wait_delivered(chain, STORED_MS);
    are_stored("js_api_key", 10);
    are_stored("js_basic", 10);
    are_stored("js_header", 10);
    are_stored("js_gzip", 2500);
    are_stored("js_once", 1);
}

static void
curl_asks_before_it_sends_much(void **state)
{
    (void)state;
    run("curl");
    chain_wait_delivered(chain, STORED_MS);
    are_stored("curl_large", 9000);
}

static void
rsyslog_ships_a_file_whose_lines_are_decoded(void **state)
{
    char path[128];
    pid_t pid;
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s/in.log", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 100; i++)
        fprintf(file, "Failed password for rsys%d from 203.0.113.80 port 22 ssh2\n", i);
    fclose(file);
    pid = start("rsyslog");
    chain_wait_metric(chain, INGEST, "bongsu_ingest_bulk_actions_total", 100, CLIENT_MS);
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    chain_wait_delivered(chain, STORED_MS);
    are_stored("login_failed", 100);
}

static int
open_chain(void **state)
{
    (void)state;
    temp_dir_make(NULL, folder, sizeof(folder));
    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    chain_check_balance(chain);
    chain_stop_all(chain);
    chain_destroy(&chain);
    temp_dir_remove(folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_chain, close_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pythons_helpers_are_content_and_all_is_stored),
        TEST(opentelemetrys_sdk_is_content_and_its_lines_are_decoded),
        TEST(javascripts_helpers_are_content_and_all_is_stored),
        TEST(curl_asks_before_it_sends_much),
        TEST(rsyslog_ships_a_file_whose_lines_are_decoded),
    };

    if (access("build/wire/rsyslog", F_OK) != 0) {
        printf("no build/wire: scripts/setup wire fetches the clients\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
