/*
 * decode_login.c - logins on a console or by telnet: login of util-linux, shadow
 *
 * One line per attempt. shadow's login (Debian until 12) says nothing of its
 * own when an ordinary user came in; PAM's session is then all there is.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

/* FIELD_SOURCE_ADDRESS: where from, which is a terminal when nobody is remote. */
static const struct form forms[] = {
    /* util-linux */
    { "FAILED LOGIN %w FROM %w FOR %, %c", "login_failed", NULL,
      { 0, FIELD_SOURCE_ADDRESS, FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "FAILED LOGIN SESSION FROM %w FOR %, %c", "login_failed", NULL,
      { FIELD_SOURCE_ADDRESS, FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "TOO MANY LOGIN TRIES (%w) FROM %w FOR %, %c", "login_failed", NULL,
      { 0, FIELD_SOURCE_ADDRESS, FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "LOGIN ON %w BY %w FROM %w", "login_success", NULL,
      { FIELD_PROCESS_TTY, FIELD_USERNAME, FIELD_SOURCE_ADDRESS } },
    { "LOGIN ON %w BY %w", "login_success", NULL,
      { FIELD_PROCESS_TTY, FIELD_USERNAME } },
    { "DIALUP AT %w BY %w", "auth_detail", NULL, { FIELD_PROCESS_TTY, FIELD_USERNAME } },
    /* shadow; its last failure of a connection is only a TOO MANY */
    { "FAILED LOGIN (%w) on '%w' from '%w' FOR '%', %c", "login_failed", NULL,
      { 0, FIELD_PROCESS_TTY, FIELD_SOURCE_ADDRESS, FIELD_USERNAME,
        FIELD_EVENT_REASON } },
    { "FAILED LOGIN (%w) on '%w' FOR '%', %c", "login_failed", NULL,
      { 0, FIELD_PROCESS_TTY, FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "TOO MANY LOGIN TRIES (%w) on '%w' from '%w' FOR '%'", "login_failed", NULL,
      { 0, FIELD_PROCESS_TTY, FIELD_SOURCE_ADDRESS, FIELD_USERNAME } },
    { "TOO MANY LOGIN TRIES (%w) on '%w' FOR '%'", "login_failed", NULL,
      { 0, FIELD_PROCESS_TTY, FIELD_USERNAME } },
};

static const struct form root_forms[] = {
    { "ROOT LOGIN ON %w FROM %w", "login_success", NULL,
      { FIELD_PROCESS_TTY, FIELD_SOURCE_ADDRESS } },
    { "ROOT LOGIN ON %w", "login_success", NULL, { FIELD_PROCESS_TTY } },
    { "ROOT LOGIN  on '%w' from '%w'", "login_success", NULL,
      { FIELD_PROCESS_TTY, FIELD_SOURCE_ADDRESS } },
    { "ROOT LOGIN  on '%w'", "login_success", NULL, { FIELD_PROCESS_TTY } },
};

static const char *const terminals[] = { "tty", "pts/", "/dev/", "console", "hvc" };
static const char *const nobodies[] = { "(unknown)", "UNKNOWN", "(null)" };

static int
is_terminal(struct text text)
{
    for (size_t i = 0; i < sizeof terminals / sizeof terminals[0]; i++)
        if (text_starts_with(text, terminals[i]))
            return 1;
    return 0;
}

static void
keep(struct event *ev, enum field field, struct text value)
{
    for (size_t i = 0; i < sizeof nobodies / sizeof nobodies[0]; i++)
        if (text_is(value, nobodies[i]))
            return;
    if (field == FIELD_SOURCE_ADDRESS && is_terminal(value))
        field = FIELD_PROCESS_TTY;
    form_keep(ev, field, value);
}

static int
decode_forms(const struct form *rows, size_t count, struct text message,
             struct event *ev)
{
    struct text values[FORM_FIELDS_MAX];

    for (size_t i = 0; i < count; i++) {
        if (!form_match(rows[i].pattern, message, values))
            continue;
        decoded_text(ev, EVENT_TYPE, text_of(rows[i].event_type));
        decoded_text(ev, EVENT_DESCRIPTION, message);
        for (size_t k = 0; k < FORM_FIELDS_MAX; k++)
            keep(ev, rows[i].fields[k], values[k]);
        return 1;
    }
    return 0;
}

/* An old login gave itself another name, which no header takes for a
 * program's: "Jun 14 15:16:01 combo  -- root[2421]: ROOT LOGIN ON tty2". */
static struct text
drop_title(const struct log_line *line)
{
    static const char mark[] = "]: ";
    const char *at = text_find(line->message, mark);

    if (at == NULL || line->program.len > 0)
        return line->message;
    at += sizeof mark - 1;
    return (struct text){ at, (size_t)(line->message.ptr + line->message.len - at) };
}

static int
decode_login(const struct log_line *line, struct arena *arena, struct event *ev)
{
    int is_titled = line->program.len == 0;

    (void)arena;
    if (is_titled ? line->message.len < 9 || memcmp(line->message.ptr, "-- root[", 8) != 0
                  : !text_is(line->program, "login"))
        return 0;
    if (decode_forms(root_forms, sizeof root_forms / sizeof root_forms[0],
                     drop_title(line), ev)) {
        decoded_text(ev, EVENT_USERNAME, text_of("root"));
        return 1;
    }
    return !is_titled && decode_forms(forms, sizeof forms / sizeof forms[0],
                                      line->message, ev);
}

const struct decoder decoder_login = { "login", NULL, decode_login, "l", NULL };
