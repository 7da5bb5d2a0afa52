#include "detector/commit_pace.h"

void
commit_pace_note(struct commit_pace *pace, int64_t began_us, int64_t ended_us)
{
    pace->took_us = ended_us > began_us ? ended_us - began_us : 0;
    pace->ended_us = ended_us;
}

/* What has passed since the last commit counts: a lone incident after a quiet
 * time does not wait for the cost of a commit long ago. */
int64_t
commit_pace_wait_ms(const struct commit_pace *pace, int64_t now_us)
{
    int64_t pause_us = pace->took_us < INT64_C(1000) * COMMIT_LATEST_MS
                       ? pace->took_us * COMMIT_SHARE : INT64_C(1000) * COMMIT_LATEST_MS;
    int64_t passed_us = now_us > pace->ended_us ? now_us - pace->ended_us : 0;
    int64_t wait_ms = (pause_us - passed_us + 999) / 1000;

    if (wait_ms > COMMIT_LATEST_MS)
        return COMMIT_LATEST_MS;
    return wait_ms < COMMIT_SOON_MS ? COMMIT_SOON_MS : wait_ms;
}

int
commit_pace_is_full(const struct commit_pace *pace, size_t changed, int64_t now_us)
{
    return changed >= COMMIT_MANY_ROWS &&
           now_us - pace->ended_us >= pace->took_us * COMMIT_PART_SHARE;
}
