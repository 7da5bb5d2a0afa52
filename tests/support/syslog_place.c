#include "tests/support/syslog_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/free_port.h"

enum { PATIENCE_MS = 60000 };

static void
set_listen(struct chain *chain, const char *name, int port)
{
    char value[64];

    snprintf(value, sizeof(value), "127.0.0.1:%d", port);
    chain_set(chain, name, value);
}

void
syslog_place_open(struct syslog_place *place)
{
    *place = (struct syslog_place){ .chain = chain_new(NULL, NULL), .udp = free_port(),
                                    .tcp = free_port() };
    set_listen(place->chain, "BONGSU_SYSLOG_LISTEN_UDP", place->udp);
    set_listen(place->chain, "BONGSU_SYSLOG_LISTEN_TCP", place->tcp);
}

void
syslog_place_close(struct syslog_place *place)
{
    chain_destroy(&place->chain);
}

int
syslog_dial(int port, int type, const char *from)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    int64_t deadline = now_ms() + PATIENCE_MS;
    int fd;

    for (;;) {
        fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        addr.sin_port = 0;
        assert_int_equal(inet_pton(AF_INET, from, &addr.sin_addr), 1);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        addr.sin_port = htons((uint16_t)port);
        addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
            return fd;
        close(fd);
        if (now_ms() > deadline)
            fail_msg("port %d: %s", port, strerror(errno));
        wait_a_little();
    }
}

int
syslog_send(int fd, const void *bytes, size_t len)
{
    const char *pos = bytes;

    while (len > 0) {
        ssize_t sent = send(fd, pos, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        pos += sent;
        len -= (size_t)sent;
    }
    return 0;
}

void
syslog_say(int fd, const char *text)
{
    assert_int_equal(syslog_send(fd, text, strlen(text)), 0);
}

void
syslog_wait_end(int fd, int64_t deadline_ms)
{
    const int64_t deadline = now_ms() + deadline_ms;
    struct pollfd item = { .fd = fd, .events = POLLIN };
    char byte[256];
    ssize_t len = 1;

    while (len > 0) {
        if (now_ms() > deadline)
            fail_msg("the connection is not ended");
        if (poll(&item, 1, 100) > 0)
            len = recv(fd, byte, sizeof(byte), 0);
    }
}

void
syslog_wait_messages(struct syslog_place *place, const char *transport, double count)
{
    char name[96];

    snprintf(name, sizeof(name), "bongsu_syslog_messages_total{transport=\"%s\"}", transport);
    chain_wait_metric(place->chain, INGEST, name, count, PATIENCE_MS);
}

double
syslog_number(struct syslog_place *place, const char *name)
{
    char whole[128];

    snprintf(whole, sizeof(whole), "bongsu_syslog_%s", name);
    return chain_metric(place->chain, INGEST, whole);
}

const json_t *
syslog_event(const json_t *events, const char *end)
{
    const json_t *found = NULL, *ev;
    size_t i;

    json_array_foreach(events, i, ev) {
        const char *raw = json_string_value(json_object_get(ev, "raw_log"));
        size_t len = raw == NULL ? 0 : strlen(raw);

        if (len < strlen(end) || strcmp(raw + len - strlen(end), end) != 0)
            continue;
        if (found != NULL)
            fail_msg("\"%s\" is there twice", end);
        found = ev;
    }
    if (found == NULL)
        fail_msg("\"%s\" is not there", end);
    return found;
}

pid_t
syslog_run(struct syslog_place *place, const char *output, const char *const *args,
           const char *library_path)
{
    pid_t pid = fork();
    char path[512];
    int fd;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof(path), "%s/%s", chain_dir(place->chain), output);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) {
        dup2(fd, 1);
        dup2(fd, 2);
    }
    if (library_path != NULL)
        setenv("LD_LIBRARY_PATH", library_path, 1);
    execvp(args[0], (char *const *)(uintptr_t)args);
    _exit(127);
}
