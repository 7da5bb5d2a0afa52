#include "ctl/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

/* Children are this program again, with a role; what they have to say goes to
 * files in the folder $D. */
struct place {
    char dir[64];
    struct supervisor sv;
    char *argvs[SUPERVISOR_MAX][4];
    struct err err;
};

static const char *child_name;

static void
say(const char *file, const char *word)
{
    char path[128], line[64];
    int fd, len = snprintf(line, sizeof(line), "%s\n", word);

    snprintf(path, sizeof(path), "%s/%s", getenv("D"), file);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        _exit(99);
    close(fd);
}

static void
end_politely(int signo)
{
    (void)signo;
    say("log", child_name);
    _exit(0);
}

/* Takes its time: who is stopped next must not be first. */
static void
end_slowly(int signo)
{
    poll(NULL, 0, 300);
    end_politely(signo);
}

/* The life of a child: "polite", "slow", "deaf", or the code to exit with. */
static int
live(const char *role, const char *name)
{
    char pid[16];

    child_name = name;
    if (strcmp(role, "polite") == 0)
        signal(SIGTERM, end_politely);
    else if (strcmp(role, "slow") == 0)
        signal(SIGTERM, end_slowly);
    else if (strcmp(role, "deaf") == 0)
        signal(SIGTERM, SIG_IGN);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    say("up", pid);
    if (role[0] >= '0' && role[0] <= '9')
        return (int)strtol(role, NULL, 10);
    for (;;)
        pause();
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    if (setenv("D", place->dir, 1) != 0)
        return -1;
    place->sv.signal_fd = -1;
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    sigset_t none;
    int rc;

    for (int i = 0; i < place->sv.count; i++)
        if (place->sv.children[i].pid != 0)
            kill(place->sv.children[i].pid, SIGKILL);
    supervisor_stop(&place->sv);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static struct child *
add_child(struct place *place, const char *name, const char *role)
{
    int i = place->sv.count++;
    char **argv = place->argvs[i];

    argv[0] = (char *)(uintptr_t)"/proc/self/exe";
    argv[1] = (char *)(uintptr_t)role;
    argv[2] = (char *)(uintptr_t)name;
    place->sv.children[i] = (struct child){ .name = name, .argv = argv };
    return &place->sv.children[i];
}

static void
must_start(struct place *place)
{
    if (supervisor_start(&place->sv, &place->err) != 0)
        fail_msg("%s", place->err.text);
}

/* The lines of a file that the children write, one after the other. */
static size_t
read_lines(const struct place *place, const char *name, char *out, size_t size)
{
    char path[128];
    size_t len = 0, lines = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    file = fopen(path, "r");
    if (file != NULL) {
        len = fread(out, 1, size - 1, file);
        fclose(file);
    }
    out[len] = '\0';
    for (size_t i = 0; i < len; i++)
        lines += out[i] == '\n';
    return lines;
}

/* Supervise until the file has so many lines; the test fails after a minute. */
static void
wait_for_lines(struct place *place, const char *name, size_t count)
{
    int64_t until = clock_steady_ms() + 60000;
    char text[4096];
    const char *who;
    int code;

    while (read_lines(place, name, text, sizeof(text)) < count) {
        assert_int_equal(supervisor_run(&place->sv, 10, &code, &who), 0);
        if (clock_steady_ms() > until)
            fail_msg("%s has not %zu lines: %s", name, count, text);
    }
}

static void
starts_all_and_one_that_is_killed_again_within_a_second(void **state)
{
    struct place *place = *state;
    struct child *first = add_child(place, "first", "plain");
    struct child *second = add_child(place, "second", "plain");
    int64_t killed_ms;
    pid_t old, other;

    must_start(place);
    wait_for_lines(place, "up", 2);
    old = first->pid;
    other = second->pid;
    killed_ms = clock_steady_ms();
    kill(old, SIGKILL);
    wait_for_lines(place, "up", 3);
    assert_true(clock_steady_ms() - killed_ms < (is_slow() ? 10000 : 1000));
    assert_true(first->pid != 0 && first->pid != old);
    assert_int_equal(second->pid, other);
    assert_int_equal(first->restarts, 1);
    assert_int_equal(first->last_exit, 128 + SIGKILL);
}

static void
one_that_keeps_dying_is_started_ever_more_seldom(void **state)
{
    struct place *place = *state;
    struct child *child = add_child(place, "dying", "3");
    int64_t began_ms = clock_steady_ms(), took_ms;

    must_start(place);
    wait_for_lines(place, "up", 6);
    took_ms = clock_steady_ms() - began_ms;
    /* 50 + 100 + 200 + 400 + 800 ms lie between six starts */
    assert_true(took_ms >= 1550);
    assert_in_range(child->backoff_ms, 800, 1000);
    assert_int_equal(child->last_exit, 3);
}

static void
a_wrong_configuration_is_looked_at_again_after_seconds(void **state)
{
    struct place *place = *state;
    struct child *child = add_child(place, "wrong", "78");
    const char *who = NULL;
    int code = 0;

    child->was_ready = 1;
    must_start(place);
    while (child->restarts == 0)
        assert_int_equal(supervisor_run(&place->sv, 20, &code, &who), 0);
    assert_true(child->restart_at_ms - clock_steady_ms() > 3000);
}

static void
says_who_cannot_start_at_all(void **state)
{
    static const struct { const char *role; int code; } cases[] = {
        { "78", 78 }, { "73", 73 }, { "64", 64 },
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *who = NULL;
        int code = 0, rc = 0;

        place->sv.count = 0;
        add_child(place, "good", "plain");
        add_child(place, "wrong", cases[i].role);
        must_start(place);
        while (rc == 0)
            rc = supervisor_run(&place->sv, 1000, &code, &who);
        assert_int_equal(rc, -1);
        assert_int_equal(code, cases[i].code);
        assert_string_equal(who, "wrong");
        supervisor_stop(&place->sv);
        assert_int_equal(place->sv.children[0].pid, 0);
    }
}

static void
a_program_that_is_not_there_cannot_start(void **state)
{
    struct place *place = *state;
    struct child *child = add_child(place, "missing", "");
    const char *who = NULL;
    int code = 0;

    child->argv[0] = (char *)(uintptr_t)"/nowhere/at/all";
    must_start(place);
    assert_int_equal(supervisor_run(&place->sv, 5000, &code, &who), -1);
    assert_int_equal(code, 127);
    assert_string_equal(who, "missing");
}

static void
hands_the_signal_that_stops_it_to_its_caller(void **state)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    struct place *place = *state;
    const char *who;
    int code;

    add_child(place, "one", "plain");
    must_start(place);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        kill(getpid(), signals[i]);
        assert_int_equal(supervisor_run(&place->sv, 5000, &code, &who), signals[i]);
    }
    assert_int_equal(supervisor_run(&place->sv, 1, &code, &who), 0);
}

