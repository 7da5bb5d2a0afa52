/* What is wrong with Bongsu itself: found, lasting, told once, over once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/watch_state.h"

#define NOW_US INT64_C(1795305600000000)

enum { INGEST, DETECTOR, INDEXER, NOTIFIER, API, LOOK_MS = 5000 };

static struct watch_state state;
static struct watch_look look;
static struct watch_findings findings;
static int64_t now_ms;

static int
setup(void **ctx)
{
    (void)ctx;
    memset(&state, 0, sizeof(state));
    memset(&look, 0, sizeof(look));
    state.after_ms = look.after_ms = 60000;
    now_ms = 1000000;
    return 0;
}

static int
teardown(void **ctx)
{
    (void)ctx;
    for (int i = 0; i < WATCH_STAGES; i++)
        json_decref(look.status[i]);
    return 0;
}

static void
say(int stage, const char *status)
{
    json_error_t error;

    json_decref(look.status[stage]);
    look.is_asked[stage] = stage != NOTIFIER;      /* which does not ask itself */
    look.status[stage] = status == NULL ? NULL : json_loads(status, 0, &error);
    if (status != NULL && look.status[stage] == NULL)
        fail_msg("%s", error.text);
    snprintf(look.why[stage], WATCH_WHY, "%s", status == NULL ? "connection refused" : "");
}

static void
pass(int64_t ms)
{
    for (int64_t end = now_ms + ms; now_ms < end;) {
        now_ms += LOOK_MS;
        watch_look_all(&look, &findings);
        watch_apply(&state, &findings, now_ms, NOW_US + now_ms * 1000);
    }
}

/* The item that is due; there must be just one. Written, as watch.c would. */
static struct watch_item
take_due(void)
{
    struct watch_item *due = NULL, copy;

    for (size_t i = 0; i < state.count; i++)
        if (state.items[i].is_due) {
            assert_null(due);
            due = &state.items[i];
        }
    assert_non_null(due);
    copy = *due;
    watch_done(&state, due, now_ms);
    return copy;
}

static void
expect_nothing_due(void)
{
    for (size_t i = 0; i < state.count; i++)
        if (state.items[i].is_due)
            fail_msg("due: %s", state.items[i].found.summary);
}

static void
a_stage_that_is_down_for_a_minute_is_told_once_and_its_end_once(void **ctx)
{
    struct watch_item item;

    (void)ctx;
    say(INDEXER, NULL);
    pass(60000);
    expect_nothing_due();
    pass(5000);
    item = take_due();
    assert_int_equal(item.phase, WATCH_ON);
    assert_string_equal(item.found.key, "indexer");
    assert_string_equal(item.found.summary,
                        "indexer is not ready: it does not answer (connection refused)");
    pass(50000);
    expect_nothing_due();
    say(INDEXER, "{\"ready\":true}");
    pass(15000);
    item = take_due();
    assert_int_equal(item.phase, WATCH_OVER);
    pass(60000);
    assert_int_equal(state.count, 0);
}

static void
a_stage_that_comes_back_in_time_is_no_incident(void **ctx)
{
    (void)ctx;
    for (int i = 0; i < 5; i++) {
        say(API, NULL);
        pass(50000);
        say(API, "{\"ready\":true}");
        pass(5000);
    }
    expect_nothing_due();
    assert_int_equal(state.count, 0);
}

static void
what_flaps_is_one_incident(void **ctx)
{
    struct watch_item first;

    (void)ctx;
    say(INGEST, NULL);
    pass(65000);
    first = take_due();
    for (int i = 0; i < 20; i++) {
        say(INGEST, "{\"ready\":true}");
        pass(5000);
        say(INGEST, "{\"ready\":false,\"checks\":{\"journal\":\"the disk is full\"}}");
        pass(5000);
        for (size_t k = 0; k < state.count; k++)
            if (state.items[k].is_due) {
                assert_string_equal(state.items[k].id, first.id);
                assert_int_equal(state.items[k].phase, WATCH_ON);
                watch_done(&state, &state.items[k], now_ms);
            }
    }
    assert_int_equal(state.count, 1);
    assert_string_equal(state.items[0].found.summary,
                        "ingest is not ready: journal: the disk is full");
}

