#include "notifier/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/timestamp.h"

#define URL "https://siem.example"

/* One incident, and the text of the message that was made of it. */
struct desk {
    struct incident *inc;
    json_t *message;
    const char *text;
};

static void
set_text(char **field, const char *text)
{
    free(*field);
    *field = strdup(text);
}

static int
open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    struct err err;

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0)
        return -1;
    desk->inc = incident_new();
    memset(desk->inc->id, 'a', INCIDENT_ID_HEX - 1);
    desk->inc->severity = SEVERITY_HIGH;
    desk->inc->rule_title = strdup("Brute force");
    desk->inc->summary = strdup("203.0.113.45 failed to log in 5 times in 5 minutes");
    desk->inc->keys[0].field = strdup("source_address");
    desk->inc->keys[0].value = strdup("203.0.113.45");
    desk->inc->key_count = 1;
    desk->inc->count = 5;
    desk->inc->opened_us = desk->inc->last_seen_us = INT64_C(1795000000) * 1000000;
    *state = desk;
    return 0;
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;

    incident_destroy(&desk->inc);
    json_decref(desk->message);
    free(desk);
    return 0;
}

static size_t
characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* Write it; what comes must be JSON and within Slack's limit. */
static const char *
write_all(struct desk *desk, const struct notice *notices, size_t count, size_t total,
          const char *url)
{
    struct buf out = { 0 };
    json_error_t where;

    assert_int_equal(channel_slack.write(&out, notices, count, total, url), 0);
    json_decref(desk->message);
    desk->message = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, &where);
    buf_release(&out);
    if (desk->message == NULL)
        fail_msg("%s", where.text);
    desk->text = json_string_value(json_object_get(desk->message, "text"));
    assert_non_null(desk->text);
    assert_true(characters(desk->text) < 3000);
    return desk->text;
}

static const char *
write_one(struct desk *desk, const char *what, const char *url)
{
    const struct notice notice = { desk->inc, what, NULL };

    return write_all(desk, &notice, 1, 1, url);
}

static void
assert_has(const char *text, const char *needle)
{
    if (strstr(text, needle) == NULL)
        fail_msg("not \"%s\" in: %s", needle, text);
}

static void
assert_lacks(const char *text, const char *needle)
{
    if (strstr(text, needle) != NULL)
        fail_msg("\"%s\" in: %s", needle, text);
}

/* A text of so many pieces; the caller frees. */
static char *
many(const char *piece, size_t times)
{
    size_t len = strlen(piece);
    char *text = malloc(len * times + 1);

    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, piece, len);
    text[len * times] = '\0';
    return text;
}

static void
tells_severity_rule_summary_key_count_and_times(void **state)
{
    const char *text = write_one(*state, "opened", URL);
    struct desk *desk = *state;

    assert_has(text, "[HIGH] Brute force");
    assert_has(text, "203.0.113.45 failed to log in 5 times in 5 minutes");
    assert_has(text, "source_address: `203.0.113.45`");
    assert_has(text, "count: 5");
    assert_has(text, "+09:00");
    assert_true(json_is_false(json_object_get(desk->message, "unfurl_links")));
    assert_true(json_is_false(json_object_get(desk->message, "unfurl_media")));
}

static void
says_who_made_the_rule(void **state)
{
    struct desk *desk = *state;
    char name[400];

    assert_null(strstr(write_one(desk, "opened", URL), "rule by"));
    set_text(&desk->inc->rule_author, "Bongsu");
    assert_null(strstr(write_one(desk, "opened", URL), "rule by"));
    set_text(&desk->inc->rule_author, "Kim <kim@a.example>");
    assert_has(write_one(desk, "opened", URL), "\nrule by Kim &lt;kim@a.example&gt;\n");
    memset(name, '&', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    set_text(&desk->inc->rule_author, name);
    (void)write_one(desk, "opened", URL);       /* stays short */
}

static void
says_why_it_is_told_again(void **state)
{
    assert_lacks(write_one(*state, "opened", URL), "(");
    assert_has(write_one(*state, "severity:critical", URL), "(severity rose)");
    assert_has(write_one(*state, "reopened:2", URL), "(opened again)");
}

static void
links_to_the_incident_by_public_url(void **state)
{
    static const char link[] =
        "<https://siem.example/incidents/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|Open the incident>";

    assert_has(write_one(*state, "opened", URL), link);
    assert_has(write_one(*state, "opened", URL "///"), link);
}

static void
names_the_incident_where_there_is_no_url_to_link_to(void **state)
{
    char *longest = many("x", 3000);
    const char *const none[] = { NULL, "", "/", "https://a|b", "https://a>b", longest };

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        const char *text = write_one(*state, "opened", none[i]);

        assert_lacks(text, "|");
        assert_has(text, "incident `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`");
    }
    free(longest);
}

