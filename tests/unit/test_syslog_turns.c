/*
 * Syslog's two turns, when commits take their time and fail now and then: whatever comes
 * of them, each line is in the journal once, and in the order in which it was sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/syslog/syslog.h"
#include "proto/base/timestamp.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_dir.h"

enum { SENDERS = 3, LINES = 30000, HELD = 2, TICK_MS = 1, PATIENCE_TICKS = 120000 };

struct sender {
    int fd;
    struct buf bytes;
    size_t sent;
    unsigned next;              /* number that the journal is to show next */
};

struct place {
    char dir[64];
    zloop_t *loop;
    struct settings settings;
    struct daemon daemon;
    struct journal *journal;
    struct intake *intake;
    struct syslog *syslog;
    char listen[32];
    struct sender senders[SENDERS];
    struct {
        void (*over)(void *turn, enum journal_outcome outcome, const char *reason);
        void *turn;
    } held[HELD];
    size_t held_count;
    uint64_t seed;
    unsigned fail_percent, failures, double_failures, ticks;
};

/* --- commits --- */

static unsigned
dice(struct place *place)
{
    place->seed = place->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(place->seed >> 33) % 100;
}

/* As the journal does it: what a failed commit held is dropped, and what came after. */
static enum journal_outcome
end_commit(struct place *place, int fails)
{
    const struct journal_mark start = { .last = journal_last(place->journal) };
    enum journal_outcome outcome = fails ? JOURNAL_RETRY : JOURNAL_DONE;
    size_t count = place->held_count;
    struct err err = { "" };

    if (fails)
        journal_cancel(place->journal, &start);
    else
        assert_int_equal(journal_commit(place->journal, &err), JOURNAL_DONE);
    place->failures += (unsigned)fails;
    place->double_failures += fails && count == 2;
    place->held_count = 0;
    for (size_t i = 0; i < count; i++)
        place->held[i].over(place->held[i].turn, outcome, "the test says so");
    return outcome;
}

/* By the dice; but the first alone and the first two together fail in any case. */
static int
will_fail(struct place *place)
{
    if (place->fail_percent == 0)
        return 0;
    if (place->held_count == 2 ? place->double_failures == 0
                               : place->failures == place->double_failures)
        return 1;
    return dice(place) < place->fail_percent;
}

static enum journal_outcome
commit(void *self, struct err *err)
{
    (void)err;
    return end_commit(self, 0);
}

/* Held until the next tick, or the next but one. */
static void
commit_then(void *self, void (*over)(void *turn, enum journal_outcome outcome,
                                     const char *reason), void *turn)
{
    struct place *place = self;

    assert_in_range(place->held_count, 0, HELD - 1);
    place->held[place->held_count].over = over;
    place->held[place->held_count++].turn = turn;
    if (dice(place) < 10)
        end_commit(place, will_fail(place));
}

/* --- senders --- */

static void
make_lines(struct sender *sender, unsigned number, int is_counted)
{
    char line[96];
    int len;

    for (unsigned n = 0; n < LINES; n++) {
        len = snprintf(line, sizeof(line), "<13>h app: sender %u line %u%s", number, n,
                       n % 7 == 0 ? " with a longer end than the others have" : "");
        assert_int_equal(is_counted ? buf_printf(&sender->bytes, "%d %s", len, line)
                                    : buf_printf(&sender->bytes, "%s\n", line), 0);
    }
}

