#include "proto/decode/cisco_line.h"

#include <string.h>

#include "proto/decode/log_time.h"
#include "proto/decode/take.h"

enum { HEADER_MAX = 120, ID_LEN = 13 };     /* of "%ASA-6-302013" */

static int
is_id(struct text text)
{
    return text.len > ID_LEN && *text.ptr == '%' &&
           (memcmp(text.ptr + 1, "ASA-", 4) == 0 || memcmp(text.ptr + 1, "FTD-", 4) == 0 ||
            memcmp(text.ptr + 1, "PIX-", 4) == 0) &&
           is_digit(text.ptr[5]) && text.ptr[6] == '-';
}

/* "Nov 22 2026 10:00:00": the year stands where syslog has none. */
static int
take_time(struct text *rest, struct log_line *line)
{
    char ctime[sizeof "Sun Nov 22 10:00:00 2026"] = "Sun ";
    struct text text = *rest, clock;

    if (text.len < 20 || text.ptr[3] != ' ' || text.ptr[6] != ' ' || text.ptr[11] != ' ')
        return 0;
    memcpy(ctime + 4, text.ptr, 7);
    memcpy(ctime + 11, text.ptr + 12, 8);
    ctime[19] = ' ';
    memcpy(ctime + 20, text.ptr + 7, 4);
    clock = (struct text){ ctime, sizeof ctime - 1 };
    if (log_time_take_ctime(&clock, &line->at_us) != 0 || clock.len > 0)
        return 0;
    line->has_time = 1;
    line->is_ahead = 0;
    skip(rest, 20);
    return 1;
}

/* What stands between the time and the number: a zone, a host, colons. The zone is
 * followed by a colon at once, the host by a space. */
static void
take_host(struct text between, struct log_line *line)
{
    struct text word;

    between = text_trim(between);
    word = first_word(between);
    if (text_ends_with(word, ":")) {
        between = text_trim(drop(between, word.len));
        word = first_word(between);
    }
    if (word.len > 0 && !text_is(word, ":") && line->host.ptr == NULL)
        line->host = word;
}

/* The message of a line that syslog's reader could make nothing of. */
static void
read_header(struct log_line *line, int64_t now_us)
{
    struct text text = line->message, rest;
    size_t max = text.len < HEADER_MAX ? text.len : HEADER_MAX;
    const char *at = max == 0 ? NULL : memchr(text.ptr, '%', max);

    if (at == NULL || !is_id(from_to(at, end_of(text))))
        return;
    rest = from_to(text.ptr, at);
    (void)take_char(&rest, ':');
    if (!line->has_time && !take_time(&rest, line) &&
        log_time_take_bsd(&rest, now_us, &line->at_us) == 0)
        line->has_time = 1;
    take_host(rest, line);
    line->message = from_to(at, end_of(text));
}

void
cisco_line_read(struct log_line *line, int64_t now_us)
{
    if (line->program.len == 0) {
        if (line->message.len > ID_LEN && !is_id(line->message))
            read_header(line, now_us);
    } else if (*line->program.ptr == '%') {
        struct text whole = from_to(line->program.ptr, end_of(line->message));

        if (!is_id(whole))
            return;
        line->message = whole;
        line->program = (struct text){ NULL, 0 };
    } else if (is_id(line->message)) {
        if (line->host.ptr == NULL)     /* "fw1: %ASA-": the host, not a program */
            line->host = line->program;
        line->program = (struct text){ NULL, 0 };
    }
}
