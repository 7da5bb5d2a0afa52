#include <string.h>

#include "proto/base/option_value.h"
#include "proto/base/options.h"

enum { COLUMN = 36 };           /* where help's explanations begin */

static const char *const kinds[] = {
    [OPTION_TEXT] = "TEXT", [OPTION_INT] = "NUMBER", [OPTION_BOOL] = "true|false",
    [OPTION_BYTES] = "SIZE", [OPTION_DURATION] = "TIME",
};

static int
help_row(struct buf *out, const char *name, const char *kind, const char *help)
{
    int pad = COLUMN - 3 - (int)strlen(name) - (int)strlen(kind);

    return buf_printf(out, "  %s %s%*s%s", name, kind, pad < 1 ? 1 : pad, "", help);
}

static int
help_option(const struct option *option, struct buf *out)
{
    int is_secret = (option->flags & OPTION_SECRET) != 0;
    char name[OPTION_NAME_LEN];

    if (is_secret)
        option_env(option, name);
    else
        option_flag(option, name);
    if (help_row(out, name, is_secret ? "(environment)" : kinds[option->type],
                 option->help) != 0)
        return -1;
    if (option->fallback != NULL && !is_secret &&
        buf_printf(out, " (default %s)", option->fallback) != 0)
        return -1;
    return buf_append_char(out, '\n');
}

int
options_help(const struct option *options, size_t count, struct buf *out)
{
    static const struct {
        const char *name, *kind, *help;
    } common[] = {
        { "--config", "FILE", "configuration in YAML; also BONGSU_CONFIG\n" },
        { "-n", "", "check the configuration and exit\n" },
        { "-h, --help", "", "show this and exit\n" },
        { "--version", "", "show the version and exit\n" },
    };

    for (size_t i = 0; i < count; i++)
        if (help_option(&options[i], out) != 0)
            return -1;
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (help_row(out, common[i].name, common[i].kind, common[i].help) != 0)
            return -1;
    return 0;
}

static int
append_range(const struct option *option, struct buf *out)
{
    char low[OPTION_NUMBER_LEN], high[OPTION_NUMBER_LEN];
    int64_t min, max;

    if (option->type == OPTION_TEXT)
        return buf_printf(out, "text");
    if (option->type == OPTION_BOOL)
        return buf_printf(out, "true or false");
    option_value_range(option, &min, &max);
    option_value_print(option, min, low);
    option_value_print(option, max, high);
    if (max == INT64_MAX)
        return buf_printf(out, "from %s", low);
    return buf_printf(out, "%s to %s", low, high);
}

/* A bar would begin a new column. */
static int
append_cell(struct buf *out, const char *str)
{
    for (; *str != '\0'; str++)
        if ((*str == '|' && buf_append_char(out, '\\') != 0) ||
            buf_append_char(out, *str) != 0)
            return -1;
    return 0;
}

static int
markdown_row(const struct option *option, struct buf *out)
{
    int is_secret = (option->flags & OPTION_SECRET) != 0;
    const char *quote = option->fallback == NULL ? "" : "`";
    char env[OPTION_NAME_LEN];

    option_env(option, env);
    if (buf_printf(out, "| `%s` | `%s` | %s%s%s | ", option->name, env, quote,
                   option->fallback == NULL ? "" : option->fallback, quote) != 0 ||
        append_range(option, out) != 0 || buf_append_str(out, " | ") != 0 ||
        append_cell(out, option->help) != 0)
        return -1;
    return buf_append_str(out, is_secret ? " (secret: no flag) |\n" : " |\n");
}

int
options_markdown(const struct option *options, size_t count, struct buf *out)
{
    if (buf_append_str(out, "| name | environment | default | range | what it does |\n"
                            "|---|---|---|---|---|\n") != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (markdown_row(&options[i], out) != 0)
            return -1;
    return 0;
}
