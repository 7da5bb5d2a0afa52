#include <stdio.h>
#include <string.h>

#include "ctl/subcommand.h"
#include "proto/base/option_value.h"
#include "proto/run/daemon.h"

/*
 * Both shells get one line per command: its name, its words and flags, and
 * what kind of argument it takes. A flag that takes a value is written with
 * its "=", so that a value's words can be offered behind it.
 */

static void
append_flag_words(struct buf *out, const struct flag *flag)
{
    char name[OPTION_NAME_LEN];

    option_flag(&flag->option, name);
    if (flag->metavar == NULL) {
        buf_printf(out, " %s", name);
        if (flag->letter != 0)
            buf_printf(out, " -%c", flag->letter);
        return;
    }
    buf_printf(out, " %s=", name);
}

/* " --json --status= --help" */
static void
append_words(struct buf *out, const struct subcommand *command)
{
    const char *ids = command->flags;
    const struct flag *flag;
    char name[OPTION_NAME_LEN];

    while ((flag = flags_next(&ids)) != NULL)
        append_flag_words(out, flag);
    for (size_t i = 0; command->is_server && i < settings_option_count; i++)
        if (!(settings_options[i].flags & OPTION_SECRET)) {
            option_flag(&settings_options[i], name);
            buf_printf(out, " %s=", name);
        }
    buf_append_str(out, " --config= --help");
    if (command->kind == ARGUMENT_WORDS)
        buf_printf(out, " %s", command->words);
}

/* The second words of a first one ("list show status"). */
static void
append_group(struct buf *out, const char *first, size_t len)
{
    for (size_t i = 0; i < subcommand_count; i++)
        if (strncmp(subcommands[i].name, first, len) == 0 && subcommands[i].name[len] == ' ')
            buf_printf(out, " %s", subcommands[i].name + len + 1);
}

static int
is_first_of_group(size_t i)
{
    size_t len = strcspn(subcommands[i].name, " ");

    for (size_t k = 0; k < i; k++)
        if (strncmp(subcommands[k].name, subcommands[i].name, len + 1) == 0)
            return 0;
    return 1;
}

static void
append_cases(struct buf *out)
{
    for (size_t i = 0; i < subcommand_count; i++) {
        const struct subcommand *command = &subcommands[i];
        size_t len = strcspn(command->name, " ");

        if (command->name[len] == ' ' && is_first_of_group(i)) {
            buf_printf(out, "    '%.*s') offers='", (int)len, command->name);
            append_group(out, command->name, len);
            buf_append_str(out, "'; group=1 ;;\n");
        }
        buf_printf(out, "    '%s') offers='", command->name);
        append_words(out, command);
        buf_printf(out, "'; files=%d ;;\n", command->kind == ARGUMENT_FILE);
    }
}

/* What may stand behind each flag's "=": first flags of the table win. */
static void
append_values(struct buf *out)
{
    for (size_t i = 0; i < flag_count; i++) {
        char name[OPTION_NAME_LEN];

        option_flag(&flags[i].option, name);
        if (flags[i].words != NULL)
            buf_printf(out, "    %s) values='%s' ;;\n", name, flags[i].words);
        else if (flags[i].is_file)
            buf_printf(out, "    %s) values=FILES ;;\n", name);
    }
    buf_append_str(out, "    --config|--data-dir|--detector-rules|--journal-dir|--store-dir) "
                        "values=FILES ;;\n");
}

static void
append_first_words(struct buf *out)
{
    for (size_t i = 0; i < subcommand_count; i++)
        if (is_first_of_group(i))
            buf_printf(out, " %.*s", (int)strcspn(subcommands[i].name, " "),
                       subcommands[i].name);
    buf_append_str(out, " help");
}

/* The tables, as shell functions that set offers, group, files, values. */
static void
append_tables(struct buf *out)
{
    buf_append_str(out, "_bongsu_command() {\n    offers=''; group=0; files=0\n    case \"$1\" in\n"
                        "    '') offers='");
    append_first_words(out);
    buf_append_str(out, " --help --version'; group=1 ;;\n");
    append_cases(out);
    buf_append_str(out, "    *) return 1 ;;\n    esac\n}\n\n"
                        "_bongsu_values() {\n    values=''\n    case \"$1\" in\n");
    append_values(out);
    buf_append_str(out, "    esac\n}\n\n");
}

