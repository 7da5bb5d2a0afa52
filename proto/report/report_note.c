#include "proto/report/report_note.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
report_key(const struct report_span *span, char out[REPORT_KEY_LEN])
{
    snprintf(out, REPORT_KEY_LEN, "report|%s|%s", report_period_name(span->period), span->first);
}

void
report_note_release(struct report_note *note)
{
    free(note->title);
    for (size_t i = 0; i < note->line_count; i++)
        free(note->lines[i]);
    free(note->path);
    free(note->link);
    *note = (struct report_note){ 0 };
}

/* The buffer as the next line; it is empty afterwards. */
static int
end_line(struct report_note *note, struct buf *line)
{
    char *text = buf_take(line);

    if (text == NULL)
        return -1;
    note->lines[note->line_count++] = text;
    return 0;
}

/* "+12.3% against the day before", or that there is no comparison. */
static int
put_comparison(struct buf *out, enum report_language language, enum report_period period,
               uint64_t now, uint64_t before)
{
    struct buf change = { 0 };
    int64_t permille;
    int rc;

    if (!report_change(now, before, &permille))
        return buf_append_str(out, report_word(language, WORD_NO_COMPARISON));
    rc = report_put_permille(&change, permille, 1);
    if (rc == 0)
        rc = report_say(out, language,
                        period == REPORT_WEEKLY ? WORD_NOTE_AGAINST_WEEK : WORD_NOTE_AGAINST_DAY,
                        (const char *const[]){ change.ptr, NULL });
    buf_release(&change);
    return rc;
}

static int
put_totals(struct buf *out, enum report_language language, const struct site_report *report)
{
    const struct report_incidents *incidents = &report->incidents;
    enum report_period period = report->span.period;
    struct buf parts[4] = { { 0 } };
    int rc = report_put_number(&parts[0], report->counts.total);

    rc |= put_comparison(&parts[1], language, period, report->counts.total, report->events_before);
    rc |= report_put_number(&parts[2], incidents->total);
    rc |= put_comparison(&parts[3], language, period, incidents->total, incidents->before);
    if (rc == 0)
        rc = report_say(out, language, WORD_NOTE_TOTALS,
                        (const char *const[]){ parts[0].ptr, parts[1].ptr, parts[2].ptr,
                                               parts[3].ptr, NULL });
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        buf_release(&parts[i]);
    return rc;
}

/* The worst of them, a line each; and how many more there are. */
static int
add_incidents(struct report_note *note, enum report_language language,
              const struct report_incidents *incidents, struct buf *line)
{
    size_t shown = 0;
    struct buf more = { 0 };
    int rc = 0;

    for (; shown < incidents->worst_count && shown < REPORT_NOTE_INCIDENTS && rc == 0; shown++) {
        const struct report_incident *one = &incidents->worst[shown];

        rc = buf_printf(line, "\xe2\x80\xa2 [%s] %s: %s",
                        report_word(language, report_severity_word(one->severity)), one->title,
                        one->summary);
        if (rc == 0)
            rc = end_line(note, line);
    }
    if (rc != 0 || shown == incidents->total)
        return rc;
    rc = report_put_number(&more, incidents->total - shown);
    if (rc == 0)
        rc = report_say(line, language, WORD_NOTE_MORE, (const char *const[]){ more.ptr, NULL });
    buf_release(&more);
    return rc == 0 ? end_line(note, line) : -1;
}

int
report_note_make(const struct site_report *report, enum report_language language,
                 struct report_note *ret)
{
    struct report_note note = { 0 };
    struct buf line = { 0 };

    if (report_put_title(&line, language, &report->span) != 0)
        goto failed;
    note.title = buf_take(&line);
    note.link = strdup(report_word(language, WORD_OPEN_REPORT));
    if (report_put_lead(&line, language, report) != 0 || end_line(&note, &line) != 0 ||
        put_totals(&line, language, report) != 0 || end_line(&note, &line) != 0 ||
        add_incidents(&note, language, &report->incidents, &line) != 0)
        goto failed;
    if (asprintf(&note.path, "/report/%s?date=%s&format=html&lang=%s",
                 report_period_name(report->span.period), report->span.first,
                 report_language_name(language)) < 0)
        note.path = NULL;
    if (note.title == NULL || note.link == NULL || note.path == NULL)
        goto failed;
    *ret = note;
    return 0;

failed:
    buf_release(&line);
    report_note_release(&note);
    return -1;
}

/* What is no UTF-8 is shown as '?', for JSON cannot hold it. */
static json_t *
to_json(const char *text)
{
    json_t *json = json_string(text);
    char *shown;

    if (json != NULL || text_is_utf8(text_of(text)))
        return json;
    shown = strdup(text);
    if (shown != NULL)
        text_mend(shown);
    json = shown == NULL ? NULL : json_string(shown);
    free(shown);
    return json;
}

int
report_note_write(const struct report_note *note, struct buf *out)
{
    json_t *lines = json_array(), *json;
    char *text = NULL;
    int rc = 0;

    for (size_t i = 0; i < note->line_count; i++)
        rc |= json_array_append_new(lines, to_json(note->lines[i]));
    json = json_pack("{s:o, s:o, s:o, s:o}", "title", to_json(note->title), "lines", lines, "path",
                     to_json(note->path), "link", to_json(note->link));
    if (rc == 0 && json != NULL)
        text = json_dumps(json, JSON_COMPACT);
    rc = text == NULL ? -1 : buf_append_str(out, text);
    free(text);
    json_decref(json);
    return rc;
}

int
report_note_read(struct text text, struct report_note *ret, struct err *err)
{
    json_t *json = json_loadb(text.ptr == NULL ? "" : text.ptr, text.len, 0, NULL);
    const json_t *lines = json_object_get(json, "lines"), *line;
    const char *title = NULL, *path = NULL, *link = NULL;
    struct report_note note = { 0 };
    size_t i;
    int rc = -1;

    err_set(err, "report: its text cannot be read");
    if (json == NULL || json_unpack(json, "{s:s, s:s, s:s}", "title", &title, "path", &path,
                                    "link", &link) != 0 ||
        json_array_size(lines) > REPORT_NOTE_LINES)
        goto done;
    json_array_foreach(lines, i, line) {
        if (!json_is_string(line))
            goto done;
        note.lines[i] = strdup(json_string_value(line));
        note.line_count += note.lines[i] != NULL;
        if (note.lines[i] == NULL)
            goto done;
    }
    note.title = strdup(title);
    note.path = strdup(path);
    note.link = strdup(link);
    if (note.title == NULL || note.path == NULL || note.link == NULL)
        goto done;
    *ret = note;
    note = (struct report_note){ 0 };
    rc = 0;

done:
    report_note_release(&note);
    json_decref(json);
    return rc;
}
