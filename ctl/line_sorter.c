#include "ctl/line_sorter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"

enum { OFFSET_LEN = 24 };       /* room for an offset and its space */

struct sort_line {
    int64_t at_us;
    uint32_t start, len;        /* in bytes, its line end too */
    uint32_t number;            /* in the part, from 0 */
    int is_blank;
};

struct line_sorter {
    size_t max_bytes, max_lines;
    struct buf bytes;           /* the part, as it stands in the file */
    uint64_t offset, first_line;
    struct sort_line *lines;
    size_t count, cap, next;    /* next to hand out */
    int64_t last_us;            /* of the last line that had a time */
    struct buf out;
    uint64_t *numbers;
};

struct line_sorter *
line_sorter_new(size_t max_bytes, size_t max_lines)
{
    struct line_sorter *sorter = calloc(1, sizeof *sorter);

    if (sorter == NULL)
        return NULL;
    sorter->max_bytes = max_bytes < PIECE_MAX_BYTES ? PIECE_MAX_BYTES : max_bytes;
    sorter->max_lines = max_lines;
    sorter->last_us = INT64_MIN;
    sorter->numbers = calloc(max_lines, sizeof *sorter->numbers);
    if (sorter->numbers == NULL)
        line_sorter_destroy(&sorter);
    return sorter;
}

void
line_sorter_destroy(struct line_sorter **sorter)
{
    if (*sorter == NULL)
        return;
    buf_release(&(*sorter)->bytes);
    buf_release(&(*sorter)->out);
    free((*sorter)->lines);
    free((*sorter)->numbers);
    free(*sorter);
    *sorter = NULL;
}

static int
make_room(struct line_sorter *sorter, size_t more)
{
    size_t cap = sorter->cap == 0 ? 4096 : sorter->cap;
    struct sort_line *lines;

    while (cap < sorter->count + more)
        cap *= 2;
    if (cap == sorter->cap)
        return 0;
    lines = realloc(sorter->lines, cap * sizeof *lines);
    if (lines == NULL)
        return -1;
    sorter->lines = lines;
    sorter->cap = cap;
    return 0;
}

static void
add_line(struct line_sorter *sorter, struct line_time *times, struct text line)
{
    (void)line_time_read(times, line, &sorter->last_us);
    sorter->lines[sorter->count] = (struct sort_line){
        .at_us = sorter->last_us, .number = (uint32_t)sorter->count,
        .start = (uint32_t)(line.ptr - sorter->bytes.ptr), .len = (uint32_t)line.len,
        .is_blank = text_trim(line).len == 0,
    };
    sorter->count++;
}

int
line_sorter_add(struct line_sorter *sorter, struct line_time *times,
                const struct line_piece *piece)
{
    size_t start = sorter->bytes.len;
    struct text rest;

    if (start > 0 && (start + piece->bytes.len > sorter->max_bytes ||
                      sorter->count + piece->lines > SORT_MAX_LINES))
        return 0;
    if (make_room(sorter, piece->lines) != 0 ||
        buf_append_text(&sorter->bytes, piece->bytes) != 0)
        return -1;
    if (start == 0) {
        sorter->offset = piece->offset;
        sorter->first_line = piece->first_line;
    }

    rest = (struct text){ sorter->bytes.ptr + start, piece->bytes.len };
    for (uint64_t i = 0; i < piece->lines; i++) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end + 1 - rest.ptr) : rest.len;

        add_line(sorter, times, (struct text){ rest.ptr, len });
        rest.ptr += len;
        rest.len -= len;
    }
    return 1;
}

/* Of the same time, as they stand. */
static int
by_time(const void *a, const void *b)
{
    const struct sort_line *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

void
line_sorter_sort(struct line_sorter *sorter)
{
    if (sorter->count > 1)
        qsort(sorter->lines, sorter->count, sizeof *sorter->lines, by_time);
}

/* How many lines go into the next piece, and whether they are a run of the file. */
static size_t
measure(const struct line_sorter *sorter, int *ret_is_run)
{
    const struct sort_line *line = sorter->lines + sorter->next;
    size_t count = 0, left = sorter->count - sorter->next, bytes = 0;

    *ret_is_run = 1;
    while (count < left && count < sorter->max_lines) {
        size_t len = line[count].len + OFFSET_LEN;

        if (count > 0 && bytes + len > PIECE_MAX_BYTES)
            break;
        if (count > 0 && line[count].number != line[count - 1].number + 1)
            *ret_is_run = 0;
        bytes += len;
        count++;
    }
    return count;
}

/* "1234 the line" for each; the last line of a file may lack its end. */
static int
write_placed(struct line_sorter *sorter, const struct sort_line *line, uint64_t i)
{
    const char *bytes = sorter->bytes.ptr + line->start;

    sorter->numbers[i] = sorter->first_line + line->number;
    if (buf_printf(&sorter->out, "%" PRIu64 " ", sorter->offset + line->start) != 0 ||
        buf_append(&sorter->out, bytes, line->len) != 0)
        return -1;
    return bytes[line->len - 1] == '\n' ? 0 : buf_append_char(&sorter->out, '\n');
}

static void
forget(struct line_sorter *sorter)
{
    sorter->count = sorter->next = 0;
    buf_clear(&sorter->bytes);
}

int
line_sorter_next(struct line_sorter *sorter, struct line_piece *ret_piece)
{
    const struct sort_line *line = sorter->lines + sorter->next;
    struct line_piece piece = { 0 };
    int is_run;

    if (sorter->next == sorter->count) {
        forget(sorter);
        return 0;
    }
    piece.lines = measure(sorter, &is_run);
    piece.offset = sorter->offset + line->start;
    piece.first_line = sorter->first_line + line->number;
    buf_clear(&sorter->out);
    for (uint64_t i = 0; i < piece.lines; i++) {
        piece.size += line[i].len;
        piece.blank_lines += (uint64_t)line[i].is_blank;
        if (!is_run && write_placed(sorter, &line[i], i) != 0)
            return -1;
    }
    if (is_run) {
        piece.bytes = (struct text){ sorter->bytes.ptr + line->start, piece.size };
    } else {
        piece.bytes = buf_text(&sorter->out);
        piece.numbers = sorter->numbers;
    }
    sorter->next += piece.lines;
    *ret_piece = piece;
    return 1;
}
