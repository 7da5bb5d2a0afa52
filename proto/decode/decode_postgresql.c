/*
 * decode_postgresql.c - PostgreSQL's log: stderr, syslog and jsonlog
 *
 *   2026-11-22 10:00:00.123 KST [7] bob@app FATAL:  password authentication ...
 *
 * What stands before "FATAL:  " is log_line_prefix, and a part of it is the
 * client's: user, database, application. So the address of %h or %r is taken
 * only where none of these can have written it: right after the time or the
 * [pid], when what stands there does not begin with the user that the message
 * names, or behind "user=NAME," of that user, last ("client="). A line in which
 * a level stands twice, with names before it, says nothing sure.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/json_line.h"
#include "proto/decode/log_time.h"
#include "proto/decode/postgresql_message.h"
#include "proto/decode/take.h"

static const struct {
    const char *marker;
    const char *level;
} levels[] = {
    { "LOG:  ", "log" },         { "FATAL:  ", "fatal" },     { "ERROR:  ", "error" },
    { "WARNING:  ", "warning" }, { "DETAIL:  ", "detail" },   { "HINT:  ", "hint" },
    { "NOTICE:  ", "notice" },   { "INFO:  ", "info" },       { "PANIC:  ", "panic" },
    { "STATEMENT:  ", "statement" }, { "CONTEXT:  ", "context" },
    { "QUERY:  ", "query" },     { "LOCATION:  ", "location" }, { "DEBUG:  ", "debug" },
    { "DEBUG1:  ", "debug1" },   { "DEBUG2:  ", "debug2" },
};

struct entry {
    struct text prefix, message;
    struct text after_time, after_pid;      /* what of the prefix stands there */
    const char *level;
    int is_sure;                /* no second level behind a prefix with names in it */
};

/* The first level in text that stands at a word's start: where, or NULL. */
static const char *
find_level(struct text text, size_t *ret_row)
{
    struct text rest = text;
    const char *colon;

    while ((colon = text_find(rest, ":  ")) != NULL) {
        for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
            size_t len = strlen(levels[i].marker) - 3;
            const char *at = colon - len;

            if ((size_t)(colon - text.ptr) >= len &&
                memcmp(at, levels[i].marker, len) == 0 &&
                (at == text.ptr || at[-1] == ' ' || at[-1] == ':')) {
                *ret_row = i;
                return at;
            }
        }
        rest = from_to(colon + 1, end_of(text));
    }
    return NULL;
}

static int
split_entry(struct text text, struct entry *ret_entry)
{
    size_t row, other;
    const char *at = find_level(text, &row);

    if (at == NULL)
        return 0;
    ret_entry->prefix = from_to(text.ptr, at);
    ret_entry->level = levels[row].level;
    ret_entry->message = from_to(at + strlen(levels[row].marker), end_of(text));
    ret_entry->is_sure = find_level(ret_entry->message, &other) == NULL;
    return 1;
}

/* "192.0.2.7(5555)" or "192.0.2.7": %r or %h. */
static int
put_remote(struct text word, struct event *ev)
{
    struct text port = word, host = text_split(&port, '(');
    int64_t number;

    if (!decoded_is_address(host))
        return 0;
    decoded_source(ev, host);
    if (port.ptr != NULL && text_to_int(text_split(&port, ')'), 1, 65535, &number) == 0)
        decoded_put_number(ev, FIELD_SOURCE_PORT, number);
    return 1;
}

/* A word of the prefix: up to a space, or to %r's parenthesis. */
static struct text
first_token(struct text prefix)
{
    struct text word = text_split(&prefix, ' ');
    const char *shut = word.len == 0 ? NULL : memchr(word.ptr, ')', word.len);

    return shut == NULL ? word : from_to(word.ptr, shut + 1);
}

/* That word without its port. */
static struct text
first_host(struct text prefix)
{
    struct text word = first_token(prefix);

    return text_split(&word, '(');
}

/* "[7]", "[7]:", "[3-1]" off the start of the prefix: 1 when one was there. */
static int
take_session_line(struct text *prefix, struct text *ret_number)
{
    struct text rest = *prefix, number;

    if (!text_starts_with(rest, "["))
        return 0;
    rest = drop(rest, 1);
    number = text_split(&rest, ']');
    if (rest.ptr == NULL || number.len == 0 || *number.ptr < '0' || *number.ptr > '9')
        return 0;
    while (rest.len > 0 && (*rest.ptr == ' ' || *rest.ptr == ':'))
        rest = drop(rest, 1);
    *prefix = rest;
    *ret_number = number;
    return 1;
}

/* The user's name could be an address too, with a space behind it. */
static void
put_anchored_remote(const struct entry *entry, struct text user, struct event *ev)
{
    const struct text places[] = { entry->after_time, entry->after_pid };

    for (size_t i = 0; i < 2 && user.len > 0; i++)
        if (places[i].len < user.len || memcmp(places[i].ptr, user.ptr, user.len) != 0)
            (void)put_remote(first_token(places[i]), ev);
}

