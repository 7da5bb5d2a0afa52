/*
 * decode_syslog.c - any line with a syslog header that no other decoder took
 */
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"

static int
decode_syslog(const struct log_line *line, struct arena *arena, struct event *ev)
{
    (void)arena;

    if (line->host.ptr == NULL && line->program.ptr == NULL)
        return 0;

    decoded_text(ev, EVENT_TYPE, text_of("syslog"));
    decoded_text(ev, EVENT_DESCRIPTION, line->message);
    return 1;
}

const struct decoder decoder_syslog = { "syslog", NULL, decode_syslog, NULL, NULL };
