/*
 * decode_accounts.c - accounts and groups made, changed and removed, by shadow
 *
 * One change is written for each file that it touches (group, gshadow,
 * passwd): the one of the plain file is the event, its twins are auth_detail.
 * Older releases quote `so'.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

#define TARGET FIELD_USER_TARGET_NAME
#define GROUP FIELD_GROUP_NAME

static const struct form forms[] = {
    /* useradd, newusers */
    { "new user: name=%, UID=%w, GID=%w, home=%, shell=%, from=%w", "user_created", NULL,
      { TARGET, FIELD_USER_TARGET_ID, FIELD_GROUP_ID, FIELD_USER_HOME, FIELD_USER_SHELL,
        FIELD_PROCESS_TTY } },
    { "new user: name=%, UID=%w, GID=%w, home=%, shell=%", "user_created", NULL,
      { TARGET, FIELD_USER_TARGET_ID, FIELD_GROUP_ID, FIELD_USER_HOME,
        FIELD_USER_SHELL } },
    { "new group: name=%, GID=%w", "group_created", NULL, { GROUP, FIELD_GROUP_ID } },
    { "add '%' to group '%'", "group_changed", NULL, { TARGET, GROUP } },
    { "add '%' to shadow group '%'", "auth_detail", NULL, { TARGET, GROUP } },
    { "failed adding user '%', %", "auth_detail", "failure",
      { TARGET, FIELD_EVENT_REASON } },
    /* userdel */
    { "delete user '%'", "user_removed", NULL, { TARGET } },
    { "delete '%' from group '%'", "group_changed", NULL, { TARGET, GROUP } },
    { "delete '%' from shadow group '%'", "auth_detail", NULL, { TARGET, GROUP } },
    { "removed group '%' owned by '%'", "group_removed", NULL, { GROUP, TARGET } },
    { "removed shadow group '%' owned by '%'", "auth_detail", NULL, { GROUP, TARGET } },
    /* usermod */
    { "change user '%' password", "password_changed", NULL, { TARGET } },
    { "lock user '%' password", "user_changed", NULL, { TARGET } },
    { "unlock user '%' password", "user_changed", NULL, { TARGET } },
    { "change user name '%' to '%'", "user_changed", NULL,
      { TARGET, FIELD_USER_CHANGES_NAME } },
    { "change user '%' UID from '%w' to '%w'", "user_changed", NULL,
      { TARGET, 0, FIELD_USER_TARGET_ID } },
    { "change user '%' GID from '%w' to '%w'", "user_changed", NULL,
      { TARGET, 0, FIELD_GROUP_ID } },
    { "change user '%' home from '%' to '%'", "user_changed", NULL,
      { TARGET, 0, FIELD_USER_HOME } },
    { "change user '%' shell from '%' to '%'", "user_changed", NULL,
      { TARGET, 0, FIELD_USER_SHELL } },
    { "change user '%' inactive from '%' to '%'", "user_changed", NULL, { TARGET } },
    { "change user '%' expiration from '%' to '%'", "user_changed", NULL, { TARGET } },
    { "change '%' to '%' in group '%'", "group_changed", NULL,
      { TARGET, FIELD_USER_CHANGES_NAME, GROUP } },
    { "change '%' to '%' in shadow group '%'", "auth_detail", NULL,
      { TARGET, FIELD_USER_CHANGES_NAME, GROUP } },
    { "change admin '%' to '%' in shadow group '%'", "auth_detail", NULL,
      { TARGET, FIELD_USER_CHANGES_NAME, GROUP } },
    /* groupadd, groupdel, groupmod */
    { "group added to %w: name=%, GID=%w", "auth_detail", NULL,
      { FIELD_FILE_PATH, GROUP, FIELD_GROUP_ID } },
    { "group added to %w: name=%", "auth_detail", NULL, { FIELD_FILE_PATH, GROUP } },
    { "group '%' removed from %w", "auth_detail", NULL, { GROUP, FIELD_FILE_PATH } },
    { "group '%' removed", "group_removed", NULL, { GROUP } },
    { "remove group '%'", "group_removed", NULL, { GROUP } },
    { "change group '%' to '%'", "group_changed", NULL, { GROUP } },
    { "change GID for '%' to %w", "group_changed", NULL, { GROUP, FIELD_GROUP_ID } },
    { "group changed in /etc/group (group %/%w, new name: %)", "group_changed", NULL,
      { GROUP, FIELD_GROUP_ID } },
    { "group changed in /etc/group (group %/%w, new gid: %w)", "group_changed", NULL,
      { GROUP, 0, FIELD_GROUP_ID } },
    { "group changed in /etc/group (group %/%w, %)", "group_changed", NULL, { GROUP } },
    { "group changed in %w (group %)", "auth_detail", NULL, { FIELD_FILE_PATH } },
    /* gpasswd: also in whose name */
    { "user % added by %w to group %w", "group_changed", NULL,
      { TARGET, FIELD_USERNAME, GROUP } },
    { "user % removed by %w from group %w", "group_changed", NULL,
      { TARGET, FIELD_USERNAME, GROUP } },
    { "members of group %w set by %w to %", "group_changed", NULL,
      { GROUP, FIELD_USERNAME, TARGET } },
    { "administrators of group %w set by %w to %", "group_changed", NULL,
      { GROUP, FIELD_USERNAME, TARGET } },
    { "password of group %w removed by %w", "group_changed", NULL,
      { GROUP, FIELD_USERNAME } },
    { "password of group %w changed by %w", "group_changed", NULL,
      { GROUP, FIELD_USERNAME } },
    { "access to group %w restricted by %w", "group_changed", NULL,
      { GROUP, FIELD_USERNAME } },
    { "add member % to group % by %w", "group_changed", NULL,
      { TARGET, GROUP, FIELD_USERNAME } },
    { "remove member % from group % by %w", "group_changed", NULL,
      { TARGET, GROUP, FIELD_USERNAME } },
    { "set members of % to %", "group_changed", NULL, { GROUP, TARGET } },
    /* passwd, chage, chfn, chsh */
    { "password for '%' changed by '%'", "password_changed", NULL,
      { TARGET, FIELD_USERNAME } },
    { "password changed for %", "password_changed", NULL, { TARGET } },
    { "password locked for '%'", "user_changed", NULL, { TARGET } },
    { "changed password expiry for %", "user_changed", NULL, { TARGET } },
    { "changed user '%' information", "user_changed", NULL, { TARGET } },
    { "changed user '%' shell to '%'", "user_changed", NULL,
      { TARGET, FIELD_USER_SHELL } },
    { "can't view or modify password information for %", "auth_detail", "failure",
      { TARGET } },
    { "incorrect password for %", "auth_detail", "failure", { TARGET } },
};

