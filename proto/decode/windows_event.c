#include "proto/decode/windows_event.h"

#include <string.h>

#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"
#include "proto/decode/windows_meaning.h"

/* Where an event has several of a field, the first row of them has it. */
static const struct {
    const char *name;
    enum field field;
} plain[] = {
    { "IpAddress", FIELD_SOURCE_ADDRESS },
    { "SourceIp", FIELD_SOURCE_ADDRESS },
    { "SourceAddress", FIELD_SOURCE_ADDRESS },
    { "ClientAddress", FIELD_SOURCE_ADDRESS },
    { "WorkstationName", FIELD_SOURCE_ADDRESS },
    { "Workstation", FIELD_SOURCE_ADDRESS },
    { "ClientName", FIELD_SOURCE_ADDRESS },
    { "IpPort", FIELD_SOURCE_PORT },
    { "SourcePort", FIELD_SOURCE_PORT },
    { "DestinationIp", FIELD_DESTINATION_IP },
    { "DestAddress", FIELD_DESTINATION_IP },
    { "DestinationHostname", FIELD_DESTINATION_DOMAIN },
    { "DestinationPort", FIELD_DESTINATION_PORT },
    { "DestPort", FIELD_DESTINATION_PORT },
    { "NewProcessName", FIELD_PROCESS_EXECUTABLE },
    { "Image", FIELD_PROCESS_EXECUTABLE },
    { "ProcessName", FIELD_PROCESS_EXECUTABLE },
    { "SourceImage", FIELD_PROCESS_EXECUTABLE },
    { "CommandLine", FIELD_PROCESS_COMMAND_LINE },
    { "CurrentDirectory", FIELD_PROCESS_WORKING_DIRECTORY },
    { "ParentProcessName", FIELD_PROCESS_PARENT_EXECUTABLE },
    { "ParentImage", FIELD_PROCESS_PARENT_EXECUTABLE },
    { "ParentCommandLine", FIELD_PROCESS_PARENT_COMMAND_LINE },
    { "TargetFilename", FIELD_FILE_PATH },
    { "TargetObject", FIELD_REGISTRY_PATH },
    { "QueryName", FIELD_DNS_QUESTION_NAME },
};

/* Logons of people, by LogonType: console, network, unlock, clear text, remote
 * desktop, cached. Those of services, tasks and runas open a session. */
static const char *const peoples[] = { "2", "3", "7", "8", "10", "11", "12", "13" };

/* The machine itself, nobody, window managers and font drivers. */
static const char *const machines[] = {
    "S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-7", "S-1-5-90-", "S-1-5-96-",
};

static struct text
get(const struct windows_event *win, const char *name)
{
    struct text text = win->get(win->from, name);

    /* what Windows writes for nobody and nothing */
    return text.len == 0 || text_is(text, "-") || text_is(text, "S-1-0-0")
               ? (struct text){ NULL, 0 } : text;
}

static void
keep(const struct windows_event *win, const char *name, enum field field, struct event *ev)
{
    json_fields_keep(ev, field, get(win, name));
}

/* "1234" or "0x4d2". */
static void
keep_pid(const struct windows_event *win, const char *name, enum field field,
         struct event *ev)
{
    struct text text = get(win, name);
    int64_t number = 0;

    if (!text_starts_with(text, "0x") && !text_starts_with(text, "0X")) {
        if (text_to_int(text, 1, INT32_MAX, &number) == 0)
            decoded_put_number(ev, field, number);
        return;
    }
    if (text.len < 3 || text.len > 10)
        return;
    for (size_t i = 2; i < text.len; i++) {
        const char *digits = "0123456789abcdef", *at;
        char c = text.ptr[i] >= 'A' && text.ptr[i] <= 'F' ? (char)(text.ptr[i] | 0x20)
                                                          : text.ptr[i];

        at = memchr(digits, c, 16);
        if (at == NULL)
            return;
        number = number * 16 + (at - digits);
    }
    if (number > 0)
        decoded_put_number(ev, field, number);
}

