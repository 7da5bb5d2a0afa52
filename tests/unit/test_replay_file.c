/*
 * test_replay_file.c - events of a file through replay_run; the stored ones are in
 * tests/pipeline/test_rules_replay.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/tool/replay.h"
#include "detector/tool/replay_input.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define SEC(n) (INT64_C(1000000) * (n))

struct place {
    char dir[256], file[300], rules[300], new_rules[300];
    struct tool_options options;
    struct err err;
    int code;
};

static const char three_fails[] =
    "title: F\nid: f\nlogsource: {product: x}\n"
    "detection: {s: {event_type: fail}, condition: s}\nbongsu: {any_source: true}\n---\n"
    "title: Three\nid: three\nlevel: high\ncorrelation:\n    type: event_count\n    rules: [f]\n"
    "    group-by: [source_ip]\n    timespan: 1m\n    condition: {gte: 3}\n";

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(&place->err), 0);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->file, sizeof(place->file), "%s/events", place->dir);
    snprintf(place->rules, sizeof(place->rules), "%s/rules.yml", place->dir);
    snprintf(place->new_rules, sizeof(place->new_rules), "%s/new.yml", place->dir);
    assert_int_equal(tool_options_init(&place->options, 0, NULL, &place->err), 0);
    write_file(place->rules, three_fails);
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;

    tool_options_release(&place->options);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

static json_t *
replay_since(struct place *place, const char *events, const char *new_rules, int64_t since_us)
{
    struct replay_call call = { .rules = place->rules, .new_rules = "", .file = place->file,
                                .since_us = since_us, .until_us = INT64_MAX };

    if (new_rules != NULL) {
        write_file(place->new_rules, new_rules);
        call.new_rules = place->new_rules;
    }
    write_file(place->file, events);
    return replay_run(&place->options, &call, &place->code, &place->err);
}

static json_t *
replay(struct place *place, const char *events, const char *new_rules)
{
    json_t *answer = replay_since(place, events, new_rules, INT64_MIN);

    if (answer == NULL)
        fail_msg("%s", place->err.text);
    return answer;
}

static json_int_t
number(json_t *answer, const char *object, const char *name)
{
    json_t *value = json_object_get(object == NULL ? answer : json_object_get(answer, object),
                                    name);

    assert_non_null(value);
    return json_integer_value(value);
}

#define FAIL(when) "{\"event_type\":\"fail\",\"source_ip\":\"192.0.2.1\",\"timestamp\":\"" when "\"}\n"
#define STORED(n, when, received) \
    "{\"id\":\"0123456789abcdef-01234567-000000000000000" n "\",\"received_at\":\"" received "\"," \
    "\"event_type\":\"fail\",\"source_ip\":\"192.0.2.1\",\"timestamp\":\"" when "\"}\n"

static void
events_that_nobody_stored_are_judged_when_they_happened(void **state)
{
    struct place *place = *state;
    json_t *answer = replay(place, FAIL("2026-11-22T01:00:00Z") FAIL("2026-11-22T01:00:30Z")
                            "\n" FAIL("2026-11-22T01:00:59Z"), NULL);

    assert_int_equal(place->code, REPLAY_DIFFERS);
    assert_int_equal(number(answer, "counts", "added"), 1);
    assert_int_equal(number(answer, "events", "judged"), 3);
    assert_int_equal(number(answer, "events", "refused"), 0);
    json_decref(answer);
}

static void
stored_events_are_judged_in_the_order_of_receipt(void **state)
{
    /* the last came 20 minutes late: not counted into windows, however the file has them */
    static const char late_first[] =
        STORED("9", "2026-11-22T01:00:10Z", "2026-11-22T01:20:11Z")
        STORED("4", "2026-11-22T01:20:10Z", "2026-11-22T01:20:10Z")
        STORED("2", "2026-11-22T01:00:05Z", "2026-11-22T01:00:05Z")
        STORED("1", "2026-11-22T01:00:00Z", "2026-11-22T01:00:00Z");
    struct place *place = *state;
    json_t *answer = replay(place, late_first, NULL);

    assert_int_equal(place->code, REPLAY_SAME);
    assert_int_equal(number(answer, "present", "late"), 1);
    json_decref(answer);
}

