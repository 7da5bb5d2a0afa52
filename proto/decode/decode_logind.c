/*
 * decode_logind.c - systemd-logind: sessions, whichever way they began
 */
#include "proto/decode/decode.h"
#include "proto/decode/form.h"

static const struct form forms[] = {
    /* systemd 256 and later */
    { "New session '%w' of user '%' with class '%w' and type '%w'.", "session_opened",
      NULL, { FIELD_SESSION_ID, FIELD_USERNAME } },
    { "New session %w of user %.", "session_opened", NULL,
      { FIELD_SESSION_ID, FIELD_USERNAME } },
    { "Session %w logged out. Waiting for processes to exit.", "logout", NULL,
      { FIELD_SESSION_ID } },
    { "Removed session %w.", "session_closed", NULL, { FIELD_SESSION_ID } },
};

static int
decode_logind(const struct log_line *line, struct arena *arena, struct event *ev)
{
    (void)arena;
    return form_decode(forms, sizeof forms / sizeof forms[0], line->message, ev) != NULL;
}

const struct decoder decoder_logind = { "logind", "systemd-logind", decode_logind, NULL, NULL };
