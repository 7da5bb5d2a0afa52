/*
 * postgresql_message.h - what a message of PostgreSQL says about a login
 *
 * The same in all of its logs; decode_postgresql.c takes off what stands before.
 */
#ifndef PROTO_DECODE_POSTGRESQL_MESSAGE_H
#define PROTO_DECODE_POSTGRESQL_MESSAGE_H

#include "proto/base/text.h"
#include "proto/event.h"

/* Event type, source, username and database of message into ev; *ret_user is
 * the user that it names, or {NULL, 0}. level ("fatal") counts: what is written
 * as FATAL is the server's, while a session may make it write an ERROR of any
 * text. */
void postgresql_put_message(struct text level, struct text message,
                            struct text *ret_user, struct event *ev);

#endif
