#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/env_file.h"
#include "ctl/send.h"
#include "proto/run/daemon.h"

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *usage, *help;
} commands[] = {
    { "up", up_main, "up [--data-dir DIR] [--ingest-listen HOST:PORT] [--api-listen HOST:PORT] [--config FILE]",
      "start the five processes and keep them running" },
    { "send", send_main, "send FILE|-...", "send log files or standard input to ingest" },
    { "status", status_main, "status [--json]", "show the five: rates, backlogs, what is wrong" },
    { "notify", notify_main, "notify test", "send a test message and print the answer" },
    { "config", config_main, "config check|docs", "check the configuration; print all options" },
    { "health", health_main, "health [PROCESS]", "exit 0 when it is ready (for containers)" },
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void
print_help(FILE *out)
{
    fprintf(out, "usage: bongsu COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s %s\n           bongsu %s\n", commands[i].name, commands[i].help,
                commands[i].usage);
    fprintf(out, "\nbongsu COMMAND --help shows a command's options; bongsu --version the version.\n"
                 "Settings come from flags, the environment (and ./.env), and ./bongsu.yml or --config FILE.\n");
}

int
main(int argc, char **argv)
{
    struct err err;

    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("bongsu %s\n", BONGSU_VERSION);
        return EXIT_DONE;
    }
    if (access("bongsu.yml", R_OK) == 0)
        setenv("BONGSU_CONFIG", "bongsu.yml", 0);
    if (env_file_load(".env", &err) != 0) {
        fprintf(stderr, "bongsu: %s\n", err.text);
        return EXIT_CONFIG;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    fprintf(stderr, "bongsu: %s: no such command; bongsu --help lists them\n", argv[1]);
    return EXIT_USAGE;
}
