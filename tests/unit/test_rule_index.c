/* Rules found by their witnesses are those that match when each is asked by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/match/compiled.h"
#include "detector/match/rule_index.h"
#include "proto/base/buf.h"
#include "tests/support/match_case.h"

enum { RULES = 150, EVENTS = 3000 };

/* Few fields and few letters, so that much of it is met. */
static const char *const names[] = { "event_type", "raw_log", "Image", "process.executable", "User", "x" };
static const char *const words[] = { "ab", "B", "cab", "abc", "ABCA", "1", "12", "bb ca", "", "봉수" };
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static unsigned
draw(uint64_t *seed, size_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((*seed >> 33) % below);
}

static const char *
word(uint64_t *seed)
{
    return words[draw(seed, COUNT(words))];
}

static void
write_item(uint64_t *seed, struct buf *out, const char *name)
{
    static const char *const modifiers[] = {
        "", "|contains", "|startswith", "|endswith", "|cased", "|contains|all", "|re", "|contains|cased",
        "|neq", "|exists", "|gt",
    };
    static const char *const wilds[] = { "%s", "*%s", "%s*", "*%s*", "%s?", "?%s*b", "*" };
    const char *modifier = modifiers[draw(seed, COUNT(modifiers))];

    buf_printf(out, "'%s%s': ", name, modifier);
    if (strcmp(modifier, "|exists") == 0) {
        buf_append_str(out, draw(seed, 2) ? "true" : "false");
    } else if (strcmp(modifier, "|gt") == 0) {
        buf_append_str(out, "5");
    } else if (strcmp(modifier, "|re") == 0) {
        buf_printf(out, "'^%s.'", word(seed));
    } else if (draw(seed, 12) == 0 && modifier[0] == '\0') {
        buf_append_str(out, "null");
    } else {
        buf_append_char(out, '[');
        for (unsigned i = 0, count = 1 + draw(seed, 3); i < count; i++) {
            char value[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(value, sizeof(value), wilds[draw(seed, COUNT(wilds))], word(seed));
#pragma GCC diagnostic pop
            buf_printf(out, "%s'%s'", i == 0 ? "" : ", ", value);
        }
        buf_append_char(out, ']');
    }
}

static void
write_rule(uint64_t *seed, struct buf *out, unsigned n)
{
    static const char *const conditions[] = {
        "sa", "sa and sb", "sa or sb", "sa and not sb", "not sa", "1 of s*", "2 of s*", "all of s*",
        "sa and (sb or sc)", "(sa or sb) and not sc", "not (sa and sb)", "keywords", "keywords and sa",
    };

    buf_printf(out, "%stitle: T%u\nid: t%u\nlogsource: {product: x}\ndetection:\n", n == 0 ? "" : "---\n", n, n);
    for (const char *name = "abc"; *name != '\0'; name++) {
        buf_printf(out, "    s%c: {", *name);
        write_item(seed, out, names[draw(seed, COUNT(names) - 1)]);
        if (draw(seed, 3) == 0) {
            buf_append_str(out, ", ");
            write_item(seed, out, names[COUNT(names) - 1]);
        }
        buf_append_str(out, "}\n");
    }
    buf_printf(out, "    keywords: ['%s', 'a*%s']\n", word(seed)[0] == '\0' ? "ca" : "abca", word(seed));
    buf_printf(out, "    condition: %s\n", conditions[draw(seed, COUNT(conditions))]);
}

static void
write_value(uint64_t *seed, struct buf *out)
{
    switch (draw(seed, 9)) {
    case 0:
        buf_printf(out, "%u", draw(seed, 20));
        break;
    case 1:
        buf_append_str(out, "null");
        break;
    case 2:
        buf_printf(out, "[\"%s\",%u,[\"%s\"],\"%s\"]", word(seed), draw(seed, 20), word(seed), word(seed));
        break;
    case 3:
        buf_printf(out, "{\"k\":\"%s\"}", word(seed));
        break;
    default:
        buf_printf(out, "\"%s%s\"", word(seed), draw(seed, 2) ? word(seed) : "");
    }
}

static void
write_event(uint64_t *seed, struct buf *out)
{
    buf_printf(out, "{\"event_type\":\"%s\"", draw(seed, 2) ? "ab" : "ABC");
    if (draw(seed, 2))
        buf_printf(out, ",\"raw_log\":\"%s %s\"", word(seed), word(seed));
    for (size_t i = 2; i < COUNT(names); i++) {
        if (draw(seed, 2))
            continue;
        buf_printf(out, ",\"%s\":", names[i]);
        write_value(seed, out);
    }
    buf_append_char(out, '}');
    buf_append_char(out, '\0');
}

/* The rules once in their index, and once each by itself. */
struct both {
    struct ruleset *rules;
    struct field_table *fields;
    struct predicate_table *table;
    struct compiled alone[RULES];
    size_t alone_matched, events_matched;
    const char *json;
};

static void
compare(void *ctx, const struct event *ev)
{
    struct both *both = ctx;
    const uint32_t *numbers;
    size_t found = matcher_match(ruleset_matcher(both->rules), ev, &numbers), at = 0;

    field_table_begin(both->fields, ev);
    predicate_table_begin(both->table);
    for (uint32_t i = 0; i < RULES; i++) {
        int matches = compiled_matches(&both->alone[i], both->table);
        int is_found = at < found && numbers[at] == i;

        if (matches != is_found)
            fail_msg("rule %u on %s: %d alone, %d with the others", i, both->json, matches, is_found);
        at += (size_t)is_found;
        both->alone_matched += (size_t)matches;
    }
    assert_int_equal(at, found);
    both->events_matched += found > 0;
}

static void
what_is_found_with_others_is_what_matches_alone(void **state)
{
    const struct logsource of_x = { .product = text_of("x") };
    static const struct logsource of = { .product = { "x", 1 } };
    uint64_t seed = 20261123;
    struct buf text = { 0 }, json = { 0 };
    struct both *both = calloc(1, sizeof(*both));
    struct err err = { "" };

    (void)state;
    for (unsigned i = 0; i < RULES; i++)
        write_rule(&seed, &text, i);
    buf_append_char(&text, '\0');
    both->rules = match_case_rules(text.ptr);
    assert_int_equal(matcher_set_logsource(ruleset_matcher(both->rules), &of), 0);
    assert_int_equal(matcher_set_logsource(ruleset_matcher(both->rules), &of_x), 0);
    both->fields = field_table_new();
    both->table = predicate_table_new(both->fields);
    for (uint32_t i = 0; i < RULES; i++)
        if (compiled_init(&both->alone[i], &ruleset_rule(both->rules, i)->sigma, i, both->table, &err) != 0)
            fail_msg("%s", err.text);
    for (int i = 0; i < EVENTS; i++) {
        buf_clear(&json);
        write_event(&seed, &json);
        both->json = json.ptr;
        match_case_send(json.ptr, compare, both);
    }
    assert_true(both->alone_matched > EVENTS);          /* and not all of them, always */
    assert_true(both->alone_matched < (size_t)EVENTS * RULES / 2);
    for (size_t i = 0; i < RULES; i++)
        compiled_release(&both->alone[i]);
    predicate_table_destroy(&both->table);
    field_table_destroy(&both->fields);
    ruleset_destroy(&both->rules);
    buf_release(&text);
    buf_release(&json);
    free(both);
}

static size_t
always(const char *detection)
{
    struct ruleset *rules = match_case_load(detection);
    struct field_table *fields = field_table_new();
    struct predicate_table *table = predicate_table_new(fields);
    struct compiled code;
    struct rule_index *index;
    struct err err = { "" };
    size_t count;

    assert_int_equal(compiled_init(&code, &ruleset_rule(rules, 0)->sigma, 0, table, &err), 0);
    index = rule_index_new(&code, 1, table, &err);
    assert_non_null(index);
    count = rule_index_always(index);
    rule_index_destroy(&index);
    compiled_release(&code);
    predicate_table_destroy(&table);
    field_table_destroy(&fields);
    ruleset_destroy(&rules);
    return count;
}

static void
only_rules_that_can_do_without_any_text_are_always_looked_at(void **state)
{
    (void)state;
    assert_int_equal(always("{s: {a: x}, condition: s}"), 0);
    assert_int_equal(always("{s: {a|contains: ab}, t: {b: null}, condition: s and t}"), 0);
    assert_int_equal(always("{s: {a|contains: ab}, t: {b|re: c}, condition: s and not t}"), 0);
    assert_int_equal(always("{s: {a|contains: ab}, t: {b: y}, condition: 1 of them}"), 0);
    assert_int_equal(always("{s: {a: ['x*y?z', ab]}, condition: s}"), 1);     /* x, y, z: one letter each */
    assert_int_equal(always("{s: {a: ['xx*y?z', ab]}, condition: s}"), 0);
    assert_int_equal(always("{s: {a: [null, x]}, condition: s}"), 1);
    assert_int_equal(always("{s: {a: '*'}, condition: s}"), 1);
    assert_int_equal(always("{s: {a: x}, condition: not s}"), 1);
    assert_int_equal(always("{s: {a: x}, t: {b|exists: true}, condition: s or t}"), 1);
    assert_int_equal(always("{s: {a|gt: 1}, condition: s}"), 1);
}

/* A text that is longer than what is compared wholly. */
static void
a_long_text_is_found_too(void **state)
{
    struct buf rule = { 0 }, event = { 0 };
    struct ruleset *rules;

    (void)state;
    buf_append_str(&rule, "{s: {a: '");
    buf_append_str(&event, "{\"event_type\":\"t\",\"a\":\"");
    for (int i = 0; i < 1500; i++) {
        buf_append_char(&rule, (char)('a' + i % 26));
        buf_append_char(&event, (char)('A' + i % 26));
    }
    buf_append_str(&rule, "'}, condition: s}");
    buf_append_str(&event, "\"}");
    buf_append_char(&rule, '\0');
    buf_append_char(&event, '\0');
    rules = match_case_load(rule.ptr);
    assert_int_equal(match_case_count(rules, event.ptr), 1);
    event.ptr[30] = '.';
    assert_int_equal(match_case_count(rules, event.ptr), 0);
    ruleset_destroy(&rules);
    buf_release(&rule);
    buf_release(&event);
}

struct chance {
    struct field_table *fields;
    struct rule_index *index;
    int is_there;
};

static void
look(void *ctx, const struct event *ev)
{
    struct chance *chance = ctx;
    size_t word_count;

    field_table_begin(chance->fields, ev);
    chance->is_there = rule_index_find(chance->index, &word_count)[0] != 0;
}

/* Half of all requests are GET: what is rare is what is asked for beside it. */
static void
a_field_of_few_words_is_no_witness_where_there_is_a_better_one(void **state)
{
    struct ruleset *rules = match_case_load(
        "{s: {method: GET}, t: {line|contains: [abcde, fghij, klmno]}, condition: s and t}");
    struct field_table *fields = field_table_new();
    struct predicate_table *table = predicate_table_new(fields);
    struct chance chance = { .fields = fields };
    struct compiled code;
    struct err err = { "" };

    (void)state;
    assert_int_equal(compiled_init(&code, &ruleset_rule(rules, 0)->sigma, 0, table, &err), 0);
    chance.index = rule_index_new(&code, 1, table, &err);
    assert_non_null(chance.index);
    match_case_send("{\"event_type\":\"t\",\"method\":\"GET\",\"line\":\"-abcd-\"}", look, &chance);
    assert_int_equal(chance.is_there, 0);
    match_case_send("{\"event_type\":\"t\",\"method\":\"GET\",\"line\":\"-klmno-\"}", look, &chance);
    assert_int_equal(chance.is_there, 1);
    rule_index_destroy(&chance.index);
    compiled_release(&code);
    predicate_table_destroy(&table);
    field_table_destroy(&fields);
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_with_others_is_what_matches_alone),
        cmocka_unit_test(only_rules_that_can_do_without_any_text_are_always_looked_at),
        cmocka_unit_test(a_long_text_is_found_too),
        cmocka_unit_test(a_field_of_few_words_is_no_witness_where_there_is_a_better_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
