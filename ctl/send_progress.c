#include "ctl/send_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BAR_CELLS = 24, DRAW_EVERY_MS = 100, LINE_LEN = 160 };

static void
format_bar(uint64_t done, uint64_t total, char *out, size_t size)
{
    char cells[BAR_CELLS + 1];
    uint64_t percent = done >= total ? 100 : done * 100 / total;
    size_t filled = (size_t)percent * BAR_CELLS / 100;

    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', filled);
    cells[BAR_CELLS] = '\0';
    snprintf(out, size, "[%s] %3" PRIu64 " %%  ", cells, percent);
}

void
progress_format(const struct progress *progress, const struct tally *tally,
                int64_t now_ms, char *out, size_t size)
{
    int64_t spent_ms = now_ms > progress->began_ms ? now_ms - progress->began_ms : 1;
    double rate = (double)tally->lines * 1000 / (double)spent_ms;
    char bar[BAR_CELLS + 32] = "", left[32] = "";

    if (progress->total_bytes > 0)
        format_bar(tally->bytes, progress->total_bytes, bar, sizeof bar);

    if (tally->bytes > 0 && progress->total_bytes > tally->bytes) {
        double left_s = (double)(progress->total_bytes - tally->bytes) *
                        (double)spent_ms / 1000 / (double)tally->bytes;

        snprintf(left, sizeof left, "  %.0f s left", left_s);
    }

    snprintf(out, size,
             "%s%.1f MiB  %" PRIu64 " lines  %.0f lines/s  %" PRIu64 " refused%s", bar,
             (double)tally->bytes / (1024 * 1024), tally->lines, rate, tally->refused,
             left);
}

void
progress_draw(struct progress *progress, const struct tally *tally, int64_t now_ms)
{
    char line[LINE_LEN];

    if (!progress->is_shown || now_ms - progress->drawn_ms < DRAW_EVERY_MS)
        return;

    progress_format(progress, tally, now_ms, line, sizeof line);
    fprintf(stderr, "\r\033[K%s", line);
    progress->drawn_ms = now_ms;
}

void
progress_wipe(struct progress *progress)
{
    if (progress->is_shown && progress->drawn_ms != 0)
        fprintf(stderr, "\r\033[K");
    progress->drawn_ms = 0;
}
