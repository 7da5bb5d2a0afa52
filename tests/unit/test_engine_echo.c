/*
 * test_engine_echo.c - one thing is told once: by two logs, and by two rules
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/hash.h"
#include "tests/support/engine_case.h"

#define DETECTION(id, types) \
    "title: " id "\nid: " id "\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: " types "}, condition: s}\n---\n"
#define BRUTE(bongsu) \
    "title: Brute\nid: brute\nlevel: high\nbongsu: {alert: true, " bongsu "}\n" \
    "correlation: {type: value_sum, rules: [failed, pam], group-by: [source_address],\n" \
    "  timespan: 5m, condition: {field: count, gte: 5}}\n---\n"
#define SPRAY(group, bongsu) \
    "title: Spray\nid: spray\nlevel: high\nbongsu: {" bongsu "}\n" \
    "correlation: {type: value_count, rules: [failed], group-by: [" group "],\n" \
    "  timespan: 1h, condition: {field: username, gte: 6}}\n"
#define EIGHT "failed, pam, failed, failed, failed, failed, failed, failed, "
#define MANY BASES \
    "title: M\nid: m\nbongsu: {" ECHO "}\n" \
    "correlation: {type: value_sum, rules: [" EIGHT EIGHT EIGHT EIGHT "pam],\n" \
    "  timespan: 5m, condition: {field: count, gte: 5}}\n"
#define PLAIN SPRAY("source_address", "suppress: 1h")
#define ECHO "echo: {rule: pam, fields: [username], within: 30s}"
#define BASES \
    DETECTION("failed", "[login_failed, pam_failed]") DETECTION("pam", "pam_failed") \
    DETECTION("success", "login_success")

/* "entered" owns the keys of "brute", and so "spray" has to follow. */
static const char rules[] =
    BASES BRUTE(ECHO)
    "title: Entered\nid: entered\nlevel: critical\n"
    "correlation: {type: temporal_ordered, rules: [brute, success],\n"
    "  group-by: [source_address], timespan: 15m}\n---\n"
    SPRAY("source_address", "yields_to: brute");

static int
set_up(void **state)
{
    struct engine_options options = engine_case_options();

    *state = calloc(1, sizeof(struct engine_case));
    engine_case_open(*state, rules, &options);
    return 0;
}

static void
tell(struct engine_case *fix, const char *type, const char *source, const char *user,
     int64_t count, int64_t at_us)
{
    struct event ev = engine_case_event(fix, type, source, at_us);

    ev.known[EVENT_USERNAME] = value_text(text_of(user));
    ev.known[EVENT_COUNT] = value_int(count);
    engine_case_judge(fix, &ev);
}

