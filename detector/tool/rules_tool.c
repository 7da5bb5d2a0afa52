#include "detector/tool/rules_tool.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/ruleset/ruleset.h"
#include "detector/tool/add_rules.h"
#include "detector/tool/describe_rules.h"
#include "detector/tool/explain.h"
#include "detector/tool/file_put.h"
#include "detector/tool/match_file.h"
#include "detector/tool/replay.h"
#include "detector/tool/rule_cases.h"
#include "detector/tool/tool_options.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"

enum { PATH_LEN = 4096 };

/* Cases say hours of a day; their zone is one, wherever they run. */
static const char cases_zone[] = "Asia/Seoul";

static int
give(json_t *answer, int is_fine)
{
    char *text = json_dumps(answer, JSON_COMPACT);

    puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(answer);
    return is_fine ? EXIT_DONE : EXIT_PARTLY;
}

/* The reason goes where the answer would: `bongsu rules` says it, in its form. A name
 * that is no UTF-8 cannot go there. */
static int
refuse(int code, const char *reason)
{
    json_t *answer = json_pack("{s:s}", "error", reason);

    if (answer == NULL)
        fprintf(stderr, "%s\n", reason);
    else
        give(answer, 0);
    return code;
}

/* --- list --- */

static int
list_rules(const struct tool_options *options, char **argv)
{
    struct err err;
    struct ruleset *set = rule_cases_load_chosen(argv[0], options->placeholders,
                                                 options->choice, &err);
    json_t *answer;
    int is_fine;

    if (set == NULL)
        return refuse(EXIT_CONFIG, err.text);
    answer = describe_rules(set);
    is_fine = ruleset_refused_count(set) == 0;
    ruleset_destroy(&set);
    return give(answer, is_fine);
}

/* --- test --- */

static void
note_failure(void *ctx, const char *file, int line, const char *what, const json_t *about)
{
    json_array_append_new(ctx, json_pack("{s:s, s:i, s:s, s:O?}", "file", file, "line", line,
                                         "what", what, "about", (json_t *)(uintptr_t)about));
}

/* "tests/rules/brute_force/a.yml" is tried with RULES/brute_force.yml where
 * there is such a file, else with all of RULES. */
static const char *
rules_for(const char *rules, const char *cases, char space[PATH_LEN])
{
    const char *end = strrchr(cases, '/'), *start = end;

    if (end == NULL || !file_is_folder(rules))
        return rules;
    while (start > cases && start[-1] != '/')
        start--;
    snprintf(space, PATH_LEN, "%s/%.*s.yml", rules, (int)(end - start), start);
    return access(space, R_OK) == 0 ? space : rules;
}

static int
test_files(struct rule_cases *run, const char *rules, const char *pattern, int *ret_found,
           struct err *err)
{
    char space[PATH_LEN];
    glob_t files;
    int rc = 0;

    if (glob(pattern, 0, NULL, &files) != 0)
        return 0;
    for (size_t i = 0; i < files.gl_pathc && rc == 0; i++) {
        const char *path = files.gl_pathv[i];

        ++*ret_found;
        rc = rule_cases_run(run, rules_for(rules, path, space), path, err);
    }
    globfree(&files);
    return rc;
}

static int
test_all(struct rule_cases *run, const char *rules, const char *cases, struct err *err)
{
    char pattern[PATH_LEN];
    int found = 0;

    if (!file_is_folder(cases))
        return rule_cases_run(run, rules, cases, err);
    for (size_t i = 0; i < 2; i++) {
        snprintf(pattern, sizeof(pattern), i == 0 ? "%s/*.yml" : "%s/*/*.yml", cases);
        if (test_files(run, rules, pattern, &found, err) != 0)
            return -1;
    }
    if (found > 0)
        return 0;
    err_set(err, "%s: holds no .yml file of cases", cases);
    return -1;
}

static int
test_rules(const struct tool_options *options, char **argv)
{
    struct rule_cases run = { .complain = note_failure, .ctx = json_array(),
                              .placeholders = options->placeholders };
    struct err err;

    setenv("TZ", cases_zone, 1);
    if (timestamp_init(&err) != 0 || test_all(&run, argv[0], argv[1], &err) != 0) {
        json_decref(run.ctx);
        return refuse(EXIT_CONFIG, err.text);
    }
    return give(json_pack("{s:I, s:o}", "cases", (json_int_t)run.cases, "failed", run.ctx),
                run.failures == 0);
}

/* --- match --- */

static int
match_lines(const struct tool_options *options, char **argv)
{
    const struct match_call call = { .placeholders = options->placeholders,
                                     .rules = argv[0], .logsource = argv[1], .fields = argv[2],
                                     .is_raw = strcmp(argv[3], "raw") == 0, .file = argv[4] };

    return rules_tool_match(&call);
}

/* --- explain --- */

