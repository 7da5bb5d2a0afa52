#include "ingest/intake/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/answers.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

/* 2027-01-15T08:00:00Z */
static const int64_t now_us = INT64_C(1800000000000000);

struct place {
    char dir[64];
    struct journal *journal;
    struct metrics *metrics;
    struct intake *intake;
    struct intake_origin origin;
    struct intake_tally tally;
    struct intake_result result;
    /* the journal's row, read back */
    struct batch_reader reader;
    struct batch_head head;
    struct event event;
};

/* --- helpers --- */

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct journal_options options = { .segment_bytes = 1 << 26, .max_bytes = 1 << 30,
                                       .slots = 1 };
    struct err err;

    assert_non_null(place);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    options.dir = place->dir;
    setenv("TZ", "UTC", 1);
    assert_int_equal(timestamp_init(&err), 0);
    place->journal = journal_open(&options, now_us, &err);
    place->metrics = metrics_new();
    assert_non_null(place->journal);
    place->intake = intake_new(place->journal, place->metrics);
    assert_non_null(place->intake);
    intake_set_time(place->intake, now_us);
    place->origin.received_from = text_of("192.0.2.7");
    place->origin.key_id = text_of("abcd1234");
    place->origin.key_name = text_of("web1");
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    if (place->reader.body != NULL)
        batch_reader_release(&place->reader);
    event_release(&place->event);
    intake_tally_release(&place->tally);
    intake_destroy(&place->intake);
    journal_close(&place->journal);
    metrics_destroy(&place->metrics);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

static enum intake_outcome
take_json(struct place *place, const char *json)
{
    const struct intake_item item = { text_of(json), 0, 0 };

    return intake_json(place->intake, &place->origin, item, &place->result);
}

static enum intake_outcome
take_body(struct place *place, enum intake_form form, const char *body, size_t len)
{
    intake_tally_release(&place->tally);
    return intake_body(place->intake, &place->origin, form, (struct text){ body, len },
                       &place->tally);
}

static void
take_lines(struct place *place, const char *body)
{
    assert_int_equal(take_body(place, INTAKE_LINES, body, strlen(body)), INTAKE_ACCEPTED);
}

/* Commit and stand before the first event of the journal's first row. */
static void
read_back(struct place *place)
{
    struct text body;
    struct err err;

    assert_int_equal(journal_commit(place->journal, &err), JOURNAL_DONE);
    assert_int_equal(journal_next(place->journal, 0, &place->head, &body, &err), 1);
    assert_int_equal(batch_reader_init(&place->reader, &place->head, body.ptr, body.len, &err),
                     0);
}

static const struct event *
next_event(struct place *place)
{
    struct err err;

    assert_int_equal(batch_reader_next(&place->reader, &place->event, &err), 1);
    return &place->event;
}

static void
assert_field(const struct event *ev, const char *name, const char *expected)
{
    char space[32];
    const struct value *value = event_get(ev, text_of(name));
    struct text text;

    assert_non_null(value);
    text = value_as_text(value, space);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static uint64_t
counter(struct place *place, const char *name, const char *labels)
{
    return *metrics_number(place->metrics, METRIC_COUNTER, name, labels, "");
}

/* --- one JSON event --- */

static void
an_event_is_stored_as_it_was_sent_under_the_id_that_was_told(void **state)
{
    struct place *place = *state;
    const struct event *ev;

    assert_int_equal(take_json(place, "{\"event_type\":\"login_failed\",\"source_ip\":"
                               "\"203.0.113.9\",\"count\":5,\"shoe\":{\"size\":43}}"),
                     INTAKE_ACCEPTED);
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "event_type", "login_failed");
    assert_field(ev, "source_ip", "203.0.113.9");
    assert_field(ev, "count", "5");
    assert_field(ev, "severity", "low");
    assert_field(ev, "received_from", "192.0.2.7");
    assert_field(ev, "received_key", "web1");
    assert_non_null(event_get(ev, text_of("shoe")));
    assert_true(event_id_equals(&ev->id, &place->result.id));
    assert_int_equal(ev->at_us, now_us);
    assert_int_equal(ev->received_us, now_us);
}

