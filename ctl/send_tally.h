/*
 * send_tally.h - what became of the lines that were sent
 *
 * Reasons are told apart without the values they quote ("..."), so that a
 * thousand lines with the same fault are one entry with a few examples.
 */
#ifndef CTL_SEND_TALLY_H
#define CTL_SEND_TALLY_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/line_reader.h"
#include "proto/base/err.h"

enum { TALLY_MAX_REASONS = 20, TALLY_MAX_EXAMPLES = 5, TALLY_REASON_LEN = 200 };

struct tally_example {
    const char *file;           /* borrowed */
    uint64_t line;
};

struct tally_reason {
    char text[TALLY_REASON_LEN];
    uint64_t count;
    struct tally_example examples[TALLY_MAX_EXAMPLES];
};

struct tally {
    uint64_t bytes, lines, blank_lines;     /* read */
    uint64_t accepted, refused;
    uint64_t unanswered;        /* of which ingest said nothing */
    struct tally_reason reasons[TALLY_MAX_REASONS];
    size_t reason_count;
    uint64_t other_refused;     /* reasons beyond the table, or not named */
    int has_time;
    int64_t first_us, last_us;  /* event times of accepted lines */
};

/* Count a piece as read, whatever comes of it. */
void tally_read(struct tally *tally, const struct line_piece *piece);

/* Count `count` lines as refused for one reason, the first of them at line. */
void tally_refuse(struct tally *tally, const char *file, uint64_t line, uint64_t count,
                  struct text reason);

/* Take in ingest's answer (JSON) for a piece: {"accepted", "refused",
 * "errors": [{"line","reason"}], "errors_omitted", "first_time", "last_time"}.
 * 0, or -1 with the reason when it has not that shape; nothing is counted then. */
int tally_answer(struct tally *tally, const char *file, const struct line_piece *piece,
                 struct text body, struct err *err);

/* The same for programs: {"lines", "accepted", "refused", "unanswered", "blank",
 * "refusals": [{"reason", "count", "examples": [{"file", "line"}]}]}, and the
 * times of the accepted lines. A new reference; NULL when out of memory. */
json_t *tally_to_json(const struct tally *tally);

/* Write the refusals, one reason a line. */
void tally_print_refusals(const struct tally *tally, FILE *out);

#endif
