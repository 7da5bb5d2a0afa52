/*
 * Syslog at a running ingest: who may send, what becomes of what is sent when the process
 * dies, ends or has no room, and senders that keep to no rule.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/syslog_place.h"

enum { SOON_MS = 20000, LINES = 20000 };

static struct syslog_place place;

static int
open_place(void **state)
{
    (void)state;
    syslog_place_open(&place);
    return 0;
}

static int
close_place(void **state)
{
    (void)state;
    syslog_place_close(&place);
    return 0;
}

/* Lines that carry their number: "... no 00000017 ...". */
static void
add_line(struct buf *out, unsigned number)
{
    assert_int_equal(buf_printf(out, "<38>1 2026-11-22T10:00:00Z h app %u - - no %08u of the test, "
                                "with some words behind it that make it an ordinary line\n",
                                number % 30000, number), 0);
}

static void
wait_number(const char *name, double least)
{
    char whole[128];

    snprintf(whole, sizeof(whole), "bongsu_syslog_%s", name);
    chain_wait_metric(place.chain, INGEST, whole, least, SOON_MS);
}

struct seen {
    unsigned char times[LINES * 2];
    unsigned count, highest;
};

static void
note_line(void *ctx, const json_t *ev)
{
    struct seen *seen = ctx;
    const char *raw = json_string_value(json_object_get(ev, "raw_log"));
    const char *number = raw == NULL ? NULL : strstr(raw, "no ");
    unsigned n;

    assert_non_null(number);
    n = (unsigned)strtoul(number + 3, NULL, 10);
    assert_true(n < sizeof(seen->times));
    if (seen->times[n]++ != 0)
        fail_msg("line %u is stored twice", n);
    seen->count++;
    seen->highest = n > seen->highest ? n : seen->highest;
}

/* --- who sends --- */

static void
an_event_says_who_sent_it_and_what_the_header_says(void **state)
{
    int tcp, udp;
    const json_t *ev;
    json_t *events;

    (void)state;
    chain_start_all(place.chain);
    tcp = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.2");
    udp = syslog_dial(place.udp, SOCK_DGRAM, "127.0.0.3");
    syslog_say(tcp, "<165>1 2026-11-22T10:00:00Z web1 app 12 ID47 [x@1 a=\"b\"] by tcp\n");
    syslog_say(tcp, "51 <38>Nov 22 10:00:00 web1 sshd[7]: two\nlines counted");
    syslog_say(udp, "<13>1 2999-01-01T00:00:00Z web1 app - - - ahead of its time\n");
    close(tcp);
    syslog_wait_messages(&place, "tcp", 2);
    syslog_wait_messages(&place, "udp", 1);
    chain_wait_delivered(place.chain, SOON_MS);
    events = chain_all_events(place.chain);
    assert_int_equal(json_array_size(events), 3);
    ev = syslog_event(events, "by tcp");
    assert_string_equal(json_string_value(json_object_get(ev, "received_from")), "127.0.0.2");
    assert_string_equal(json_string_value(json_object_get(ev, "description")), "by tcp");
    assert_int_equal(json_integer_value(json_object_get(ev, "log.syslog.facility.code")), 20);
    assert_string_equal(json_string_value(
        json_object_get(ev, "log.syslog.structured_data.x@1.a")), "b");
    syslog_event(events, "two\nlines counted");
    ev = syslog_event(events, "ahead of its time");
    assert_string_equal(json_string_value(json_object_get(ev, "received_from")), "127.0.0.3");
    assert_string_equal(json_string_value(json_object_get(ev, "log.flags")), "plain");
    json_decref(events);
    close(udp);
    chain_stop_all(place.chain);
}