static void
new_rules_stand_beside_the_present_ones(void **state)
{
    struct place *place = *state;
    char *two = strdup(three_fails);
    json_t *answer;

    memcpy(strstr(two, "gte: 3"), "gte: 2", 6);
    answer = replay(place, FAIL("2026-11-22T01:00:00Z") FAIL("2026-11-22T01:00:30Z")
                    FAIL("2026-11-22T01:00:40Z") "{\"event_type\":\"fail\",\"source_ip\":\"192.0.2.2\","
                    "\"timestamp\":\"2026-11-22T01:00:41Z\"}\n{\"event_type\":\"fail\","
                    "\"source_ip\":\"192.0.2.2\",\"timestamp\":\"2026-11-22T01:00:42Z\"}\n", two);
    assert_int_equal(place->code, REPLAY_DIFFERS);
    assert_int_equal(number(answer, "counts", "added"), 1);
    assert_int_equal(number(answer, "counts", "changed"), 1);
    assert_int_equal(number(answer, "counts", "gone"), 0);
    json_decref(answer);
    answer = replay(place, FAIL("2026-11-22T01:00:00Z") FAIL("2026-11-22T01:00:01Z")
                    FAIL("2026-11-22T01:00:02Z"), three_fails);
    assert_int_equal(place->code, REPLAY_SAME);
    assert_int_equal(number(answer, NULL, "same"), 1);
    json_decref(answer);
    free(two);
}

static void
lines_that_are_no_events_are_refused_and_named(void **state)
{
    struct place *place = *state;
    json_t *answer = replay(place, "{\"event_type\":1}\n{\"a\":\n{\"timestamp\":\"x\",\"event_type\":\"f\"}\n"
                            FAIL("2026-11-22T01:00:00Z") "{\"a\":1,\"a\":2}\n", NULL);
    json_t *reasons = json_object_get(answer, "reasons");

    assert_int_equal(number(answer, "events", "refused"), 4);
    assert_int_equal(number(answer, "events", "judged"), 1);
    assert_int_equal(json_array_size(reasons), 4);
    assert_non_null(strstr(json_string_value(json_array_get(reasons, 1)), "events:2:"));
    assert_int_equal(place->code, REPLAY_SAME);
    json_decref(answer);
}

static void
of_many_refused_lines_some_are_named_and_all_counted(void **state)
{
    char *many = calloc(1, 4 * 500 + 1);
    json_t *answer;

    for (int i = 0; i < 500; i++)
        memcpy(many + 4 * i, "{x}\n", 4);
    answer = replay(*state, many, NULL);
    assert_int_equal(number(answer, "events", "refused"), 500);
    assert_true(json_array_size(json_object_get(answer, "reasons")) < 50);
    json_decref(answer);
    free(many);
}

static void
log_lines_go_through_the_decoders(void **state)
{
    struct place *place = *state;
    json_t *answer;

    write_file(place->rules, "title: L\nid: l\nlevel: low\nlogsource: {product: linux}\n"
               "detection: {s: {event_type: login_failed}, condition: s}\n");
    answer = replay(place, "2026-11-22T10:00:00+09:00 web sshd[7]: Failed password for root from "
                    "192.0.2.9 port 5 ssh2\n", NULL);
    assert_int_equal(number(answer, "counts", "added"), 1);
    json_decref(answer);
}

static void
what_is_long_before_the_time_is_not_judged(void **state)
{
    int64_t since_us;
    json_t *answer;

    assert_int_equal(timestamp_parse(text_of("2026-11-22T01:00:00Z"), &since_us, NULL), 0);
    answer = replay_since(*state, FAIL("2026-11-20T01:00:00Z") FAIL("2026-11-20T01:00:01Z")
                          FAIL("2026-11-20T01:00:02Z") FAIL("2026-11-22T00:59:00Z"), NULL, since_us);
    assert_non_null(answer);
    assert_int_equal(number(answer, "events", "earlier"), 3);
    assert_int_equal(number(answer, "events", "judged"), 1);
    assert_int_equal(number(answer, "counts", "added"), 0);
    json_decref(answer);
}

static void
a_rule_that_remembers_longer_is_named_and_left_out(void **state)
{
    struct place *place = *state;
    int64_t since_us;
    json_t *answer;

    assert_int_equal(timestamp_parse(text_of("2026-11-22T01:00:00Z"), &since_us, NULL), 0);
    write_file(place->rules, "title: N\nid: n\nlevel: low\nlogsource: {product: x}\n"
               "detection: {s: {event_type: fail}, condition: s}\n"
               "bongsu: {any_source: true, suppress: 30d}\n");
    answer = replay_since(place, FAIL("2026-11-10T01:00:00Z") FAIL("2026-11-22T02:00:00Z"), NULL,
                          since_us);
    assert_non_null(answer);
    assert_int_equal(place->code, REPLAY_SAME);
    assert_int_equal(json_array_size(json_object_get(answer, "not_compared")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(
        json_object_get(answer, "not_compared"), 0), "incidents")), 1);
    json_decref(answer);
}

