/*
 * span_words.h - how long something took, as people say it
 */
#ifndef DETECTOR_TEXT_SPAN_WORDS_H
#define DETECTOR_TEXT_SPAN_WORDS_H

#include <stdint.h>

#define SPAN_WORDS_LEN 48

/* "2 days", "90 seconds" (which says more than "1 minute"), "under a second".
 * Returns out. */
const char *span_words(int64_t span_us, char out[SPAN_WORDS_LEN]);

#endif