static void
refuses_what_is_no_event_and_says_why(void **state)
{
    static const struct {
        const char *json;
        enum intake_outcome outcome;
        const char *word;
    } cases[] = {
        { "nonsense",                                      INTAKE_BAD_JSON,  "" },
        { "",                                              INTAKE_BAD_JSON,  "" },
        { "[1]",                                           INTAKE_BAD_JSON,  "object" },
        { "{\"severity\":\"low\"}",                        INTAKE_BAD_FIELD, "event_type" },
        { "{\"event_type\":\"a\",\"source_ip\":\"abc\"}",  INTAKE_BAD_FIELD, "source_ip" },
        { "{\"event_type\":\"a\",\"count\":0}",            INTAKE_BAD_FIELD, "count" },
        { "{\"event_type\":\"a\",\"timestamp\":\"2027-01-15T08:11:00Z\"}",
                                                           INTAKE_BAD_FIELD, "timestamp" },
        { "{\"event_type\":\"a\",\"received_from\":\"x\"}", INTAKE_BAD_JSON, "received_from" },
        { "{\"event_type\":\"a\",\"received_key\":\"x\"}", INTAKE_BAD_JSON, "received_key" },
        { "{\"event_type\":\"a\\u0000b\"}",                INTAKE_BAD_JSON,  "event_type" },
        { "{\"event_type\":\"\xff\"}",                     INTAKE_BAD_JSON,  "" },
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(take_json(place, cases[i].json), cases[i].outcome);
        assert_true(place->result.reason.text[0] != '\0');
        assert_non_null(strstr(place->result.reason.text, cases[i].word));
    }
    assert_int_equal(journal_pending_bytes(place->journal), 0);
    assert_int_equal(counter(place, "bongsu_ingest_events_refused_total",
                             "reason=\"field\""), 4);
    assert_int_equal(counter(place, "bongsu_ingest_events_refused_total", "reason=\"json\""),
                     7);
}

static void
an_event_over_the_limit_is_too_big(void **state)
{
    struct place *place = *state;
    struct buf json = { 0 };

    buf_append_str(&json, "{\"event_type\":\"a\",\"description\":\"");
    for (size_t i = 0; i < EVENT_MAX_BYTES; i++)
        buf_append_char(&json, 'x');
    buf_append_str(&json, "\"}");
    assert_int_equal(take_json(place, json.ptr), INTAKE_TOO_BIG);
    buf_release(&json);
}

static void
a_client_names_an_event_by_its_own_key_and_gives_its_time(void **state)
{
    static const char json[] = "{\"event_type\":\"a\",\"idempotency_key\":\"order 7\","
                               "\"timestamp\":\"2026-01-02T03:04:05Z\"}";
    struct place *place = *state;
    const struct event *ev;
    struct event_id first;

    assert_int_equal(take_json(place, json), INTAKE_ACCEPTED);
    first = place->result.id;
    assert_int_equal(first.len, 16);
    assert_int_equal(take_json(place, json), INTAKE_ACCEPTED);
    assert_true(event_id_equals(&first, &place->result.id));
    place->origin.key_id = text_of("another!");
    assert_int_equal(take_json(place, json), INTAKE_ACCEPTED);
    assert_false(event_id_equals(&first, &place->result.id));
    assert_int_equal(take_json(place, "{\"event_type\":\"a\",\"idempotency_key\":\"b\"}"),
                     INTAKE_NO_TIME);
    assert_non_null(strstr(place->result.reason.text, "timestamp"));

    read_back(place);
    ev = next_event(place);
    assert_true(ev->is_keyed && event_id_equals(&ev->id, &first));
    assert_null(event_get(ev, text_of("idempotency_key")));
}

