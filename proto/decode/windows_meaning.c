#include "proto/decode/windows_meaning.h"

#define SECURITY "Microsoft-Windows-Security-Auditing"
#define EVENTLOG "Microsoft-Windows-Eventlog"
#define SERVICES "Service Control Manager"
#define SYSMON "Microsoft-Windows-Sysmon"

/* A logon by password is told by the machine (4625) and, for accounts of a domain, by
 * the controller that was asked (4771, 4768, 4776). Both are failures: many sites send
 * the controllers' logs alone, and what is tried against Kerberos itself is told
 * nowhere else. Success is the machine's to tell (4624). */
static const struct windows_meaning meanings[] = {
    { SECURITY, "4624", "login_success", NULL, USERS_TARGET },
    { SECURITY, "4625", "login_failed", NULL, USERS_TARGET },
    { SECURITY, "4634", "session_closed", NULL, USERS_TARGET },
    { SECURITY, "4647", "logout", NULL, USERS_TARGET },
    { SECURITY, "4648", "auth_detail", NULL, USERS_SUBJECT },
    { SECURITY, "4672", "auth_detail", NULL, USERS_SUBJECT },
    { SECURITY, "4673", "auth_detail", NULL, USERS_SUBJECT },
    { SECURITY, "4688", "process_started", NULL, USERS_SUBJECT },
    { SECURITY, "4689", "process_ended", NULL, USERS_SUBJECT },
    { SECURITY, "4697", "service_installed", NULL, USERS_SUBJECT },
    { SECURITY, "4698", "cron_changed", NULL, USERS_SUBJECT },
    { SECURITY, "4699", "cron_changed", NULL, USERS_SUBJECT },
    { SECURITY, "4700", "cron_changed", NULL, USERS_SUBJECT },
    { SECURITY, "4701", "cron_changed", NULL, USERS_SUBJECT },
    { SECURITY, "4702", "cron_changed", NULL, USERS_SUBJECT },
    { SECURITY, "4719", "audit_changed", NULL, USERS_SUBJECT },
    { SECURITY, "4720", "user_created", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4722", "user_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4723", "password_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4724", "password_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4725", "user_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4726", "user_removed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4727", "group_created", "auth_detail", USERS_GROUP },
    { SECURITY, "4728", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4729", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4730", "group_removed", "auth_detail", USERS_GROUP },
    { SECURITY, "4731", "group_created", "auth_detail", USERS_GROUP },
    { SECURITY, "4732", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4733", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4734", "group_removed", "auth_detail", USERS_GROUP },
    { SECURITY, "4735", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4737", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4738", "user_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4740", "account_locked", NULL, USERS_ACCOUNT },
    { SECURITY, "4754", "group_created", "auth_detail", USERS_GROUP },
    { SECURITY, "4755", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4756", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4757", "group_changed", "auth_detail", USERS_GROUP },
    { SECURITY, "4758", "group_removed", "auth_detail", USERS_GROUP },
    { SECURITY, "4767", "user_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4768", "auth_detail", "login_failed", USERS_TARGET },
    { SECURITY, "4769", "auth_detail", NULL, USERS_TARGET },
    { SECURITY, "4770", "auth_detail", NULL, USERS_TARGET },
    { SECURITY, "4771", "login_failed", NULL, USERS_TARGET },
    { SECURITY, "4776", "auth_detail", "login_failed", USERS_TARGET },
    { SECURITY, "4778", "session_opened", NULL, USERS_SESSION },
    { SECURITY, "4779", "session_closed", NULL, USERS_SESSION },
    { SECURITY, "4781", "user_changed", "auth_detail", USERS_ACCOUNT },
    { SECURITY, "4800", "auth_detail", NULL, USERS_TARGET },
    { SECURITY, "4801", "auth_detail", NULL, USERS_TARGET },
    { SECURITY, "5152", "connection_blocked", NULL, USERS_NONE },
    { SECURITY, "5156", "connection_allowed", NULL, USERS_NONE },
    { SECURITY, "5157", "connection_blocked", NULL, USERS_NONE },
    { EVENTLOG, "1102", "audit_log_cleared", NULL, USERS_SUBJECT },
    { EVENTLOG, "104", "log_cleared", NULL, USERS_SUBJECT },
    { SERVICES, "7045", "service_installed", NULL, USERS_NONE },
    { SYSMON, "1", "process_started", NULL, USERS_SYSMON },
    { SYSMON, "3", "connection", NULL, USERS_SYSMON },
    { SYSMON, "4", "audit_changed", NULL, USERS_SYSMON },
    { SYSMON, "5", "process_ended", NULL, USERS_SYSMON },
    { SYSMON, "6", "driver_loaded", NULL, USERS_SYSMON },
    { SYSMON, "8", "process_accessed", NULL, USERS_SYSMON },
    { SYSMON, "10", "process_accessed", NULL, USERS_SYSMON },
    { SYSMON, "11", "file_changed", NULL, USERS_SYSMON },
    { SYSMON, "12", "registry_changed", NULL, USERS_SYSMON },
    { SYSMON, "13", "registry_changed", NULL, USERS_SYSMON },
    { SYSMON, "14", "registry_changed", NULL, USERS_SYSMON },
    { SYSMON, "16", "audit_changed", NULL, USERS_SYSMON },
    { SYSMON, "22", "dns_query", NULL, USERS_SYSMON },
    { SYSMON, "23", "file_removed", NULL, USERS_SYSMON },
    { SYSMON, "26", "file_removed", NULL, USERS_SYSMON },
};

/* NTSTATUS of logons, and Kerberos' (RFC 4120, section 7.5.9). */
static const struct {
    const char *status, *reason;
} reasons[] = {
    { "0xC0000064", "no such user" },
    { "0x6", "no such user" },
    { "0xC000006A", "wrong password" },
    { "0x18", "wrong password" },
    { "0xC000006D", "wrong user or password" },
    { "0xC000006E", "account restricted" },
    { "0xC000006F", "outside the hours of the account" },
    { "0xC0000070", "not from this workstation" },
    { "0xC0000071", "password expired" },
    { "0x17", "password expired" },
    { "0xC0000072", "account disabled" },
    { "0x12", "account disabled, expired or locked" },
    { "0xC00000DC", "server in the wrong state" },
    { "0xC0000133", "clocks differ" },
    { "0x25", "clocks differ" },
    { "0xC000015B", "kind of logon not granted" },
    { "0xC0000193", "account expired" },
    { "0xC0000224", "password must be changed" },
    { "0xC0000234", "account locked" },
    { "0xC0000413", "not allowed by the authentication policy" },
};

const struct windows_meaning *
windows_meaning_of(struct text provider, struct text code)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (text_is(code, meanings[i].code) && text_is(provider, meanings[i].provider))
            return &meanings[i];
    return NULL;
}

const char *
windows_reason_of(struct text status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (text_equals_nocase(status, text_of(reasons[i].status)))
            return reasons[i].reason;
    return NULL;
}

int
windows_is_unknown_user(struct text status)
{
    return text_equals_nocase(status, text_of(reasons[0].status)) ||
           text_equals_nocase(status, text_of(reasons[1].status));
}