static void
dial(struct place *place, struct sender *sender)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    addr.sin_port = htons((uint16_t)strtoul(strrchr(place->listen, ':') + 1, NULL, 10));
    sender->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(sender->fd >= 0);
    assert_int_equal(connect(sender->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    fcntl(sender->fd, F_SETFL, O_NONBLOCK);
}

/* Some of what is left, of any length. */
static void
send_some(struct place *place, struct sender *sender)
{
    size_t len = sender->bytes.len - sender->sent, most = 1 + dice(place) * 500;
    ssize_t sent;

    if (sender->fd < 0)
        return;
    sent = send(sender->fd, sender->bytes.ptr + sender->sent, len < most ? len : most,
                MSG_NOSIGNAL);
    if (sent > 0)
        sender->sent += (size_t)sent;
    else
        assert_int_equal(errno, EAGAIN);
    if (sender->sent == sender->bytes.len) {
        close(sender->fd);
        sender->fd = -1;
    }
}

static uint64_t
count_messages(struct place *place)
{
    return *metrics_number(place->daemon.metrics, METRIC_COUNTER, "bongsu_syslog_messages_total",
                           "transport=\"tcp\"", "");
}

/* Two must once have been held at a time. */
static int
waits_for_another(const struct place *place)
{
    return place->fail_percent > 0 && place->double_failures == 0 && place->held_count == 1 &&
           place->ticks % 512 != 0;
}

static int
on_tick(zloop_t *loop, int timer, void *self)
{
    struct place *place = self;

    (void)loop, (void)timer;
    for (int i = 0; i < SENDERS; i++)
        send_some(place, &place->senders[i]);
    if (place->held_count > 0 && dice(place) < 25 && !waits_for_another(place))
        end_commit(place, will_fail(place));
    assert_true(++place->ticks < PATIENCE_TICKS);
    return count_messages(place) == SENDERS * LINES ? -1 : 0;
}

/* --- the place --- */

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct journal_options options = { .segment_bytes = 1 << 26, .max_bytes = 1 << 30,
                                       .slots = 1 };
    struct syslog_spec spec = { .commit = commit, .commit_then = commit_then, .self = place };
    struct err err = { "" };
    int code;

    assert_non_null(place);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    options.dir = place->dir;
    setenv("TZ", "UTC", 1);
    assert_int_equal(timestamp_init(&err), 0);
    place->seed = 7;
    place->loop = zloop_new();
    place->journal = journal_open(&options, INT64_C(1800000000000000), &err);
    assert_non_null(place->journal);
    snprintf(place->listen, sizeof(place->listen), "127.0.0.1:%d", free_port());
    place->settings = (struct settings){ .syslog_listen_tcp = place->listen,
                                         .syslog_max_message = 4096, .syslog_connections = 16 };
    place->daemon = (struct daemon){ .loop = place->loop, .settings = &place->settings,
                                     .metrics = metrics_new() };
    place->intake = intake_new(place->journal, place->daemon.metrics);
    spec.intake = place->intake;
    place->syslog = syslog_new(&place->daemon, &spec, &code, &err);
    assert_non_null(place->syslog);
    for (int i = 0; i < SENDERS; i++) {
        make_lines(&place->senders[i], (unsigned)i, i % 2);
        dial(place, &place->senders[i]);
    }
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    syslog_destroy(&place->syslog);
    for (int i = 0; i < SENDERS; i++) {
        if (place->senders[i].fd >= 0)
            close(place->senders[i].fd);
        buf_release(&place->senders[i].bytes);
    }
    intake_destroy(&place->intake);
    journal_close(&place->journal);
    metrics_destroy(&place->daemon.metrics);
    zloop_destroy(&place->loop);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

static void
check_event(struct place *place, const struct event *ev)
{
    struct text raw = value_get_text(&ev->known[EVENT_RAW_LOG]);
    char copy[128];
    unsigned sender, line;

    assert_in_range(raw.len, 1, sizeof(copy) - 1);
    memcpy(copy, raw.ptr, raw.len);
    copy[raw.len] = '\0';
    assert_int_equal(sscanf(copy, "<13>h app: sender %u line %u", &sender, &line), 2);
    assert_in_range(sender, 0, SENDERS - 1);
    assert_int_equal(line, place->senders[sender].next);
    place->senders[sender].next++;
}

static void
check_journal(struct place *place)
{
    struct batch_head head = { 0 };
    struct event event = { 0 };
    uint64_t after = 0;
    struct text body;
    struct err err;

    while (journal_next(place->journal, after, &head, &body, &err) == 1) {
        struct batch_reader reader;

        assert_int_equal(batch_reader_init(&reader, &head, body.ptr, body.len, &err), 0);
        while (batch_reader_next(&reader, &event, &err) == 1)
            check_event(place, &event);
        batch_reader_release(&reader);
        after = head.first;
    }
    event_release(&event);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(place->senders[i].next, LINES);
}

static void
run(struct place *place, unsigned fail_percent)
{
    place->fail_percent = fail_percent;
    assert_true(zloop_timer(place->loop, TICK_MS, 0, on_tick, place) >= 0);
    zloop_start(place->loop);
    check_journal(place);
}

/* --- tests --- */

static void
every_line_is_there_once_and_in_order(void **state)
{
    run(*state, 0);
}

static void
commits_that_fail_lose_and_repeat_nothing(void **state)
{
    struct place *place = *state;

    run(place, 30);
    assert_true(place->failures > place->double_failures && place->double_failures > 0);
    assert_int_equal(*metrics_number(place->daemon.metrics, METRIC_COUNTER,
                                     "bongsu_ingest_events_accepted_total", "", ""),
                     SENDERS * LINES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_line_is_there_once_and_in_order),
        TEST(commits_that_fail_lose_and_repeat_nothing),
    };

    return cmocka_run_group_tests_name("syslog_turns", tests, NULL, NULL);
}
