/* Standard error is a socket that keeps each write apart, so that a line
 * written in two pieces would show as two messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"

static int reading_end = -1, saved_stderr = -1;
static char line[8192];

static int
open_log(void **state)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    saved_stderr = dup(STDERR_FILENO);
    dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    reading_end = pair[0];
    log_open("tester", LEVEL_INFO);
    return 0;
}

static int
close_log(void **state)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reading_end);
    return 0;
}

/* The next write without its time, or NULL when there was none. */
static const char *
next_line(void)
{
    ssize_t len = recv(reading_end, line, sizeof(line) - 1, 0);

    if (len <= 0)
        return NULL;
    line[len] = '\0';
    return strchr(line, ' ') + 1;
}

static void
log_case(const char *format, const char *value)
{
    if (strcmp(format, "user=\"%s\" ok=0") == 0)
        log_info("m", "user=\"%s\" ok=0", value);
    else if (strcmp(format, "user=%s ok=0") == 0)
        log_info("m", "user=%s ok=0", value);
    else
        log_info("m", "%s ok=0", value);
}

static void
a_line_is_time_level_process_message_and_pairs(void **state)
{
    unsigned parts[7];
    char zone;

    log_warn("disk is slow", "path=%s ms=%d", "var/x", 12);
    assert_string_equal(next_line(), "warn tester disk is slow path=var/x ms=12\n");
    assert_int_equal(sscanf(line, "%4u-%2u-%2uT%2u:%2u:%2u.%3u%c ", &parts[0], &parts[1],
                            &parts[2], &parts[3], &parts[4], &parts[5], &parts[6], &zone),
                     8);
    assert_int_equal(zone, 'Z');
    assert_null(next_line());
}

static void
a_line_needs_no_pairs(void **state)
{
    log_error("gone", "");
    assert_string_equal(next_line(), "error tester gone\n");
}

static void
lines_below_the_level_are_dropped(void **state)
{
    log_debug("detail", "");
    assert_null(next_line());
    log_open("tester", LEVEL_ERROR);
    log_warn("careful", "");
    log_info("fine", "");
    assert_null(next_line());
    log_open("tester", LEVEL_DEBUG);
    log_debug("detail", "");
    assert_non_null(next_line());
}

static void
hostile_text_cannot_forge_a_line(void **state)
{
    log_info("login", "user=\"%s\"",
             "x\n2026-01-01T00:00:00.000Z error ingest on fire\r\x1b[2J\x7f");
    assert_string_equal(next_line(),
                        "info tester login user=\"x\\x0a2026-01-01T00:00:00.000Z "
                        "error ingest on fire\\x0d\\x1b[2J\\x7f\"\n");
    assert_null(next_line());
}

static void
hostile_text_cannot_leave_its_quotes_or_add_a_pair(void **state)
{
    static const struct {
        const char *format, *value, *shown;
    } cases[] = {
        { "user=\"%s\" ok=0", "x\" ok=1 by=\"me", "user=\"x\\\" ok=1 by=\\\"me\" ok=0" },
        { "user=\"%s\" ok=0", "x\\", "user=\"x\\\\\" ok=0" },
        { "user=\"%s\" ok=0", "x\\x0a", "user=\"x\\\\x0a\" ok=0" },
        { "user=%s ok=0", "x ok=1", "user=\"x ok=1\" ok=0" },
        { "user=%s ok=0", "x\"y", "user=\"x\\\"y\" ok=0" },
        { "user=%s ok=0", "", "user=\"\" ok=0" },
        { "user=%s ok=0", "%s%n", "user=%s%n ok=0" },
        { "%s ok=0", "two words", "two words ok=0" },
    };
    char expected[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log_case(cases[i].format, cases[i].value);
        snprintf(expected, sizeof(expected), "info tester m %s\n", cases[i].shown);
        assert_string_equal(next_line(), expected);
    }
}

static void
every_conversion_that_is_used_is_written_as_by_printf(void **state)
{
    log_info("m", "d=%d u=%u ll=%lld zu=%zu x=%016llx c=%c f=%.2f p=%% s=%.*s|%5d|%05d",
             -1, 4294967295u, INT64_MIN + 0LL, (size_t)7, 0xabcdefULL, 'z', 1.5, 3, "abcdef",
             42, 42);
    assert_string_equal(next_line(),
                        "info tester m d=-1 u=4294967295 ll=-9223372036854775808 zu=7 "
                        "x=0000000000abcdef c=z f=1.50 p=% s=abc|   42|00042\n");
}

