/*
 * option_value.h - one option's value between text and the target struct
 *
 * Parts of options.c; nobody else includes it. A reason here speaks of the
 * value alone ("\"x\" is no whole number"), the caller adds where it stood.
 */
#ifndef PROTO_BASE_OPTION_VALUE_H
#define PROTO_BASE_OPTION_VALUE_H

#include "proto/base/options.h"

enum { OPTION_NAME_LEN = 128, OPTION_NUMBER_LEN = 32 };

/* Set the member of a target to what str says. A text is copied; the old one
 * must be NULL or freed. 0, or -1 with the reason (never a secret's value). */
int option_value_set(const struct option *option, const char *str, void *target,
                     struct err *err);

/* The smallest and largest number the option takes. */
void option_value_range(const struct option *option, int64_t *ret_min, int64_t *ret_max);

/* A number as the option's type writes it ("10MiB", "5m", "65535"). */
void option_value_print(const struct option *option, int64_t number,
                        char out[OPTION_NUMBER_LEN]);

/* "--ingest-listen" and "BONGSU_INGEST_LISTEN" of "ingest.listen"; "" for what
 * the environment cannot set. */
void option_flag(const struct option *option, char out[OPTION_NAME_LEN]);
void option_env(const struct option *option, char out[OPTION_NAME_LEN]);

#endif