static void
the_failed_checks_are_named_and_no_others(void **ctx)
{
    (void)ctx;
    say(INDEXER, "{\"ready\":false,\"checks\":{\"ingest\":\"ok\",\"store\":\"locked\",\"x\":\"y\"}}");
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.all[0].summary, "indexer is not ready: store: locked; x: y");
}

static void
a_journal_over_four_fifths_is_told_with_who_holds_it(void **ctx)
{
    static const char status[] =
        "{\"ready\":true,\"journal\":{\"bytes\":%d,\"max_bytes\":100},\"consumers\":{"
        "\"index\":{\"backlog_events\":70,\"oldest_age_ms\":9000},"
        "\"detect/0\":{\"backlog_events\":3,\"oldest_age_ms\":1}}}";
    char text[512];

    (void)ctx;
    snprintf(text, sizeof(text), status, 79);
    say(INGEST, text);
    pass(5000);
    expect_nothing_due();
    snprintf(text, sizeof(text), status, 80);
    say(INGEST, text);
    pass(5000);
    assert_string_equal(take_due().found.summary, "The journal is 80 % full: index has 70 events"
                        " to confirm. At 100 % senders get 503.");
}

static void
who_does_not_answer_neither_opens_nor_ends(void **ctx)
{
    (void)ctx;
    say(DETECTOR, "{\"ready\":true,\"rules_refused\":2}");
    pass(5000);
    assert_string_equal(take_due().found.summary,
                        "2 rules were refused: `bongsu rules check` says why; the others go on");
    say(DETECTOR, NULL);
    pass(55000);
    expect_nothing_due();
    say(DETECTOR, "{\"ready\":true,\"rules_refused\":0}");
    pass(15000);
    assert_int_equal(take_due().phase, WATCH_OVER);
}

static void
more_dead_letters_are_news_even_after_somebody_closed_it(void **ctx)
{
    struct watch_item first, more;

    (void)ctx;
    say(INDEXER, "{\"ready\":true,\"dead_letters\":1}");
    pass(5000);
    first = take_due();
    say(INDEXER, "{\"ready\":true,\"dead_letters\":3}");
    pass(5000);
    more = take_due();
    assert_string_equal(more.id, first.id);
    assert_int_equal(more.found.count, 3);
    assert_true(more.newest_us > first.newest_us);
    assert_int_equal(more.opened_us, first.opened_us);
    /* one of several indexers is away and comes back */
    say(INDEXER, "{\"ready\":true,\"dead_letters\":1}");
    pass(5000);
    take_due();
    say(INDEXER, "{\"ready\":true,\"dead_letters\":3}");
    pass(5000);
    assert_true(take_due().newest_us == more.newest_us);
}

static struct incident *
stored(const char *rule, const char *key, int status, int64_t last_seen_us, const char *by)
{
    struct incident *inc = incident_new();

    assert_non_null(inc);
    memset(inc->id, 'a', INCIDENT_ID_HEX - 1);
    inc->rule_id = strdup(rule);
    inc->keys[0].field = strdup("stage");
    inc->keys[0].value = strdup(key);
    inc->key_count = 1;
    inc->count = 1;
    inc->opened_us = inc->newest_received_us = last_seen_us - 60000000;
    inc->last_seen_us = last_seen_us;
    inc->status = status;
    if (by != NULL)
        assert_int_equal(incident_add_history(inc, last_seen_us, by, STATUS_OPEN, status, ""), 0);
    return inc;
}

static void
resume(const char *rule, int status, int64_t ago_s, const char *by)
{
    int64_t now_us = NOW_US + now_ms * 1000;
    struct incident *inc = stored(rule, "api", status, now_us - ago_s * 1000000, by);

    watch_resume(&state, inc, now_ms, now_us);
    incident_destroy(&inc);
}

