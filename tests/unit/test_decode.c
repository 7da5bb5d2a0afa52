/*
 * test_decode.c - headers, repetitions, and what a client said itself
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

#include "proto/decode/decode.h"
#include "proto/decode/syslog_header.h"
#include "proto/base/timestamp.h"

static struct arena arena;

static int
take_seoul(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Seoul", 1);
    return timestamp_init(NULL);
}

static int
forget(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static int64_t
at(const char *time)
{
    int64_t us;

    assert_int_equal(timestamp_parse(text_of(time), &us, NULL), 0);
    return us;
}

static struct log_line
header_of(const char *raw)
{
    struct log_line line;

    syslog_header_read(text_of(raw), at("2026-11-22T00:00:00Z"), &line);
    return line;
}

static void
is_text(struct text text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text.ptr);
        return;
    }
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static const struct {
    const char *raw, *time, *host, *program, *pid, *message;
    int priority;
} headers[] = {
    { "Nov  2 06:55:46 web1 sshd[24200]: hi there", "2026-11-02T06:55:46+09:00", "web1",
      "sshd", "24200", "hi there", -1 },
    { "Nov 2 06:55:46 web1 sshd: hi", "2026-11-02T06:55:46+09:00", "web1", "sshd", NULL,
      "hi", -1 },
    { "Nov 12 06:55:46.250 web1 cron[1]: hi", "2026-11-12T06:55:46.25+09:00", "web1",
      "cron", "1", "hi", -1 },
    { "Nov 12 06:55:46 web1 last message gone", "2026-11-12T06:55:46+09:00", "web1",
      NULL, NULL, "last message gone", -1 },
    { "<38>Nov 12 06:55:46 sshd[7]: hi", "2026-11-12T06:55:46+09:00", NULL, "sshd", "7",
      "hi", 38 },
    { "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: x", "2026-06-14T15:16:01+09:00",
      "combo", "sshd(pam_unix)", "19939", "x", -1 },
    { "2026-11-22T07:00:00.123456+09:00 web1 sshd-session[9]: hi",
      "2026-11-21T22:00:00.123456Z", "web1", "sshd-session", "9", "hi", -1 },
    { "2026-11-22T07:00:00+0900 web1 sudo[9]: hi", "2026-11-21T22:00:00Z", "web1",
      "sudo", "9", "hi", -1 },
    { "2026-11-21T22:00:00.5-0030 2001:db8::1 kernel: hi", "2026-11-21T22:30:00.5Z",
      "2001:db8::1", "kernel", NULL, "hi", -1 },
    { "2026-11-21T22:00:00Z all is well: really", "2026-11-21T22:00:00Z", NULL, NULL,
      NULL, "all is well: really", -1 },
    { "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - "
      "\xef\xbb\xbf'su root' failed", "2003-10-11T22:14:15.003Z",
      "mymachine.example.com", "su", NULL, "'su root' failed", 34 },
    { "<165>1 - - app 12 - [a@1 k=\"v] \\\" \\]\"][b@1] text", NULL, NULL, "app", "12",
      "text", 165 },
    { "<13>app: hi", NULL, NULL, "app", NULL, "hi", 13 },
    { "<192>app: hi", NULL, NULL, NULL, NULL, "<192>app: hi", -1 },
    { "just words", NULL, NULL, NULL, NULL, "just words", -1 },
    { "", NULL, NULL, NULL, NULL, "", -1 },
    { "Nov 31 06:55:46 web1 sshd: hi", NULL, NULL, NULL, NULL,
      "Nov 31 06:55:46 web1 sshd: hi", -1 },
    { "Nov 12 24:55:46 web1 sshd: hi", NULL, NULL, NULL, NULL,
      "Nov 12 24:55:46 web1 sshd: hi", -1 },
};

static void
reads_every_kind_of_header(void **state)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct log_line line = header_of(headers[i].raw);

        print_message("  %s\n", headers[i].raw);
        assert_int_equal(line.has_time, headers[i].time != NULL);
        if (headers[i].time != NULL)
            assert_int_equal(line.at_us, at(headers[i].time));
        is_text(line.host, headers[i].host);
        is_text(line.program, headers[i].program);
        is_text(line.pid, headers[i].pid);
        is_text(line.message, headers[i].message);
        assert_int_equal(line.priority, headers[i].priority);
    }
}

static void
header_cut_anywhere_is_read_safely(void **state)
{
    static const char *const lines[] = {
        "<34>1 2003-10-11T22:14:15.003Z host su 1 ID47 [a b=\"c\\\"\"] text",
        "<38>Nov 12 06:55:46.123 web1 sshd[7]: Failed password for root from 192.0.2.1",
        "2026-11-22T07:00:00.123456+0900 web1 sudo[9]: hi",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (size_t n = 0; n <= strlen(lines[i]); n++) {
            char *copy = malloc(n + 1);     /* exact, so that ASan sees a byte too far */
            struct event ev = { 0 };

            assert_non_null(copy);
            memcpy(copy, lines[i], n);
            assert_non_null(decode_line((struct text){ copy, n }, 0, &arena, &ev));
            assert_int_equal(value_get_text(&ev.known[EVENT_RAW_LOG]).len, n);
            event_release(&ev);
            free(copy);
        }
}

