/*
 * Our matcher beside rsigma's: the same rules and the same events, and no difference that
 * tests/sigma/compare cannot explain. Skipped where there is no folder of rules and logs
 * (BONGSU_CORPORA) or no rsigma (tests/sigma/README.md).
 */
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

enum { SKIPPED = 77 };

/* tests/sigma/peer's exit code; it dies with the test. */
static int
run(const char *what)
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("tests/sigma/peer", "peer", what, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
events_made_of_the_rules_literals_match_alike(void **state)
{
    (void)state;
    assert_int_equal(run("made"), 0);
}

static void
rules_with_every_modifier_match_alike(void **state)
{
    (void)state;
    assert_int_equal(run("kinds"), 0);
}

static void
real_logs_decoded_match_alike(void **state)
{
    (void)state;
    assert_int_equal(run("logs"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_made_of_the_rules_literals_match_alike),
        cmocka_unit_test(rules_with_every_modifier_match_alike),
        cmocka_unit_test(real_logs_decoded_match_alike),
    };

    if (run("check") == SKIPPED)
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
