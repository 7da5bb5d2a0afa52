/*
 * windows_meaning.h - the numbers of Windows' events, and its codes for what went wrong
 */
#ifndef PROTO_DECODE_WINDOWS_MEANING_H
#define PROTO_DECODE_WINDOWS_MEANING_H

#include "proto/base/text.h"

/* Who is who in an event's data. */
enum windows_users {
    USERS_NONE,
    USERS_SESSION,              /* AccountName, of a session that was taken up again */
    USERS_TARGET,               /* Target... is who acts: a logon */
    USERS_SUBJECT,              /* Subject... acts, perhaps as Target... */
    USERS_ACCOUNT,              /* Subject... changes Target... */
    USERS_GROUP,                /* Subject... puts Member... into the group Target... */
    USERS_SYSMON                /* User: DOMAIN\name */
};

struct windows_meaning {
    const char *provider;
    const char *code;
    const char *event_type;
    const char *refused_type;   /* of an audit of failure; NULL: the same */
    enum windows_users users;
};

/* NULL for an event that nothing is known of. */
const struct windows_meaning *windows_meaning_of(struct text provider, struct text code);

/* "wrong password" for 0xC000006A, or for Kerberos' 0x18; NULL for a code unknown. */
const char *windows_reason_of(struct text status);

/* 1 when the code means that there is no such account. */
int windows_is_unknown_user(struct text status);

#endif