/* The message with '...' for `...', and without the line end that some of
 * these programs write and rsyslog escapes. */
static struct text
plain_message(struct text message, struct arena *arena)
{
    char *copy;

    if (text_ends_with(message, "#012"))
        message.len -= strlen("#012");
    if (text_find(message, "`") == NULL)
        return message;

    copy = arena_alloc(arena, message.len);
    if (copy == NULL)
        return message;
    for (size_t i = 0; i < message.len; i++)
        copy[i] = message.ptr[i] == '`' ? '\'' : message.ptr[i];
    return (struct text){ copy, message.len };
}

static int
decode_accounts(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text message = plain_message(line->message, arena), said;

    if (form_decode(forms, sizeof forms / sizeof forms[0], message, ev) == NULL)
        return 0;

    /* The description stays as it was written. */
    said = (struct text){ line->message.ptr, message.len };
    if (text_equals(value_get_text(&ev->known[EVENT_DESCRIPTION]), message))
        ev->known[EVENT_DESCRIPTION] = value_text(said);
    return 1;
}

const struct decoder decoder_accounts = {
    "accounts",
    "useradd userdel usermod newusers groupadd groupdel groupmod groupmems gpasswd passwd "
    "chpasswd chgpasswd chage chfn chsh",
    decode_accounts, NULL, NULL
};
