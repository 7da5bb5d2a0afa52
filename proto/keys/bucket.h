/*
 * bucket.h - so many a second, by a token bucket that may go into debt
 *
 * It holds what one second brings. Something is let in while the bucket is not in
 * debt, and is paid for when its size is known; a batch larger than a second's
 * is so let in once, and the debt waited off. Knows no clock.
 */
#ifndef PROTO_KEYS_BUCKET_H
#define PROTO_KEYS_BUCKET_H

#include <stdint.h>

struct bucket {
    int64_t rate;               /* a second; 0: no limit */
    int64_t tokens;             /* thousandths; below 0: debt */
    int64_t at_ms;              /* when that was so */
};

enum { BUCKET_MAX_WAIT_S = 3600 };

#define BUCKET_MAX_RATE INT64_C(1000000000000)

/* Set the rate (at most BUCKET_MAX_RATE); another one than before starts full. */
void bucket_set_rate(struct bucket *bucket, int64_t rate, int64_t now_ms);

/* 0 when something may come in now, else the seconds (1 to BUCKET_MAX_WAIT_S) until
 * the debt is paid. now_ms never falls. */
int64_t bucket_wait_s(struct bucket *bucket, int64_t now_ms);

/* Pay for what came in. */
void bucket_take(struct bucket *bucket, int64_t amount);

#endif
