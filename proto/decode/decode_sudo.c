/*
 * decode_sudo.c - sudo: one user runs a command with the rights of another
 *
 *   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/bash
 *   alice : 3 incorrect password attempts ; TTY=pts/0 ; PWD=... ; COMMAND=...
 *
 * The fields come in this order: HOST TTY CHROOT PWD USER GROUP TSID ENV
 * COMMAND, and alice chose three of them: the name of the folder, the
 * environment and the command's arguments may hold " ; USER=nobody". What can
 * be read in two ways is left out.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

/* sudo's complaints that are no answer to what was asked. */
static const char *const warnings[] = {
    "unable to ", "problem with ", "parse error ", "(command continued)", "ignoring ",
};

enum { EARLY_FIELDS = 6 };      /* a reason, HOST, TTY, CHROOT, and PWD */

struct request {
    struct text asker, reason;      /* reason: why it was refused */
    struct text tty, folder, user, group, command;
};

static struct text
from(struct text text, const char *at)
{
    return (struct text){ at, (size_t)(text.ptr + text.len - at) };
}

/* The value of " ; NAME=" where it stands first in text, to the next " ; " or
 * to text's end; {NULL, 0} when it is not there. */
static struct text
value_of(struct text text, const char *name)
{
    const char *at = text_find(text, name), *end;
    struct text value;

    if (at == NULL)
        return (struct text){ NULL, 0 };
    value = from(text, at + strlen(name));
    end = text_find(value, " ; ");
    if (end != NULL)
        value.len = (size_t)(end - value.ptr);
    return value;
}

/* Whether every " ; USER=" of text is followed by the same name. */
static int
is_one_user(struct text text)
{
    static const char mark[] = " ; USER=";
    struct text first = value_of(text, mark);
    const char *at;

    while ((at = text_find(text, mark)) != NULL) {
        if (!text_equals(value_of(text, mark), first))
            return 0;
        text = from(text, at + sizeof mark - 1);
    }
    return 1;
}

/* "PWD=/home/alice ; USER=root ; GROUP=adm ; ENV=A=b ; COMMAND=/bin/ls -l".
 * Only the first COMMAND= can be sudo's, unless the folder's name has one; in
 * either case what follows the first holds all of the command. */
static void
read_target(struct text text, struct request *request)
{
    const char *user = text_find(text, " ; USER="), *command;

    if (user == NULL)
        return;
    command = text_find(from(text, user), " ; COMMAND=");
    if (command != NULL)
        request->command = from(text, command + strlen(" ; COMMAND="));

    if (is_one_user(text))
        request->user = value_of(from(text, user), " ; USER=");
    if (text_find(from(text, user + 1), " ; USER=") != NULL)
        return;
    request->folder = (struct text){ text.ptr + 4, (size_t)(user - text.ptr - 4) };
    if (command != NULL)
        request->group = value_of((struct text){ user, (size_t)(command - user) },
                                  " ; GROUP=");
}

/* What follows "alice : ". 1 when it names a folder, as all requests do. */
static int
read_request(struct text text, struct request *request)
{
    static const char separator[] = " ; ";

    for (int i = 0; i < EARLY_FIELDS; i++) {
        struct text piece = value_of(text, "");

        if (text_starts_with(text, "PWD=")) {
            read_target(text, request);
            return 1;
        }
        if (text_starts_with(piece, "TTY="))
            request->tty = (struct text){ piece.ptr + 4, piece.len - 4 };
        else if (i == 0 && !text_starts_with(piece, "HOST=") &&
                 !text_starts_with(piece, "CHROOT="))
            request->reason = piece;
        if (text.len < piece.len + sizeof separator - 1)
            return 0;
        text = from(text, piece.ptr + piece.len + sizeof separator - 1);
    }
    return 0;
}

static int
is_warning(struct text reason)
{
    for (size_t i = 0; i < sizeof warnings / sizeof warnings[0]; i++)
        if (text_starts_with(reason, warnings[i]))
            return 1;
    return 0;
}

static int
decode_sudo(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text message = line->message;
    const char *mark = text_find(message, " : ");
    struct request request = { .tty = { NULL, 0 } };
    int is_request;

    (void)arena;
    if (mark == NULL || mark == message.ptr)
        return 0;
    request.asker = (struct text){ message.ptr, (size_t)(mark - message.ptr) };
    is_request = read_request(from(message, mark + 3), &request) &&
                 !is_warning(request.reason) && request.command.ptr != NULL;

    decoded_text(ev, EVENT_TYPE, text_of(is_request ? "sudo" : "auth_detail"));
    decoded_text(ev, EVENT_DESCRIPTION, message);
    form_keep(ev, FIELD_USERNAME, request.asker);
    if (is_request)
        form_keep(ev, FIELD_EVENT_OUTCOME,
                  text_of(request.reason.len > 0 ? "failure" : "success"));
    form_keep(ev, FIELD_EVENT_REASON, request.reason);
    if (!text_is(request.tty, "unknown"))
        form_keep(ev, FIELD_PROCESS_TTY, request.tty);
    form_keep(ev, FIELD_PROCESS_WORKING_DIRECTORY, request.folder);
    form_keep(ev, FIELD_USER_EFFECTIVE_NAME, request.user);
    form_keep(ev, FIELD_GROUP_NAME, request.group);
    form_keep(ev, FIELD_PROCESS_COMMAND_LINE, request.command);
    return 1;
}

const struct decoder decoder_sudo = { "sudo", "sudo sudoedit", decode_sudo, NULL, NULL };
