/*
 * decode_audit.c - the kernel's audit: auditd's file, and through syslog
 *
 * What login programs and sudo report here they write to syslog as well:
 * auth_detail. An event of the kernel is several records of one number
 * (event.sequence): the one with the arguments of a started program has no
 * user, the one with the user (SYSCALL) no arguments.
 */
#include <string.h>

#include "proto/decode/audit_record.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"

/* By the record's type and, where that says too little, what it was for. */
static const struct {
    const char *type, *op, *event_type;
} meanings[] = {
    { "USER_AUTH", NULL, "auth_detail" },
    { "USER_ACCT", NULL, "auth_detail" },
    { "USER_LOGIN", NULL, "auth_detail" },
    { "USER_LOGOUT", NULL, "auth_detail" },
    { "USER_ERR", NULL, "auth_detail" },
    { "USER_START", NULL, "auth_detail" },
    { "USER_END", NULL, "auth_detail" },
    { "USER_CMD", NULL, "auth_detail" },
    { "USER_ROLE_CHANGE", NULL, "auth_detail" },
    { "GRP_AUTH", NULL, "auth_detail" },
    { "LOGIN", NULL, "auth_detail" },
    { "CRED_ACQ", NULL, "auth_detail" },
    { "CRED_DISP", NULL, "auth_detail" },
    { "CRED_REFR", NULL, "auth_detail" },
    { "CRYPTO_KEY_USER", NULL, "auth_detail" },
    { "CRYPTO_SESSION", NULL, "auth_detail" },
    { "USER_CHAUTHTOK", "PAM:chauthtok", "password_changed" },
    { "USER_CHAUTHTOK", "changing password", "password_changed" },
    { "USER_CHAUTHTOK", "change-password", "password_changed" },
    { "ADD_USER", "adding user", "user_created" },
    { "ADD_USER", "add-user", "user_created" },
    { "DEL_USER", "deleting user", "user_removed" },
    { "DEL_USER", "delete-user", "user_removed" },
    { "ADD_GROUP", "adding group", "group_created" },
    { "ADD_GROUP", "add-group", "group_created" },
    { "DEL_GROUP", "deleting group", "group_removed" },
    { "DEL_GROUP", "delete-group", "group_removed" },
    { "USER_MGMT", "add-user-to-group", "group_changed" },
    { "USER_MGMT", "adding user to group", "group_changed" },
    { "USER_MGMT", "delete-user-from-group", "group_changed" },
    { "CONFIG_CHANGE", NULL, "audit_changed" },
    { "FEATURE_CHANGE", NULL, "audit_changed" },
    { "DAEMON_START", NULL, "audit_changed" },
    { "DAEMON_END", NULL, "audit_changed" },
    { "DAEMON_ABORT", NULL, "audit_changed" },
    { "DAEMON_CONFIG", NULL, "audit_changed" },
    { "DAEMON_ROTATE", NULL, "audit" },
    { "EXECVE", NULL, "process_started" },
};

/* execve and execveat: by name, or by number where auditd adds no names. */
static const struct {
    const char *arch, *number;
} execs[] = {
    { "c000003e", "59" }, { "c000003e", "322" },        /* x86_64 */
    { "40000003", "11" }, { "40000003", "358" },        /* i386 */
    { "c00000b7", "221" }, { "c00000b7", "281" },       /* aarch64 */
};

static const struct {
    const char *said, *outcome;
} outcomes[] = {
    { "success", "success" }, { "yes", "success" }, { "1", "success" },
    { "failed", "failure" }, { "no", "failure" }, { "0", "failure" },
};

/* Copied as they are. */
static const struct {
    const char *name;
    enum field field;
} plain[] = {
    { "uid", FIELD_USER_ID },
    { "auid", FIELD_USER_AUDIT_ID },
    { "euid", FIELD_USER_EFFECTIVE_ID },
    { "ses", FIELD_SESSION_ID },
    { "terminal", FIELD_PROCESS_TTY },
    { "tty", FIELD_PROCESS_TTY },
    { "op", FIELD_AUDITD_OP },
    { "nametype", FIELD_AUDITD_NAMETYPE },
    { "unit", FIELD_SYSTEMD_UNIT },
};