static void
after_a_start_what_goes_on_is_not_told_anew(void **ctx)
{
    (void)ctx;
    say(API, NULL);
    resume("bongsu.stage_down", STATUS_OPEN, 100, NULL);
    pass(65000);
    assert_memory_equal(take_due().id, "aaaa", 4);
    assert_int_equal(state.count, 1);
}

static void
after_a_start_what_is_over_is_ended(void **ctx)
{
    (void)ctx;
    say(API, "{\"ready\":true}");
    resume("bongsu.stage_down", STATUS_ACKNOWLEDGED, 3600, NULL);
    pass(15000);
    assert_int_equal(take_due().phase, WATCH_OVER);
}

static void
what_a_person_closed_while_it_lasts_goes_on_silently(void **ctx)
{
    (void)ctx;
    resume("bongsu.stage_down", STATUS_RESOLVED, 100, "kim");
    assert_int_equal(state.count, 1);
}

/* They are still there, however long the notifier was away. */
static void
dead_letters_that_a_person_closed_are_not_told_anew(void **ctx)
{
    struct incident *inc = stored("bongsu.dead_letter", "indexer", STATUS_RESOLVED,
                                  NOW_US - INT64_C(86400) * 1000000, "kim");

    (void)ctx;
    inc->count = 3;
    watch_resume(&state, inc, now_ms, NOW_US);
    say(INDEXER, "{\"ready\":true,\"dead_letters\":3}");
    pass(5000);
    assert_int_equal(state.count, 1);
    assert_int_equal(state.items[0].newest_us, inc->newest_received_us);
    say(INDEXER, "{\"ready\":true,\"dead_letters\":4}");
    pass(5000);
    assert_true(state.items[0].newest_us > inc->newest_received_us);
    incident_destroy(&inc);
}

static void
what_ended_before_is_forgotten(void **ctx)
{
    (void)ctx;
    resume("bongsu.stage_down", STATUS_RESOLVED, 100, "bongsu");
    resume("bongsu.stage_down", STATUS_RESOLVED, 3600, "kim");
    resume("no.such.rule", STATUS_OPEN, 1, NULL);
    assert_int_equal(state.count, 0);
}

/* A list of sources, with how many more there are. */
static json_t *
sources(int count, int more)
{
    json_t *list = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:s}", "source", json_sprintf("web%d", i),
                                              "text", "gone"));
    if (more > 0)
        json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "source", "(more)", "text",
                                              "and more", "more", more));
    return list;
}

static void
say_sources(json_t *silent, json_t *skewed)
{
    json_t *status = json_pack("{s:b, s:i, s:i, s:o, s:o}", "ready", 1, "dead_letters", 0,
                               "rules_refused", 0, "silent_sources", silent, "skewed_sources",
                               skewed);
    char *text = json_dumps(status, 0);

    say(DETECTOR, text);
    free(text);
    json_decref(status);
}

static void
findings_beyond_the_room_are_counted(void **ctx)
{
    (void)ctx;
    say_sources(sources(100, 0), sources(0, 0));
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, WATCH_MAX_EACH);
    assert_int_equal(findings.left_out, 100 - WATCH_MAX_EACH);
    assert_int_equal(findings.unknown & 1u << watch_rule_find("bongsu.source_silent"),
                     1u << watch_rule_find("bongsu.source_silent"));
}

static void
a_source_that_several_detectors_name_is_found_once(void **ctx)
{
    json_t *twice = sources(40, 3), *again = sources(40, 3);

    (void)ctx;
    json_array_extend(twice, again);
    json_decref(again);
    say_sources(twice, sources(0, 0));
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, 41);
    assert_int_equal(findings.left_out, 0);
}

