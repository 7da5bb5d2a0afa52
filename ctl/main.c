#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/env_file.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"

/* `bongsu help incidents list` is `bongsu incidents list --help`. */
static int
help_main(int argc, char **argv)
{
    char help[] = "--help", *args[4] = { NULL };
    int words = argc < 3 ? argc : 2;

    if (argc == 0) {
        help_print_all(stdout);
        return EXIT_DONE;
    }
    memcpy(args, argv, (size_t)words * sizeof *args);
    args[words] = help;
    return subcommands_main(words + 1, args);
}

static int
is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int
main(int argc, char **argv)
{
    struct err err;

    if (argc < 2) {
        help_print_all(stderr);
        return EXIT_USAGE;
    }
    if (is_one_of(argv[1], "--help", "-h"))
        return help_main(0, NULL);
    if (strcmp(argv[1], "help") == 0)
        return help_main(argc - 2, argv + 2);
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
    return subcommands_main(argc - 1, argv + 1);
}
