#include "proto/run/socket_progress.h"

/* Not <netinet/tcp.h>: its struct tcp_info ends before these counts. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

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
    return 0;
}
