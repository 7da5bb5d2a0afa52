/*
 * decode_pam.c - what PAM's modules write, under whatever program
 *
 *   sshd[1]: pam_unix(sshd:auth): authentication failure; ... rhost=A  user=U
 *   sshd(pam_unix)[1]: authentication failure; ...      before Linux-PAM 0.99
 *   vsftpd[1]: PAM 2 more authentication failures; ...  when a program gave up
 *
 * One attempt is one event. A program that writes a line of its own about it
 * (services[]) has that one counted, and PAM's is auth_detail; for all others
 * pam_unix's failure is the attempt. Only pam_unix's: where pam_sss asks a
 * directory after it, both write about the same password. And the old form of
 * sshd counts, since syslogs of its time have "Failed password" elsewhere.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

struct pam_line {
    struct text module, service, message;
    int is_old;
    int is_auth;                /* of PAM's four kinds the one that asks who it is */
};

enum { NAME_MAX_LEN = 64, MORE_MAX = 1000000 };

/* Services whose lines are not the attempt itself; a program counts as its
 * service. A session is session_opened unless said. */
static const struct service {
    const char *name;
    const char *failure, *old_failure, *session;
    int is_for_another;         /* one user asks for the rights of another */
} services[] = {
    { "sshd", "auth_detail", "login_failed", NULL, 0 },
    { "sshd-session", "auth_detail", "login_failed", NULL, 0 },
    { "login", "auth_detail", "auth_detail", NULL, 0 },
    { "remote", "auth_detail", "auth_detail", NULL, 0 },
    { "sudo", "auth_detail", "auth_detail", NULL, 1 },
    { "sudo-i", "auth_detail", "auth_detail", NULL, 1 },
    { "su", "auth_detail", "su", NULL, 1 },
    { "su-l", "auth_detail", "su", NULL, 1 },
    { "runuser", "auth_detail", "su", NULL, 1 },
    { "runuser-l", "auth_detail", "su", NULL, 1 },
    { "polkit-1", "auth_detail", "auth_detail", NULL, 1 },
    { "passwd", "auth_detail", "auth_detail", NULL, 0 },
    { "chfn", "auth_detail", "auth_detail", NULL, 0 },
    { "chsh", "auth_detail", "auth_detail", NULL, 0 },
    { "cron", "auth_detail", "auth_detail", NULL, 0 },
    { "crond", "auth_detail", "auth_detail", NULL, 0 },
    { "atd", "auth_detail", "auth_detail", NULL, 0 },
    { "systemd-user", "auth_detail", "auth_detail", NULL, 0 },
    /* Log people in, and say so in no other line. */
    { "gdm", "login_failed", "login_failed", "login_success", 0 },
    { "gdm-password", "login_failed", "login_failed", "login_success", 0 },
    { "lightdm", "login_failed", "login_failed", "login_success", 0 },
    { "sddm", "login_failed", "login_failed", "login_success", 0 },
    { "kdm", "login_failed", "login_failed", "login_success", 0 },
    { "xdm", "login_failed", "login_failed", "login_success", 0 },
    { "cockpit", "login_failed", "login_failed", "login_success", 0 },
};

static const struct service others = { "", "login_failed", "login_failed", NULL, 0 };

static const struct form opened[] = {
    { "session opened for user %w(uid=%w) by %(uid=%w)", NULL, NULL, { 0 } },
    { "session opened for user %w by %(uid=%w)", NULL, NULL, { 0 } },
    { "session opened for user %w by %", NULL, NULL, { 0 } },
};

