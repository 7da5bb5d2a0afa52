/*
 * channel.h - a way to tell people: what to send, and what an answer means
 *
 * A table of channels; adding one is a file and a row. A channel does no I/O:
 * it writes the request's body and judges the answer.
 */
#ifndef NOTIFIER_CHANNEL_H
#define NOTIFIER_CHANNEL_H

#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/http/http_client.h"
#include "proto/incident.h"
#include "proto/report/report_note.h"

enum verdict { VERDICT_SENT, VERDICT_RETRY, VERDICT_FAILED };

/* One incident to tell of, and why now; or a report, always by itself. */
struct notice {
    const struct incident *inc; /* NULL: a report */
    const char *what;           /* "opened", "severity:high", "reopened:1" */
    const struct report_note *note;
};

struct channel {
    const char *name;
    /* Append the request body for one notice, or for a digest of several;
     * total counts those that are not listed too. public_url may be NULL. 0,
     * or -1 when out of memory. */
    int (*write)(struct buf *out, const struct notice *notices, size_t count, size_t total,
                 const char *public_url);
    /* What an answer means. Its own waiting time is answer->retry_after_s. */
    enum verdict (*judge)(const struct http_answer *answer);
};

extern const struct channel channel_slack;

#endif