/* --- the stream that bongsu makes of the api's answers --- */

#define HEAD "{\"whole\":true}\n"
#define HAPPENED "{\"id\":\"a\",\"rule\":{\"id\":\"three\",\"title\":\"Three\"},\"key\":{}," \
    "\"opened_at\":\"2026-11-22T01:00:00Z\",\"last_seen\":\"2026-11-22T01:00:00Z\"," \
    "\"severity\":\"high\",\"count\":3}\n"

/* Read it; how many events are to be judged, or -1. */
static int64_t
read_stream(struct place *place, const char *text, struct replay_input *input,
            struct found *found)
{
    FILE *file;
    int rc;

    write_file(place->file, text);
    file = fopen(place->file, "r");
    assert_non_null(file);
    assert_int_equal(replay_input_init(input, INT64_MIN), 0);
    rc = replay_read_stream(input, fileno(file), found, &place->err);
    fclose(file);
    return rc == 0 ? (int64_t)spool_count(input->spool) : -1;
}

static void
a_stream_brings_what_happened_and_the_events(void **state)
{
    struct found *found = found_new();
    struct replay_input input;
    int differs;
    json_t *json;

    assert_int_equal(read_stream(*state, HEAD HAPPENED "\n"
                                 STORED("1", "2026-11-22T01:00:00Z", "2026-11-22T01:00:00Z")
                                 FAIL("2026-11-22T01:00:00Z") "\n", &input, found), 1);
    assert_true(input.is_whole);
    /* what the api gives has its place, or is none of its events */
    assert_int_equal(input.refused, 1);
    json = found_compare(found, &(struct found_span){ INT64_MIN, INT64_MAX, 1 }, &differs);
    assert_int_equal(number(json, "counts", "gone"), 1);
    json_decref(json);
    replay_input_release(&input);
    found_destroy(&found);
}

static void
a_stream_that_was_broken_off_is_no_answer(void **state)
{
    static const char event[] = STORED("1", "2026-11-22T01:00:00Z", "2026-11-22T01:00:00Z");
    static const char *const broken[] = {
        "", "\n", "no json\n", HEAD, HEAD HAPPENED, HEAD HAPPENED "\n", HEAD "{}\n\n\n",
        HEAD "\nx",
    };
    struct place *place = *state;
    struct replay_input input;
    struct found *found = found_new();
    char whole[1000];

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        place->err.text[0] = '\0';
        assert_int_equal(read_stream(place, broken[i], &input, found), -1);
        assert_true(place->err.text[0] != '\0');
        replay_input_release(&input);
    }
    snprintf(whole, sizeof(whole), "%s\n%s", HEAD, event);
    assert_int_equal(read_stream(place, whole, &input, found), -1);
    replay_input_release(&input);
    found_destroy(&found);
}

static void
what_cannot_be_read_is_a_reason(void **state)
{
    struct place *place = *state;
    struct replay_call call = { .rules = place->rules, .new_rules = "", .file = "/no/such",
                                .since_us = INT64_MIN, .until_us = INT64_MAX };

    assert_null(replay_run(&place->options, &call, &place->code, &place->err));
    assert_int_equal(place->code, REPLAY_FAILED);
    assert_non_null(strstr(place->err.text, "/no/such"));
    call.file = place->file;
    write_file(place->file, "");
    call.rules = "/no/rules";
    assert_null(replay_run(&place->options, &call, &place->code, &place->err));
    assert_non_null(strstr(place->err.text, "/no/rules"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_that_nobody_stored_are_judged_when_they_happened),
        TEST(stored_events_are_judged_in_the_order_of_receipt),
        TEST(new_rules_stand_beside_the_present_ones),
        TEST(lines_that_are_no_events_are_refused_and_named),
        TEST(of_many_refused_lines_some_are_named_and_all_counted),
        TEST(log_lines_go_through_the_decoders),
        TEST(what_is_long_before_the_time_is_not_judged),
        TEST(a_rule_that_remembers_longer_is_named_and_left_out),
        TEST(a_stream_brings_what_happened_and_the_events),
        TEST(a_stream_that_was_broken_off_is_no_answer),
        TEST(what_cannot_be_read_is_a_reason),
    };

    return cmocka_run_group_tests_name("replay of a file", tests, NULL, NULL);
}
