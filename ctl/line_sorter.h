/*
 * line_sorter.h - a file's lines by their time, a bounded part at a time
 *
 * Web servers write a request when it ends, and merged logs follow one
 * another, so real files are not in order; what comes late is not counted
 * into windows. A part is filled, sorted and handed out in pieces for
 * requests. The sort is stable; a line without a time stays behind the line
 * that it follows. Each line keeps its offset, by which it is named.
 */
#ifndef CTL_LINE_SORTER_H
#define CTL_LINE_SORTER_H

#include "ctl/line_reader.h"
#include "ctl/line_time.h"

enum { SORT_MAX_BYTES = 64 * 1024 * 1024, SORT_MAX_LINES = 1024 * 1024 };

struct line_sorter;

/* Parts of at most max_bytes (at least a piece's), pieces of at most max_lines
 * lines. NULL when out of memory. */
struct line_sorter *line_sorter_new(size_t max_bytes, size_t max_lines);
void line_sorter_destroy(struct line_sorter **sorter);

/* Take in a piece (which follows the one before), with the times of its
 * lines. 1; 0 when it does not fit: sort and empty the sorter first; -1 when
 * out of memory. */
int line_sorter_add(struct line_sorter *sorter, struct line_time *times,
                    const struct line_piece *piece);

void line_sorter_sort(struct line_sorter *sorter);

/* The next piece, borrowed until the next call: lines that follow each other
 * as they do in the file are handed out as they stand, others each with its
 * offset. 1; 0 when the sorter is empty again; -1 when out of memory. */
int line_sorter_next(struct line_sorter *sorter, struct line_piece *ret_piece);

#endif
