#include "proto/decode/syslog_header.h"

#include <string.h>

#include "proto/base/timestamp.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/structured_data.h"
#include "proto/decode/take.h"

enum {
    PRIORITY_MAX = 191,         /* RFC 5424, section 6.2.1 */
    ISO_TIME_LEN = 19,          /* "2026-11-22T10:00:00" */
    NAME_MAX_BYTES = 255
};

static void
take_priority(struct text *rest, struct log_line *line)
{
    struct text text = *rest;
    int64_t number;

    if (take_char(&text, '<') != 0 ||
        take_number(&text, 1, 3, PRIORITY_MAX, &number) != 0 ||
        take_char(&text, '>') != 0)
        return;

    line->priority = (int)number;
    *rest = text;
}

/* "Dec 10 06:55:46 ": 0, or -1. */
static int
take_bsd_time(struct text *rest, int64_t now_us, struct log_line *line)
{
    int rc = log_time_take_bsd(rest, now_us, &line->at_us);

    line->has_time = rc == 0;
    line->is_ahead = rc == 1;
    return rc < 0 ? -1 : 0;
}

/* An RFC 3339 time, or short-iso's, whose offset "+0900" has no colon. */
static int
take_iso_time(struct text *rest, struct log_line *line)
{
    struct text word = first_word(*rest);

    if (word.len < ISO_TIME_LEN || word.ptr[10] != 'T' ||
        timestamp_parse(word, &line->at_us, NULL) != 0)
        return -1;
    line->has_time = 1;
    skip(rest, word.len);
    skip_spaces(rest);
    return 0;
}

/* "program[pid]: " or "program: ": 0, or -1 when rest starts with no such tag. */
static int
take_tag(struct text *rest, struct log_line *line)
{
    struct text word = first_word(*rest);
    const char *open, *shut;

    if (word.len > NAME_MAX_BYTES)
        return -1;

    open = memchr(word.ptr, '[', word.len);
    shut = open != NULL ? memchr(open, ']', (size_t)(word.ptr + word.len - open)) : NULL;

    if (shut != NULL && open > word.ptr && shut + 1 < word.ptr + word.len &&
        shut[1] == ':') {
        line->program = (struct text){ word.ptr, (size_t)(open - word.ptr) };
        line->pid = (struct text){ open + 1, (size_t)(shut - open - 1) };
        skip(rest, (size_t)(shut + 2 - word.ptr));
    } else if (word.len > 1 && word.ptr[word.len - 1] == ':' &&
               !decoded_is_address(word)) {
        line->program = (struct text){ word.ptr, word.len - 1 };
        skip(rest, word.len);
    } else {
        return -1;
    }
    skip_spaces(rest);
    return 0;
}

/* "host program[pid]: ", or the tag alone, as programs send it to /dev/log.
 * With host_is_sure the host stands there even when no tag follows. */
static void
take_host_and_tag(struct text *rest, int host_is_sure, struct log_line *line)
{
    struct text text = *rest;
    struct text host = first_word(text);

    if (take_tag(rest, line) == 0)
        return;
    if (host.len == 0 || host.len > NAME_MAX_BYTES)
        return;

    skip(&text, host.len);
    skip_spaces(&text);

    if (take_tag(&text, line) == 0 || host_is_sure) {
        line->host = host;
        *rest = text;
    }
}

/* journalctl's short-full, "Sun 2026-11-22 10:00:00 KST ", and short-unix,
 * "1795302001.123456 ", where a host and a tag follow: 0, or -1. */
static int
take_journal_header(struct text *rest, struct log_line *line)
{
    struct text text = *rest, word = first_word(text);
    struct log_line found = *line;

    if (word.len == 3 && text.len > 28 && text.ptr[8] == '-') {
        skip(&text, 4);
        if (log_time_take_zoned(&text, &found.at_us) != 0)
            return -1;
    } else if (word.len == 17 && word.ptr[10] == '.' &&
               log_time_from_epoch(word, &found.at_us) == 0) {
        skip(&text, word.len);
    } else {
        return -1;
    }

    found.has_time = 1;
    if (take_char(&text, ' ') != 0)
        return -1;
    take_host_and_tag(&text, 0, &found);
    if (found.program.len == 0)
        return -1;
    *line = found;
    *rest = text;
    return 0;
}

/* A word of an RFC 5424 header; "-" is no value. -1 when there is none. */
static int
take_5424_word(struct text *rest, struct text *ret_word)
{
    struct text word = first_word(*rest);

    if (word.len == 0 || word.len > NAME_MAX_BYTES)
        return -1;
    if (!text_is(word, "-"))
        *ret_word = word;
    skip(rest, word.len);
    if (rest->len > 0)
        skip(rest, 1);
    return 0;
}

/* Everything after "<34>". 0, or -1 when it is not RFC 5424. */
static int
take_5424(struct text *rest, struct log_line *line)
{
    struct log_line found = *line;
    struct text text = *rest;

    if (take_char(&text, '1') != 0 || take_char(&text, ' ') != 0)
        return -1;
    if (text_starts_with(text, "- "))
        skip(&text, 2);
    else if (take_iso_time(&text, &found) != 0)
        return -1;

    if (take_5424_word(&text, &found.host) != 0 ||
        take_5424_word(&text, &found.program) != 0 ||
        take_5424_word(&text, &found.pid) != 0 ||
        take_5424_word(&text, &found.message_id) != 0 ||
        structured_data_take(&text, &found.structured_data) != 0)
        return -1;

    (void)take_char(&text, ' ');
    if (text_starts_with(text, "\xef\xbb\xbf"))
        skip(&text, 3);

    *line = found;
    *rest = text;
    return 0;
}

void
syslog_header_read(struct text raw, int64_t now_us, struct log_line *ret_line)
{
    struct log_line line = { .raw = raw, .priority = -1, .repeated = 1 };
    struct text rest = text_trim(raw);

    take_priority(&rest, &line);

    if (line.priority < 0 || take_5424(&rest, &line) != 0) {
        if (take_bsd_time(&rest, now_us, &line) == 0)
            take_host_and_tag(&rest, 1, &line);
        else if (take_journal_header(&rest, &line) == 0)
            ;
        else if (take_iso_time(&rest, &line) == 0 || line.priority >= 0)
            take_host_and_tag(&rest, 0, &line);
    }

    line.message = rest;
    *ret_line = line;
}
