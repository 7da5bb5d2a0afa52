/*
 * test_send.c - bongsu send against an ingest that answers what a test wants
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/send_post.h"
#include "ctl/subcommand.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "tests/support/http_stub.h"

static struct stub *stub;
static char file_name[64];

static int
begin(void **state)
{
    (void)state;
    snprintf(file_name, sizeof file_name, "/tmp/bongsu-send-XXXXXX");
    close(mkstemp(file_name));
    setenv("API_KEY", "a-key-of-32-characters-0123456789", 1);
    setenv("TZ", "UTC", 1);
    stub = stub_new();
    return stub == NULL;
}

static int
end(void **state)
{
    (void)state;
    stub_destroy(&stub);
    unlink(file_name);
    return 0;
}

static void
write_file(const char *text)
{
    struct timespec times[2] = { { 1700000000, 0 }, { 1700000000, 0 } };
    FILE *file = fopen(file_name, "wb");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, file_name, times, 0), 0);
}

static int
send_with(const char *option, const char *value)
{
    char name[] = "send", url_flag[] = "--url", url[128], flag[64], flag_value[64];
    char *argv[] = { name, url_flag, url, file_name, flag, flag_value, NULL };

    snprintf(url, sizeof url, "%s/", stub_url(stub));
    if (option != NULL && value == NULL)
        argv[5] = NULL;
    snprintf(flag, sizeof flag, "%s", option != NULL ? option : "");
    snprintf(flag_value, sizeof flag_value, "%s", value != NULL ? value : "");
    return subcommands_main(value != NULL ? 6 : option != NULL ? 5 : 4, argv);
}

static const struct stub_answer two_accepted = {
    .status = 202, .body = "{\"accepted\":2,\"refused\":0,\"errors\":[],"
                           "\"first_time\":\"2026-11-22T01:00:00.5Z\","
                           "\"last_time\":\"2026-11-22T02:00:00Z\"}"
};

static const struct stub_answer one_accepted = {
    .status = 202, .body = "{\"accepted\":1,\"refused\":0}"
};

static void
body_is_the_bytes_of_the_file_named_by_identity_and_offset(void **state)
{
    const struct stub_request *request;
    char key[128];

    write_file("one\r\ntwo\nthree");
    stub_script(stub, (const struct stub_answer[]){ two_accepted, one_accepted }, 2);

    assert_int_equal(send_with("--batch-lines", "2"), EXIT_DONE);

    assert_int_equal(stub_count(stub), 2);
    request = stub_request(stub, 0);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->body, "one\r\ntwo\n");
    assert_non_null(strstr(request->path, "/logs?source="));
    assert_non_null(strstr(request->path, "&offset=0&default_time=2023-11-14T22:13:20Z"));
    assert_int_equal(stub_header(request, "X-API-Key", key, sizeof key), 1);
    assert_string_equal(key, "a-key-of-32-characters-0123456789");
    assert_int_equal(stub_header(request, "Content-Type", key, sizeof key), 1);
    assert_string_equal(key, "text/plain");

    request = stub_request(stub, 1);
    assert_string_equal(request->body, "three");
    assert_non_null(strstr(request->path, "&offset=9&"));
    assert_memory_equal(request->path, stub_request(stub, 0)->path,
                        strlen("/logs?source=") + 32);
}

/* Lines that are in order go as they stand; these are not. */
static void
lines_are_sent_by_their_time_each_with_its_offset(void **state)
{
    static const char lines[] =
        "2026-11-20T10:00:30Z web1 x: three\r\n"      /* at 0, 36 bytes */
        "  at three\n"                                /* no time: stays behind it */
        "\n"
        "2026-11-20T10:00:10Z web1 x: one \xb0\xa1\n" /* at 48 */
        "2026-11-20T10:00:20Z web1 x: two";
    const struct stub_request *request;

    write_file(lines);
    stub_set_usual(stub, &(const struct stub_answer){ .status = 202,
        .body = "{\"accepted\":3,\"refused\":1,\"errors\":[{\"line\":2,\"reason\":\"x\"}]}" });
    assert_int_equal(send_with(NULL, NULL), EXIT_PARTLY);

    assert_int_equal(stub_count(stub), 1);
    request = stub_request(stub, 0);
    assert_non_null(strstr(request->path, "&offset=each&"));
    assert_string_equal(request->body, "48 2026-11-20T10:00:10Z web1 x: one \xb0\xa1\n"
                                       "84 2026-11-20T10:00:20Z web1 x: two\n"
                                       "0 2026-11-20T10:00:30Z web1 x: three\r\n"
                                       "36   at three\n"
                                       "47 \n");

    stub_forget(stub);
    stub_set_usual(stub, &two_accepted);
    assert_int_equal(send_with("--no-sort", NULL), EXIT_PARTLY);
    assert_string_equal(stub_request(stub, 0)->body, lines);
    assert_non_null(strstr(stub_request(stub, 0)->path, "&offset=0&"));
}

