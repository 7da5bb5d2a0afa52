#include "detector/watch/rule_settings.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/file_look.h"

static const char option[] = "detector.rule_choice";

static struct {
    int argc;
    char **argv;
    const char *path;           /* of the configuration; of argv or the environment */
    int is_known;               /* it is; NULL: there is no file */
} called;

/* Reading the options puts them in order: the caller of ours has done so already. */
static int
load(struct settings *settings, struct err *err)
{
    char **argv = calloc((size_t)called.argc + 1, sizeof(*argv));
    struct options_call call = { 0 };
    int rc = -1;

    if (argv == NULL) {
        err_set(err, "%s: out of memory", option);
        return -1;
    }
    memcpy(argv, called.argv, (size_t)called.argc * sizeof(*argv));
    rc = settings_load(settings, called.argc, argv, &call, err);
    if (rc == 0)
        called.path = call.config_path, called.is_known = 1;
    free(argv);
    return rc;
}

void
rule_settings_remember(int argc, char **argv)
{
    called.argc = argc;
    called.argv = argv;
}

struct rule_choice *
rule_settings_choice(const struct settings *settings, struct err *err)
{
    struct settings fresh = { 0 };
    struct rule_choice *choice;

    if (called.argc == 0)
        return rule_choice_parse(option, settings->rule_choice, err);
    if (load(&fresh, err) != 0)
        return NULL;
    choice = rule_choice_parse(option, fresh.rule_choice, err);
    settings_release(&fresh);
    return choice;
}

uint64_t
rule_settings_look(void)
{
    struct settings first = { 0 };
    struct err err;

    if (called.argc > 0 && !called.is_known && load(&first, &err) == 0)
        settings_release(&first);
    return called.path == NULL ? 0 : file_look(called.path);
}
