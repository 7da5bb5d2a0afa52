/*
 * file_put.h - a small file, written whole or not at all
 */
#ifndef DETECTOR_TOOL_FILE_PUT_H
#define DETECTOR_TOOL_FILE_PUT_H

#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum file_put { FILE_FAILED, FILE_NEW, FILE_CHANGED, FILE_SAME };

/* Put bytes into path, its folders made (0755); who reads it meanwhile sees what was there
 * or all of it. What came of it; FILE_FAILED with the reason. */
enum file_put file_put(const char *path, struct text bytes, struct err *err);

/* Append what a regular file of at most max bytes holds. 0, or -1. */
int file_get(const char *path, size_t max, struct buf *bytes);

int file_is_folder(const char *path);

#endif