static const struct value *
field_of(struct event *ev, const char *name)
{
    return event_get(ev, text_of(name));
}

static void
repeated_message_is_one_event_with_its_count(void **state)
{
    struct event ev = { 0 };

    assert_string_equal(
        decode_line(text_of("Nov 12 06:55:46 web1 sshd[7]: message repeated 5 times: "
                            "[ Failed password for root from 192.0.2.1 port 9 ssh2]"),
                    at("2026-11-22T00:00:00Z"), &arena, &ev),
        "sshd");
    assert_int_equal(ev.known[EVENT_COUNT].as.integer, 5);
    is_text(value_get_text(&ev.known[EVENT_TYPE]), "login_failed");
    is_text(value_get_text(&ev.known[EVENT_SOURCE_IP]), "192.0.2.1");
    event_release(&ev);
}

static void
impossible_repetition_stays_a_plain_message(void **state)
{
    static const char *const lines[] = {
        "Nov 12 06:55:46 web1 app: message repeated 0 times: [ x]",
        "Nov 12 06:55:46 web1 app: message repeated 1000001 times: [ x]",
        "Nov 12 06:55:46 web1 app: message repeated -1 times: [ x]",
        "Nov 12 06:55:46 web1 app: message repeated 2 times: [ ",
        "Nov 12 06:55:46 web1 app: message repeated 2 times: []",
        "Nov 12 06:55:46 web1 app: message repeated  times: [ x]",
        /* nobody's tag: not rsyslog's words */
        "Nov 12 06:55:46 web1 message repeated 5 times: [ x]",
        "message repeated 5 times: [ 192.0.2.1 - - [22/Nov/2026:08:00:00 +0900] "
        "\"GET / HTTP/1.1\" 404 0 ]",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct event ev = { 0 };

        decode_line(text_of(lines[i]), at("2026-11-22T00:00:00Z"), &arena, &ev);
        assert_int_equal(ev.known[EVENT_COUNT].kind, VALUE_ABSENT);
        event_release(&ev);
    }
}

static void
what_the_client_said_itself_stays(void **state)
{
    struct event ev = { 0 };

    ev.known[EVENT_TYPE] = value_text(text_of("mine"));
    ev.known[EVENT_SOURCE_IP] = value_text(text_of("198.51.100.7"));
    ev.known[EVENT_TIMESTAMP] = value_text(text_of("2020-01-01T00:00:00Z"));
    ev.known[EVENT_COUNT] = value_int(3);
    assert_int_equal(event_add_extra(&ev, text_of("host.name"), value_int(1)), 0);

    decode_line(text_of("Nov 12 06:55:46 web1 sshd[7]: Failed password for bob from "
                        "192.0.2.1 port 9 ssh2"),
                at("2026-11-22T00:00:00Z"), &arena, &ev);

    is_text(value_get_text(&ev.known[EVENT_TYPE]), "mine");
    is_text(value_get_text(&ev.known[EVENT_SOURCE_IP]), "198.51.100.7");
    is_text(value_get_text(&ev.known[EVENT_TIMESTAMP]), "2020-01-01T00:00:00Z");
    assert_int_equal(ev.known[EVENT_COUNT].as.integer, 3);
    assert_int_equal(field_of(&ev, "host.name")->as.integer, 1);
    is_text(value_get_text(&ev.known[EVENT_USERNAME]), "bob");
    event_release(&ev);
}