/* What it says is whole also when a rule was refused, or nothing matches. */
static int
explain(const struct tool_options *options, char **argv)
{
    struct explain_call call = { .rules = argv[0], .rule = argv[1], .file = argv[4],
                                 .is_raw = strcmp(argv[3], "raw") == 0 };
    struct err err = { "" };
    int code = EXIT_USAGE;
    json_t *json = NULL;

    if (text_to_int(text_of(argv[2]), 0, EXPLAIN_MAX_NEAREST, &call.nearest) != 0)
        err_set(&err, "%.40s: at most %d rules are explained", argv[2], EXPLAIN_MAX_NEAREST);
    else
        json = explain_event(options, &call, &code, &err);
    return json == NULL ? refuse(code, err.text) : give(json, 1);
}

/* --- replay --- */

/* "": no end to that side. */
static int
parse_us(const char *text, int64_t otherwise, int64_t *ret_us)
{
    *ret_us = otherwise;
    return text[0] == '\0' ? 0 : text_to_int(text_of(text), INT64_MIN / 4, INT64_MAX / 4, ret_us);
}

static int
replay(const struct tool_options *options, char **argv)
{
    struct replay_call call = { .rules = argv[0], .new_rules = argv[1],
                                .file = argv[5][0] == '\0' ? NULL : argv[5],
                                .is_raw = strcmp(argv[4], "raw") == 0 };
    struct err err = { "times are numbers of microseconds" };
    int code = REPLAY_FAILED;
    json_t *json = NULL;

    if (parse_us(argv[2], INT64_MIN, &call.since_us) == 0 &&
        parse_us(argv[3], INT64_MAX, &call.until_us) == 0)
        json = replay_run(options, &call, &code, &err);
    if (json == NULL)
        return refuse(REPLAY_FAILED, err.text);
    give(json, 1);
    return code;
}

/* --- add --- */

static int
add(const struct tool_options *options, char **argv)
{
    const struct add_call call = { .from = argv[0], .into = argv[1], .choice = argv[2] };
    struct err err = { "" };
    json_t *json = add_rules(options, &call, &err);

    return json == NULL ? refuse(EXIT_CONFIG, err.text)
                        : give(json, json_integer_value(json_object_get(json, "refused")) == 0);
}

/* --- all --- */

static const struct verb {
    const char *name, *args;
    int arg_count, path_count;      /* the first ones are paths that must be there */
    int is_stream;                  /* it writes lines, and reasons to standard error */
    int (*run)(const struct tool_options *options, char **argv);
} verbs[] = {
    { "list", "RULES", 1, 1, 0, list_rules },
    { "test", "RULES CASES", 2, 2, 0, test_rules },
    { "match", "RULES LOGSOURCE FIELDS json|raw FILE", 5, 0, 1, match_lines },
    { "replay", "RULES NEW|'' SINCE|'' UNTIL|'' json|raw FILE|''", 6, 1, 0, replay },
    { "add", "FROM INTO WORDS|''", 3, 1, 0, add },
    { "explain", "RULES ID NEAREST json|raw FILE", 5, 1, 0, explain },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const struct verb *
find_verb(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < VERBS; i++)
        if (strcmp(argv[0], verbs[i].name) == 0 && argc == verbs[i].arg_count + 1)
            return &verbs[i];
    fprintf(stderr, "usage: bongsu-detector --rules [--OPTION=VALUE...] with one of\n");
    for (size_t i = 0; i < VERBS; i++)
        fprintf(stderr, "    %s %s\n", verbs[i].name, verbs[i].args);
    return NULL;
}

static int
run_verb(const struct verb *verb, struct tool_options *options, char **argv)
{
    int code = EXIT_CONFIG;
    struct err err;

    if (tool_options_load(options, &err) != 0 || timestamp_init(&err) != 0)
        goto refused;
    code = EXIT_NO_INPUT;
    for (int i = 0; i < verb->path_count; i++)
        if (access(argv[i], R_OK) != 0) {
            err_set(&err, "%s: %s", argv[i], strerror(errno));
            goto refused;
        }
    return verb->run(options, argv);

refused:
    if (!verb->is_stream)
        return refuse(code, err.text);
    fprintf(stderr, "bongsu rules %s: %s\n", verb->name, err.text);
    return code;
}

int
rules_tool_main(int argc, char **argv)
{
    struct tool_options options;
    struct err err = { "" };
    int taken = tool_options_init(&options, argc, argv, &err), code = EXIT_USAGE;
    const struct verb *verb = NULL;

    if (taken < 0)
        fprintf(stderr, "bongsu-detector --rules: %s\n", err.text);
    else
        verb = find_verb(argc - taken, argv + taken);
    if (verb != NULL)
        code = run_verb(verb, &options, argv + taken + 1);
    tool_options_release(&options);
    return code;
}
