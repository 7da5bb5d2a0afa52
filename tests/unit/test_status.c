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
#include <jansson.h>

#include "ctl/local.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_dir.h"

/* As proto/run/health.c writes it: a check is "ok" or why not. */
static const char fine[] =
    "{\"process\":\"x\",\"ready\":true,\"uptime_s\":7300,\"checks\":{\"journal\":\"ok\"},"
    "\"metrics\":{\"bongsu_ingest_events_accepted_total\":5},"
    "\"consumers\":{\"index\":{\"backlog_events\":12,\"oldest_age_ms\":90000}},"
    "\"warnings\":[\"detect/0: has not reported in the last 5 s\"]}";
static const char in_trouble[] =
    "{\"process\":\"x\",\"ready\":false,\"uptime_s\":5,\"messages_failed\":3,"
    "\"checks\":{\"store\":\"ok\",\"slack\":\"403 no_permission\"},\"metrics\":{}}";

/* Five fake processes on the sockets of a data folder. */
struct desk {
    char dir[64], out[128], err[128], text[16384];
    struct stub *stubs[LOCAL_PROCESSES];
};

static int
open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    char run[128];

    temp_dir_make(NULL, desk->dir, sizeof(desk->dir));
    snprintf(run, sizeof(run), "%s/run", desk->dir);
    snprintf(desk->out, sizeof(desk->out), "%s/out", desk->dir);
    snprintf(desk->err, sizeof(desk->err), "%s/err", desk->dir);
    *state = desk;
    return mkdir(run, 0700);
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;
    int rc;

    for (int i = 0; i < LOCAL_PROCESSES; i++)
        stub_destroy(&desk->stubs[i]);
    rc = temp_dir_remove(desk->dir);
    free(desk);
    return rc;
}

static void
start(struct desk *desk, int i, int status, const char *body)
{
    const struct stub_answer answer = { .status = status, .body = body };
    char path[160];

    snprintf(path, sizeof(path), "%s/run/%s.sock", desk->dir, local_processes[i]);
    desk->stubs[i] = stub_new_unix(path);
    assert_non_null(desk->stubs[i]);
    stub_set_usual(desk->stubs[i], &answer);
}

static void
start_all(struct desk *desk)
{
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        start(desk, i, 200, fine);
}

/* Run a command (one word or two) with --data-dir and up to two more arguments;
 * what it printed (both streams) is desk->text then. */
static int
call(struct desk *desk, const char *command, const char *first, const char *last)
{
    char name[64], *second, *argv[8] = { name };
    int argc = 1, code, saved_out = dup(1), saved_err = dup(2);
    FILE *file;
    size_t len;

    snprintf(name, sizeof(name), "%s", command);
    second = strchr(name, ' ');
    if (second != NULL) {
        *second = '\0';
        argv[argc++] = second + 1;
    }
    if (first != NULL)
        argv[argc++] = (char *)(uintptr_t)first;
    argv[argc++] = (char *)(uintptr_t)"--data-dir";
    argv[argc++] = desk->dir;
    if (last != NULL)
        argv[argc++] = (char *)(uintptr_t)last;
    fflush(stdout);
    assert_non_null(freopen(desk->out, "w+", stdout));
    dup2(1, 2);
    code = subcommands_main(argc, argv);
    fflush(stdout);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    clearerr(stdout);
    file = fopen(desk->out, "r");
    len = fread(desk->text, 1, sizeof(desk->text) - 1, file);
    desk->text[len] = '\0';
    fclose(file);
    return code;
}

static void
assert_has(const struct desk *desk, const char *needle)
{
    if (strstr(desk->text, needle) == NULL)
        fail_msg("not \"%s\" in: %s", needle, desk->text);
}

static void
shows_five_that_are_ready_and_no_trouble(void **state)
{
    struct desk *desk = *state;

    start_all(desk);
    assert_int_equal(call(desk, "status", NULL, NULL), 0);
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        assert_has(desk, local_processes[i]);
    assert_has(desk, "ready      up 2h");
    assert_has(desk, "0 events accepted/s");
    assert_has(desk, "index      backlog 12 events, oldest unacked 90s");
    assert_has(desk, "detect/0: has not reported");
    assert_null(strstr(desk->text, "journal"));
    assert_null(strstr(desk->text, "not fine"));
    assert_null(strstr(desk->text, "NOT READY"));
}

static void
shows_what_is_wrong_and_why(void **state)
{
    struct desk *desk = *state;

    start_all(desk);
    stub_set_usual(desk->stubs[3], &(const struct stub_answer){ .body = in_trouble });
    assert_int_equal(call(desk, "status", NULL, NULL), 1);
    assert_has(desk, "NOT READY  up 5s");
    assert_has(desk, "slack: 403 no_permission");
    assert_has(desk, "messages_failed=3");
    assert_null(strstr(desk->text, "store:"));
}

static void
shows_whose_lines_no_decoder_knows(void **state)
{
    static const char ingest[] =
        "{\"ready\":true,\"checks\":{},\"metrics\":{},"
        "\"files\":{\"known\":3,\"lag_bytes\":4096},"
        "\"undecoded\":{\"lines\":200,\"other_lines\":7,\"sources\":["
        "{\"source\":\"10.0.0.5\",\"lines\":120},{\"source\":\"/var/log/a\\u001b[2J\",\"lines\":60},"
        "{\"source\":\"c\",\"lines\":4},{\"source\":\"d\",\"lines\":3},{\"source\":\"e\",\"lines\":2},"
        "{\"source\":\"f\",\"lines\":1},{\"source\":7,\"lines\":\"x\"},[]]}}";
    struct desk *desk = *state;

    start_all(desk);
    stub_set_usual(desk->stubs[0], &(const struct stub_answer){ .body = ingest });
    assert_int_equal(call(desk, "status", NULL, NULL), 0);
    assert_has(desk, "lines that no decoder knows: 120 from 10.0.0.5, "
               "60 from /var/log/a\\x1b[2J, 4 from c, 3 from d, 2 from e, 11 from others\n");
    assert_has(desk, "files      3 watched, 4096 bytes behind\n");
}