static void
who_is_not_allowed_is_not_heard_and_counted(void **state)
{
    int tcp, udp;

    (void)state;
    chain_set(place.chain, "BONGSU_SYSLOG_ALLOW", "127.0.0.2, 192.0.2.0/24");
    chain_start(place.chain, INGEST, NULL);
    tcp = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    syslog_wait_end(tcp, SOON_MS);
    udp = syslog_dial(place.udp, SOCK_DGRAM, "127.0.0.1");
    syslog_say(udp, "<13>x");
    wait_number("dropped_total{reason=\"network\"}", 1);
    assert_true(syslog_number(&place, "refused_total{reason=\"network\"}") == 1);
    close(tcp);
    close(udp);
    tcp = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.2");
    syslog_say(tcp, "<13>x\n");
    syslog_wait_messages(&place, "tcp", 1);
    close(tcp);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

/* --- the PROXY protocol --- */

static void
use_proxies(void)
{
    chain_set(place.chain, "BONGSU_SYSLOG_PROXY_PROTOCOL", "true");
    chain_set(place.chain, "BONGSU_TRUSTED_PROXIES", "127.0.0.9");
    chain_set(place.chain, "BONGSU_SYSLOG_ALLOW", "127.0.0.1, 198.51.100.0/24");
}

static void
a_trusted_proxy_names_the_sender(void **state)
{
    static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x07\x7f\x00\x00\x01"
                             "\xdc\x04\x02\x02<13>h a: two\n";
    json_t *events;
    int fd;

    (void)state;
    use_proxies();
    chain_start_all(place.chain);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.9");
    syslog_say(fd, "PROXY TCP4 198.51.100.6 127.0.0.1 5 ");
    syslog_say(fd, "6\r\n<13>h a: one\n");
    close(fd);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.9");
    assert_int_equal(syslog_send(fd, v2, sizeof(v2) - 1), 0);
    close(fd);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");      /* no proxy: a line like any */
    syslog_say(fd, "PROXY TCP4 198.51.100.8 127.0.0.1 5 6\r\n");
    close(fd);
    syslog_wait_messages(&place, "tcp", 3);
    chain_wait_delivered(place.chain, SOON_MS);
    events = chain_all_events(place.chain);
    assert_string_equal(json_string_value(json_object_get(syslog_event(events, "one"),
                                                          "received_from")), "198.51.100.6");
    assert_string_equal(json_string_value(json_object_get(syslog_event(events, "two"),
                                                          "received_from")), "198.51.100.7");
    assert_string_equal(json_string_value(json_object_get(syslog_event(events, "5 6"),
                                                          "received_from")), "127.0.0.1");
    json_decref(events);
    chain_stop_all(place.chain);
}

static void
a_proxy_that_lies_is_refused(void **state)
{
    static const char *const lies[] = {
        "<13>no header\n", "PROXY TCP4 198.51.100.6 nonsense 5 6\r\n<13>x\n", "\x16\x03\x01\x02",
        "PROXY TCP4 198.51.100.6 127.0.0.1 5 6\n<13>x\n",
    };
    int fd;

    (void)state;
    use_proxies();
    chain_start(place.chain, INGEST, NULL);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.9");
        syslog_say(fd, lies[i]);
        syslog_wait_end(fd, SOON_MS);
        close(fd);
    }
    assert_true(syslog_number(&place, "refused_total{reason=\"proxy\"}") == 4);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.9");      /* names one who may not */
    syslog_say(fd, "PROXY TCP4 203.0.113.6 127.0.0.1 5 6\r\n<13>x\n");
    syslog_wait_end(fd, SOON_MS);
    close(fd);
    assert_true(syslog_number(&place, "refused_total{reason=\"network\"}") == 1);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.9");      /* goes in the middle */
    syslog_say(fd, "PROXY TCP4 ");
    close(fd);
    wait_number("refused_total{reason=\"proxy\"}", 5);
    assert_true(syslog_number(&place, "messages_total") == 0);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

/* --- death and end --- */

/* Send lines from `from` on until the other side is gone, `to` at most, in a process of
 * its own. */
static pid_t
start_sender(int fd, unsigned from, unsigned to)
{
    struct buf lines = { 0 };
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    for (unsigned n = from; n < to; n += 100) {
        buf_clear(&lines);
        for (unsigned i = n; i < n + 100; i++)
            add_line(&lines, i);
        if (syslog_send(fd, lines.ptr, lines.len) != 0)
            break;
    }
    _exit(0);
}

/* ingest dies there while lines come in, and comes back. */
static void
die_under_load(const char *fault)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    int64_t deadline = now_ms() + SOON_MS * 3;
    unsigned first;
    pid_t sender;
    int fd;

    for (int i = INGEST + 1; i < PROCESSES; i++)
        chain_start(place.chain, (enum process)i, NULL);
    chain_start(place.chain, INGEST, fault);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    sender = start_sender(fd, 0, LINES);
    close(fd);
    while (!chain_has_died(place.chain, INGEST)) {
        if (now_ms() > deadline)
            fail_msg("%s is not reached", fault);
        wait_a_little();
    }
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    chain_start(place.chain, INGEST, NULL);
    chain_wait_ready(place.chain, SOON_MS);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    sender = start_sender(fd, LINES, LINES + 1000);
    close(fd);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    syslog_wait_messages(&place, "tcp", 1000);
    chain_wait_delivered(place.chain, SOON_MS * 3);
    chain_each_event(place.chain, note_line, seen);
    /* of what was sent before it died the first part, without a hole; the rest was in
     * the kernel's buffers */
    for (first = 0; first < LINES && seen->times[first] != 0; first++)
        ;
    assert_int_equal(seen->count, first + 1000);
    assert_in_range(first, 1, LINES - 1);
    chain_check_balance(place.chain);
    free(seen);
    chain_stop_all(place.chain);
}

