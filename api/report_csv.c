#include "api/report_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/timestamp.h"

/* RFC 4180: one rectangle. Each record begins with its section's id; the first of
 * a section holds the titles of its columns, and short records are filled up, so
 * that any reader takes the whole and a filter on the first column gives a table. */

static int
put_quoted_character(void *ctx, struct text one)
{
    struct buf *out = ctx;

    if (one.len == 1 && one.ptr[0] == '"' && buf_append_char(out, '"') != 0)
        return -1;
    return buf_append_text(out, one);
}

/* What a spreadsheet would compute: = + - @ tab and CR at the start (the last two are
 * shown as \x09 and \x0d), also after spaces, and the wide forms, which Korean and
 * Japanese ones take too. */
static int
is_formula(const char *text)
{
    static const char *const starts[] = { "=", "+", "-", "@", "\t", "\r", "\n",
                                          "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                          "\xef\xbc\xa0", "\xe2\x88\x92" };

    while (*text == ' ')
        text++;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return 1;
    return 0;
}

static int
put_text(struct buf *out, const char *text)
{
    int rc = buf_append_char(out, '"');

    if (is_formula(text))
        rc |= buf_append_char(out, '\'');
    rc |= page_each_character(text, put_quoted_character, out);
    return rc | buf_append_char(out, '"');
}

/* Numbers as a program reads them: no separators, per cent with a point, seconds,
 * times with their offset. */
static int
put_cell(struct buf *out, const struct page *page, const struct cell *cell)
{
    char at[TIMESTAMP_LEN];
    int64_t number = cell->number;

    switch (cell->kind) {
    case CELL_NONE:
        return 0;
    case CELL_WORD:
        return put_text(out, page_word(page, (enum report_word)number));
    case CELL_SEVERITY:
        return put_text(out, page_word(page, report_severity_word((int)number)));
    case CELL_TEXT:
    case CELL_SAFE:
        return put_text(out, cell->text);
    case CELL_COUNT:
    case CELL_CHANGE:
        return buf_printf(out, "%" PRId64, number);
    case CELL_SHARE:
    case CELL_PERCENT:
        return buf_printf(out, "%s%" PRId64 ".%d", number < 0 ? "-" : "",
                          number < 0 ? -(number / 10) : number / 10,
                          (int)(number < 0 ? -(number % 10) : number % 10));
    case CELL_DURATION:
        return buf_printf(out, "%" PRId64, number / 1000000);
    case CELL_CLOCK:
    case CELL_TIME:
        timestamp_format_local(number, at);
        return buf_append_str(out, at);
    }
    return 0;
}

static int
end_record(struct buf *out, size_t fields, size_t width)
{
    int rc = 0;

    for (; fields < width; fields++)
        rc |= buf_append_char(out, ',');
    return rc | buf_append_str(out, "\r\n");
}

/* The id of the incident that a row is about, "" when it is about none. */
static const char *
incident_of(const struct section *section, size_t row)
{
    for (size_t c = 0; c < section->column_count; c++)
        if (section->cells[row * section->column_count + c].incident != NULL)
            return section->cells[row * section->column_count + c].incident;
    return "";
}

static int
put_section(struct buf *out, const struct page *page, const struct section *section,
            size_t width)
{
    size_t has_id = incident_of(section, 0)[0] != '\0';
    int rc = buf_append_str(out, section->id);

    for (size_t c = 0; c < section->column_count; c++) {
        rc |= buf_append_char(out, ',');
        rc |= put_text(out, section->columns[c].title);
    }
    if (has_id)
        rc |= buf_append_str(out, ",\"id\"");
    rc |= end_record(out, section->column_count + has_id, width);
    for (size_t r = 0; r < section->row_count; r++) {
        rc |= buf_append_str(out, section->id);
        for (size_t c = 0; c < section->column_count; c++) {
            rc |= buf_append_char(out, ',');
            rc |= put_cell(out, page, &section->cells[r * section->column_count + c]);
        }
        if (has_id)
            rc |= buf_printf(out, ",\"%s\"", incident_of(section, r));
        rc |= end_record(out, section->column_count + has_id, width);
    }
    return rc;
}

int
report_to_csv(struct buf *out, const struct page *page)
{
    const struct report_span *span = &page->report->span;
    const char *const about[][2] = {
        { "title", page->title }, { "summary", page->lead }, { "first_day", span->first },
        { "last_day", span->last }, { "time_zone", timestamp_zone() },
    };
    size_t width = 2;
    int rc = 0;

    for (size_t i = 0; i < page->section_count; i++)
        if (page->sections[i].column_count + 1 > width)
            width = page->sections[i].column_count + 1;
    /* without it Excel takes UTF-8 for the machine's own encoding */
    if (page->language == REPORT_KO)
        rc |= buf_append_str(out, "\xef\xbb\xbf");
    for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
        rc |= buf_printf(out, "report,%s,", about[i][0]);
        rc |= put_text(out, about[i][1]);
        rc |= end_record(out, 2, width);
    }
    for (size_t i = 0; i < page->section_count; i++)
        if (page->sections[i].row_count > 0)
            rc |= put_section(out, page, &page->sections[i], width);
    return rc == 0 ? 0 : -1;
}
