#include "proto/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log_pairs.h"
#include "proto/base/text.h"
#include "proto/base/timestamp.h"

/* Under PIPE_BUF, so that lines of several processes on one pipe never mix. */
enum { LINE_MAX_BYTES = 4096 };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static char process_name[32] = "bongsu";
static enum log_level threshold = LEVEL_INFO;

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
    int is_cut;
};

void
log_open(const char *process, enum log_level level)
{
    snprintf(process_name, sizeof(process_name), "%s", process);
    threshold = level;
}

int
log_level_parse(const char *name)
{
    for (int i = 0; i < (int)(sizeof(level_names) / sizeof(level_names[0])); i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

/* How many bytes at p are one harmless character, or 0: controls (C0, DEL,
 * C1), line and paragraph separators, what turns the writing direction, and
 * bytes that are not UTF-8. */
static size_t
harmless(const unsigned char *p, size_t left)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (len == 1)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (len > left || !text_is_utf8((struct text){ (const char *)p, len }))
        return 0;
    if (p[0] == 0xc2 && p[1] < 0xa0)                                /* C1 */
        return 0;
    if (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae)
        return 0;                                                   /* U+2028..202E */
    if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
        return 0;                                                   /* U+2066..2069 */
    return len;
}

/* What does not fit is left out and shown by three points; room for those
 * and the line feed is always kept. */
static void
append_escaped(struct line *line, const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t left = len, room = sizeof(line->bytes) - 4;

    while (left > 0 && !line->is_cut) {
        size_t taken = harmless(p, left);
        const char *shown = (const char *)p;
        size_t width = taken;
        char escaped[5];

        if (taken == 0) {
            snprintf(escaped, sizeof(escaped), "\\x%02x", p[0]);
            shown = escaped;
            width = 4;
            taken = 1;
        }
        if (line->len + width > room) {
            line->is_cut = 1;
            shown = "...";
            width = 3;
        }
        memcpy(line->bytes + line->len, shown, width);
        line->len += width;
        p += taken;
        left -= taken;
    }
}

static void
append_time(struct line *line)
{
    int64_t now_us = clock_real_us();
    char out[TIMESTAMP_LEN];

    line->is_cut = 0;
    timestamp_format(now_us - now_us % 1000000, out);
    line->len = (size_t)snprintf(line->bytes, sizeof(line->bytes), "%.*s.%03dZ ",
                                 (int)strlen(out) - 1, out,
                                 (int)(now_us % 1000000 / 1000));
}

static void
append_str(struct line *line, const char *str)
{
    append_escaped(line, str, strlen(str));
}

static void __attribute__((format(printf, 4, 0)))
log_line(enum log_level level, uint64_t held_back, const char *msg, const char *pairs,
         va_list args)
{
    int saved_errno = errno;
    char content[LINE_MAX_BYTES];
    struct line line;

    if (level < threshold)
        return;
    append_time(&line);
    append_str(&line, level_names[level]);
    append_str(&line, " ");
    append_str(&line, process_name);
    append_str(&line, " ");
    append_str(&line, msg);
    if (held_back > 0) {
        snprintf(content, sizeof(content), " held_back=%" PRIu64, held_back);
        append_str(&line, content);
    }
    if (pairs[0] != '\0') {
        append_str(&line, " ");
        log_pairs(content, sizeof(content), pairs, args);
        append_str(&line, content);
    }
    line.bytes[line.len++] = '\n';
    while (write(STDERR_FILENO, line.bytes, line.len) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

void
log_debug(const char *msg, const char *pairs, ...)
{
    va_list args;

    va_start(args, pairs);
    log_line(LEVEL_DEBUG, 0, msg, pairs, args);
    va_end(args);
}

void
log_info(const char *msg, const char *pairs, ...)
{
    va_list args;

    va_start(args, pairs);
    log_line(LEVEL_INFO, 0, msg, pairs, args);
    va_end(args);
}

void
log_warn(const char *msg, const char *pairs, ...)
{
    va_list args;

    va_start(args, pairs);
    log_line(LEVEL_WARN, 0, msg, pairs, args);
    va_end(args);
}

void
log_error(const char *msg, const char *pairs, ...)
{
    va_list args;

    va_start(args, pairs);
    log_line(LEVEL_ERROR, 0, msg, pairs, args);
    va_end(args);
}

void
log_warn_burst(struct log_burst *burst, const char *msg, const char *pairs, ...)
{
    int64_t now_ms = clock_steady_ms();
    va_list args;

    if (now_ms < burst->until_ms) {
        burst->held_back++;
        return;
    }
    va_start(args, pairs);
    log_line(LEVEL_WARN, burst->held_back, msg, pairs, args);
    va_end(args);
    burst->until_ms = now_ms + 1000;
    burst->held_back = 0;
}
