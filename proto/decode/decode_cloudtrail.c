/*
 * decode_cloudtrail.c - records of AWS CloudTrail, one a line, also as EventBridge sends them
 *
 * A call that was refused has changed nothing: its type is access_denied or api_call,
 * never that of the change. Files in S3 are one object with many records; they are
 * to be split first (jq -c '.Records[]').
 */
#include <string.h>
#include <yyjson.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"

#define IAM "iam.amazonaws.com"
#define CLOUDTRAIL "cloudtrail.amazonaws.com"

/* Other services call other things a user. */
static const struct {
    const char *service, *call, *event_type;
} changes[] = {
    { IAM, "CreateUser", "user_created" },
    { IAM, "DeleteUser", "user_removed" },
    { IAM, "UpdateUser", "user_changed" },
    { IAM, "CreateAccessKey", "user_changed" },
    { IAM, "DeactivateMFADevice", "user_changed" },
    { IAM, "CreateLoginProfile", "password_changed" },
    { IAM, "UpdateLoginProfile", "password_changed" },
    { IAM, "ChangePassword", "password_changed" },
    { IAM, "CreateGroup", "group_created" },
    { IAM, "DeleteGroup", "group_removed" },
    { IAM, "UpdateGroup", "group_changed" },
    { IAM, "AddUserToGroup", "group_changed" },
    { IAM, "RemoveUserFromGroup", "group_changed" },
    { IAM, "AttachUserPolicy", "user_changed" },
    { IAM, "DetachUserPolicy", "user_changed" },
    { IAM, "PutUserPolicy", "user_changed" },
    { IAM, "AttachGroupPolicy", "group_changed" },
    { IAM, "DetachGroupPolicy", "group_changed" },
    { IAM, "PutGroupPolicy", "group_changed" },
    { CLOUDTRAIL, "StopLogging", "audit_changed" },
    { CLOUDTRAIL, "DeleteTrail", "audit_changed" },
    { CLOUDTRAIL, "UpdateTrail", "audit_changed" },
    { CLOUDTRAIL, "PutEventSelectors", "audit_changed" },
    { "ec2.amazonaws.com", "DeleteFlowLogs", "audit_changed" },
    { "guardduty.amazonaws.com", "DeleteDetector", "audit_changed" },
    { "config.amazonaws.com", "StopConfigurationRecorder", "audit_changed" },
    { "config.amazonaws.com", "DeleteConfigurationRecorder", "audit_changed" },
};

/* The policies of AWS with which one may do everything, or give it to oneself. */
static const char *const admins[] = {
    "arn:aws:iam::aws:policy/AdministratorAccess",
    "arn:aws:iam::aws:policy/IAMFullAccess",
    "arn:aws:iam::aws:policy/PowerUserAccess",
};

static const struct json_field rows[] = {
    { "sourceIPAddress", FIELD_SOURCE_ADDRESS },
    { "userAgent", FIELD_USER_AGENT_ORIGINAL },
    { "eventSource", FIELD_EVENT_PROVIDER },
    { "eventName", FIELD_AWS_CLOUDTRAIL_EVENT_NAME },
    { "eventType", FIELD_AWS_CLOUDTRAIL_EVENT_TYPE },
    { "eventID", FIELD_EVENT_ORIGINAL_ID },
    { "awsRegion", FIELD_CLOUD_REGION },
    { "recipientAccountId", FIELD_CLOUD_ACCOUNT_ID },
    { "userIdentity.accountId", FIELD_CLOUD_ACCOUNT_ID },
    { "userIdentity.principalId", FIELD_USER_ID },
    { "userIdentity.type", FIELD_AWS_CLOUDTRAIL_USER_IDENTITY_TYPE },
    { "userIdentity.arn", FIELD_AWS_CLOUDTRAIL_USER_IDENTITY_ARN },
    { "userIdentity.accessKeyId", FIELD_AWS_CLOUDTRAIL_USER_IDENTITY_ACCESS_KEY_ID },
    { "userIdentity.sessionContext.sessionIssuer.userName", FIELD_USER_EFFECTIVE_NAME },
    { "errorCode", FIELD_AWS_CLOUDTRAIL_ERROR_CODE },
    { "errorMessage", FIELD_EVENT_REASON },
    { "errorCode", FIELD_EVENT_REASON },
    { "additionalEventData.MFAUsed", FIELD_AWS_CLOUDTRAIL_MFA_USED },
};

