#include "tests/support/chain_inner.h"

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

#include "tests/support/free_port.h"
#include "tests/support/temp_dir.h"

const char *const process_names[PROCESSES] = { "ingest", "detector", "indexer", "notifier", "api" };

enum { READY_MS = 60000, STOP_MS = 30000 };

static const char api_key[] = "test-key-0123456789abcdef";

struct chain *
chain_new(const char *parent, const char *slack_url)
{
    struct chain *chain = calloc(1, sizeof(*chain));
    int ingest = free_port(), api = free_port();

    assert_non_null(chain);
    signal(SIGPIPE, SIG_IGN);
    temp_dir_make(parent, chain->dir, sizeof(chain->dir));
    snprintf(chain->ingest_listen, sizeof(chain->ingest_listen), "127.0.0.1:%d", ingest);
    snprintf(chain->api_listen, sizeof(chain->api_listen), "127.0.0.1:%d", api);
    snprintf(chain->ingest_url, sizeof(chain->ingest_url), "http://127.0.0.1:%d", ingest);
    snprintf(chain->api_url, sizeof(chain->api_url), "http://127.0.0.1:%d", api);
    if (slack_url != NULL)
        snprintf(chain->slack_url, sizeof(chain->slack_url), "%s", slack_url);
    chain_set(chain, "API_KEY", api_key);
    chain_set(chain, "TZ", CHAIN_ZONE);
    chain_set(chain, "BONGSU_JOURNAL_MIN_FREE", "1MiB");
    /* what tests do to the processes would be incidents beside those they expect */
    chain_set(chain, "BONGSU_WATCH_STAGES", "none");
    return chain;
}

void
chain_destroy(struct chain **chain)
{
    if (*chain == NULL)
        return;
    for (int i = 0; i < PROCESSES; i++)
        if ((*chain)->pids[i] > 0)
            chain_kill(*chain, (enum process)i);
    for (int i = 0; i < (*chain)->env_count; i++)
        free((*chain)->env[i]);
    if (getenv("BONGSU_KEEP") == NULL)
        temp_dir_remove((*chain)->dir);
    free(*chain);
    *chain = NULL;
}

void
chain_set(struct chain *chain, const char *name, const char *value)
{
    char *line = NULL;
    size_t len = strlen(name);

    assert_true(asprintf(&line, "%s=%s", name, value) > 0);
    for (int i = 0; i < chain->env_count; i++)
        if (strncmp(chain->env[i], line, len + 1) == 0) {
            free(chain->env[i]);
            chain->env[i] = line;
            return;
        }
    assert_true(chain->env_count < CHAIN_MAX_ENV);
    chain->env[chain->env_count++] = line;
}

static void
become(const struct chain *chain, enum process which, const char *fault)
{
    const char *build = getenv("BONGSU_BUILD");
    char path[512], log[512], bus[512];
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof(path), "%s/bin/bongsu-%s", build == NULL ? "build/check" : build,
             process_names[which]);
    snprintf(log, sizeof(log), "%s/%s.log", chain->dir, process_names[which]);
    snprintf(bus, sizeof(bus), "%s/run", chain->dir);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0)
        dup2(fd, 2);
    for (int i = 0; i < chain->env_count; i++)
        putenv(chain->env[i]);
    if (chain->slack_url[0] != '\0')
        setenv("SLACK_WEBHOOK_URL", chain->slack_url, 1);
    if (fault != NULL)
        setenv("BONGSU_FAULT", fault, 1);
    execl(path, path, "--data-dir", chain->dir, "--ingest-listen", chain->ingest_listen,
          "--api-listen", chain->api_listen, "--bus-dir", bus, (char *)NULL);
    _exit(127);
}

void
chain_start(struct chain *chain, enum process which, const char *fault)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        become(chain, which, fault);
    chain->pids[which] = pid;
}

void
chain_start_all(struct chain *chain)
{
    for (int i = 0; i < PROCESSES; i++)
        chain_start(chain, (enum process)i, NULL);
    chain_wait_ready(chain, READY_MS);
}

void
chain_signal(struct chain *chain, enum process which, int signo)
{
    assert_int_equal(kill(chain->pids[which], signo), 0);
}

void
chain_kill(struct chain *chain, enum process which)
{
    if (chain->pids[which] <= 0)
        return;
    kill(chain->pids[which], SIGKILL);
    waitpid(chain->pids[which], NULL, 0);
    chain->pids[which] = 0;
}

int
chain_stop(struct chain *chain, enum process which)
{
    int64_t deadline = now_ms() + STOP_MS;
    int status = 0;

    kill(chain->pids[which], SIGTERM);
    while (waitpid(chain->pids[which], &status, WNOHANG) == 0) {
        if (now_ms() > deadline)
            fail_msg("%s does not end on SIGTERM", process_names[which]);
        wait_a_little();
    }
    chain->pids[which] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void
chain_stop_all(struct chain *chain)
{
    for (int i = 0; i < PROCESSES; i++) {
        int code = chain_stop(chain, (enum process)i);

        if (code != 0)
            fail_msg("%s ended with %d", process_names[i], code);
    }
}

int
chain_has_died(struct chain *chain, enum process which)
{
    if (chain->pids[which] > 0 && waitpid(chain->pids[which], NULL, WNOHANG) == 0)
        return 0;
    chain->pids[which] = 0;
    return 1;
}

int
chain_revive(struct chain *chain)
{
    int revived = 0;

    for (int i = 0; i < PROCESSES; i++)
        if (chain_has_died(chain, (enum process)i)) {
            chain_start(chain, (enum process)i, NULL);
            revived++;
        }
    return revived;
}

const char *
chain_ingest_url(const struct chain *chain)
{
    return chain->ingest_url;
}

const char *
chain_api_url(const struct chain *chain)
{
    return chain->api_url;
}

const char *
chain_key(const struct chain *chain)
{
    (void)chain;
    return api_key;
}

const char *
chain_dir(const struct chain *chain)
{
    return chain->dir;
}

long
chain_pid(const struct chain *chain, enum process which)
{
    return (long)chain->pids[which];
}