static void
json_lines_have_their_own_content_type(void **state)
{
    char type[64];

    write_file("\n{\"event_type\":\"x\"}\n{\"event_type\":\"y\"}\n");
    stub_set_usual(stub, &two_accepted);

    assert_int_equal(send_with(NULL, NULL), EXIT_DONE);
    assert_true(stub_header(stub_request(stub, 0), "Content-Type", type, sizeof type));
    assert_string_equal(type, "application/x-ndjson");
}

static void
no_clear_answer_is_sent_again_the_very_same(void **state)
{
    static const struct stub_answer answers[] = {
        { .is_dropped = 1 },
        { .status = 503, .headers = "Retry-After: 0\r\n", .body = "{}" },
        { .status = 429, .headers = "Retry-After: 1\r\n", .body = "{}" },
        { .status = 500, .body = "oh" },
    };

    write_file("one\ntwo\n");
    stub_script(stub, answers, 4);
    stub_set_usual(stub, &two_accepted);

    assert_int_equal(send_with(NULL, NULL), EXIT_DONE);

    assert_int_equal(stub_count(stub), 5);
    for (size_t i = 1; i < 5; i++) {
        assert_string_equal(stub_request(stub, i)->path, stub_request(stub, 0)->path);
        assert_string_equal(stub_request(stub, i)->body, "one\ntwo\n");
    }
    assert_true(stub_request(stub, 3)->at_ms - stub_request(stub, 2)->at_ms >= 1000);
}

static void
too_large_a_body_is_sent_in_halves_down_to_a_line(void **state)
{
    static const struct stub_answer large = { .status = 413, .body = "{}" };

    write_file("one\ntwo\n");
    stub_script(stub, (const struct stub_answer[]){ large, one_accepted, large }, 3);

    assert_int_equal(send_with(NULL, NULL), EXIT_PARTLY);

    assert_int_equal(stub_count(stub), 3);
    assert_string_equal(stub_request(stub, 1)->body, "one\n");
    assert_non_null(strstr(stub_request(stub, 1)->path, "&offset=0&"));
    assert_string_equal(stub_request(stub, 2)->body, "two\n");
    assert_non_null(strstr(stub_request(stub, 2)->path, "&offset=4&"));
}

static void
wrong_key_or_place_ends_at_once(void **state)
{
    static const struct {
        int status, exit_code;
    } cases[] = {
        { 401, EXIT_NO_PERMISSION }, { 403, EXIT_NO_PERMISSION },
        { 404, EXIT_PROTOCOL }, { 301, EXIT_PROTOCOL }, { 200, EXIT_PROTOCOL },
        { 415, EXIT_PROTOCOL },
    };

    write_file("one\ntwo\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stub_answer answer = { .status = cases[i].status, .body = "{}" };

        stub_forget(stub);
        stub_set_usual(stub, &answer);
        assert_int_equal(send_with(NULL, NULL), cases[i].exit_code);
        assert_int_equal(stub_count(stub), 1);
    }
}

