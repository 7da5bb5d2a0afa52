#include "tests/support/sending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SENT_MS = 240000, DELIVERED_MS = 120000 };

struct command *
sending_start(const struct chain *chain, const char *path)
{
    char key[128];
    const char *env[] = { key, "TZ=" CHAIN_ZONE, NULL };
    const char *args[] = { "bongsu", "send", "--url", chain_ingest_url(chain), path, NULL };

    snprintf(key, sizeof(key), "API_KEY=%s", chain_key(chain));
    return command_start(&(struct command_spec){ .env = env }, args);
}

void
sending_end(struct command *send, size_t lines)
{
    char expected[64];
    int code = command_wait(send, SENT_MS);

    snprintf(expected, sizeof(expected), "%zu accepted, 0 refused", lines);
    if (code != 0 || strstr(command_output(send), expected) == NULL)
        fail_msg("send ends with %d and no \"%s\":\n%s", code, expected, command_output(send));
}

void
send_whole(struct chain *chain, const char *path, size_t lines)
{
    struct command *send = sending_start(chain, path);

    sending_end(send, lines);
    command_destroy(&send);
    chain_wait_delivered(chain, DELIVERED_MS);
}
