/*
 * temp_dir.h - a folder of a test's own, removed with all that is in it
 */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

/* Remove path and everything below it (links are not followed). 0 or -1. */
int temp_dir_remove(const char *path);

#endif
