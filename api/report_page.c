#include "api/report_page.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/timestamp.h"
#include "proto/report/report_note.h"

void
page_release(struct page *page)
{
    arena_release(&page->arena);
    *page = (struct page){ 0 };
}

/* --- texts --- */

const char *
page_word(const struct page *page, enum report_word word)
{
    return report_word(page->language, word);
}

/* The buffer's text in the page's memory; the buffer is released. */
static const char *
keep(struct page *page, struct buf *buf, int rc)
{
    struct text text = { NULL, 0 };

    if (rc == 0)
        text = arena_copy(&page->arena, buf_text(buf));
    buf_release(buf);
    page->is_out_of_memory |= text.ptr == NULL;
    return text.ptr == NULL ? "" : text.ptr;
}

const char *
page_say(struct page *page, enum report_word word, const char *const *args)
{
    struct buf buf = { 0 };
    int rc = report_say(&buf, page->language, word, args);

    return keep(page, &buf, rc);
}

const char *
page_number(struct page *page, uint64_t number)
{
    struct buf buf = { 0 };
    int rc = report_put_number(&buf, number);

    return keep(page, &buf, rc);
}

const char *
page_join(struct page *page, const char *first, const char *second)
{
    struct buf buf = { 0 };
    int rc = buf_printf(&buf, "%s%s%s", first, first[0] != '\0' && second[0] != '\0' ? " " : "",
                        second);

    return keep(page, &buf, rc);
}

static int
put_clock(struct buf *out, int64_t at_us)
{
    struct local_time at;

    timestamp_to_local(at_us, &at);
    return buf_printf(out, "%02d:%02d", at.hour, at.minute);
}

static int
put_time(struct buf *out, int64_t at_us)
{
    char text[TIMESTAMP_LEN];

    timestamp_format_local(at_us, text);
    return buf_printf(out, "%.10s %.5s", text, text + 11);
}

const char *
page_clock(struct page *page, int64_t at_us)
{
    struct buf buf = { 0 };
    int rc = put_clock(&buf, at_us);

    return keep(page, &buf, rc);
}

const char *
page_time(struct page *page, int64_t at_us)
{
    struct buf buf = { 0 };
    int rc = put_time(&buf, at_us);

    return keep(page, &buf, rc);
}

/* --- tables --- */

void
page_column(struct page *page, struct section *section, enum report_word title, int is_number)
{
    if (section->column_count < PAGE_MAX_COLUMNS)
        section->columns[section->column_count++] =
            (struct column){ page_word(page, title), is_number };
}

void
page_row(struct page *page, struct section *section, const struct cell *cells)
{
    size_t width = section->column_count;

    if (section->row_count == PAGE_MAX_ROWS)
        return;
    if (section->row_count == section->row_cap) {
        size_t cap = section->row_cap == 0 ? 8 : section->row_cap * 2;
        struct cell *grown = arena_alloc(&page->arena, cap * width * sizeof(*grown));

        if (grown == NULL) {
            page->is_out_of_memory = 1;
            return;
        }
        if (section->row_count > 0)
            memcpy(grown, section->cells, section->row_count * width * sizeof(*grown));
        section->cells = grown;
        section->row_cap = cap;
    }
    memcpy(&section->cells[section->row_count++ * width], cells, width * sizeof(*cells));
}

struct cell
cell_text(const char *text)
{
    return (struct cell){ .kind = CELL_TEXT, .text = text == NULL ? "" : text };
}

struct cell
cell_count(uint64_t number)
{
    return (struct cell){ .kind = CELL_COUNT,
                          .number = number > INT64_MAX ? INT64_MAX : (int64_t)number };
}

struct cell
cell_word(enum report_word word)
{
    return (struct cell){ .kind = CELL_WORD, .number = word };
}

struct cell
cell_share(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return (struct cell){ .kind = CELL_NONE };
    return (struct cell){ .kind = CELL_SHARE,
                          .number = (int64_t)((double)part * 1000 / (double)whole + 0.5) };
}

