#include "ctl/subcommand.h"

#include <stdio.h>
#include <string.h>

#include "ctl/complain.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"

/* 1 when name is these words. */
static int
is_named(const char *name, const char *first, const char *second)
{
    size_t len = strlen(first);

    if (strncmp(name, first, len) != 0)
        return 0;
    if (second == NULL)
        return name[len] == '\0';
    return name[len] == ' ' && strcmp(name + len + 1, second) == 0;
}

const struct subcommand *
subcommand_find(int argc, char **argv, int *ret_words)
{
    for (*ret_words = argc > 1 ? 2 : 1; *ret_words > 0; --*ret_words)
        for (size_t i = 0; i < subcommand_count && argc > 0; i++)
            if (is_named(subcommands[i].name, argv[0], *ret_words == 2 ? argv[1] : NULL))
                return &subcommands[i];
    return NULL;
}

const char *
exit_meaning(int code)
{
    for (size_t i = 0; i < exit_meaning_count; i++)
        if (exit_meanings[i].code == code)
            return exit_meanings[i].meaning;
    return "";
}

/* The word is none, or one that needs another ("incidents"). */
static int
answer_unknown(int argc, char **argv)
{
    int is_asking = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    if (help_print_group(argv[0], is_asking ? stdout : stderr) == 0)
        return is_asking ? EXIT_DONE : EXIT_USAGE;
    call_warn(NULL, "%s: no such command; bongsu --help lists them", argv[0]);
    return EXIT_USAGE;
}

static int
check_args(const struct call *call, struct err *err)
{
    const struct subcommand *command = call->command;

    if (call->arg_count < command->min_args)
        err_set(err, "what is missing? bongsu %s %s", command->name, command->args);
    else if (command->max_args == 0 && call->arg_count > 0)
        err_set(err, "%s: not an option", call->args[0]);
    else if (command->max_args >= 0 && call->arg_count > command->max_args)
        err_set(err, "%s: one argument too many (bongsu %s %s)", call->args[command->max_args],
                command->name, command->args);
    else
        return 0;
    return -1;
}

static int
answer_help(const struct subcommand *command)
{
    struct buf help = { 0 };
    int rc = help_append(command, &help);

    if (rc == 0)
        fputs(help.ptr, stdout);
    buf_release(&help);
    return rc == 0 ? EXIT_DONE : EXIT_SOFTWARE;
}

static int
run(struct call *call)
{
    struct err err;
    int code = EXIT_USAGE;

    if (call->options.wants_help)
        return answer_help(call->command);
    if (call->options.wants_version) {
        printf("bongsu %s\n", BONGSU_VERSION);
        return EXIT_DONE;
    }
    if (check_args(call, &err) == 0) {
        code = EXIT_CONFIG;
        if (timestamp_init(&err) == 0)
            return call->command->run(call);
    }
    return call_complain(call, code, &err);
}

/* Of a call that could not be read. */
static int
asks_for_json(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return 1;
    return 0;
}

int
subcommands_main(int argc, char **argv)
{
    struct call call = { 0 };
    struct err err;
    int words, code;

    call.command = subcommand_find(argc, argv, &words);
    if (call.command == NULL)
        return answer_unknown(argc, argv);
    call.name = call.command->name;
    if (flags_load(&call, argc - words + 1, argv + words - 1, &code, &err) != 0) {
        call.json = asks_for_json(argc, argv);
        call_complain(&call, code, &err);
    } else {
        code = run(&call);
    }
    /* a full buffer may have failed long before the last one */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
        fprintf(stderr, "bongsu %s: standard output cannot be written\n", call.name);
        code = EXIT_IO;
    }
    flags_release(&call);
    return code;
}
