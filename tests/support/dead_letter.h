/*
 * dead_letter.h - what a process has set aside
 */
#ifndef TESTS_SUPPORT_DEAD_LETTER_H
#define TESTS_SUPPORT_DEAD_LETTER_H

/* Why the one event with this text in it is among the dead letters of a process
 * ("indexer", "detector-0"); the caller frees. Fails the test unless it is one. */
char *dead_letter(const char *data_dir, const char *process, const char *text);

#endif
