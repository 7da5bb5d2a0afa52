#include "api/report_page.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* One page by itself: no script, nothing from elsewhere. Wider than the code around it. */
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b2127;--soft:#5b6670;--line:#d9dee3;--page:#fff;"
    "--panel:#f5f7f9;--bar:#5b8db8;--peak:#c4552d;--link:#14588f;"
    "--low:#5b6670;--medium:#8a6100;--high:#b3401b;--critical:#a5103c}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa6b2;--line:#343c45;"
    "--page:#14181c;--panel:#1c2228;--bar:#5f96c6;--peak:#f08a5d;--link:#8cc2f2;"
    "--low:#9aa6b2;--medium:#e2b33c;--high:#ff9166;--critical:#ff7396}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"
    "\"Segoe UI\",\"Noto Sans KR\",\"Malgun Gothic\",sans-serif;word-break:keep-all;"
    "overflow-wrap:break-word}\n"
    "main{max-width:66rem;margin:0 auto;padding:1.5rem 1rem 3rem}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0}\n"
    "h2{font-size:1.1rem;margin:0 0 .5rem}\n"
    "p{margin:.3rem 0}\n"
    ".soft,nav,footer{color:var(--soft);font-size:.9rem}\n"
    ".lead{font-size:1.1rem;margin:1rem 0;padding:.8rem 1rem;background:var(--panel);"
    "border-left:4px solid var(--bar);border-radius:4px}\n"
    "footer{margin-top:2.5rem}\n"
    "nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin-bottom:1rem}\n"
    "a{color:var(--link)}\n"
    "section{margin:1.8rem 0 0}\n"
    ".wrap{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .4rem;border-bottom:1px solid var(--line)}\n"
    "th{color:var(--soft);font-weight:600;font-size:.85rem;vertical-align:bottom}\n"
    "th:first-child,td:first-child{padding-left:0}\n"
    "th.n,td.n{text-align:right}\n"
    "td.n,td.t,td.w{white-space:nowrap}\n"
    "td.v{min-width:6rem;overflow-wrap:anywhere}\n"
    ".sev{font-weight:600;white-space:nowrap}\n"
    ".sev0{color:var(--low)}.sev1{color:var(--medium)}.sev2{color:var(--high)}.sev3{color:var(--critical)}\n"
    ".two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:0 2.5rem}\n"
    ".chart{margin:.8rem 0 1rem}\n"
    ".scale{display:block;color:var(--soft);font-size:.8rem;border-bottom:1px dotted var(--line)}\n"
    "svg{display:block;width:100%;height:9rem;border-bottom:1px solid var(--soft)}\n"
    "rect{fill:var(--bar)}rect.peak{fill:var(--peak)}rect:hover{opacity:.75}\n"
    ".axis{display:flex;color:var(--soft);font-size:.8rem}\n"
    ".axis span{flex:1 1 0;min-width:0;white-space:nowrap}\n"
    ".aside{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\n"
    "@media(max-width:40rem){body{font-size:14px}h1{font-size:1.3rem}main{padding:1rem .8rem 2rem}"
    "th,td{padding:.3rem .45rem}svg{height:7rem}"
    ".stack thead{display:none}.stack tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}"
    ".stack td{display:inline-block;border:0;padding:0 .6rem 0 0}.stack td.v{display:block}.stack td.v:nth-child(2){display:inline-block}}\n"
    "@media print{@page{size:A4;margin:14mm}:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;"
    "--page:#fff;--panel:#f4f4f4;--bar:#6d8ba6;--peak:#a8431f;--link:#000;"
    "--low:#444;--medium:#6b4b00;--high:#8f2f10;--critical:#800028}"
    "body{font-size:9.5pt}main{max-width:none;padding:0}nav{display:none}section{margin:5mm 0}"
    "h2{break-after:avoid}tr,.chart{break-inside:avoid}thead{display:table-header-group}"
    ".lead,rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "a{text-decoration:none}.two{grid-template-columns:1fr 1fr}.wrap{overflow:visible}"
    "th,td{padding:.8mm 2mm}svg{height:30mm}}\n";

