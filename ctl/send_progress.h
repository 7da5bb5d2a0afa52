/*
 * send_progress.h - the bar on standard error while files are sent
 */
#ifndef CTL_SEND_PROGRESS_H
#define CTL_SEND_PROGRESS_H

#include <stdint.h>

#include "ctl/send_tally.h"

struct progress {
    int is_shown;               /* 0: every function does nothing */
    uint64_t total_bytes;       /* 0: unknown (a pipe) */
    int64_t began_ms, drawn_ms;
};

/* The bar as text, without line end: "[#####.....] 52 %  1.2 MiB  ..." */
void progress_format(const struct progress *progress, const struct tally *tally,
                     int64_t now_ms, char *out, size_t size);

/* Draw, at most ten times a second. */
void progress_draw(struct progress *progress, const struct tally *tally, int64_t now_ms);

/* Wipe the bar's line, so that something else can be written. */
void progress_wipe(struct progress *progress);

#endif
