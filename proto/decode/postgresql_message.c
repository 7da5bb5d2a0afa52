#include "proto/decode/postgresql_message.h"

#include <string.h>

#include "proto/decode/decoded.h"
#include "proto/decode/pattern.h"
#include "proto/decode/take.h"

/* %m is the way that was tried: password, Peer, LDAP. */
static const struct {
    const char *level, *pattern, *event_type;
    int is_invalid_user;
} messages[] = {
    { "fatal", "%m authentication failed for user \"%u\"", "login_failed", 0 },
    { "fatal", "authentication failed for user \"%u\": host rejected", "login_failed", 0 },
    { "fatal", "role \"%u\" does not exist", "login_failed", 1 },
    { "fatal", "role \"%u\" is not permitted to log in", "login_failed", 0 },
    { "detail", "Role \"%u\" does not exist.", "auth_detail", 1 },
    { "detail", "User \"%u\" has no password assigned.", "auth_detail", 0 },
    { "detail", "Password does not match for user \"%u\".", "auth_detail", 0 },
    { "detail", "Connection matched %*", "auth_detail", 0 },
    { "log", "connection authenticated: identity=\"%u\" method=%m (%*", "auth_detail", 0 },
    { "log", "connection received: host=%a port=%p", "connection", 0 },
    { "log", "connection received: host=%a", "connection", 0 },
    { "log", "connection received: host=[local]", "connection", 0 },
};

/* "no pg_hba.conf entry for host "1.2.3.4", user "x", database "y", SSL off":
 * the address stands first, and user and database are the client's choice. */
static const char *const refusals[] = {
    "no pg_hba.conf entry for host \"",
    "no pg_hba.conf entry for replication connection from host \"",
    "pg_hba.conf rejects connection for host \"",
    "pg_hba.conf rejects replication connection for host \"",
};

static const char *const refused[] = {
    "user \"%u\", database \"%s\"",
    "user \"%u\", database \"%s\", SSL off",
    "user \"%u\", database \"%s\", SSL on",
    "user \"%u\", database \"%s\", SSL encryption",
    "user \"%u\", database \"%s\", GSS encryption",
    "user \"%u\", database \"%s\", no encryption",
    "user \"%u\", SSL off",
    "user \"%u\", SSL on",
    "user \"%u\", SSL encryption",
    "user \"%u\", no encryption",
};

static int
is_once(struct text text, const char *needle)
{
    const char *at = text_find(text, needle);

    return at == NULL ||
           text_find(drop(text, (size_t)(at - text.ptr) + 1), needle) == NULL;
}

static int
put_refusal(struct text message, struct text *ret_user, struct event *ev)
{
    struct text rest = { NULL, 0 };
    struct captures caps;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (text_starts_with(message, refusals[i]))
            rest = drop(message, strlen(refusals[i]));
    if (rest.ptr == NULL)
        return 0;

    decoded_text(ev, EVENT_TYPE, text_of("login_failed"));
    decoded_source(ev, text_split(&rest, '"'));
    if (rest.ptr == NULL || !text_starts_with(rest, ", "))
        return 1;
    rest = drop(rest, 2);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (pattern_match(refused[i], rest, &caps) && is_once(rest, "\", database \"")) {
            *ret_user = caps.user;
            break;
        }
    return 1;
}

/* "user=bob database=app ..." of somebody who is logged in: he may have chosen
 * his application's name, which stands behind. */
static int
put_session(struct text message, struct text *ret_user, struct event *ev)
{
    static const struct {
        const char *start;
        const char *event_type;
    } starts[] = {
        { "connection authorized: ", "login_success" },
        { "replication connection authorized: ", "login_success" },
        { "disconnection: session time: ", "session_closed" },
    };
    struct text rest = { NULL, 0 }, word;

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (text_starts_with(message, starts[i].start)) {
            rest = drop(message, strlen(starts[i].start));
            decoded_text(ev, EVENT_TYPE, text_of(starts[i].event_type));
        }
    if (rest.ptr == NULL)
        return 0;

    while (rest.ptr != NULL) {
        word = text_split(&rest, ' ');
        if (text_starts_with(word, "user=") && ret_user->ptr == NULL)
            *ret_user = drop(word, 5);
        else if (text_starts_with(word, "database="))
            decoded_put_text(ev, FIELD_DATABASE_NAME, drop(word, 9));
        else if (text_starts_with(word, "host="))
            decoded_source(ev, text_is(word, "host=[local]") ? (struct text){ NULL, 0 }
                                                             : drop(word, 5));
        else if (text_starts_with(word, "application_name="))
            break;
    }
    return 1;
}

static void
put_other(struct text level, struct text message, struct text *ret_user, struct event *ev)
{
    struct captures caps;

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (!text_is(level, messages[i].level) ||
            !pattern_match(messages[i].pattern, message, &caps))
            continue;
        decoded_text(ev, EVENT_TYPE, text_of(messages[i].event_type));
        decoded_source(ev, caps.address);
        if (caps.port > 0)
            decoded_put_number(ev, FIELD_SOURCE_PORT, caps.port);
        if (messages[i].is_invalid_user)
            decoded_put_flag(ev, FIELD_USER_INVALID);
        *ret_user = caps.user;
        return;
    }
}

void
postgresql_put_message(struct text level, struct text message, struct text *ret_user,
                       struct event *ev)
{
    int is_done = 0;

    *ret_user = (struct text){ NULL, 0 };
    decoded_text(ev, EVENT_DESCRIPTION, message);

    if (text_is(level, "fatal"))
        is_done = put_refusal(message, ret_user, ev);
    else if (text_is(level, "log"))
        is_done = put_session(message, ret_user, ev);
    if (!is_done)
        put_other(level, message, ret_user, ev);
    if (ret_user->len > 0)
        decoded_text(ev, EVENT_USERNAME, *ret_user);
    decoded_text(ev, EVENT_TYPE, text_of("postgresql"));
}