/* Everything else that names somebody. */
static const struct form details[] = {
    { "password changed for %", "password_changed", NULL, { FIELD_USER_TARGET_NAME } },
    { "access denied for user `%' from `%'", "auth_detail", NULL,
      { FIELD_USERNAME, FIELD_SOURCE_ADDRESS } },
    { "received for user %: %w (%)", "auth_detail", NULL,
      { FIELD_USERNAME, 0, FIELD_EVENT_REASON } },
    { "Consecutive login failures for user % account temporarily locked",
      "auth_detail", NULL, { FIELD_USERNAME } },
    { "user % (%w) tally %w, deny %w", "auth_detail", NULL, { FIELD_USERNAME } },
    { "Refused user % for service %w", "auth_detail", NULL, { FIELD_USERNAME } },
    { "requirement \"%\" not met by user \"%\"", "auth_detail", NULL,
      { FIELD_EVENT_REASON, FIELD_USERNAME } },
    { "auth could not identify password for [%]", "auth_detail", NULL,
      { FIELD_USERNAME } },
    { "bad username [%]", "auth_detail", NULL, { FIELD_USERNAME } },
    { "account % has expired (%)", "auth_detail", NULL,
      { FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "expired password for user % (%)", "auth_detail", NULL,
      { FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "Invalid verification code for %", "auth_detail", NULL, { FIELD_USERNAME } },
    { "Accepted google_authenticator code for %", "auth_detail", NULL,
      { FIELD_USERNAME } },
};

static int
is_name(struct text text)
{
    if (text.len == 0 || text.len > NAME_MAX_LEN)
        return 0;
    for (size_t i = 0; i < text.len; i++)
        if (strchr(" ()[]:;,'\"", text.ptr[i]) != NULL)
            return 0;
    return 1;
}

/* Take the text before mark off *rest, and the mark. */
static int
take_until(struct text *rest, const char *mark, struct text *ret_text)
{
    const char *at = text_find(*rest, mark);
    size_t n;

    if (at == NULL)
        return 0;
    n = (size_t)(at - rest->ptr);
    *ret_text = (struct text){ rest->ptr, n };
    rest->ptr += n + strlen(mark);
    rest->len -= n + strlen(mark);
    return 1;
}

static int
read_new(const struct log_line *line, struct pam_line *pam)
{
    struct text rest = line->message, kind;

    if (!take_until(&rest, "(", &pam->module) || !take_until(&rest, ":", &pam->service) ||
        !take_until(&rest, "): ", &kind) || !is_name(pam->module) ||
        !is_name(pam->service) || !is_name(kind))
        return 0;
    pam->message = rest;
    pam->is_auth = text_is(kind, "auth");
    return 1;
}

/* "sshd(pam_unix)" as the program's name. */
static int
read_old(const struct log_line *line, struct pam_line *pam)
{
    struct text rest = line->program;

    pam->is_old = pam->is_auth = 1;
    pam->message = line->message;
    return take_until(&rest, "(", &pam->service) && take_until(&rest, ")", &pam->module) &&
           rest.len == 0 && is_name(pam->service) && is_name(pam->module) &&
           text_starts_with(pam->module, "pam_");
}

/* Written by libpam when no module is at work any more. */
static int
read_library(const struct log_line *line, struct pam_line *pam)
{
    struct text values[FORM_FIELDS_MAX], rest = line->message;

    pam->is_auth = 1;
    pam->service = line->program;
    pam->module = text_of("pam_unix");
    pam->message = (struct text){ rest.ptr + 4, rest.len - 4 };
    return form_match("PAM %w more authentication failure; %", rest, values) ||
           form_match("PAM %w more authentication failures; %", rest, values) ||
           form_match("PAM service(%w) ignoring max retries; %", rest, values);
}

static int
read_line(const struct log_line *line, struct pam_line *pam)
{
    if (line->message.len > 4 && memcmp(line->message.ptr, "pam_", 4) == 0)
        return read_new(line, pam);
    if (line->program.len > 0 && line->program.ptr[line->program.len - 1] == ')')
        return read_old(line, pam);
    return line->message.len > 4 && memcmp(line->message.ptr, "PAM ", 4) == 0 &&
           line->program.len > 0 && read_library(line, pam);
}

/* Most differ in the first letter. */
static int
is_equal(struct text text, const char *name)
{
    return text.len > 0 && *text.ptr == *name && text_is(text, name);
}

static const struct service *
find_service(struct text name, struct text program)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (is_equal(name, services[i].name) || is_equal(program, services[i].name))
            return &services[i];
    return &others;
}

/* Some programs give their own name for a terminal: "ssh", "ftp". */
static int
is_terminal(struct text text)
{
    return text_starts_with(text, "tty") || text_starts_with(text, ":") ||
           (text.len > 0 && memchr(text.ptr, '/', text.len) != NULL);
}

/* "logname= uid=0 euid=0 tty=ssh ruser= rhost=HOST  user=NAME": the user's
 * name is last and may hold anything. So may ruser, which some programs fill
 * with what a client says: then what follows counts only if nobody could have
 * forged it. */
static void
read_pairs(struct text rest, const struct service *service, struct event *ev)
{
    struct text logname, uid, euid, tty, asker, host, user = { NULL, 0 };

    if (!take_until(&rest, "logname=", &logname) || logname.len > 0 ||
        !take_until(&rest, " uid=", &logname) || !take_until(&rest, " euid=", &uid) ||
        !take_until(&rest, " tty=", &euid) || !take_until(&rest, " ruser=", &tty) ||
        !take_until(&rest, " rhost=", &asker))
        return;

    if (is_terminal(tty))
        form_keep(ev, FIELD_PROCESS_TTY, tty);
    if (asker.len > 0 && text_find(rest, " rhost=") != NULL)
        return;

    host = text_split(&rest, ' ');
    decoded_source(ev, host);
    if (rest.ptr != NULL && text_starts_with(text_trim(rest), "user="))
        user = (struct text){ text_trim(rest).ptr + 5, text_trim(rest).len - 5 };

    form_keep(ev, service->is_for_another ? FIELD_USER_EFFECTIVE_NAME : FIELD_USERNAME,
              user);
    if (service->is_for_another) {
        form_keep(ev, FIELD_USERNAME, asker.len > 0 ? asker : logname);
        form_keep(ev, FIELD_USER_ID, uid);
    }
}

/* "authentication failure; PAIRS", "... success; PAIRS", "2 more authentication failures; PAIRS". */
static int
decode_verdict(const struct pam_line *pam, const struct service *service,
               uint32_t repeated, struct event *ev)
{
    const char *type = pam->is_old ? service->old_failure : service->failure;
    struct text values[FORM_FIELDS_MAX], pairs;
    int64_t more = 1;

    if (form_match("authentication failure; %", pam->message, values))
        pairs = values[0];
    else if ((form_match("%w more authentication failures; %", pam->message, values) ||
              form_match("%w more authentication failure; %", pam->message, values)) &&
             text_to_int(values[0], 1, MORE_MAX, &more) == 0)
        pairs = values[1];
    else if (form_match("authentication success; %", pam->message, values)) {
        decoded_text(ev, EVENT_TYPE, text_of("auth_detail"));
        read_pairs(values[0], service, ev);
        return 1;
    } else {
        return 0;
    }

    if (!pam->is_auth || !text_is(pam->module, "pam_unix"))
        type = "auth_detail";
    if (strcmp(type, "auth_detail") != 0 && more > 1)
        decoded_number(ev, EVENT_COUNT,
                       more > MORE_MAX / repeated ? MORE_MAX : more * repeated);
    if (strcmp(type, "su") == 0)
        decoded_put_text(ev, FIELD_EVENT_OUTCOME, text_of("failure"));
    decoded_text(ev, EVENT_TYPE, text_of(type));
    read_pairs(pairs, service, ev);
    return 1;
}

/* The values of an opened[]: user, its number or "", by whom, his number. */
static int
read_opened(struct text message, struct text ret_values[FORM_FIELDS_MAX])
{
    struct text found[FORM_FIELDS_MAX];

    if (form_match(opened[0].pattern, message, ret_values))
        return 1;
    for (size_t i = 1; i < sizeof opened / sizeof opened[0]; i++)
        if (form_match(opened[i].pattern, message, found)) {
            ret_values[0] = found[0];
            ret_values[1] = (struct text){ NULL, 0 };
            ret_values[2] = found[1];
            ret_values[3] = found[2];
            return 1;
        }
    return 0;
}

/* su of the time of sshd(pam_unix) wrote no line of its own: when somebody
 * other than root becomes another user, this is it. */
static const char *
opened_type(const struct pam_line *pam, const struct service *service, struct text by_id)
{
    if (pam->is_old && service->old_failure[0] == 's' && by_id.len > 0 &&
        !text_is(by_id, "0"))
        return "su";
    if (service->session != NULL && text_is(pam->module, "pam_unix"))
        return service->session;
    return "session_opened";
}

static int
decode_session(const struct pam_line *pam, const struct service *service,
               struct event *ev)
{
    struct text values[FORM_FIELDS_MAX];
    const char *type;

    if (form_match("session closed for user %", pam->message, values)) {
        decoded_text(ev, EVENT_TYPE, text_of("session_closed"));
        form_keep(ev, service->is_for_another ? FIELD_USER_EFFECTIVE_NAME :
                  FIELD_USERNAME, values[0]);
        return 1;
    }
    if (!read_opened(pam->message, values))
        return 0;

    type = opened_type(pam, service, values[3]);
    decoded_text(ev, EVENT_TYPE, text_of(type));
    if (strcmp(type, "su") == 0)
        decoded_put_text(ev, FIELD_EVENT_OUTCOME, text_of("success"));
    if (service->is_for_another) {
        form_keep(ev, FIELD_USERNAME, values[2]);
        form_keep(ev, FIELD_USER_ID, values[3]);
        form_keep(ev, FIELD_USER_EFFECTIVE_NAME, values[0]);
        form_keep(ev, FIELD_USER_EFFECTIVE_ID, values[1]);
    } else {
        form_keep(ev, FIELD_USERNAME, values[0]);
        form_keep(ev, FIELD_USER_ID, values[1]);
    }
    return 1;
}

/* Before anything else is done with a line that may be anything. */
static int
could_be(const struct log_line *line)
{
    return (line->message.len > 4 && (memcmp(line->message.ptr, "pam_", 4) == 0 ||
                                      memcmp(line->message.ptr, "PAM ", 4) == 0)) ||
           (line->program.len > 0 && line->program.ptr[line->program.len - 1] == ')');
}

static int
decode_pam(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct pam_line pam;
    const struct service *service;

    (void)arena;
    if (!could_be(line))
        return 0;
    pam = (struct pam_line){ .is_old = 0 };
    if (!read_line(line, &pam))
        return 0;

    service = find_service(pam.service, line->program);
    decoded_text(ev, EVENT_DESCRIPTION, line->message);
    decoded_put_text(ev, FIELD_SERVICE_NAME, pam.service);
    if (!decode_verdict(&pam, service, line->repeated, ev) &&
        !decode_session(&pam, service, ev))
        (void)form_decode(details, sizeof details / sizeof details[0], pam.message, ev);
    decoded_text(ev, EVENT_TYPE, text_of("auth_detail"));
    return 1;
}

const struct decoder decoder_pam = { "pam", NULL, decode_pam, NULL, NULL };
