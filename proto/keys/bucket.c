#include "proto/keys/bucket.h"

/* Debts end here: nobody is to wait for longer than BUCKET_MAX_WAIT_S. */
static int64_t
lowest(const struct bucket *bucket)
{
    return -bucket->rate * BUCKET_MAX_WAIT_S * 1000;
}

void
bucket_set_rate(struct bucket *bucket, int64_t rate, int64_t now_ms)
{
    if (bucket->rate == rate)
        return;
    *bucket = (struct bucket){ .rate = rate, .tokens = rate * 1000, .at_ms = now_ms };
}

/* A whole hour fills any bucket, so that no product overflows. */
static void
refill(struct bucket *bucket, int64_t now_ms)
{
    int64_t full = bucket->rate * 1000, passed_ms = now_ms - bucket->at_ms;

    if (passed_ms > (BUCKET_MAX_WAIT_S + 1) * INT64_C(1000))
        bucket->tokens = full;
    else if (passed_ms > 0)
        bucket->tokens += passed_ms * bucket->rate;
    if (bucket->tokens > full)
        bucket->tokens = full;
    bucket->at_ms = now_ms;
}

int64_t
bucket_wait_s(struct bucket *bucket, int64_t now_ms)
{
    int64_t second = bucket->rate * 1000, wait_s;

    if (bucket->rate == 0)
        return 0;
    refill(bucket, now_ms);
    if (bucket->tokens > 0)
        return 0;
    wait_s = (second - 1 - bucket->tokens) / second;
    return wait_s < 1 ? 1 : wait_s > BUCKET_MAX_WAIT_S ? BUCKET_MAX_WAIT_S : wait_s;
}

void
bucket_take(struct bucket *bucket, int64_t amount)
{
    if (bucket->rate == 0)
        return;
    if (amount > (bucket->tokens - lowest(bucket)) / 1000)
        bucket->tokens = lowest(bucket);
    else
        bucket->tokens -= amount * 1000;
}