static void
accepted_without_a_count_is_no_ingest(void **state)
{
    static const struct stub_answer answer = { .status = 202, .body = "welcome" };

    write_file("one\ntwo\n");
    stub_set_usual(stub, &answer);
    assert_int_equal(send_with(NULL, NULL), EXIT_PROTOCOL);
}

static void
gives_up_only_when_told(void **state)
{
    static const struct stub_answer answer = { .status = 503, .body = "{}" };
    int64_t began_ms = clock_steady_ms();

    write_file("one\n");
    stub_set_usual(stub, &answer);
    assert_int_equal(send_with("--give-up", "500ms"), EXIT_UNREACHABLE);
    assert_true(clock_steady_ms() - began_ms >= 500);
    assert_true(stub_count(stub) >= 2);
}

static void
missing_file_is_told_before_anything_is_sent(void **state)
{
    write_file("one\n");
    unlink(file_name);
    assert_int_equal(send_with(NULL, NULL), EXIT_NO_INPUT);
    assert_int_equal(mkdir(file_name, 0700), 0);
    assert_int_equal(send_with(NULL, NULL), EXIT_NO_INPUT);
    rmdir(file_name);
    assert_int_equal(stub_count(stub), 0);
}

static void
wait_doubles_to_five_seconds_or_is_what_was_asked(void **state)
{
    assert_int_equal(poster_wait_ms(1, -1), 200);
    assert_int_equal(poster_wait_ms(2, -1), 400);
    assert_int_equal(poster_wait_ms(5, -1), 3200);
    assert_int_equal(poster_wait_ms(6, -1), 5000);
    assert_int_equal(poster_wait_ms(4000000000U, -1), 5000);
    assert_int_equal(poster_wait_ms(6, 0), 200);
    assert_int_equal(poster_wait_ms(1, 7), 7000);
    assert_int_equal(poster_wait_ms(1, 86400), 3600000);
}

static void
identity_is_the_inode_and_the_first_line(void **state)
{
    char first[33], second[33];

    send_identity(7, text_of("one\ntwo\n"), first);
    send_identity(7, text_of("one\nother lines\n"), second);
    assert_string_equal(first, second);
    send_identity(8, text_of("one\n"), second);
    assert_string_not_equal(first, second);
    send_identity(7, text_of("two\n"), second);
    assert_string_not_equal(first, second);
    send_identity(7, (struct text){ NULL, 0 }, second);
    assert_int_equal(strlen(second), 32);
}

/* --- the tally --- */

static const struct line_piece ten_lines = { .first_line = 101, .lines = 10 };

static void
refusals_are_told_by_reason_with_their_lines(void **state)
{
    struct tally tally = { 0 };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(tally_answer(&tally, "a.log", &ten_lines, text_of(
        "{\"accepted\":5,\"refused\":5,\"errors\":["
        "{\"line\":1,\"reason\":\"source_ip: \\\"abc\\\" is no address\"},"
        "{\"line\":3,\"reason\":\"source_ip: \\\"x\\\\\\\"y\\\" is no address\"},"
        "{\"line\":10,\"reason\":\"timestamp: ahead\\u001b[2J\\u009b\\u202e\"}],"
        "\"errors_omitted\":2}"), NULL), 0);
    tally_print_refusals(&tally, out);
    fclose(out);

    assert_int_equal(tally.accepted, 5);
    assert_int_equal(tally.refused, 5);
    assert_int_equal(tally.unanswered, 0);
    assert_string_equal(text,
                        "  2 refused: source_ip: \"...\" is no address "
                        "(a.log line 101, 103)\n"
                        "  1 refused: timestamp: ahead\\x1b[2J\\u009b\\u202e (a.log line 110)\n"
                        "  2 refused, reason not listed\n");
    free(text);
}

static void
lines_that_ingest_does_not_mention_are_not_taken_as_accepted(void **state)
{
    struct tally tally = { 0 };

    assert_int_equal(tally_answer(&tally, "a", &ten_lines, text_of("{\"accepted\":7}"),
                                  NULL), 0);
    assert_int_equal(tally.accepted, 7);
    assert_int_equal(tally.unanswered, 3);
}