static const char bash_head[] =
    "# bash completion of bongsu; made by `bongsu completion bash`\n\n";

static const char bash_tail[] =
    "_bongsu() {\n"
    "    local offers group files values cur flag IFS=$' \\t\\n'\n"
    "    local line=\"${COMP_LINE:0:COMP_POINT}\" command='' word\n"
    "    local -a typed\n"
    "    read -ra typed <<< \"$line\"\n"
    "    cur=''\n"
    "    [[ \"$line\" == *' ' ]] || { cur=\"${typed[-1]}\"; unset 'typed[-1]'; }\n"
    "    for word in \"${typed[@]:1:2}\"; do\n"
    "        _bongsu_command \"${command:+$command }$word\" || break\n"
    "        command=\"${command:+$command }$word\"\n"
    "        [[ $group = 1 ]] || break\n"
    "    done\n"
    "    _bongsu_command \"$command\"\n"
    "    COMPREPLY=()\n"
    "    if [[ $cur == --*=* ]]; then\n"
    "        flag=\"${cur%%=*}\"; cur=\"${cur#*=}\"\n"
    "    elif [[ ${#typed[@]} -gt 1 && ${typed[-1]} == --* && \" $offers \" == *\" ${typed[-1]}= \"* ]]; then\n"
    "        flag=\"${typed[-1]}\"\n"
    "    fi\n"
    "    if [[ -n ${flag-} ]]; then\n"
    "        _bongsu_values \"$flag\"\n"
    "        if [[ $values = FILES ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "        else\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$cur\")\n"
    "        fi\n"
    "        return\n"
    "    fi\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$offers\" -- \"$cur\")\n"
    "    if [[ $files = 1 && $cur != -* ]]; then\n"
    "        mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "    fi\n"
    "    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "    return 0\n"
    "}\n"
    "complete -F _bongsu bongsu\n";

static const char zsh_head[] =
    "#compdef bongsu\n# zsh completion of bongsu; made by `bongsu completion zsh`\n\n";

static const char zsh_tail[] =
    "_bongsu() {\n"
    "    local offers group files values flag command='' word cur=\"${words[CURRENT]}\"\n"
    "    local -a typed\n"
    "    typed=(\"${(@)words[2,CURRENT-1]}\")\n"
    "    for word in \"${(@)typed[1,2]}\"; do\n"
    "        _bongsu_command \"${command:+$command }$word\" || break\n"
    "        command=\"${command:+$command }$word\"\n"
    "        [[ $group = 1 ]] || break\n"
    "    done\n"
    "    _bongsu_command \"$command\"\n"
    "    if [[ $cur == --*=* ]]; then\n"
    "        flag=\"${cur%%=*}\"\n"
    "        compset -P '*='\n"
    "    elif [[ -n ${typed[-1]} && \" $offers \" == *\" ${typed[-1]}= \"* ]]; then\n"
    "        flag=\"${typed[-1]}\"\n"
    "    fi\n"
    "    if [[ -n $flag ]]; then\n"
    "        _bongsu_values \"$flag\"\n"
    "        if [[ $values = FILES ]]; then _files; else compadd -- ${=values}; fi\n"
    "        return\n"
    "    fi\n"
    "    compadd -- ${(M)${=offers}:#*[^=]}\n"
    "    compadd -S '' -- ${(M)${=offers}:#*=}\n"
    "    [[ $files = 1 ]] && _files\n"
    "    return 0\n"
    "}\n"
    "if [[ $funcstack[1] = _bongsu ]]; then _bongsu \"$@\"; else compdef _bongsu bongsu; fi\n";

int
completion_run(struct call *call)
{
    struct buf out = { 0 };
    int is_zsh = strcmp(call->args[0], "zsh") == 0;

    if (!is_zsh && strcmp(call->args[0], "bash") != 0) {
        fprintf(stderr, "bongsu completion: for bash or zsh\n");
        return EXIT_USAGE;
    }
    buf_append_str(&out, is_zsh ? zsh_head : bash_head);
    append_tables(&out);
    buf_append_str(&out, is_zsh ? zsh_tail : bash_tail);
    fputs(out.ptr == NULL ? "" : out.ptr, stdout);
    buf_release(&out);
    return EXIT_DONE;
}