static void
escapes_what_slack_takes_for_markup(void **state)
{
    struct desk *desk = *state;
    const char *text;

    set_text(&desk->inc->summary, "<!channel> & <https://evil.example|click> `code`\nsecond\x01");
    set_text(&desk->inc->rule_title, "<b>&</b>");
    set_text(&desk->inc->keys[0].value, "a`<!here>`b");
    set_text(&desk->inc->keys[0].field, "<@U1>");
    text = write_one(desk, "opened", URL);
    assert_has(text, "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;  code  second ");
    assert_has(text, "&lt;b&gt;&amp;&lt;/b&gt;");
    assert_has(text, "&lt;@U1&gt;: `a &lt;!here&gt; b`");
    assert_lacks(text, "<!");
    assert_lacks(text, "<@");
    /* the one < is our own link */
    assert_ptr_equal(strchr(text, '<'), strrchr(text, '<'));
}

static void
what_turns_the_writing_direction_becomes_a_space(void **state)
{
    struct desk *desk = *state;

    set_text(&desk->inc->summary, "user \xe2\x80\xaegnp.exe\xe2\x81\xa6 in\xe2\x80\xa8two");
    assert_has(write_one(desk, "opened", URL), "user  gnp.exe  in two");
}

static void
stays_short_whatever_the_summary_is(void **state)
{
    static const char *const pieces[] = { "x", "&", "<!channel>", "\xed\x95\x9c", "`", "\n",
                                          "\xf0\x9f\x94\xa5", "\xff", "\xed\xa0\x80" };
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char *text = many(pieces[i], 20000);

        set_text(&desk->inc->summary, text);
        set_text(&desk->inc->rule_title, text);
        for (size_t k = 0; k < INCIDENT_MAX_KEYS; k++) {
            set_text(&desk->inc->keys[k].field, text);
            set_text(&desk->inc->keys[k].value, text);
        }
        desk->inc->key_count = INCIDENT_MAX_KEYS;
        desk->inc->count = UINT64_MAX;
        assert_has(write_one(desk, "severity:critical", URL), "\xe2\x80\xa6");
        assert_has(desk->text, "|Open the incident>");
        free(text);
    }
}

static void
cuts_on_the_border_of_a_character(void **state)
{
    struct desk *desk = *state;

    /* every phase of a three-byte character against the limit */
    for (int shift = 0; shift < 4; shift++) {
        char *hangul = many("\xed\x95\x9c", 5000), *text = malloc(16000);

        snprintf(text, 16000, "%.*s%.15000s", shift, "abc", hangul);
        set_text(&desk->inc->summary, text);
        /* json_loadb of write_all refuses broken UTF-8 */
        assert_has(write_one(desk, "opened", URL), "\xed\x95\x9c\xe2\x80\xa6\n");
        free(hangul);
        free(text);
    }
}

static void
does_not_cut_an_escape_in_two(void **state)
{
    struct desk *desk = *state;

    for (size_t n = 990; n < 1005; n++) {
        char *text = many("x", n);
        char *whole = malloc(n + 100);

        snprintf(whole, n + 100, "%s&&&&", text);
        set_text(&desk->inc->summary, whole);
        write_one(desk, "opened", URL);
        for (const char *at = strchr(desk->text, '&'); at != NULL; at = strchr(at + 1, '&'))
            assert_int_equal(strncmp(at, "&amp;", 5), 0);
        free(text);
        free(whole);
    }
}

