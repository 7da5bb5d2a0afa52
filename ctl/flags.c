#include "ctl/flags.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/subcommand.h"
#include "proto/base/option_value.h"
#include "proto/keys/bucket.h"
#include "proto/run/daemon.h"

#define AT(member) offsetof(struct call, member)

_Static_assert(offsetof(struct call, settings) == 0,
               "settings_options[] is used with this struct");

#define SEVERITIES "low medium high critical"
#define STATUSES "open acknowledged investigating resolved false_positive"

/* A wider table than the code around it: a row is a flag. */
#define SWITCH(id, letter, name, env, member, help)                                          \
    { id, letter, NULL, NULL, 0,                                                             \
      { name, env, OPTION_BOOL, AT(member), "no", 0, 1, OPTION_OF_CALL, NULL, help } }
#define TEXT(id, name, env, metavar, words, is_file, member, help)                           \
    { id, 0, metavar, words, is_file,                                                        \
      { name, env, OPTION_TEXT, AT(member), NULL, 0, 4096, OPTION_OF_CALL, NULL, help } }
#define NUMBER(id, name, env, metavar, type, member, fallback, min, max, help)               \
    { id, 0, metavar, NULL, 0,                                                               \
      { name, env, type, AT(member), fallback, min, max, OPTION_OF_CALL, NULL, help } }

