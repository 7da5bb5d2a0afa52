#include "ctl/event_row.h"

#include <stdio.h>
#include <string.h>

#include "ctl/screen.h"
#include "proto/base/timestamp.h"

enum { COLUMNS = 6, GAP = 2, REST_MIN = 20 };

/* Each is the first of these fields that is there; a width for lines that come one by one. */
static const struct { const char *title; size_t cells; const char *fields[3]; } columns[COLUMNS] = {
    { "TIME", 19, { "timestamp" } },
    { "SEVERITY", 8, { "severity" } },
    { "TYPE", 16, { "event_type" } },
    { "SOURCE", 18, { "source_address" } },
    { "USER", 12, { "username" } },
    { "WHAT", 0, { "description", "raw_log" } },
};

void
event_time(const char *timestamp, char out[EVENT_TIME_LEN])
{
    struct local_time local;
    int64_t us;

    if (timestamp_parse(text_of(timestamp), &us, NULL) != 0) {
        snprintf(out, EVENT_TIME_LEN, "%s", timestamp);
        return;
    }
    timestamp_to_local(us, &local);
    snprintf(out, EVENT_TIME_LEN, "%04d-%02d-%02d %02d:%02d:%02d", local.year, local.month,
             local.day, local.hour, local.minute, local.second);
}

static const char *
cell(const json_t *event, size_t column, char time[EVENT_TIME_LEN])
{
    for (size_t i = 0; i < 3 && columns[column].fields[i] != NULL; i++) {
        const char *text =
            json_string_value(json_object_get(event, columns[column].fields[i]));

        if (text == NULL || text[0] == '\0')
            continue;
        if (column > 0)
            return text;
        event_time(text, time);
        return time;
    }
    return "";
}

void
event_rows_print(const json_t *events)
{
    struct screen_table table = { .columns = COLUMNS };
    char time[EVENT_TIME_LEN];
    json_t *event;
    size_t i;

    for (size_t c = 0; c < COLUMNS; c++)
        table.titles[c] = columns[c].title;
    json_array_foreach((json_t *)(uintptr_t)events, i, event) {
        const char *row[COLUMNS];

        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = cell(event, c, time);
        screen_table_add(&table, row);
    }
    screen_table_print(&table);
    screen_table_release(&table);
}

int
event_row_append(const json_t *event, size_t width, struct buf *out)
{
    char time[EVENT_TIME_LEN];
    size_t used = 0;

    for (size_t c = 0; c < COLUMNS; c++) {
        size_t cells = columns[c].cells;
        struct text text = text_of(cell(event, c, time));

        if (c + 1 < COLUMNS) {
            if (screen_append_cell(out, text, cells, 1) != 0 ||
                buf_printf(out, "%*s", GAP, "") != 0)
                return -1;
            used += cells + GAP;
        } else if (width == 0 ? screen_escape(out, text) != 0
                              : screen_append_cell(out, text, width > used + REST_MIN
                                                                  ? width - used : REST_MIN,
                                                   0) != 0) {
            return -1;
        }
    }
    return buf_append_char(out, '\n');
}
