/*
 * decode_windows.c - events of Windows as Winlogbeat and NXLog write them in JSON
 *
 * Winlogbeat has an event's data in winlog.event_data (of some in user_data), NXLog
 * beside its own keys. All of it is kept as winlog.event_data.NAME, since rules for
 * Windows ask for Windows' names; what they mean is in windows_event.c.
 */
#include <string.h>
#include <yyjson.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"
#include "proto/decode/windows_event.h"

/* An event of Windows has some dozens of data. More stand in the line alone: each is looked
 * for among those before it. */
enum { DATA_MAX = 256 };

/* NXLog's own, which are no data of the event. */
static const char *const nxlogs[] = {
    "EventTime", "EventReceivedTime", "EventTimeWritten", "Hostname", "Keywords", "EventType",
    "SeverityValue", "Severity", "EventID", "SourceName", "ProviderGuid", "Version", "Task",
    "TaskValue", "OpcodeValue", "Opcode", "RecordNumber", "ActivityID", "RelatedActivityID",
    "ExecutionProcessID", "ExecutionThreadID", "ProcessID", "ThreadID", "Channel", "Message",
    "Category", "SourceModuleName", "SourceModuleType", "FileName", "UserID", "AccountType",
    "Domain", "EventXML",
};

static const struct json_field winlogbeat_rows[] = {
    { "winlog.channel", FIELD_WINLOG_CHANNEL },
    { "winlog.record_id", FIELD_WINLOG_RECORD_ID },
    { "winlog.computer_name", FIELD_HOST_NAME },
    { "host.name", FIELD_HOST_NAME },
    { "log.level", FIELD_LOG_LEVEL },
    { "event.outcome", FIELD_EVENT_OUTCOME },
};

static const struct json_field nxlog_rows[] = {
    { "Channel", FIELD_WINLOG_CHANNEL },
    { "RecordNumber", FIELD_WINLOG_RECORD_ID },
    { "Hostname", FIELD_HOST_NAME },
    { "Severity", FIELD_LOG_LEVEL },
};

struct source {
    const struct json_line *json;
    yyjson_val *data, *user_data;
};

static struct text
get(const void *from, const char *name)
{
    const struct source *source = from;
    yyjson_val *value = yyjson_obj_get(source->data, name);

    if (value == NULL)
        value = yyjson_obj_get(source->user_data, name);
    return json_line_text(source->json, value);
}

static int
is_nxlogs(yyjson_val *key)
{
    for (size_t i = 0; i < sizeof nxlogs / sizeof nxlogs[0]; i++)
        if (yyjson_equals_str(key, nxlogs[i]))
            return 1;
    return 0;
}

static void
put_data(const struct json_line *json, yyjson_val *data, int is_nxlog, struct event *ev)
{
    yyjson_obj_iter iter;
    yyjson_val *key;
    int left = DATA_MAX;

    yyjson_obj_iter_init(data, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL && left-- > 0) {
        struct text text = json_line_text(json, yyjson_obj_iter_get_val(key));
        size_t len = yyjson_get_len(key);

        if (text.len == 0 || text_is(text, "-") || len > EVENT_MAX_NAME ||
            memchr(yyjson_get_str(key), '\0', len) != NULL || (is_nxlog && is_nxlogs(key)))
            continue;
        decoded_put_named(ev, arena_printf(json->arena, "winlog.event_data.%s",
                                           yyjson_get_str(key)), text);
    }
}

/* The first line of a message that explains each event at length. */
static void
put_message(struct event *ev, struct text message)
{
    const char *end;

    message = text_trim(message);
    end = message.len == 0 ? NULL : memchr(message.ptr, '\n', message.len);
    if (end != NULL)
        message.len = (size_t)(end - message.ptr);
    message = text_trim(message);
    if (message.len > 0)
        decoded_text(ev, EVENT_DESCRIPTION, message);
}

static void
put_outcome(struct event *ev, struct text provider, int is_failure)
{
    if (is_failure || text_is(provider, "Microsoft-Windows-Security-Auditing"))
        form_keep(ev, FIELD_EVENT_OUTCOME, text_of(is_failure ? "failure" : "success"));
}

static int
decode_winlogbeat(const struct json_line *json, struct event *ev)
{
    yyjson_val *root = json->root, *winlog = yyjson_obj_get(root, "winlog");
    struct source source = { json, yyjson_obj_get(winlog, "event_data"),
                             yyjson_obj_get(winlog, "user_data") };
    struct windows_event win = { .from = &source, .get = get };

    win.provider = json_fields_text(json, winlog, "provider_name");
    win.code = json_fields_text(json, winlog, "event_id");
    if (win.provider.len == 0 || win.code.len == 0)
        return 0;
    win.is_failure = text_is(json_fields_text(json, root, "event.outcome"), "failure") ||
                     text_is(json_fields_text(json, winlog, "keywords"), "Audit Failure");
    win.account = json_fields_text(json, winlog, "user.name");
    win.account_domain = json_fields_text(json, winlog, "user.domain");
    win.account_id = json_fields_text(json, winlog, "user.identifier");
    json_fields_time(json, root, "@timestamp", ev);
    put_message(ev, json_fields_text(json, root, "message"));
    windows_event_put(&win, ev);
    json_fields_put(json, root, winlogbeat_rows,
                    sizeof winlogbeat_rows / sizeof winlogbeat_rows[0], ev);
    put_outcome(ev, win.provider, win.is_failure);
    put_data(json, source.data, 0, ev);
    put_data(json, source.user_data, 0, ev);
    return 1;
}

/* NXLog writes these four together. A new service's AccountName (7045) is the one that it
 * runs as, and stands in the same place. */
static void
put_account(const struct json_line *json, struct windows_event *win)
{
    if (yyjson_obj_get(json->root, "AccountType") == NULL || text_is(win->code, "7045"))
        return;
    win->account = json_fields_text(json, json->root, "AccountName");
    win->account_domain = json_fields_text(json, json->root, "Domain");
    win->account_id = json_fields_text(json, json->root, "UserID");
}

static int
decode_nxlog(const struct json_line *json, struct event *ev)
{
    yyjson_val *root = json->root;
    struct source source = { json, root, NULL };
    struct windows_event win = { .from = &source, .get = get };

    win.provider = json_fields_text(json, root, "SourceName");
    win.code = json_fields_text(json, root, "EventID");
    if (win.provider.len == 0 || win.code.len == 0)
        return 0;
    win.is_failure = text_is(json_fields_text(json, root, "EventType"), "AUDIT_FAILURE");
    put_account(json, &win);
    json_fields_time(json, root, "EventTime", ev);
    put_message(ev, json_fields_text(json, root, "Message"));
    windows_event_put(&win, ev);
    json_fields_put(json, root, nxlog_rows, sizeof nxlog_rows / sizeof nxlog_rows[0], ev);
    put_outcome(ev, win.provider, win.is_failure);
    put_data(json, root, 1, ev);
    return 1;
}

static int
decode_windows(const struct log_line *line, struct arena *arena, struct event *ev)
{
    (void)arena;
    if (line->json == NULL)
        return 0;
    if (line->json->form == JSON_WINLOGBEAT)
        return decode_winlogbeat(line->json, ev);
    return line->json->form == JSON_NXLOG && decode_nxlog(line->json, ev);
}

const struct decoder decoder_windows = {
    "windows", NULL, decode_windows, NULL, DECODER_STARTS_JSON
};
