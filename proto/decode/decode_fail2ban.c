/*
 * decode_fail2ban.c - fail2ban: its own file, and through syslog
 *
 *   2026-11-22 10:00:00,123 fail2ban.actions [123]: NOTICE [sshd] Ban 192.0.2.1
 *   fail2ban.actions[123]: NOTICE [sshd] Ban 192.0.2.1
 *   fail2ban-server[123]: fail2ban.actions [123]: NOTICE [sshd] Ban 192.0.2.1
 *
 * What it found is an attempt that another program has written already.
 */
#include <string.h>

#include "proto/base/timestamp.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/take.h"

enum { TIME_LEN = 23 };     /* of "2026-11-22 10:00:00,123" */

/* What is banned may be a name: that is no source. */
static const struct form forms[] = {
    { "[%w] Ban %w", "ban", NULL, { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Restore Ban %w", "ban", NULL, { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Unban %w", "unban", NULL, { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Found %w - %", "auth_detail", NULL,
      { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Found %c, bad - %", "auth_detail", NULL,
      { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Found %w", "auth_detail", NULL, { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] %w already banned", "auth_detail", NULL,
      { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Increase Ban %w (%)", "auth_detail", NULL,
      { FIELD_RULE_NAME, FIELD_SOURCE_IP } },
    { "[%w] Ignore %w by %", "auth_detail", NULL,
      { FIELD_RULE_NAME, FIELD_SOURCE_IP, FIELD_EVENT_REASON } },
};

struct origin {
    struct text component, pid, level;
    int64_t at_us;
    int has_time;
};

/* Take what stands before the first of mark, and mark. */
static int
take_until(struct text *rest, char mark, struct text *ret_text)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->ptr, mark, rest->len);

    if (at == NULL)
        return 0;
    *ret_text = (struct text){ rest->ptr, (size_t)(at - rest->ptr) };
    skip(rest, ret_text->len + 1);
    return 1;
}

/* "fail2ban.actions        [123]: " or "fail2ban.actions: " */
static int
take_component(struct text *rest, struct origin *origin)
{
    struct text tag;

    if (!text_starts_with(*rest, "fail2ban.") || !take_until(rest, ':', &tag))
        return 0;
    if (text_ends_with(tag, "]")) {
        tag.len--;
        if (!take_until(&tag, '[', &origin->component))
            return 0;
        origin->pid = text_trim(tag);
        tag = origin->component;
    }
    origin->component = text_trim(tag);
    return memchr(origin->component.ptr, ' ', origin->component.len) == NULL;
}

static int
take_time(struct text *rest, struct origin *origin)
{
    if (rest->len <= TIME_LEN + 1 || rest->ptr[4] != '-' || rest->ptr[10] != ' ' ||
        rest->ptr[19] != ',' || rest->ptr[TIME_LEN] != ' ' ||
        timestamp_parse((struct text){ rest->ptr, TIME_LEN }, &origin->at_us, NULL) != 0)
        return 0;
    skip(rest, TIME_LEN + 1);
    origin->has_time = 1;
    return 1;
}

/* Everything before "[sshd] Ban 192.0.2.1". Through syslog the header names
 * the component, or the server and then the message does. */
static int
take_origin(const struct log_line *line, struct text *rest, struct origin *origin)
{
    if (line->program.len > 0) {
        if (*line->program.ptr != 'f' || !text_starts_with(line->program, "fail2ban"))
            return 0;
        (void)take_time(rest, origin);
        if (!take_component(rest, origin) && line->program.ptr[8] != '.')
            return 0;
    } else if (!take_time(rest, origin) || !take_component(rest, origin)) {
        return 0;
    }
    *rest = text_trim(*rest);
    if (!take_until(rest, ' ', &origin->level))
        return 0;
    *rest = text_trim(*rest);
    return 1;
}

static int
decode_fail2ban(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct origin origin;
    struct text rest = line->message;
    int64_t pid;

    if (line->program.len > 0 ? *line->program.ptr != 'f' :
        rest.len < TIME_LEN || rest.ptr[4] != '-' || rest.ptr[10] != ' ')
        return 0;
    origin = (struct origin){ .has_time = 0 };
    if (!take_origin(line, &rest, &origin) ||
        form_decode(forms, sizeof forms / sizeof forms[0], rest, ev) == NULL)
        return 0;

    if (origin.has_time)
        (void)decoded_time(ev, origin.at_us, arena);
    form_keep(ev, FIELD_PROCESS_NAME, origin.component);
    form_keep(ev, FIELD_LOG_LEVEL, origin.level);
    if (text_to_int(origin.pid, 0, INT32_MAX, &pid) == 0)
        decoded_put_number(ev, FIELD_PROCESS_PID, pid);
    return 1;
}

const struct decoder decoder_fail2ban = { "fail2ban", NULL, decode_fail2ban, "f", NULL };