static void
what_turns_the_writing_direction_is_shown_as_bytes(void **state)
{
    static const struct {
        const char *raw, *shown;
    } cases[] = {
        { "\xc2\x85", "\\xc2\\x85" },
        { "\xc2\x9b", "\\xc2\\x9b" },
        { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
        { "\xe2\x80\xa9", "\\xe2\\x80\\xa9" },
        { "\xe2\x80\xaa", "\\xe2\\x80\\xaa" },
        { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
        { "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
        { "\xe2\x81\xa9", "\\xe2\\x81\\xa9" },
        { "\x9b", "\\x9b" },
        { "\xe2\x80", "\\xe2\\x80" },
        { "\xc2\xa0", "\xc2\xa0" },
        { "\xe2\x80\xa7", "\xe2\x80\xa7" },
        { "\xe2\x80\xaf", "\xe2\x80\xaf" },
        { "\xe2\x81\xa5", "\xe2\x81\xa5" },
        { "\xeb\xb4\x89", "\xeb\xb4\x89" },
        { "\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5" },
    };
    char expected[100];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log_info("m", "v=%s", cases[i].raw);
        snprintf(expected, sizeof(expected), "info tester m v=%s\n", cases[i].shown);
        assert_string_equal(next_line(), expected);
    }
}

static void
a_line_that_is_too_long_is_cut_visibly(void **state)
{
    static char huge[20000];

    memset(huge, '\n', sizeof(huge) - 1);
    log_info("big", "v=%s", huge);
    assert_non_null(next_line());
    assert_true(strlen(line) <= 4096);
    assert_string_equal(line + strlen(line) - 4, "...\n");
    memset(huge, 'a', sizeof(huge) - 1);
    log_info("big", "v=%s", huge);
    assert_non_null(next_line());
    assert_true(strlen(line) <= 4096);
    assert_null(next_line());
}

static void
a_burst_is_one_line_and_the_next_says_how_many(void **state)
{
    struct log_burst burst = { 0, 0 };

    log_warn_burst(&burst, "full", "n=%d", 1);
    assert_string_equal(next_line(), "warn tester full n=1\n");
    burst.until_ms = clock_steady_ms() + 60000;
    for (int i = 0; i < 1000; i++)
        log_warn_burst(&burst, "full", "n=%d", i);
    assert_null(next_line());
    burst.until_ms = clock_steady_ms();         /* the second is over */
    log_warn_burst(&burst, "full", "n=%d", 2);
    assert_string_equal(next_line(), "warn tester full held_back=1000 n=2\n");
    assert_int_equal(burst.held_back, 0);
    assert_true(burst.until_ms > clock_steady_ms());
}

static void
logging_leaves_errno_alone(void **state)
{
    errno = ENOSPC;
    for (int i = 0; i < 2000; i++)      /* until the socket is full */
        log_info("x", "");
    assert_int_equal(errno, ENOSPC);
}

static void
levels_have_names(void **state)
{
    assert_int_equal(log_level_parse("debug"), LEVEL_DEBUG);
    assert_int_equal(log_level_parse("error"), LEVEL_ERROR);
    assert_int_equal(log_level_parse("Error"), -1);
    assert_int_equal(log_level_parse(""), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_log, close_log)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_time_level_process_message_and_pairs),
        TEST(a_line_needs_no_pairs),
        TEST(lines_below_the_level_are_dropped),
        TEST(hostile_text_cannot_forge_a_line),
        TEST(hostile_text_cannot_leave_its_quotes_or_add_a_pair),
        TEST(every_conversion_that_is_used_is_written_as_by_printf),
        TEST(what_turns_the_writing_direction_is_shown_as_bytes),
        TEST(a_line_that_is_too_long_is_cut_visibly),
        TEST(a_burst_is_one_line_and_the_next_says_how_many),
        TEST(logging_leaves_errno_alone),
        TEST(levels_have_names),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
