#include "proto/decode/audit_record.h"

#include <string.h>

#include "proto/decode/take.h"

enum { SEPARATOR = 0x1d, SECONDS_DIGITS_MAX = 11 };

/* Types by number, as the kernel itself writes them to syslog. */
static const struct {
    const char *number, *name;
} types[] = {
    { "1100", "USER_AUTH" }, { "1101", "USER_ACCT" }, { "1103", "CRED_ACQ" },
    { "1105", "USER_START" }, { "1106", "USER_END" }, { "1112", "USER_LOGIN" },
    { "1123", "USER_CMD" }, { "1130", "SERVICE_START" }, { "1131", "SERVICE_STOP" },
    { "1300", "SYSCALL" }, { "1302", "PATH" }, { "1305", "CONFIG_CHANGE" },
    { "1307", "CWD" }, { "1309", "EXECVE" }, { "1325", "NETFILTER_CFG" },
    { "1326", "SECCOMP" }, { "1327", "PROCTITLE" }, { "1400", "AVC" },
    { "1700", "ANOM_PROMISCUOUS" }, { "1701", "ANOM_ABEND" },
};

static void
skip_blanks(struct text *rest)
{
    while (rest->len > 0 && *rest->ptr == ' ')
        skip(rest, 1);
}

static int
take(struct text *rest, const char *prefix)
{
    if (!text_starts_with(*rest, prefix))
        return 0;
    skip(rest, strlen(prefix));
    return 1;
}

static struct text
take_word(struct text *rest)
{
    struct text word = { rest->ptr, 0 };

    while (word.len < rest->len && rest->ptr[word.len] != ' ' &&
           rest->ptr[word.len] != SEPARATOR)
        word.len++;
    skip(rest, word.len);
    skip_blanks(rest);
    return word;
}

/* "1364481363.243:24287" */
static int
read_stamp(struct text stamp, struct audit_record *record)
{
    struct text seconds = text_split(&stamp, '.'), millis;
    int64_t s, ms;

    if (stamp.ptr == NULL || seconds.len > SECONDS_DIGITS_MAX)
        return 0;
    millis = text_split(&stamp, ':');
    if (stamp.ptr == NULL || millis.len != 3 ||
        text_to_int(seconds, 0, INT64_MAX / 1000000, &s) != 0 ||
        text_to_int(millis, 0, 999, &ms) != 0 ||
        text_to_int(stamp, 0, INT64_MAX, &record->sequence) != 0)
        return 0;
    record->at_us = s * 1000000 + ms * 1000;
    record->has_time = 1;
    return 1;
}

/* "audit(STAMP): ", with "msg=" before it in the file. */
static int
take_stamp(struct text *rest, struct audit_record *record)
{
    struct text after = *rest;
    const char *end;

    (void)take(&after, "msg=");
    if (!take(&after, "audit("))
        return 0;
    end = after.len == 0 ? NULL : memchr(after.ptr, ')', after.len);
    if (end == NULL ||
        !read_stamp((struct text){ after.ptr, (size_t)(end - after.ptr) }, record))
        return 0;
    skip(&after, (size_t)(end - after.ptr) + 1);
    (void)take(&after, ":");
    skip_blanks(&after);
    *rest = after;
    return 1;
}

static int
is_type(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789[]", text.ptr[i]) == NULL)
            return 0;
    return text.len > 0;
}

/* Everything before the pairs. */
static int
read_head(const struct log_line *line, struct text *rest, struct audit_record *record)
{
    int is_journal = text_is(line->program, "audit");

    if (text_is(line->program, "kernel")) {
        struct text after = *rest;

        /* "[12.345] audit: type=1400 audit(...): " */
        if (after.len > 0 && *after.ptr == '[') {
            const char *end = memchr(after.ptr, ']', after.len);

            if (end == NULL)
                return 0;
            skip(&after, (size_t)(end - after.ptr) + 1);
            skip_blanks(&after);
        }
        (void)take(&after, "audit: ");
        *rest = after;
    }

    if (take(rest, "node="))
        record->node = take_word(rest);
    if (take(rest, "type=")) {
        record->type = take_word(rest);
        return is_type(record->type) && take_stamp(rest, record);
    }
    /* journald: "audit[1234]: USER_LOGIN pid=1234 uid=0 ..." */
    if (!is_journal)
        return 0;
    record->type = take_word(rest);
    return record->type.len > 2 && is_type(record->type);
}

static int
is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '[' || c == ']';
}

/* How many bytes of "name=" stand at the start of text, without the "=". */
static size_t
name_len(struct text text)
{
    size_t n = 0;

    while (n < text.len && is_name_char(text.ptr[n]))
        n++;
    return n > 0 && n < text.len && text.ptr[n] == '=' ? n : 0;
}

/* A bare value: to the next blank, or for op= ("adding user") to the next pair.
 * The ' that ends msg='...' is not its, nor what sets off RHEL 5's. */
static struct text
take_bare(struct text *rest, int has_words)
{
    struct text value = { rest->ptr, 0 }, word;

    do {
        word = take_word(rest);
        value.len = (size_t)(word.ptr + word.len - value.ptr);
    } while (has_words && rest->len > 0 && name_len(*rest) == 0 && word.len > 0 &&
             is_name_char(*rest->ptr));

    while (value.len > 0 && strchr("',)", value.ptr[value.len - 1]) != NULL &&
           *value.ptr != '(')
        value.len--;
    return value;
}

