#include "tests/support/wait.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
wait_a_little(void)
{
    poll(NULL, 0, 10);
}

void
pass_ms(int64_t ms)
{
    int64_t until = now_ms() + ms;

    while (now_ms() < until)
        wait_a_little();
}

int
is_slow(void)
{
#ifdef __SANITIZE_ADDRESS__
    return 1;
#else
    return getenv("BONGSU_SLOW") != NULL;
#endif
}
