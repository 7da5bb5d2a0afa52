/*
 * Who is slow. A head must be there so many seconds after its first byte (TLS's
 * handshake counts as one), a body so many after its head, and bodies and answers must
 * come and go at a least rate. Who does not keep to that is hung up, with a 408 where
 * that can still be said. Looked at twice a second; the requests themselves only mark
 * what they wait for, which costs nothing.
 *
 * Nor does one stay who has closed his side and whose request is not whole, or who has
 * his answer: libmicrohttpd 0.9.75 does not see an end that comes with the last bytes.
 *
 * The clock here stands still while the process does: time that we did not look at
 * the sockets is not held against those who had sent.
 */
#include "proto/server/http_server_parts.h"

#include <sys/socket.h>

#include "proto/base/clock.h"
#include "proto/server/socket_progress.h"

enum {
    LOOK_MS = 500,
    RATE_AFTER_MS = 5000,                   /* the beginning of a transfer says little */
    GONE_LOOKS = 2
};

static const char too_slow[] = "HTTP/1.1 408 Request Timeout\r\n"
                               "Connection: close\r\nContent-Length: 0\r\n\r\n";

void
http_pace_mark(struct http_connection *one, enum http_phase phase)
{
    if (one == NULL || (phase == PHASE_HEAD && one->phase == PHASE_HEAD))
        return;                             /* the head had begun before its first line was whole */
    one->phase = phase;
    one->has_base = one->ended_looks = 0;
}

static void
hang_up(struct http_server *server, struct http_connection *one, enum http_slow why)
{
    int is_waited_for = one->phase == PHASE_HEAD || one->phase == PHASE_BODY;

    ++*server->pace.slow[why];
    /* it goes out as it is: nothing else was sent since the last answer */
    if (is_waited_for && one->lease == NULL)
        (void)!send(one->fd, too_slow, sizeof(too_slow) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    http_crowd_hang_up(&server->crowd, one);
}

static int
is_below_rate(const struct http_pace *pace, uint64_t bytes, int64_t passed_ms)
{
    return passed_ms >= RATE_AFTER_MS && pace->min_rate > 0 &&
           bytes < pace->min_rate * (uint64_t)passed_ms / 1000;
}

static int
is_over(int64_t limit_ms, int64_t passed_ms)
{
    return limit_ms > 0 && passed_ms > limit_ms;
}

/* Why it is too slow, or SLOW_COUNT. */
static enum http_slow
judge(const struct http_pace *pace, const struct http_connection *one,
      const struct socket_progress *progress)
{
    int64_t passed_ms = pace->clock_ms - one->since_ms;

    if (one->ended_looks >= GONE_LOOKS && one->phase != PHASE_ANSWER)
        return SLOW_GONE;
    if (one->phase == PHASE_HEAD && is_over(pace->head_ms, passed_ms))
        return SLOW_HEAD;
    if (one->phase == PHASE_BODY && is_over(pace->body_ms, passed_ms))
        return SLOW_BODY;
    if (one->phase == PHASE_BODY && is_below_rate(pace, progress->received - one->base, passed_ms))
        return SLOW_RATE;
    if (one->phase == PHASE_ANSWER && is_below_rate(pace, progress->acked - one->base, passed_ms))
        return SLOW_ANSWER;
    return SLOW_COUNT;
}

static void
look_at(struct http_server *server, struct http_connection *one)
{
    struct http_pace *pace = &server->pace;
    struct socket_progress progress;
    enum http_slow why;

    if (one->is_leaving || one->phase == PHASE_WORK ||
        socket_progress(one->fd, &progress) != 0)
        return;
    one->ended_looks = progress.is_ended ? one->ended_looks + 1 : 0;
    if (!one->has_base) {
        one->has_base = 1;
        one->since_ms = pace->clock_ms;
        one->base = one->phase == PHASE_ANSWER ? progress.acked : progress.received;
    } else if (one->phase == PHASE_IDLE && progress.received != one->base) {
        one->phase = PHASE_HEAD;
        one->since_ms = pace->clock_ms;
    } else if ((why = judge(pace, one, &progress)) != SLOW_COUNT) {
        hang_up(server, one, why);
    }
}

static int
on_look(zloop_t *loop, int timer, void *self)
{
    struct http_server *server = self;
    struct http_pace *pace = &server->pace;
    int64_t now_ms = clock_steady_ms(), passed_ms = now_ms - pace->looked_ms;

    (void)loop, (void)timer;
    pace->looked_ms = now_ms;
    pace->clock_ms += passed_ms < 2 * LOOK_MS ? passed_ms : 2 * LOOK_MS;
    for (struct http_connection *one = server->crowd.all, *next; one != NULL; one = next) {
        next = one->all_next;
        look_at(server, one);
    }
    return 0;
}

int
http_pace_start(struct http_server *server, const struct http_options *options,
                struct metrics *metrics)
{
    static const char *const labels[SLOW_COUNT] = {
        [SLOW_HEAD] = "reason=\"head\"", [SLOW_BODY] = "reason=\"body\"",
        [SLOW_GONE] = "reason=\"gone\"",
        [SLOW_RATE] = "reason=\"rate\"", [SLOW_ANSWER] = "reason=\"answer\"",
    };

    server->pace = (struct http_pace){ .head_ms = options->head_timeout_ms,
                                       .body_ms = options->body_timeout_ms,
                                       .min_rate = options->min_rate,
                                       .looked_ms = clock_steady_ms(), .timer = -1 };
    for (int why = 0; why < SLOW_COUNT; why++)
        server->pace.slow[why] = metrics_number(metrics, METRIC_COUNTER, "bongsu_http_slow_total",
                                                labels[why],
                                                "HTTP connections hung up for being too slow");
    if (options->head_timeout_ms + options->body_timeout_ms == 0 && options->min_rate == 0)
        return 0;
    server->pace.timer = zloop_timer(server->loop, LOOK_MS, 0, on_look, server);
    return server->pace.timer < 0 ? -1 : 0;
}

void
http_pace_end(struct http_server *server)
{
    if (server->pace.timer >= 0)
        zloop_timer_end(server->loop, server->pace.timer);
    server->pace.timer = -1;
}

void
http_options_pace(struct http_options *options, const struct settings *settings)
{
    options->head_timeout_ms = settings->http_header_timeout_ms;
    options->body_timeout_ms = settings->http_body_timeout_ms;
    options->min_rate = (uint64_t)settings->http_min_rate;
    options->max_per_address = (unsigned)settings->http_max_per_address;
}
