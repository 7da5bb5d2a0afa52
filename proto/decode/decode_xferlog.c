/*
 * decode_xferlog.c - transfers, as wu-ftpd wrote them first (xferlog(5))
 *
 *   Mon Nov 22 10:00:00 2026 1 192.0.2.7 1234 /a.txt b _ o r bob ftp 0 * c
 *
 * vsftpd, ProFTPD and Pure-FTPd write it too, with spaces in names as "_". All
 * that follows the name is read from the end, so that a name with spaces in it
 * cannot shift a field. Of an anonymous user the name is what he gave as his
 * password: he is called anonymous.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"

/* From the end: status, authenticated user, method, service, user, access mode,
 * direction, special action, type of transfer. */
enum tail { STATUS, AUTH_USER, AUTH_METHOD, SERVICE, USER, MODE, DIRECTION, ACTION, TYPE,
            TAIL_COUNT };

static const struct {
    const char *direction;
    const char *event_type;
} directions[] = {
    { "o", "file_downloaded" }, { "i", "file_uploaded" }, { "d", "file_removed" },
};

/* Cut the last word, and the space before it, off *text. */
static struct text
take_last(struct text *text)
{
    const char *space = text->len == 0 ? NULL : memrchr(text->ptr, ' ', text->len);
    struct text word = { NULL, 0 };

    if (space == NULL)
        return word;
    word = (struct text){ space + 1, (size_t)(text->ptr + text->len - space - 1) };
    text->len = (size_t)(space - text->ptr);
    return word;
}

static int
is_one_of(struct text text, const char *letters)
{
    return text.len == 1 && strchr(letters, *text.ptr) != NULL;
}

static int
decode_xferlog(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text rest = line->message, words[TAIL_COUNT], host;
    int64_t at_us, seconds, size;

    if (line->program.len > 0 || log_time_take_ctime(&rest, &at_us) != 0 ||
        !text_starts_with(rest, " "))
        return 0;
    rest = (struct text){ rest.ptr + 1, rest.len - 1 };

    for (int i = 0; i < TAIL_COUNT; i++)
        words[i] = take_last(&rest);
    if (!is_one_of(words[STATUS], "ci") || !is_one_of(words[DIRECTION], "oid") ||
        !is_one_of(words[MODE], "agr") || !is_one_of(words[TYPE], "ab") ||
        text_to_int(text_split(&rest, ' '), 0, INT32_MAX, &seconds) != 0)
        return 0;
    host = text_split(&rest, ' ');
    if (host.len == 0 || text_to_int(text_split(&rest, ' '), 0, INT64_MAX, &size) != 0 ||
        rest.len == 0)
        return 0;

    for (size_t i = 0; i < sizeof directions / sizeof directions[0]; i++)
        if (text_is(words[DIRECTION], directions[i].direction))
            decoded_text(ev, EVENT_TYPE, text_of(directions[i].event_type));
    decoded_time(ev, at_us, arena);
    decoded_source(ev, host);
    decoded_text(ev, EVENT_USERNAME,
                 text_is(words[MODE], "a") ? text_of("anonymous") : words[USER]);
    decoded_put_text(ev, FIELD_FILE_PATH, rest);
    decoded_put_number(ev, FIELD_FILE_SIZE, size);
    decoded_put_text(ev, FIELD_SERVICE_NAME, words[SERVICE]);
    decoded_put_text(ev, FIELD_EVENT_OUTCOME,
                     text_of(text_is(words[STATUS], "c") ? "success" : "failure"));
    decoded_text(ev, EVENT_DESCRIPTION, line->message);
    return 1;
}

const struct decoder decoder_xferlog = { "xferlog", NULL, decode_xferlog, "", NULL };
