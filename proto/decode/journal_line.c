#include "proto/decode/journal_line.h"

#include <string.h>

enum { PRIORITY_LOWEST = 7, FACILITY_MAX = 23 };

static struct text
get(const struct json_line *json, const char *key)
{
    struct text text = json_line_text(json, json_line_get(json->root, key));

    return text.len > 0 ? text : (struct text){ NULL, 0 };
}

static int
get_number(const struct json_line *json, const char *key, int64_t max, int64_t *ret)
{
    return json_line_number(json_line_get(json->root, key), ret) == 0 && *ret >= 0 &&
                   *ret <= max
               ? 0
               : -1;
}

/* What systemd.journal-fields(7) calls PRIORITY, in syslog(3)'s words. */
static void
read_priority(const struct json_line *json, struct log_line *line)
{
    static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning",
                                          "notice", "info", "debug" };
    int64_t level, facility;

    if (get_number(json, "PRIORITY", PRIORITY_LOWEST, &level) != 0)
        return;
    line->level = text_of(levels[level]);
    if (get_number(json, "SYSLOG_FACILITY", FACILITY_MAX, &facility) == 0)
        line->priority = (int)(facility * 8 + level);
}

int
journal_line_read(const struct json_line *json, struct log_line *line)
{
    int64_t at_us;

    if (get_number(json, "__REALTIME_TIMESTAMP", INT64_MAX, &at_us) != 0 &&
        (json_line_get(json->root, "MESSAGE") == NULL ||
         json_line_get(json->root, "_HOSTNAME") == NULL))
        return 0;

    line->has_time = get_number(json, "__REALTIME_TIMESTAMP",
                                INT64_C(253402300799000000), &at_us) == 0;
    if (line->has_time)
        line->at_us = at_us;
    line->host = get(json, "_HOSTNAME");
    line->program = get(json, "SYSLOG_IDENTIFIER");
    if (line->program.ptr == NULL)
        line->program = get(json, "_COMM");
    line->pid = get(json, "_PID");
    if (line->pid.ptr == NULL)
        line->pid = get(json, "SYSLOG_PID");
    line->unit = get(json, "_SYSTEMD_UNIT");
    line->message = text_trim(get(json, "MESSAGE"));
    if (line->message.ptr == NULL)
        line->message = text_of("");
    read_priority(json, line);
    return 1;
}

int
journal_line_is(struct text text, struct arena *arena)
{
    static const char *const ours[] = { "event_type", "raw_log", "idempotency_key" };
    struct json_line json;
    int rc;

    /* Every event that clients send comes by here. */
    if (text_find(text, "\"__REALTIME_TIMESTAMP\"") == NULL ||
        memchr(text.ptr, '\n', text.len) != NULL)
        return 0;
    rc = json_line_read(text, arena, &json);
    if (rc != 1)
        return rc;
    rc = json_line_get(json.root, "__REALTIME_TIMESTAMP") != NULL &&
         json_line_get(json.root, "MESSAGE") != NULL;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        rc = rc && json_line_get(json.root, ours[i]) == NULL;
    json_line_release(&json);
    return rc;
}
