/*
 * send_post.h - hands one piece of lines to ingest, as long as it takes
 *
 * A piece may be sent any number of times: ingest stores each line once by
 * (source, offset). So whatever is no clear answer is sent again.
 */
#ifndef CTL_SEND_POST_H
#define CTL_SEND_POST_H

#include <signal.h>
#include <stdint.h>

#include "ctl/send_progress.h"
#include "ctl/send_source.h"
#include "ctl/send_tally.h"
#include "proto/http/http_client.h"
#include "proto/run/daemon.h"

struct poster {
    struct http_session *session;
    const char *url;            /* http://127.0.0.1:8000 */
    const char *api_key;        /* NULL: none */
    const char *ca_file;        /* NULL: the system's */
    const char *certificate_file, *key_file;    /* to show; NULL: none */
    int64_t give_up_ms;         /* 0: never */
    const volatile sig_atomic_t *is_stopped;
    struct progress *progress;
    struct tally *tally;
    int64_t failing_since_ms;   /* 0: ingest answers */
    char trouble[128];          /* what was last told of it */
};

/* Send piece until it is answered, and count the answer in the tally. 0, or a
 * send_exit with the reason. */
int poster_send(struct poster *poster, const struct send_source *source,
                const struct line_piece *piece, struct err *err);

/* How long to wait before the attempt after `attempts` failed ones: 0.2 s,
 * doubling to 5 s, or what Retry-After said (-1: nothing), at most an hour. */
int64_t poster_wait_ms(unsigned attempts, long retry_after_s);

#endif
