/*
 * intake.h - what a client sent, as checked events in the journal's turn
 *
 * JSON objects and raw lines become events, are checked, get their id and go
 * into the rows of the current turn; nothing counts as accepted before the
 * turn's commit. Knows no HTTP and no clock.
 */
#ifndef INGEST_INTAKE_INTAKE_H
#define INGEST_INTAKE_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "ingest/journal/journal.h"
#include "ingest/intake/undecoded.h"
#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/base/text.h"
#include "proto/event.h"

struct intake;

enum { INTAKE_MAX_ERRORS = 100, INTAKE_MAX_EVENTS = 100000,
       INTAKE_MAX_JSON = 1024 * 1024 };

/* What became of one event. */
enum intake_outcome {
    INTAKE_ACCEPTED,
    INTAKE_BAD_JSON,        /* not JSON, or a field that cannot be kept */
    INTAKE_BAD_FIELD,       /* event_check's reasons */
    INTAKE_NO_TIME,         /* keyed by its client, without a time */
    INTAKE_TOO_BIG,         /* over EVENT_MAX_BYTES */
    INTAKE_OUTCOMES,
    INTAKE_STOPPED          /* the journal takes nothing: see `stop` */
};

/* What is said of all events of one request; texts are borrowed. */
struct intake_origin {
    struct text received_from;
    struct text key_id;         /* of the API key */
    struct text key_name;       /* ptr NULL: it came by none */
    struct text source;         /* with offset it keys each line; ptr NULL: no */
    uint64_t offset;            /* of the body's first byte in source */
    int is_offset_each;         /* instead, each line begins with its own and a space */
    struct text default_time;   /* RFC 3339, of lines without one; ptr NULL: none */
    struct text file;           /* watched file, UTF-8, offset being of it; ptr NULL: none */
    int is_unanswered;          /* nobody can be told of a refusal: see intake_keep.h. Of a
                                 * document: another form is tried, and counted, after it */
    int is_time_mended;         /* a document's time that is none, or ahead, stands as
                                 * labels.timestamp, and it gets that of receipt */
};

/* Of a line of one who is not answered. */
enum { INTAKE_SPLIT = 1,        /* a piece of a longer line */
       INTAKE_PLAIN = 2 };      /* kept whole, whatever it says: ask no decoder */

enum intake_form { INTAKE_JSON, INTAKE_LINES };

struct intake_error {
    size_t line;                /* from 1 */
    struct err reason;
};

/* A piece of a body, and where in it. */
struct intake_item {
    struct text text;
    uint64_t position;
    unsigned flags;             /* of a line of one who is not answered, else 0 */
};

struct intake_result {
    struct event_id id;         /* of what was accepted, its place and its time */
    uint64_t sequence;
    int64_t at_us;
    struct err reason;          /* of any other outcome */
    enum journal_outcome stop;  /* of INTAKE_STOPPED */
};

/* What became of a whole body. */
struct intake_tally {
    uint64_t accepted, refused;
    int64_t first_us, last_us;  /* event times of those accepted */
    struct intake_error *errors;
    size_t error_count;         /* at most INTAKE_MAX_ERRORS */
    struct intake_result last;  /* why nothing of the body was kept */
};

/* NULL when out of memory. The journal is lent and must live longer. */
struct intake *intake_new(struct journal *journal, struct metrics *metrics);
void intake_destroy(struct intake **intake);

/* The time of receipt of what follows. */
void intake_set_time(struct intake *intake, int64_t now_us);

/* The journal that it was made with. */
struct journal *intake_journal(const struct intake *intake);

/* Whose lines no decoder knew. */
const struct undecoded *intake_undecoded(const struct intake *intake);

/* One JSON object; one raw line (any bytes, no line end). */
enum intake_outcome intake_json(struct intake *intake, const struct intake_origin *origin,
                                struct intake_item json, struct intake_result *ret_result);
enum intake_outcome intake_line(struct intake *intake, const struct intake_origin *origin,
                                struct intake_item line, struct intake_result *ret_result);

/* One document as shippers send it (document.h). id names it in its index, which
 * stores it once; ptr NULL: nothing names it. */
enum intake_outcome intake_document(struct intake *intake, const struct intake_origin *origin,
                                    struct text json, struct text index, struct text id,
                                    struct intake_result *ret_result);

/* Count a line of one who is not answered as refused: intake_line counts none of
 * them, since another form of it may be tried first (intake_keep.h). */
void intake_refuse(struct intake *intake, enum intake_outcome outcome);

/* A whole body: INTAKE_ACCEPTED when its lines were looked at (they may all
 * be refused). Else nothing of it is kept, for tally->last's reason:
 * INTAKE_BAD_JSON (a broken array, a line without its offset), INTAKE_TOO_BIG (over INTAKE_MAX_EVENTS)
 * or INTAKE_STOPPED. The caller releases the tally in any case. */
enum intake_outcome intake_body(struct intake *intake, const struct intake_origin *origin,
                                enum intake_form form, struct text body,
                                struct intake_tally *ret_tally);
void intake_tally_release(struct intake_tally *tally);

#endif