static void
take_pair(struct text *rest, size_t len, int is_enriched, struct audit_record *record)
{
    struct audit_pair pair = { .name = { rest->ptr, len }, .is_enriched = is_enriched };
    const char *end;

    skip(rest, len + 1);
    if (rest->len > 0 && *rest->ptr == '"' &&
        (end = memchr(rest->ptr + 1, '"', rest->len - 1)) != NULL) {
        pair.value = (struct text){ rest->ptr + 1, (size_t)(end - rest->ptr) - 1 };
        pair.is_quoted = 1;
        skip(rest, pair.value.len + 2);
    } else {
        pair.value = take_bare(rest, text_is(pair.name, "op"));
    }
    /* A quote that does not end: the line was cut inside it. */
    if (!pair.is_quoted && text_starts_with(pair.value, "\""))
        return;
    if (record->count < AUDIT_PAIRS_MAX)
        record->pairs[record->count++] = pair;
}

static void
read_pairs(struct text rest, struct audit_record *record)
{
    int is_enriched = 0;

    while (rest.len > 0) {
        size_t n;

        for (; rest.len > 0 && (*rest.ptr == ' ' || *rest.ptr == SEPARATOR);
             skip(&rest, 1))
            is_enriched |= *rest.ptr == SEPARATOR;

        /* A message of a program: its pairs follow the kernel's. RHEL 5 put
         * some of them in brackets. */
        (void)take(&rest, "msg='");
        (void)take(&rest, "(");
        n = name_len(rest);
        if (n > 0)
            take_pair(&rest, n, is_enriched, record);
        else
            while (rest.len > 0 && *rest.ptr != ' ' && *rest.ptr != SEPARATOR)
                skip(&rest, 1);
    }
}

int
audit_record_read(const struct log_line *line, struct audit_record *ret_record)
{
    struct text rest = line->message;

    ret_record->type = ret_record->node = (struct text){ NULL, 0 };
    ret_record->has_time = 0;
    ret_record->count = 0;
    if (!read_head(line, &rest, ret_record))
        return 0;

    ret_record->body = rest;
    read_pairs(rest, ret_record);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (text_is(ret_record->type, types[i].number))
            ret_record->type = text_of(types[i].name);
    return 1;
}

static const struct audit_pair *
find(const struct audit_record *record, const char *name, int is_enriched)
{
    for (size_t i = 0; i < record->count; i++)
        if (record->pairs[i].is_enriched == is_enriched &&
            text_is(record->pairs[i].name, name))
            return &record->pairs[i];
    return NULL;
}

static int
is_nothing(struct text value)
{
    return value.len == 0 || text_is(value, "?") || text_is(value, "(null)") ||
           text_is(value, "(none)") || text_is(value, "unset") ||
           text_is(value, "4294967295");
}

static struct text
value_of(const struct audit_pair *pair)
{
    if (pair == NULL || is_nothing(pair->value))
        return (struct text){ NULL, 0 };
    return pair->value;
}

struct text
audit_record_get(const struct audit_record *record, const char *name)
{
    return value_of(find(record, name, 0));
}

struct text
audit_record_enriched(const struct audit_record *record, const char *name)
{
    return value_of(find(record, name, 1));
}

static int
digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The bytes that value's digits stand for, or value when it is no such. */
static struct text
from_hex(struct text value, struct arena *arena)
{
    enum raw_encoding how;
    char *bytes;

    if (value.len < 2 || value.len % 2 != 0)
        return value;
    for (size_t i = 0; i < value.len; i++)
        if (digit_of(value.ptr[i]) < 0)
            return value;

    bytes = arena_alloc(arena, value.len / 2);
    if (bytes == NULL)
        return (struct text){ NULL, 0 };
    for (size_t i = 0; i < value.len / 2; i++) {
        bytes[i] = (char)(digit_of(value.ptr[2 * i]) * 16 +
                          digit_of(value.ptr[2 * i + 1]));
        if (bytes[i] == '\0')
            bytes[i] = ' ';
    }
    return text_trim(raw_to_utf8((struct text){ bytes, value.len / 2 }, arena, &how));
}

static struct text
chosen(const struct audit_pair *pair, struct arena *arena)
{
    struct text value = value_of(pair);

    return value.ptr == NULL || pair->is_quoted ? value : from_hex(value, arena);
}

struct text
audit_record_chosen(const struct audit_record *record, const char *name,
                    struct arena *arena)
{
    return chosen(find(record, name, 0), arena);
}

/* "a0", "a12"; and "a1[0]", the first part of a long one. */
static int
is_argument(struct text name)
{
    size_t i = 1;

    if (name.len < 2 || name.ptr[0] != 'a')
        return 0;
    while (i < name.len && name.ptr[i] >= '0' && name.ptr[i] <= '9')
        i++;
    return i > 1 && (i == name.len || name.ptr[i] == '[');
}

struct text
audit_record_command(const struct audit_record *record, struct arena *arena)
{
    struct text values[AUDIT_PAIRS_MAX];
    size_t count = 0, len = 0, at = 0;
    char *line;

    for (size_t i = 0; i < record->count; i++)
        if (!record->pairs[i].is_enriched && is_argument(record->pairs[i].name)) {
            values[count] = chosen(&record->pairs[i], arena);
            len += values[count++].len + 1;
        }
    line = count > 0 ? arena_alloc(arena, len) : NULL;
    if (line == NULL)
        return (struct text){ NULL, 0 };

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            line[at++] = ' ';
        if (values[i].len > 0)
            memcpy(line + at, values[i].ptr, values[i].len);
        at += values[i].len;
    }
    return (struct text){ line, at };
}
