/*
 * syslog_framing.h - where a syslog message of a stream begins and ends
 *
 * RFC 6587: by octet counting ("26 <34>..."; RFC 5425 has only that), or up to a LF or
 * NUL. Which of the two is seen anew at each message: some senders mix them. What is
 * longer than an event may be becomes several pieces; a length that no honest sender
 * counts ends the conversation. Pure: how a stream is cut into reads changes nothing.
 */
#ifndef INGEST_SYSLOG_SYSLOG_FRAMING_H
#define INGEST_SYSLOG_SYSLOG_FRAMING_H

#include <stddef.h>

#include "proto/base/text.h"

/* A counted message of more than this is a lie. */
enum { SYSLOG_MAX_COUNTED = 16 * 1024 * 1024 };

/* Zeroed but for max_message (16 or more), at the start of a stream. Can be copied. */
struct syslog_framing {
    size_t max_message;         /* bytes of a piece */
    size_t left;                /* of the counted message at hand */
    int is_rest;                /* what comes next is the rest of a longer message */
    int has_counted;            /* this sender counts octets */
};

enum syslog_framed {
    SYSLOG_MORE,                /* no whole message: call again with more behind it */
    SYSLOG_MESSAGE,
    SYSLOG_HOPELESS             /* nobody can say where the next one begins */
};

struct syslog_frame {
    struct text message;        /* of the bytes, without its end; never blank */
    int is_split;               /* a piece of a longer one, or cut off by the end */
};

/* The next message of bytes, which begin where the last call's *ret_used ended; is_end:
 * nothing comes behind them. *ret_used bytes are done with, also without a message. */
enum syslog_framed syslog_framing_next(struct syslog_framing *framing, struct text bytes,
                                       int is_end, struct syslog_frame *ret_frame,
                                       size_t *ret_used);

#endif
