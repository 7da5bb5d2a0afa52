/* Which fields there are: what Sysmon and its like write, wholly, and the names of
 * proto/fields.yml. */
#include <string.h>

#include "detector/ruleset/lint_internal.h"
#include "detector/text/pattern.h"
#include "proto/fields.h"

#define SYSMON "UtcTime RuleName ProcessGuid ProcessId Image User EventType "
#define TARGETS "SourceProcessGUID SourceProcessGuid SourceProcessId SourceImage SourceUser " \
                "TargetProcessGUID TargetProcessGuid TargetProcessId TargetImage TargetUser "
#define HASHES "Hashes md5 sha1 sha256 Imphash IMPHASH MD5 SHA1 SHA256 "
#define VERSION "FileVersion Description Product Company OriginalFileName "
#define SIGNED "Signed Signature SignatureStatus "
#define AUDITED "SubjectUserSid SubjectUserName SubjectDomainName SubjectLogonId "

/* Of every event of Windows, in the taxonomy's names or Winlogbeat's. */
const char lint_windows_fields[] =
    "EventID Provider_Name Provider Channel Computer ComputerName Hostname Level Keywords Task "
    "Opcode Version EventRecordID ExecutionProcessID";

/* Shorter names are too much alike. */
enum { MIN_SLIP = 6 };

/* The categories of which all fields are known: Sysmon's of the schema 4.90, and Windows'
 * own audit where it writes such events too. */
static const struct known_source {
    const char *category, *fields;
} known_sources[] = {
    { "process_creation", SYSMON VERSION HASHES AUDITED
      "CommandLine CurrentDirectory LogonGuid LogonId TerminalSessionId IntegrityLevel "
      "ParentProcessGuid ParentProcessId ParentImage ParentCommandLine ParentUser NewProcessId "
      "NewProcessName TokenElevationType ParentProcessName MandatoryLabel TargetUserSid "
      "TargetUserName TargetDomainName TargetLogonId GrandParentImage" },
    { "file_change", SYSMON "TargetFilename CreationUtcTime PreviousCreationUtcTime" },
    { "network_connection", SYSMON
      "Protocol Initiated SourceIsIpv6 SourceIp SourceHostname SourcePort SourcePortName "
      "DestinationIsIpv6 DestinationIp DestinationHostname DestinationPort DestinationPortName "
      "Application Direction SourceAddress DestAddress DestPort FilterRTID LayerName LayerRTID "
      "RemoteUserID RemoteMachineID" },
    { "process_termination", SYSMON },
    { "driver_load", SYSMON HASHES SIGNED "ImageLoaded" },
    { "image_load", SYSMON HASHES SIGNED VERSION "ImageLoaded" },
    { "create_remote_thread", SYSMON TARGETS
      "NewThreadId StartAddress StartModule StartFunction" },
    { "raw_access_thread", SYSMON "Device" },
    { "process_access", SYSMON TARGETS "SourceThreadId GrantedAccess CallTrace" },
    { "file_event", SYSMON "TargetFilename CreationUtcTime" },
    { "registry_event", SYSMON AUDITED
      "TargetObject Details NewName ObjectName ObjectValueName OperationType OldValueType "
      "OldValue NewValueType NewValue ProcessName HandleId" },
    { "registry_add", SYSMON "TargetObject Details" },
    { "registry_delete", SYSMON "TargetObject Details" },
    { "registry_set", SYSMON AUDITED
      "TargetObject Details ObjectName ObjectValueName OperationType OldValueType OldValue "
      "NewValueType NewValue ProcessName HandleId" },
    { "registry_rename", SYSMON "TargetObject NewName Details" },
    { "create_stream_hash", SYSMON HASHES "TargetFilename CreationUtcTime Hash Contents" },
    { "pipe_created", SYSMON "PipeName" },
    { "wmi_event", SYSMON
      "Operation EventNamespace Name Query Type Destination Consumer Filter" },
    { "dns_query", SYSMON "QueryName QueryStatus QueryResults" },
    { "file_delete", SYSMON HASHES "TargetFilename IsExecutable Archived" },
    { "file_delete_detected", SYSMON HASHES "TargetFilename IsExecutable" },
    { "clipboard_capture", SYSMON HASHES "Session ClientInfo Archived" },
    { "process_tampering", SYSMON "Type" },
    { "file_block_executable", SYSMON HASHES "TargetFilename" },
    { "file_block_shredding", SYSMON HASHES "TargetFilename IsExecutable" },
    { "file_executable_detected", SYSMON HASHES "TargetFilename" },
};