static void
no_flood_of_sources_hides_what_else_is_wrong(void **ctx)
{
    (void)ctx;
    say_sources(sources(1000, 0), sources(1000, 0));
    say(INGEST, "{\"ready\":true,\"ledger\":[]}");
    say(NOTIFIER, "{\"ready\":true,\"messages_waiting\":1,\"oldest_waiting_s\":600,"
                  "\"messages_refused_last\":0,"
                  "\"imbalances\":[{\"source\":\"an hour\",\"text\":\"8 missing\"}]}");
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, 2 * WATCH_MAX_EACH + 2);
    assert_string_equal(watch_rules[findings.all[findings.count - 2].rule].id, "bongsu.untold");
    assert_string_equal(findings.all[findings.count - 1].summary, "8 missing");
}

/* Who is not listed may be among those for whom there was no room. */
static void
nothing_is_over_while_there_are_more_than_are_listed(void **ctx)
{
    (void)ctx;
    say_sources(sources(2, 0), sources(0, 0));
    pass(LOOK_MS);
    for (size_t i = 0; i < state.count; i++)
        watch_done(&state, &state.items[i], now_ms);
    assert_int_equal(state.count, 2);
    say_sources(sources(1, 7), sources(0, 0));
    pass(40000);
    assert_int_equal(state.count, 3);
    for (size_t i = 0; i < state.count; i++)
        assert_int_equal(state.items[i].phase, WATCH_ON);
    say_sources(sources(0, 0), sources(0, 0));
    pass(40000);
    for (size_t i = 0; i < state.count; i++)
        assert_int_equal(state.items[i].phase, WATCH_OVER);
}

static void
a_source_that_calls_itself_more_is_none(void **ctx)
{
    (void)ctx;
    say(DETECTOR, "{\"ready\":true,\"dead_letters\":0,\"rules_refused\":0,\"skewed_sources\":[],"
                  "\"silent_sources\":[{\"source\":\"(more)\",\"text\":\"gone\"}]}");
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.unknown & UINT64_C(1) << watch_rule_find("bongsu.source_silent"), 0);
}

static void
what_an_answer_lacks_is_neither_wrong_nor_over(void **ctx)
{
    (void)ctx;
    say(DETECTOR, "{\"ready\":true,\"rules_refused\":2}");
    say(NOTIFIER, "{\"messages_refused_last\":0,\"messages_waiting\":2,"
                  "\"oldest_waiting_s\":700}");
    pass(5000);
    assert_int_equal(state.count, 2);
    for (size_t i = 0; i < state.count; i++)
        watch_done(&state, &state.items[i], now_ms);
    say(DETECTOR, "{\"ready\":true}");
    say(NOTIFIER, "{}");
    pass(55000);
    expect_nothing_due();
    assert_int_equal(state.count, 2);
}

static void
numbers_that_are_none_say_nothing_is_wrong(void **ctx)
{
    (void)ctx;
    say(DETECTOR, "{\"ready\":true,\"rules_refused\":1e300,\"dead_letters\":\"7\"}");
    say(INDEXER, "{\"ready\":true,\"dead_letters\":-9223372036854775808}");
    say(INGEST, "{\"ready\":true,\"journal\":{\"bytes\":9223372036854775807,\"max_bytes\":[1]}}");
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, 0);
}

static void
what_is_said_is_text_wherever_it_was_cut(void **ctx)
{
    (void)ctx;
    say(INDEXER, NULL);
    memset(look.why[INDEXER], 0, WATCH_WHY);
    for (size_t i = 0; i + 3 < WATCH_WHY; i += 3)
        memcpy(look.why[INDEXER] + i, "\xec\xa0\x80", 3);
    look.why[INDEXER][WATCH_WHY - 2] = '\xec';
    look.why[INDEXER][0] = '\xff';
    watch_look_all(&look, &findings);
    assert_int_equal(findings.count, 1);
    assert_true(text_is_utf8(text_of(findings.all[0].summary)));
    assert_non_null(strstr(findings.all[0].summary, "(???\xec\xa0\x80\xec\xa0\x80"));
}

