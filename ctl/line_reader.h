/*
 * line_reader.h - whole lines from a file or a pipe, in pieces that fit a request
 *
 * A piece is a run of bytes as they stand in the file, so that byte n of it is
 * byte offset + n of the file: that is what names a line for good. Memory is
 * bounded: a line over LINE_MAX_BYTES is passed over and told as such.
 */
#ifndef CTL_LINE_READER_H
#define CTL_LINE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

enum { PIECE_MAX_BYTES = 1024 * 1024, LINE_MAX_BYTES = 512 * 1024 };

struct line_piece {
    struct text bytes;          /* ptr NULL: one line that was too long */
    uint64_t offset;            /* of the first byte, in the file */
    uint64_t size;              /* bytes of the file that it covers */
    uint64_t first_line;        /* counted from 1 */
    uint64_t lines, blank_lines;
    const uint64_t *numbers;    /* NULL: the bytes as they stand. Else lines were sorted:
                                 * the number of each; each begins with its offset */
};

struct line_reader;

/* Read fd (borrowed) in pieces of at most max_lines lines and PIECE_MAX_BYTES.
 * NULL when out of memory. */
struct line_reader *line_reader_new(int fd, size_t max_lines);
void line_reader_destroy(struct line_reader **reader);

/* The next piece, borrowed until the next call. The last line may lack its
 * line end. Lines of a slow pipe are handed out within some 50 ms, not held
 * until a piece is full. 1, 0 at the end, -1 with the reason. A read that a
 * signal interrupts is the end, and a line that is not whole then is left. */
int line_reader_next(struct line_reader *reader, struct line_piece *ret_piece,
                     struct err *err);

/* Cut a piece in two of about the same number of bytes. 0, or -1 when it is
 * one line. */
int line_piece_halve(const struct line_piece *piece, struct line_piece *ret_first,
                     struct line_piece *ret_second);

/* The number in the file of the piece's line i, counted from 0. */
uint64_t line_piece_number(const struct line_piece *piece, uint64_t i);

/* 1 when the first line that is not blank is a JSON object with one of the
 * names that an event must have (event_type, raw_log), 0 when it is not: other
 * JSON, the journal's or a web server's, is a log line as any other. -1 when all
 * are blank. */
int looks_like_json(struct text bytes);

#endif