static int
is_machines(const struct windows_event *win)
{
    struct text user = get(win, "TargetUserName"), sid = get(win, "TargetUserSid");

    if (text_ends_with(user, "$"))
        return 1;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (text_ends_with(text_of(machines[i]), "-") ? text_starts_with(sid, machines[i])
                                                      : text_is(sid, machines[i]))
            return 1;
    return 0;
}

static int
is_peoples_logon(const struct windows_event *win)
{
    struct text type = get(win, "LogonType");

    for (size_t i = 0; i < sizeof peoples / sizeof peoples[0]; i++)
        if (text_is(type, peoples[i]))
            return !is_machines(win);
    return 0;
}

static const char *
event_type_of(const struct windows_event *win, const struct windows_meaning *meaning,
              int is_failure)
{
    if (meaning == NULL)
        return "windows";
    if (is_failure && meaning->refused_type != NULL)
        return meaning->refused_type;
    if (text_is(win->code, "4624") && text_is(text_of(meaning->event_type), "login_success") &&
        !is_peoples_logon(win))
        return "session_opened";
    return meaning->event_type;
}

/* "CN=Bob Smith,OU=Staff,DC=example,DC=com": the name; a comma in it has a backslash. */
static struct text
name_of_member(struct text name)
{
    size_t end = 3;

    if (name.len <= 3 || !text_equals_nocase((struct text){ name.ptr, 3 }, text_of("CN=")))
        return name;
    while (end < name.len && (name.ptr[end] != ',' || name.ptr[end - 1] == '\\'))
        end++;
    return (struct text){ name.ptr + 3, end - 3 };
}

static void
put_member(const struct windows_event *win, struct event *ev)
{
    struct text sid = get(win, "MemberSid"), name = name_of_member(get(win, "MemberName"));

    keep(win, "TargetUserName", FIELD_GROUP_NAME, ev);
    keep(win, "TargetSid", FIELD_GROUP_ID, ev);
    /* Windows does not write the name of a local group's member. */
    form_keep(ev, FIELD_USER_TARGET_NAME, name.len > 0 ? name : sid);
    form_keep(ev, FIELD_USER_TARGET_ID, sid);
}

/* Sysmon: "CORP\alice"; of one process that touches another, the first one's. */
static void
put_sysmon_user(const struct windows_event *win, struct event *ev)
{
    struct text user = get(win, "User").len > 0 ? get(win, "User") : get(win, "SourceUser");
    struct text name = user;
    const char *at = user.len == 0 ? NULL : memchr(user.ptr, '\\', user.len);

    if (at != NULL) {
        name = (struct text){ at + 1, (size_t)(user.ptr + user.len - at - 1) };
        form_keep(ev, FIELD_USER_DOMAIN, (struct text){ user.ptr, (size_t)(at - user.ptr) });
    }
    form_keep(ev, FIELD_USERNAME, name);
}

/* Where the data name nobody. Sysmon and the audit write as the system, whoever acts. */
static void
put_account(const struct windows_event *win, struct event *ev)
{
    if (text_is(win->provider, "Microsoft-Windows-Sysmon")) {
        put_sysmon_user(win, ev);
        return;
    }
    if (text_is(win->provider, "Microsoft-Windows-Security-Auditing"))
        return;
    form_keep(ev, FIELD_USERNAME, win->account);
    form_keep(ev, FIELD_USER_DOMAIN, win->account_domain);
    form_keep(ev, FIELD_USER_ID, win->account_id);
}

