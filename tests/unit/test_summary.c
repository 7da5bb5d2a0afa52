/*
 * An incident in one sentence: right for one, for two and for many.
 */
#include "detector/ruleset/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEC(n) ((int64_t)((n) * 1000000.0))

static struct text group[] = { { "source_address", 14 } };

static struct sigma_rule
rule_of(const char *summary)
{
    return (struct sigma_rule){
        .title = "Brute force", .summary = summary,
        .correlation = { .type = SIGMA_VALUE_SUM, .group_by = group, .group_count = 1,
                         .threshold = 5 },
    };
}

/* What the template says of count in so many events. */
static void
expect(const char *summary, uint64_t count, size_t events, int64_t span_us, const char *said)
{
    struct sigma_rule rule = rule_of(summary);
    struct incident *inc = incident_new();
    struct text unknown;
    struct buf out = { 0 };

    inc->count = count;
    inc->evidence_count = events;
    inc->key_count = 1;
    inc->keys[0].field = strdup("source_address");
    inc->keys[0].value = strdup("203.0.113.9");
    if (summary != NULL)
        assert_int_equal(summary_check(&rule, &unknown), 0);
    assert_int_equal(summary_write(&rule, inc, &(struct summary_times){ SEC(9), SEC(9) + span_us },
                                   NULL, &out), 0);
    assert_string_equal(out.ptr, said);
    buf_release(&out);
    incident_destroy(&inc);
}

static void
without_a_template_it_is_title_key_and_count(void **state)
{
    (void)state;
    expect(NULL, 1, 1, 0, "Brute force: 203.0.113.9 (1 event)");
    expect(NULL, 7, 7, SEC(1), "Brute force: 203.0.113.9 (7 events)");
}

static void
times_are_told_as_people_tell_them(void **state)
{
    static const char summary[] = "{source_address} failed to log in {times} {in_span}";

    (void)state;
    expect(summary, 1, 1, 0, "203.0.113.9 failed to log in once");
    expect(summary, 2, 2, SEC(3), "203.0.113.9 failed to log in twice in 3 seconds");
    expect(summary, 3, 3, SEC(240), "203.0.113.9 failed to log in 3 times in 4 minutes");
    expect(summary, 5, 1, 0, "203.0.113.9 failed to log in 5 times");
    expect(summary, 5, 5, 0, "203.0.113.9 failed to log in 5 times in under a second");
}

static void
what_is_counted_has_a_word_for_one_and_for_many(void **state)
{
    static const char summary[] = "{key} sent {count|request|requests} {in_span}.";

    (void)state;
    expect(summary, 1, 1, 0, "203.0.113.9 sent 1 request.");
    expect(summary, 57, 20, 0, "203.0.113.9 sent 57 requests in under a second.");
    expect("{threshold|try|tries} or more", 9, 9, 0, "5 tries or more");
    expect("{count|sheep}", 1, 1, 0, "1 sheep");
    expect("{count|sheep}", 2, 2, 0, "2 sheep");
    expect("{count}", 2, 2, 0, "2");
}

static void
a_span_is_in_the_unit_that_a_person_would_use(void **state)
{
    static const struct { double seconds; const char *said; } rows[] = {
        { 0, "under a second" }, { 0.4, "under a second" }, { 1, "1 second" },
        { 59, "59 seconds" }, { 60, "1 minute" }, { 64, "64 seconds" },
        { 120, "2 minutes" }, { 250, "4 minutes" }, { 3600, "1 hour" },
        { 5400, "90 minutes" }, { 7200, "2 hours" }, { 86400, "1 day" },
        { 172800, "2 days" }, { 86400.0 * 400, "400 days" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect("{span}", 2, 2, SEC(rows[i].seconds), rows[i].said);
}

static void
what_the_rule_cannot_know_is_refused_with_its_name(void **state)
{
    static const char *const templates[] = {
        "{nonsense}", "{key|a|b}", "{times|a|b}", "{source_address|a|b}", "{}", "{|a|b}",
        "{count} {destination_ip}", "{username|user|users}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        struct sigma_rule rule = rule_of(templates[i]);
        struct text unknown = { NULL, 0 };

        if (summary_check(&rule, &unknown) == 0)
            fail_msg("%s was taken", templates[i]);
        assert_non_null(unknown.ptr);
    }
}

static void
braces_without_an_end_are_text(void **state)
{
    (void)state;
    expect("{count", 3, 3, 0, "{count");
    expect("a } b {times} {", 3, 3, 0, "a } b 3 times {");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_template_it_is_title_key_and_count),
        cmocka_unit_test(times_are_told_as_people_tell_them),
        cmocka_unit_test(what_is_counted_has_a_word_for_one_and_for_many),
        cmocka_unit_test(a_span_is_in_the_unit_that_a_person_would_use),
        cmocka_unit_test(what_the_rule_cannot_know_is_refused_with_its_name),
        cmocka_unit_test(braces_without_an_end_are_text),
    };

    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
