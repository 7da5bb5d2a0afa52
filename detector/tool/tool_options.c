#include "detector/tool/tool_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "detector/tool/read_all.h"
#include "proto/base/text.h"

/* What holds without the flag is the setting's default; the limits are its limits,
 * of sixteen slots where each has its own. */
static const struct number_flag {
    const char *name;
    size_t at;
    int64_t otherwise, max;
} numbers[] = {
    { "--lateness-ms=", offsetof(struct tool_options, lateness_ms), 300000, INT64_C(86400000) },
    { "--max-keys=", offsetof(struct tool_options, max_keys), 250000, 160000000 },
    { "--max-entries=", offsetof(struct tool_options, max_entries), 500, 1000000 },
    { "--max-total-entries=", offsetof(struct tool_options, max_total_entries), 1000000,
      1600000000 },
    { "--max-rule-share=", offsetof(struct tool_options, max_rule_share), 80, 100 },
};

static const struct path_flag {
    const char *name;
    size_t at;
} paths[] = {
    { "--placeholders=", offsetof(struct tool_options, placeholders_path) },
    { "--allow=", offsetof(struct tool_options, allow_path) },
    { "--choice=", offsetof(struct tool_options, choice_lines) },
};

enum { MAX_ALLOW = 1024 * 1024 };

enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]), PATHS = sizeof(paths) / sizeof(paths[0]) };

static int64_t *
number_at(struct tool_options *options, size_t i)
{
    return (int64_t *)(void *)((char *)options + numbers[i].at);
}

static const char *
value_of(const char *arg, const char *name)
{
    return strncmp(arg, name, strlen(name)) == 0 ? arg + strlen(name) : NULL;
}

/* 0, or -1 with the reason. */
static int
take(struct tool_options *options, const char *arg, struct err *err)
{
    const char *value;

    for (size_t i = 0; i < PATHS; i++)
        if ((value = value_of(arg, paths[i].name)) != NULL) {
            *(const char **)(void *)((char *)options + paths[i].at) = value;
            return 0;
        }
    for (size_t i = 0; i < NUMBERS; i++)
        if ((value = value_of(arg, numbers[i].name)) != NULL &&
            text_to_int(text_of(value), 0, numbers[i].max, number_at(options, i)) == 0)
            return 0;
    err_set(err, "%.80s: is no option of the rules' tools, or a wrong number", arg);
    return -1;
}

int
tool_options_init(struct tool_options *options, int argc, char **argv, struct err *err)
{
    int taken = 0;

    *options = (struct tool_options){ .placeholders_path = "", .allow_path = "",
                                       .choice_lines = "" };
    for (size_t i = 0; i < NUMBERS; i++)
        *number_at(options, i) = numbers[i].otherwise;
    for (; taken < argc && strncmp(argv[taken], "--", 2) == 0; taken++)
        if (take(options, argv[taken], err) != 0)
            return -1;
    return taken;
}

int
tool_options_load(struct tool_options *options, struct err *err)
{
    options->choice = rule_choice_parse("detector.rule_choice", options->choice_lines, err);
    if (options->choice == NULL)
        return -1;
    if (options->placeholders_path[0] == '\0')
        return 0;
    options->placeholders = placeholders_load(options->placeholders_path, err);
    return options->placeholders == NULL ? -1 : 0;
}

void
tool_options_release(struct tool_options *options)
{
    placeholders_destroy(&options->placeholders);
    rule_choice_destroy(&options->choice);
}

int
tool_options_allow(const struct tool_options *options, struct allow_list **ret_list,
                   struct err *err)
{
    const char *path = options->allow_path;
    int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    struct buf bytes = { 0 };
    struct err why;

    *ret_list = NULL;
    if (path[0] == '\0' || (fd < 0 && errno == ENOENT))
        return 0;
    if (fd < 0)
        err_set(err, "%s: %s", path, strerror(errno));
    else if (read_all_of(fd, MAX_ALLOW, &bytes, &why) != 0)
        err_set(err, "%s: %s", path, why.text);
    else
        *ret_list = allow_list_parse(path, bytes.len == 0 ? "" : bytes.ptr, bytes.len, err);
    if (fd >= 0)
        close(fd);
    buf_release(&bytes);
    return *ret_list == NULL ? -1 : 0;
}

struct engine_options
tool_options_engine(const struct tool_options *options)
{
    return (struct engine_options){
        .lateness_us = options->lateness_ms * 1000,
        .max_keys = (size_t)options->max_keys,
        .max_entries = (size_t)options->max_entries,
        .max_total_entries = (size_t)options->max_total_entries,
        .rule_share = (unsigned)options->max_rule_share,
    };
}
