/*
 * decode_sshd.c - what OpenSSH's server writes about logins
 *
 * sshd and PAM write up to five lines about one attempt. Exactly one of them,
 * auth_log()'s "Failed METHOD for USER from ADDRESS" (auth.c), is written once
 * per attempt whatever the configuration, so only that is login_failed; all
 * others are auth_detail (PAM's: decode_pam.c). fail2ban and the distributions
 * count so as well.
 */
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/pattern.h"

struct message {
    const char *pattern;
    const char *event_type;
    int is_invalid_user;
};

/* auth_log()'s first word. */
struct verdict {
    const char *word;
    const char *event_type;
    int is_failure;
};

static const struct verdict verdicts[] = {
    { "Accepted ", "login_success", 0 },
    { "Failed ", "login_failed", 1 },       /* but for silent_methods[] */
    { "Postponed ", "auth_detail", 0 },
    { "Partial ", "auth_detail", 0 },
};

/* Methods that a client goes through by itself, several per login, before
 * anybody is asked for a password: their failure is no attempt. A public key
 * for a user who does not exist is one. */
static const struct {
    const char *method;
    int counts_for_invalid_user;
} silent_methods[] = {
    { "none", 0 },              /* asks which methods there are */
    { "publickey", 1 },         /* each key of the agent */
    { "hostbased", 1 },
    { "gssapi-with-mic", 1 },
    { "gssapi-keyex", 1 },
};

/* After "METHOD for [invalid user ]". A key's fingerprint may follow, or a
 * certificate, whose name its maker chose: hence %*, and only as the last. */
static const char *const attempts[] = {
    "%u from %a port %p ssh2",
    "%u from %a port %p",
    "%u from %a port %p ssh1",
    "%u from %a port %p ssh2: %w %w",
    "%u from %a port %p ssh2: %*",
};

static const char accepted[] = "%m from %a port %p ssh2: %*";

/* Everything else; the first that fits. */
static const struct message messages[] = {
    { "Invalid user %u from %a port %p", "auth_detail", 1 },
    { "Invalid user %u from %a", "auth_detail", 1 },
    { "Illegal user %u from %a", "auth_detail", 1 },
    { "input_userauth_request: invalid user %u", "auth_detail", 1 },
    { "input_userauth_request: illegal user %u", "auth_detail", 1 },
    { "User %u from %a not allowed because %*", "auth_detail", 0 },
    { "Disconnecting: Too many authentication failures for invalid user %u from %a"
      " port %p ssh2", "auth_detail", 1 },
    { "Disconnecting: Too many authentication failures for %u from %a port %p ssh2",
      "auth_detail", 0 },
    { "Disconnecting: Too many authentication failures for %u", "auth_detail", 0 },
    { "Disconnecting: Too many authentication failures", "auth_detail", 0 },
    { "Disconnecting invalid user %u %i port %p: %*", "auth_detail", 1 },
    { "Disconnecting authenticating user %u %i port %p: %*", "auth_detail", 0 },
    { "Connection closed by invalid user %u %i port %p", "auth_detail", 1 },
    { "Connection closed by authenticating user %u %i port %p", "auth_detail", 0 },
    { "Connection reset by invalid user %u %i port %p", "auth_detail", 1 },
    { "Connection reset by authenticating user %u %i port %p", "auth_detail", 0 },
    { "Disconnected from invalid user %u %i port %p", "auth_detail", 1 },
    { "Disconnected from authenticating user %u %i port %p", "auth_detail", 0 },
    { "Disconnected from user %u %i port %p", "connection", 0 },
    { "maximum authentication attempts exceeded for invalid user %u from %a port %p"
      " ssh2", "auth_detail", 1 },
    { "maximum authentication attempts exceeded for %u from %a port %p ssh2",
      "auth_detail", 0 },
    { "PAM: Authentication failure for illegal user %u from %a", "auth_detail", 1 },
    { "PAM: Authentication failure for %u from %a", "auth_detail", 0 },
    { "PAM: User not known to the underlying authentication module for illegal user %u"
      " from %a", "auth_detail", 1 },
    { "PAM: %*", "auth_detail", 0 },
    { "Received disconnect from %i port %p:%*", "connection", 0 },
    { "Received disconnect from %i: %*", "connection", 0 },
    { "Connection from %i port %p", "connection", 0 },
    { "Connection from %i port %p on %*", "connection", 0 },
    { "Connection closed by %i port %p", "connection", 0 },
    { "Connection closed by %i", "connection", 0 },
    { "Connection reset by %i port %p", "connection", 0 },
    { "Disconnected from %i port %p", "connection", 0 },
    { "Did not receive identification string from %i port %p", "connection", 0 },
    { "Did not receive identification string from %i", "connection", 0 },
    { "Bad protocol version identification '%s' from %i port %p", "connection", 0 },
    { "Bad protocol version identification '%s' from %i", "connection", 0 },
    { "banner exchange: Connection from %i port %p: %*", "connection", 0 },
    { "ssh_dispatch_run_fatal: Connection from %i port %p: %*", "connection", 0 },
    { "Unable to negotiate with %i port %p: %*", "connection", 0 },
    { "Unable to negotiate with %i: %*", "connection", 0 },
    { "Timeout before authentication for %i port %p", "connection", 0 },
    { "Timeout before authentication for %i", "connection", 0 },
    { "Timeout before authentication for connection from %i to %*", "connection", 0 },
    { "reverse mapping checking getaddrinfo for %w [%i] failed%*", "connection", 0 },
    { "Address %i maps to %w, but this does not map back%*", "connection", 0 },
    { "Nasty PTR record \"%s\" is set up for %i, ignoring", "connection", 0 },
    { "refused connect from %w (%i)", "connection", 0 },
    { "drop connection #%w from [%i]:%p on %*", "connection", 0 },
    { "kex_exchange_identification: %*", "connection", 0 },
};

