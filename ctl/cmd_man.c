#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/subcommand.h"
#include "proto/base/option_value.h"
#include "proto/run/daemon.h"

/* Append text for roff: a backslash, and a point or quote that begins a line,
 * are no commands; a hyphen is one that can be copied. Returns nothing: memory
 * that is out shows at the end. */
static void
append_roff(struct buf *out, const char *text)
{
    int is_start = 1;

    for (; *text != '\0'; text++) {
        if (is_start && (*text == '.' || *text == '\''))
            buf_append_str(out, "\\&");
        is_start = *text == '\n';
        switch (*text) {
        case '\\': buf_append_str(out, "\\e"); break;
        case '-': buf_append_str(out, "\\-"); break;
        case '\'': buf_append_str(out, "\\(aq"); break;
        case '`': buf_append_str(out, "\\(ga"); break;
        case '^': buf_append_str(out, "\\(ha"); break;
        case '~': buf_append_str(out, "\\(ti"); break;
        default: buf_append_char(out, *text);
        }
    }
}

static void
append_bold(struct buf *out, const char *text)
{
    buf_append_str(out, "\\fB");
    append_roff(out, text);
    buf_append_str(out, "\\fR");
}

static void
append_flag(struct buf *out, const char *name, const char *metavar, const char *help,
            const char *fallback)
{
    buf_append_str(out, ".TP\n");
    append_bold(out, name);
    if (metavar != NULL) {
        buf_append_str(out, " \\fI");
        append_roff(out, metavar);
        buf_append_str(out, "\\fR");
    }
    buf_append_char(out, '\n');
    append_roff(out, help);
    if (fallback != NULL) {
        buf_append_str(out, " (default ");
        append_roff(out, fallback);
        buf_append_char(out, ')');
    }
    buf_append_char(out, '\n');
}

static void
append_flags(struct buf *out, const struct subcommand *command)
{
    const char *ids = command->flags;
    const struct flag *flag;
    char name[OPTION_NAME_LEN], both[OPTION_NAME_LEN + 8];

    while ((flag = flags_next(&ids)) != NULL) {
        option_flag(&flag->option, name);
        snprintf(both, sizeof both, flag->letter != 0 ? "-%c, %s" : "%.0d%s", flag->letter, name);
        append_flag(out, both, flag->metavar, flag->option.help,
                    flag->metavar == NULL ? NULL : flag->option.fallback);
    }
}

static void
append_exit(struct buf *out, int code)
{
    buf_printf(out, ".TP\n.B %d\n", code);
    append_roff(out, exit_meaning(code));
    buf_append_char(out, '\n');
}

static void
append_examples(struct buf *out, const struct subcommand *command)
{
    buf_append_str(out, ".SH EXAMPLES\n.nf\n");
    for (size_t i = 0; i < SUBCOMMAND_EXAMPLES && command->examples[i] != NULL; i++) {
        append_roff(out, command->examples[i]);
        buf_append_char(out, '\n');
    }
    buf_append_str(out, ".fi\n");
}

/* "bongsu-incidents-list", as git names its pages. */
static void
append_page_name(struct buf *out, const char *command)
{
    struct text rest = text_of(command);

    buf_append_str(out, "bongsu");
    while (rest.ptr != NULL) {
        buf_append_char(out, '-');
        buf_append_text(out, text_split(&rest, ' '));
    }
}

static void
append_reference(struct buf *out, const char *command)
{
    struct buf name = { 0 };

    append_page_name(&name, command);
    append_bold(out, name.ptr == NULL ? "" : name.ptr);
    buf_append_str(out, "(1)");
    buf_release(&name);
}

static void
append_title(struct buf *out, const char *name)
{
    buf_append_str(out, ".TH ");
    for (const char *c = name; *c != '\0'; c++)
        buf_append_char(out, (char)toupper((unsigned char)*c));
    buf_printf(out, " 1 \"\" \"Bongsu %s\" \"Bongsu\"\n", BONGSU_VERSION);
}

/* The other commands of its group ("incidents"), after the page of all. */
static void
append_see_also(struct buf *out, const struct subcommand *command)
{
    size_t group = strcspn(command->name, " ");

    buf_append_str(out, ".SH SEE ALSO\n\\fBbongsu\\fR(1)");
    for (size_t i = 0; i < subcommand_count; i++)
        if (&subcommands[i] != command && command->name[group] == ' ' &&
            strncmp(subcommands[i].name, command->name, group + 1) == 0) {
            buf_append_str(out, ",\n");
            append_reference(out, subcommands[i].name);
        }
    buf_append_char(out, '\n');
}

