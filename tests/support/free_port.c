/*
 * A port that stays ours between one life of a process and the next. One that
 * the kernel picks (bind to 0) is of the range from which outgoing connections
 * take theirs: while the process is dead, any client on the machine may get it.
 * So one below that range, which no other test has: an abstract unix socket of
 * its name, kept until the test ends, says so.
 */
#include "tests/support/free_port.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST_PORT = 15000, DEFAULT_END = 32768, HIGHEST_END = 60000 };

static int
range_end(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    int end = DEFAULT_END;

    if (file != NULL && fscanf(file, "%d", &end) != 1)
        end = DEFAULT_END;
    if (file != NULL)
        fclose(file);
    return end > FIRST_PORT + 1000 && end < HIGHEST_END ? end : HIGHEST_END;
}

static int
is_free(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, rc;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (fd >= 0)
        close(fd);
    return rc == 0;
}

/* 1 when no other test has it. The socket is closed by the end of the process. */
static int
reserve(int port)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "bongsu-test-port-%d", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0)
        return 1;
    if (fd >= 0)
        close(fd);
    return 0;
}

int
free_port(void)
{
    static unsigned tried;
    int end = range_end();
    unsigned count = (unsigned)(end - FIRST_PORT);

    for (unsigned i = 0; i < count; i++) {
        int port = FIRST_PORT + (int)(((unsigned)getpid() * 97 + tried++) % count);

        if (reserve(port) && is_free(port))
            return port;
    }
    fail_msg("no free port from %d to %d", FIRST_PORT, end);
    return 0;
}
