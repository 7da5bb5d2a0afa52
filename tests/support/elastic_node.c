#include "tests/support/elastic_node.h"

#include <errno.h>
#include <fcntl.h>
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

#include "tests/support/command.h"
#include "tests/support/free_port.h"
#include "tests/support/wait.h"

/* Generous: under the sanitizers other programs have the cores as well. */
enum { READY_MS = 180000, STOP_MS = 60000, MAX_ARGS = 32, PATH_LEN = 128 };

#define RUN "tests/elasticsearch/run"
#define BUILT "build/elasticsearch/made-of"

struct elastic_node {
    pid_t pid;                      /* 0: does not run */
    int port, transport_port;
    char dir[64], home[PATH_LEN], said[PATH_LEN], url[64];
    const char *const *settings;
};

int
elastic_is_here(void)
{
    if (access(BUILT, R_OK) == 0)
        return 1;
    printf("skipped: Elasticsearch is not here (scripts/setup elasticsearch)\n");
    return 0;
}

struct elastic_node *
elastic_node_new(void)
{
    struct elastic_node *node = calloc(1, sizeof(*node));

    assert_non_null(node);
    command_make_folder(node->dir, sizeof(node->dir));
    snprintf(node->home, sizeof(node->home), "%s/home", node->dir);
    snprintf(node->said, sizeof(node->said), "%s/node.log", node->dir);
    node->port = free_port();
    node->transport_port = free_port();
    snprintf(node->url, sizeof(node->url), "http://127.0.0.1:%d", node->port);
    return node;
}

void
elastic_node_destroy(struct elastic_node **node)
{
    if (*node == NULL)
        return;
    elastic_node_kill(*node);
    command_remove_folder((*node)->dir);
    free(*node);
    *node = NULL;
}

void
elastic_node_set(struct elastic_node *node, const char *const *settings)
{
    node->settings = settings;
}

static void
become(const struct elastic_node *node, char **args)
{
    int said = open(node->said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (said < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
        _exit(127);
    execv(RUN, args);
    _exit(127);
}

void
elastic_node_launch(struct elastic_node *node)
{
    char port[16], transport_port[16], *args[MAX_ARGS] = { "run", node->home, port, transport_port };
    size_t count = 4;

    assert_int_equal(node->pid, 0);
    snprintf(port, sizeof(port), "%d", node->port);
    snprintf(transport_port, sizeof(transport_port), "%d", node->transport_port);
    for (const char *const *one = node->settings; one != NULL && *one != NULL; one++) {
        assert_true(count < MAX_ARGS - 1);
        args[count++] = (char *)(uintptr_t)*one;
    }
    args[count] = NULL;
    unlink(node->said);             /* what the one before said is not for the waiting */
    node->pid = fork();
    assert_true(node->pid >= 0);
    if (node->pid == 0)
        become(node, args);
}

/* What it said so far, cut to size. */
static void
read_said(const struct elastic_node *node, char *out, size_t size)
{
    int fd = open(node->said, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, out, size - 1);

    out[len < 0 ? 0 : len] = '\0';
    if (fd >= 0)
        close(fd);
}

/* 1 once it has ended; reaps it. */
static int
has_ended(struct elastic_node *node)
{
    if (node->pid != 0 && waitpid(node->pid, NULL, WNOHANG) != 0)
        node->pid = 0;
    return node->pid == 0;
}

void
elastic_node_wait_ready(struct elastic_node *node)
{
    int64_t deadline = now_ms() + READY_MS;
    char said[8192];

    for (;;) {
        int is_over = has_ended(node);

        read_said(node, said, sizeof(said));
        if (!is_over && strstr(said, "ready http://") != NULL)
            return;
        if (is_over || now_ms() > deadline)
            fail_msg("the Elasticsearch node %s; it says:\n%s",
                     is_over ? "has ended" : "does not get ready", said);
        wait_a_little();
    }
}

void
elastic_node_start(struct elastic_node *node)
{
    elastic_node_launch(node);
    elastic_node_wait_ready(node);
}

void
elastic_node_stop(struct elastic_node *node)
{
    int64_t deadline = now_ms() + STOP_MS;

    assert_true(node->pid > 0);
    assert_int_equal(kill(node->pid, SIGTERM), 0);
    while (!has_ended(node)) {
        if (now_ms() > deadline)
            fail_msg("the Elasticsearch node does not end on SIGTERM");
        wait_a_little();
    }
}

void
elastic_node_kill(struct elastic_node *node)
{
    if (has_ended(node))
        return;
    kill(node->pid, SIGKILL);
    while (waitpid(node->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    node->pid = 0;
}

void
elastic_node_pause(struct elastic_node *node)
{
    int status;

    assert_true(node->pid > 0);
    assert_int_equal(kill(node->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(node->pid, &status, WUNTRACED), node->pid);
    assert_true(WIFSTOPPED(status));
}

void
elastic_node_resume(struct elastic_node *node)
{
    assert_true(node->pid > 0);
    assert_int_equal(kill(node->pid, SIGCONT), 0);
}

const char *
elastic_node_url(const struct elastic_node *node)
{
    return node->url;
}

int
elastic_node_port(const struct elastic_node *node)
{
    return node->port;
}

long
elastic_node_pid(const struct elastic_node *node)
{
    return (long)node->pid;
}