int
cell_put(struct buf *out, const struct page *page, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_NONE:
        return buf_append_str(out, "\xe2\x80\x93");
    case CELL_WORD:
        return buf_append_str(out, page_word(page, (enum report_word)cell->number));
    case CELL_SEVERITY:
        return buf_append_str(out, page_word(page, report_severity_word((int)cell->number)));
    case CELL_TEXT:
    case CELL_SAFE:
        return buf_append_str(out, cell->text);
    case CELL_COUNT:
        return report_put_number(out, (uint64_t)cell->number);
    case CELL_CHANGE:
        return report_put_change(out, cell->number);
    case CELL_SHARE:
    case CELL_PERCENT:
        return report_put_permille(out, cell->number, cell->kind == CELL_PERCENT);
    case CELL_DURATION:
        return report_put_duration(out, page->language, cell->number);
    case CELL_CLOCK:
        return put_clock(out, cell->number);
    case CELL_TIME:
        return put_time(out, cell->number);
    }
    return 0;
}

/* --- hostile texts --- */

/* What is shown by its number: C0 and C1 controls, DEL, line and paragraph separators,
 * and what is invisible or turns the writing direction. */
static int
is_hidden(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0x180e || code == 0xfeff ||
           (code >= 0xfff0 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff);
}

/* The first character of a text that is not empty, and its code; a byte that is no
 * UTF-8 is one, with the code of a control. */
static struct text
first_character(const char *text, unsigned *ret_code)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 1;
    struct text one = { text, strnlen(text, len) };
    static const unsigned char masks[] = { 0x7f, 0x1f, 0x0f, 0x07 };

    if (!text_is_utf8(one)) {
        *ret_code = 0x80;
        return (struct text){ text, 1 };
    }
    *ret_code = at[0] & masks[one.len - 1];
    for (size_t i = 1; i < one.len; i++)
        *ret_code = *ret_code << 6 | (at[i] & 0x3f);
    return one;
}

int
page_each_character(const char *text, int (*put)(void *ctx, struct text one), void *ctx)
{
    int rc = 0;

    while (*text != '\0' && rc == 0) {
        unsigned code;
        struct text one = first_character(text, &code);
        char shown[16];

        if (code == 0x80 && one.len == 1)
            snprintf(shown, sizeof(shown), "\\x%02x", (unsigned)(unsigned char)*text);
        else if (is_hidden(code))
            snprintf(shown, sizeof(shown), code < 0x100 ? "\\x%02x" : "\\u%04x", code);
        else
            shown[0] = '\0';
        if (shown[0] == '\0')
            rc = put(ctx, one);
        for (const char *at = shown; *at != '\0' && rc == 0; at++)
            rc = put(ctx, (struct text){ at, 1 });
        text += one.len;
    }
    return rc;
}

/* --- the page --- */

static void
make_heading(struct page *page)
{
    const struct report_span *span = &page->report->span;
    const char *from = page_time(page, span->from_us), *to = page_time(page, span->to_us);
    const char *now = page_time(page, span->now_us);
    struct buf buf = { 0 };
    int rc = report_put_title(&buf, page->language, span);

    page->title = keep(page, &buf, rc);
    page->subtitle = page_say(page, span->is_so_far ? WORD_SPAN_SO_FAR : WORD_SPAN,
                              (const char *const[]){ from, to, timestamp_zone(), now, NULL });
    rc = report_put_lead(&buf, page->language, page->report);
    page->lead = keep(page, &buf, rc);
}

/* It goes into links: nothing that would end one, and no other scheme. */
static int
is_web_address(const char *url)
{
    struct text text = text_of(url);

    return (text_starts_with(text, "http://") || text_starts_with(text, "https://")) &&
           strpbrk(url, "<>\"'`\\ ") == NULL;
}

int
page_make(struct page *page, const struct site_report *report, enum report_language language,
          const char *public_url)
{
    size_t len = public_url == NULL ? 0 : strlen(public_url);

    *page = (struct page){ .report = report, .language = language };
    while (len > 0 && public_url[len - 1] == '/')
        len--;
    if (len > 0 && is_web_address(public_url))
        page->public_url = arena_copy(&page->arena, (struct text){ public_url, len }).ptr;
    make_heading(page);
    for (size_t i = 0; i < report_section_count; i++) {
        const struct section_row *row = &report_sections[i];
        struct section *section = &page->sections[page->section_count];

        if (row->fill == NULL || page->section_count == PAGE_MAX_SECTIONS)
            continue;
        *section = (struct section){ .id = row->id, .title = page_word(page, row->title),
                                     .lead = "" };
        row->fill(page, section);
        page->section_count += section->row_count > 0 || section->lead[0] != '\0';
    }
    return page->is_out_of_memory ? -1 : 0;
}
