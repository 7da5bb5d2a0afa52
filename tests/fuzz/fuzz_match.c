/* An event, as JSON, against some hundreds of rules of all kinds and those that are shipped:
 * what the index, the router and the compiled programs find is what each rule finds by
 * itself, line by line of its selections, in tables of its own. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/match/compiled.h"
#include "detector/ruleset/ruleset.h"
#include "detector/tool/line_event.h"
#include "proto/base/buf.h"
#include "tests/fuzz/fuzz.h"

static const char *const fields[] = {
    "CommandLine", "Image", "ParentImage", "User", "username", "source_ip", "raw_log",
    "cs-uri-query", "DestinationPort", "event_type", "nested.name", "description",
};

/* One line of a selection; %s is a field. */
static const char *const items[] = {
    "%s: Whoami", "%s: ['cmd.exe', '*\\cmd.exe']", "%s: 22", "%s: [true, 1.5, '']", "%s: null",
    "%s: [null, '-']", "%s: ''", "%s: '*'", "%s: 'a?b*c'", "%s: ['c\\*d', 'e\\\\*f', 'g\\?']",
    "%s|contains: mimikatz", "%s|contains: [' /c ', 'a*b', '?']", "%s|contains|all: [alpha, beta, 'GAMMA']",
    "%s|contains: ''", "%s|startswith: ['C:\\Windows\\', /usr/, 'x?z']", "%s|endswith: ['.exe', '\\*.ps1', '?.ocx']",
    "%s|cased: Abc", "%s|contains|cased: [Alpha, '-Enc']", "%s|startswith|cased: 'Ca*e'", "%s|exact: wHoAmI",
    "%s|re: 'a[0-9]+z'", "%s|re|i: '^(cmd|powershell)\\.exe$'", "%s|re|i|m|s: 'x.y$'", "%s|re: '(?=look)l'",
    "%s|re: ['.*end$', '[^\\x00-\\x7f]']", "%s|cidr: [192.0.2.0/24, '2001:db8::/33']",
    "%s|cidr: '10.0.0.0/8'", "%s|base64offset|contains: foobar", "%s|base64|contains: 'http://'",
    "%s|wide|base64offset|contains: ping", "%s|utf16|base64offset|contains: [ab, cd]", "%s|utf16be|base64offset|contains: ok",
    "%s|windash|contains: [' -enc ', ' -e ']", "%s|windash|contains|all: [' -a ', ' -b']", "%s|exists: true",
    "%s|exists: false", "%s|fieldref: User", "%s|fieldref|startswith: nested.name", "%s|gt: 5",
    "%s|gte: -1.5", "%s|lt: 1024", "%s|lte: 22", "%s|neq: 22", "%s|contains|neq: [alpha, beta]",
    "%s|contains|all|neq: [alpha, beta]", "%s|hour: [2, 3, 4]", "%s|minute|gte: 30", "%s|year: 2026",
    "%s|week|lt: 10", "%s: 'Kelvin\\u212a \\u00e9*'",
};

/* How the selections a1, a2, b and the keywords k make a rule. */
static const char *const conditions[] = {
    "a1", "not a1", "a1 and not b", "1 of a*", "all of a*", "2 of them", "a1 or not (a2 and b)",
    "[a1 and b, not a2]", "all of them or a2", "(a1 or a2) and not 1 of b*", "3 of them", "a1 and k or b",
    "k and not a2", "not 1 of a* and b",
};

static const char *const sources[] = {
    "product: windows, category: process_creation", "product: windows", "category: webserver",
    "product: linux, service: sshd", "service: auth", "product: none",
};

static const char *const keywords[] = {
    "[needle, 'pin * stack']", "{'|all': [first, second]}", "[22, 'C:\\Temp', alpha]",
};

enum { COUNT_OF_ITEMS = sizeof(items) / sizeof(items[0]), ROUNDS = 8, PARTS_STEP = 1024,
       CONDITIONS = sizeof(conditions) / sizeof(conditions[0]) };