static void
raw_log_alone_is_decoded_and_the_clients_fields_win(void **state)
{
    struct place *place = *state;
    const struct event *ev;

    assert_int_equal(take_json(place, "{\"username\":\"mine\",\"raw_log\":\"Jan 10 06:55:46 h "
                               "sshd[24200]: Failed password for root from 173.234.31.186 "
                               "port 38926 ssh2\\nand more\"}"), INTAKE_ACCEPTED);
    assert_int_equal(take_json(place, "{\"event_type\":\"own\",\"raw_log\":\"Jan 10 06:55:46 h "
                               "sshd[24200]: Failed password for root from 173.234.31.186 "
                               "port 38926 ssh2\"}"), INTAKE_ACCEPTED);
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "event_type", "login_failed");
    assert_field(ev, "source_ip", "173.234.31.186");
    assert_field(ev, "username", "mine");
    assert_true(text_ends_with(ev->known[EVENT_RAW_LOG].as.text, "\nand more"));
    ev = next_event(place);
    assert_field(ev, "event_type", "own");
    assert_int_equal(ev->known[EVENT_SOURCE_IP].kind, VALUE_ABSENT);
}

/* --- bodies --- */

static void
good_lines_are_accepted_and_bad_ones_named(void **state)
{
    static const char body[] =
        "{\"event_type\":\"a\",\"timestamp\":\"2026-05-01T00:00:00Z\"}\n"
        "\n"
        "{\"event_type\":7}\r\n"
        "{\"event_type\":\"b\",\"timestamp\":\"2026-04-01T00:00:00Z\"}";
    struct place *place = *state;

    assert_int_equal(take_body(place, INTAKE_JSON, body, sizeof(body) - 1), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.accepted, 2);
    assert_int_equal(place->tally.refused, 1);
    assert_int_equal(place->tally.errors[0].line, 3);
    assert_non_null(strstr(place->tally.errors[0].reason.text, "event_type"));
    assert_true(place->tally.first_us < place->tally.last_us);
}

static void
an_array_is_taken_element_by_element(void **state)
{
    static const char body[] = " [ {\"event_type\":\"a\"}, 5 ,{\"event_type\":\"[,]\"}]\n";
    struct place *place = *state;

    assert_int_equal(take_body(place, INTAKE_JSON, body, sizeof(body) - 1), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.accepted, 2);
    assert_int_equal(place->tally.errors[0].line, 2);
}

static void
a_broken_array_leaves_nothing(void **state)
{
    static const char body[] = "[{\"event_type\":\"a\"},{\"event_type\":\"b\"}";
    struct place *place = *state;
    uint64_t next = 0;

    take_json(place, "{\"event_type\":\"before\"}");
    assert_int_equal(take_body(place, INTAKE_JSON, body, sizeof(body) - 1), INTAKE_BAD_JSON);
    assert_non_null(strstr(place->tally.last.reason.text, "element"));
    read_back(place);
    assert_int_equal(place->head.count, 1);
    assert_field(next_event(place), "event_type", "before");
    assert_int_equal(journal_append(place->journal, text_of("x"), now_us, &next, NULL),
                     JOURNAL_DONE);
    assert_int_equal(next, place->head.first + 1);
}

static void
keeps_a_hundred_reasons_and_counts_the_rest(void **state)
{
    struct place *place = *state;
    struct buf body = { 0 };
    json_t *answer;

    for (int i = 0; i < 150; i++)
        buf_append_str(&body, "{}\n");
    buf_append_str(&body, "{\"event_type\":\"a\"}\n");
    assert_int_equal(take_body(place, INTAKE_JSON, body.ptr, body.len), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.refused, 150);
    assert_int_equal(place->tally.error_count, INTAKE_MAX_ERRORS);
    answer = answer_tally(&place->tally);
    assert_int_equal(json_integer_value(json_object_get(answer, "errors_omitted")), 50);
    assert_int_equal(json_integer_value(json_object_get(answer, "accepted")), 1);
    assert_int_equal(json_array_size(json_object_get(answer, "errors")), 100);
    assert_string_equal(json_string_value(json_object_get(answer, "first_time")),
                        "2027-01-15T08:00:00Z");
    json_decref(answer);
    buf_release(&body);
}

static void
refuses_a_body_of_too_many_events_whole(void **state)
{
    struct place *place = *state;
    struct buf body = { 0 };

    for (int i = 0; i <= INTAKE_MAX_EVENTS; i++)
        buf_append_str(&body, "x\n");
    assert_int_equal(take_body(place, INTAKE_LINES, body.ptr, body.len), INTAKE_TOO_BIG);
    assert_int_equal(journal_pending_bytes(place->journal), 0);
    buf_release(&body);
}

