/*
 * log_pairs.h - printf for the key=value pairs of a log line
 *
 * As vsnprintf, but a string cannot leave its value: inside key="%s" a " and
 * a \ are written \" and \\, and after key= a string with a space, " or \ in
 * it (or an empty one) gets quotes of its own. So what an attacker chose can
 * neither end its value nor add a pair. Known are s d i u x X c f and %, with
 * 0, width, precision, * and l ll z; the rest of a format after anything else
 * is written as it stands.
 */
#ifndef PROTO_BASE_LOG_PAIRS_H
#define PROTO_BASE_LOG_PAIRS_H

#include <stdarg.h>
#include <stddef.h>

/* At most size - 1 bytes and a NUL go to out. Returns the length of what is
 * there; what did not fit is lost. */
size_t log_pairs(char *out, size_t size, const char *pairs, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
