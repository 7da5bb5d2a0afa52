#include "tests/support/elastic_front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/command.h"
#include "tests/support/free_port.h"
#include "tests/support/wait.h"

enum { READY_MS = 60000, PATH_LEN = 128 };

#define RUN "tests/elasticsearch/front"

struct elastic_front {
    pid_t pid;                  /* 0: does not run */
    int port, is_tls;
    const char *certificate, *max_body;
    char node_port[16], dir[64], ca[PATH_LEN], url[64];
};

int
elastic_front_is_here(void)
{
    if (access("build/nginx/usr/sbin/nginx", X_OK) == 0 || access("/usr/sbin/nginx", X_OK) == 0)
        return 1;
    printf("skipped: nginx is not here (scripts/setup elasticsearch)\n");
    return 0;
}

struct elastic_front *
elastic_front_new(int node_port, int is_tls)
{
    struct elastic_front *front = calloc(1, sizeof(*front));

    assert_non_null(front);
    command_make_folder(front->dir, sizeof(front->dir));
    front->port = free_port();
    front->is_tls = is_tls;
    elastic_front_set(front, NULL, NULL);
    snprintf(front->node_port, sizeof(front->node_port), "%d", node_port);
    snprintf(front->ca, sizeof(front->ca), "%s/ca.crt", front->dir);
    snprintf(front->url, sizeof(front->url), "http%s://127.0.0.1:%d", is_tls ? "s" : "",
             front->port);
    return front;
}

void
elastic_front_destroy(struct elastic_front **front)
{
    if (*front == NULL)
        return;
    elastic_front_stop(*front);
    command_remove_folder((*front)->dir);
    free(*front);
    *front = NULL;
}

void
elastic_front_stop(struct elastic_front *front)
{
    if (front->pid == 0)
        return;
    kill(front->pid, SIGKILL);
    while (waitpid(front->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    front->pid = 0;
}

static int
answers(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return rc == 0;
}

void
elastic_front_set(struct elastic_front *front, const char *certificate, const char *max_body)
{
    front->certificate = certificate == NULL ? "good" : certificate;
    front->max_body = max_body == NULL ? "100m" : max_body;
}

static void
become(const struct elastic_front *front, const char *password, const char *api_key)
{
    char port[16];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(port, sizeof(port), "%d", front->port);
    if (front->is_tls)
        execl(RUN, RUN, "--tls", front->certificate, "--max-body", front->max_body, front->dir,
              port, front->node_port, ELASTIC_FRONT_USER, password, api_key, (char *)NULL);
    execl(RUN, RUN, "--max-body", front->max_body, front->dir, port, front->node_port,
          ELASTIC_FRONT_USER, password, api_key, (char *)NULL);
    _exit(127);
}

void
elastic_front_start(struct elastic_front *front, const char *password, const char *api_key)
{
    int64_t deadline = now_ms() + READY_MS;

    elastic_front_stop(front);
    front->pid = fork();
    assert_true(front->pid >= 0);
    if (front->pid == 0)
        become(front, password, api_key);
    while (!answers(front->port)) {
        if (waitpid(front->pid, NULL, WNOHANG) != 0) {
            front->pid = 0;
            fail_msg("%s has ended (see above)", RUN);
        }
        if (now_ms() > deadline)
            fail_msg("%s does not listen", RUN);
        wait_a_little();
    }
}

const char *
elastic_front_url(const struct elastic_front *front)
{
    return front->url;
}

const char *
elastic_front_ca(const struct elastic_front *front)
{
    return front->ca;
}
