/*
 * slowhttptest's four attacks on ingest and api at once: heads that do not end, bodies
 * that do not, many ranges, answers that are not read. Meanwhile good clients are
 * served in time, and the slow ones do not last.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/chain.h"

#define PROGRAM "slowhttptest"

enum { ATTACK_S = 5, ATTACKERS = 300, MOST_CONNECTIONS = 128, P99_MS = 100, MAX_TIMES = 20000,
       PATIENCE_MS = 60000 };

static struct chain *chain;

static int
start(void **state)
{
    char number[16];

    (void)state;
    chain = chain_new(NULL, NULL);
    snprintf(number, sizeof(number), "%d", MOST_CONNECTIONS);
    chain_set(chain, "BONGSU_HTTP_MAX_CONNECTIONS", number);
    chain_set(chain, "BONGSU_HTTP_HEADER_TIMEOUT", "1s");
    chain_set(chain, "BONGSU_HTTP_BODY_TIMEOUT", "2s");
    chain_start_all(chain);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_stop_all(chain);
    chain_destroy(&chain);
    return 0;
}

/* --- the attackers --- */

static int
is_installed(void)
{
    const char *path = getenv("PATH");
    char *dirs = strdup(path == NULL ? "/usr/bin" : path), *saved = NULL, file[1024];
    int is_there = 0;

    for (char *dir = strtok_r(dirs, ":", &saved); dir != NULL && !is_there;
         dir = strtok_r(NULL, ":", &saved)) {
        snprintf(file, sizeof(file), "%.900s/" PROGRAM, dir);
        is_there = access(file, X_OK) == 0;
    }
    free(dirs);
    return is_there;
}

static pid_t
attack(const char *mode, const char *url, const char *path)
{
    char target[300], connections[16], seconds[16];
    pid_t pid;

    snprintf(target, sizeof(target), "%s%s", url, path);
    snprintf(connections, sizeof(connections), "%d", ATTACKERS);
    snprintf(seconds, sizeof(seconds), "%d", ATTACK_S);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp(PROGRAM, PROGRAM, mode, "-c", connections, "-r", "200", "-i", "1", "-l", seconds,
               "-p", "2", "-u", target, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static int
has_ended(pid_t *pid)
{
    int status;

    if (*pid != 0 && waitpid(*pid, &status, WNOHANG) == *pid) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
            fail_msg(PROGRAM " ended with %d", status);
        *pid = 0;
    }
    return *pid == 0;
}

/* --- the good ones --- */

struct times {
    int count;
    int64_t ms[MAX_TIMES];
};

static void
serve_good_clients(struct times *writes, struct times *reads)
{
    static const char event[] = "{\"event_type\":\"good\"}";
    int64_t begun = now_ms();
    json_t *body;

    assert_int_equal(chain_post(chain, "/log", "application/json", event, sizeof(event) - 1,
                                NULL), 202);
    if (writes->count < MAX_TIMES)
        writes->ms[writes->count++] = now_ms() - begun;
    begun = now_ms();
    body = chain_get(chain, "/incidents?limit=1");
    assert_non_null(body);
    json_decref(body);
    if (reads->count < MAX_TIMES)
        reads->ms[reads->count++] = now_ms() - begun;
}

static int
by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void
check_times(const char *what, struct times *times)
{
    int64_t p99;

    assert_true(times->count >= 20);
    qsort(times->ms, (size_t)times->count, sizeof(times->ms[0]), by_size);
    p99 = times->ms[times->count - 1 - times->count / 100];
    print_message("%s: %d good requests, p50 %lld ms, p99 %lld ms\n", what, times->count,
                  (long long)times->ms[times->count / 2], (long long)p99);
    if (!is_slow() && p99 >= P99_MS)
        fail_msg("%s: p99 %lld ms", what, (long long)p99);
}

static void
withstand(const char *mode, const char *ingest_path, const char *api_path)
{
    static struct times writes, reads;
    int64_t begun = now_ms();
    pid_t one, other;

    if (!is_installed()) {
        print_message(PROGRAM " is not installed (scripts/setup test does it)\n");
        skip();
    }
    writes.count = reads.count = 0;
    one = attack(mode, chain_ingest_url(chain), ingest_path);
    other = attack(mode, chain_api_url(chain), api_path);
    while (!has_ended(&one) | !has_ended(&other)) {
        serve_good_clients(&writes, &reads);
        if (now_ms() - begun > PATIENCE_MS)
            fail_msg(PROGRAM " does not end");
    }
    check_times("ingest", &writes);
    check_times("api", &reads);
}

/* By the deadlines, or to make room: nobody stays for as long as he likes. */
static double
cut_off(enum process which)
{
    return chain_metric(chain, which, "bongsu_http_slow_total") +
           chain_metric(chain, which, "bongsu_http_evicted_total") +
           chain_metric(chain, which, "bongsu_http_evicted_neighbours_total");
}

static void
heads_that_do_not_end_hold_nobody_up(void **state)
{
    (void)state;
    withstand("-H", "/", "/dashboard");
    assert_true(chain_metric(chain, INGEST, "bongsu_http_slow_total{reason=\"head\"}") > 0);
    assert_true(chain_metric(chain, API, "bongsu_http_slow_total{reason=\"head\"}") > 0);
}

/* slowhttptest can send no key: ingest takes a body without one only to redirect it, the
 * api refuses it at its head. */
static void
bodies_that_do_not_end_hold_nobody_up(void **state)
{
    double before[] = { cut_off(INGEST), cut_off(API) };

    (void)state;
    withstand("-B", "/incidents/x/status", "/incidents/x/status");
    assert_true(cut_off(INGEST) > before[0]);
    assert_true(cut_off(API) >= before[1]);
}

static void
many_ranges_hold_nobody_up(void **state)
{
    (void)state;
    withstand("-R", "/", "/dashboard");
}

static void
answers_that_are_not_read_hold_nobody_up(void **state)
{
    (void)state;
    withstand("-X", "/metrics", "/metrics");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_that_do_not_end_hold_nobody_up),
        cmocka_unit_test(bodies_that_do_not_end_hold_nobody_up),
        cmocka_unit_test(many_ranges_hold_nobody_up),
        cmocka_unit_test(answers_that_are_not_read_hold_nobody_up),
    };

    return cmocka_run_group_tests_name("slow", tests, start, stop);
}