static void
what_was_committed_before_a_death_is_there_once(void **state)
{
    (void)state;
    die_under_load("ingest.after_commit:3");
}

static void
what_was_not_committed_leaves_no_half(void **state)
{
    (void)state;
    die_under_load("ingest.before_commit:3");
}

static void
what_was_sent_before_a_stop_is_there(void **state)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    int64_t deadline = now_ms() + SOON_MS * 3;
    struct buf lines = { 0 };
    int fd, udp;

    (void)state;
    chain_start_all(place.chain);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    udp = syslog_dial(place.udp, SOCK_DGRAM, "127.0.0.1");
    add_line(&lines, 0);
    assert_int_equal(syslog_send(fd, lines.ptr, lines.len), 0);
    syslog_wait_messages(&place, "tcp", 1);         /* the connection was taken */
    chain_signal(place.chain, INGEST, SIGSTOP);
    buf_clear(&lines);
    for (unsigned n = 1; n < 1000; n++)
        add_line(&lines, n);
    assert_int_equal(syslog_send(fd, lines.ptr, lines.len - 1), 0); /* the last has no end */
    for (unsigned n = 1000; n < 1010; n++) {
        buf_clear(&lines);
        add_line(&lines, n);
        assert_int_equal(syslog_send(udp, lines.ptr, lines.len), 0);
    }
    kill((pid_t)chain_pid(place.chain, INGEST), SIGTERM);
    chain_signal(place.chain, INGEST, SIGCONT);
    syslog_wait_end(fd, SOON_MS);
    while (!chain_has_died(place.chain, INGEST)) {
        if (now_ms() > deadline)
            fail_msg("ingest does not end");
        wait_a_little();
    }
    chain_start(place.chain, INGEST, NULL);
    chain_wait_ready(place.chain, SOON_MS);
    chain_wait_delivered(place.chain, SOON_MS);
    chain_each_event(place.chain, note_line, seen);
    assert_int_equal(seen->count, 1010);
    close(fd);
    close(udp);
    buf_release(&lines);
    free(seen);
    chain_stop_all(place.chain);
}

/* --- no room --- */

