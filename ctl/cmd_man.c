#include <ctype.h>
#include <stdio.h>
#include <string.h>

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
append_exits(struct buf *out, const struct subcommand *command)
{
    buf_append_str(out, ".PP\nExit: 0");
    for (size_t i = 0; i < SUBCOMMAND_EXITS && command->exits[i] != 0; i++)
        buf_printf(out, ", %d", command->exits[i]);
    buf_append_str(out, ".\n");
}

static void
append_command(struct buf *out, const struct subcommand *command)
{
    buf_append_str(out, ".SS ");
    append_roff(out, command->name);
    buf_append_str(out, "\n\\fBbongsu ");
    append_roff(out, command->name);
    buf_append_str(out, "\\fR [\\fIOPTION\\fR]...");
    if (command->args[0] != '\0') {
        buf_append_str(out, " \\fI");
        append_roff(out, command->args);
        buf_append_str(out, "\\fR");
    }
    buf_append_str(out, "\n.PP\n");
    append_roff(out, command->summary);
    buf_append_str(out, ".\n");
    if (command->about != NULL) {
        append_roff(out, command->about);
        buf_append_char(out, '\n');
    }
    append_flags(out, command);
    buf_append_str(out, ".PP\nExample:\n.PP\n.nf\n");
    for (size_t i = 0; i < SUBCOMMAND_EXAMPLES && command->examples[i] != NULL; i++) {
        buf_append_str(out, "    ");
        append_roff(out, command->examples[i]);
        buf_append_char(out, '\n');
    }
    buf_append_str(out, ".fi\n");
    append_exits(out, command);
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

int
man_run(struct call *call)
{
    struct buf out = { 0 };

    (void)call;
    buf_printf(&out, ".TH BONGSU 1 \"\" \"Bongsu %s\" \"Bongsu\"\n", BONGSU_VERSION);
    buf_append_str(&out, head);
    for (size_t i = 0; i < subcommand_count; i++)
        append_command(&out, &subcommands[i]);
    buf_append_str(&out, ".SH SETTINGS\nEvery command takes these too; a flag beats the "
                         "environment, that the file.\n");
    append_settings(&out);
    buf_append_str(&out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < exit_meaning_count; i++) {
        buf_printf(&out, ".TP\n.B %d\n", exit_meanings[i].code);
        append_roff(&out, exit_meanings[i].meaning);
        buf_append_char(&out, '\n');
    }
    buf_append_str(&out, files);
    fputs(out.ptr == NULL ? "" : out.ptr, stdout);
    buf_release(&out);
    return EXIT_DONE;
}
