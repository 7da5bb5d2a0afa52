/*
 * decode_apache_error.c - Apache's error log, 2.0 to 2.4
 *
 *   [Sun Dec 04 04:47:44 2005] [error] [client 192.0.2.7] message
 *   [Fri Nov 20 10:00:00.123456 2026] [core:error] [pid 7:tid 8] (13)Permission
 *       denied: [client 192.0.2.7:5555] AH00035: message, referer: http://...
 *
 * A refused password is one such line, and login_failed; the answer 401 in the
 * access log is not. A user of basic authentication has no colon in his name
 * (RFC 7617), so the first one ends it, whatever he is called.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/pattern.h"
#include "proto/decode/take.h"

static const char *const levels[] = {
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1",
    "trace2", "trace3", "trace4", "trace5", "trace6", "trace7", "trace8",
};

/* Digest and LDAP: paths stand behind the user, so ambiguous ones have none. */
static const struct {
    const char *pattern;
    int is_invalid_user;
} failures[] = {
    { "user `%u' in realm `%s' not found: %*", 1 },
    { "user `%u' in realm `%s' denied by provider: %*", 0 },
    { "auth_ldap authenticate: user %u authentication failed; URI %*", 0 },
};

struct head {
    int64_t at_us;
    int has_time, has_port;     /* 2.4 writes the client's port, 2.0 and 2.2 do not */
    struct text module, level, pid;
};

/* Cut "[...] " off *rest: 1 and what is between, or 0. */
static int
take_brackets(struct text *rest, struct text *ret_inside)
{
    const char *shut;

    if (rest->len < 3 || *rest->ptr != '[')
        return 0;
    shut = memchr(rest->ptr, ']', rest->len);
    if (shut == NULL)
        return 0;
    *ret_inside = (struct text){ rest->ptr + 1, (size_t)(shut - rest->ptr - 1) };
    *rest = drop(*rest, ret_inside->len + 2);
    if (rest->len > 0 && *rest->ptr == ' ')
        *rest = drop(*rest, 1);
    return 1;
}

/* "error", or "core:error". */
static int
read_level(struct text inside, struct head *head)
{
    const char *colon = inside.len == 0 ? NULL : memchr(inside.ptr, ':', inside.len);

    if (colon != NULL) {
        head->module = from_to(inside.ptr, colon);
        inside = drop(inside, head->module.len + 1);
        head->has_port = 1;
    }
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (text_is(inside, levels[i])) {
            head->level = inside;
            return 1;
        }
    return 0;
}

/* Only syslog's lines may lack the time. */
static int
read_head(struct text *rest, int is_syslog, struct head *head)
{
    struct text inside, text = *rest, next;

    if (!take_brackets(&text, &inside))
        return 0;
    if (log_time_take_ctime(&inside, &head->at_us) == 0) {
        head->has_time = 1;
        if (inside.len > 0 || !take_brackets(&text, &inside))
            return 0;
    } else if (!is_syslog) {
        return 0;
    }
    if (!read_level(inside, head))
        return 0;

    next = text;
    if (text_starts_with(text, "[pid ") && take_brackets(&next, &inside)) {
        inside = drop(inside, 4);
        head->pid = text_split(&inside, ':');
        head->has_port = 1;
        text = next;
    }
    *rest = text;
    return 1;
}

/* "(13)Permission denied: ", the only thing that Apache itself writes before the
 * client (LogLevel debug adds "file.c(12): "). Other text there is a program's
 * that knows no client, and what it says is not to be trusted. */
static struct text
skip_reason(struct text text)
{
    struct text word = text, number;
    const char *at;
    int64_t code;

    word = text_split(&word, ' ');
    if (text_ends_with(word, "):") && text_find(word, ".c(") != NULL &&
        word.len < text.len)
        text = drop(text, word.len + 1);
    if (text.len == 0 || *text.ptr != '(')
        return text;
    number = drop(text, 1);
    number = text_split(&number, ')');
    at = text_find(text, ": [client ");
    if (at == NULL || text_to_int(number, 0, INT32_MAX, &code) != 0)
        return text;
    return drop(text, (size_t)(at + 2 - text.ptr));
}

