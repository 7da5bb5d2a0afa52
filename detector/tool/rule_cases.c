#include "detector/tool/rule_cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "detector/cases/rule_case.h"
#include "detector/cases/rule_tests.h"
#include "proto/base/arena.h"
#include "proto/base/yaml.h"

/* Of a file of cases, and of one case in it: more than a rule's own tests may. */
enum { CASES_MAX = 1000, EVENTS_MAX = 100000, RULES_MAX = 1 << 24 };

/* The case that runs. */
struct at_case {
    struct rule_cases *cases;
    const char *file;
    int line;
};

static void
complain(void *ctx, const char *what, const json_t *about)
{
    struct at_case *at = ctx;

    at->cases->failures++;
    at->cases->complain(at->cases->ctx, at->file, at->line, what, about);
}

/* The rules, none of which may be refused: else the case would be about fewer. */
static struct ruleset *
load_whole(const char *rules, const struct placeholders *placeholders, struct err *err)
{
    struct ruleset *set = rule_cases_load_with(rules, placeholders, err);

    if (set != NULL && ruleset_refused_count(set) > 0) {
        err_set(err, "%s", ruleset_refused(set, 0));
        ruleset_destroy(&set);
    }
    return set;
}

int
rule_cases_run(struct rule_cases *cases, const char *rules, const char *path, struct err *err)
{
    struct yaml *yaml = yaml_load(path, err);
    struct arena arena = { 0 };
    const struct sigma_source src = { .file = path, .yaml = yaml, .arena = &arena,
                                      .err = err };
    struct at_case at = { .cases = cases, .file = path };
    const struct rule_case test = { .complain = complain, .ctx = &at };
    struct ruleset *set = NULL;
    struct sigma_test *tests;
    size_t count;
    int rc = -1;

    if (yaml == NULL)
        return -1;
    if (yaml_count(yaml) != 1 || json_array_size(yaml_document(yaml, 0)) == 0) {
        err_set(err, "%s: is no list of cases", path);
        goto done;
    }
    if (sigma_tests_read(&src, yaml_document(yaml, 0), CASES_MAX, EVENTS_MAX, &tests,
                         &count) != 0)
        goto done;
    set = load_whole(rules, cases->placeholders, err);
    for (size_t i = 0; set != NULL && i < count; i++) {
        at.line = tests[i].line;
        cases->cases++;
        if (rule_case_run(&test, &set, &tests[i], err) != 0)
            goto done;
    }
    rc = set == NULL ? -1 : 0;

done:
    ruleset_destroy(&set);
    arena_release(&arena);
    yaml_destroy(&yaml);
    return rc;
}

/* --- the rules --- */

static int
read_file(const char *path, struct buf *bytes, struct err *err)
{
    FILE *file = fopen(path, "re");
    char chunk[8192];
    size_t got;
    int rc = -1;

    if (file == NULL) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    errno = ENOMEM;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        if (bytes->len + got > RULES_MAX || buf_append(bytes, chunk, got) != 0)
            break;
    if (got > 0 || ferror(file))
        err_set(err, "%s: %s", path, bytes->len + got > RULES_MAX ? "too large" : strerror(errno));
    else
        rc = buf_append(bytes, "", 0);
    fclose(file);
    return rc;
}

struct ruleset *
rule_cases_load_chosen(const char *rules, const struct placeholders *placeholders,
                       const struct rule_choice *choice, struct err *err)
{
    struct ruleset *set = NULL;
    struct buf bytes = { 0 };
    struct stat st;

    if (stat(rules, &st) != 0) {
        err_set(err, "%s: %s", rules, strerror(errno));
        return NULL;
    }
    if (S_ISDIR(st.st_mode))
        return rule_tests_load(rules, placeholders, choice, err);
    if (read_file(rules, &bytes, err) == 0) {
        err_set(err, "out of memory");
        set = ruleset_new();
        if (set != NULL) {
            ruleset_expand(set, placeholders);
            ruleset_try(set, rule_tests_try);
        }
        if (set != NULL &&
            (ruleset_add(set, rules, bytes.ptr == NULL ? "" : bytes.ptr, bytes.len) != 0 ||
             ruleset_link(set, err) != 0))
            ruleset_destroy(&set);
    }
    buf_release(&bytes);
    return set;
}

struct ruleset *
rule_cases_load_with(const char *rules, const struct placeholders *placeholders,
                     struct err *err)
{
    return rule_cases_load_chosen(rules, placeholders, NULL, err);
}

struct ruleset *
rule_cases_load(const char *rules, struct err *err)
{
    return rule_cases_load_with(rules, NULL, err);
}
