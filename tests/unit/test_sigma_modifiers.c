/*
 * test_sigma_modifiers.c - what modifiers make of values (Sigma 2.1.0, appendix)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "tests/support/match_case.h"

#define CHECK(rows) match_case_check(rows, sizeof(rows) / sizeof((rows)[0]))

/* en dash, em dash, horizontal bar */
#define EN "\xE2\x80\x93"
#define EM "\xE2\x80\x94"
#define BAR "\xE2\x80\x95"

static void
windash_takes_each_dash_that_begins_an_option_for_any_other(void **state)
{
    static const struct match_row rows[] = {
        { "{a|windash|contains: ' -f '}", "\"a\":\"x -f y\"", 1 },
        { "{a|windash|contains: ' -f '}", "\"a\":\"x /F y\"", 1 },
        { "{a|windash|contains: ' -f '}", "\"a\":\"x " EN "f y\"", 1 },
        { "{a|windash|contains: ' -f '}", "\"a\":\"x " EM "f y\"", 1 },
        { "{a|windash|contains: ' -f '}", "\"a\":\"x " BAR "f y\"", 1 },
        { "{a|windash|contains: ' -f '}", "\"a\":\"x +f y\"", 0 },
        { "{a|contains|windash: ' /f '}", "\"a\":\"x -f y\"", 1 },
        { "{a|windash: '" EN "f'}", "\"a\":\"/f\"", 1 },
        { "{a|windash|endswith: -f}", "\"a\":\"x /f\"", 1 },
        { "{a|windash|startswith: -f}", "\"a\":\"/foo\"", 1 },
        { "{a|windash|startswith: -f}", "\"a\":\"x/foo\"", 0 },
        /* each by itself */
        { "{a|windash|contains: '-a -b'}", "\"a\":\"-a /b\"", 1 },
        { "{a|windash|contains: '-a -b'}", "\"a\":\"" BAR "a " EN "b\"", 1 },
        /* the second dash of a word is of the word; of two, the second counts */
        { "{a|windash|contains: '-param-name'}", "\"a\":\"/param-name\"", 1 },
        { "{a|windash|contains: '-param-name'}", "\"a\":\"/param/name\"", 0 },
        { "{a|windash|contains: '--all'}", "\"a\":\"-/all\"", 1 },
        { "{a|windash|contains: '--all'}", "\"a\":\"//all\"", 0 },
        { "{a|windash|contains: ' - x'}", "\"a\":\"y / x\"", 0 },
        { "{a|windash: 'x -'}", "\"a\":\"x /\"", 0 },
        /* wildcards go on being wildcards */
        { "{a|windash: '*-f?x*'}", "\"a\":\"cmd /f:x1\"", 1 },
        { "{a|windash: 'x*-f'}", "\"a\":\"x 1 /f\"", 1 },
        { "{a|windash: '-*'}", "\"a\":\"/x\"", 0 },
        { "{a|windash: '\\*-f'}", "\"a\":\"*/f\"", 1 },
        { "{a|windash|cased: -F}", "\"a\":\"/f\"", 0 },
        { "{a|windash|neq: -f}", "\"a\":\"/f\"", 0 },
        { "{a|windash: 5}", "\"a\":5", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* With all, each value as written must be there, in one of its forms. */
static void
all_counts_values_not_the_forms_that_modifiers_give_them(void **state)
{
    static const struct match_row rows[] = {
        { "{a|windash|contains|all: [' -a', ' -b']}", "\"a\":\"x /a -b\"", 1 },
        { "{a|windash|contains|all: [' -a', ' -b']}", "\"a\":\"x /a\"", 0 },
        { "{a|contains|all|windash: [' -a', ' -b']}", "\"a\":\"x /b /a\"", 1 },
        { "{a|base64offset|contains|all: [foobar, secret]}", "\"a\":\"eHhmb29iYXJ5eQ==\"", 0 },
        { "{a|base64offset|contains|all: [foobar]}", "\"a\":\"eHhmb29iYXJ5eQ==\"", 1 },
        { "{a|all: [x]}", "\"a\":\"x\"", 1 },
        { "{a|all|neq: [x, y]}", "\"a\":[\"x\",\"y\"]", 0 },
        { "{a|all|neq: [x, y]}", "\"a\":\"x\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
base64_encodes_the_bytes_of_the_text(void **state)
{
    static const struct match_row rows[] = {
        { "{a|base64: foobar}", "\"a\":\"Zm9vYmFy\"", 1 },
        { "{a|base64: fooba}", "\"a\":\"Zm9vYmE=\"", 1 },
        { "{a|base64: foob}", "\"a\":\"Zm9vYg==\"", 1 },
        { "{a|base64: foobar}", "\"a\":\"xZm9vYmFy\"", 0 },
        { "{a|base64|contains: foobar}", "\"a\":\"xZm9vYmFyx\"", 1 },
        { "{a|base64|contains|cased: foobar}", "\"a\":\"zM9VymfY\"", 0 },
        { "{a|base64: 'a\\*b'}", "\"a\":\"YSpi\"", 1 },
        { "{a|base64: 'C:\\\\'}", "\"a\":\"Qzpc\"", 1 },
        { "{a|base64: 123}", "\"a\":\"MTIz\"", 1 },
        { "{a|base64|base64: x}", "\"a\":\"ZUE9PQ==\"", 1 },
        { "{a|base64: ''}", "\"a\":\"\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* The three of each that the appendix tells of, as pySigma makes them. */
static void
base64offset_finds_a_text_wherever_it_stands_in_what_was_encoded(void **state)
{
    static const struct match_row rows[] = {
        { "{a|base64offset|contains: foobar}", "\"a\":\"Zm9vYmFyeg==\"", 1 },
        { "{a|base64offset|contains: foobar}", "\"a\":\"eGZvb2Jhcg==\"", 1 },
        { "{a|base64offset|contains: foobar}", "\"a\":\"eHhmb29iYXJ5eQ==\"", 1 },
        { "{a|base64offset|contains: foobar}", "\"a\":\"eHhmb29iYW\"", 0 },
        { "{a|base64offset|cased: foobar}", "\"a\":\"Zm9vYmFy\"", 1 },
        { "{a|base64offset|cased: foobar}", "\"a\":\"Zvb2Jhc\"", 1 },
        { "{a|base64offset|cased: foobar}", "\"a\":\"mb29iYX\"", 1 },
        { "{a|base64offset|cased: 'http://'}", "\"a\":\"aHR0cDovL\"", 1 },
        { "{a|base64offset|cased: 'http://'}", "\"a\":\"h0dHA6Ly\"", 1 },
        { "{a|base64offset|cased: 'http://'}", "\"a\":\"odHRwOi8v\"", 1 },
        { "{a|base64offset|cased: é1}", "\"a\":\"OpM\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
wide_and_its_kin_are_encoded_as_utf16(void **state)
{
    static const struct match_row rows[] = {
        { "{a|wide|base64|cased: cmd}", "\"a\":\"YwBtAGQA\"", 1 },
        { "{a|utf16le|base64|cased: cmd}", "\"a\":\"YwBtAGQA\"", 1 },
        { "{a|utf16be|base64|cased: cmd}", "\"a\":\"AGMAbQBk\"", 1 },
        { "{a|utf16|base64|cased: cmd}", "\"a\":\"//5jAG0AZAA=\"", 1 },
        { "{a|wide|base64|cased: 😀é}", "\"a\":\"PdgA3ukA\"", 1 },
        { "{a|wide|base64offset|contains: ping}", "\"a\":\"eHAAaQBuAGcAcQ==\"", 1 },
        { "{a|wide|base64offset|contains: ping}", "\"a\":\"eHAAaQBuAGgAcQ==\"", 0 },
        { "{a|windash|wide|base64|cased: -a}", "\"a\":\"LwBhAA==\"", 1 },
        { "{a|utf16le|base64offset|contains|all: [ping]}", "\"a\":\"cABpAG4AZwA=\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
exact_is_the_whole_value_in_any_case(void **state)
{
    static const struct match_row rows[] = {
        { "{a|exact: Root}", "\"a\":\"rOOT\"", 1 },
        { "{a|exact: root}", "\"a\":\"roots\"", 0 },
        { "{a|exact|cased: Root}", "\"a\":\"root\"", 0 },
        { "{a|exact|neq: root}", "\"a\":\"toor\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
fieldref_compares_two_fields_of_an_event(void **state)
{
    static const struct match_row rows[] = {
        { "{a|fieldref: b}", "\"a\":\"Root\",\"b\":\"rOOT\"", 1 },
        { "{a|fieldref: b}", "\"a\":\"root\",\"b\":\"roots\"", 0 },
        { "{a|fieldref: b}", "\"a\":\"root\"", 0 },
        { "{a|fieldref: b}", "\"b\":\"root\"", 0 },
        { "{a|fieldref: b}", "", 0 },
        { "{a|fieldref: b}", "\"a\":null,\"b\":null", 0 },
        { "{a|fieldref: b}", "\"a\":\"\",\"b\":\"\"", 1 },
        { "{a|fieldref: b}", "\"a\":5,\"b\":\"5\"", 1 },
        { "{a|fieldref|cased: b}", "\"a\":\"Root\",\"b\":\"root\"", 0 },
        { "{a|fieldref|neq: b}", "\"a\":\"x\",\"b\":\"y\"", 1 },
        { "{a|fieldref|neq: b}", "\"a\":\"x\",\"b\":\"X\"", 0 },
        { "{a|neq|fieldref: b}", "\"a\":\"x\",\"b\":\"y\"", 1 },
        { "{a|fieldref|startswith: b}", "\"a\":\"rootkit\",\"b\":\"Root\"", 1 },
        { "{a|fieldref|startswith: b}", "\"a\":\"aroot\",\"b\":\"root\"", 0 },
        { "{a|fieldref|endswith: b}", "\"a\":\"C:\\\\x\\\\Cmd.exe\",\"b\":\"cmd.EXE\"", 1 },
        { "{a|fieldref|endswith: b}", "\"a\":\"cmd.exe.bak\",\"b\":\"cmd.exe\"", 0 },
        { "{a|fieldref|contains: b}", "\"a\":\"xCMDx\",\"b\":\"cmd\"", 1 },
        { "{a|fieldref|contains|cased: b}", "\"a\":\"xCMDx\",\"b\":\"cmd\"", 0 },
        { "{a|fieldref|contains: b}", "\"a\":\"cm\",\"b\":\"cmd\"", 0 },
        { "{a|fieldref: [b, c]}", "\"a\":\"x\",\"c\":\"x\"", 1 },
        { "{a|fieldref|all: [b, c]}", "\"a\":\"x\",\"c\":\"x\"", 0 },
        { "{a|fieldref: b}", "\"a\":[\"x\",\"y\"],\"b\":[\"z\",\"Y\"]", 1 },
        { "{a|fieldref: username}", "\"a\":\"root\",\"username\":\"root\"", 1 },
        { "{a|fieldref: user.name}", "\"a\":\"root\",\"username\":\"root\"", 1 },
        /* a wildcard in an event is a character */
        { "{a|fieldref: b}", "\"a\":\"root\",\"b\":\"ro*\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

/* Both texts come with the event: in time linear in their length. */
static void
fieldref_is_not_slow_for_texts_made_to_be_slow(void **state)
{
    struct ruleset *rules =
        match_case_load("{s: {a|fieldref|contains: b}, condition: s}");
    enum { LEN = 200000 };
    char *json = malloc(2 * LEN);
    clock_t before;
    size_t at = 0;

    (void)state;
    assert_non_null(json);
    at += (size_t)snprintf(json, 64, "{\"event_type\":\"t\",\"a\":\"");
    memset(json + at, 'a', LEN);
    at += LEN;
    at += (size_t)snprintf(json + at, 64, "\",\"b\":\"");
    memset(json + at, 'a', LEN / 2);
    at += LEN / 2;
    snprintf(json + at, 64, "b\"}");
    before = clock();
    assert_int_equal(match_case_count(rules, json), 0);
    assert_true(clock() - before < CLOCKS_PER_SEC);     /* 20 billion steps are more */
    ruleset_destroy(&rules);
    free(json);
}

static void
keywords_are_looked_for_in_the_whole_message(void **state)
{
    static const struct match_row rows[] = {
        { "[evil]", "\"raw_log\":\"an EVIL line\"", 1 },
        { "[evil]", "\"description\":\"an evil line\"", 1 },
        { "[evil, bad]", "\"raw_log\":\"a bad line\"", 1 },
        { "[evil]", "\"raw_log\":\"a line\",\"a\":\"evil\"", 0 },
        /* no message: its fields are all there is */
        { "[evil]", "\"a\":\"so evil\"", 1 },
        { "[evil]", "\"a\":[\"x\",\"evil\"]", 1 },
        { "[evil]", "\"username\":\"evil\"", 1 },
        { "[evil]", "\"evil\":\"x\"", 0 },
        { "[4625]", "\"a\":4625", 1 },
        /* JSON hides quotes and backslashes */
        { "['C:\\x']", "\"raw_log\":\"{\\\"a\\\":\\\"c:\\\\\\\\x\\\"}\",\"a\":\"c:\\\\x\"", 1 },
        { "{'|all': [evil, deed]}", "\"raw_log\":\"a deed, evil\"", 1 },
        { "{'|all': [evil, deed]}", "\"raw_log\":\"a deed\"", 0 },
        { "{'|all': [evil, deed]}", "\"raw_log\":\"evil\",\"description\":\"deed\"", 1 },
        { "{'|contains|all': [evil, deed]}", "\"raw_log\":\"a deed, evil\"", 1 },
        { "{'|re': 'ev.l'}", "\"raw_log\":\"x evil\"", 1 },
        { "{'|re': 'Ev.l'}", "\"raw_log\":\"x evil\"", 0 },
        { "{'|cased': Evil}", "\"raw_log\":\"evil\"", 0 },
        { "{'|base64offset|contains': foobar}", "\"raw_log\":\"x eGZvb2Jhcg==\"", 1 },
        { "['ev*l']", "\"raw_log\":\"an ev i l line\"", 1 },
        { "[evil, {a: x}]", "\"a\":\"x\"", 1 },
        { "evil", "\"raw_log\":\"evil\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
a_question_mark_is_one_character_after_a_star_too(void **state)
{
    static const struct match_row rows[] = {
        { "{a: '*?\?'}", "\"a\":\"봉\"", 0 },
        { "{a: '*?\?'}", "\"a\":\"봉수\"", 1 },
        { "{a: 'x*?y'}", "\"a\":\"x봉y\"", 1 },
        { "{a: 'x*?\?y'}", "\"a\":\"x봉y\"", 0 },
        { "{a|contains: '봉?수'}", "\"a\":\"x봉수\"", 0 },
        { "{a|contains: '봉?대'}", "\"a\":\"x봉수대\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* --- placeholders --- */

static const char holders_text[] =
    "Admins: [root, 'adm*', 5]\n"
    "Host: srv1\n"
    "Other-1.x: ['a%b']\n";

static struct ruleset *
load_expanding(const char *selection, struct placeholders *holders)
{
    static const struct logsource of = { .product = { "x", 1 } };
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    char text[600];

    snprintf(text, sizeof(text), "title: T\nlogsource: {product: x}\n"
             "detection: {s: %s, condition: s}\n", selection);
    ruleset_expand(rules, holders);
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(matcher_set_logsource(ruleset_matcher(rules), &of), 0);
    return rules;
}

static void
expand_puts_in_what_the_site_says(void **state)
{
    static const struct match_row rows[] = {
        { "{a|expand: '%Admins%'}", "\"a\":\"ROOT\"", 1 },
        { "{a|expand: '%Admins%'}", "\"a\":\"admin\"", 1 },
        { "{a|expand: '%Admins%'}", "\"a\":5", 1 },
        { "{a|expand: '%Admins%'}", "\"a\":\"%Admins%\"", 0 },
        { "{a|expand: '%Admins%'}", "\"a\":\"alice\"", 0 },
        { "{a: '%Admins%'}", "\"a\":\"%Admins%\"", 1 },
        { "{a: '%Admins%'}", "\"a\":\"root\"", 0 },
        { "{a|expand: '%Admins%@%Host%'}", "\"a\":\"root@srv1\"", 1 },
        { "{a|expand: '%Admins%@%Host%'}", "\"a\":\"root@srv2\"", 0 },
        { "{a|expand: '\\%Admins%Host%'}", "\"a\":\"%Adminssrv1\"", 1 },
        { "{a|expand: '100% sure'}", "\"a\":\"100% sure\"", 1 },
        { "{a|expand: '%Other-1.x%'}", "\"a\":\"a%b\"", 1 },
        { "{a|expand|contains: '%Host%'}", "\"a\":\"xsrv1x\"", 1 },
        { "{a|expand|all|contains: ['%Admins%', '%Host%']}", "\"a\":\"root srv1\"", 1 },
        { "{a|expand|all|contains: ['%Admins%', '%Host%']}", "\"a\":\"root srv2\"", 0 },
        { "{a|expand|base64: '%Host%'}", "\"a\":\"c3J2MQ==\"", 1 },
        { "{a|expand: [x, '%Host%']}", "\"a\":\"x\"", 1 },
        { "{'|expand': '%Host%'}", "\"raw_log\":\"on srv1\"", 1 },
    };
    struct err err = { "" };
    struct placeholders *holders =
        placeholders_parse("p.yml", holders_text, strlen(holders_text), &err);

    (void)state;
    assert_non_null(holders);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ruleset *rules = load_expanding(rows[i].selection, holders);
        char json[300];

        snprintf(json, sizeof(json), "{\"event_type\":\"t\",%s}", rows[i].fields);
        if (ruleset_refused_count(rules) > 0)
            fail_msg("%s", ruleset_refused(rules, 0));
        if (match_case_count(rules, json) != rows[i].matches)
            fail_msg("%s on %s: not %d", rows[i].selection, json, rows[i].matches);
        ruleset_destroy(&rules);
    }
    placeholders_destroy(&holders);
}

static void
an_expand_that_cannot_be_resolved_refuses_the_rule(void **state)
{
    struct err err = { "" };
    struct placeholders *holders =
        placeholders_parse("p.yml", holders_text, strlen(holders_text), &err);
    struct ruleset *rules = load_expanding("{a|expand: '%Nobody%'}", holders);

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_string_equal(ruleset_refused(rules, 0), "x.yml:3: placeholder \"%Nobody%\" is not "
                        "known (detector.placeholders)");
    ruleset_destroy(&rules);
    rules = load_expanding("{a|expand|base64: '%Admins%'}", holders);
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_non_null(strstr(ruleset_refused(rules, 0), "wildcards cannot be encoded"));
    ruleset_destroy(&rules);
    placeholders_destroy(&holders);
}

/* A window of other users is no window of these. */
static void
a_placeholder_that_means_another_thing_makes_another_rule(void **state)
{
    static const char *const texts[] = { "H: a\n", "---\nH: a\nI: b\n---\n...\n", "H: b\n", "H: 'a*'\n" };
    uint64_t hashes[4];
    struct err err = { "" };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct placeholders *holders =
            placeholders_parse("p.yml", texts[i], strlen(texts[i]), &err);
        struct ruleset *rules = load_expanding("{a|expand: '%H%'}", holders);

        hashes[i] = ruleset_rule(rules, 0)->text_hash;
        ruleset_destroy(&rules);
        placeholders_destroy(&holders);
    }
    assert_true(hashes[0] == hashes[1]);
    assert_true(hashes[0] != hashes[2]);
    assert_true(hashes[0] != hashes[3]);
}

static void
a_bad_file_of_placeholders_is_refused_with_its_line(void **state)
{
    static const struct { const char *text, *reason; } rows[] = {
        { "- a\n", "p.yml:1: placeholders are a map" },
        { "A: x\nB: {c: d}\n", "p.yml:2: a placeholder stands for texts" },
        { "A: x\nB: []\n", "p.yml:2: a placeholder stands for 1 to" },
        { "A: [x, null]\n", "p.yml:1: a placeholder stands for texts" },
        { "A B: x\n", "p.yml:1: a placeholder's name" },
        { "'': x\n", "p.yml:1: a placeholder's name" },
        { "A: x\n---\nB: x\n", "one document" },
        { "A: x\nA: y\n", "p.yml:2: " },
        { "A: [\n", "p.yml:" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = { "" };

        assert_null(placeholders_parse("p.yml", rows[i].text, strlen(rows[i].text), &err));
        if (strstr(err.text, rows[i].reason) == NULL)
            fail_msg("\"%s\" is not \"%s\"", err.text, rows[i].reason);
    }
}

static void
an_empty_document_of_placeholders_is_passed_over(void **state)
{
    static const char *const texts[] = { "H: a\n---\n", "---\n# of the site\n---\nH: a\n...\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct err err = { "" };
        struct placeholders *holders =
            placeholders_parse("p.yml", texts[i], strlen(texts[i]), &err);

        if (placeholders_find(holders, text_of("H")) == NULL)
            fail_msg("%s: %s", texts[i], err.text);
        placeholders_destroy(&holders);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windash_takes_each_dash_that_begins_an_option_for_any_other),
        cmocka_unit_test(all_counts_values_not_the_forms_that_modifiers_give_them),
        cmocka_unit_test(base64_encodes_the_bytes_of_the_text),
        cmocka_unit_test(base64offset_finds_a_text_wherever_it_stands_in_what_was_encoded),
        cmocka_unit_test(wide_and_its_kin_are_encoded_as_utf16),
        cmocka_unit_test(exact_is_the_whole_value_in_any_case),
        cmocka_unit_test(fieldref_compares_two_fields_of_an_event),
        cmocka_unit_test(fieldref_is_not_slow_for_texts_made_to_be_slow),
        cmocka_unit_test(keywords_are_looked_for_in_the_whole_message),
        cmocka_unit_test(a_question_mark_is_one_character_after_a_star_too),
        cmocka_unit_test(expand_puts_in_what_the_site_says),
        cmocka_unit_test(an_expand_that_cannot_be_resolved_refuses_the_rule),
        cmocka_unit_test(a_placeholder_that_means_another_thing_makes_another_rule),
        cmocka_unit_test(a_bad_file_of_placeholders_is_refused_with_its_line),
        cmocka_unit_test(an_empty_document_of_placeholders_is_passed_over),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_modifiers", tests, NULL, NULL);
}
