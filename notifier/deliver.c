#include "notifier/notifier.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/fault.h"

enum { FIRST_RETRY_MS = 1000, LAST_RETRY_MS = 300000, MINUTE_MS = 60000,
       MARK_AGAIN_MS = 2000 };

static int64_t
sent_last_minute(const struct notifier *nt, int64_t now_ms)
{
    int64_t count = 0, second = now_ms / 1000;

    for (size_t i = 0; i < NOTIFIER_RATE_SECONDS; i++)
        if (nt->rate[i].second > second - NOTIFIER_RATE_SECONDS)
            count += nt->rate[i].sent;
    return count;
}

static void
count_sent(struct notifier *nt, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    size_t i = (size_t)(second % NOTIFIER_RATE_SECONDS);

    if (nt->rate[i].second != second) {
        nt->rate[i].second = second;
        nt->rate[i].sent = 0;
    }
    nt->rate[i].sent++;
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

static void mark(struct notifier *nt);

static int
on_mark_due(zloop_t *loop, int timer, void *self)
{
    (void)loop, (void)timer;
    mark(self);
    return 0;
}

/* Write down how the attempt ended. Until that is done nothing else is sent:
 * a full disk must not make a storm of repeats. */
static void
mark(struct notifier *nt)
{
    int64_t now = clock_real_us();
    struct err err;

    if (outbox_end(nt->outbox, &nt->attempt, nt->end, now, now + nt->end_wait_ms * 1000,
                   nt->end_why, &err) != 0) {
        ++*nt->outbox_failures;
        health_set(nt->daemon->health, "outbox", 0, err.text);
        log_warn_burst(&nt->burst, "outbox cannot be written, trying again", "reason=\"%s\"",
                       err.text);
        zloop_timer(nt->daemon->loop, MARK_AGAIN_MS, 1, on_mark_due, nt);
        return;
    }
    health_set(nt->daemon->health, "outbox", 1, NULL);
    fault_point("notifier.after_mark");
    notifier_release_deliveries(nt);
    nt->is_busy = 0;
    pump_in(nt, 1);
}

static void
was_sent(struct notifier *nt, int64_t now_ms)
{
    count_sent(nt, now_ms);
    if (nt->is_over_rate)
        nt->digest_ms = now_ms;
    ++*(nt->attempt.is_digest ? nt->digests : nt->sent);
    nt->failures = 0;
    nt->end = OUTBOX_SENT;
    nt->end_wait_ms = 0;
    health_set(nt->daemon->health, "slack", 1, NULL);
}

/* The message waits by its own attempts, so that one that never passes comes
 * ever more seldom; the channel by its failures in a row, or as it says. */
static void
was_put_off(struct notifier *nt, const struct http_answer *answer, int64_t now_ms)
{
    unsigned attempts = nt->delivery_count > 0 ? nt->deliveries[0].attempts : 0;

    ++*nt->retries;
    nt->end = OUTBOX_AGAIN;
    nt->end_wait_ms = retry_wait_ms(attempts, answer->retry_after_s);
    nt->hold_until_ms = now_ms + (answer->retry_after_s >= 0
                                      ? nt->end_wait_ms
                                      : retry_wait_ms(nt->failures, -1));
    nt->failures++;
    health_set(nt->daemon->health, "slack", 0, nt->end_why);
    log_warn("message not taken, trying again", "answer=\"%s\" attempts=%u", nt->end_why,
             attempts + 1);
}

static void
was_refused(struct notifier *nt)
{
    ++*nt->failed;
    nt->failures = 0;
    nt->end = OUTBOX_FAILED;
    nt->end_wait_ms = 0;
    health_set(nt->daemon->health, "slack", 0, nt->end_why);
    log_error("message refused for good; see bongsu status", "answer=\"%s\"", nt->end_why);
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
    struct notifier *nt = ctx;
    int64_t now_ms = clock_steady_ms();

    fault_point("notifier.after_send");
    snprintf(nt->end_why, sizeof(nt->end_why), "%ld %.300s", answer->status,
             answer->status == 0 ? answer->error.text
                                 : answer->body.len > 0 ? answer->body.ptr : "");
    switch (nt->channel->judge(answer)) {
    case VERDICT_SENT:
        was_sent(nt, now_ms);
        break;
    case VERDICT_RETRY:
        was_put_off(nt, answer, now_ms);
        break;
    case VERDICT_FAILED:
        was_refused(nt);
        break;
    }
    mark(nt);
}

/* No webhook: the log is the channel, and it always takes the message. */
static void
tell_log(struct notifier *nt, size_t total)
{
    struct http_answer answer = { .status = 200, .retry_after_s = -1 };

    fault_point("notifier.before_send");
    if (nt->deliveries[0].note != NULL)
        log_info("report", "title=\"%s\" summary=\"%s\"", nt->deliveries[0].note->title,
                 nt->deliveries[0].note->line_count > 0 ? nt->deliveries[0].note->lines[0] : "");
    for (size_t i = 0; i < nt->delivery_count && nt->deliveries[i].inc != NULL; i++)
        log_warn("incident", "what=%s severity=%s rule=\"%s\" summary=\"%s\" id=%s",
                 nt->deliveries[i].what, severity_name(nt->deliveries[i].inc->severity),
                 nt->deliveries[i].inc->rule_title, nt->deliveries[i].inc->summary,
                 nt->deliveries[i].inc->id);
    if (total > nt->delivery_count)
        log_warn("more incidents", "count=%zu", total - nt->delivery_count);
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
        notices[i] = (struct notice){ nt->deliveries[i].inc, nt->deliveries[i].what,
                                       nt->deliveries[i].note };
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
 * one message a minute. 0: now. */
static int64_t
wait_for_rate(const struct notifier *nt, size_t total, int64_t now_ms, int *ret_is_over)
{
    int64_t over = nt->daemon->settings->slack_digest_over;
    int64_t sent = sent_last_minute(nt, now_ms), since_digest = now_ms - nt->digest_ms;
    int is_gathering = nt->digest_ms != 0 && since_digest < MINUTE_MS;

    *ret_is_over = is_gathering || sent >= over || (int64_t)total > over;
    return is_gathering ? MINUTE_MS - since_digest : 0;
}

static void
plan_next(struct notifier *nt)
{
    int64_t now = clock_real_us(), next = outbox_next_due(nt->outbox, now);

    if (next != INT64_MAX)
        pump_in(nt, (next - now) / 1000 + 1);
}

/* What is due into the attempt: how many, 0 when nothing may go now. */
static size_t
choose(struct notifier *nt)
{
    int64_t now_ms = clock_steady_ms(), wait_ms;
    size_t total = 0;
    struct err err;

    if (outbox_due(nt->outbox, clock_real_us(), OUTBOX_MAX_DUE, nt->deliveries,
                   &nt->delivery_count, &total, &nt->attempt, &err) != 0) {
        log_warn_burst(&nt->burst, "outbox cannot be read", "reason=\"%s\"", err.text);
        pump_in(nt, FIRST_RETRY_MS);
        return 0;
    }
    *nt->broken = outbox_broken(nt->outbox);
    if (total == 0) {
        plan_next(nt);
        return 0;
    }
    wait_ms = wait_for_rate(nt, total, now_ms, &nt->is_over_rate);
    if (wait_ms > 0) {
        notifier_release_deliveries(nt);
        pump_in(nt, wait_ms);
        return 0;
    }
    /* a report, which comes first, goes by itself */
    nt->attempt.is_digest = nt->is_over_rate && total > 1 && nt->deliveries[0].note == NULL;
    if (nt->attempt.is_digest)
        return total;
    for (size_t i = 1; i < nt->delivery_count; i++)
        delivery_release(&nt->deliveries[i]);
    nt->delivery_count = 1;
    nt->attempt.last = nt->deliveries[0].number;
    return 1;
}

void
notifier_pump(struct notifier *nt)
{
    int64_t hold_ms = nt->hold_until_ms - clock_steady_ms();
    size_t total;

    if (nt->is_busy)
        return;
    if (hold_ms > 0) {
        pump_in(nt, hold_ms);
        return;
    }
    total = choose(nt);
    if (total > 0)
        send_attempt(nt, total);
}