const struct flag flags[] = {
    SWITCH("json", 0, "json", NULL, json, "print JSON, for programs"),
    TEXT("url", "url", "BONGSU_URL", "URL", NULL, 0, url,
         "where the api is (BONGSU_URL; default: that of api.listen)"),
    TEXT("ingest", "url", "BONGSU_SEND_URL", "URL", NULL, 0, ingest_url,
         "where ingest is (BONGSU_SEND_URL; default: that of ingest.listen)"),
    TEXT("ingest-url", "ingest-url", "BONGSU_SEND_URL", "URL", NULL, 0, ingest_url,
         "where ingest is, with --url (BONGSU_SEND_URL)"),
    TEXT("key-file", "key-file", "BONGSU_KEY_FILE", "FILE", NULL, 1, key_file,
         "file that holds the key (default: API_KEY or READER_KEY of the environment or ./.env)"),
    TEXT("ca", "ca", "BONGSU_CA", "FILE", NULL, 1, ca,
         "PEM file of the authority that signed the server's certificate (BONGSU_CA; default: the system's)"),
    TEXT("since", "since", NULL, "TIME", NULL, 0, since,
         "from then on: 2026-11-22T10:00:00+09:00, 2026-11-22, 10:00, 90m or 7d ago, yesterday"),
    TEXT("until", "until", NULL, "TIME", NULL, 0, until, "before then, written as for --since"),
    TEXT("status", "status", NULL, "STATUS", STATUSES, 0, status, "only of this status"),
    TEXT("severity", "severity", NULL, "LEVEL", SEVERITIES, 0, severity,
         "only of this severity or a worse one"),
    TEXT("rule", "rule", NULL, "RULE", NULL, 0, rule, "only of this rule: its id, or a part of its title"),
    TEXT("key", "key", NULL, "VALUE", NULL, 0, key, "only about this address, user or other key"),
    TEXT("text", "text", NULL, "TEXT", NULL, 0, text, "only with this text in a text field"),
    NUMBER("limit", "limit", NULL, "N", OPTION_INT, limit, "50", 1, 1000000, "at most so many"),
    NUMBER("tail", "limit", NULL, "N", OPTION_INT, limit, "20", 1, 1000,
           "how many of the newest are shown first"),
    SWITCH("follow", 'f', "follow", NULL, follow, "go on with what comes, until Ctrl-C"),
    NUMBER("every", "every", NULL, "TIME", OPTION_DURATION, every_ms, "1s", 100,
           INT64_C(3600000), "how often to look"),
    SWITCH("once", 0, "once", NULL, once, "show it once and end"),
    TEXT("note", "note", NULL, "TEXT", NULL, 0, note, "what is to be said about it"),
    TEXT("by", "by", "BONGSU_BY", "NAME", NULL, 0, by, "who says so (BONGSU_BY; default: the login name)"),
    TEXT("date", "date", NULL, "DAY", NULL, 0, date, "the day, or the week that holds it: 2026-11-22, yesterday"),
    TEXT("format", "format", NULL, "FORMAT", "md csv html json", 0, format, "md (default), csv, html or json"),
    TEXT("lang", "lang", NULL, "LANGUAGE", "en ko", 0, lang, "en or ko"),
    TEXT("resume", "resume", NULL, "FILE", NULL, 1, resume,
         "keep the place in this file after each page, and go on from it"),
    SWITCH("to-send", 0, "to-send", NULL, to_send,
           "as `bongsu send` takes them elsewhere, their ids as keys: each is stored once"),
    SWITCH("no-progress", 0, "no-progress", "BONGSU_SEND_NO_PROGRESS", no_progress,
           "no bar on standard error"),
    SWITCH("no-sort", 0, "no-sort", "BONGSU_SEND_NO_SORT", no_sort,
           "send a file's lines as they stand, not by their time"),
    NUMBER("batch-lines", "batch-lines", "BONGSU_SEND_BATCH_LINES", "N", OPTION_INT, batch_lines,
           "1000", 1, 1000, "lines in one request"),
    NUMBER("give-up", "give-up", "BONGSU_SEND_GIVE_UP", "TIME", OPTION_DURATION, give_up_ms, "0s",
           0, INT64_MAX / 2, "end with 69 when ingest does not answer for so long; 0s: never"),
    NUMBER("seed", "seed", NULL, "N", OPTION_INT, seed, "1", 0, INT64_MAX / 2,
           "another number is another morning"),
    NUMBER("events", "events", NULL, "N", OPTION_INT, events, "1200", 400, 20000, "about how many events"),
    SWITCH("print", 0, "print", NULL, print, "write the events to standard output, send nothing"),
    SWITCH("rotate", 0, "rotate", NULL, rotate, "put a new key in place of the one that is there"),
    SWITCH("reader", 0, "reader", NULL, reader, "READER_KEY, not API_KEY"),
    TEXT("scope", "scope", NULL, "SCOPE", "ingest read analyst admin", 0, scope,
         "what it may do: ingest (send events), read, analyst (read, change incidents) or admin (all)"),
    NUMBER("rate-events", "rate-events", NULL, "N", OPTION_INT, rate_events, "0", 0,
           BUCKET_MAX_RATE, "events a second that it may send; 0: as many as there are"),
    NUMBER("rate-bytes", "rate-bytes", NULL, "SIZE", OPTION_BYTES, rate_bytes, "0", 0,
           BUCKET_MAX_RATE, "bytes of bodies a second; 0: as many as there are"),
    NUMBER("expires", "expires", NULL, "TIME", OPTION_DURATION, expires_ms, "0s", 0,
           INT64_C(36500) * 24 * 3600 * 1000, "how long it counts, as in 90d; 0s: until it is revoked"),
    TEXT("rules", "rules", NULL, "FOLDER|FILE", NULL, 1, rules, "the rules (default: those of detector.rules)"),
    TEXT("new-rules", "rules", NULL, "FOLDER|FILE", NULL, 1, rules,
         "other rules, to be compared with those of detector.rules; not with what happened"),
    TEXT("file", "file", NULL, "FILE", NULL, 1, file,
         "events or log lines, one a line (- is standard input), not those that are stored"),
    TEXT("logsource", "logsource", NULL, "LIST", NULL, 0, logsource,
         "what logged the lines: any of product=linux,category=process_creation,service=sshd; auto: by "
         "the fields of each, as the detector does"),
    TEXT("logsource-fields", "logsource-fields", NULL, "LIST", NULL, 0, logsource_fields,
         "fields of a line that say it, first: product=NAME,category=NAME,service=NAME"),
    NUMBER("nearest", "nearest", NULL, "N", OPTION_INT, nearest, "3", 0, 1000,
           "how many rules that do not match, and are nearest to it, are explained too"),
    SWITCH("lint", 0, "lint", NULL, lint,
           "every finding that its author may not have meant, not only how many there are"),
    SWITCH("raw", 0, "raw", NULL, raw, "the lines are of a log, for the decoders; not JSON"),
    TEXT("into", "into", NULL, "FOLDER", NULL, 1, into, "write every page as a file there"),
    TEXT("rules-into", "into", NULL, "FOLDER", NULL, 1, into,
         "the folder of rules (default: that of detector.rules)"),
    SWITCH("all-refusals", 0, "all", NULL, all, "each rule that is refused, not only how many for what reason"),
    SWITCH("all", 0, "all", NULL, all, "also what is as by default"),
    SWITCH("all-letters", 0, "all", NULL, all, "all that there are"),
};