static const char *const levels[] = { "error: ", "fatal: ", "info: ", "debug1: " };

static struct text
drop_prefix(struct text text, const char *prefix)
{
    size_t n = text_starts_with(text, prefix) ? text_of(prefix).len : 0;

    return (struct text){ text.ptr + n, text.len - n };
}

/* The message without its level and the "[preauth]" of the unprivileged child. */
static struct text
bare_message(struct text text)
{
    static const char suffix[] = " [preauth]";

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        text = drop_prefix(text, levels[i]);
    if (text_ends_with(text, suffix))
        text.len -= sizeof suffix - 1;
    return text;
}

static void
keep(struct event *ev, const char *event_type, const struct captures *caps,
     int is_invalid)
{
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    decoded_source(ev, caps->address);

    /* A client may name nobody; an absent name groups no strangers together. */
    if (caps->user.len > 0)
        decoded_text(ev, EVENT_USERNAME, caps->user);
    if (caps->port > 0)
        decoded_put_number(ev, FIELD_SOURCE_PORT, caps->port);
    decoded_put_text(ev, FIELD_SSH_METHOD, caps->method);
    if (is_invalid)
        decoded_put_flag(ev, FIELD_USER_INVALID);
}

static int
is_silent(struct text method, int is_invalid)
{
    for (size_t i = 0; i < sizeof silent_methods / sizeof silent_methods[0]; i++)
        if (text_is(method, silent_methods[i].method))
            return !(is_invalid && silent_methods[i].counts_for_invalid_user);
    return 0;
}

/* "Failed password for invalid user X from A port N ssh2" and its like. */
static int
decode_attempt(struct text text, const struct verdict *verdict, struct event *ev)
{
    struct text rest = drop_prefix(text, verdict->word), user;
    struct captures caps = { .port = -1 }, found;
    const char *event_type = verdict->event_type;
    int is_invalid;

    if (rest.ptr == text.ptr || !pattern_match("%m for %*", rest, &caps))
        return 0;

    rest = drop_prefix((struct text){ rest.ptr + caps.method.len,
                                      rest.len - caps.method.len }, " for ");
    user = drop_prefix(drop_prefix(rest, "invalid user "), "illegal user ");
    is_invalid = user.ptr != rest.ptr;

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        if (pattern_match(attempts[i], user, &found)) {
            found.method = caps.method;
            caps = found;
            break;
        }

    /* A certificate's name can be misread so; who came in is an account, whose
     * name has no space. */
    if (caps.is_ambiguous && !verdict->is_failure && !is_invalid &&
        pattern_match(accepted, user, &found)) {
        found.user = found.method;
        found.method = caps.method;
        caps = found;
    }

    if (verdict->is_failure && is_silent(caps.method, is_invalid))
        event_type = "auth_detail";
    keep(ev, event_type, &caps, is_invalid);
    return 1;
}

static int
decode_message(struct text text, struct event *ev)
{
    struct captures caps;

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (pattern_match(messages[i].pattern, text, &caps)) {
            keep(ev, messages[i].event_type, &caps, messages[i].is_invalid_user);
            return 1;
        }
    return 0;
}

static int
decode_sshd(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text text = bare_message(line->message);
    int is_known = 0;

    (void)arena;
    decoded_text(ev, EVENT_DESCRIPTION, line->message);

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0] && !is_known; i++)
        is_known = decode_attempt(text, &verdicts[i], ev);

    if (!is_known && !decode_message(text, ev))
        decoded_text(ev, EVENT_TYPE, text_of("sshd"));
    return 1;
}

const struct decoder decoder_sshd = {
    "sshd", "sshd sshd-session sshd-auth", decode_sshd, NULL, NULL
};
