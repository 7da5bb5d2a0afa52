/*
 * lines.h - the lines of a file, in bounded memory
 */
#ifndef DETECTOR_TOOL_LINES_H
#define DETECTOR_TOOL_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

struct lines {
    int fd;
    char *bytes;
    size_t start, end;          /* what of bytes is not handed out yet */
    uint64_t number;            /* of the line at hand, from 1 */
    int is_over, is_skipping;
};

/* 0, or -1 when out of memory. The descriptor stays the caller's. */
int lines_init(struct lines *lines, int fd);
void lines_release(struct lines *lines);

/* The next line, without its end, until the next call. 1; 2: it is longer than an
 * event may be, and only its beginning is given; 0 at the end; -1 with the reason. */
int lines_next(struct lines *lines, struct text *ret_line, struct err *err);

#endif
