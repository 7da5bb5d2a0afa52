#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/detector_tool.h"
#include "ctl/local.h"
#include "ctl/remote.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/run/daemon.h"

/* --- for people --- */

static void
print_refused(const json_t *refused)
{
    json_t *reason;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)refused, i, reason)
        screen_print_line(json_string_value(reason));
}

static void
print_rules(const struct call *call, const json_t *answer)
{
    struct screen_table table = { .columns = 4, .titles = { "LEVEL", "FILE", "ID", "TITLE" } };
    json_t *rule;
    size_t i;

    (void)call;
    json_array_foreach(json_object_get(answer, "rules"), i, rule) {
        const char *file = answer_text(rule, "file"), *base = strrchr(file, '/');

        screen_table_add(&table, (const char *const[]){
            json_is_true(json_object_get(rule, "incidents")) ? answer_text(rule, "level") : "(part)",
            base == NULL ? file : base + 1, answer_text(rule, "id"), answer_text(rule, "title") });
    }
    screen_table_print(&table);
    screen_table_release(&table);
    print_refused(json_object_get(answer, "refused"));
    if (json_object_get(answer, "running") == NULL)
        puts("(no detector runs with this --data-dir)");
    else if (json_array_size(json_object_get(json_object_get(answer, "running"), "refused")) > 0)
        puts("the running detector says:");
    print_refused(json_object_get(json_object_get(answer, "running"), "refused"));
}

/* Fewer findings than this are told without being asked for. */
enum { TOLD_LINTS = 20 };

static int
is_untested(const json_t *lint)
{
    return strcmp(answer_text(lint, "kind"), "untested") == 0;
}

static void
print_lint(const json_t *lint)
{
    struct buf line = { 0 };

    buf_printf(&line, "%s:%" JSON_INTEGER_FORMAT ": lint: %s", answer_text(lint, "file"),
               json_integer_value(json_object_get(lint, "line")), answer_text(lint, "what"));
    screen_print_line(line.ptr == NULL ? "" : line.ptr);
    buf_release(&line);
}

/* How many there are of each kind; they come in any order. */
static void
print_lint_counts(const json_t *lints, const char *hint)
{
    json_t *counts = json_object(), *lint, *count;
    const char *about;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)lints, i, lint) {
        about = answer_text(lint, "about");
        if (!is_untested(lint))
            json_object_set_new(counts, about, json_integer(
                json_integer_value(json_object_get(counts, about)) + 1));
    }
    json_object_foreach(counts, about, count)
        printf("lint: %4" JSON_INTEGER_FORMAT " %s%s\n", json_integer_value(count), about, hint);
    json_decref(counts);
}

/* All of them when that is asked for; else a few, or how many there are. Of rules without
 * tests the last line tells. */
static void
print_lints(const struct call *call, const json_t *lints)
{
    size_t count = 0, i;
    json_t *lint;

    json_array_foreach((json_t *)(uintptr_t)lints, i, lint)
        count += !is_untested(lint);
    if (count > TOLD_LINTS || call->lint)
        print_lint_counts(lints, call->lint ? "" : " (--lint tells which)");
    json_array_foreach((json_t *)(uintptr_t)lints, i, lint)
        if (call->lint || (count <= TOLD_LINTS && !is_untested(lint)))
            print_lint(lint);
}

static void
print_check(const struct call *call, const json_t *answer)
{
    size_t refused = json_array_size(json_object_get(answer, "refused"));
    size_t filters = json_array_size(json_object_get(answer, "filters"));
    json_int_t untested = json_integer_value(json_object_get(answer, "untested"));
    json_t *note;
    size_t i;

    print_refused(json_object_get(answer, "refused"));
    json_array_foreach(json_object_get(answer, "notes"), i, note) {
        struct buf line = { 0 };

        buf_printf(&line, "note: %s", json_string_value(note));
        screen_print_line(line.ptr == NULL ? "" : line.ptr);
        buf_release(&line);
    }
    print_lints(call, json_object_get(answer, "lints"));
    printf("%zu fine, %zu refused", json_array_size(json_object_get(answer, "rules")), refused);
    if (filters > 0)
        printf(", %zu filter%s", filters, filters == 1 ? "" : "s");
    if (untested > 0)
        printf(", %" JSON_INTEGER_FORMAT " without tests of their own", untested);
    putchar('\n');
}