static void
append_command_page(struct buf *out, const char *name, const struct subcommand *command)
{
    append_title(out, name);
    buf_append_str(out, ".SH NAME\n");
    append_roff(out, name);
    buf_append_str(out, " \\- ");
    append_roff(out, command->summary);
    buf_append_str(out, "\n.SH SYNOPSIS\n\\fBbongsu ");
    append_roff(out, command->name);
    buf_append_str(out, "\\fR [\\fIOPTION\\fR]...");
    if (command->args[0] != '\0') {
        buf_append_str(out, " \\fI");
        append_roff(out, command->args);
        buf_append_str(out, "\\fR");
    }
    buf_append_str(out, "\n.SH DESCRIPTION\n");
    append_roff(out, command->summary);
    buf_append_str(out, ".\n");
    if (command->about != NULL) {
        append_roff(out, command->about);
        buf_append_char(out, '\n');
    }
    buf_append_str(out, ".SH OPTIONS\n");
    append_flags(out, command);
    buf_append_str(out, ".PP\nAll settings are taken too: \\fBbongsu\\fR(1) lists them.\n");
    append_examples(out, command);
    buf_append_str(out, ".SH EXIT STATUS\n");
    append_exit(out, EXIT_DONE);
    for (size_t i = 0; i < SUBCOMMAND_EXITS && command->exits[i] != 0; i++)
        append_exit(out, command->exits[i]);
    append_see_also(out, command);
}

static void
append_settings(struct buf *out)
{
    char name[OPTION_NAME_LEN];

    for (size_t i = 0; i < settings_option_count; i++) {
        const struct option *option = &settings_options[i];

        if (option->flags & OPTION_SECRET)
            option_env(option, name);
        else
            option_flag(option, name);
        append_flag(out, name, option->flags & OPTION_SECRET ? "(environment)" : NULL,
                    option->help, option->fallback);
    }
}

static const char head[] =
    ".SH NAME\nbongsu \\- run and ask the Bongsu mini\\-SIEM\n"
    ".SH SYNOPSIS\n\\fBbongsu\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
    ".SH DESCRIPTION\n"
    "Bongsu takes in security events and log lines, judges them by rules, keeps everything,\n"
    "and tells people of what it found. This command starts it, sends to it, and asks it.\n"
    ".PP\n"
    "Commands that ask speak to the api, here or with \\fB\\-\\-url\\fR on another machine. A key\n"
    "is never an argument: it is in the environment, in \\fI./.env\\fR, or in a file.\n"
    ".SH COMMANDS\n";

static const char files[] =
    ".SH FILES\n.TP\n.I ./.env\nkeys and settings as NAME=value lines\n"
    ".TP\n.I ./bongsu.yml\nthe configuration, unless \\fB\\-\\-config\\fR or BONGSU_CONFIG names "
    "another\n.TP\n.I ./var\ndata, unless \\fB\\-\\-data\\-dir\\fR says otherwise\n";

static void
append_commands(struct buf *out)
{
    for (size_t i = 0; i < subcommand_count; i++) {
        buf_append_str(out, ".TP\n");
        append_reference(out, subcommands[i].name);
        buf_append_char(out, '\n');
        append_roff(out, subcommands[i].summary);
        buf_append_char(out, '\n');
    }
}

static void
append_page_of_all(struct buf *out)
{
    append_title(out, "bongsu");
    buf_append_str(out, head);
    append_commands(out);
    buf_append_str(out, ".SH SETTINGS\nEvery command takes these too; a flag beats the "
                        "environment, that the file.\n");
    append_settings(out);
    buf_append_str(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < exit_meaning_count; i++)
        append_exit(out, exit_meanings[i].code);
    buf_append_str(out, files);
}

/* The page of a command, or of all (NULL), into the folder as a file or, without
 * one, to standard output. */
static int
put_page(const char *folder, const struct subcommand *command, struct err *err)
{
    struct buf page = { 0 }, name = { 0 };
    char *path = NULL;
    FILE *out = stdout;
    int rc = -1;

    if (command == NULL)
        buf_append_str(&name, "bongsu");
    else
        append_page_name(&name, command->name);
    if (command == NULL)
        append_page_of_all(&page);
    else
        append_command_page(&page, name.ptr, command);
    err_set(err, "out of memory");
    if (page.ptr == NULL || name.ptr == NULL)
        goto done;
    if (folder != NULL) {
        if (asprintf(&path, "%s/%s.1", folder, name.ptr) < 0)
            goto done;
        out = fopen(path, "w");
        err_set(err, "%s: %s", path, strerror(errno));
        if (out == NULL)
            goto done;
    }
    rc = fputs(page.ptr, out) < 0 ? -1 : 0;
    if (folder != NULL && fclose(out) != 0)
        rc = -1;

done:
    free(path);
    buf_release(&name);
    buf_release(&page);
    return rc;
}

/* bongsu man [COMMAND [WORD]], bongsu man --into DIR: every page as a file. */
int
man_run(struct call *call)
{
    const struct subcommand *command = NULL;
    struct err err;
    int words, rc;

    if (call->arg_count > 0) {
        command = subcommand_find(call->arg_count, call->args, &words);
        if (command == NULL || words < call->arg_count) {
            err_set(&err, "%.80s: no such command; bongsu --help lists them",
                    call->args[call->arg_count - 1]);
            return call_complain(call, EXIT_USAGE, &err);
        }
    }
    rc = put_page(call->into, command, &err);
    for (size_t i = 0; i < subcommand_count && rc == 0 && call->into != NULL; i++)
        rc = put_page(call->into, &subcommands[i], &err);
    return rc == 0 ? EXIT_DONE : call_complain(call, EXIT_IO, &err);
}
