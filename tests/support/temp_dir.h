/*
 * temp_dir.h - a folder of a test's own, removed with all that is in it
 */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

#include <stddef.h>

/* A new folder, its path into out: in parent; when NULL in $TMPDIR; in /tmp when that
 * is unset, or so long that the name of a socket below it would not fit. Fails the test. */
void temp_dir_make(const char *parent, char *out, size_t size);

/* Remove path and everything below it (links are not followed). 0 or -1. */
int temp_dir_remove(const char *path);

#endif