static void
messages_that_are_all_refused_for_good_are_untold(void **ctx)
{
    (void)ctx;
    say(NOTIFIER, "{\"messages_waiting\":0,\"oldest_waiting_s\":0,\"messages_refused_last\":2}");
    pass(5000);
    assert_string_equal(take_due().found.summary, "2 messages of incidents were refused for good,"
                        " the last ones that there were");
    say(NOTIFIER, "{\"messages_waiting\":0,\"oldest_waiting_s\":0,\"messages_refused_last\":0}");
    pass(15000);
    assert_int_equal(take_due().phase, WATCH_OVER);
}

/* ingest's last answer is what an hour was weighed with. */
static void
no_imbalance_is_found_while_ingest_is_silent(void **ctx)
{
    static const char off[] =
        "{\"imbalances\":[{\"source\":\"an hour\",\"text\":\"8 missing\"}]}";

    (void)ctx;
    say(NOTIFIER, off);
    say(INGEST, "{\"ready\":true,\"ledger\":[]}");
    pass(5000);
    say(INGEST, "{\"ready\":true}");
    pass(120000);
    expect_nothing_due();
    say(INGEST, "{\"ready\":true,\"ledger\":[]}");
    pass(5000);
    assert_string_equal(take_due().found.key, "an hour");
}

static void
a_clock_that_was_set_back_makes_no_older_snapshot(void **ctx)
{
    struct watch_item item;
    struct incident *first, *second;

    (void)ctx;
    say(INDEXER, "{\"ready\":true,\"dead_letters\":1}");
    pass(5000);
    item = take_due();
    first = watch_incident(&item, NOW_US);
    second = watch_incident(&item, NOW_US - INT64_C(3600) * 1000000);
    assert_true(second->rev_counter > first->rev_counter);
    assert_int_equal(second->rev_epoch, first->rev_epoch);
    incident_destroy(&first);
    incident_destroy(&second);
}

static void
an_incident_says_its_rule_key_and_summary(void **ctx)
{
    struct watch_item item;
    struct incident *inc;

    (void)ctx;
    say(API, NULL);
    pass(65000);
    item = take_due();
    inc = watch_incident(&item, NOW_US);
    assert_non_null(inc);
    assert_string_equal(inc->rule_id, "bongsu.stage_down");
    assert_string_equal(inc->keys[0].field, "stage");
    assert_string_equal(inc->keys[0].value, "api");
    assert_int_equal(strlen(inc->id), INCIDENT_ID_HEX - 1);
    assert_int_equal(inc->severity, SEVERITY_HIGH);
    incident_destroy(&inc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stage_that_is_down_for_a_minute_is_told_once_and_its_end_once),
        TEST(a_stage_that_comes_back_in_time_is_no_incident),
        TEST(what_flaps_is_one_incident),
        TEST(the_failed_checks_are_named_and_no_others),
        TEST(a_journal_over_four_fifths_is_told_with_who_holds_it),
        TEST(who_does_not_answer_neither_opens_nor_ends),
        TEST(more_dead_letters_are_news_even_after_somebody_closed_it),
        TEST(after_a_start_what_goes_on_is_not_told_anew),
        TEST(after_a_start_what_is_over_is_ended),
        TEST(what_a_person_closed_while_it_lasts_goes_on_silently),
        TEST(what_ended_before_is_forgotten),
        TEST(findings_beyond_the_room_are_counted),
        TEST(a_source_that_several_detectors_name_is_found_once),
        TEST(no_flood_of_sources_hides_what_else_is_wrong),
        TEST(nothing_is_over_while_there_are_more_than_are_listed),
        TEST(a_source_that_calls_itself_more_is_none),
        TEST(what_an_answer_lacks_is_neither_wrong_nor_over),
        TEST(numbers_that_are_none_say_nothing_is_wrong),
        TEST(what_is_said_is_text_wherever_it_was_cut),
        TEST(messages_that_are_all_refused_for_good_are_untold),
        TEST(no_imbalance_is_found_while_ingest_is_silent),
        TEST(a_clock_that_was_set_back_makes_no_older_snapshot),
        TEST(dead_letters_that_a_person_closed_are_not_told_anew),
        TEST(an_incident_says_its_rule_key_and_summary),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
