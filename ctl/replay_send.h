/*
 * replay_send.h - what happened, from the api to the detector's replay
 *
 * First the incidents, then the events, page by page as they come: the other side sorts
 * them, and nothing is held here.
 */
#ifndef CTL_REPLAY_SEND_H
#define CTL_REPLAY_SEND_H

#include <stdint.h>
#include <stdio.h>

#include "ctl/flags.h"
#include "proto/base/err.h"

struct replay_span {
    int64_t since_us;           /* incidents that ended before are not sent */
    int64_t lookback_us;        /* events so long before are judged too */
    int is_of_events;           /* what happened is not asked for */
};

/* EXIT_DONE, also when the reader ended early and says why itself; or the exit code with
 * the reason. */
int replay_send(struct call *call, const struct replay_span *span, FILE *to, struct err *err);

#endif
