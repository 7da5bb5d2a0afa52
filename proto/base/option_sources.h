/*
 * option_sources.h - what the command line and the file say about each option
 *
 * Parts of options.c; nobody else includes it.
 */
#ifndef PROTO_BASE_OPTION_SOURCES_H
#define PROTO_BASE_OPTION_SOURCES_H

#include "proto/base/options.h"

struct option_source {
    const char *flag;           /* in argv, NULL: not given */
    char *file;                 /* owned, NULL: not given */
    int line;                   /* of the key in the file */
};

/* The table and a source for each of its rows. */
struct option_table {
    const struct option *options;
    size_t count;
    struct option_source *sources;
};

/* Read argv into the flags and call. Arguments that are no options are moved
 * behind the others, each in its order, so that reading argv again gives the
 * same. 0, or -1 with the reason. */
int option_sources_argv(struct option_table *table, int argc, char **argv,
                        struct options_call *call, struct err *err);

/* Read the YAML file into file and line. 0, or -1 with "file:line: reason". */
int option_sources_file(struct option_table *table, const char *path, struct err *err);

/* 1 when value says something: not missing, not empty, not the placeholder. */
int option_sources_is_set(const struct option *option, const char *value,
                          int *ret_is_placeholder);
void option_sources_release(struct option_table *table);

#endif
