/*
 * pattern.h - what a program's message says, by a template of it
 *
 *   "Failed %m for %u from %a port %p ssh2"
 *
 * A template must cover the whole text. The thing to know: in a log line the
 * user chooses a part of the text, and he may choose " from 192.0.2.1 port 1".
 * So a user is taken as long as possible (what follows it is then the last
 * that fits), and where a template ends in %* the match must be the only one,
 * or nothing the user could have forged is given.
 */
#ifndef PROTO_DECODE_PATTERN_H
#define PROTO_DECODE_PATTERN_H

#include <stdint.h>

#include "proto/base/text.h"

/*
 *  %m  a method: a word          %w  a word that is not kept
 *  %u  a user: anything, 0 to PATTERN_USER_MAX bytes
 *  %s  the same, not kept
 *  %a  an address or a host name
 *  %i  an IPv4 or IPv6 address
 *  %p  a port, 0 to 65535
 *  %*  the rest, whatever it is; only at the end
 */
struct captures {
    struct text user, method, address;      /* ptr NULL: not in the template */
    int port;                               /* -1: not in the template */
    int is_ambiguous;                       /* user, address, port were dropped */
};

/* sshd writes at most 100 bytes of a user's name, each as at most \ooo. */
enum { PATTERN_USER_MAX = 400 };

/* 1 and the captures when text is as template says, else 0. */
int pattern_match(const char *pattern, struct text text, struct captures *ret_caps);

#endif
