/*
 * match_file.h - bongsu-detector --rules match: a file against detection rules
 *
 * Each line of the file is an event, judged by itself, with the matcher that
 * judges live: no window, no state, no incident. For each rule that it
 * matches one line goes out, {"line":7,"rule":"<id>"}, in the order of the
 * rules. Correlations, which need more than one event, are no part of it.
 */
#ifndef DETECTOR_TOOL_MATCH_FILE_H
#define DETECTOR_TOOL_MATCH_FILE_H

struct placeholders;

struct match_call {
    const struct placeholders *placeholders;    /* NULL: none */
    const char *rules;          /* a file or a folder */
    const char *logsource;      /* "product=linux,...": of every line; "auto": by its fields, as
                                 * live; "": unknown, or with is_raw auto */
    const char *fields;         /* "product=NAME,...": fields that hold a line's own */
    const char *file;           /* "-": standard input */
    int is_raw;                 /* lines for the decoders, not JSON */
};

/* The exit code: 1 when lines were refused, which standard error names; rules that
 * are refused are only counted there. */
int rules_tool_match(const struct match_call *call);

#endif