int
lint_is_in_list(struct text list, struct text name)
{
    while (list.len > 0)
        if (text_equals(text_split(&list, ' '), name))
            return 1;
    return 0;
}

const char *
lint_known_fields(const struct logsource *of)
{
    if (!text_equals_nocase(of->product, text_of("windows")))
        return NULL;
    for (size_t i = 0; i < sizeof(known_sources) / sizeof(known_sources[0]); i++)
        if (text_equals_nocase(of->category, text_of(known_sources[i].category)))
            return known_sources[i].fields;
    return NULL;
}

/* --- names of fields.yml --- */

static int
is_divider(char c)
{
    return c == '.' || c == '_' || c == '-';
}

/* One letter more, less or other, or two that changed places; the case of none matters. */
static int
is_slip(struct text a, struct text b)
{
    size_t head = 0, tail = 0, most = a.len < b.len ? a.len : b.len;
    size_t in_a, in_b;

    while (head < most && fold_char(a.ptr[head]) == fold_char(b.ptr[head]))
        head++;
    while (tail < most - head &&
           fold_char(a.ptr[a.len - 1 - tail]) == fold_char(b.ptr[b.len - 1 - tail]))
        tail++;
    in_a = a.len - head - tail;
    in_b = b.len - head - tail;
    if ((in_a == 1 && is_divider(a.ptr[head])) || (in_b == 1 && is_divider(b.ptr[head])))
        return 0;               /* ProcessName is no slip for process.name */
    return (in_a <= 1 && in_b <= 1) ||
           (in_a == 2 && in_b == 2 &&
            fold_char(a.ptr[head]) == fold_char(b.ptr[head + 1]) &&
            fold_char(a.ptr[head + 1]) == fold_char(b.ptr[head]));
}

static void
take_closer(struct text name, struct text known, struct text *best)
{
    if (best->len > 0 && text_equals_nocase(name, *best))
        return;
    if (text_equals_nocase(name, known) || (name.len >= MIN_SLIP && is_slip(name, known)))
        *best = known;
}

/* "query@dns": only in rules that have the word. One without is for categories, which are
 * what Sigma gives names to; products call their fields as they like. */
static int
is_usable(struct text *sigma, const struct logsource *of)
{
    struct text word = *sigma, name = text_split(&word, '@');
    int has_word = name.len < sigma->len;

    *sigma = name;
    if (!has_word)
        return of->category.len > 0 || of->product.len == 0;
    return text_equals_nocase(word, of->product) || text_equals_nocase(word, of->category) ||
           text_equals_nocase(word, of->service);
}

struct text
lint_known_as(struct text name, const struct logsource *of)
{
    struct text best = { NULL, 0 };

    /* Windows' own names, of which there is no list, are kept as they are */
    if (field_find_for(name, of) != NULL || field_prefix_for(of) != NULL)
        return best;
    for (size_t i = 0; i < FIELD_NUMBERS; i++) {
        struct text sigma = text_of(field_rows[i].sigma);

        take_closer(name, text_of(field_rows[i].name), &best);
        take_closer(name, text_of(field_rows[i].ecs), &best);
        while (sigma.len > 0) {
            struct text one = text_split(&sigma, ' ');

            if (is_usable(&one, of))
                take_closer(name, one, &best);
        }
    }
    return best;
}
