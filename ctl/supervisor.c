#include "ctl/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/run/daemon.h"

enum { FIRST_BACKOFF_MS = 50, LAST_BACKOFF_MS = 1000, CONFIG_BACKOFF_MS = 5000,
       STEADY_MS = 10000, STOP_ONE_MS = 4000, STOP_ALL_MS = 8000, STOP_LEAST_MS = 200 };

/* In the child, after fork: only async-signal-safe calls. */
static void
become(const struct child *child, pid_t parent)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* a group of its own: Ctrl-C is for us, and we stop them in order */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_SOFTWARE);
    execv(child->argv[0], child->argv);
    _exit(127);
}

static void
start_child(struct child *child)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0)
        become(child, parent);
    child->started_ms = clock_steady_ms();
    child->restart_at_ms = 0;
    if (pid < 0) {
        log_error("cannot start", "process=%s reason=\"%s\"", child->name, strerror(errno));
        child->restart_at_ms = child->started_ms + LAST_BACKOFF_MS;
        return;
    }
    child->pid = pid;
}

int
supervisor_start(struct supervisor *sv, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sv->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (sv->signal_fd < 0) {
        err_set(err, "signalfd: %s", strerror(errno));
        return -1;
    }
    for (int i = 0; i < sv->count; i++)
        start_child(&sv->children[i]);
    return 0;
}

static void
plan_restart(struct child *child, int64_t now_ms)
{
    int is_config = child->last_exit == EXIT_CONFIG || child->last_exit == EXIT_TAKEN ||
                    child->last_exit == EXIT_USAGE;

    if (now_ms - child->started_ms > STEADY_MS || child->backoff_ms == 0)
        child->backoff_ms = FIRST_BACKOFF_MS;
    else
        child->backoff_ms *= 2;
    if (child->backoff_ms > LAST_BACKOFF_MS)
        child->backoff_ms = LAST_BACKOFF_MS;
    child->restart_at_ms = now_ms + (is_config ? CONFIG_BACKOFF_MS : child->backoff_ms);
    child->restarts++;
}

/* Whether it says at its first start that another try would be no use. */
static int
is_hopeless(const struct child *child)
{
    return !child->was_ready &&
           (child->last_exit == EXIT_CONFIG || child->last_exit == EXIT_TAKEN ||
            child->last_exit == EXIT_USAGE || child->last_exit == 127);
}

static void
log_restart(const struct child *child, int status)
{
    long long in_ms = child->restart_at_ms - clock_steady_ms();

    if (WIFSIGNALED(status))
        log_warn("died, starting again", "process=%s signal=%d in_ms=%lld restarts=%u",
                 child->name, WTERMSIG(status), in_ms, child->restarts);
    else
        log_warn("ended, starting again", "process=%s exit=%d in_ms=%lld restarts=%u",
                 child->name, child->last_exit, in_ms, child->restarts);
}

/* Note who has died. Returns a child that cannot start at all, or NULL. */
static struct child *
reap(struct supervisor *sv, int is_stopping)
{
    struct child *hopeless = NULL;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < sv->count; i++) {
            struct child *child = &sv->children[i];

            if (child->pid != pid)
                continue;
            child->pid = 0;
            child->last_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            if (is_stopping)
                continue;
            plan_restart(child, clock_steady_ms());
            if (is_hopeless(child))
                hopeless = child;
            else
                log_restart(child, status);
        }
    return hopeless;
}

/* Start what is due; returns when the next one is, at most until_ms. */
static int64_t
restart_due(struct supervisor *sv, int64_t until_ms)
{
    for (int i = 0; i < sv->count; i++) {
        struct child *child = &sv->children[i];

        if (child->pid == 0 && child->restart_at_ms != 0 &&
            child->restart_at_ms <= clock_steady_ms())
            start_child(child);
        if (child->pid == 0 && child->restart_at_ms != 0 && child->restart_at_ms < until_ms)
            until_ms = child->restart_at_ms;
    }
    return until_ms;
}

/* Wait for a signal until a time: its number, 0 when none came. */
static int
wait_signal(const struct supervisor *sv, int64_t until_ms)
{
    struct pollfd item = { .fd = sv->signal_fd, .events = POLLIN };
    struct signalfd_siginfo info;
    int64_t left = until_ms - clock_steady_ms();

    if (poll(&item, 1, left < 0 ? 0 : (int)left) <= 0 ||
        read(sv->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

int
supervisor_run(struct supervisor *sv, int64_t timeout_ms, int *ret_code, const char **ret_name)
{
    int64_t until = clock_steady_ms() + timeout_ms;

    do {
        int signo = wait_signal(sv, restart_due(sv, until));
        const struct child *hopeless = reap(sv, 0);

        if (hopeless != NULL) {
            *ret_code = hopeless->last_exit;
            *ret_name = hopeless->name;
            return -1;
        }
        if (signo != 0 && signo != SIGCHLD)
            return signo;
    } while (clock_steady_ms() < until);
    return 0;
}

static void
stop_child(struct supervisor *sv, struct child *child, int64_t until_ms)
{
    if (child->pid == 0)
        return;
    /* A stopped one must hear it too. In this order: SIGCONT takes back every stop that is
     * on its way, and a child on its way out may want one (LeakSanitizer's, of its threads). */
    kill(child->pid, SIGCONT);
    kill(child->pid, SIGTERM);
    while (child->pid != 0 && clock_steady_ms() < until_ms) {
        wait_signal(sv, until_ms);
        reap(sv, 1);
    }
    if (child->pid != 0) {
        log_warn("did not end in time, killed", "process=%s", child->name);
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        child->pid = 0;
        child->last_exit = 128 + SIGKILL;
    }
}

void
supervisor_stop(struct supervisor *sv)
{
    int64_t all_until = clock_steady_ms() + STOP_ALL_MS;

    for (int i = 0; i < sv->count; i++) {
        int64_t now = clock_steady_ms(), until = now + STOP_ONE_MS;

        if (until > all_until)
            until = all_until;
        /* others have used up the time: still enough to end by itself */
        if (until < now + STOP_LEAST_MS)
            until = now + STOP_LEAST_MS;
        sv->children[i].restart_at_ms = 0;
        stop_child(sv, &sv->children[i], until);
    }
    if (sv->signal_fd >= 0)
        close(sv->signal_fd);
    sv->signal_fd = -1;
}