/* What a user may have chosen. */
static const struct {
    const char *name;
    enum field field;
} encoded[] = {
    { "exe", FIELD_PROCESS_EXECUTABLE },
    { "comm", FIELD_PROCESS_NAME },
    { "cwd", FIELD_PROCESS_WORKING_DIRECTORY },
    { "key", FIELD_AUDITD_KEY },
    { "name", FIELD_FILE_PATH },
    { "proctitle", FIELD_PROCESS_COMMAND_LINE },
    { "cmd", FIELD_PROCESS_COMMAND_LINE },
    { "grp", FIELD_GROUP_NAME },
};

static const enum field arguments[] = {
    FIELD_AUDITD_A0, FIELD_AUDITD_A1, FIELD_AUDITD_A2, FIELD_AUDITD_A3,
};

static int
is_exec(const struct audit_record *record)
{
    struct text name = audit_record_enriched(record, "SYSCALL");
    struct text number = audit_record_get(record, "syscall");
    struct text arch = audit_record_get(record, "arch");

    if (text_is(name, "execve") || text_is(name, "execveat"))
        return 1;
    for (size_t i = 0; i < sizeof execs / sizeof execs[0]; i++)
        if (text_is(arch, execs[i].arch) && text_is(number, execs[i].number))
            return 1;
    return 0;
}

/* An account that was not made is none. */
static int
is_failure(const struct audit_record *record)
{
    struct text result = audit_record_get(record, "res");

    return text_is(result, "failed") || text_is(result, "0");
}

static const char *
event_type_of(const struct audit_record *record)
{
    struct text op = audit_record_get(record, "op");
    struct text nametype = audit_record_get(record, "nametype");

    if (text_is(record->type, "SYSCALL"))
        return is_exec(record) ? "process_started" : "audit";
    if (text_is(nametype, "CREATE") || text_is(nametype, "DELETE"))
        return "file_changed";
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (text_is(record->type, meanings[i].type) &&
            (meanings[i].op == NULL ||
             (text_is(op, meanings[i].op) && !is_failure(record))))
            return meanings[i].event_type;
    return "audit";
}

static void
keep_outcome(const struct audit_record *record, struct event *ev)
{
    static const char *const said[] = { "res", "success", "result" };

    for (size_t k = 0; k < sizeof said / sizeof said[0]; k++) {
        struct text value = audit_record_get(record, said[k]);

        for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
            if (text_is(value, outcomes[i].said))
                form_keep(ev, FIELD_EVENT_OUTCOME, text_of(outcomes[i].outcome));
    }
    if (text_starts_with(record->body, "avc:  denied ") ||
        text_is(audit_record_get(record, "apparmor"), "DENIED"))
        form_keep(ev, FIELD_EVENT_OUTCOME, text_of("failure"));
}

/* acct is who wants to come in, or the account that is being changed; the
 * programs' word for somebody who does not exist is no name. */
static void
keep_users(const struct audit_record *record, const char *event_type,
           struct arena *arena, struct event *ev)
{
    struct text acct = audit_record_chosen(record, "acct", arena);

    if (text_is(acct, "(unknown)") || text_is(acct, "(unknown user)") ||
        text_is(acct, "(invalid user)")) {
        acct = (struct text){ NULL, 0 };
        decoded_put_flag(ev, FIELD_USER_INVALID);
    }

    if (strcmp(event_type, "auth_detail") == 0) {
        form_keep(ev, FIELD_USERNAME, acct);
    } else {
        form_keep(ev, FIELD_USER_TARGET_NAME, acct);
        form_keep(ev, FIELD_USER_TARGET_ID, audit_record_get(record, "id"));
        form_keep(ev, FIELD_USERNAME, audit_record_enriched(record, "UID"));
    }
    form_keep(ev, FIELD_USER_EFFECTIVE_NAME, audit_record_enriched(record, "EUID"));
    form_keep(ev, FIELD_USER_AUDIT_NAME, audit_record_enriched(record, "AUID"));
}