static void
shows_one_that_is_down_beside_the_others(void **state)
{
    struct desk *desk = *state;

    for (int i = 0; i < LOCAL_PROCESSES - 1; i++)
        start(desk, i, 200, fine);
    assert_int_equal(call(desk, "status", NULL, NULL), 1);
    assert_has(desk, "api        down");
    assert_has(desk, "ingest     ready");
}

static void
says_that_nothing_runs(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(call(desk, "status", NULL, NULL), 69);
    assert_has(desk, "nothing runs with --data-dir");
    assert_has(desk, desk->dir);
    assert_int_equal(call(desk, "status", NULL, "--json"), 69);
}

static void
json_is_what_each_says_wherever_the_flag_stands(void **state)
{
    struct desk *desk = *state;

    for (int i = 0; i < LOCAL_PROCESSES - 1; i++)
        start(desk, i, 200, fine);
    for (int first = 0; first < 2; first++) {
        json_t *all;

        assert_int_equal(call(desk, "status", first ? "--json" : NULL, first ? NULL : "--json"),
                         1);
        all = json_loads(desk->text, 0, NULL);
        assert_non_null(all);
        assert_int_equal(json_object_size(all), LOCAL_PROCESSES);
        assert_true(json_is_true(json_object_get(json_object_get(all, "ingest"), "ready")));
        assert_non_null(json_string_value(json_object_get(json_object_get(all, "api"), "down")));
        json_decref(all);
    }
}

static void
takes_no_other_answer_for_a_status(void **state)
{
    struct desk *desk = *state;

    start_all(desk);
    stub_set_usual(desk->stubs[0], &(const struct stub_answer){ .status = 503, .body = fine });
    stub_set_usual(desk->stubs[1], &(const struct stub_answer){ .body = "not json" });
    stub_set_usual(desk->stubs[2], &(const struct stub_answer){ .body = "[]" });
    stub_set_usual(desk->stubs[3], &(const struct stub_answer){ .body = "{}" });
    stub_set_usual(desk->stubs[4], &(const struct stub_answer){
        .body = "{\"ready\":\"yes\",\"checks\":[1],\"consumers\":7,\"warnings\":{},\"metrics\":[]}" });
    assert_int_equal(call(desk, "status", NULL, NULL), 1);
    assert_has(desk, "ingest: answered 503");
    assert_has(desk, "detector   down");
    assert_has(desk, "indexer    down");
    assert_has(desk, "notifier   NOT READY");
    assert_has(desk, "api        NOT READY");
}

static void
refuses_an_argument_that_is_no_option(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(call(desk, "status", "ingest", NULL), EXIT_USAGE);
    assert_has(desk, "ingest: not an option");
    assert_int_equal(call(desk, "status", "--nonsense", NULL), EXIT_USAGE);
}

static void
health_is_0_when_ready_1_when_not_64_for_a_stranger(void **state)
{
    struct desk *desk = *state;

    start_all(desk);
    assert_int_equal(call(desk, "health", NULL, NULL), 0);
    stub_set_usual(desk->stubs[2], &(const struct stub_answer){ .status = 503, .body = "{}" });
    assert_int_equal(call(desk, "health", NULL, NULL), 1);
    assert_has(desk, "indexer: not ready");
    assert_int_equal(call(desk, "health", "ingest", NULL), 0);
    assert_int_equal(call(desk, "health", "kibana", NULL), EXIT_USAGE);
}

static void
a_wrong_call_is_64_and_a_wrong_configuration_78(void **state)
{
    struct desk *desk = *state;

    for (size_t i = 0; i < subcommand_count; i++) {
        const char *name = subcommands[i].name;

        assert_int_equal(call(desk, name, "--nonsense", NULL), EXIT_USAGE);
        assert_has(desk, "unknown flag --nonsense");
        assert_int_equal(call(desk, name, NULL, "--config"), EXIT_USAGE);
        assert_has(desk, "--config needs a value");
        assert_int_equal(call(desk, name, "--config=no/such/file", NULL), EXIT_CONFIG);
        assert_has(desk, "no/such/file");
        assert_int_equal(call(desk, name, "--api-key=x", NULL), EXIT_USAGE);
        assert_has(desk, "a secret is not taken as an argument");
        setenv("BONGSU_HTTP_MAX_CONNECTIONS", "many", 1);
        assert_int_equal(call(desk, name, NULL, NULL), EXIT_CONFIG);
        assert_has(desk, "BONGSU_HTTP_MAX_CONNECTIONS");
        unsetenv("BONGSU_HTTP_MAX_CONNECTIONS");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_five_that_are_ready_and_no_trouble),
        TEST(shows_what_is_wrong_and_why),
        TEST(shows_whose_lines_no_decoder_knows),
        TEST(shows_one_that_is_down_beside_the_others),
        TEST(says_that_nothing_runs),
        TEST(json_is_what_each_says_wherever_the_flag_stands),
        TEST(takes_no_other_answer_for_a_status),
        TEST(refuses_an_argument_that_is_no_option),
        TEST(health_is_0_when_ready_1_when_not_64_for_a_stranger),
        TEST(a_wrong_call_is_64_and_a_wrong_configuration_78),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