/* "user=NAME,db=D,app=A,client=192.0.2.7 " of the user of the message. */
static void
put_labelled_client(struct text prefix, struct text user, struct event *ev)
{
    struct text value = prefix;
    const char *at = NULL, *next;

    if (!text_starts_with(prefix, "user=") || user.len == 0)
        return;
    value = drop(prefix, 5);
    if (value.len <= user.len || memcmp(value.ptr, user.ptr, user.len) != 0 ||
        value.ptr[user.len] != ',')
        return;
    while ((next = text_find(from_to(at == NULL ? value.ptr : at + 1, end_of(value)),
                             ",client=")) != NULL)
        at = next;
    if (at != NULL)
        (void)put_remote(text_trim(from_to(at + 8, end_of(value))), ev);
}

static struct text
skip_separators(struct text text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == ':'))
        text = drop(text, 1);
    return text;
}

/* The time and the [pid]; the places where an address may stand. 1 when the
 * prefix starts with a time. */
static int
read_prefix(struct entry *entry, struct arena *arena, struct event *ev)
{
    struct text rest = entry->prefix, number;
    int64_t at_us, pid;

    if (log_time_take_zoned(&rest, &at_us) == 0) {
        decoded_time(ev, at_us, arena);
    } else {
        /* A zone that may mean several: the time of receipt is nearer. */
        if (log_time_take_date(&rest, &at_us) != 0)
            return 0;
        rest = skip_separators(rest);
        while (rest.len > 0 && *rest.ptr >= 'A' && *rest.ptr <= 'Z')
            rest = drop(rest, 1);
    }
    rest = skip_separators(rest);
    entry->after_time = rest;
    if (decoded_is_address(first_host(rest)))
        rest = skip_separators(drop(rest, first_token(rest).len));
    if (take_session_line(&rest, &number) && text_to_int(number, 0, INT32_MAX, &pid) == 0)
        decoded_put_number(ev, FIELD_PROCESS_PID, pid);
    (void)take_session_line(&rest, &number);          /* %l */
    entry->after_pid = rest;
    entry->prefix = rest;
    return 1;
}

static int
decode_json(const struct json_line *json, struct arena *arena, struct event *ev)
{
    struct text severity = json_line_text(json, json_line_get(json->root, "error_severity"));
    struct text message = json_line_text(json, json_line_get(json->root, "message"));
    struct text at = json_line_text(json, json_line_get(json->root, "timestamp"));
    struct text level = { NULL, 0 }, user;
    int64_t at_us, number;

    if (severity.len == 0 || json_line_get(json->root, "backend_type") == NULL)
        return 0;
    if (log_time_take_zoned(&at, &at_us) == 0)
        decoded_time(ev, at_us, arena);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (text_equals_nocase(severity, text_of(levels[i].level)))
            level = text_of(levels[i].level);
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("postgresql"));
    decoded_put_text(ev, FIELD_LOG_LEVEL, level);
    decoded_source(ev, json_line_text(json, json_line_get(json->root, "remote_host")));
    if (json_line_number(json_line_get(json->root, "remote_port"), &number) == 0 &&
        number > 0 && number <= 65535)
        decoded_put_number(ev, FIELD_SOURCE_PORT, number);
    if (json_line_number(json_line_get(json->root, "pid"), &number) == 0)
        decoded_put_number(ev, FIELD_PROCESS_PID, number);
    decoded_put_text(ev, FIELD_EVENT_CODE,
                     json_line_text(json, json_line_get(json->root, "state_code")));
    postgresql_put_message(level, message, &user, ev);
    decoded_text(ev, EVENT_USERNAME, json_line_text(json, json_line_get(json->root, "user")));
    decoded_put_text(ev, FIELD_DATABASE_NAME,
                     json_line_text(json, json_line_get(json->root, "dbname")));
    return 1;
}

static int
is_postgres(struct text program)
{
    return text_is(program, "postgres") || text_starts_with(program, "postgresql");
}

static int
decode_postgresql(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text text = line->message, number, user = { NULL, 0 };
    int is_named = is_postgres(line->program), has_names;
    struct entry entry = { 0 };

    if (line->json != NULL)
        return decode_json(line->json, arena, ev);
    if ((line->program.len > 0 && !is_named) || text.len < 8 ||
        (!is_named && (*text.ptr < '0' || *text.ptr > '9')) || !split_entry(text, &entry))
        return 0;

    (void)take_session_line(&entry.prefix, &number);      /* syslog's "[3-1] " */
    if (!read_prefix(&entry, arena, ev) && !is_named)
        return 0;
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("postgresql"));
    decoded_put_text(ev, FIELD_LOG_LEVEL, text_of(entry.level));
    decoded_text(ev, EVENT_DESCRIPTION, entry.message);

    /* Behind names a second level may be the message's start, or theirs. */
    has_names = text_trim(entry.prefix).len > 0;
    if (entry.is_sure || !has_names) {
        postgresql_put_message(text_of(entry.level), entry.message, &user, ev);
        put_anchored_remote(&entry, user, ev);
        put_labelled_client(entry.prefix, user, ev);
    }
    decoded_text(ev, EVENT_TYPE, text_of("postgresql"));
    return 1;
}

const struct decoder decoder_postgresql = { "postgresql", NULL, decode_postgresql, NULL, NULL };
