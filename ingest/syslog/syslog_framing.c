#include "ingest/syslog/syslog_framing.h"

#include <string.h>

#include "proto/decode/decode.h"

/* More digits than these are no count but the start of a line. */
enum { COUNT_DIGITS = 9 };

enum count { COUNT_NONE, COUNT_MORE, COUNT_THERE };

/* "26 <": the number of octets of what follows. A line may begin with a number and a
 * space, too ("2026 was a year"), so who has not counted before must show the "<" with
 * which every message begins. */
static enum count
read_count(const struct syslog_framing *framing, struct text bytes, int is_end,
           size_t *ret_count, size_t *ret_len)
{
    const enum count cut_short = is_end ? COUNT_NONE : COUNT_MORE;
    size_t count = 0, n = 0;

    if (bytes.ptr[0] == '0')
        return COUNT_NONE;
    for (; n < bytes.len && bytes.ptr[n] >= '0' && bytes.ptr[n] <= '9'; n++) {
        if (n == COUNT_DIGITS)
            return COUNT_NONE;
        count = count * 10 + (size_t)(bytes.ptr[n] - '0');
    }
    if (n == bytes.len)
        return cut_short;
    if (n == 0 || bytes.ptr[n] != ' ')
        return COUNT_NONE;
    if (!framing->has_counted && n + 1 == bytes.len)
        return cut_short;
    if (!framing->has_counted && bytes.ptr[n + 1] != '<')
        return COUNT_NONE;
    *ret_count = count;
    *ret_len = n + 1;
    return COUNT_THERE;
}

static struct text
without_end(struct text message)
{
    while (message.len > 0 && strchr("\r\n", message.ptr[message.len - 1]) != NULL)
        message.len--;              /* a NUL too */
    return message;
}

/* --- a message of known length --- */

static enum syslog_framed
take_counted(struct syslog_framing *framing, struct text bytes, int is_end,
             struct syslog_frame *frame, size_t *used)
{
    size_t len = framing->left;

    if (len > framing->max_message && bytes.len > framing->max_message)
        len = raw_cut(bytes, framing->max_message);
    else if (len > bytes.len && !is_end)
        return SYSLOG_MORE;
    else if (len > bytes.len)
        len = bytes.len;
    frame->is_split = framing->is_rest || len < framing->left;
    frame->message = (struct text){ bytes.ptr, len };
    framing->left -= len;
    framing->is_rest = framing->left > 0;
    if (framing->left == 0)
        frame->message = without_end(frame->message);
    if (is_end && len == bytes.len)
        framing->left = 0;
    *used = len;
    return SYSLOG_MESSAGE;
}

/* --- a message up to its end --- */

static size_t
find_end(struct text bytes)
{
    const char *end = memchr(bytes.ptr, '\n', bytes.len), *nul;
    size_t len = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;

    nul = memchr(bytes.ptr, '\0', len);
    return nul != NULL ? (size_t)(nul - bytes.ptr) : len;
}

static enum syslog_framed
take_line(struct syslog_framing *framing, struct text bytes, int is_end,
          struct syslog_frame *frame, size_t *used)
{
    const size_t max = framing->max_message;
    const struct text looked = { bytes.ptr, bytes.len > max + 1 ? max + 1 : bytes.len };
    size_t len = find_end(looked);
    int has_end = len < looked.len;

    if (!has_end && bytes.len <= max && !is_end)
        return SYSLOG_MORE;
    if (!has_end && bytes.len > max)
        len = raw_cut(bytes, max);
    frame->is_split = framing->is_rest || (!has_end && len < bytes.len);
    frame->message = (struct text){ bytes.ptr, len };
    framing->is_rest = !has_end && len < bytes.len;
    if (!framing->is_rest)
        frame->message = without_end(frame->message);
    *used = len + (size_t)has_end;
    return SYSLOG_MESSAGE;
}

/* --- */

static enum syslog_framed
begin(struct syslog_framing *framing, struct text bytes, int is_end,
      struct syslog_frame *frame, size_t *used)
{
    enum syslog_framed framed;
    size_t head;

    switch (framing->is_rest ? COUNT_NONE
                             : read_count(framing, bytes, is_end, &framing->left, &head)) {
    case COUNT_MORE:
        return SYSLOG_MORE;
    case COUNT_NONE:
        return take_line(framing, bytes, is_end, frame, used);
    case COUNT_THERE:
        break;
    }
    if (framing->left > SYSLOG_MAX_COUNTED) {
        framing->left = 0;          /* asked again, it says the same */
        return SYSLOG_HOPELESS;
    }
    framing->has_counted = 1;
    framed = take_counted(framing, (struct text){ bytes.ptr + head, bytes.len - head },
                          is_end, frame, used);
    if (framed == SYSLOG_MORE)
        framing->left = 0;          /* the count is read again */
    else
        *used += head;
    return framed;
}

/* Between messages: what some send behind a counted one, and empty lines. */
static size_t
skip_ends(struct text bytes)
{
    size_t n = 0;

    while (n < bytes.len && (bytes.ptr[n] == '\n' || bytes.ptr[n] == '\r' ||
                             bytes.ptr[n] == '\0'))
        n++;
    return n;
}

enum syslog_framed
syslog_framing_next(struct syslog_framing *framing, struct text bytes, int is_end,
                    struct syslog_frame *ret_frame, size_t *ret_used)
{
    size_t pos = 0;

    for (;;) {
        enum syslog_framed framed;
        struct text rest;
        size_t used = 0;

        if (framing->left == 0 && !framing->is_rest)
            pos += skip_ends((struct text){ bytes.ptr + pos, bytes.len - pos });
        *ret_used = pos;
        rest = (struct text){ bytes.ptr + pos, bytes.len - pos };
        if (rest.len == 0)
            return SYSLOG_MORE;
        framed = framing->left > 0 ? take_counted(framing, rest, is_end, ret_frame, &used)
                                   : begin(framing, rest, is_end, ret_frame, &used);
        if (framed != SYSLOG_MESSAGE)
            return framed;
        pos += used;
        *ret_used = pos;
        if (text_trim(ret_frame->message).len > 0)
            return SYSLOG_MESSAGE;
    }
}
