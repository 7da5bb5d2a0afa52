/*
 * decode_nginx_error.c - nginx's error log
 *
 *   2026/11/22 10:00:00 [error] 7#7: *5 message, client: ADDRESS, server: NAME,
 *       request: "GET / HTTP/1.1", upstream: "URL", host: "NAME", referrer: "URL"
 *
 * nginx escapes nothing here: a path in the message and a request behind it may
 * both read ", client: 192.0.2.1". What is there twice and differs is not taken,
 * but for refused passwords: a user of basic authentication has no colon in his
 * name (RFC 7617), so there the first that follows it is nginx's own.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/take.h"
#include "proto/decode/web_text.h"

static const char client_marker[] = ", client: ";

static const char *const levels[] = {
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
};

/* What follows marker in text, when marker is there once; else {NULL, 0}. */
static struct text
after_only(struct text text, const char *marker)
{
    const char *at = text_find(text, marker);
    struct text rest;

    if (at == NULL)
        return (struct text){ NULL, 0 };
    rest = from_to(at + strlen(marker), end_of(text));
    return text_find(rest, marker) == NULL ? rest : (struct text){ NULL, 0 };
}

/* "[error] 7#7: *5 " off *rest, with the level and the pid. */
static int
take_head(struct text *rest, struct text *ret_level, struct text *ret_pid)
{
    struct text text = *rest, word;

    if (!text_starts_with(text, " ["))
        return 0;
    word = text_split(&text, ']');
    word = from_to(word.ptr + 2, end_of(word));
    *ret_level = (struct text){ NULL, 0 };
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (text_is(word, levels[i]))
            *ret_level = word;
    if (ret_level->ptr == NULL || !text_starts_with(text, " "))
        return 0;

    text = from_to(text.ptr + 1, end_of(text));
    *ret_pid = text_split(&text, '#');
    (void)text_split(&text, ' ');
    if (text.ptr == NULL)
        return 0;
    if (text_starts_with(text, "*"))        /* the connection's number */
        (void)text_split(&text, ' ');
    if (text.ptr == NULL)
        return 0;
    *rest = text;
    return 1;
}

/* user "NAME": password mismatch, and user "NAME" was not found in "FILE". */
static int
read_failure(struct text message, struct text *ret_user, int *ret_is_invalid,
             struct text *ret_rest)
{
    static const char start[] = "user \"", found[] = "\" was not found in \"";
    struct text rest, name;
    const char *colon, *at = NULL, *next;

    if (!text_starts_with(message, start))
        return 0;
    rest = from_to(message.ptr + sizeof start - 1, end_of(message));
    colon = memchr(rest.ptr, ':', rest.len);
    if (colon == NULL)
        return 0;
    *ret_rest = from_to(colon, end_of(message));
    name = from_to(rest.ptr, colon);

    if (text_starts_with(*ret_rest, ": password mismatch") && text_ends_with(name, "\"")) {
        *ret_user = from_to(name.ptr, colon - 1);
        *ret_is_invalid = 0;
        return 1;
    }
    while ((next = text_find(from_to(at == NULL ? name.ptr : at + 1, colon), found)) != NULL)
        at = next;
    if (at == NULL)
        return 0;
    *ret_rest = from_to(at, end_of(message));
    *ret_user = from_to(name.ptr, at);
    *ret_is_invalid = 1;
    return 1;
}

/* The address after ", client: "; with is_sure the first, otherwise the only
 * one. *ret_rest is what follows it. {NULL, 0} when there is none. */
static struct text
read_client(struct text text, int is_sure, struct text *ret_rest)
{
    struct text client = { NULL, 0 };
    const char *at;

    while ((at = text_find(text, client_marker)) != NULL) {
        struct text found;

        text = from_to(at + sizeof client_marker - 1, end_of(text));
        found = (struct text){ text.ptr, 0 };
        while (found.len < text.len && found.ptr[found.len] != ',' &&
               found.ptr[found.len] != ' ')
            found.len++;
        if (client.ptr != NULL && !text_equals(client, found))
            return (struct text){ NULL, 0 };
        *ret_rest = from_to(end_of(found), end_of(text));
        client = found;
        if (is_sure)
            break;
    }
    return client;
}

/* 'request: "...", upstream: "...", host: "...", referrer: "..."', each as long
 * as nothing in it reads like the next. */
static void
put_request(struct text text, struct event *ev)
{
    static const char *const next[] = { "\", subrequest: \"", "\", upstream: \"",
                                        "\", host: \"", "\", referrer: \"" };
    struct text request = after_only(text, ", request: \"");
    struct text host = after_only(text, "\", host: \"");
    struct text referrer = after_only(text, "\", referrer: \"");
    const char *end = request.ptr != NULL ? end_of(request) - 1 : NULL;

    if (request.len == 0 || !text_ends_with(text, "\""))
        return;
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        const char *at = text_find(request, next[i]);

        if (at != NULL && after_only(text, next[i]).ptr == NULL)
            return;
        if (at != NULL && at < end)
            end = at;
    }
    web_put_request(ev, from_to(request.ptr, end));

    if (host.len > 1) {
        struct text name = from_to(host.ptr, memchr(host.ptr, '"', host.len)), bare;

        bare = web_without_port(name);
        decoded_put_text(ev, FIELD_URL_DOMAIN, bare.ptr != NULL ? bare : name);
    }
    if (referrer.len > 1)
        decoded_put_text(ev, FIELD_HTTP_REQUEST_REFERRER,
                         from_to(referrer.ptr, end_of(referrer) - 1));
}

static int
decode_nginx_error(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text rest = line->message, level, pid, user, tail = { NULL, 0 };
    int is_failure, is_invalid = 0;
    int64_t at_us, number;

    if (rest.len < 24 || rest.ptr[4] != '/' || rest.ptr[7] != '/' ||
        log_time_take_date(&rest, &at_us) != 0 || !take_head(&rest, &level, &pid))
        return 0;

    decoded_time(ev, at_us, arena);
    decoded_put_text(ev, FIELD_SERVICE_NAME, text_of("nginx"));
    decoded_put_text(ev, FIELD_LOG_LEVEL, level);
    if (text_to_int(pid, 0, INT32_MAX, &number) == 0)
        decoded_put_number(ev, FIELD_PROCESS_PID, number);
    decoded_text(ev, EVENT_DESCRIPTION, rest);

    is_failure = read_failure(rest, &user, &is_invalid, &tail);
    decoded_source(ev, read_client(is_failure ? tail : rest, is_failure, &tail));
    decoded_text(ev, EVENT_TYPE, text_of(is_failure ? "login_failed" : "web_error"));
    if (is_failure && user.len > 0)
        decoded_text(ev, EVENT_USERNAME, user);
    if (is_invalid)
        decoded_put_flag(ev, FIELD_USER_INVALID);
    if (tail.ptr != NULL && ev->known[EVENT_SOURCE_IP].kind != VALUE_ABSENT)
        put_request(tail, ev);
    return 1;
}

const struct decoder decoder_nginx_error = {
    "nginx_error", NULL, decode_nginx_error, NULL, NULL
};
