/*
 * flags.h - the flags of all commands, in one table, and what a call gave
 *
 * A command names the flags that it takes by their ids; two flags may have one
 * name (--url) where no command takes both. All settings (bongsu config docs)
 * are flags of every command too.
 */
#ifndef CTL_FLAGS_H
#define CTL_FLAGS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/settings.h"

struct subcommand;

/* A call that was read. Texts are NULL when they were not given. */
struct call {
    struct settings settings;   /* first: its table's offsets hold here too */
    const struct subcommand *command;
    const char *name;           /* for messages: "incidents list" */
    struct options_call options;
    char **args;                /* what is no flag */
    int arg_count;
    int argc;                   /* as it was called, flags first */
    char **argv;
    struct arena space;

    int64_t json, follow, no_progress, no_sort, once, print, rotate, reader, all, to_send, raw,
            lint;
    char *url, *ingest_url, *key_file, *ca;
    char *since, *until, *status, *severity, *rule, *key, *text;
    char *note, *by, *date, *format, *lang, *resume, *into;
    char *scope;
    char *rules, *logsource, *logsource_fields, *file;
    int64_t limit, batch_lines, give_up_ms, every_ms, seed, events, nearest;
    int64_t rate_events, rate_bytes, expires_ms;
};

struct flag {
    const char *id;
    char letter;                /* -f; 0: none */
    const char *metavar;        /* NULL: it takes no value */
    const char *words;          /* what its value may be, space separated; or NULL */
    int is_file;
    struct option option;
};

extern const struct flag flags[];
extern const size_t flag_count;

/* The next flag of a command's list (*ids is moved on); NULL at the end. */
const struct flag *flags_next(const char **ids);

/* Read the call's argv (argv[0] is skipped). 0; or -1 with the reason, and
 * the exit code in *ret_code. */
int flags_load(struct call *call, int argc, char **argv, int *ret_code, struct err *err);

/* All options that the call may give: its flags, then settings_options[]. The
 * caller frees; NULL when out of memory. */
struct option *flags_options(const struct subcommand *command, size_t *ret_count);
void flags_release(struct call *call);

#endif