const char *
report_html_policy(void)
{
    static char policy[256];
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[64];

    if (policy[0] != '\0')
        return policy;
    crypto_hash_sha256(hash, (const unsigned char *)style, sizeof(style) - 1);
    sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    snprintf(policy, sizeof(policy), "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
             "form-action 'none'; frame-ancestors 'none'", base64);
    return policy;
}

static int
put_html_character(void *ctx, struct text one)
{
    struct buf *out = ctx;

    switch (one.len == 1 ? one.ptr[0] : '\0') {
    case '&':
        return buf_append_str(out, "&amp;");
    case '<':
        return buf_append_str(out, "&lt;");
    case '>':
        return buf_append_str(out, "&gt;");
    case '"':
        return buf_append_str(out, "&quot;");
    case '\'':
        return buf_append_str(out, "&#39;");
    default:
        return buf_append_text(out, one);
    }
}

int
report_put_html(struct buf *out, const char *text)
{
    return page_each_character(text, put_html_character, out);
}

/* Which section takes half of a wide page; .stack turns rows into blocks on a phone. */
static const struct { const char *id; int is_half, is_stack; } looks[] = {
    { "incidents", 0, 1 },  { "severities", 1, 0 }, { "types", 1, 0 }, { "sources", 1, 0 },
    { "users", 1, 0 },      { "new_sources", 1, 0 }, { "quiet_sources", 1, 0 },
};

static size_t
look_of(const struct section *section)
{
    size_t i = 0;

    while (i < sizeof(looks) / sizeof(looks[0]) && strcmp(looks[i].id, section->id) != 0)
        i++;
    return i;
}

static int
is_half(const struct section *section)
{
    size_t i = look_of(section);

    return i < sizeof(looks) / sizeof(looks[0]) && looks[i].is_half;
}

static int
is_stack(const struct section *section)
{
    size_t i = look_of(section);

    return i < sizeof(looks) / sizeof(looks[0]) && looks[i].is_stack;
}

static int
put_text(struct buf *out, const struct page *page, const struct cell *cell)
{
    int is_link = cell->incident != NULL && page->public_url != NULL, rc = 0;

    if (is_link) {
        rc |= buf_append_str(out, "<a href=\"");
        rc |= report_put_html(out, page->public_url);
        rc |= buf_printf(out, "/incidents/%s\">", cell->incident);
    }
    rc |= buf_append_str(out, "<bdi>");
    rc |= report_put_html(out, cell->text);
    rc |= buf_append_str(out, is_link ? "</bdi></a>" : "</bdi>");
    return rc;
}

static int
put_cell(struct buf *out, const struct page *page, const struct cell *cell, int is_number)
{
    static const char *const classes[] = { " class=\"w\"", " class=\"n\"", " class=\"v\"",
                                           " class=\"t\"" };
    int is_time = cell->kind == CELL_TIME || cell->kind == CELL_SAFE;
    int rc = buf_printf(out, "<td%s>", classes[is_number                 ? 1
                                               : cell->kind == CELL_TEXT ? 2
                                               : is_time                 ? 3
                                                                         : 0]);

    if (cell->kind == CELL_TEXT)
        rc |= put_text(out, page, cell);
    else if (cell->kind == CELL_SEVERITY)
        rc |= buf_printf(out, "<span class=\"sev sev%d\">", (int)cell->number);
    if (cell->kind != CELL_TEXT)
        rc |= cell_put(out, page, cell);
    if (cell->kind == CELL_SEVERITY)
        rc |= buf_append_str(out, "</span>");
    return rc | buf_append_str(out, "</td>");
}

static int
put_table(struct buf *out, const struct page *page, const struct section *section)
{
    int rc = buf_printf(out, "<div class=\"%s\"><table%s aria-labelledby=\"%s\">\n<thead><tr>",
                        section->is_chart ? "aside" : "wrap",
                        is_stack(section) ? " class=\"stack\"" : "", section->id);

    for (size_t c = 0; c < section->column_count; c++) {
        rc |= buf_printf(out, "<th scope=\"col\"%s>",
                         section->columns[c].is_number ? " class=\"n\"" : "");
        rc |= report_put_html(out, section->columns[c].title);
        rc |= buf_append_str(out, "</th>");
    }
    rc |= buf_append_str(out, "</tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < section->row_count; r++) {
        rc |= buf_append_str(out, "<tr>");
        for (size_t c = 0; c < section->column_count; c++)
            rc |= put_cell(out, page, &section->cells[r * section->column_count + c],
                           section->columns[c].is_number);
        rc |= buf_append_str(out, "</tr>\n");
    }
    return rc | buf_append_str(out, "</tbody></table></div>\n");
}