static void
stops_one_after_the_other_in_order(void **state)
{
    struct place *place = *state;
    char log[256];
    struct child *last;

    add_child(place, "a", "polite");
    add_child(place, "b", "slow");
    last = add_child(place, "c", "polite");
    must_start(place);
    wait_for_lines(place, "up", 3);
    supervisor_stop(&place->sv);
    read_lines(place, "log", log, sizeof(log));
    assert_string_equal(log, "a\nb\nc\n");
    assert_int_equal(last->pid, 0);
    assert_int_equal(last->last_exit, 0);
    assert_int_equal(place->sv.signal_fd, -1);
}

static void
starts_nobody_while_it_stops(void **state)
{
    struct place *place = *state;
    char text[256];

    add_child(place, "a", "slow");
    add_child(place, "b", "plain");
    must_start(place);
    wait_for_lines(place, "up", 2);
    /* b dies while a is waited for */
    kill(place->sv.children[1].pid, SIGKILL);
    supervisor_stop(&place->sv);
    assert_int_equal(read_lines(place, "up", text, sizeof(text)), 2);
    assert_int_equal(place->sv.children[1].pid, 0);
    assert_int_equal(place->sv.children[1].restart_at_ms, 0);
}

static void
kills_one_that_ignores_it(void **state)
{
    struct place *place = *state;
    int64_t began_ms;
    pid_t pid;

    add_child(place, "deaf", "deaf");
    must_start(place);
    wait_for_lines(place, "up", 1);
    pid = place->sv.children[0].pid;
    began_ms = clock_steady_ms();
    supervisor_stop(&place->sv);
    assert_true(clock_steady_ms() - began_ms < (is_slow() ? 30000 : 6000));
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(place->sv.children[0].last_exit, 128 + SIGKILL);
}

static void
one_that_is_stopped_hears_it_too(void **state)
{
    struct place *place = *state;
    int64_t began_ms;
    char log[64];

    add_child(place, "a", "polite");
    must_start(place);
    wait_for_lines(place, "up", 1);
    kill(place->sv.children[0].pid, SIGSTOP);
    began_ms = clock_steady_ms();
    supervisor_stop(&place->sv);
    assert_true(clock_steady_ms() - began_ms < (is_slow() ? 30000 : 3000));
    read_lines(place, "log", log, sizeof(log));
    assert_string_equal(log, "a\n");
}

static void
children_end_when_their_supervisor_is_killed(void **state)
{
    struct place *place = *state;
    int64_t until = clock_steady_ms() + 60000;
    char text[64];
    pid_t parent, orphan = 0, reaped;

    /* what loses its parent becomes ours, so that we can wait for it */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    parent = fork();
    if (parent == 0) {
        const char *who;
        int code;

        add_child(place, "a", "polite");
        if (supervisor_start(&place->sv, &place->err) != 0)
            _exit(1);
        for (;;)
            supervisor_run(&place->sv, 1000, &code, &who);
    }
    while (read_lines(place, "up", text, sizeof(text)) == 0 && clock_steady_ms() < until)
        ;
    orphan = (pid_t)strtol(text, NULL, 10);
    assert_true(orphan > 1);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    do
        reaped = waitpid(orphan, NULL, WNOHANG);
    while (reaped == 0 && clock_steady_ms() < until);
    assert_int_equal(reaped, orphan);
    read_lines(place, "log", text, sizeof(text));
    assert_string_equal(text, "a\n");
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_all_and_one_that_is_killed_again_within_a_second),
        TEST(one_that_keeps_dying_is_started_ever_more_seldom),
        TEST(a_wrong_configuration_is_looked_at_again_after_seconds),
        TEST(says_who_cannot_start_at_all),
        TEST(a_program_that_is_not_there_cannot_start),
        TEST(hands_the_signal_that_stops_it_to_its_caller),
        TEST(stops_one_after_the_other_in_order),
        TEST(starts_nobody_while_it_stops),
        TEST(kills_one_that_ignores_it),
        TEST(one_that_is_stopped_hears_it_too),
        TEST(children_end_when_their_supervisor_is_killed),
    };

    if (argc == 3)
        return live(argv[1], argv[2]);
    return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