static void
streams_wait_for_room_and_datagrams_are_counted(void **state)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    pid_t sender;
    int fd, udp;

    (void)state;
    chain_set(place.chain, "BONGSU_JOURNAL_MAX_BYTES", "2MiB");
    chain_set(place.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "256KiB");
    chain_start(place.chain, INGEST, NULL);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    sender = start_sender(fd, 0, LINES);
    close(fd);
    wait_number("waits_total", 1);
    udp = syslog_dial(place.udp, SOCK_DGRAM, "127.0.0.1");
    syslog_say(udp, "<13>h a: no 99999999");
    wait_number("dropped_total{reason=\"journal\"}", 1);
    /* there is room now and then, once the others take what there is */
    for (int i = INGEST + 1; i < PROCESSES; i++)
        chain_start(place.chain, (enum process)i, NULL);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    chain_wait_metric(place.chain, INGEST, "bongsu_syslog_messages_total{transport=\"tcp\"}", LINES,
                      SOON_MS * 6);
    chain_wait_delivered(place.chain, SOON_MS * 3);
    chain_each_event(place.chain, note_line, seen);
    assert_int_equal(seen->count, LINES);
    assert_int_equal(seen->highest, LINES - 1);
    close(udp);
    free(seen);
    chain_stop_all(place.chain);
}

/* --- too many, too slow, too long --- */

static void
an_idle_connection_is_asked_to_leave_and_what_it_still_says_is_kept(void **state)
{
    char byte;
    int fd;

    (void)state;
    chain_set(place.chain, "BONGSU_SYSLOG_IDLE_TIMEOUT", "1s");
    chain_start(place.chain, INGEST, NULL);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    syslog_say(fd, "<13>h a: one\n");
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    syslog_say(fd, "<13>h a: two\n");
    close(fd);
    syslog_wait_messages(&place, "tcp", 2);
    assert_true(syslog_number(&place, "left_idle_total") == 1);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

static void
beyond_the_limit_the_longest_idle_leaves_and_others_wait(void **state)
{
    int fds[3];

    (void)state;
    chain_set(place.chain, "BONGSU_SYSLOG_CONNECTIONS", "2");
    chain_start(place.chain, INGEST, NULL);
    for (int i = 0; i < 3; i++)
        fds[i] = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    for (int i = 0; i < 3; i++)
        syslog_say(fds[i], "<13>h a: x\n");
    syslog_wait_messages(&place, "tcp", 2);
    syslog_wait_end(fds[0], SOON_MS);               /* five seconds later */
    close(fds[0]);
    syslog_wait_messages(&place, "tcp", 3);
    assert_int_equal((int)syslog_number(&place, "left_for_room_total"), 1);
    assert_int_equal((int)syslog_number(&place, "connections"), 2);
    close(fds[1]);
    close(fds[2]);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

static void
long_messages_come_in_pieces_and_lengths_that_lie_end_the_connection(void **state)
{
    struct buf line = { 0 };
    int fd;

    (void)state;
    chain_set(place.chain, "BONGSU_SYSLOG_MAX_MESSAGE", "1KiB");
    chain_start(place.chain, INGEST, NULL);
    fd = syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1");
    buf_append_str(&line, "<13>h a: ");
    for (int i = 0; i < 5000; i++)
        buf_append_char(&line, 'x');
    buf_append_char(&line, '\n');
    assert_int_equal(syslog_send(fd, line.ptr, line.len), 0);
    syslog_wait_messages(&place, "tcp", 5);
    assert_true(syslog_number(&place, "split_total") == 5);
    syslog_say(fd, "999999999 <13>x");
    syslog_wait_end(fd, SOON_MS);
    assert_true(syslog_number(&place, "refused_total{reason=\"length\"}") == 1);
    close(fd);
    buf_release(&line);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_says_who_sent_it_and_what_the_header_says),
        TEST(who_is_not_allowed_is_not_heard_and_counted),
        TEST(a_trusted_proxy_names_the_sender),
        TEST(a_proxy_that_lies_is_refused),
        TEST(what_was_committed_before_a_death_is_there_once),
        TEST(what_was_not_committed_leaves_no_half),
        TEST(what_was_sent_before_a_stop_is_there),
        TEST(streams_wait_for_room_and_datagrams_are_counted),
        TEST(an_idle_connection_is_asked_to_leave_and_what_it_still_says_is_kept),
        TEST(beyond_the_limit_the_longest_idle_leaves_and_others_wait),
        TEST(long_messages_come_in_pieces_and_lengths_that_lie_end_the_connection),
    };

    return cmocka_run_group_tests_name("syslog", tests, NULL, NULL);
}
