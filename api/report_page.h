/*
 * report_page.h - a report as sections of tables, before it is HTML, CSV or Markdown
 *
 * The list of sections (report_sections[]) is walked once to make a page; each
 * renderer walks the page. Cells hold numbers as numbers and texts as they
 * came (hostile); how they look, and what must be escaped, is the renderer's.
 * Private to the api's report_*.c.
 */
#ifndef API_REPORT_PAGE_H
#define API_REPORT_PAGE_H

#include <jansson.h>

#include "proto/base/arena.h"
#include "proto/report/report_words.h"
#include "proto/report/site_report.h"

enum cell_kind {
    CELL_NONE,          /* nothing to say: a dash */
    CELL_WORD,          /* number is an enum report_word */
    CELL_TEXT,          /* from events and rules: hostile */
    CELL_SAFE,          /* text of our own: a day */
    CELL_COUNT, CELL_CHANGE,    /* CHANGE has a sign */
    CELL_SHARE, CELL_PERCENT,   /* tenths of a per cent; PERCENT has a sign */
    CELL_DURATION,      /* microseconds */
    CELL_CLOCK,         /* a time, as hours and minutes of the site */
    CELL_TIME,          /* a time, as day, hours and minutes */
    CELL_SEVERITY
};

struct cell {
    enum cell_kind kind;
    int64_t number;
    const char *text;
    const char *incident;       /* an incident's id, to link to it; or NULL */
};

enum { PAGE_MAX_COLUMNS = 10, PAGE_MAX_ROWS = 600, PAGE_MAX_SECTIONS = 20 };

struct column {
    const char *title;          /* in the page's language, "" ends the list */
    int is_number;
};

struct section {
    const char *id;             /* "new_sources": the same in all languages */
    const char *title;
    const char *lead;           /* sentences of ours above the table; "" */
    struct column columns[PAGE_MAX_COLUMNS];
    size_t column_count;
    struct cell *cells;         /* a row after the other */
    size_t row_count, row_cap;
    int is_chart;               /* the table's first two columns are drawn */
};

struct page {
    const struct site_report *report;
    enum report_language language;
    const char *public_url;     /* without a slash at its end; NULL: no links */
    struct arena arena;         /* of all texts and cells */
    const char *title, *subtitle, *lead;
    struct section sections[PAGE_MAX_SECTIONS];
    size_t section_count;
    int is_out_of_memory;       /* noted once; what is made after it is not to be used */
};

/* A section: how it is said in a table, and what it adds to the JSON (either
 * may be NULL). A section that leaves no rows and no lead is not shown. */
struct section_row {
    const char *id;
    enum report_word title;
    void (*fill)(struct page *page, struct section *section);
    int (*to_json)(json_t *body, const struct site_report *report);
};

extern const struct section_row report_sections[];
extern const size_t report_section_count;

/* Make the page (borrows the report and public_url). 0, or -1 when out of memory. */
int page_make(struct page *page, const struct site_report *report,
              enum report_language language, const char *public_url);
void page_release(struct page *page);

/* --- for the sections --- */
const char *page_word(const struct page *page, enum report_word word);
/* A sentence, in the page's memory; never NULL. */
const char *page_say(struct page *page, enum report_word word, const char *const *args);
const char *page_number(struct page *page, uint64_t number);
const char *page_join(struct page *page, const char *first, const char *second);
const char *page_clock(struct page *page, int64_t at_us);
const char *page_time(struct page *page, int64_t at_us);
void page_column(struct page *page, struct section *section, enum report_word title,
                 int is_number);
void page_row(struct page *page, struct section *section, const struct cell *cells);
struct cell cell_text(const char *text);
struct cell cell_count(uint64_t number);
struct cell cell_word(enum report_word word);
struct cell cell_share(uint64_t part, uint64_t whole);

/* Append a cell that is not CELL_TEXT as people read it; CSV as a program does. 0 or -1. */
int cell_put(struct buf *out, const struct page *page, const struct cell *cell);

/* A hostile text made visible: no controls, no line ends, nothing that turns the
 * writing direction, no bytes that are no UTF-8. Appended through put, character
 * by character. 0 or -1. */
int page_each_character(const char *text, int (*put)(void *ctx, struct text one), void *ctx);

/* --- the renderers; append, 0 or -1 when out of memory --- */
int report_to_html(struct buf *out, const struct page *page);
int report_to_csv(struct buf *out, const struct page *page);
int report_to_markdown(struct buf *out, const struct page *page);
json_t *report_to_json(const struct site_report *report);     /* NULL: out of memory */

/* The policy of the page that report_to_html makes: its one style by hash. */
const char *report_html_policy(void);

/* The <svg> of a section's chart. 0 or -1. */
int report_put_chart(struct buf *out, const struct page *page, const struct section *section);
int report_put_html(struct buf *out, const char *text);

#endif
