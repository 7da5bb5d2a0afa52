/*
 * ruleset_tests.c - each rule with tests is tried by itself
 *
 * With what it refers to and nothing else, so that no other rule and no filter
 * can make its tests fail.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/ruleset/ruleset_internal.h"

/* The rules that are to go with one, as marks. */
struct closure {
    struct ruleset *rules;
    unsigned char *marks;
    size_t *left;               /* those whose own names are still to be looked up */
    size_t left_count;
};

static void
mark(struct closure *closure, struct text name)
{
    const struct rule *rule = ruleset_find(closure->rules, name);
    size_t at = rule == NULL ? 0 : (size_t)(rule - closure->rules->rules);

    if (rule == NULL || closure->marks[at])
        return;
    closure->marks[at] = 1;
    closure->left[closure->left_count++] = at;
}

static void
mark_all(struct closure *closure, size_t first)
{
    closure->marks[first] = 1;
    closure->left[closure->left_count++] = first;
    while (closure->left_count > 0) {
        const struct sigma_rule *sigma =
            &closure->rules->rules[closure->left[--closure->left_count]].sigma;

        for (size_t i = 0; i < sigma->correlation.rule_count; i++)
            mark(closure, sigma->correlation.rules[i]);
        for (size_t i = 0; i < sigma->yield_count; i++)
            mark(closure, sigma->yields[i]);
    }
}

/* The rule's texts stay where they are: in the arena of all. */
static int
copy_rule(struct ruleset *alone, const struct rule *rule)
{
    struct rule *copy = ruleset_append(alone);

    if (copy == NULL)
        return -1;
    copy->sigma = rule->sigma;
    copy->text_hash = rule->text_hash;
    copy->shape = rule->shape;
    return 0;
}

/* The rule and what it refers to, linked. NULL with the reason. */
static struct ruleset *
make_alone(struct ruleset *rules, size_t of, struct ruleset *lender, struct err *err)
{
    struct closure closure = { .rules = rules, .marks = calloc(rules->count, 1),
                               .left = calloc(rules->count, sizeof(closure.left[0])) };
    struct ruleset *alone = ruleset_new_like(lender);

    err_set(err, "out of memory");
    if (closure.marks == NULL || closure.left == NULL || alone == NULL)
        goto failed;
    mark_all(&closure, of);
    for (size_t i = 0; i < rules->count; i++)
        if (closure.marks[i] && copy_rule(alone, &rules->rules[i]) != 0)
            goto failed;
    if (ruleset_link(alone, err) == 0)
        goto done;

failed:
    ruleset_destroy(&alone);

done:
    free(closure.marks);
    free(closure.left);
    return alone;
}

/* 0, 1 with the reason, or -1. */
static int
try_one(struct ruleset *rules, size_t i, struct ruleset *lender, struct err *err)
{
    struct ruleset *alone = make_alone(rules, i, lender, err);
    int rc;

    if (alone == NULL)
        return -1;
    if (ruleset_refused_count(alone) > 0) {
        err_set(err, "%s", ruleset_refused(alone, 0));
        rc = 1;
    } else {
        rc = rules->try_rule(&alone, &rules->rules[i].sigma, err);
    }
    ruleset_destroy(&alone);
    return rc;
}

/* The lender's fields grow with each rule, and none has more than its own of an event. */
int
ruleset_run_tests(struct ruleset *rules)
{
    struct ruleset *lender = rules->try_rule == NULL ? NULL : ruleset_new();
    int failed = rules->try_rule != NULL && lender == NULL ? -1 : 0;
    size_t i = 0;

    while (lender != NULL && failed >= 0 && i < rules->count) {
        struct err why = { "" };
        int rc = rules->rules[i].sigma.test_count == 0 ? 0 : try_one(rules, i, lender, &why);

        if (rc < 0 || (rc > 0 && ruleset_refuse(rules, rules->rules[i].file, why.text) != 0)) {
            failed = -1;
            break;
        }
        if (rc > 0) {
            ruleset_drop(rules, i);
            failed++;
        } else {
            i++;
        }
    }
    ruleset_destroy(&lender);
    return failed;
}
