#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/screen.h"

enum { GAP = 2, LAST_MIN = 20 };    /* cells between columns; of the last, at least */

struct screen_row {
    char *texts[SCREEN_MAX_COLUMNS];
};

int
screen_table_add(struct screen_table *table, const char *const *texts)
{
    struct screen_row *row;

    if (table->count == table->cap) {
        size_t cap = table->cap == 0 ? 64 : table->cap * 2;
        struct screen_row *rows = realloc(table->rows, cap * sizeof *rows);

        if (rows == NULL)
            return -1;
        table->rows = rows;
        table->cap = cap;
    }
    row = &table->rows[table->count];
    memset(row, 0, sizeof *row);
    table->count++;
    for (size_t i = 0; i < table->columns; i++) {
        row->texts[i] = strdup(texts[i] == NULL ? "" : texts[i]);
        if (row->texts[i] == NULL)
            return -1;
    }
    return 0;
}

void
screen_table_release(struct screen_table *table)
{
    for (size_t r = 0; r < table->count; r++)
        for (size_t i = 0; i < table->columns; i++)
            free(table->rows[r].texts[i]);
    free(table->rows);
    table->rows = NULL;
    table->count = table->cap = 0;
}

static size_t
column_width(const struct screen_table *table, size_t i)
{
    size_t width = screen_width(text_of(table->titles[i]));

    for (size_t r = 0; r < table->count; r++) {
        size_t cells = screen_width(text_of(table->rows[r].texts[i]));

        if (cells > width)
            width = cells;
    }
    return width;
}

static int
append_row(const struct screen_table *table, const size_t *widths, const char *const *texts,
           struct buf *out)
{
    for (size_t i = 0; i < table->columns; i++) {
        int is_last = i + 1 == table->columns;

        if (screen_append_cell(out, text_of(texts[i]), widths[i], !is_last) != 0 ||
            (!is_last && buf_printf(out, "%*s", GAP, "") != 0))
            return -1;
    }
    return buf_append_char(out, '\n');
}

int
screen_table_append(const struct screen_table *table, size_t width, struct buf *out)
{
    size_t widths[SCREEN_MAX_COLUMNS] = { 0 }, used = 0, last = table->columns - 1;

    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = column_width(table, i);
        used += i < last ? widths[i] + GAP : 0;
    }
    if (width > 0 && widths[last] + used > width)
        widths[last] = used + LAST_MIN < width ? width - used : LAST_MIN;
    if (append_row(table, widths, table->titles, out) != 0)
        return -1;
    for (size_t r = 0; r < table->count; r++)
        if (append_row(table, widths, (const char *const *)table->rows[r].texts, out) != 0)
            return -1;
    return 0;
}

void
screen_table_print(const struct screen_table *table)
{
    struct buf out = { 0 };
    size_t columns, rows;

    screen_size(&columns, &rows);
    if (screen_table_append(table, columns, &out) == 0 && out.ptr != NULL)
        fputs(out.ptr, stdout);
    buf_release(&out);
}
