#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/http/http_client.h"
#include "proto/run/daemon.h"
#include "tests/support/temp_dir.h"

enum { WAIT_MS = 60000, MAX_ARGS = 16 };

/* A daemon in a child process, its two outputs in one pipe. */
struct child {
    pid_t pid;
    int out;
    char said[32 * 1024];
    size_t len;
};

struct fixture {
    char dir[64];
    char data[96];
    struct child child;
};

/* --- the program that the child is --- */

static int
start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code, struct err *err)
{
    static int self;

    if (getenv("TESTER_FAILS") != NULL) {
        *ret_code = EXIT_TAKEN;
        err_set(err, "the test wants it so");
        return -1;
    }
    if (!is_check)
        health_set(daemon->health, "tester", 1, NULL);
    printf("check=%d\n", is_check);
    *ret_self = &self;
    return 0;
}

/* Until somebody writes into the pipe: a drain that takes its time. */
static void
drain(void *self)
{
    const char *fd = getenv("TESTER_DRAIN_FD");
    char byte;

    (void)self;
    printf("draining\n");
    fflush(stdout);
    if (fd != NULL && read((int)strtol(fd, NULL, 10), &byte, 1) < 0)
        printf("interrupted\n");
}

static void
destroy(void **self)
{
    printf("destroyed\n");
    fflush(stdout);
    *self = NULL;
}

static const struct daemon_spec spec = {
    .name = "tester", .help = "does what a test asks of it",
    .start = start, .drain = drain, .destroy = destroy,
};

/* --- the parent's side --- */

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    temp_dir_make(NULL, f->dir, sizeof(f->dir));
    snprintf(f->data, sizeof(f->data), "%s/a/data", f->dir);
    f->child.out = -1;
    unsetenv("TESTER_FAILS");
    unsetenv("TESTER_DRAIN_FD");
    unsetenv("API_KEY");
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    static const char *const parts[] = { "a/data/run/tester.sock", "a/data/run", "a/data",
                                         "a", "lock", "file", "link", "bad.yml", "" };
    struct fixture *f = *state;
    char path[160];

    if (f->child.pid > 0) {
        kill(f->child.pid, SIGKILL);
        waitpid(f->child.pid, NULL, 0);
    }
    if (f->child.out >= 0)
        close(f->child.out);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->dir, parts[i]);
        remove(path);
    }
    free(f);
    return 0;
}

/* Start the daemon with these arguments ("DATA": --data-dir of the test). */
static void
run(struct fixture *f, const char *const *args)
{
    struct child *child = &f->child;
    char *argv[MAX_ARGS] = { (char *)(uintptr_t)"bongsu-tester" };
    char data[128];
    int argc = 1, fds[2];

    snprintf(data, sizeof(data), "--data-dir=%s", f->data);
    for (; *args != NULL; args++)
        argv[argc++] = strcmp(*args, "DATA") == 0 ? data : (char *)(uintptr_t)*args;
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        argc = daemon_main(argc, argv, &spec);
        fflush(NULL);
        _exit(argc);
    }
    close(fds[1]);
    child->out = fds[0];
    child->len = 0;
    child->said[0] = '\0';
}

#define RUN(f, ...) run(f, (const char *const[]){ __VA_ARGS__, NULL })

/* Read what the child says, until it has said this (NULL: until its end). */
static int
wait_for(struct fixture *f, const char *words)
{
    struct child *child = &f->child;
    int64_t deadline = clock_steady_ms() + WAIT_MS;
    struct pollfd item = { .fd = child->out, .events = POLLIN };
    ssize_t len;

    while (words == NULL || strstr(child->said, words) == NULL) {
        if (clock_steady_ms() > deadline || child->len + 1 >= sizeof(child->said))
            return 0;
        if (poll(&item, 1, 100) <= 0)
            continue;
        len = read(child->out, child->said + child->len,
                   sizeof(child->said) - child->len - 1);
        if (len <= 0)
            return words == NULL;
        child->len += (size_t)len;
        child->said[child->len] = '\0';
    }
    return 1;
}