static void
bytes_that_are_no_text_become_question_marks(void **state)
{
    struct desk *desk = *state;

    set_text(&desk->inc->summary, "a\xff" "b\xed\x95" "c\xc0\xaf" "d");
    assert_has(write_one(desk, "opened", URL), "a?b??c??d");
}

static void
an_incident_without_texts_is_told_all_the_same(void **state)
{
    struct desk *desk = *state;

    free(desk->inc->summary);
    desk->inc->summary = NULL;
    free(desk->inc->rule_title);
    desk->inc->rule_title = NULL;
    assert_has(write_one(desk, "opened", URL), "[HIGH]");
}

static void
a_digest_of_a_thousand_lists_some_and_counts_the_rest(void **state)
{
    struct desk *desk = *state;
    struct notice notices[64];
    const char *text, *at;
    char rest[64];
    int listed = 0;

    for (size_t i = 0; i < 64; i++)
        notices[i] = (struct notice){ desk->inc, "opened", NULL };
    text = write_all(desk, notices, 64, 1000, URL);
    assert_has(text, "*1000 more incidents*");
    for (at = strstr(text, "\n\xe2\x80\xa2 "); at != NULL; at = strstr(at + 1, "\n\xe2\x80\xa2 "))
        listed++;
    assert_in_range(listed, 1, 20);
    snprintf(rest, sizeof(rest), "\nand %d more", 1000 - listed);
    assert_has(text, rest);
    assert_has(text, "<https://siem.example/incidents|Open all>");
}

static void
a_digest_of_long_texts_stays_short(void **state)
{
    static const char *const pieces[] = { "&", "\xf0\x9f\x94\xa5", "x" };
    struct desk *desk = *state;
    struct notice notices[64];

    for (size_t i = 0; i < 64; i++)
        notices[i] = (struct notice){ desk->inc, "reopened:1", NULL };
    for (size_t i = 0; i < 3; i++) {
        char *text = many(pieces[i], 20000);

        set_text(&desk->inc->summary, text);
        set_text(&desk->inc->rule_title, text);
        assert_has(write_all(desk, notices, 64, 1000, URL), "\nand 9");
        free(text);
    }
}

static void
a_digest_that_lists_all_counts_no_rest(void **state)
{
    struct desk *desk = *state;
    const struct notice notices[2] = { { desk->inc, "opened", NULL }, { desk->inc, "opened", NULL } };

    assert_lacks(write_all(desk, notices, 2, 2, NULL), "\nand ");
    assert_lacks(desk->text, "Open all");
}

static void
tells_success_from_what_passes_and_what_never_will(void **state)
{
    static const struct { long status; enum verdict verdict; } cases[] = {
        { 200, VERDICT_SENT }, { 204, VERDICT_SENT }, { 0, VERDICT_RETRY },
        { 408, VERDICT_RETRY }, { 429, VERDICT_RETRY }, { 500, VERDICT_RETRY },
        { 503, VERDICT_RETRY }, { 400, VERDICT_FAILED }, { 403, VERDICT_FAILED },
        { 404, VERDICT_FAILED }, { 410, VERDICT_FAILED }, { 301, VERDICT_FAILED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_answer answer = { .status = cases[i].status };

        assert_int_equal(channel_slack.judge(&answer), cases[i].verdict);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_severity_rule_summary_key_count_and_times),
        TEST(says_who_made_the_rule),
        TEST(says_why_it_is_told_again),
        TEST(links_to_the_incident_by_public_url),
        TEST(names_the_incident_where_there_is_no_url_to_link_to),
        TEST(escapes_what_slack_takes_for_markup),
        TEST(what_turns_the_writing_direction_becomes_a_space),
        TEST(stays_short_whatever_the_summary_is),
        TEST(cuts_on_the_border_of_a_character),
        TEST(does_not_cut_an_escape_in_two),
        TEST(bytes_that_are_no_text_become_question_marks),
        TEST(an_incident_without_texts_is_told_all_the_same),
        TEST(a_digest_of_a_thousand_lists_some_and_counts_the_rest),
        TEST(a_digest_of_long_texts_stays_short),
        TEST(a_digest_that_lists_all_counts_no_rest),
        TEST(tells_success_from_what_passes_and_what_never_will),
    };

    return cmocka_run_group_tests_name("channel_slack", tests, NULL, NULL);
}
