/*
 * options.h - configuration declared once, in a table
 *
 * A row gives an option's name in bongsu.yml ("ingest.listen"), from which
 * its flag follows (--ingest-listen), its environment variable, type,
 * default, range and help. A flag beats the environment, that beats the
 * file, that beats the default. A value equal to a row's placeholder counts
 * as unset.
 */
#ifndef PROTO_BASE_OPTIONS_H
#define PROTO_BASE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum option_type {
    OPTION_TEXT,        /* char *, owned by the target; NULL when unset */
    OPTION_INT,         /* int64_t within min..max */
    OPTION_BOOL,        /* int64_t 0 or 1; true/false/yes/no/on/off/1/0 */
    OPTION_BYTES,       /* int64_t; "64MiB", "10GiB", "512k", plain bytes */
    OPTION_DURATION,    /* int64_t milliseconds; "500ms", "10s", "5m", "1h", "30d" */
};

enum {
    OPTION_SECRET = 1,          /* no flag (arguments are public), never shown */
    OPTION_OF_CALL = 2,         /* a flag of one command: not in the file, and in the
                                 * environment only under a name that the row gives */
    OPTION_LIST = 4             /* a text that is several, with commas; a list in the file */
};

struct option {
    const char *name;
    const char *env;            /* NULL: BONGSU_ and the name in capitals */
    enum option_type type;
    size_t offset;              /* of the member in the target struct */
    const char *fallback;       /* default as text, NULL: unset */
    int64_t min, max;           /* numbers: range; text: longest length, 0 = 4096 */
    unsigned flags;
    const char *placeholder;    /* .env.example's value, NULL: none */
    const char *help;
};

/* What the command line said besides options of the table. */
struct options_call {
    const char *config_path;    /* --config FILE, or BONGSU_CONFIG, or NULL */
    int wants_help;             /* --help, -h */
    int wants_check;            /* -n: check and exit */
    int wants_version;          /* --version */
    int is_wrong;               /* set on -1: the call itself, not a value, is at fault */
    char **args;                /* what is no option, in order; points into argv */
    int arg_count;
};

/* Fill target from argv, environment, file and defaults. argv[0] is skipped.
 * Unknown flags, unknown keys (with file and line) and values out of range
 * are errors that name the option. 0 or -1. On -1 the target is released, and
 * of ret_call only is_wrong is set.
 * What target held before is not looked at. argv is reordered: options, "--",
 * then the args. With wants_help or wants_version no value is set: help must
 * come whatever the file says. An empty variable or file value is unset. */
int options_load(const struct option *options, size_t count, void *target,
                 int argc, char **argv, struct options_call *ret_call, struct err *err);

/* Where a value comes from, in words too: "flag --x", "environment X",
 * "bongsu.yml:3", "default". */
struct option_origin {
    enum option_from { OPTION_FROM_DEFAULT, OPTION_FROM_FILE, OPTION_FROM_ENVIRONMENT,
                       OPTION_FROM_FLAG } from;
    char where[192];
};

/* As options_load decides with the same argv, for each option of the table
 * (ret_origins has count). 0, or -1 with the reason. */
int options_origins(const struct option *options, size_t count, int argc, char **argv,
                    struct option_origin *ret_origins, struct err *err);

/* Free the texts of a target and zero it. */
void options_release(const struct option *options, size_t count, void *target);

/* Append the help: a line per option. */
int options_help(const struct option *options, size_t count, struct buf *out);

/* Append docs/CONFIG.md's table (name, environment, default, range, help). */
int options_markdown(const struct option *options, size_t count, struct buf *out);

/* The names of options whose environment or file value was still the
 * placeholder at the last options_load, comma separated; "" when none. */
const char *options_placeholders_seen(void);

#endif