/* --- raw lines --- */

static void
each_raw_line_is_an_event(void **state)
{
    struct place *place = *state;
    const struct event *ev;

    take_lines(place, "one\r\n\n  two\n\r\nthree");
    assert_int_equal(place->tally.accepted, 3);
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "raw_log", "one");
    assert_field(ev, "event_type", "log");
    assert_field(next_event(place), "raw_log", "  two");
    assert_field(next_event(place), "raw_log", "three");
    assert_int_equal(counter(place, "bongsu_ingest_lines_undecoded_total", ""), 3);
}

static void
a_line_that_is_not_utf8_is_kept_and_counted(void **state)
{
    struct place *place = *state;

    take_lines(place, "\xb0\xa1\xb3\xaa\nodd \xff byte\nplain");
    read_back(place);
    assert_field(next_event(place), "raw_log", "\xea\xb0\x80\xeb\x82\x98");
    assert_field(next_event(place), "raw_log", "odd \\xff byte");
    assert_int_equal(counter(place, "bongsu_ingest_raw_lines_total", "encoding=\"cp949\""), 1);
    assert_int_equal(counter(place, "bongsu_ingest_raw_lines_total", "encoding=\"escaped\""),
                     1);
    assert_int_equal(counter(place, "bongsu_ingest_raw_lines_total", "encoding=\"utf8\""), 1);
}

static void
a_line_over_the_limit_is_refused_and_the_next_one_taken(void **state)
{
    struct place *place = *state;
    struct buf body = { 0 };

    for (size_t i = 0; i <= EVENT_MAX_BYTES; i++)
        buf_append_char(&body, 'x');
    buf_append_str(&body, "\nshort");
    assert_int_equal(take_body(place, INTAKE_LINES, body.ptr, body.len), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.accepted, 1);
    assert_int_equal(place->tally.refused, 1);
    assert_int_equal(place->tally.errors[0].line, 1);
    buf_release(&body);
}

/* The same line at the same place of the same file has one id, however the
 * file is cut into requests; another place, file or text has another. */
static void
a_line_is_keyed_by_its_place_in_its_file(void **state)
{
    struct place *place = *state;
    struct intake_item item = { text_of("same"), 5, 0 };
    struct event_id id;

    place->origin.source = text_of("file-1");
    place->origin.default_time = text_of("2026-05-01T00:00:00Z");
    place->origin.offset = 100;
    intake_line(place->intake, &place->origin, item, &place->result);
    id = place->result.id;
    assert_int_equal(id.len, 16);

    place->origin.offset = 105;
    item.position = 0;
    intake_line(place->intake, &place->origin, item, &place->result);
    assert_true(event_id_equals(&id, &place->result.id));
    item.position = 1;
    intake_line(place->intake, &place->origin, item, &place->result);
    assert_false(event_id_equals(&id, &place->result.id));
    item = (struct intake_item){ text_of("samE"), 0, 0 };
    intake_line(place->intake, &place->origin, item, &place->result);
    assert_false(event_id_equals(&id, &place->result.id));
    item.text = text_of("same");
    place->origin.source = text_of("file-2");
    intake_line(place->intake, &place->origin, item, &place->result);
    assert_false(event_id_equals(&id, &place->result.id));
}

/* Whatever order the lines come in, and whether they are JSON, the id is that
 * which the line has when its file comes as it stands. */
static void
a_line_that_says_its_offset_has_the_same_id(void **state)
{
    static const struct { enum intake_form form; const char *line, *placed; } cases[] = {
        { INTAKE_LINES, "  a b\xff\r\n", "7   a b\xff\r\n" },
        { INTAKE_JSON, " \t{\"event_type\":\"x\"} \n", "7  \t{\"event_type\":\"x\"} \n" },
    };
    struct place *place = *state;
    struct event_id id;

    place->origin.source = text_of("file-1");
    place->origin.default_time = text_of("2026-05-01T00:00:00Z");
    for (size_t i = 0; i < 2; i++) {
        place->origin.offset = 7;
        place->origin.is_offset_each = 0;
        assert_int_equal(take_body(place, cases[i].form, cases[i].line, strlen(cases[i].line)), INTAKE_ACCEPTED);
        assert_int_equal(place->tally.accepted, 1);
        id = place->tally.last.id;
        place->origin.offset = 0;
        place->origin.is_offset_each = 1;
        assert_int_equal(take_body(place, cases[i].form, cases[i].placed, strlen(cases[i].placed)), INTAKE_ACCEPTED);
        assert_int_equal(place->tally.accepted, 1);
        assert_true(event_id_equals(&id, &place->tally.last.id));
    }
}

