/*
 * read_all.h - a whole file into memory, up to a limit
 */
#ifndef DETECTOR_TOOL_READ_ALL_H
#define DETECTOR_TOOL_READ_ALL_H

#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

/* Append all that can be read. 0; -1 with the reason: it cannot be, memory is out, or
 * there is more than max. */
int read_all_of(int fd, size_t max, struct buf *out, struct err *err);

#endif
