#include <stdlib.h>
#include <string.h>

#include "proto/base/option_sources.h"
#include "proto/base/option_value.h"
#include "proto/base/text.h"

/* Where in argv the reading is. */
struct cursor {
    char **argv;
    int argc, at;
};

/* The value after "=" or in the next argument; NULL with the reason. */
static const char *
take_value(struct cursor *in, struct text name, struct err *err)
{
    const char *value = in->argv[in->at] + name.len;

    if (*value == '=')
        value++;
    else if (in->at + 1 < in->argc)
        value = in->argv[++in->at];
    else
        value = "";
    if (value[0] != '\0')
        return value;
    err_set(err, "%.*s needs a value", (int)name.len, name.ptr);
    return NULL;
}

static int
find_by_flag(const struct option_table *table, struct text name, size_t *ret_i)
{
    char flag[OPTION_NAME_LEN];

    for (size_t i = 0; i < table->count; i++) {
        option_flag(&table->options[i], flag);
        if (text_is(name, flag)) {
            *ret_i = i;
            return 0;
        }
    }
    return -1;
}

/* An option of the table, or --config. */
static int
read_long(struct option_table *table, struct cursor *in, struct options_call *call,
          struct err *err)
{
    const char *arg = in->argv[in->at];
    struct text name = { arg, strcspn(arg, "=") };
    char env[OPTION_NAME_LEN];
    const char **where;
    size_t i;

    if (text_is(name, "--config")) {
        where = &call->config_path;
    } else if (find_by_flag(table, name, &i) != 0) {
        err_set(err, "unknown flag %.*s (--help lists them all)",
                name.len > 80 ? 80 : (int)name.len, name.ptr);
        return -1;
    } else if (table->options[i].flags & OPTION_SECRET) {
        option_env(&table->options[i], env);
        err_set(err, "%.*s: a secret is not taken as an argument, which everyone on this "
                     "machine can read; set the environment variable %s",
                (int)name.len, name.ptr, env);
        return -1;
    } else {
        where = &table->sources[i].flag;
    }
    *where = take_value(in, name, err);
    return *where == NULL ? -1 : 0;
}

/* Read the option that begins at in->at. 0 or -1. */
static int
read_option(struct option_table *table, struct cursor *in, struct options_call *call,
            struct err *err)
{
    const char *arg = in->argv[in->at];

    if (strcmp(arg, "-n") == 0)
        call->wants_check = 1;
    else if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)
        call->wants_help = 1;
    else if (strcmp(arg, "--version") == 0)
        call->wants_version = 1;
    else
        return read_long(table, in, call, err);
    return 0;
}

/* flags, then "--" if it was there, then the others. A lone "-" is no option. */
int
option_sources_argv(struct option_table *table, int argc, char **argv,
                    struct options_call *call, struct err *err)
{
    struct cursor in = { argv, argc, 1 };
    char **others = calloc((size_t)argc + 1, sizeof(*others));
    int flag_end = 1, other_count = 0, rc = -1;

    if (others == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    for (; in.at < argc && strcmp(argv[in.at], "--") != 0; in.at++) {
        int first = in.at;

        if (argv[first][0] != '-' || argv[first][1] == '\0') {
            others[other_count++] = argv[first];
            continue;
        }
        if (read_option(table, &in, call, err) != 0)
            goto done;
        for (int i = first; i <= in.at; i++)
            argv[flag_end++] = argv[i];
    }
    if (in.at < argc)
        argv[flag_end++] = argv[in.at++];
    while (in.at < argc)
        others[other_count++] = argv[in.at++];
    memcpy(argv + flag_end, others, (size_t)other_count * sizeof(*others));
    call->args = argv + flag_end;
    call->arg_count = other_count;
    rc = 0;

done:
    free(others);
    return rc;
}