static void
put_users(const struct windows_event *win, enum windows_users users, struct event *ev)
{
    struct text target = get(win, "TargetUserName");

    if (users == USERS_TARGET) {
        form_keep(ev, FIELD_USERNAME, target);
        keep(win, "TargetDomainName", FIELD_USER_DOMAIN, ev);
        keep(win, "TargetUserSid", FIELD_USER_ID, ev);
        keep(win, "TargetLogonId", FIELD_SESSION_ID, ev);
        return;
    }
    if (users == USERS_SYSMON) {
        put_sysmon_user(win, ev);
        return;
    }
    if (users == USERS_SESSION)
        keep(win, "AccountName", FIELD_USERNAME, ev);
    if (users == USERS_NONE)
        put_account(win, ev);
    if (users == USERS_SESSION || users == USERS_NONE)
        return;
    keep(win, "SubjectUserName", FIELD_USERNAME, ev);
    keep(win, "SubjectDomainName", FIELD_USER_DOMAIN, ev);
    keep(win, "SubjectUserSid", FIELD_USER_ID, ev);
    keep(win, "SubjectLogonId", FIELD_SESSION_ID, ev);
    if (users == USERS_SUBJECT) {
        form_keep(ev, FIELD_USER_EFFECTIVE_NAME, target);
    } else if (users == USERS_ACCOUNT) {
        keep(win, "OldTargetUserName", FIELD_USER_TARGET_NAME, ev);
        keep(win, "NewTargetUserName", FIELD_USER_CHANGES_NAME, ev);
        form_keep(ev, FIELD_USER_TARGET_NAME, target);
        keep(win, "TargetSid", FIELD_USER_TARGET_ID, ev);
        /* but in 4740, where it is the computer that the failures came from */
        keep(win, "TargetDomainName", text_is(win->code, "4740") ? FIELD_SOURCE_ADDRESS
                                                                 : FIELD_USER_TARGET_DOMAIN, ev);
    } else {
        put_member(win, ev);
    }
}

static void
put_process(const struct windows_event *win, struct event *ev)
{
    int is_creation = text_is(win->code, "4688");
    struct text path = get(win, "NewProcessName");
    const char *slash;

    keep_pid(win, is_creation ? "NewProcessId" : "ProcessId", FIELD_PROCESS_PID, ev);
    keep_pid(win, is_creation ? "ProcessId" : "ParentProcessId", FIELD_PROCESS_PARENT_PID, ev);
    if (path.len == 0)
        path = get(win, "Image");
    slash = path.len == 0 ? NULL : memrchr(path.ptr, '\\', path.len);
    if (slash != NULL)
        form_keep(ev, FIELD_PROCESS_NAME,
                  (struct text){ slash + 1, (size_t)(path.ptr + path.len - slash - 1) });
}

/* Sysmon's "tcp", or the number that the filtering platform writes. */
static void
put_transport(const struct windows_event *win, struct event *ev)
{
    struct text protocol = get(win, "Protocol");

    if (text_is(protocol, "6"))
        protocol = text_of("tcp");
    else if (text_is(protocol, "17"))
        protocol = text_of("udp");
    form_keep(ev, FIELD_NETWORK_TRANSPORT, protocol);
}

static void
put_reason(struct text status, struct event *ev)
{
    form_keep(ev, FIELD_EVENT_REASON, text_of(windows_reason_of(status)));
    if (windows_is_unknown_user(status))
        decoded_put_flag(ev, FIELD_USER_INVALID);
}

/* A ticket or a check that failed says so by its status; "0x0" is success. */
static int
is_refused(const struct windows_event *win, struct text *ret_status)
{
    struct text status = get(win, "SubStatus");

    if (status.len == 0 || text_is(status, "0x0"))
        status = get(win, "Status");
    *ret_status = status;
    return win->is_failure || text_is(win->code, "4625") || text_is(win->code, "4771") ||
           ((text_is(win->code, "4768") || text_is(win->code, "4776")) && status.len > 0 &&
            !text_is(status, "0x0"));
}

void
windows_event_put(const struct windows_event *win, struct event *ev)
{
    const struct windows_meaning *meaning = windows_meaning_of(win->provider, win->code);
    struct text status;
    int failed = is_refused(win, &status);

    decoded_text(ev, EVENT_TYPE, text_of(event_type_of(win, meaning, failed)));
    form_keep(ev, FIELD_EVENT_CODE, win->code);
    form_keep(ev, FIELD_WINLOG_PROVIDER_NAME, win->provider);
    put_users(win, meaning == NULL ? USERS_NONE : meaning->users, ev);
    if (failed)
        put_reason(status, ev);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        keep(win, plain[i].name, plain[i].field, ev);
    put_transport(win, ev);
    put_process(win, ev);
}
