/*
 * decode_mysql.c - the error logs of MySQL and MariaDB, in a file or by syslog
 *
 *   2026-11-22T10:00:00.123456Z 10 [Note] [MY-010926] [Server] Access denied ...   8.0
 *   2026-11-22T10:00:00.123456Z 10 [Note] Access denied for user ...               5.7
 *   2026-11-22 10:00:00 10 [Warning] Access denied for user ...       5.6, MariaDB
 *   261122 10:00:00 [Warning] Access denied for user ...                   before
 *
 * A refused password is one line (MySQL writes it from log_error_verbosity 3 on,
 * MariaDB from log_warnings 2 on). A user may be called anything: he is taken as
 * long as possible, and what stands behind him is the server's.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/pattern.h"
#include "proto/decode/take.h"

static const struct {
    const char *pattern;
    const char *event_type;
} messages[] = {
    { "Access denied for user '%u'@'%a' (using password: %w)", "login_failed" },
    { "Access denied for user '%u'@'%a'", "login_failed" },
    { "Aborted connection %w to db: '%s' user: '%u' host: '%a' (%*", "mysql" },
    { "Host '%a' is blocked because of many connection errors; unblock with %*",
      "connection_blocked" },
    { "Host '%a' is not allowed to connect to this MySQL server", "connection_blocked" },
    { "Host '%a' is not allowed to connect to this MariaDB server", "connection_blocked" },
    { "IP address '%a' could not be resolved: %*", "mysql" },
    { "IP address '%a' has been resolved to the host name %*", "mysql" },
    { "Hostname '%s' does not resolve to '%a'%*", "mysql" },
};

static const struct {
    const char *label;
    const char *level;
} labels[] = {
    { "[Note]", "note" },     { "[Warning]", "warning" }, { "[ERROR]", "error" },
    { "[System]", "system" },
};

static struct text
drop_blanks(struct text text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t'))
        text = drop(text, 1);
    return text;
}

/* "[Note] " at the start: its level, or NULL. */
static const char *
take_label(struct text *rest)
{
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (text_starts_with(*rest, labels[i].label)) {
            *rest = drop_blanks(drop(*rest, strlen(labels[i].label)));
            return labels[i].level;
        }
    return NULL;
}

/* The thread's number before the label, where there is one. */
static struct text
take_thread(struct text text, struct event *ev)
{
    struct text rest = text, word = text_split(&rest, ' ');
    int64_t number;

    if (rest.ptr == NULL || text_to_int(word, 0, INT64_MAX, &number) != 0 ||
        !text_starts_with(drop_blanks(rest), "["))
        return text;
    if (number > 0)                 /* 0 is the server itself */
        decoded_put_text(ev, FIELD_SESSION_ID, word);
    return drop_blanks(rest);
}

/* "[MY-010926] [Server] ", of 8.0. */
static struct text
take_code(struct text message, struct event *ev)
{
    struct text rest = message, code;

    if (!text_starts_with(message, "[MY-"))
        return message;
    code = text_split(&rest, ']');
    if (rest.ptr == NULL || code.len > 16)
        return message;
    decoded_put_text(ev, FIELD_EVENT_CODE, drop(code, 1));
    rest = drop_blanks(rest);
    if (text_starts_with(rest, "[")) {
        (void)text_split(&rest, ']');       /* the part of the server */
        if (rest.ptr == NULL)
            return message;
    }
    return drop_blanks(rest);
}

static void
put_message(struct text message, struct event *ev)
{
    struct captures caps;

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (!pattern_match(messages[i].pattern, message, &caps))
            continue;
        decoded_text(ev, EVENT_TYPE, text_of(messages[i].event_type));
        decoded_source(ev, caps.address);
        if (caps.user.len > 0 && !text_is(caps.user, "unauthenticated"))
            decoded_text(ev, EVENT_USERNAME, caps.user);
        return;
    }
    decoded_text(ev, EVENT_TYPE, text_of("mysql"));
}

static int
is_mysql(struct text program)
{
    return text_is(program, "mysqld") || text_is(program, "mariadbd") ||
           text_is(program, "mysqld_safe") || text_is(program, "mysql") ||
           text_is(program, "mariadb");
}

/* A file's line: its time may have been taken as a header's already (5.7). */
static int
decode_mysql(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text rest = line->message;
    int is_named = is_mysql(line->program), has_time;
    const char *level;
    int64_t at_us = 0;

    if ((line->program.len > 0 && !is_named) || rest.len == 0 ||
        (!is_named && (*rest.ptr < '0' || *rest.ptr > '9')))
        return 0;

    has_time = log_time_take_date(&rest, &at_us) == 0 ||
               log_time_take_short(&rest, &at_us) == 0;
    if (!is_named && !has_time && !line->has_time)
        return 0;
    rest = drop_blanks(rest);
    if (!is_named) {
        struct text ahead = rest, word = text_split(&ahead, ' ');
        int64_t number;

        if (text_to_int(word, 0, INT64_MAX, &number) == 0 && ahead.ptr != NULL)
            ahead = drop_blanks(ahead);
        else
            ahead = rest;
        if (take_label(&ahead) == NULL)
            return 0;
    }

    if (has_time)
        decoded_time(ev, at_us, arena);
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("mysql"));
    rest = take_thread(rest, ev);
    level = take_label(&rest);
    decoded_put_text(ev, FIELD_LOG_LEVEL, text_of(level));
    rest = take_code(rest, ev);
    decoded_text(ev, EVENT_DESCRIPTION, rest);
    put_message(rest, ev);
    return 1;
}

const struct decoder decoder_mysql = { "mysql", NULL, decode_mysql, "m", NULL };