static void
print_test(const struct call *call, const json_t *answer)
{
    const json_t *failed = json_object_get(answer, "failed");
    json_t *one;
    size_t i;

    (void)call;
    json_array_foreach((json_t *)(uintptr_t)failed, i, one) {
        char *about = json_dumps(json_object_get(one, "about"), JSON_SORT_KEYS | JSON_ENCODE_ANY);
        struct buf line = { 0 };

        buf_printf(&line, "%s:%" JSON_INTEGER_FORMAT ": %s %s", answer_text(one, "file"),
                   json_integer_value(json_object_get(one, "line")), answer_text(one, "what"),
                   about == NULL ? "" : about);
        screen_print_line(line.ptr == NULL ? "" : line.ptr);
        buf_release(&line);
        free(about);
    }
    printf("%" JSON_INTEGER_FORMAT " cases, %zu complaints\n",
           json_integer_value(json_object_get(answer, "cases")), json_array_size(failed));
}

/* --- rules list|check|test --- */

static const struct {
    const char *name, *verb;
    int has_cases;
    void (*print)(const struct call *call, const json_t *answer);
} tools[] = {
    { "rules list", "list", 0, print_rules },
    { "rules check", "list", 0, print_check },
    { "rules test", "test", 1, print_test },
};

/* What the running detector refuses, if it runs here: it goes on with the last
 * good version of a file that became bad. */
static void
add_running(const struct call *call, json_t *answer)
{
    json_t *status = NULL;
    struct err err;

    if (local_call(&call->settings, "detector", "/status", NULL, LOCAL_QUICK_MS, &status,
                   &err) == 200 && json_is_array(json_object_get(status, "warnings")))
        json_object_set_new(answer, "running",
                            json_pack("{s:O}", "refused", json_object_get(status, "warnings")));
    json_decref(status);
}

static int
ask(struct call *call, size_t tool, const char *rules, json_t **ret_answer, struct err *err)
{
    struct detector_tool asked;

    err_set(err, "out of memory");
    if (detector_tool_init(&asked, call) != 0)
        return -1;
    if (tool == 0 && call->arg_count == 0 && detector_tool_choose(&asked, call) != 0)
        return -1;
    detector_tool_add(&asked, tools[tool].verb);
    detector_tool_add(&asked, rules);
    if (tools[tool].has_cases)
        detector_tool_add(&asked, call->args[0]);
    return detector_tool_run(&asked, ret_answer, err);
}

int
rules_run(struct call *call)
{
    const char *rules = call->settings.rules_dir;
    struct err err = { "" };
    json_t *answer = NULL;
    int code;
    size_t tool = 0;

    while (strcmp(tools[tool].name, call->name) != 0)
        tool++;
    if (call->arg_count > tools[tool].has_cases)
        rules = call->args[tools[tool].has_cases];
    if (rules == NULL) {
        err_set(&err, "there is no folder of rules (detector.rules)");
        return call_complain(call, EXIT_CONFIG, &err);
    }
    code = ask(call, tool, rules, &answer, &err);
    if (code < 0)
        return call_complain(call, EXIT_SOFTWARE, &err);
    if (answer == NULL || json_object_get(answer, "error") != NULL) {
        err_set(&err, "%s", answer == NULL ? "the detector, which judges rules, gave no answer" :
                                             answer_text(answer, "error"));
        json_decref(answer);
        return call_complain(call, code == EXIT_DONE ? EXIT_SOFTWARE : code, &err);
    }
    if (tool == 0 && call->arg_count == 0)
        add_running(call, answer);
    if (call->json)
        screen_print_json(answer);
    else
        tools[tool].print(call, answer);
    json_decref(answer);
    return code;
}

/* --- rules match --- */

/* Its answer may be long and is for programs: the detector takes our place and writes it. */
int
rules_match_run(struct call *call)
{
    const char *rules = call->rules == NULL ? call->settings.rules_dir : call->rules;
    struct detector_tool tool;
    struct err err = { "out of memory" };

    if (rules == NULL) {
        err_set(&err, "there is no folder of rules (detector.rules)");
        return call_complain(call, EXIT_CONFIG, &err);
    }
    if (detector_tool_init(&tool, call) == 0) {
        detector_tool_add(&tool, "match");
        detector_tool_add(&tool, rules);
        detector_tool_add(&tool, call->logsource == NULL ? "" : call->logsource);
        detector_tool_add(&tool, call->logsource_fields == NULL ? "" : call->logsource_fields);
        detector_tool_add(&tool, call->raw ? "raw" : "json");
        detector_tool_add(&tool, call->args[0]);
        detector_tool_become(&tool, &err);
    }
    return call_complain(call, EXIT_SOFTWARE, &err);
}
