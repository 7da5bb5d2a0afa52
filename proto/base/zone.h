/*
 * zone.h - which time zone this site is in
 *
 * The C library takes any misspelt TZ for UTC without a word; here it is
 * looked up first, so that a wrong name is an error and a right one is known.
 */
#ifndef PROTO_BASE_ZONE_H
#define PROTO_BASE_ZONE_H

#include "proto/base/err.h"

#define ZONE_NAME_LEN 64        /* room for any zone's name and its NUL */

/* The name of the zone that TZ, else /etc/localtime (its link's target, or
 * /etc/timezone) gives: an IANA name, or TZ's own text when that is a POSIX
 * rule such as "KST-9". "UTC" when the machine says nothing. 0, or -1 with the
 * reason when TZ is neither a zone file of this machine nor a POSIX rule. */
int zone_find(char ret_name[ZONE_NAME_LEN], struct err *err);

/* 1 when str is a POSIX TZ rule: std offset [dst [offset] [,start,end]].
 * Source: POSIX.1-2017, Base Definitions 8.3. */
int zone_is_posix_rule(const char *str);

#endif
