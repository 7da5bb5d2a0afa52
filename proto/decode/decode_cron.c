/*
 * decode_cron.c - jobs that ran, and crontabs that changed: cron, cronie, at
 */
#include "proto/decode/decode.h"
#include "proto/decode/form.h"

static const struct form forms[] = {
    { "(%w) CMD (%)", "cron", NULL, { FIELD_USERNAME, FIELD_PROCESS_COMMAND_LINE } },
    { "(%w) RELOAD (%)", "cron_changed", NULL, { FIELD_USERNAME, FIELD_FILE_PATH } },
    { "(%w) REPLACE (%w)", "cron_changed", NULL,
      { FIELD_USERNAME, FIELD_USER_TARGET_NAME } },
    { "(%w) DELETE (%w)", "cron_changed", NULL,
      { FIELD_USERNAME, FIELD_USER_TARGET_NAME } },
    { "(%w) AUTH (%)", "auth_detail", "failure", { FIELD_USERNAME, FIELD_EVENT_REASON } },
    { "Starting job % (%) for user '%' (%w)", "cron", NULL, { 0, 0, FIELD_USERNAME } },
};

static int
decode_cron(const struct log_line *line, struct arena *arena, struct event *ev)
{
    (void)arena;
    return form_decode(forms, sizeof forms / sizeof forms[0], line->message, ev) != NULL;
}

const struct decoder decoder_cron = {
    "cron", "CRON cron crond CROND crontab /USR/SBIN/CRON atd", decode_cron, NULL, NULL
};
