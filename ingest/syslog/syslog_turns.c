#include "ingest/syslog/syslog.h"

#include <string.h>

#include "ingest/syslog/syslog_inner.h"
#include "proto/base/clock.h"

enum {
    SOON_MS = 1, FULL_MS = 250,
    WORTH_BYTES = 64 * 1024             /* less room in the turn is not worth a read */
};

static int on_soon(zloop_t *loop, int timer, void *self);

/* --- waiting --- */

static void
come_back(struct syslog *syslog, int delay_ms)
{
    if (syslog->soon < 0 && !syslog->is_stopped)
        syslog->soon = zloop_timer(syslog->daemon->loop, (size_t)delay_ms, 1, on_soon, syslog);
}

void
syslog_stop_reading(struct syslog *syslog)
{
    if (syslog->is_polled)
        zloop_poller_end(syslog->daemon->loop, &syslog->poll);
    syslog->is_polled = 0;
}

int
syslog_start_reading(struct syslog *syslog)
{
    if (!syslog->is_polled && !syslog->is_stopped && syslog->epoll_fd >= 0 &&
        zloop_poller(syslog->daemon->loop, &syslog->poll, syslog_on_ready, syslog) == 0)
        syslog->is_polled = 1;
    return syslog->is_polled ? 0 : -1;
}

/* Senders feel it: their kernels have nowhere to put what they write. */
static void
wait_for_room(struct syslog *syslog, const struct err *why)
{
    if (!syslog->is_full)
        ++*syslog->numbers.waits;
    syslog->is_full = 1;
    syslog->why = *why;
    log_warn_burst(&syslog->wait_burst, "syslog waits", "reason=\"%s\"", why->text);
    syslog_stop_reading(syslog);
    come_back(syslog, FULL_MS);
}

/* --- the turn --- */

int
syslog_has_room(const struct syslog_turn *turn, const struct syslog_connection *conn)
{
    return turn->count == 0 ||
           (turn->count < SYSLOG_TURN_SHARES &&
            turn->used + conn->rest.len + WORTH_BYTES <= SYSLOG_TURN_BYTES);
}

int
syslog_begin_turn(struct syslog *syslog)
{
    const int handed = syslog->turns[0].is_handed + syslog->turns[1].is_handed;

    syslog->turn = NULL;
    if (handed == 0 || (handed == 1 && !syslog->is_careful))
        syslog->turn = &syslog->turns[syslog->turns[0].is_handed];
    if (syslog->turn == NULL) {
        syslog_stop_reading(syslog);           /* until one is settled */
        return 0;
    }
    intake_set_time(syslog->spec.intake, clock_real_us());
    return 1;
}

static void
clear_turn(struct syslog_turn *turn)
{
    turn->used = turn->count = turn->taken = 0;
    turn->is_handed = turn->has_failed = 0;
    memset(&turn->kept, 0, sizeof(turn->kept));
    memset(turn->messages, 0, sizeof(turn->messages));
    turn->stop = JOURNAL_DONE;
}

/* What is not on disk is kept for the next turn. Returns 1 when somebody waits. */
static int
settle(struct syslog_turn *turn, int is_stored)
{
    struct syslog *syslog = turn->syslog;
    int is_waiting = 0;

    if (is_stored)
        syslog_count(syslog, turn);
    else
        ++*syslog->numbers.commit_failures;
    for (size_t i = 0; i < turn->count; i++)
        is_waiting |= syslog_connection_settle(syslog, turn, &turn->shares[i], is_stored);
    clear_turn(turn);
    return is_waiting;
}

static void
settle_failed(struct syslog_turn *turn, enum journal_outcome outcome, const char *reason)
{
    struct syslog *syslog = turn->syslog;
    struct syslog_turn *other = &syslog->turns[turn == &syslog->turns[0]];
    struct err why;

    if (other->is_handed && !other->has_failed) {
        turn->has_failed = 1;           /* the other one's came after, and fails too */
        return;
    }
    syslog->is_careful = 1;
    settle(turn, 0);
    if (other->has_failed)
        settle(other, 0);
    err_set(&why, "%s", reason);
    if (outcome == JOURNAL_UNCLEAR)
        syslog_stop(syslog);
    else
        wait_for_room(syslog, &why);
}

/* A turn's commit is over. */
static void
on_over(void *self, enum journal_outcome outcome, const char *reason)
{
    struct syslog_turn *turn = self;
    struct syslog *syslog = turn->syslog;
    const enum journal_outcome stop = turn->stop;
    const struct err why = turn->why;

    if (outcome != JOURNAL_DONE) {
        settle_failed(turn, outcome, reason);
        return;
    }
    syslog->is_careful = 0;
    if (settle(turn, 1))
        come_back(syslog, SOON_MS);
    if (stop != JOURNAL_DONE && stop != JOURNAL_TURN_FULL)
        wait_for_room(syslog, &why);
    else if (!syslog->is_full)
        syslog_start_reading(syslog);
}

void
syslog_end_turn(struct syslog *syslog)
{
    struct syslog_turn *turn = syslog->turn;

    syslog->turn = NULL;
    if (turn->count == 0)
        return;
    turn->is_handed = 1;
    syslog->spec.commit_then(syslog->spec.self, on_over, turn);
}

static int
on_soon(zloop_t *loop, int timer, void *self)
{
    struct syslog *syslog = self;
    struct syslog_connection *next;

    (void)loop, (void)timer;
    syslog->soon = -1;
    if (syslog->is_stopped)
        return 0;
    if (syslog->is_full &&
        journal_check(intake_journal(syslog->spec.intake), &syslog->why) != JOURNAL_DONE) {
        come_back(syslog, FULL_MS);
        return 0;
    }
    syslog->is_full = 0;
    if (syslog_start_reading(syslog) != 0)
        come_back(syslog, FULL_MS);
    if (!syslog_begin_turn(syslog))
        return 0;
    for (struct syslog_connection *conn = syslog->connections; conn != NULL; conn = next) {
        next = conn->next;
        if (!conn->is_waiting)
            continue;
        if (!syslog_has_room(syslog->turn, conn)) {
            come_back(syslog, SOON_MS);
            break;
        }
        syslog_connection_work(syslog, conn);
    }
    syslog_end_turn(syslog);
    return 0;
}
