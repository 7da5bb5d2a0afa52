/* A condition as steps answers as its tree does, whatever the tests say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/sigma/sigma_condition.h"
#include "tests/support/match_case.h"

enum { NAMES = 4, CONDITIONS = 400 };

static const char *const names[NAMES] = { "sa", "sb", "sc", "sd" };

static unsigned
draw(uint64_t *seed, unsigned below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % below;
}

static void
write_condition(uint64_t *seed, struct buf *out, int depth)
{
    static const char *const counts[] = { "1 of s*", "2 of s*", "all of s*" };
    unsigned kind = draw(seed, depth == 0 ? 2 : 7);

    if (kind < 2) {
        buf_append_str(out, names[draw(seed, NAMES)]);
    } else if (kind == 2) {
        buf_append_str(out, counts[draw(seed, 3)]);
    } else if (kind == 3) {
        buf_append_str(out, "not (");
        write_condition(seed, out, depth - 1);
        buf_append_char(out, ')');
    } else {
        const char *word = kind == 4 ? " and " : " or ";

        buf_append_char(out, '(');
        for (unsigned i = 0, count = 2 + draw(seed, 2); i < count; i++) {
            buf_append_str(out, i == 0 ? "" : word);
            write_condition(seed, out, depth - 1);
        }
        buf_append_char(out, ')');
    }
}

static int
bit_is_set(void *ctx, uint32_t arg)
{
    return *(const unsigned *)ctx >> arg & 1;
}

/* Each selection is a field that is "1"; each set of fields is sent. */
static void
check_condition(const char *condition, int *held)
{
    const struct text texts[NAMES] = { text_of("sa"), text_of("sb"), text_of("sc"), text_of("sd") };
    char detection[2000], json[200];
    struct arena arena = { 0 };
    struct sigma_condition tree;
    struct ruleset *rules;
    struct err err;

    assert_int_equal(sigma_condition_parse(&arena, text_of(condition), texts, NAMES, &tree, &err), 0);
    snprintf(detection, sizeof(detection),
             "{sa: {sa: 1}, sb: {sb: 1}, sc: {sc: 1}, sd: {sd: 1}, condition: '%s'}", condition);
    rules = match_case_load(detection);
    for (unsigned bits = 0; bits < 1u << NAMES; bits++) {
        int expected = condition_eval(tree.nodes, 0, bit_is_set, &bits);

        snprintf(json, sizeof(json),
                 "{\"event_type\":\"x\",\"sa\":%u,\"sb\":%u,\"sc\":%u,\"sd\":%u}",
                 bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1);
        if (match_case_count(rules, json) != expected)
            fail_msg("%s of %x: not %d", condition, bits, expected);
        *held += expected;
    }
    ruleset_destroy(&rules);
    arena_release(&arena);
}

static void
random_conditions_answer_as_their_trees(void **state)
{
    uint64_t seed = 7;
    int held = 0;

    (void)state;
    for (int i = 0; i < CONDITIONS; i++) {
        struct buf condition = { 0 };

        write_condition(&seed, &condition, 3);
        check_condition(condition.ptr, &held);
        buf_release(&condition);
    }
    assert_in_range(held, CONDITIONS * 16 / 5, CONDITIONS * 16 * 4 / 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_conditions_answer_as_their_trees),
    };

    return cmocka_run_group_tests_name("compiled", tests, NULL, NULL);
}
