/*
 * Our filters beside pySigma's: generated sets of rules and filters, and of each event the rules
 * that match it once the filters are applied; and what our own keys leave of Sigma: pySigma
 * reads each shipped rule and each example of docs/RULES.md. Skipped where there is no pySigma
 * (tests/sigma/README.md). SIGMA_FILTERS (1000), SIGMA_SEED (1): how many sets, which.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/timestamp.h"
#include "tests/support/match_case.h"
#include "tests/support/sigma_script.h"

#define COUNT sigma_setting("SIGMA_FILTERS", "1000")

struct asking {
    struct ruleset *rules;
    json_t *ids;                /* {id: true} of the rules that match */
};

static void
judge(void *ctx, const struct event *ev)
{
    struct asking *asking = ctx;
    const uint32_t *numbers;
    size_t count = matcher_match(ruleset_matcher(asking->rules), ev, &numbers);

    for (size_t i = 0; i < count; i++)
        json_object_set_new(asking->ids, ruleset_rule(asking->rules, numbers[i])->sigma.id,
                            json_true());
}

/* 1 when the rules that match this event are those of the list. */
static int
finds(struct ruleset *rules, const json_t *fields, const json_t *wanted)
{
    struct asking asking = { rules, json_object() };
    json_t *event = json_deep_copy(fields);
    int same;
    char *text;

    json_object_set_new(event, "event_type", json_string("t"));
    text = json_dumps(event, 0);
    match_case_send(text, judge, &asking);
    same = json_object_size(asking.ids) == json_array_size(wanted);
    for (size_t i = 0; i < json_array_size(wanted); i++)
        same &= json_object_get(asking.ids,
                                json_string_value(json_array_get(wanted, i))) != NULL;
    if (!same) {
        char *ours = json_dumps(asking.ids, 0), *theirs = json_dumps(wanted, 0);

        printf("differs on %s: ours %s, pySigma's %s\n", text, ours, theirs);
        free(ours);
        free(theirs);
    }
    free(text);
    json_decref(event);
    json_decref(asking.ids);
    return same;
}

static struct ruleset *
load(const json_t *set)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    struct buf text = { 0 };

    assert_non_null(rules);
    sigma_script_rules(json_object_get(set, "rules"), &text);
    assert_int_equal(ruleset_add(rules, "set.yml", text.ptr, text.len - 1), 0);
    if (ruleset_link(rules, &err) != 0)
        fail_msg("%s", err.text);
    buf_release(&text);
    return rules;
}

/* 1 when each event finds what pySigma's SQL does, and as many filters are refused. */
static int
is_alike(const json_t *set)
{
    json_t *events = json_object_get(set, "events"), *hits = json_object_get(set, "hits");
    struct ruleset *rules = load(set);
    size_t refused = (size_t)json_integer_value(json_object_get(set, "refused"));
    int same = ruleset_refused_count(rules) == refused;

    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        if (!same)
            printf("refused: %s\n", ruleset_refused(rules, i));
    for (size_t i = 0; i < json_array_size(events); i++)
        same &= finds(rules, json_array_get(events, i), json_array_get(hits, i));
    if (!same) {
        json_dumpf(json_object_get(set, "rules"), stdout, 0);
        printf("\n");
    }
    ruleset_destroy(&rules);
    return same;
}

static void
generated_filters_narrow_as_pysigmas_do(void **state)
{
    const char *const make[] = { "make", COUNT, sigma_setting("SIGMA_SEED", "1"), NULL };
    long count = 0, narrowing = 0, unlike = 0, wanted = strtol(COUNT, NULL, 10);
    FILE *sets = tmpfile();
    size_t cap = 0;
    char *line = NULL;

    (void)state;
    assert_non_null(sets);
    assert_int_equal(sigma_script_run("filters", make, sets), 0);
    rewind(sets);
    while (getline(&line, &cap, sets) > 0) {
        json_t *set = json_loads(line, 0, NULL);

        assert_non_null(set);
        unlike += !is_alike(set);
        narrowing += json_is_true(json_object_get(set, "narrows"));
        count++;
        json_decref(set);
    }
    free(line);
    fclose(sets);
    printf("filters: %ld sets, of which %ld take something; %ld differ\n", count, narrowing,
           unlike);
    assert_int_equal(count, wanted);
    assert_int_equal(unlike, 0);
    /* else they would be alike because no filter does anything */
    assert_in_range(narrowing, wanted * 3 / 10, wanted * 9 / 10);
}

static void
shipped_rules_and_the_examples_of_the_documentation_are_sigma_for_pysigma(void **state)
{
    const char *words[60] = { "valid", "docs/RULES.md" };
    size_t count = 2;
    glob_t found;

    (void)state;
    assert_int_equal(glob("detector/rules/*.yml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc < 50);
    for (size_t i = 0; i < found.gl_pathc; i++)
        words[count++] = found.gl_pathv[i];
    assert_int_equal(sigma_script_run("filters", words, NULL), 0);
    globfree(&found);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_filters_narrow_as_pysigmas_do),
        cmocka_unit_test(shipped_rules_and_the_examples_of_the_documentation_are_sigma_for_pysigma),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    if (sigma_script_run("filters", (const char *const[]){ "check", NULL }, NULL) ==
        SIGMA_SCRIPT_SKIPPED)
        return SIGMA_SCRIPT_SKIPPED;
    return cmocka_run_group_tests_name("sigma_filters", tests, NULL, NULL);
}
