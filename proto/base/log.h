/*
 * log.h - one line per thing that happened, on standard error
 *
 *   2026-11-22T16:20:00.123Z info ingest journal opened path=var/journal rows=3
 *
 * time, level, process, message, then key=value pairs. Control characters in
 * what is logged are written as \xHH, and " and \ in a value as \" and \\, so
 * that hostile input can forge neither a line nor a pair. Never pass a secret.
 */
#ifndef PROTO_BASE_LOG_H
#define PROTO_BASE_LOG_H

#include <stdint.h>

/* not LOG_INFO: syslog.h, which czmq.h includes, has macros of that name */
enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

/* A place that may fail thousands of times a second keeps one of these
 * (zeroed at first): it logs once per second and says how many were held back. */
struct log_burst {
    int64_t until_ms;
    uint64_t held_back;
};

/* Name this process in every line; lines below level are dropped. */
void log_open(const char *process, enum log_level level);

/* "debug", "info", "warn", "error" -> level; -1 for anything else. */
int log_level_parse(const char *name);

/* msg is fixed words; pairs is a printf format of key=value pairs, or "". A
 * string value that may hold spaces is written key="%s"; what the format may
 * hold else, and how a string is kept in its quotes, log_pairs.h says. */
void log_debug(const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 2, 3)));
void log_error(const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 2, 3)));

/* log_warn, at most once a second per burst. */
void log_warn_burst(struct log_burst *burst, const char *msg, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

#endif