static void
answer_that_makes_no_sense_counts_nothing(void **state)
{
    static const char *const answers[] = {
        "", "[]", "{}", "{\"accepted\":-1}", "{\"accepted\":11}", "{\"accepted\":\"1\"}",
        "{\"accepted\":1,\"refused\":1.5}", "{\"accepted\":1", "null",
    };
    struct tally tally = { 0 }, untouched = { 0 };
    struct err err;

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        assert_int_equal(tally_answer(&tally, "a", &ten_lines, text_of(answers[i]), &err),
                         -1);
    assert_memory_equal(&tally, &untouched, sizeof tally);
}

static void
many_reasons_and_long_ones_stay_bounded(void **state)
{
    struct tally tally = { 0 };
    char reason[1000];

    for (int i = 0; i < 100; i++) {
        snprintf(reason, sizeof reason, "reason %d %0*d", i, 900, 0);
        tally_refuse(&tally, "a", 1, 1, text_of(reason));
    }
    assert_int_equal(tally.refused, 100);
    assert_int_equal(tally.reason_count, TALLY_MAX_REASONS);
    assert_int_equal(tally.other_refused, 100 - TALLY_MAX_REASONS);
}

static void
span_of_time_grows_over_the_answers(void **state)
{
    struct tally tally = { 0 };

    tally_answer(&tally, "a", &ten_lines, text_of(
        "{\"accepted\":10,\"first_time\":\"2026-11-22T02:00:00Z\","
        "\"last_time\":\"2026-11-22T03:00:00Z\"}"), NULL);
    tally_answer(&tally, "a", &ten_lines, text_of(
        "{\"accepted\":10,\"first_time\":\"2026-11-22T01:00:00Z\","
        "\"last_time\":\"2026-11-22T02:30:00Z\"}"), NULL);
    tally_answer(&tally, "a", &ten_lines, text_of("{\"accepted\":10}"), NULL);

    assert_int_equal(tally.has_time, 1);
    assert_int_equal(tally.last_us - tally.first_us, INT64_C(7200) * 1000000);
}

static void
bar_shows_how_much_is_done_and_left(void **state)
{
    struct progress progress = { .total_bytes = 4 * 1024 * 1024, .began_ms = 1000 };
    struct tally tally = { .bytes = 1024 * 1024, .lines = 5000, .refused = 2 };
    char text[160];

    progress_format(&progress, &tally, 3000, text, sizeof text);
    assert_string_equal(text, "[######..................]  25 %  1.0 MiB  5000 lines  "
                              "2500 lines/s  2 refused  6 s left");
    progress.total_bytes = 0;
    progress_format(&progress, &tally, 1000, text, sizeof text);
    assert_non_null(strstr(text, "1.0 MiB  5000 lines"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(body_is_the_bytes_of_the_file_named_by_identity_and_offset),
        TEST(lines_are_sent_by_their_time_each_with_its_offset),
        TEST(json_lines_have_their_own_content_type),
        TEST(no_clear_answer_is_sent_again_the_very_same),
        TEST(too_large_a_body_is_sent_in_halves_down_to_a_line),
        TEST(wrong_key_or_place_ends_at_once),
        TEST(accepted_without_a_count_is_no_ingest),
        TEST(gives_up_only_when_told),
        TEST(missing_file_is_told_before_anything_is_sent),
        TEST(wait_doubles_to_five_seconds_or_is_what_was_asked),
        TEST(identity_is_the_inode_and_the_first_line),
        TEST(refusals_are_told_by_reason_with_their_lines),
        TEST(lines_that_ingest_does_not_mention_are_not_taken_as_accepted),
        TEST(answer_that_makes_no_sense_counts_nothing),
        TEST(many_reasons_and_long_ones_stay_bounded),
        TEST(span_of_time_grows_over_the_answers),
        TEST(bar_shows_how_much_is_done_and_left),
    };

    return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