static void
a_body_whose_lines_lack_their_offsets_is_refused_whole(void **state)
{
    static const char *const bodies[] = { "1 a\nb c\n", "1 a\n-5 c\n", "1 a\n 5 c\n",
                                          "1 a\n99999999999999999999 c\n" };
    struct place *place = *state;

    place->origin.source = text_of("file-1");
    place->origin.is_offset_each = 1;
    place->origin.default_time = text_of("2026-05-01T00:00:00Z");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(take_body(place, INTAKE_LINES, bodies[i], strlen(bodies[i])), INTAKE_BAD_JSON);
        assert_non_null(strstr(place->tally.last.reason.text, "line 2"));
        assert_int_equal(journal_pending_bytes(place->journal), 0);
    }
    assert_int_equal(take_body(place, INTAKE_LINES, "1 a\n\n12 \n15 b\n", strlen("1 a\n\n12 \n15 b\n")), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.accepted, 2);
}

static void
a_keyed_line_needs_a_time_of_its_own_or_the_files(void **state)
{
    struct place *place = *state;
    const struct event *ev;

    place->origin.source = text_of("file-1");
    assert_int_equal(take_body(place, INTAKE_LINES, "timeless", 8), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.refused, 1);
    assert_int_equal(counter(place, "bongsu_ingest_events_refused_total",
                             "reason=\"no_time\""), 1);
    place->origin.default_time = text_of("2026-05-01T00:00:00Z");
    take_lines(place, "timeless\n2026-06-01T00:00:00Z h su: own time\n");
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "timestamp", "2026-05-01T00:00:00Z");
    assert_true(ev->is_keyed);
    ev = next_event(place);
    assert_field(ev, "timestamp", "2026-06-01T00:00:00Z");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* --- the journal's own JSON --- */

#define ENTRY(message) "{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1799999999250000\"," \
                       "\"_HOSTNAME\":\"web1\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\":\"7\"," \
                       "\"MESSAGE\":" message "}"

static void
a_line_of_the_journals_json_is_decoded_wherever_events_are_taken(void **state)
{
    static const char body[] =
        ENTRY("\"Failed password for bob from 192.0.2.1 port 9 ssh2\"") "\n"
        ENTRY("[70,97,105,108,101,100,32,112,97,115,115,119,111,114,100,32,102,111,114,32,98,"
              "239,191,189,255,32,102,114,111,109,32,49,57,50,46,48,46,50,46,49,32,112,111,114,"
              "116,32,57,32,115,115,104,50]") "\n"
        ENTRY("null") "\n"
        "{\"event_type\":\"login_failed\"}\n";
    struct place *place = *state;
    const struct event *ev;

    assert_int_equal(take_body(place, INTAKE_JSON, body, sizeof(body) - 1), INTAKE_ACCEPTED);
    assert_int_equal(place->tally.accepted, 4);
    assert_int_equal(counter(place, "bongsu_ingest_raw_lines_total", "encoding=\"utf8\""), 3);
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "event_type", "login_failed");
    assert_field(ev, "source_ip", "192.0.2.1");
    assert_field(ev, "username", "bob");
    assert_field(ev, "host.name", "web1");
    assert_int_equal(ev->at_us, INT64_C(1799999999250000));
    ev = next_event(place);
    assert_field(ev, "event_type", "login_failed");
    assert_field(ev, "source_ip", "192.0.2.1");
    assert_field(ev, "username", "b\xef\xbf\xbd\\xff");
    ev = next_event(place);
    assert_field(ev, "process.name", "sshd");
    assert_field(next_event(place), "event_type", "login_failed");
}