static void
keep_number(struct event *ev, enum field field, struct text value)
{
    int64_t number;

    if (text_to_int(value, INT32_MIN, INT32_MAX, &number) == 0)
        decoded_put_number(ev, field, number);
}

/* Of a system call numbers, of a program's start words. */
static void
keep_arguments(const struct audit_record *record, struct arena *arena, struct event *ev)
{
    static const char *const names[] = { "a0", "a1", "a2", "a3" };
    int is_execve = text_is(record->type, "EXECVE");

    if (is_execve)
        form_keep(ev, FIELD_PROCESS_COMMAND_LINE, audit_record_command(record, arena));
    else if (!text_is(record->type, "SYSCALL"))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        form_keep(ev, arguments[i], is_execve ?
                  audit_record_chosen(record, names[i], arena) :
                  audit_record_get(record, names[i]));
}

static void
keep_syscall(const struct audit_record *record, struct event *ev)
{
    struct text name = audit_record_enriched(record, "SYSCALL");

    form_keep(ev, FIELD_AUDITD_SYSCALL,
              name.len > 0 ? name : audit_record_get(record, "syscall"));
    keep_number(ev, FIELD_PROCESS_PID, audit_record_get(record, "pid"));
    keep_number(ev, FIELD_PROCESS_PARENT_PID, audit_record_get(record, "ppid"));
    keep_number(ev, FIELD_PROCESS_EXIT_CODE, audit_record_get(record, "exit"));
}

static void
keep_source(const struct audit_record *record, struct event *ev)
{
    struct text address = audit_record_get(record, "addr");

    decoded_source(ev, address.len > 0 ? address : audit_record_get(record, "hostname"));
}

/* Before anything else is done with a line that may be anything. */
static int
could_be(const struct log_line *line)
{
    struct text text = line->message;

    if (text.len < 8)
        return 0;
    if (memcmp(text.ptr, "type=", 5) == 0 || memcmp(text.ptr, "node=", 5) == 0)
        return 1;
    if (line->program.len != 5 && line->program.len != 6)
        return 0;
    if (text_is(line->program, "audit"))
        return 1;
    return text_is(line->program, "kernel") && text_find(text, " audit(") != NULL;
}

static __attribute__((noinline)) int
decode_record(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct audit_record record;
    const char *event_type;

    if (!audit_record_read(line, &record))
        return 0;

    event_type = event_type_of(&record);
    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    decoded_text(ev, EVENT_DESCRIPTION, line->message);
    form_keep(ev, FIELD_AUDITD_TYPE, record.type);
    form_keep(ev, FIELD_HOST_NAME, record.node);
    if (record.has_time) {
        (void)decoded_time(ev, record.at_us, arena);
        decoded_put_number(ev, FIELD_EVENT_SEQUENCE, record.sequence);
    }
    keep_outcome(&record, ev);
    keep_users(&record, event_type, arena, ev);
    keep_arguments(&record, arena, ev);
    keep_syscall(&record, ev);
    if (strcmp(event_type, "auth_detail") == 0)
        keep_source(&record, ev);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        struct text value = audit_record_get(&record, plain[i].name);

        if (!text_is(value, "-1"))      /* a number that is not set */
            form_keep(ev, plain[i].field, value);
    }
    for (size_t i = 0; i < sizeof encoded / sizeof encoded[0]; i++)
        form_keep(ev, encoded[i].field,
                  audit_record_chosen(&record, encoded[i].name, arena));
    return 1;
}

/* Apart from decode_record, whose large frame costs even when not used. */
static int
decode_audit(const struct log_line *line, struct arena *arena, struct event *ev)
{
    return could_be(line) && decode_record(line, arena, ev);
}

const struct decoder decoder_audit = { "audit", NULL, decode_audit, NULL, NULL };
