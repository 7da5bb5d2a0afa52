/*
 * test_completion.c - the table of commands, and what is made of it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/subcommand.h"
#include "proto/base/option_value.h"
#include "proto/run/daemon.h"
#include "tests/support/command.h"

/* A shell command's output; fails the test unless it ends with 0. */
static char *
shell(const char *script)
{
    FILE *out = popen(script, "r");
    struct buf text = { 0 };
    char chunk[4096];
    size_t got;

    assert_non_null(out);
    while ((got = fread(chunk, 1, sizeof(chunk), out)) > 0)
        buf_append(&text, chunk, got);
    if (pclose(out) != 0)
        fail_msg("%s\n%s", script, text.ptr == NULL ? "" : text.ptr);
    return text.ptr == NULL ? strdup("") : text.ptr;
}

static char *
bongsu(const char *before, const char *args, const char *after)
{
    char path[4096], script[8192];

    command_path("bongsu", path, sizeof(path));
    snprintf(script, sizeof(script), "%s%s %s%s 2>&1", before, path, args, after);
    return shell(script);
}

static void
every_row_is_whole_and_every_flag_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < subcommand_count; i++) {
        const struct subcommand *row = &subcommands[i];
        struct text rest = text_of(row->flags);
        const char *ids = row->flags;
        size_t words = rest.len > 0, found = 0;

        for (size_t k = 0; k < rest.len; k++)
            words += rest.ptr[k] == ' ';
        while (flags_next(&ids) != NULL)
            found++;
        if (found != words)
            fail_msg("%s: a flag of \"%s\" is in no table", row->name, row->flags);
        assert_non_null(row->run);
        assert_non_null(row->examples[0]);
        assert_true(strstr(row->examples[0], row->name) != NULL);
        assert_true(row->summary[strlen(row->summary) - 1] != '.');
        for (size_t k = 0; k < SUBCOMMAND_EXITS && row->exits[k] != 0; k++)
            if (exit_meaning(row->exits[k])[0] == '\0')
                fail_msg("%s: exit %d means nothing", row->name, row->exits[k]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->name, subcommands[k].name);
    }
}

static void
help_of_each_has_its_flags_an_example_and_its_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < subcommand_count; i++) {
        const char *ids = subcommands[i].flags;
        const struct flag *flag;
        struct buf help = { 0 };
        char name[OPTION_NAME_LEN];

        assert_int_equal(help_append(&subcommands[i], &help), 0);
        assert_non_null(strstr(help.ptr, subcommands[i].examples[0]));
        assert_non_null(strstr(help.ptr, "exit codes:"));
        while ((flag = flags_next(&ids)) != NULL) {
            option_flag(&flag->option, name);
            if (strstr(help.ptr, name) == NULL)
                fail_msg("%s: %s is not in its help", subcommands[i].name, name);
        }
        buf_release(&help);
    }
}

/* What bash offers for a line, as words with a space before and behind each. */
static char *
offered(const char *line)
{
    char path[4096], script[8192];

    command_path("bongsu", path, sizeof(path));
    snprintf(script, sizeof(script),
             "bash -c 'set -u; . <(%s completion bash); COMP_LINE=\"%s\"; "
             "COMP_POINT=${#COMP_LINE}; COMPREPLY=(); _bongsu; "
             "printf \" %%s \" \"${COMPREPLY[@]:-}\"' 2>&1", path, line);
    return shell(script);
}

