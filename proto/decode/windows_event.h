/*
 * windows_event.h - what an event of Windows says, by its provider, number and data
 *
 * Shippers write the same event in forms of their own (Winlogbeat, NXLog, a line or
 * a document for Elasticsearch): they give the data by a function, and everything
 * that is known of Windows' numbers is here.
 */
#ifndef PROTO_DECODE_WINDOWS_EVENT_H
#define PROTO_DECODE_WINDOWS_EVENT_H

#include "proto/base/text.h"
#include "proto/event.h"

struct windows_event {
    const void *from;
    /* A value of the event's data by its name in Windows; {NULL, 0}: none. */
    struct text (*get)(const void *from, const char *name);
    struct text provider, code;
    struct text account, account_domain, account_id;    /* whose process wrote it; ptr NULL:
                                                         * not said */
    int is_failure;             /* an audit of something refused */
};

/* Type, users, addresses, processes, reasons into ev; fields that it has already stay. */
void windows_event_put(const struct windows_event *win, struct event *ev);

#endif