static struct ruleset *rules;
static struct field_table *plain_fields;
static struct predicate_table *plain;       /* no rule's program, no index knows of it */
static struct compiled *parts;
static size_t part_count, part_at;
static int is_making;
static struct line_event line;
static unsigned chosen;

static size_t
choose(size_t count)
{
    chosen = chosen * 1103515245u + 12345u;
    return (chosen >> 16) % count;
}

static void
write_item(struct buf *text, const char *item)
{
    const char *field = fields[choose(sizeof(fields) / sizeof(fields[0]))];
    const char *place = strstr(item, "%s");

    REQUIRE(buf_printf(text, "%.*s%s%s", (int)(place - item), item, field, place + 2) == 0);
}

/* Two lines of a map must not have the same key: then each is a map of its own. */
static void
write_selection(struct buf *text, const char *name, const char *first)
{
    const char *second = items[choose(COUNT_OF_ITEMS)];

    REQUIRE(buf_printf(text, "    %s:\n        - ", name) == 0);
    write_item(text, first);
    REQUIRE(buf_append_str(text, choose(2) == 0 ? "\n          other: '?*'\n" : "\n") == 0);
    REQUIRE(buf_append_str(text, "        - ") == 0);
    write_item(text, second);
    REQUIRE(buf_append_str(text, "\n") == 0);
}

static void
add_made(size_t number)
{
    struct buf text = { 0 };
    char name[32];

    snprintf(name, sizeof(name), "made-%zu.yml", number);
    REQUIRE(buf_printf(&text, "title: Made\nid: made-%zu\nlogsource: {%s}\ndetection:\n", number,
                       sources[choose(sizeof(sources) / sizeof(sources[0]))]) == 0);
    write_selection(&text, "a1", items[number % COUNT_OF_ITEMS]);
    write_selection(&text, "a2", items[choose(COUNT_OF_ITEMS)]);
    write_selection(&text, "b", items[choose(COUNT_OF_ITEMS)]);
    REQUIRE(buf_printf(&text, "    k: %s\n    condition: %s\n%s", keywords[choose(3)],
                       conditions[number % CONDITIONS],
                       choose(8) == 0 ? "bongsu: {checks: [{sqli: [cs-uri-query, raw_log]},"
                                        " {xss: [description]}]}\n" : "") == 0);
    REQUIRE(ruleset_add(rules, name, text.ptr, text.len) == 0);
    buf_release(&text);
}

static void
add_shipped(void)
{
    glob_t found;
    char bytes[65536];

    REQUIRE(glob("detector/rules/*.yml", 0, NULL, &found) == 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *file = fopen(found.gl_pathv[i], "r");
        size_t len = file == NULL ? 0 : fread(bytes, 1, sizeof(bytes), file);

        REQUIRE(len > 0 && len < sizeof(bytes));
        fclose(file);
        REQUIRE(ruleset_add(rules, found.gl_pathv[i], bytes, len) == 0);
    }
    globfree(&found);
}

static void
clean_up(void)
{
    for (size_t i = 0; i < part_count; i++)
        compiled_release(&parts[i]);
    free(parts);
    line_event_release(&line);
    predicate_table_destroy(&plain);
    field_table_destroy(&plain_fields);
    ruleset_destroy(&rules);
}

/* --- what a rule says by itself --- */

/* The parts of all rules, each compiled by itself, in the order in which they are asked. */
static struct compiled *
next_part(void)
{
    if (!is_making)
        return &parts[part_at++];
    if (part_count % PARTS_STEP == 0)
        parts = realloc(parts, (part_count + PARTS_STEP) * sizeof(parts[0]));
    REQUIRE(parts != NULL);
    return &parts[part_count++];
}

static int
item_holds(const struct sigma_rule *rule, const struct sigma_item *item)
{
    struct compiled *part = next_part();
    struct err err;

    if (is_making)
        REQUIRE(compiled_init_item(part, rule, item, plain, &err) == 0);
    return compiled_matches(part, plain);
}

static int
check_holds(const struct sigma_rule *rule, const struct sigma_check *check)
{
    struct compiled *part = next_part();
    struct err err;

    if (is_making)
        REQUIRE(compiled_init_check(part, rule, check, plain, &err) == 0);
    return compiled_matches(part, plain);
}

