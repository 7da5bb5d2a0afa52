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
    size_t max;                 /* bytes of the longest line */
    char *bytes;
    size_t start, end;          /* what of bytes is not handed out yet */
    uint64_t number;            /* of the line at hand, from 1 */
    int is_over, is_skipping;
};

/* 0, or -1 when out of memory. The descriptor stays the caller's. No line may be longer
 * than an event; or than this. */
int lines_init(struct lines *lines, int fd);
int lines_init_max(struct lines *lines, int fd, size_t max);
void lines_release(struct lines *lines);

/* The next line, without its end, until the next call. 1; 2: it is longer than
 * it may be, and only its beginning is given; 0 at the end; -1 with the reason. */
int lines_next(struct lines *lines, struct text *ret_line, struct err *err);

#endif