static void
bash_offers_what_the_table_has(void **state)
{
    static const struct { const char *line, *has, *has_not; } cases[] = {
        { "bongsu ", " incidents ", "list" },
        { "bongsu in", " incidents ", "send" },
        { "bongsu incidents ", " list ", "--json" },
        { "bongsu incidents list --s", " --severity= ", "--json" },
        { "bongsu incidents list --status=", " false_positive ", "--" },
        { "bongsu incidents list --severity hi", " high ", "low" },
        { "bongsu incidents list --json --st", " --status= ", "list" },
        { "bongsu events tail ", " -f ", "search" },
        { "bongsu completion ", " zsh ", "up" },
        { "bongsu report weekly --lang ", " ko ", "md" },
        { "bongsu up --ingest-l", " --ingest-listen= ", "api" },
        { "bongsu health ing", " ingest ", "api" },
        { "bongsu send /etc/passw", "/etc/passwd", "--" },
        { "bongsu config show --config=/etc/passw", "/etc/passwd", "--" },
        { "bongsu nonsense ", "", "list" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *words = offered(cases[i].line);

        if (strstr(words, cases[i].has) == NULL || strstr(words, cases[i].has_not) != NULL)
            fail_msg("\"%s\" offers \"%s\"", cases[i].line, words);
        free(words);
    }
}

static void
zsh_takes_its_completion(void **state)
{
    char *text = bongsu("", "completion zsh", "");

    (void)state;
    assert_int_equal(strncmp(text, "#compdef bongsu\n", 16), 0);
    for (size_t i = 0; i < subcommand_count; i++) {
        char row[64];

        snprintf(row, sizeof(row), "'%s') offers=", subcommands[i].name);
        assert_non_null(strstr(text, row));
    }
    free(text);
    if (access("/bin/zsh", X_OK) == 0 || access("/usr/bin/zsh", X_OK) == 0)
        free(bongsu("", "completion zsh", " | zsh -n"));
    else
        print_message("zsh is not here: its syntax was not tried\n");
}

/* What groff says of the page of these words ("" for the page of all). */
static void
assert_clean(const char *words)
{
    char args[96], *complaints;

    snprintf(args, sizeof(args), "man %s", words);
    complaints = bongsu("", args, " | groff -ww -man -Tutf8 2>&1 >/dev/null");
    if (complaints[0] != '\0')
        fail_msg("bongsu %s: %s", args, complaints);
    free(complaints);
}

static void
the_manual_page_names_every_command_and_code(void **state)
{
    char *page = bongsu("", "man", "");

    (void)state;
    for (size_t i = 0; i < subcommand_count; i++) {
        const char *name = subcommands[i].name, *second = strchr(name, ' ');
        char reference[96];

        snprintf(reference, sizeof(reference), "\\fBbongsu\\-%.*s%s%s\\fR(1)",
                 (int)strcspn(name, " "), name, second == NULL ? "" : "\\-",
                 second == NULL ? "" : second + 1);
        assert_non_null(strstr(page, reference));
    }
    for (size_t i = 0; i < exit_meaning_count; i++) {
        char heading[32];

        snprintf(heading, sizeof(heading), "\n.B %d\n", exit_meanings[i].code);
        assert_non_null(strstr(page, heading));
    }
    free(page);
}

static void
each_command_has_a_clean_page_of_its_own(void **state)
{
    int has_groff = access("/usr/bin/groff", X_OK) == 0;

    (void)state;
    if (!has_groff)
        print_message("groff is not here: the pages were not formatted\n");
    else
        assert_clean("");
    for (size_t i = 0; i < subcommand_count; i++) {
        const struct subcommand *row = &subcommands[i];
        char args[96], synopsis[96], *page;

        snprintf(args, sizeof(args), "man %s", row->name);
        snprintf(synopsis, sizeof(synopsis), "\n\\fBbongsu %s\\fR", row->name);
        page = bongsu("", args, "");
        assert_non_null(strstr(page, synopsis));
        assert_non_null(strstr(page, "\n.SH EXAMPLES\n"));
        free(page);
        if (has_groff)
            assert_clean(row->name);
    }
}

static void
all_pages_are_written_into_a_folder(void **state)
{
    char *count = bongsu("d=$(mktemp -d) && ", "man --into $d",
                         " && ls $d/bongsu-*.1 | wc -l && ls $d/bongsu.1 >&2 && rm -r $d");

    (void)state;
    assert_int_equal(strtoul(count, NULL, 10), subcommand_count);
    free(count);
    free(bongsu("! ", "man nonsense", ""));
    free(bongsu("! ", "man send nonsense", ""));
    free(bongsu("! ", "man --into /no/such", ""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole_and_every_flag_is_known),
        cmocka_unit_test(help_of_each_has_its_flags_an_example_and_its_codes),
        cmocka_unit_test(bash_offers_what_the_table_has),
        cmocka_unit_test(zsh_takes_its_completion),
        cmocka_unit_test(the_manual_page_names_every_command_and_code),
        cmocka_unit_test(each_command_has_a_clean_page_of_its_own),
        cmocka_unit_test(all_pages_are_written_into_a_folder),
    };

    return cmocka_run_group_tests_name("completion", tests, NULL, NULL);
}
