#include "proto/server/socket_progress.h"

/* Not <netinet/tcp.h>: its struct tcp_info ends before these counts. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { CLOSE_WAIT = 8 };        /* of the kernel's states; <linux/tcp.h> names none */

static int
is_read_empty(int fd)
{
    int left = 0;

    return ioctl(fd, FIONREAD, &left) == 0 && left == 0;
}

int
socket_progress(int fd, struct socket_progress *ret_progress)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received))
        return -1;
    ret_progress->received = info.tcpi_bytes_received;
    ret_progress->acked = info.tcpi_bytes_acked;
    ret_progress->is_ended = info.tcpi_state == CLOSE_WAIT && is_read_empty(fd);
    return 0;
}
