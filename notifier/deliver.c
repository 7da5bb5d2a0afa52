#include "notifier/notifier.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/fault.h"

enum { FIRST_RETRY_MS = 1000, LAST_RETRY_MS = 300000, MINUTE_MS = 60000,
       DIGEST_GATHER_MS = 2000 };

static int64_t
sent_last_minute(const struct notifier *nt, int64_t now_ms)
{
    int64_t count = 0;

    for (size_t i = 0; i < NOTIFIER_RATE_SLOTS; i++)
        count += nt->sent_ms[i] != 0 && nt->sent_ms[i] > now_ms - MINUTE_MS;
    return count;
}

static int
on_pump_due(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;

    (void)loop, (void)timer;
    nt->pump_at_ms = 0;
    notifier_pump(nt);
    return 0;
}

/* Look again in wait_ms, or earlier if that was planned. */
static void
pump_in(struct notifier *nt, int64_t wait_ms)
{
    int64_t at_ms = clock_steady_ms() + (wait_ms < 1 ? 1 : wait_ms);

    if (nt->pump_at_ms != 0 && nt->pump_at_ms <= at_ms)
        return;
    if (nt->pump_at_ms != 0)
        zloop_timer_end(nt->daemon->loop, nt->pump_timer);
    nt->pump_at_ms = at_ms;
    nt->pump_timer = zloop_timer(nt->daemon->loop, (size_t)(wait_ms < 1 ? 1 : wait_ms), 1,
                                 on_pump_due, nt);
}

void
notifier_release_deliveries(struct notifier *nt)
{
    for (size_t i = 0; i < nt->delivery_count; i++)
        delivery_release(&nt->deliveries[i]);
    nt->delivery_count = 0;
}

/* Full jitter between half and the whole of what doubles with each attempt. */
static int64_t
retry_wait_ms(unsigned attempts, long retry_after_s)
{
    int64_t wait = FIRST_RETRY_MS;

    if (retry_after_s >= 0)
        return (int64_t)retry_after_s * 1000 + 50;
    while (attempts-- > 0 && wait < LAST_RETRY_MS)
        wait *= 2;
    if (wait > LAST_RETRY_MS)
        wait = LAST_RETRY_MS;
    return wait / 2 + (int64_t)randombytes_uniform((uint32_t)(wait / 2 + 1));
}

/* Write down how the attempt ended; that failing too means a repeat, not a loss. */
static void
mark(struct notifier *nt, enum outbox_end end, int64_t wait_ms, const char *why)
{
    int64_t now = clock_real_us();
    struct err err;

    if (outbox_end(nt->outbox, &nt->attempt, end, now, now + wait_ms * 1000, why, &err) != 0) {
        health_set(nt->daemon->health, "outbox", 0, err.text);
        log_error("outbox cannot be written; the message may be told twice", "reason=\"%s\"",
                  err.text);
        /* keep Slack from a storm of repeats while the disk is full */
        nt->is_busy = 0;
        pump_in(nt, LAST_RETRY_MS / 10);
        return;
    }
    health_set(nt->daemon->health, "outbox", 1, NULL);
    fault_point("notifier.after_mark");
}

static void
attempt_ended(struct notifier *nt, enum verdict verdict, const struct http_answer *answer)
{
    unsigned attempts = nt->delivery_count > 0 ? nt->deliveries[0].attempts : 0;
    int64_t now_ms = clock_steady_ms();
    char why[400];

    snprintf(why, sizeof(why), "%ld %.300s", answer->status,
             answer->status == 0 ? answer->error.text
                                 : answer->body.len > 0 ? answer->body.ptr : "");
    if (verdict == VERDICT_SENT) {
        nt->sent_ms[nt->sent_next++ % NOTIFIER_RATE_SLOTS] = now_ms;
        if (nt->attempt.is_digest)
            nt->digest_ms = now_ms;
        ++*(nt->attempt.is_digest ? nt->digests : nt->sent);
        health_set(nt->daemon->health, "slack", 1, NULL);
        mark(nt, OUTBOX_SENT, 0, why);
    } else if (verdict == VERDICT_RETRY) {
        ++*nt->retries;
        health_set(nt->daemon->health, "slack", 0, why);
        log_warn("message not taken, trying again", "answer=\"%s\" attempts=%u", why, attempts + 1);
        mark(nt, OUTBOX_AGAIN, retry_wait_ms(attempts, answer->retry_after_s), why);
    } else {
        ++*nt->failed;
        health_set(nt->daemon->health, "slack", 0, why);
        log_error("message refused for good; see bongsu status", "answer=\"%s\"", why);
        mark(nt, OUTBOX_FAILED, 0, why);
    }
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
    struct notifier *nt = ctx;

    fault_point("notifier.after_send");
    attempt_ended(nt, nt->channel->judge(answer), answer);
    notifier_release_deliveries(nt);
    nt->is_busy = 0;
    pump_in(nt, 1);
}

