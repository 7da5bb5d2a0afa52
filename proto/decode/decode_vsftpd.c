/*
 * decode_vsftpd.c - vsftpd's own log, in its file or by syslog
 *
 *   Mon Nov 22 10:00:00 2026 [pid 2] [bob] FAIL LOGIN: Client "192.0.2.7"
 *   vsftpd[2]: [bob] OK UPLOAD: Client "192.0.2.7", "/a.txt", 5 bytes, 1.00Kbyte/sec
 *
 * Names of users and files, and the password of anonymous users, are written as
 * they came. A line in which "] OK WORD: Client" stands twice says two things,
 * and is taken for neither.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/take.h"

struct verb {
    const char *word;
    const char *event_type;     /* of OK; the FAIL of LOGIN is login_failed */
};

static const struct verb verbs[] = {
    { "LOGIN", "login_success" },
    { "UPLOAD", "file_uploaded" },
    { "APPEND", "file_uploaded" },
    { "DOWNLOAD", "file_downloaded" },
    { "DELETE", "file_removed" },
    { "RMDIR", "vsftpd" },
    { "MKDIR", "vsftpd" },
    { "RENAME", "vsftpd" },
    { "CHMOD", "vsftpd" },
};

struct report {
    struct text user, rest;     /* rest: from the client's address on */
    const struct verb *verb;
    int is_ok;
};

/* "OK LOGIN: Client \"" at the start of text. */
static int
read_verb(struct text text, struct report *report)
{
    static const char client[] = ": Client \"";

    report->is_ok = text_starts_with(text, "OK ");
    if (!report->is_ok && !text_starts_with(text, "FAIL "))
        return 0;
    text = drop(text, report->is_ok ? 3 : 5);

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct text rest = text;

        if (!text_starts_with(text, verbs[i].word))
            continue;
        rest = drop(rest, strlen(verbs[i].word));
        if (!text_starts_with(rest, client))
            continue;
        report->verb = &verbs[i];
        report->rest = drop(rest, sizeof client - 1);
        return 1;
    }
    return 0;
}

/* How many times "] OK WORD: Client" is in text; the first in *ret_report. */
static size_t
find_reports(struct text text, struct report *ret_report)
{
    struct text rest = text;
    struct report found;
    const char *at;
    size_t count = 0;

    while ((at = text_find(rest, "] ")) != NULL) {
        rest = drop(rest, (size_t)(at - rest.ptr) + 2);
        if (!read_verb(rest, &found))
            continue;
        found.user = (struct text){ text.ptr + 1, (size_t)(at - text.ptr - 1) };
        if (count++ == 0)
            *ret_report = found;
    }
    return count;
}

/* A quoted address at the start of text: 1 and what follows it. */
static int
take_client(struct text *text, struct event *ev)
{
    struct text rest = *text, address = text_split(&rest, '"');

    if (rest.ptr == NULL)
        return 0;
    decoded_source(ev, address);
    *text = rest;
    return 1;
}

/* ', "/a.txt", 1234 bytes, 12.00Kbyte/sec': the last '", ' ends the name. */
static void
put_file(struct text rest, struct event *ev)
{
    struct text name, size;
    const char *end = NULL;
    int64_t bytes;

    if (!text_starts_with(rest, ", \""))
        return;
    name = drop(rest, 3);
    for (const char *at = name.ptr;
         (at = text_find(drop(name, (size_t)(at - name.ptr)), "\", ")) != NULL; at++)
        end = at;
    if (end == NULL) {
        name.len -= text_ends_with(name, "\"");
    } else {
        size = drop(name, (size_t)(end + 3 - name.ptr));
        name.len = (size_t)(end - name.ptr);
        if (text_to_int(text_split(&size, ' '), 0, INT64_MAX, &bytes) == 0 &&
            text_starts_with(size, "bytes"))
            decoded_put_number(ev, FIELD_FILE_SIZE, bytes);
    }
    if (name.len > 0)
        decoded_put_text(ev, FIELD_FILE_PATH, name);
}

static void
put_report(struct report *report, struct event *ev)
{
    const char *event_type = report->verb->event_type;
    int is_login = report->verb == &verbs[0];

    if (!report->is_ok)
        event_type = is_login ? "login_failed" : "vsftpd";
    if (!take_client(&report->rest, ev))
        return;                 /* cut short */
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    if (report->user.len > 0)
        decoded_text(ev, EVENT_USERNAME, report->user);
    decoded_put_text(ev, FIELD_EVENT_OUTCOME, text_of(report->is_ok ? "success" : "failure"));
    if (!is_login)
        put_file(report->rest, ev);
}

/* "CONNECT: Client \"192.0.2.7\"", which stands at the start. */
static void
put_connect(struct text message, struct event *ev)
{
    static const char start[] = "CONNECT: Client \"";

    if (!text_starts_with(message, start))
        return;
    message = drop(message, sizeof start - 1);
    if (take_client(&message, ev))
        decoded_text(ev, EVENT_TYPE, text_of("connection"));
}

/* "Mon Nov 22 10:00:00 2026 [pid 2] " off the file's lines. */
static int
take_head(struct text *text, struct event *ev, struct arena *arena)
{
    struct text rest = *text, pid;
    int64_t at_us, number;

    if (log_time_take_ctime(&rest, &at_us) != 0 || !text_starts_with(rest, " [pid "))
        return 0;
    rest = drop(rest, 6);
    pid = text_split(&rest, ']');
    if (text_to_int(pid, 0, INT32_MAX, &number) != 0 || !text_starts_with(rest, " "))
        return 0;
    decoded_time(ev, at_us, arena);
    decoded_put_number(ev, FIELD_PROCESS_PID, number);
    *text = drop(rest, 1);
    return 1;
}

static int
decode_vsftpd(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text message = line->message;
    struct report report;

    if (line->program.len > 0) {
        /* PAM's lines are PAM's decoder's. */
        if (!text_is(line->program, "vsftpd") || text_starts_with(message, "pam_"))
            return 0;
    } else if (!take_head(&message, ev, arena)) {
        return 0;
    }

    decoded_text(ev, EVENT_DESCRIPTION, message);
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("vsftpd"));
    if (text_starts_with(message, "[") && find_reports(message, &report) == 1)
        put_report(&report, ev);
    else
        put_connect(message, ev);
    decoded_text(ev, EVENT_TYPE, text_of("vsftpd"));
    return 1;
}

const struct decoder decoder_vsftpd = { "vsftpd", NULL, decode_vsftpd, "v", NULL };