static void
restart(struct engine_case *fix, const struct engine_options *options)
{
    struct row_store *store = calloc(1, sizeof(*store));
    uint64_t sequence = fix->sequence;

    row_store_save(store, fix);
    engine_case_close(fix);
    engine_case_open(fix, rules, options);
    fix->sequence = sequence;
    row_store_restore(store, fix);
    row_store_destroy(&store);
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* What two logs told of each of eight sources, in any order, over restarts and in any
 * number of slots: an incident counts what the longer one has. */
static void
sum_is_that_of_the_longer_log_in_any_order(void **state)
{
    enum { SOURCES = 8, EVENTS = 120 };

    (void)state;
    for (uint32_t round = 0; round < 40; round++) {
        struct engine_options options = engine_case_options();
        uint64_t sums[SOURCES][2] = { { 0 } }, expected = 0, found = 0;
        struct engine_case slot[3] = { { 0 } };
        unsigned slots = 1 + round % 3;
        uint32_t seed = round + 1;

        options.slots = slots;
        for (options.slot = 0; options.slot < slots; options.slot++)
            engine_case_open(&slot[options.slot], rules, &options);
        for (int i = 0; i < EVENTS; i++) {
            uint32_t s = draw(&seed, SOURCES), is_pam = draw(&seed, 3) > 0;
            int64_t count = 1 + draw(&seed, 2), at_us = START + SEC(draw(&seed, 20));
            char source[32];

            snprintf(source, sizeof(source), "192.0.2.%u", s);
            sums[s][is_pam] += (uint64_t)count;
            for (options.slot = 0; options.slot < slots; options.slot++) {
                struct engine_case *fix = &slot[options.slot];

                tell(fix, is_pam ? "pam_failed" : "login_failed", source, "u", count, at_us);
                if (i == EVENTS / 2)
                    restart(fix, &options);
            }
        }
        /* one more of each, so that what a restart has settled is seen again */
        for (int s = 0; s < SOURCES; s++) {
            uint64_t most = 1 + (sums[s][0] > sums[s][1] ? sums[s][0] : sums[s][1]);
            char source[32];

            snprintf(source, sizeof(source), "192.0.2.%d", s);
            expected += most >= 5 ? most : 0;
            for (unsigned i = 0; i < slots; i++)
                tell(&slot[i], "login_failed", source, "last", 1, START + SEC(21));
        }
        for (unsigned i = 0; i < slots; i++) {
            found += engine_case_incidents(&slot[i]).total;
            engine_case_close(&slot[i]);
        }
        assert_int_equal(found, expected);
    }
}

static void
other_users_and_later_events_are_no_echo(void **state)
{
    struct engine_case *fix = *state;

    tell(fix, "login_failed", "192.0.2.1", "a", 2, START);
    tell(fix, "pam_failed", "192.0.2.1", "b", 2, START);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    tell(fix, "pam_failed", "192.0.2.1", "a", 2, START + SEC(31));
    assert_int_equal(engine_case_incidents(fix).total, 6);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_echoed_total"), 0);
}

static void
event_sent_again_under_its_own_id_moves_no_lead(void **state)
{
    struct engine_case *fix = *state;
    struct event ev = engine_case_event(fix, "login_failed", "192.0.2.1", START);

    ev.id = (struct event_id){ .len = HASH_ID_LEN };
    memset(ev.id.bytes, 7, HASH_ID_LEN);
    ev.is_keyed = 1;
    ev.known[EVENT_USERNAME] = value_text(text_of("a"));
    for (int i = 0; i < 10; i++)
        engine_case_judge(fix, &ev);
    tell(fix, "pam_failed", "192.0.2.1", "a", 5, START + SEC(1));
    assert_int_equal(engine_case_incidents(fix).total, 5);
}

/* Each attempt has another name, as an attacker would choose them. */
static void
flood_of_names_is_bounded_and_hides_nothing(void **state)
{
    struct engine_case fix = { 0 };
    struct engine_options options = engine_case_options();
    char user[32];

    (void)state;
    options.max_keys = 100;
    engine_case_open(&fix, rules, &options);
    for (int i = 0; i < 5000; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        tell(&fix, i % 2 ? "pam_failed" : "login_failed", "192.0.2.1", user, 1,
             START + SEC(i / 100));
        assert_true(engine_numbers(fix.engine).keys <= 100);
    }
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    assert_int_equal(engine_case_incidents(&fix).total, 5000);
    engine_case_close(&fix);
}

/* A thousand other sources fail once each, with room for a hundred rows. */
static void
flood(struct engine_case *fix, int64_t at_us)
{
    char source[40], user[32];

    for (int i = 0; i < 1000; i++) {
        snprintf(source, sizeof(source), "2001:db8::%x:%d", i, (int)(at_us / 1000000 % 1000));
        snprintf(user, sizeof(user), "f%d", i);
        tell(fix, i % 2 ? "pam_failed" : "login_failed", source, user, 1, at_us);
    }
}

static void
flood_between_the_failures_and_before_the_login_hides_neither(void **state)
{
    struct engine_case fix = { 0 };
    struct engine_options options = engine_case_options();
    struct event login;

    (void)state;
    options.max_keys = 100;
    engine_case_open(&fix, rules, &options);
    for (int i = 0; i < 4; i++)
        tell(&fix, "login_failed", "192.0.2.1", "root", 1, START + SEC(i));
    flood(&fix, START + SEC(10));
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    tell(&fix, "login_failed", "192.0.2.1", "root", 1, START + SEC(20));
    assert_int_equal(engine_case_incidents(&fix).total, 5);
    flood(&fix, START + SEC(30));
    login = engine_case_event(&fix, "login_success", "192.0.2.1", START + SEC(40));
    engine_case_judge(&fix, &login);
    assert_int_equal(engine_case_incidents(&fix).count, 2);
    assert_true(engine_case_counter(&fix, "bongsu_detector_keys_evicted_total") > 1000);
    engine_case_close(&fix);
}

/* The smallest engine there is: a row may push out the one that is at work. */
static void
engine_of_one_row_lives(void **state)
{
    struct engine_case fix = { 0 };
    struct engine_options options = engine_case_options();

    (void)state;
    options.max_keys = 1;
    engine_case_open(&fix, rules, &options);
    for (int i = 0; i < 50; i++)
        tell(&fix, i % 3 ? "pam_failed" : "login_failed", "192.0.2.1", "a", 5, START + SEC(i));
    assert_true(engine_case_incidents(&fix).count > 0);
    engine_case_close(&fix);
}

static void
spray_opens_nothing_while_a_brute_force_of_the_source_is_open(void **state)
{
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    char user[32];

    tell(fix, "login_failed", "192.0.2.1", "root", 5, START);
    restart(fix, &options);
    for (int i = 0; i < 9; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        tell(fix, "login_failed", "192.0.2.1", user, 1, START + SEC(i));
        tell(fix, "login_failed", "192.0.2.2", user, i == 8 ? 1 : 0, START + SEC(i));
    }
    /* of the first source one brute force, of the other a spray alone */
    assert_int_equal(engine_case_incidents(fix).count, 2);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_yielded_total"), 5);
}

/* The same as one file's rule set has it, refused for that reason. */
static void
refuses(const char *text, const char *reason)
{
    struct ruleset *set = ruleset_new();
    struct err err = { "" };

    assert_int_equal(ruleset_add(set, "t.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(set, &err), 0);
    if (ruleset_refused_count(set) == 0 || strstr(ruleset_refused(set, 0), reason) == NULL)
        fail_msg("\"%s\" is not \"%s\"",
                 ruleset_refused_count(set) == 0 ? "" : ruleset_refused(set, 0), reason);
    ruleset_destroy(&set);
}

static void
what_cannot_be_honoured_is_refused(void **state)
{
    (void)state;
    refuses(BASES BRUTE(ECHO) SPRAY("source_address", "yields_to: brutte"),
            "there is no rule \"brutte\"");
    refuses(BASES BRUTE(ECHO) SPRAY("host.name", "yields_to: brute"), "groups by the same");
    refuses(BASES BRUTE(ECHO) SPRAY("source_address", "yields_to: failed"),
            "needs a correlation that alerts");
    refuses(BASES BRUTE("yields_to: spray") SPRAY("source_address", "yields_to: brute"),
            "in a circle");
    refuses(BASES BRUTE(ECHO) SPRAY("source_address", ECHO), "only a value_sum");
    refuses(BASES BRUTE("echo: {rule: success, fields: a, within: 5s}") PLAIN,
            "echo is of a rule that is not referred to");
    refuses(BASES BRUTE("echo: {rule: pam, within: 5s}") PLAIN,
            "needs rule, fields and within");
    refuses(BASES BRUTE("echo: {rule: pam, fields: a, within: soon}") PLAIN,
            "echo.within must be");
    refuses(BASES BRUTE("echo: {rule: pam, fields: a, within: 5s, by: x}") PLAIN,
            "unknown key \"echo.by\"");
    refuses(MANY, "echo is for at most 32 rules");
    refuses("title: D\nid: d\nlogsource: {product: x}\nbongsu: {yields_to: x}\n"
            "detection: {s: {event_type: a}, condition: s}\n", "only a correlation");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_is_that_of_the_longer_log_in_any_order),
        TEST(other_users_and_later_events_are_no_echo),
        TEST(event_sent_again_under_its_own_id_moves_no_lead),
        cmocka_unit_test(flood_of_names_is_bounded_and_hides_nothing),
        cmocka_unit_test(flood_between_the_failures_and_before_the_login_hides_neither),
        cmocka_unit_test(engine_of_one_row_lives),
        TEST(spray_opens_nothing_while_a_brute_force_of_the_source_is_open),
        cmocka_unit_test(what_cannot_be_honoured_is_refused),
    };

    return cmocka_run_group_tests_name("engine_echo", tests, NULL, NULL);
}