static int
selection_holds(const struct sigma_rule *rule, const struct sigma_selection *sel)
{
    int holds = 0;

    for (size_t g = 0; g < sel->group_count; g++) {
        int all = 1;

        for (size_t i = 0; i < sel->groups[g].item_count; i++)
            all &= item_holds(rule, &sel->groups[g].items[i]);
        holds |= all;
    }
    return holds;
}

static int
condition_holds(const struct sigma_condition *cond, size_t at, const int *selections)
{
    const struct condition_node *node = &cond->nodes[at];
    uint32_t held = 0, children = 0;

    if (node->kind == CONDITION_TEST)
        return selections[node->arg];
    for (size_t i = at + 1; i < node->end; i = cond->nodes[i].end, children++)
        held += (uint32_t)condition_holds(cond, i, selections);
    return node->kind == CONDITION_NOT   ? held == 0
           : node->kind == CONDITION_AND ? held == children
           : node->kind == CONDITION_OR  ? held > 0
                                         : held >= node->arg;
}

static int
checks_hold(const struct sigma_rule *rule)
{
    int holds = rule->check_count == 0;

    for (size_t i = 0; i < rule->check_count; i++)
        holds |= check_holds(rule, &rule->checks[i]);
    return holds;
}

static int
holds_plainly(const struct sigma_rule *rule)
{
    int selections[64], holds = 0;

    REQUIRE(rule->selection_count <= sizeof(selections) / sizeof(selections[0]));
    for (size_t i = 0; i < rule->selection_count; i++)
        selections[i] = selection_holds(rule, &rule->selections[i]);
    for (size_t i = 0; i < rule->condition_count; i++)
        holds |= condition_holds(&rule->conditions[i], 0, selections);
    holds &= checks_hold(rule);
    return holds;
}

/* --- each event --- */

static int
compare(void *ctx, const struct match_verdict *verdict)
{
    const struct sigma_rule *rule = &ruleset_rule(rules, verdict->number)->sigma;
    int holds = holds_plainly(rule);

    (void)ctx;
    if (holds != verdict->holds ||
        verdict->is_match != (holds && verdict->route == ROUTE_APPLIES) ||
        (verdict->near.missing == 0) != holds) {
        fprintf(stderr, "%s: by itself %d, compiled %d, route %d, found %d, missing %u\n", rule->id,
                holds, verdict->holds, (int)verdict->route, verdict->is_match,
                (unsigned)verdict->near.missing);
        abort();
    }
    return 0;
}

static void
make_rules(void)
{
    struct err err = { "" };

    fuzz_begin();
    rules = ruleset_new();
    REQUIRE(rules != NULL && line_event_init(&line, FUZZ_NOW_US) == 0);
    add_shipped();
    for (size_t i = 0; i < (size_t)COUNT_OF_ITEMS * ROUNDS; i++)
        add_made(i);
    REQUIRE(ruleset_link(rules, &err) == 0);
    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        fprintf(stderr, "%s\n", ruleset_refused(rules, i));
    REQUIRE(ruleset_refused_count(rules) == 0 && ruleset_filter_count(rules) == 0);
    plain_fields = field_table_new();
    plain = plain_fields == NULL ? NULL : predicate_table_new(plain_fields);
    REQUIRE(plain != NULL);
    /* a field that is added after an event began has no value in it: all are added here */
    REQUIRE(line_event_json(&line, text_of("{}"), &err) == 0);
    field_table_begin(plain_fields, &line.event);
    is_making = 1;
    for (size_t i = 0; i < ruleset_count(rules); i++)
        holds_plainly(&ruleset_rule(rules, i)->sigma);
    is_making = 0;
    atexit(clean_up);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;

    if (rules == NULL)
        make_rules();
    if (line_event_json(&line, (struct text){ (const char *)data, size }, &err) != 0)
        return 0;
    field_table_begin(plain_fields, &line.event);
    predicate_table_begin(plain);
    part_at = 0;
    REQUIRE(matcher_explain(ruleset_matcher(rules), &line.event, compare, NULL) == 0);
    return 0;
}