static void
an_event_that_only_looks_like_the_journals_is_an_event(void **state)
{
    struct place *place = *state;
    const struct event *ev;

    assert_int_equal(take_json(place, "{\"event_type\":\"mine\",\"MESSAGE\":\"x\","
                               "\"__REALTIME_TIMESTAMP\":\"1799999999250000\"}"),
                     INTAKE_ACCEPTED);
    assert_int_equal(take_json(place, "{\"MESSAGE\":\"x\"}"), INTAKE_BAD_FIELD);
    assert_int_equal(take_json(place, "{\"a\":{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\"}}"),
                     INTAKE_BAD_FIELD);
    assert_int_equal(take_json(place, "{\"idempotency_key\":\"k\",\"MESSAGE\":\"x\","
                               "\"__REALTIME_TIMESTAMP\":\"1\"}"), INTAKE_NO_TIME);
    assert_int_equal(take_json(place, "{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\""),
                     INTAKE_BAD_JSON);
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "event_type", "mine");
    assert_int_equal(ev->at_us, now_us);
}

/* NXLog posts objects of its own, one a request or one a line. */
static void
a_line_of_another_json_is_decoded_wherever_events_are_taken(void **state)
{
    struct place *place = *state;
    const struct event *ev;

    assert_int_equal(take_json(place, "{\"EventTime\":\"2026-01-10T01:00:00Z\",\"EventID\":4625,"
                               "\"EventType\":\"AUDIT_FAILURE\",\"TargetUserName\":\"bob\",\"IpAddress\":"
                               "\"192.0.2.9\",\"SourceName\":\"Microsoft-Windows-Security-Auditing\"}"),
                     INTAKE_ACCEPTED);
    assert_int_equal(take_json(place, "{\"id\":\"7\",\"detail-type\":\"AWS API Call via CloudTrail\","
                               "\"region\":\"r\",\"detail\":{\"eventSource\":\"iam.amazonaws.com\","
                               "\"eventName\":\"CreateUser\",\"eventTime\":\"2026-01-10T01:00:00Z\"}}"),
                     INTAKE_ACCEPTED);
    /* an event_type makes it an event of ours, which has its own rules */
    assert_int_equal(take_json(place, "{\"event_type\":\"alert\",\"flow_id\":1,\"timestamp\":\"no time\"}"),
                     INTAKE_BAD_FIELD);
    assert_int_equal(take_json(place, "{\"EventID\":4625,\"SourceName\":\"x\"}"), INTAKE_BAD_FIELD);
    read_back(place);
    ev = next_event(place);
    assert_field(ev, "event_type", "login_failed");
    assert_field(ev, "source_ip", "192.0.2.9");
    assert_field(next_event(place), "event_type", "user_created");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_stored_as_it_was_sent_under_the_id_that_was_told),
        TEST(refuses_what_is_no_event_and_says_why),
        TEST(an_event_over_the_limit_is_too_big),
        TEST(a_client_names_an_event_by_its_own_key_and_gives_its_time),
        TEST(raw_log_alone_is_decoded_and_the_clients_fields_win),
        TEST(a_line_of_the_journals_json_is_decoded_wherever_events_are_taken),
        TEST(an_event_that_only_looks_like_the_journals_is_an_event),
        TEST(a_line_of_another_json_is_decoded_wherever_events_are_taken),
        TEST(good_lines_are_accepted_and_bad_ones_named),
        TEST(an_array_is_taken_element_by_element),
        TEST(a_broken_array_leaves_nothing),
        TEST(keeps_a_hundred_reasons_and_counts_the_rest),
        TEST(refuses_a_body_of_too_many_events_whole),
        TEST(each_raw_line_is_an_event),
        TEST(a_line_that_is_not_utf8_is_kept_and_counted),
        TEST(a_line_over_the_limit_is_refused_and_the_next_one_taken),
        TEST(a_line_is_keyed_by_its_place_in_its_file),
        TEST(a_line_that_says_its_offset_has_the_same_id),
        TEST(a_body_whose_lines_lack_their_offsets_is_refused_whole),
        TEST(a_keyed_line_needs_a_time_of_its_own_or_the_files),
    };

    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