/* The exit code, or 1000 + the signal that ended it. */
static int
end_of(struct fixture *f)
{
    int status = 0;

    if (!wait_for(f, NULL))
        fail_msg("it does not end; it said: %s", f->child.said);
    assert_int_equal(waitpid(f->child.pid, &status, 0), f->child.pid);
    f->child.pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void
expect_said(struct fixture *f, const char *words)
{
    if (strstr(f->child.said, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, f->child.said);
}

static long
ask(struct fixture *f, const char *path, struct http_answer *answer)
{
    char sock[128], url[64];
    struct http_call call = { .method = "GET", .url = url, .unix_socket = sock,
                              .timeout_ms = WAIT_MS };

    snprintf(sock, sizeof(sock), "%s/run/tester.sock", f->data);
    snprintf(url, sizeof(url), "http://localhost%s", path);
    if (http_call(&call, answer) != 0)
        fail_msg("%s: %s", url, answer->error.text);
    return answer->status;
}

/* --- the command line --- */

static void
help_names_the_duty_and_every_option(void **state)
{
    struct fixture *f = *state;

    RUN(f, "--help");
    assert_int_equal(end_of(f), EXIT_DONE);
    expect_said(f, "bongsu-tester - does what a test asks of it");
    expect_said(f, "--data-dir");
    expect_said(f, "--ingest-listen");
}

static void
version_is_one_line(void **state)
{
    struct fixture *f = *state;

    RUN(f, "--version");
    assert_int_equal(end_of(f), EXIT_DONE);
    assert_string_equal(f->child.said, "bongsu-tester " BONGSU_VERSION "\n");
}

static void
an_unknown_flag_is_a_usage_error(void **state)
{
    struct fixture *f = *state;

    RUN(f, "DATA", "--no-such-thing");
    assert_int_equal(end_of(f), EXIT_USAGE);
    expect_said(f, "no-such-thing");
    close(f->child.out);
    RUN(f, "DATA", "word");
    assert_int_equal(end_of(f), EXIT_USAGE);
    expect_said(f, "word");
    assert_int_equal(access(f->data, F_OK), -1);
}

static void
a_bad_value_is_a_configuration_error(void **state)
{
    struct fixture *f = *state;

    RUN(f, "DATA", "--http-max-connections=many");
    assert_int_equal(end_of(f), EXIT_CONFIG);
    expect_said(f, "--http-max-connections");
}

static void
checking_writes_nothing(void **state)
{
    struct fixture *f = *state;

    RUN(f, "DATA", "-n");
    assert_int_equal(end_of(f), EXIT_DONE);
    expect_said(f, "check=1\n");
    expect_said(f, "configuration OK\n");
    assert_int_equal(access(f->data, F_OK), -1);
}

static void
a_placeholder_is_named(void **state)
{
    struct fixture *f = *state;

    setenv("API_KEY", "change-me", 1);
    RUN(f, "DATA", "-n");
    assert_int_equal(end_of(f), EXIT_DONE);
    expect_said(f, "options=\"api_key\"");
}

static void
a_start_that_fails_gives_reason_and_code(void **state)
{
    struct fixture *f = *state;

    setenv("TESTER_FAILS", "1", 1);
    RUN(f, "DATA");
    assert_int_equal(end_of(f), EXIT_TAKEN);
    expect_said(f, "reason=\"the test wants it so\"");
}

/* --- running and ending --- */

static void
sigterm_drains_destroys_and_ends_well(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    assert_int_equal(stat(f->data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    kill(f->child.pid, SIGTERM);
    assert_int_equal(end_of(f), EXIT_DONE);
    expect_said(f, "signal=SIGTERM");
    assert_true(strstr(f->child.said, "draining") < strstr(f->child.said, "destroyed"));
    assert_non_null(strstr(f->child.said, "draining"));
}

static void
sigint_ends_it_as_well(void **state)
{
    struct fixture *f = *state;

    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    kill(f->child.pid, SIGINT);
    assert_int_equal(end_of(f), EXIT_DONE);
    expect_said(f, "signal=SIGINT");
}

static void
a_second_signal_ends_at_once(void **state)
{
    struct fixture *f = *state;
    char number[16];
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    snprintf(number, sizeof(number), "%d", fds[0]);
    setenv("TESTER_DRAIN_FD", number, 1);
    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    kill(f->child.pid, SIGTERM);
    assert_true(wait_for(f, "draining"));   /* and it goes on for ever */
    kill(f->child.pid, SIGTERM);
    assert_int_equal(end_of(f), 1000 + SIGTERM);
    assert_null(strstr(f->child.said, "destroyed"));
    close(fds[0]);
    close(fds[1]);
}

static void
serves_health_on_a_socket_in_the_data_folder(void **state)
{
    struct fixture *f = *state;
    struct http_answer answer = { 0 };

    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    assert_int_equal(ask(f, "/readyz", &answer), 200);
    assert_non_null(strstr(answer.body.ptr, "\"tester\":\"ok\""));
    http_answer_release(&answer);
    assert_int_equal(ask(f, "/status", &answer), 200);
    http_answer_release(&answer);
    kill(f->child.pid, SIGTERM);
    assert_int_equal(end_of(f), EXIT_DONE);
}

static void
a_second_one_on_the_same_data_folder_has_a_socket_of_its_own(void **state)
{
    struct fixture *f = *state, second = { 0 };
    char path[128];

    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    memcpy(second.data, f->data, sizeof(second.data));
    RUN(&second, "DATA");
    assert_true(wait_for(&second, " started "));
    snprintf(path, sizeof(path), "%s/run/tester-1.sock", f->data);
    assert_int_equal(access(path, F_OK), 0);
    kill(second.child.pid, SIGTERM);
    assert_int_equal(end_of(&second), EXIT_DONE);
    assert_int_not_equal(access(path, F_OK), 0);
    close(second.child.out);
    kill(f->child.pid, SIGTERM);
    assert_int_equal(end_of(f), EXIT_DONE);
}

static void
comes_back_after_a_kill(void **state)
{
    struct fixture *f = *state;

    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    kill(f->child.pid, SIGKILL);
    assert_int_equal(end_of(f), 1000 + SIGKILL);
    close(f->child.out);
    RUN(f, "DATA");
    assert_true(wait_for(f, " started "));
    kill(f->child.pid, SIGTERM);
    assert_int_equal(end_of(f), EXIT_DONE);
}

/* --- folders and locks --- */

static void
a_folder_is_made_with_its_parents(void **state)
{
    struct fixture *f = *state;
    struct err err = { "" };
    struct stat st;

    assert_int_equal(daemon_make_dir(f->data, &err), 0);
    assert_int_equal(daemon_make_dir(f->data, &err), 0);
    assert_int_equal(stat(f->data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void
a_file_or_another_users_folder_is_no_place_for_data(void **state)
{
    struct fixture *f = *state;
    struct err err = { "" };
    char path[96];
    int fd;

    snprintf(path, sizeof(path), "%s/file", f->dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(daemon_make_dir(path, &err), -1);
    assert_non_null(strstr(err.text, "no folder"));
    assert_int_equal(daemon_make_dir("", &err), -1);
    if (geteuid() != 0) {
        assert_int_equal(daemon_make_dir("/usr", &err), -1);
    } else {
        snprintf(path, sizeof(path), "%s/a", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(daemon_make_dir(path, &err), -1);
    }
    assert_non_null(strstr(err.text, "belongs to another user"));
}

static void
a_lock_that_is_held_names_the_process(void **state)
{
    struct fixture *f = *state;
    struct err err = { "" };
    char path[96], expected[160];
    int first, second;

    snprintf(path, sizeof(path), "%s/lock", f->dir);
    first = daemon_lock(path, &err);
    assert_true(first >= 0);
    second = daemon_lock(path, &err);
    assert_int_equal(second, -1);
    assert_int_equal(errno, EWOULDBLOCK);
    snprintf(expected, sizeof(expected), "%s is in use by process %d", path, (int)getpid());
    assert_string_equal(err.text, expected);
    close(first);
    second = daemon_lock(path, &err);
    assert_true(second >= 0);
    close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_names_the_duty_and_every_option),
        TEST(version_is_one_line),
        TEST(an_unknown_flag_is_a_usage_error),
        TEST(a_bad_value_is_a_configuration_error),
        TEST(checking_writes_nothing),
        TEST(a_placeholder_is_named),
        TEST(a_start_that_fails_gives_reason_and_code),
        TEST(sigterm_drains_destroys_and_ends_well),
        TEST(sigint_ends_it_as_well),
        TEST(a_second_signal_ends_at_once),
        TEST(serves_health_on_a_socket_in_the_data_folder),
        TEST(a_second_one_on_the_same_data_folder_has_a_socket_of_its_own),
        TEST(comes_back_after_a_kill),
        TEST(a_folder_is_made_with_its_parents),
        TEST(a_file_or_another_users_folder_is_no_place_for_data),
        TEST(a_lock_that_is_held_names_the_process),
    };

    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