/* Of calls of IAM alone. */
static const struct json_field iam_rows[] = {
    { "requestParameters.userName", FIELD_USER_TARGET_NAME },
    { "requestParameters.newUserName", FIELD_USER_CHANGES_NAME },
    { "requestParameters.groupName", FIELD_GROUP_NAME },
};

struct record {
    const struct json_line *json;
    yyjson_val *root;
    struct text call, service, error;
};

static struct text
get(const struct record *record, const char *path)
{
    return json_fields_text(record->json, record->root, path);
}

static int
is_denied(struct text error)
{
    return text_find(error, "AccessDenied") != NULL ||
           text_find(error, "UnauthorizedOperation") != NULL;
}

/* The rights were given, by a policy that is known to be all of them. */
static int
is_made_admin(const struct record *record)
{
    struct text policy = get(record, "requestParameters.policyArn");

    if (!text_is(record->service, IAM) || !text_starts_with(record->call, "Attach"))
        return 0;
    for (size_t i = 0; i < sizeof admins / sizeof admins[0]; i++)
        if (text_is(policy, admins[i]))
            return 1;
    return 0;
}

static const char *
event_type_of(const struct record *record)
{
    struct text login = get(record, "responseElements.ConsoleLogin");

    if (text_is(record->call, "ConsoleLogin") &&
        text_is(record->service, "signin.amazonaws.com"))
        return text_is(login, "Success") ? "login_success" : "login_failed";
    if (record->error.len > 0)
        return is_denied(record->error) ? "access_denied" : "api_call";
    if (is_made_admin(record))
        return "role_granted_admin";
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        if (text_is(record->call, changes[i].call) &&
            text_is(record->service, changes[i].service))
            return changes[i].event_type;
    return "api_call";
}

/* Of a role it is the name of the session, the last part of the ARN. */
static void
put_user(const struct record *record, struct event *ev)
{
    struct text name = get(record, "userIdentity.userName");
    struct text arn = get(record, "userIdentity.arn");
    const char *slash = arn.len == 0 ? NULL : memrchr(arn.ptr, '/', arn.len);

    if (text_is(name, "HIDDEN_DUE_TO_SECURITY_REASONS")) {
        decoded_put_flag(ev, FIELD_USER_INVALID);
        return;
    }
    if (text_is(get(record, "userIdentity.type"), "Root"))
        name = text_of("root");
    else if (name.len == 0 && slash != NULL)
        name = (struct text){ slash + 1, (size_t)(arn.ptr + arn.len - slash - 1) };
    form_keep(ev, FIELD_USERNAME, name);
}

static void
put_record(const struct record *record, struct event *ev)
{
    const char *event_type = event_type_of(record);

    decoded_text(ev, EVENT_TYPE, text_of(event_type));
    json_fields_time(record->json, record->root, "eventTime", ev);
    decoded_text(ev, EVENT_DESCRIPTION,
                 arena_printf(record->json->arena, "%.*s %.*s", (int)record->service.len,
                              record->service.ptr, (int)record->call.len, record->call.ptr));
    put_user(record, ev);
    form_keep(ev, FIELD_CLOUD_PROVIDER, text_of("aws"));
    form_keep(ev, FIELD_EVENT_OUTCOME,
              text_of(record->error.len > 0 || strcmp(event_type, "login_failed") == 0
                          ? "failure" : "success"));
    json_fields_put(record->json, record->root, rows, sizeof rows / sizeof rows[0], ev);
    if (text_is(record->service, IAM))
        json_fields_put(record->json, record->root, iam_rows,
                        sizeof iam_rows / sizeof iam_rows[0], ev);
}

static int
decode_cloudtrail(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct record record = { .json = line->json };

    (void)arena;
    if (line->json == NULL)
        return 0;
    if (line->json->form == JSON_CLOUDTRAIL)
        record.root = line->json->root;
    else if (line->json->form == JSON_EVENTBRIDGE)
        record.root = json_line_get(line->json->root, "detail");
    record.call = get(&record, "eventName");
    record.service = get(&record, "eventSource");
    record.error = get(&record, "errorCode");
    if (record.call.len == 0 || record.service.len == 0)
        return 0;
    put_record(&record, ev);
    return 1;
}

const struct decoder decoder_cloudtrail = {
    "cloudtrail", NULL, decode_cloudtrail, NULL, DECODER_STARTS_JSON
};
