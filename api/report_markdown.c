#include "api/report_page.h"

#include <string.h>

/* --- Markdown: GitHub's, tables --- */

struct markdown {
    struct buf *out;
    char last[3];               /* the last letters, small, to see "www" */
};

/* Every character that means something inside a line is escaped; '<', '>' and '&' as
 * entities, since Markdown lets HTML through. What readers make links of without
 * being asked ("://", "www.", "@") is broken up. */
static int
put_markdown_character(void *ctx, struct text one)
{
    struct markdown *md = ctx;
    char c = one.len == 1 ? one.ptr[0] : '\0';
    int rc = 0;

    if (c == '&')
        rc = buf_append_str(md->out, "&amp;");
    else if (c == '<')
        rc = buf_append_str(md->out, "&lt;");
    else if (c == '>')
        rc = buf_append_str(md->out, "&gt;");
    else {
        if ((c != '\0' && strchr("\\`*_{}[]()#!|~$@/^=\"'", c) != NULL) ||
            (c == '.' && memcmp(md->last, "www", 3) == 0))
            rc = buf_append_char(md->out, '\\');
        if (rc == 0)
            rc = buf_append_text(md->out, one);
    }
    md->last[0] = md->last[1];
    md->last[1] = md->last[2];
    md->last[2] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return rc;
}

static int
put_markdown_cell(struct buf *out, const struct page *page, const struct cell *cell)
{
    struct markdown md = { .out = out };
    int is_link = cell->incident != NULL && page->public_url != NULL, rc = 0;

    if (cell->kind != CELL_TEXT)
        return cell_put(out, page, cell);
    if (is_link)
        rc = buf_append_char(out, '[');
    if (rc == 0)
        rc = page_each_character(cell->text, put_markdown_character, &md);
    if (rc == 0 && is_link)
        rc = buf_printf(out, "](<%s/incidents/%s>)", page->public_url, cell->incident);
    return rc;
}

static int
put_markdown_table(struct buf *out, const struct page *page, const struct section *section)
{
    int rc = 0;

    for (size_t c = 0; c < section->column_count; c++)
        rc |= buf_printf(out, "| %s ", section->columns[c].title);
    rc |= buf_append_str(out, "|\n");
    for (size_t c = 0; c < section->column_count; c++)
        rc |= buf_append_str(out, section->columns[c].is_number ? "| ---: " : "| --- ");
    rc |= buf_append_str(out, "|\n");
    for (size_t r = 0; r < section->row_count; r++) {
        for (size_t c = 0; c < section->column_count; c++) {
            rc |= buf_append_str(out, "| ");
            rc |= put_markdown_cell(out, page, &section->cells[r * section->column_count + c]);
            rc |= buf_append_char(out, ' ');
        }
        rc |= buf_append_str(out, "|\n");
    }
    return rc;
}

int
report_to_markdown(struct buf *out, const struct page *page)
{
    int rc = buf_printf(out, "# %s\n\n%s\n\n**%s**\n", page->title, page->subtitle, page->lead);

    for (size_t i = 0; i < page->section_count; i++) {
        const struct section *section = &page->sections[i];

        rc |= buf_printf(out, "\n## %s\n\n", section->title);
        if (section->lead[0] != '\0')
            rc |= buf_printf(out, "%s\n%s", section->lead, section->row_count > 0 ? "\n" : "");
        if (section->row_count > 0)
            rc |= put_markdown_table(out, page, section);
    }
    return rc == 0 ? 0 : -1;
}