/* No webhook: the log is the channel, and it always takes the message. */
static void
tell_log(struct notifier *nt, size_t total)
{
    struct http_answer answer = { .status = 200, .retry_after_s = -1 };

    for (size_t i = 0; i < nt->delivery_count; i++)
        log_warn("incident", "what=%s severity=%s rule=\"%s\" summary=\"%s\" id=%s",
                 nt->deliveries[i].what, severity_name(nt->deliveries[i].inc->severity),
                 nt->deliveries[i].inc->rule_title, nt->deliveries[i].inc->summary,
                 nt->deliveries[i].inc->id);
    if (total > nt->delivery_count)
        log_warn("more incidents", "count=%zu", total - nt->delivery_count);
    fault_point("notifier.before_send");
    on_answer(nt, &answer);
}

static void
send_attempt(struct notifier *nt, size_t total)
{
    struct notice notices[OUTBOX_MAX_DUE];
    struct http_call call = { .method = "POST", .url = nt->url,
                              .content_type = "application/json" };
    struct http_answer refused = { .status = 0, .retry_after_s = -1 };
    struct buf body = { 0 };

    nt->is_busy = 1;
    if (nt->url == NULL) {
        tell_log(nt, total);
        return;
    }
    for (size_t i = 0; i < nt->delivery_count; i++)
        notices[i] = (struct notice){ nt->deliveries[i].inc, nt->deliveries[i].what };
    fault_point("notifier.before_send");
    if (nt->channel->write(&body, notices, nt->delivery_count, total,
                           nt->daemon->settings->public_url) != 0)
        err_set(&refused.error, "out of memory");
    call.body = buf_text(&body);
    if (refused.error.text[0] != '\0' ||
        http_client_start(nt->client, &call, on_answer, nt, &refused.error) != 0)
        on_answer(nt, &refused);
    buf_release(&body);
}

/* How long until a message may go: over the rate, what comes is gathered for
 * one digest a minute. 0: now. */
static int64_t
wait_for_rate(const struct notifier *nt, size_t total, int64_t now_ms, int *ret_is_digest)
{
    int64_t over = nt->daemon->settings->slack_digest_over;
    int64_t since_digest = now_ms - nt->digest_ms;

    *ret_is_digest = 0;
    if (sent_last_minute(nt, now_ms) + (int64_t)total <= over)
        return 0;
    if (sent_last_minute(nt, now_ms) < over && (int64_t)total <= over)
        return 0;
    *ret_is_digest = 1;
    return nt->digest_ms == 0 || since_digest >= MINUTE_MS ? 0 : MINUTE_MS - since_digest;
}

static void
plan_next(struct notifier *nt)
{
    int64_t next = outbox_next_due(nt->outbox);

    if (next != INT64_MAX)
        pump_in(nt, (next - clock_real_us()) / 1000 + 1);
}

void
notifier_pump(struct notifier *nt)
{
    size_t total = 0;
    int64_t wait_ms;
    struct err err;

    if (nt->is_busy)
        return;
    if (outbox_due(nt->outbox, clock_real_us(), OUTBOX_MAX_DUE, nt->deliveries,
                   &nt->delivery_count, &total, &nt->attempt, &err) != 0) {
        log_warn_burst(&nt->burst, "outbox cannot be read", "reason=\"%s\"", err.text);
        pump_in(nt, FIRST_RETRY_MS);
        return;
    }
    if (total == 0) {
        plan_next(nt);
        return;
    }
    wait_ms = wait_for_rate(nt, total, clock_steady_ms(), &nt->attempt.is_digest);
    if (wait_ms > 0) {
        notifier_release_deliveries(nt);
        pump_in(nt, wait_ms);
        return;
    }
    if (total == 1)
        nt->attempt.is_digest = 0;
    if (!nt->attempt.is_digest) {
        for (size_t i = 1; i < nt->delivery_count; i++)
            delivery_release(&nt->deliveries[i]);
        nt->delivery_count = 1;
        nt->attempt.last = nt->deliveries[0].number;
        total = 1;
    }
    send_attempt(nt, total);
}
