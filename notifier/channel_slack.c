#include "notifier/channel.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/timestamp.h"

/* Slack's documented limits are 4,000 characters of text and 3,000 of a
 * section. All parts at their largest come to less than 3,000: they are counted as
 * Slack sees them, "&amp;" as five. */
enum { MAX_TITLE = 150, MAX_SUMMARY = 1000, MAX_FIELD = 40, MAX_VALUE = 100, MAX_LINK = 300, MAX_AUTHOR = 60,
       MAX_LINE = 320, MAX_LISTED = 20, MAX_LISTED_SUMMARY = 120, MAX_DIGEST_BYTES = 2300 };

/* U+2028 and 2029 end a line; U+202A..202E and 2066..2069 turn the writing
 * direction, so that a name could show as another. */
static int
is_format(struct text one)
{
    const unsigned char *p = (const unsigned char *)one.ptr;

    return one.len == 3 && p[0] == 0xe2 &&
           ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
            (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

/* Slack's three control characters are escaped (docs: "Escaping text"), which
 * also takes the life out of <!channel> and forged links; line ends, other
 * control characters and backticks, which would end a code span, become
 * spaces, and a byte that is no UTF-8 a question mark. */
static struct text
escape(struct text one)
{
    unsigned char c = (unsigned char)one.ptr[0];

    if (c == '&')
        return text_of("&amp;");
    if (c == '<')
        return text_of("&lt;");
    if (c == '>')
        return text_of("&gt;");
    if (c < 0x20 || c == 0x7f || c == '`' || is_format(one))
        return text_of(" ");
    return c >= 0x80 && !text_is_utf8(one) ? text_of("?") : one;
}

/* The first character of a text that is not empty. */
static struct text
first_character(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    struct text one = { text, strnlen(text, len) };

    if (!text_is_utf8(one))
        one.len = 1;
    return one;
}

/* Cut at max characters, on a character's border. */
static int
append_escaped(struct buf *out, const char *text, size_t max)
{
    size_t shown = 0;

    for (const char *at = text == NULL ? "" : text; *at != '\0';) {
        struct text one = first_character(at), escaped = escape(one);
        size_t width = (unsigned char)escaped.ptr[0] >= 0x80 ? 1 : escaped.len;

        if (shown + width > max)
            return buf_append_str(out, "\xe2\x80\xa6");
        if (buf_append_text(out, escaped) != 0)
            return -1;
        shown += width;
        at += one.len;
    }
    return 0;
}

static const char *
mark_of(int severity)
{
    static const char *const marks[] = {
        ":information_source:", ":warning:", ":rotating_light:", ":fire:",
    };

    return severity >= SEVERITY_LOW && severity <= SEVERITY_CRITICAL ? marks[severity]
                                                                     : marks[0];
}

static int
is_over(const struct notice *notice)
{
    return strncmp(notice->what, "over:", 5) == 0;
}

static int
append_headline(struct buf *out, const struct notice *notice)
{
    const char *name = severity_name(notice->inc->severity);
    int rc = buf_printf(out, "%s *[", is_over(notice) ? ":white_check_mark:"
                                                      : mark_of(notice->inc->severity));

    for (const char *p = name; *p != '\0' && rc == 0; p++)
        rc = buf_append_char(out, (char)toupper((unsigned char)*p));
    rc = rc == 0 ? buf_append_str(out, "] ") : rc;
    rc = rc == 0 ? append_escaped(out, notice->inc->rule_title, MAX_TITLE) : rc;
    rc = rc == 0 ? buf_append_char(out, '*') : rc;
    if (rc == 0 && strncmp(notice->what, "severity:", 9) == 0)
        rc = buf_append_str(out, " (severity rose)");
    else if (rc == 0 && strncmp(notice->what, "reopened:", 9) == 0)
        rc = buf_append_str(out, " (opened again)");
    else if (rc == 0 && is_over(notice))
        rc = buf_append_str(out, " (it is over)");
    return rc;
}

/* How much of public_url to put before a path: 0 when it gives no link. */
static size_t
link_len(const char *public_url)
{
    size_t len = public_url == NULL ? 0 : strlen(public_url);

    while (len > 0 && public_url[len - 1] == '/')
        len--;
    return len > MAX_LINK || strcspn(public_url == NULL ? "" : public_url, "<>|") < len ? 0 : len;
}

static int
append_link(struct buf *out, const struct incident *inc, const char *public_url)
{
    size_t len = link_len(public_url);

    if (len == 0)
        return buf_printf(out, "incident `%s`", inc->id);
    return buf_printf(out, "<%.*s/incidents/%s|Open the incident>", (int)len, public_url, inc->id);
}

static int
append_one(struct buf *out, const struct notice *notice, const char *public_url)
{
    const struct incident *inc = notice->inc;
    char first[TIMESTAMP_LEN], last[TIMESTAMP_LEN];

    timestamp_format_local(inc->opened_us, first);
    timestamp_format_local(inc->last_seen_us, last);
    if (append_headline(out, notice) != 0 || buf_append_char(out, '\n') != 0 ||
        append_escaped(out, inc->summary, MAX_SUMMARY) != 0)
        return -1;
    for (size_t i = 0; i < inc->key_count; i++)
        if (buf_append_str(out, i == 0 ? "\n" : "  ") != 0 ||
            append_escaped(out, inc->keys[i].field, MAX_FIELD) != 0 ||
            buf_append_str(out, ": `") != 0 ||
            append_escaped(out, inc->keys[i].value, MAX_VALUE) != 0 ||
            buf_append_char(out, '`') != 0)
            return -1;
    if (buf_printf(out, "\ncount: %llu  first: %s  last: %s\n", (unsigned long long)inc->count,
                   first, last) != 0)
        return -1;
    /* the licence of published rules asks for it; ours need not say that they are ours */
    if (inc->rule_author != NULL && strcasecmp(inc->rule_author, INCIDENT_BY_US) != 0 &&
        (buf_append_str(out, "rule by ") != 0 ||
         append_escaped(out, inc->rule_author, MAX_AUTHOR) != 0 || buf_append_char(out, '\n') != 0))
        return -1;
    return append_link(out, inc, public_url);
}

static int
append_digest(struct buf *out, const struct notice *notices, size_t count, size_t total,
              const char *public_url)
{
    size_t listed = 0;

    if (buf_printf(out, ":rotating_light: *%zu more incidents*", total) != 0)
        return -1;
    for (; listed < count && listed < MAX_LISTED && out->len < MAX_DIGEST_BYTES;
         listed++) {
        if (buf_append_str(out, "\n\xe2\x80\xa2 ") != 0 ||
            append_headline(out, &notices[listed]) != 0 || buf_append_str(out, " ") != 0 ||
            append_escaped(out, notices[listed].inc->summary, MAX_LISTED_SUMMARY) != 0)
            return -1;
    }
    if (listed < total && buf_printf(out, "\nand %zu more", total - listed) != 0)
        return -1;
    if (link_len(public_url) > 0)
        return buf_printf(out, "\n<%.*s/incidents|Open all>", (int)link_len(public_url),
                          public_url);
    return 0;
}

/* Title, lines and link of a report: eight lines at most. */
static int
append_report(struct buf *out, const struct report_note *note, const char *public_url)
{
    size_t len = link_len(public_url);
    int rc = buf_append_str(out, ":bar_chart: *");

    rc |= append_escaped(out, note->title, MAX_TITLE);
    rc |= buf_append_char(out, '*');
    for (size_t i = 0; i < note->line_count; i++) {
        rc |= buf_append_char(out, '\n');
        rc |= append_escaped(out, note->lines[i], MAX_LINE);
    }
    if (len > 0) {
        rc |= buf_printf(out, "\n<%.*s", (int)len, public_url);
        rc |= append_escaped(out, note->path, MAX_LINK);
        rc |= buf_append_char(out, '|');
        rc |= append_escaped(out, note->link, MAX_FIELD);
        rc |= buf_append_char(out, '>');
    }
    return rc == 0 ? 0 : -1;
}

static int
slack_write(struct buf *out, const struct notice *notices, size_t count, size_t total,
            const char *public_url)
{
    struct buf text = { 0 };
    char *json = NULL;
    json_t *body = NULL;
    int rc = notices[0].note != NULL ? append_report(&text, notices[0].note, public_url)
             : total == 1            ? append_one(&text, &notices[0], public_url)
                                     : append_digest(&text, notices, count, total, public_url);

    if (rc == 0)
        body = json_pack("{s:s#, s:b, s:b}", "text", text.ptr, (int)text.len,
                         "unfurl_links", 0, "unfurl_media", 0);
    if (body != NULL)
        json = json_dumps(body, JSON_COMPACT);
    rc = json == NULL ? -1 : buf_append_str(out, json);
    free(json);
    json_decref(body);
    buf_release(&text);
    return rc;
}

/* 200 "ok" is a success; 429 and 5xx pass (docs: "Handling errors"); any
 * other 4xx says that this message or this webhook will never do. */
static enum verdict
slack_judge(const struct http_answer *answer)
{
    if (answer->status >= 200 && answer->status < 300)
        return VERDICT_SENT;
    if (answer->status == 0 || answer->status == 408 || answer->status == 429 ||
        answer->status >= 500)
        return VERDICT_RETRY;
    return VERDICT_FAILED;
}

const struct channel channel_slack = { "slack", slack_write, slack_judge };
