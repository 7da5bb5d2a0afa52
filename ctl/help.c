#include <string.h>

#include "ctl/subcommand.h"
#include "proto/base/option_value.h"

enum { COLUMN = 28 };           /* where a flag's explanation begins */

static void
print_row(const struct subcommand *command, FILE *out)
{
    fprintf(out, "  %-17s %s\n", command->name, command->summary);
}

void
help_print_all(FILE *out)
{
    fprintf(out, "usage: bongsu COMMAND [OPTION]... [ARGUMENT]...\n\n");
    for (size_t i = 0; i < subcommand_count; i++)
        print_row(&subcommands[i], out);
    fprintf(out, "\nbongsu COMMAND --help shows a command's options, with an example;\n"
                 "bongsu --version the version. Settings come from flags, the environment\n"
                 "(and ./.env), and ./bongsu.yml or --config FILE.\n\nexit codes:\n");
    for (size_t i = 0; i < exit_meaning_count; i++)
        fprintf(out, "  %3d  %s\n", exit_meanings[i].code, exit_meanings[i].meaning);
}

int
help_print_group(const char *word, FILE *out)
{
    size_t len = strlen(word);
    int found = 0;

    for (size_t i = 0; i < subcommand_count; i++)
        if (strncmp(subcommands[i].name, word, len) == 0 && subcommands[i].name[len] == ' ') {
            if (!found++)
                fprintf(out, "usage: bongsu %s COMMAND [OPTION]...\n\n", word);
            print_row(&subcommands[i], out);
        }
    return found > 0 ? 0 : -1;
}

static int
append_row(struct buf *out, const char *name, const char *help)
{
    int pad = COLUMN - 2 - (int)strlen(name);

    if (pad < 2)
        return buf_printf(out, "  %s\n%*s%s\n", name, COLUMN, "", help);
    return buf_printf(out, "  %s%*s%s\n", name, pad, "", help);
}

static int
append_flag(struct buf *out, const struct flag *flag)
{
    char name[OPTION_NAME_LEN], left[2 * OPTION_NAME_LEN], help[1024];
    const char *fallback = flag->metavar != NULL ? flag->option.fallback : NULL;
    char letter[5] = { '-', flag->letter, ',', ' ', '\0' };

    option_flag(&flag->option, name);
    snprintf(left, sizeof left, "%s%s%s%s", flag->letter != 0 ? letter : "", name,
             flag->metavar != NULL ? " " : "", flag->metavar != NULL ? flag->metavar : "");
    snprintf(help, sizeof help, "%s%s%s%s", flag->option.help,
             fallback != NULL ? " (default " : "", fallback != NULL ? fallback : "",
             fallback != NULL ? ")" : "");
    return append_row(out, left, help);
}

static int
append_common(struct buf *out, const struct subcommand *command)
{
    if (command->is_server)
        return options_help(settings_options, settings_option_count, out);
    if (append_row(out, "--config FILE", "configuration in YAML; also BONGSU_CONFIG") != 0 ||
        append_row(out, "-h, --help", "show this and end") != 0)
        return -1;
    return buf_append_str(out, "\nAll settings of `bongsu config docs` (--data-dir, --api-listen, "
                               "...) are taken too.\n");
}

static int
append_exits(struct buf *out, const struct subcommand *command)
{
    int rc = buf_printf(out, "\nexit codes:\n    0  %s\n", exit_meaning(0));

    for (size_t i = 0; rc == 0 && i < SUBCOMMAND_EXITS && command->exits[i] != 0; i++)
        rc = buf_printf(out, "  %3d  %s\n", command->exits[i], exit_meaning(command->exits[i]));
    return rc;
}

int
help_append(const struct subcommand *command, struct buf *out)
{
    const char *ids = command->flags;
    const struct flag *flag;
    int rc = buf_printf(out, "usage: bongsu %s [OPTION]...%s%s\n\n%s.\n", command->name,
                        command->args[0] != '\0' ? " " : "", command->args, command->summary);

    if (rc == 0 && command->about != NULL)
        rc = buf_printf(out, "%s\n", command->about);
    if (rc == 0)
        rc = buf_append_str(out, "\nexample:\n");
    for (size_t i = 0; rc == 0 && i < SUBCOMMAND_EXAMPLES && command->examples[i] != NULL; i++)
        rc = buf_printf(out, "  %s\n", command->examples[i]);
    if (rc == 0)
        rc = buf_append_str(out, "\noptions:\n");
    while (rc == 0 && (flag = flags_next(&ids)) != NULL)
        rc = append_flag(out, flag);
    return rc != 0 || append_common(out, command) != 0 || append_exits(out, command) != 0 ? -1
                                                                                         : 0;
}
