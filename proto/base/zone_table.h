/*
 * zone_table.h - the offsets of a time zone other than the site's
 *
 * The C library knows one zone, that of TZ, for the whole process. This one
 * reads the machine's zone files itself (TZif: RFC 8536), so that a rule can
 * have its own. Immutable once read, so any thread may ask.
 */
#ifndef PROTO_BASE_ZONE_TABLE_H
#define PROTO_BASE_ZONE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/err.h"

struct zone_table;

/* The zone of an IANA name ("Europe/Berlin"), from $TZDIR or /usr/share/zoneinfo; it
 * lives as long as the arena. NULL with the reason, which does not say the name. */
const struct zone_table *zone_table_load(const char *name, struct arena *arena,
                                         struct err *err);

/* The same of a file's bytes. */
const struct zone_table *zone_table_parse(const char *name, const unsigned char *bytes,
                                          size_t len, struct arena *arena, struct err *err);

const char *zone_table_name(const struct zone_table *zone);

/* Seconds east of UTC at a time, in seconds since 1970. */
int zone_table_offset(const struct zone_table *zone, int64_t second);

/* A local calendar time, counted as if it were UTC, as UTC. One that never was is moved
 * forward; of two the first. */
int64_t zone_table_to_utc(const struct zone_table *zone, int64_t local_second);

#endif
