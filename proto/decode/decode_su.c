/*
 * decode_su.c - su and runuser: one user becomes another
 *
 * util-linux (all of today) and shadow (Debian until 9) write one line per
 * attempt in words of their own. shadow writes a second one ("+ pts/0 a:b"),
 * and PAM its own (decode_pam.c, which also has the su(pam_unix) of old).
 */
#include "proto/decode/decode.h"
#include "proto/decode/form.h"

static const struct form forms[] = {
    { "(to %w) % on none", "su", "success",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME } },
    { "(to %w) % on %w", "su", "success",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME, FIELD_PROCESS_TTY } },
    { "FAILED SU (to %w) % on none", "su", "failure",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME } },
    { "FAILED SU (to %w) % on %w", "su", "failure",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME, FIELD_PROCESS_TTY } },
    { "FAILED RUNUSER (to %w) % on %w", "su", "failure",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME, FIELD_PROCESS_TTY } },
    /* shadow also writes of a user who does not exist: a name of any words */
    { "Successful su for % by %w", "su", "success",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME } },
    { "FAILED su for % by %w", "su", "failure",
      { FIELD_USER_EFFECTIVE_NAME, FIELD_USERNAME } },
    { "No passwd entry for user '%'", "auth_detail", NULL,
      { FIELD_USER_EFFECTIVE_NAME } },
    { "+ ??? %w:%", "auth_detail", NULL, { FIELD_USERNAME, FIELD_USER_EFFECTIVE_NAME } },
    { "- ??? %w:%", "auth_detail", NULL, { FIELD_USERNAME, FIELD_USER_EFFECTIVE_NAME } },
    { "+ %w %w:%", "auth_detail", NULL,
      { FIELD_PROCESS_TTY, FIELD_USERNAME, FIELD_USER_EFFECTIVE_NAME } },
    { "- %w %w:%", "auth_detail", NULL,
      { FIELD_PROCESS_TTY, FIELD_USERNAME, FIELD_USER_EFFECTIVE_NAME } },
    { "pam_authenticate: %", "auth_detail", NULL, { FIELD_EVENT_REASON } },
    { "pam_acct_mgmt: %", "auth_detail", NULL, { FIELD_EVENT_REASON } },
    { "You are not authorized to su %", "auth_detail", NULL, { 0 } },
};

static int
decode_su(const struct log_line *line, struct arena *arena, struct event *ev)
{
    (void)arena;
    return form_decode(forms, sizeof forms / sizeof forms[0], line->message, ev) != NULL;
}

const struct decoder decoder_su = { "su", "su su-l runuser runuser-l", decode_su, NULL, NULL };
