/*
 * subcommand.h - the commands of bongsu, in one table
 *
 * A row says all there is to know of a command: from it come the help, the
 * shells' completion and the manual page. Adding a command is adding a row
 * (subcommand_table.c) and a function in a cmd_<name>.c; a flag is a row of
 * flags.c.
 */
#ifndef CTL_SUBCOMMAND_H
#define CTL_SUBCOMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "ctl/flags.h"
#include "proto/base/buf.h"

enum { SUBCOMMAND_EXAMPLES = 3, SUBCOMMAND_EXITS = 10 };

/* What a shell offers for an argument that is no flag. */
enum argument_kind { ARGUMENT_NONE, ARGUMENT_FILE, ARGUMENT_WORDS, ARGUMENT_ANY };

struct subcommand {
    const char *name;           /* "incidents list" */
    const char *args;           /* of the synopsis, behind the flags: "ID STATUS" */
    const char *summary;        /* a line, without a full stop */
    const char *about;          /* more, or NULL */
    const char *flags;          /* of flags[], by id, space separated */
    const char *examples[SUBCOMMAND_EXAMPLES];
    int (*run)(struct call *call);
    int min_args, max_args;     /* -1: any number */
    enum argument_kind kind;
    const char *words;          /* of ARGUMENT_WORDS, space separated */
    int exits[SUBCOMMAND_EXITS];    /* besides 0 and 64; 0 ends them */
    int is_server;              /* all settings are shown as its flags */
};

extern const struct subcommand subcommands[];
extern const size_t subcommand_count;

/* What an exit code means, in the order of the numbers. */
struct exit_meaning {
    int code;
    const char *meaning;
};

extern const struct exit_meaning exit_meanings[];
extern const size_t exit_meaning_count;
const char *exit_meaning(int code);

/* The command that argv begins with (one word or two), and how many words that
 * are; NULL when there is none. */
const struct subcommand *subcommand_find(int argc, char **argv, int *ret_words);

/* Run the command that argv[0] (and argv[1]) names. The exit code. */
int subcommands_main(int argc, char **argv);

/* Help of all, of a word's commands ("incidents"), of one. */
void help_print_all(FILE *out);
int help_print_group(const char *word, FILE *out);
int help_append(const struct subcommand *command, struct buf *out);

/* Every cmd_<name>.c; the exit code. */
int up_run(struct call *call);
int status_run(struct call *call);
int top_run(struct call *call);
int health_run(struct call *call);
int send_run(struct call *call);
int decode_run(struct call *call);
int demo_run(struct call *call);
int incidents_list_run(struct call *call);
int incidents_show_run(struct call *call);
int incidents_status_run(struct call *call);
int events_search_run(struct call *call);
int events_tail_run(struct call *call);
int deadletter_list_run(struct call *call);
int deadletter_retry_run(struct call *call);
int report_run(struct call *call);
int export_run(struct call *call);
int store_copy_run(struct call *call);
int rules_add_run(struct call *call);
int rules_reload_run(struct call *call);
int rules_run(struct call *call);
int rules_match_run(struct call *call);
int rules_explain_run(struct call *call);
int rules_replay_run(struct call *call);
int notify_test_run(struct call *call);
int config_check_run(struct call *call);
int config_docs_run(struct call *call);
int config_show_run(struct call *call);
int config_keys_run(struct call *call);
int bus_keys_run(struct call *call);
int key_add_run(struct call *call);
int key_list_run(struct call *call);
int key_revoke_run(struct call *call);
int completion_run(struct call *call);
int man_run(struct call *call);

#endif
