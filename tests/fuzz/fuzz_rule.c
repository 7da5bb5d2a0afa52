/* A rule file's bytes, as they are read at start: each document of it is in use, or refused
 * with a reason; its own tests are run; and what is in use judges events. */
#include <string.h>

#include "detector/cases/rule_tests.h"
#include "detector/ruleset/lint.h"
#include "detector/ruleset/ruleset.h"
#include "detector/tool/line_event.h"
#include "tests/fuzz/fuzz.h"

static const char *const events[] = {
    "{}",
    "{\"event_type\":\"login_failed\",\"username\":\"root\",\"source_ip\":\"192.0.2.7\","
    "\"count\":5,\"raw_log\":\"Failed password for root from 192.0.2.7 port 22 ssh2\","
    "\"timestamp\":\"2026-11-22T03:00:00Z\"}",
    "{\"CommandLine\":\"cmd.exe /c whoami -enc cGluZw==\",\"Image\":\"C:\\\\Windows\\\\cmd.exe\","
    "\"a\":[1,null,\"x\",{\"b\":\"y\"}],\"c\":{\"d\":true},\"e\":null,\"f\":\"\",\"g\":-1.5e300}",
};

static struct line_event line;

static int
check_verdict(void *ctx, const struct match_verdict *verdict)
{
    const struct ruleset *rules = ctx;

    REQUIRE(verdict->number < ruleset_count(rules));
    REQUIRE(verdict->holds == (verdict->near.missing == 0));
    if (ruleset_filter_count(rules) == 0)
        REQUIRE(verdict->is_match ==
                (verdict->holds && verdict->route == ROUTE_APPLIES));
    return 0;
}

static void
judge(struct ruleset *rules)
{
    struct err err;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        REQUIRE(line_event_json(&line, text_of(events[i]), &err) == 0);
        REQUIRE(matcher_explain(ruleset_matcher(rules), &line.event, check_verdict, rules) == 0);
    }
}

static int
check_finding(void *ctx, enum lint_kind kind, const struct sigma_rule *rule, int line,
              const char *what)
{
    (void)ctx;
    REQUIRE(kind < LINT_KINDS && rule->id != NULL && line > 0 && what[0] != '\0');
    return 0;
}

static void
lint(const struct ruleset *rules)
{
    const struct sigma_rule *all[64];
    size_t count = ruleset_count(rules);

    for (size_t i = 0; i < count && i < 64; i++)
        all[i] = &ruleset_rule(rules, i)->sigma;
    REQUIRE(lint_rules(all, count < 64 ? count : 64, check_finding, NULL) == 0);
}

static void
check_reasons(const struct ruleset *rules)
{
    for (size_t i = 0; i < ruleset_refused_count(rules); i++) {
        const char *reason = ruleset_refused(rules, i);

        REQUIRE(strncmp(reason, "rule.yml:", 9) == 0 && reason[9] != '\0');
    }
    for (size_t i = 0; i < ruleset_count(rules); i++) {
        const struct sigma_rule *rule = &ruleset_rule(rules, i)->sigma;

        REQUIRE(rule->id[0] != '\0' && rule->line > 0);
        REQUIRE(text_is_utf8(text_of(rule->id)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ruleset *rules = ruleset_new();
    struct err err;

    fuzz_begin();
    if (line.reader == NULL)
        REQUIRE(line_event_init(&line, FUZZ_NOW_US) == 0);
    REQUIRE(rules != NULL);
    ruleset_try(rules, rule_tests_try);
    REQUIRE(ruleset_add(rules, "rule.yml", (const char *)data, size) == 0);
    REQUIRE(ruleset_link(rules, &err) == 0);
    check_reasons(rules);
    lint(rules);
    judge(rules);
    ruleset_destroy(&rules);
    return 0;
}