const size_t flag_count = sizeof(flags) / sizeof(flags[0]);

const struct flag *
flags_next(const char **ids)
{
    struct text rest = text_of(*ids), id;

    if (rest.len == 0)
        return NULL;
    id = text_split(&rest, ' ');
    *ids = rest.ptr == NULL ? "" : rest.ptr;
    for (size_t i = 0; i < flag_count; i++)
        if (text_is(id, flags[i].id))
            return &flags[i];
    return NULL;
}

struct option *
flags_options(const struct subcommand *command, size_t *ret_count)
{
    struct option *all = calloc(flag_count + settings_option_count, sizeof *all);
    const char *ids = command->flags;
    const struct flag *flag;
    size_t count = 0;

    if (all == NULL)
        return NULL;
    while ((flag = flags_next(&ids)) != NULL)
        all[count++] = flag->option;
    memcpy(all + count, settings_options, settings_option_count * sizeof *all);
    *ret_count = count + settings_option_count;
    return all;
}

/* options.h gives every flag a value and knows no letters: "-f" and "--follow"
 * are "--follow=yes" to it. */
static char *
unfold(struct call *call, char *arg)
{
    const char *ids = call->command->flags;
    const struct flag *flag;

    while ((flag = flags_next(&ids)) != NULL) {
        const char letter[3] = { '-', flag->letter, '\0' };
        char name[OPTION_NAME_LEN];

        option_flag(&flag->option, name);
        if (flag->metavar == NULL &&
            (strcmp(arg, name) == 0 || (flag->letter != 0 && strcmp(arg, letter) == 0)))
            return (char *)(uintptr_t)arena_printf(&call->space, "%s=yes", name).ptr;
    }
    return arg;
}

static int
copy_args(struct call *call, int argc, char **argv)
{
    int is_behind = 0;

    call->argv = arena_alloc(&call->space, ((size_t)argc + 1) * sizeof *call->argv);
    if (call->argv == NULL)
        return -1;
    for (int i = 0; i < argc; i++) {
        is_behind = is_behind || strcmp(argv[i], "--") == 0;
        call->argv[i] = i == 0 || is_behind ? argv[i] : unfold(call, argv[i]);
        if (call->argv[i] == NULL)
            return -1;
    }
    call->argv[argc] = NULL;
    call->argc = argc;
    return 0;
}

int
flags_load(struct call *call, int argc, char **argv, int *ret_code, struct err *err)
{
    size_t count = 0;
    struct option *options = flags_options(call->command, &count);
    int rc = -1;

    *ret_code = EXIT_SOFTWARE;
    if (options == NULL || copy_args(call, argc, argv) != 0) {
        err_set(err, "out of memory");
    } else if (options_load(options, count, call, argc, call->argv, &call->options, err) != 0) {
        *ret_code = call->options.is_wrong ? EXIT_USAGE : EXIT_CONFIG;
    } else {
        call->args = call->options.args;
        call->arg_count = call->options.arg_count;
        *ret_code = EXIT_CONFIG;
        rc = call->options.wants_help || call->options.wants_version
                 ? 0 : settings_finish(&call->settings, err);
    }
    free(options);
    return rc;
}

void
flags_release(struct call *call)
{
    size_t count = 0;
    struct option *options = flags_options(call->command, &count);

    if (options != NULL)
        options_release(options, count, call);
    free(options);
    arena_release(&call->space);
}
