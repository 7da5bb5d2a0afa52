#include "api/report_page.h"

#include <inttypes.h>

/* Bars only: they are stretched to the page's width, so that letters would be
 * squeezed; the axis and its words are HTML. */
enum { WIDTH = 1000, HEIGHT = 160, LEAST = 2 };

static int64_t
highest(const struct section *section)
{
    int64_t most = 0;

    for (size_t r = 0; r < section->row_count; r++)
        if (section->cells[r * section->column_count + 1].number > most)
            most = section->cells[r * section->column_count + 1].number;
    return most;
}

/* A bar that is there is seen, however small. */
static int64_t
height_of(int64_t events, int64_t most)
{
    int64_t height = (int64_t)((double)events / (double)most * HEIGHT);

    return events > 0 && height < LEAST ? LEAST : height;
}

static int
put_bar(struct buf *out, const struct page *page, const struct section *section, size_t r,
        int64_t most)
{
    const struct cell *cells = &section->cells[r * section->column_count];
    size_t left = r * WIDTH / section->row_count, right = (r + 1) * WIDTH / section->row_count;
    int64_t height = height_of(cells[1].number, most);
    int rc;

    if (height == 0)
        return 0;
    rc = buf_printf(out, "<rect x=\"%zu\" y=\"%" PRId64 "\" width=\"%zu\" height=\"%" PRId64
                         "\"%s><title>", left + 2, HEIGHT - height, right - left - 4, height,
                    cells[1].number == most ? " class=\"peak\"" : "");
    rc |= cell_put(out, page, &cells[0]);
    rc |= buf_append_str(out, ": ");
    rc |= cell_put(out, page, &cells[1]);
    return rc | buf_append_str(out, "</title></rect>\n");
}

/* Under the bars: each day, or every sixth hour, at the place of its bar. */
static int
put_axis(struct buf *out, const struct page *page, const struct section *section)
{
    int is_daily = page->report->span.period == REPORT_DAILY;
    int rc = buf_append_str(out, "<div class=\"axis\" aria-hidden=\"true\">");

    for (size_t r = 0; r < section->row_count; r++) {
        const struct cell *cell = &section->cells[r * section->column_count];

        rc |= buf_append_str(out, "<span>");
        if (!is_daily)
            rc |= buf_printf(out, "%.5s", cell->text + 5);
        else if (r % 6 == 0)
            rc |= cell_put(out, page, cell);
        rc |= buf_append_str(out, "</span>");
    }
    return rc | buf_append_str(out, "</div>\n");
}

int
report_put_chart(struct buf *out, const struct page *page, const struct section *section)
{
    int64_t most = highest(section);
    const struct report_span *span = &page->report->span;
    int is_daily = span->period == REPORT_DAILY, rc;
    const char *when[] = { span->first, section->lead, NULL };
    struct buf scale = { 0 };

    if (most == 0)
        return 0;
    rc = report_put_number(&scale, (uint64_t)most);
    rc |= buf_printf(out, "<div class=\"chart\"><span class=\"scale\" aria-hidden=\"true\">%s</span>\n"
                          "<svg role=\"img\" aria-labelledby=\"chart-title chart-desc\" "
                          "viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">\n"
                          "<title id=\"chart-title\">", rc == 0 ? scale.ptr : "", WIDTH, HEIGHT);
    buf_release(&scale);
    rc |= report_put_html(out, section->title);
    rc |= buf_append_str(out, "</title>\n<desc id=\"chart-desc\">");
    rc |= report_say(out, page->language, is_daily ? WORD_CHART_HOURS : WORD_CHART_DAYS, when);
    rc |= buf_append_str(out, "</desc>\n");
    for (size_t r = 0; r < section->row_count; r++)
        rc |= put_bar(out, page, section, r, most);
    rc |= buf_append_str(out, "</svg>\n");
    rc |= put_axis(out, page, section);
    return rc | buf_append_str(out, "</div>\n");
}
