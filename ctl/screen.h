/*
 * screen.h - text for a terminal: safe, and in columns
 *
 * What comes from events is hostile: control characters would move the cursor
 * or fake a line, bidirectional marks would turn one around. They are written
 * as \xHH or \uHHHH here. Columns count cells: a Hangul syllable takes two.
 */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <jansson.h>
#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

/* Append text with all that is not harmless print written out. 0 or -1. */
int screen_escape(struct buf *out, struct text text);

/* Cells that escaped text takes. */
size_t screen_width(struct text text);

/* Append escaped text cut to at most cells (with "~" where it was cut), then
 * padded to it unless pad is 0. 0 or -1. */
int screen_append_cell(struct buf *out, struct text text, size_t cells, int pad);

/* Columns and rows of the terminal that standard output is: 0 when it is none. */
int screen_is_terminal(void);
void screen_size(size_t *ret_columns, size_t *ret_rows);

/* A line, or text of several lines, escaped, to standard output. */
void screen_print_line(const char *text);
void screen_print_text(struct text text);

/* Indented, or one line; with nothing in it that a terminal obeys. */
void screen_print_json(const json_t *value);
void screen_print_json_line(const json_t *value);

/* Rows of cells, printed in columns as wide as they must be; the last one
 * takes what the terminal has left. */
enum { SCREEN_MAX_COLUMNS = 8 };

struct screen_table {
    size_t columns;
    const char *titles[SCREEN_MAX_COLUMNS];
    struct screen_row *rows;
    size_t count, cap;
};

/* Add a row of table->columns texts (copied; NULL: empty). 0 or -1. */
int screen_table_add(struct screen_table *table, const char *const *texts);
/* Append it; width 0: lines are never cut. 0 or -1. */
int screen_table_append(const struct screen_table *table, size_t width, struct buf *out);
void screen_table_print(const struct screen_table *table);
void screen_table_release(struct screen_table *table);

#endif