/* "[client ADDRESS:PORT]": 1 when there is one. */
static int
take_client(struct text *rest, int has_port, struct event *ev)
{
    struct text text = skip_reason(*rest), inside, port = { NULL, 0 };
    const char *colon;
    int64_t number;

    if ((!text_starts_with(text, "[client ") && !text_starts_with(text, "[remote ")) ||
        !take_brackets(&text, &inside))
        return 0;

    inside = drop(inside, 7);
    if (inside.len > 0 && *inside.ptr == ' ')
        inside = drop(inside, 1);
    colon = inside.len == 0 ? NULL : memrchr(inside.ptr, ':', inside.len);
    if (has_port && colon != NULL) {
        struct text address = { inside.ptr, (size_t)(colon - inside.ptr) };

        if (decoded_is_address(address)) {
            port = drop(inside, address.len + 1);
            inside = address;
        }
    }
    decoded_source(ev, inside);
    if (text_to_int(port, 1, 65535, &number) == 0)
        decoded_put_number(ev, FIELD_SOURCE_PORT, number);
    *rest = text;
    return 1;
}

/* "AH01617: " in front. */
static struct text
take_code(struct text message, struct event *ev)
{
    int64_t number;

    if (message.len < 9 || !text_starts_with(message, "AH") || message.ptr[7] != ':' ||
        message.ptr[8] != ' ' ||
        text_to_int((struct text){ message.ptr + 2, 5 }, 0, 99999, &number) != 0)
        return message;
    decoded_put_text(ev, FIELD_EVENT_CODE, (struct text){ message.ptr, 7 });
    return drop(message, 9);
}

/* "user NAME: authentication failure for ...", "user NAME not found: /path",
 * "user NAME: password mismatch: /path". */
static int
read_basic_failure(struct text message, struct text *ret_user, int *ret_is_invalid)
{
    static const char not_found[] = " not found";
    struct text rest = drop(message, 5), name = text_split(&rest, ':');

    *ret_is_invalid = 0;
    if (rest.ptr == NULL)
        return 0;
    if (!text_starts_with(rest, " authentication failure for ") &&
        !text_starts_with(rest, " password mismatch: ")) {
        if (!text_ends_with(name, not_found) || *message.ptr == '`')
            return 0;
        name.len -= sizeof not_found - 1;
        *ret_is_invalid = 1;
    }
    *ret_user = name;
    return 1;
}

static int
read_failure(struct text message, struct text *ret_user, int *ret_is_invalid)
{
    struct captures caps;

    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (pattern_match(failures[i].pattern, message, &caps)) {
            *ret_user = caps.user;
            *ret_is_invalid = failures[i].is_invalid_user;
            return 1;
        }
    return text_starts_with(message, "user ") &&
           read_basic_failure(message, ret_user, ret_is_invalid);
}

/* ", referer: URL" at the end, when it is there once. */
static void
put_referrer(struct text message, struct event *ev)
{
    static const char marker[] = ", referer: ";
    const char *at = text_find(message, marker);
    struct text rest;

    if (at == NULL)
        return;
    rest = drop(message, (size_t)(at - message.ptr) + sizeof marker - 1);
    if (rest.len > 0 && text_find(rest, marker) == NULL)
        decoded_put_text(ev, FIELD_HTTP_REQUEST_REFERRER, rest);
}

/* Since 2.4 a line says which module wrote it. What scripts write (cgi, php) may
 * be a client's words, and reads like anything. */
static int
may_refuse(const struct head *head)
{
    return head->module.ptr == NULL || text_starts_with(head->module, "auth");
}

static int
decode_apache_error(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text rest = line->message, message, user = { NULL, 0 };
    int is_apache = text_is(line->program, "apache2") || text_is(line->program, "httpd");
    struct head head = { 0 };
    int has_client, is_invalid = 0;
    int64_t pid;

    if (rest.len == 0 || *rest.ptr != '[' || (line->program.len > 0 && !is_apache) ||
        !read_head(&rest, is_apache, &head))
        return 0;

    if (head.has_time)
        decoded_time(ev, head.at_us, arena);
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("apache"));
    decoded_put_text(ev, FIELD_LOG_LEVEL, head.level);
    if (text_to_int(head.pid, 0, INT32_MAX, &pid) == 0)
        decoded_put_number(ev, FIELD_PROCESS_PID, pid);
    has_client = take_client(&rest, head.has_port, ev);
    decoded_text(ev, EVENT_DESCRIPTION, rest);

    message = take_code(rest, ev);
    if (has_client && may_refuse(&head) && read_failure(message, &user, &is_invalid)) {
        decoded_text(ev, EVENT_TYPE, text_of("login_failed"));
        if (user.len > 0)
            decoded_text(ev, EVENT_USERNAME, user);
        if (is_invalid)
            decoded_put_flag(ev, FIELD_USER_INVALID);
    }
    decoded_text(ev, EVENT_TYPE, text_of("web_error"));
    put_referrer(message, ev);
    return 1;
}

const struct decoder decoder_apache_error = {
    "apache_error", NULL, decode_apache_error, "ah", NULL
};
