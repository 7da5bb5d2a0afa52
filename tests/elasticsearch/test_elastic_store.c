/*
 * One suite for both stores: the tests of the embedded store, run again with a
 * real node behind them (tests/support/store_case.c).
 */
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/elastic_node.h"

static struct elastic_node *node;
static char folder[4096];

static int
start_node(void **state)
{
    node = elastic_node_new();
    elastic_node_start(node);
    return setenv("BONGSU_ELASTICSEARCH", elastic_node_url(node), 1);
}

static int
stop_node(void **state)
{
    elastic_node_destroy(&node);
    return 0;
}

static void
run(void **state)
{
    char path[4200];
    int status = 0;
    pid_t pid;

    snprintf(path, sizeof(path), "%s/%s", folder, (const char *)*state);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s ended with %d", path, status);
}

#define SUITE(name) { "both_stores_agree_in_" name, run, NULL, NULL, (void *)(uintptr_t)name }

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUITE("test_report"), SUITE("test_store"), SUITE("test_store_counts"), SUITE("test_store_dead"),
        SUITE("test_store_filters"),
        SUITE("test_store_follow"), SUITE("test_store_incidents"), SUITE("test_store_incidents_find"),
        SUITE("test_store_ledger"), SUITE("test_store_seen"), SUITE("test_store_shapes"),
    };

    (void)argc;
    if (!elastic_is_here())
        return ELASTIC_SKIP;
    snprintf(folder, sizeof(folder), "%s", dirname(argv[0]));
    return cmocka_run_group_tests_name("elastic_store", tests, start_node, stop_node);
}
