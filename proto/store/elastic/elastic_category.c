/* What an event_type is in ECS 8.11's terms (event.category, event.type, event.outcome). */
#include <string.h>

#include "proto/store/elastic/elastic.h"

/* The first row that fits counts. A '*' at the end takes any rest. */
static const struct elastic_category rows[] = {
    { "login_failed", { "authentication" }, { "start" }, "failure" },
    { "failed_login", { "authentication" }, { "start" }, "failure" },
    { "login_success", { "authentication" }, { "start" }, "success" },
    { "login", { "authentication" }, { "start" }, NULL },
    { "logout", { "authentication" }, { "end" }, NULL },
    { "session_opened", { "session" }, { "start" }, NULL },
    { "session_closed", { "session" }, { "end" }, NULL },
    { "session_*", { "session" }, { "info" }, NULL },
    { "sudo", { "process" }, { "start" }, NULL },
    { "su", { "authentication", "session" }, { "start" }, NULL },
    { "privilege_escalation", { "process", "intrusion_detection" }, { "info" }, NULL },
    { "user_added", { "iam" }, { "user", "creation" }, NULL },
    { "user_deleted", { "iam" }, { "user", "deletion" }, NULL },
    { "user_*", { "iam" }, { "user", "change" }, NULL },
    { "group_added", { "iam" }, { "group", "creation" }, NULL },
    { "group_deleted", { "iam" }, { "group", "deletion" }, NULL },
    { "group_*", { "iam" }, { "group", "change" }, NULL },
    { "password_changed", { "iam" }, { "user", "change" }, NULL },
    { "port_scan", { "network", "intrusion_detection" }, { "info" }, NULL },
    { "firewall_block", { "network" }, { "connection", "denied" }, NULL },
    { "firewall_allow", { "network" }, { "connection", "allowed" }, NULL },
    { "connection_blocked", { "network" }, { "connection", "denied" }, NULL },
    { "connection_allowed", { "network" }, { "connection", "allowed" }, NULL },
    { "connection", { "network" }, { "connection" }, NULL },
    { "connection_*", { "network" }, { "connection" }, NULL },
    { "web_request", { "web" }, { "access" }, NULL },
    { "web_error", { "web" }, { "error" }, NULL },
    { "sql_injection", { "web", "intrusion_detection" }, { "info" }, NULL },
    { "xss", { "web", "intrusion_detection" }, { "info" }, NULL },
    { "path_traversal", { "web", "intrusion_detection" }, { "info" }, NULL },
    { "malware_*", { "malware" }, { "info" }, NULL },
    { "ban", { "intrusion_detection" }, { "denied" }, NULL },
    { "unban", { "intrusion_detection" }, { "allowed" }, NULL },
    { "file_uploaded", { "file" }, { "creation" }, NULL },
    { "file_removed", { "file" }, { "deletion" }, NULL },
    { "file_created", { "file" }, { "creation" }, NULL },
    { "file_deleted", { "file" }, { "deletion" }, NULL },
    { "file_changed", { "file" }, { "change" }, NULL },
    { "file_*", { "file" }, { "access" }, NULL },
    { "process_started", { "process" }, { "start" }, NULL },
    { "process_*", { "process" }, { "info" }, NULL },
    { "audit_changed", { "configuration" }, { "change" }, NULL },
    { "cron_changed", { "configuration" }, { "change" }, NULL },
    { "cron", { "process" }, { "start" }, NULL },
};

/* Most events of a batch are of few types: what was asked last is known. */
const struct elastic_category *
elastic_category_find(struct text event_type)
{
    static const struct elastic_category *last;
    static char last_type[64];
    static size_t last_len = SIZE_MAX;

    if (event_type.len == last_len && memcmp(event_type.ptr, last_type, last_len) == 0)
        return last;
    last_len = SIZE_MAX;
    last = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && last == NULL; i++) {
        size_t len = strlen(rows[i].type);

        if (rows[i].type[len - 1] == '*'
                ? event_type.len >= len - 1 && strncmp(event_type.ptr, rows[i].type, len - 1) == 0
                : text_is(event_type, rows[i].type))
            last = &rows[i];
    }
    if (event_type.len > 0 && event_type.len <= sizeof(last_type)) {
        memcpy(last_type, event_type.ptr, event_type.len);
        last_len = event_type.len;
    }
    return last;
}