static int
put_section(struct buf *out, const struct page *page, const struct section *section)
{
    int rc = buf_printf(out, "<section><h2 id=\"%s\">", section->id);

    rc |= report_put_html(out, section->title);
    rc |= buf_append_str(out, "</h2>\n");
    if (section->lead[0] != '\0') {
        rc |= buf_append_str(out, "<p>");
        rc |= report_put_html(out, section->lead);
        rc |= buf_append_str(out, "</p>\n");
    }
    if (section->is_chart)
        rc |= report_put_chart(out, page, section);
    if (section->row_count > 0)
        rc |= put_table(out, page, section);
    return rc | buf_append_str(out, "</section>\n");
}

static int
put_link(struct buf *out, const struct page *page, const char *day, const char *format,
         enum report_language language, const char *name)
{
    (void)page;
    return buf_printf(out, "<a href=\"?date=%s&amp;format=%s&amp;lang=%s\"%s%s%s>%s</a>\n", day,
                      format, report_language_name(language),
                      language != page->language ? " hreflang=\"" : "",
                      language != page->language ? report_language_name(language) : "",
                      language != page->language ? "\"" : "", name);
}

/* The span before and after it, the other forms, the other language. */
static int
put_links(struct buf *out, const struct page *page)
{
    const struct report_span *span = &page->report->span;
    enum report_language other = page->language == REPORT_EN ? REPORT_KO : REPORT_EN;
    char before[REPORT_DAY_LEN], after[REPORT_DAY_LEN];
    int rc = buf_append_str(out, "<nav>");

    report_day_name(span->first_day - 1, before);
    report_day_name(span->end_day, after);
    rc |= put_link(out, page, before, "html", page->language, page_word(page, WORD_EARLIER));
    if (!span->is_so_far)
        rc |= put_link(out, page, after, "html", page->language, page_word(page, WORD_LATER));
    rc |= put_link(out, page, span->first, "csv", page->language, "CSV");
    rc |= put_link(out, page, span->first, "md", page->language, "Markdown");
    rc |= put_link(out, page, span->first, "json", page->language, "JSON");
    rc |= put_link(out, page, span->first, "html", other, report_word(other, WORD_LANGUAGE));
    return rc | buf_append_str(out, "</nav>\n");
}

static int
put_sections(struct buf *out, const struct page *page)
{
    int is_in_two = 0, rc = 0;

    for (size_t i = 0; i < page->section_count; i++) {
        const struct section *section = &page->sections[i];

        if (is_half(section) != is_in_two)
            rc |= buf_append_str(out, is_in_two ? "</div>\n" : "<div class=\"two\">\n");
        is_in_two = is_half(section);
        rc |= put_section(out, page, section);
    }
    return is_in_two ? rc | buf_append_str(out, "</div>\n") : rc;
}

int
report_to_html(struct buf *out, const struct page *page)
{
    int rc = buf_printf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                             "<title>", report_language_name(page->language));

    rc |= report_put_html(out, page->title);
    rc |= buf_append_str(out, "</title>\n<style>");
    rc |= buf_append(out, style, sizeof(style) - 1);
    rc |= buf_append_str(out, "</style>\n</head>\n<body>\n<main>\n");
    rc |= put_links(out, page);
    rc |= buf_append_str(out, "<h1>");
    rc |= report_put_html(out, page->title);
    rc |= buf_append_str(out, "</h1>\n<p class=\"soft\">");
    rc |= report_put_html(out, page->subtitle);
    rc |= buf_append_str(out, "</p>\n<p class=\"lead\">");
    rc |= report_put_html(out, page->lead);
    rc |= buf_append_str(out, "</p>\n");
    rc |= put_sections(out, page);
    rc |= buf_append_str(out, "<footer>");
    rc |= report_say(out, page->language, WORD_MADE_BY,
                     (const char *const[]){ BONGSU_VERSION, NULL });
    rc |= buf_append_str(out, "</footer>\n</main>\n</body>\n</html>\n");
    return rc == 0 ? 0 : -1;
}
