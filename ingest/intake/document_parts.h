/*
 * document_parts.h - what the files of document.h share; of no use to others
 *
 * document.c walks the JSON; document_settle.c decides, when all is known, what
 * is the line, the time, the source and the type; document_windows.c what an event of
 * Windows is.
 */
#ifndef INGEST_INTAKE_DOCUMENT_PARTS_H
#define INGEST_INTAKE_DOCUMENT_PARTS_H

#include "ingest/intake/document_names.h"
#include "proto/base/arena.h"
#include "proto/event.h"
#include "proto/json_value.h"

enum { DOCUMENT_LINES = 5, DOCUMENT_SOURCES = 4, DOCUMENT_MAX_COUNT = 1000000 };

/* Fields that another name stands for where they are absent. */
enum document_other { DOCUMENT_HOST, DOCUMENT_PROGRAM, DOCUMENT_LEVEL, DOCUMENT_OTHERS };

struct document {
    struct event *ev;
    struct arena *arena;
    struct json_value_reader value;
    struct value time, ecs_time;            /* timestamp, @timestamp */
    struct text read_at;                    /* of a line with a time of its own, perhaps */
    struct text lines[DOCUMENT_LINES];      /* by rank; ptr NULL: none */
    struct text line_names[DOCUMENT_LINES];
    struct text sources[DOCUMENT_SOURCES];  /* each an address or a name */
    struct text source_names[DOCUMENT_SOURCES];
    size_t source_count;
    size_t other[DOCUMENT_OTHERS];          /* 1 + its place in extras; 0: none */
};

/* Add a further field. 0, or -1 with the reason. */
int document_add(struct document *doc, struct text name, struct value value);

/* Keep what fits nowhere under its name, or labels.<name> if that is ours. */
int document_put_aside(struct document *doc, struct text name, struct value value);

/* A text where the source's address stands. */
int document_note_source(struct document *doc, struct text name, struct text source);

/* The type and the fields of an event of Windows that Winlogbeat shipped. 0, or -1 with
 * the reason. */
int document_windows(struct document *doc);

/* Decide. 0, or -1 with the reason. */
int document_settle(struct document *doc);

#endif
