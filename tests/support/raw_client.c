#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"

enum { SAY_MS = 60000 };

int
raw_dial(const char *url)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

void
raw_throw(int fd, const void *bytes, size_t len)
{
    ssize_t sent = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)sent;
}

int
raw_say(const char *url, const void *bytes, size_t len, struct buf *answer)
{
    int fd = raw_dial(url), status = 0;
    int64_t deadline = now_ms() + SAY_MS;
    size_t sent = 0;
    char part[4096];
    ssize_t got = 1;

    buf_clear(answer);
    while (got != 0 && now_ms() < deadline) {
        struct pollfd item = { fd, POLLIN | (sent < len ? POLLOUT : 0), 0 };
        int ready = poll(&item, 1, 1000);

        if (ready == 0 && answer->len == 0)
            continue;                   /* it may take its time */
        if (ready <= 0)
            break;
        if (item.revents & POLLOUT) {
            ssize_t n = send(fd, (const char *)bytes + sent, len - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);

            sent = n < 0 ? len : sent + (size_t)n;
        }
        if (item.revents & (POLLIN | POLLHUP | POLLERR)) {
            got = recv(fd, part, sizeof(part), 0);
            if (got > 0)
                assert_int_equal(buf_append(answer, part, (size_t)got), 0);
            if (got < 0)
                break;
        }
    }
    close(fd);
    assert_int_equal(buf_append_char(answer, '\0'), 0);
    if (sscanf(answer->ptr, "HTTP/1.1 %d", &status) != 1)
        status = 0;
    return status;
}
