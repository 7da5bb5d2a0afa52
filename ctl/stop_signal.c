#include "ctl/stop_signal.h"

#include <poll.h>
#include <stddef.h>
#include <unistd.h>

#include "proto/base/clock.h"

volatile sig_atomic_t stop_is_asked;

static void
stop(int sig)
{
    (void)sig;
    stop_is_asked = 1;
}

void
stop_signal_catch(void)
{
    struct sigaction action = { .sa_handler = stop, .sa_flags = (int)SA_RESETHAND };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int
stop_signal_wait(int64_t ms)
{
    int64_t until_ms = clock_steady_ms() + ms;
    struct pollfd reader = { .fd = STDOUT_FILENO };     /* no events: only that it went away */

    while (!stop_is_asked && clock_steady_ms() < until_ms)
        if (poll(&reader, 1, (int)(until_ms - clock_steady_ms() + 1)) > 0) {
            stop_is_asked |= reader.revents != POLLNVAL;
            reader.fd = -1;
        }
    return stop_is_asked ? -1 : 0;
}
