#include "detector/sources/sources_inner.h"

#define PERIOD (10 * SOURCE_MINUTE)
/* Lags so close to the first one are the same: all of them within a minute. */
#define NEAR (30 * SOURCE_SECOND)
#define MOST_BEHIND (120 * SOURCE_SECOND)
#define MOST_AHEAD (-5 * SOURCE_SECOND)

enum { LEAST_EVENTS = 20 };

/* An event without a time of its own has that of its request, which is no
 * earlier than its row's and no second later. */
static int
has_our_time(int64_t lag_us)
{
    return lag_us <= 0 && lag_us > -SOURCE_SECOND;
}

/* Nine of ten events have the same lag, up to now: not a backlog, whose lag
 * shrinks, nor an old file, whose lines come at once. */
static int
is_constant(const struct source_lag *lag)
{
    return lag->timed >= LEAST_EVENTS && lag->near >= lag->timed - lag->timed / 10 &&
           lag->near_us - lag->begun_us >= PERIOD;
}

/* Delays only make a lag larger: the least one is nearest to what the clock
 * says, and where it is normal the clock is right. */
static void
judge_clock(struct source *source)
{
    const struct source_lag *lag = &source->lag;
    int64_t mean_us = lag->near == 0 ? 0 : lag->base_us + lag->sum_us / lag->near;

    if (is_constant(lag) && (mean_us > MOST_BEHIND || mean_us < MOST_AHEAD))
        source->skew_us = mean_us;
    else if (lag->timed == 0 ||
             (lag->least_us >= MOST_AHEAD && lag->least_us <= MOST_BEHIND))
        source->skew_us = 0;
}

static void
take_timed(struct source_lag *lag, int64_t awake_us, int64_t lag_us)
{
    if (lag->timed == 0)
        *lag = (struct source_lag){ .begun_us = awake_us, .base_us = lag_us,
                                    .least_us = lag_us };
    if (lag_us < lag->least_us)
        lag->least_us = lag_us;
    if (lag_us - lag->base_us <= NEAR && lag_us - lag->base_us >= -NEAR) {
        lag->sum_us += lag_us - lag->base_us;
        lag->near++;
        lag->near_us = awake_us;
    }
    lag->timed++;
    lag->untimed = 0;
}

/* Beside events with a time of their own, those without say nothing; but when
 * there are only such, there is no clock that could be wrong. */
static void
take_untimed(struct source_lag *lag, int64_t awake_us)
{
    if (lag->timed > 0 && lag->untimed == LEAST_EVENTS)
        *lag = (struct source_lag){ 0 };
    if (lag->timed == 0 && lag->untimed == 0)
        lag->begun_us = awake_us;
    lag->untimed += lag->untimed < LEAST_EVENTS;
}

void
source_note_lag(struct source *source, int64_t awake_us, int64_t lag_us)
{
    struct source_lag *lag = &source->lag;

    if (has_our_time(lag_us))
        take_untimed(lag, awake_us);
    else
        take_timed(lag, awake_us, lag_us);
    if (awake_us - lag->begun_us < PERIOD ||
        (lag->timed > 0 ? lag->timed : lag->untimed) < LEAST_EVENTS)
        return;
    judge_clock(source);
    *lag = (struct source_lag){ 0 };
}