/* A name of half a megabyte, full of what the pattern looks for. */
static void
long_hostile_user_costs_little(void **state)
{
    static const char piece[] = " from 192.0.2.1 port 9 ssh2: x";
    const size_t pieces = 17000;
    struct event ev = { 0 };
    char *line = malloc(sizeof piece * pieces + 100);
    clock_t began = clock();
    size_t len;

    assert_non_null(line);
    len = (size_t)snprintf(line, 100, "Nov 12 06:55:46 h sshd[7]: Failed password for ");
    for (size_t i = 0; i < pieces; i++, len += sizeof piece - 1)
        memcpy(line + len, piece, sizeof piece - 1);

    decode_line((struct text){ line, len }, at("2026-11-22T00:00:00Z"), &arena, &ev);
    assert_true(clock() - began < CLOCKS_PER_SEC / 20);
    is_text(value_get_text(&ev.known[EVENT_TYPE]), "login_failed");
    assert_int_equal(ev.known[EVENT_SOURCE_IP].kind, VALUE_ABSENT);
    event_release(&ev);
    free(line);
}

/* NXLog's form with so many data that each is looked for among a thousand. */
static void
many_data_of_windows_cost_little(void **state)
{
    struct event ev = { 0 };
    char *line = malloc(256 * 1024);
    clock_t began = clock();
    size_t len;

    (void)state;
    assert_non_null(line);
    len = (size_t)snprintf(line, 256, "{\"EventID\":1,\"SourceName\":\"s\",\"EventTime\":\"2026-11-22T00:00:00Z\"");
    for (int i = 0; i < 14000; i++)
        len += (size_t)snprintf(line + len, 32, ",\"x%d\":\"1\"", i < 900 ? i : 899);
    len += (size_t)snprintf(line + len, 32, "}");
    decode_line((struct text){ line, len }, at("2026-11-22T00:00:00Z"), &arena, &ev);
    assert_true(clock() - began < CLOCKS_PER_SEC / 60);
    is_text(value_get_text(&ev.known[EVENT_TYPE]), "windows");
    assert_non_null(field_of(&ev, "winlog.event_data.x0"));
    event_release(&ev);
    free(line);
}

/* What could tell a form by its keys, again and again. */
static void
a_key_said_often_costs_little(void **state)
{
    struct event ev = { 0 };
    char *line = malloc(256 * 1024);
    clock_t began = clock();
    size_t len;

    (void)state;
    assert_non_null(line);
    len = (size_t)snprintf(line, 256, "{\"event_type\":1");
    for (int i = 0; i < 16000; i++)
        len += (size_t)snprintf(line + len, 32, ",\"event_type\":1");
    len += (size_t)snprintf(line + len, 32, "}");
    decode_line((struct text){ line, len }, at("2026-11-22T00:00:00Z"), &arena, &ev);
    assert_true(clock() - began < CLOCKS_PER_SEC / 20);
    is_text(value_get_text(&ev.known[EVENT_TYPE]), "log");
    event_release(&ev);
    free(line);
}

#define TEST(f) cmocka_unit_test_teardown(f, forget)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_every_kind_of_header),
        TEST(header_cut_anywhere_is_read_safely),
        TEST(repeated_message_is_one_event_with_its_count),
        TEST(impossible_repetition_stays_a_plain_message),
        TEST(what_the_client_said_itself_stays),
        TEST(long_hostile_user_costs_little),
        TEST(many_data_of_windows_cost_little),
        TEST(a_key_said_often_costs_little),
    };

    return cmocka_run_group_tests_name("decode", tests, take_seoul, NULL);
}
