#include "ingest/intake/intake.h"

#include <stdlib.h>
#include <string.h>

#include "proto/codec_json.h"

/* Walks a body, whichever form it has. */
struct body_walk {
    enum intake_form form;
    int is_offset_each;         /* lines, whatever the form */
    struct json_splitter split;
    struct text rest;           /* of lines */
    size_t number;              /* of the current line, from 1 */
};

static int
next_line(struct body_walk *walk, struct text *ret_line)
{
    while (walk->rest.len > 0) {
        const char *end = memchr(walk->rest.ptr, '\n', walk->rest.len);
        size_t len = end != NULL ? (size_t)(end - walk->rest.ptr) : walk->rest.len;
        struct text line = { walk->rest.ptr, len };

        walk->rest.ptr += len + (end != NULL);
        walk->rest.len -= len + (end != NULL);
        walk->number++;
        while (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (text_trim(line).len > 0) {
            *ret_line = line;
            return 1;
        }
    }
    return 0;
}

/* A line that says where it stood: "1234 the line". Its name must be that which it
 * has when the file comes as it stands, so what is cut off JSON there is cut off here. */
static int
next_placed_line(struct body_walk *walk, struct intake_item *ret_item, struct err *err)
{
    struct text line, rest, place;
    int64_t number;

    while (next_line(walk, &line)) {
        rest = line;
        place = text_split(&rest, ' ');
        if (text_to_int(place, 0, INT64_MAX / 2, &number) != 0) {
            err_set(err, "line %zu: does not begin with its offset and a space",
                    walk->number);
            return -1;
        }
        line = text_trim(rest);
        if (line.len == 0)
            continue;
        ret_item->position = (uint64_t)number;
        ret_item->text = rest;
        if (walk->form == INTAKE_JSON) {
            ret_item->position += (uint64_t)(line.ptr - rest.ptr);
            ret_item->text = line;
        }
        return 1;
    }
    return 0;
}

static int
next_item(struct body_walk *walk, struct text body, struct intake_item *ret_item,
          struct err *err)
{
    int rc;

    if (walk->is_offset_each)
        return next_placed_line(walk, ret_item, err);
    if (walk->form == INTAKE_LINES) {
        rc = next_line(walk, &ret_item->text);
    } else {
        rc = json_splitter_next(&walk->split, &ret_item->text, err);
        walk->number = walk->split.number;
    }
    if (rc == 1)
        ret_item->position = (uint64_t)(ret_item->text.ptr - body.ptr);
    return rc;
}

/* Errors are rare: their memory is taken whole with the first. */
static void
note_error(struct intake_tally *tally, size_t line, const struct err *reason)
{
    tally->refused++;
    if (tally->errors == NULL)
        tally->errors = malloc(INTAKE_MAX_ERRORS * sizeof(tally->errors[0]));
    if (tally->errors == NULL || tally->error_count == INTAKE_MAX_ERRORS)
        return;
    tally->errors[tally->error_count].line = line;
    tally->errors[tally->error_count++].reason = *reason;
}

static void
note_accepted(struct intake_tally *tally, int64_t at_us)
{
    if (tally->accepted == 0 || at_us < tally->first_us)
        tally->first_us = at_us;
    if (tally->accepted == 0 || at_us > tally->last_us)
        tally->last_us = at_us;
    tally->accepted++;
}

static enum intake_outcome
take_all(struct intake *intake, const struct intake_origin *origin, struct body_walk *walk,
         struct text body, struct intake_tally *tally)
{
    struct intake_result *last = &tally->last;
    enum intake_outcome outcome;
    struct intake_item item = { 0 };
    int rc;

    while ((rc = next_item(walk, body, &item, &last->reason)) == 1) {
        if (tally->accepted + tally->refused == INTAKE_MAX_EVENTS) {
            err_set(&last->reason, "more than %d events in one request",
                    (int)INTAKE_MAX_EVENTS);
            return INTAKE_TOO_BIG;
        }
        outcome = walk->form == INTAKE_LINES ? intake_line(intake, origin, item, last)
                                             : intake_json(intake, origin, item, last);
        if (outcome == INTAKE_STOPPED)
            return outcome;
        if (outcome == INTAKE_ACCEPTED)
            note_accepted(tally, last->at_us);
        else
            note_error(tally, walk->number, &last->reason);
    }
    return rc == 0 ? INTAKE_ACCEPTED : INTAKE_BAD_JSON;
}

enum intake_outcome
intake_body(struct intake *intake, const struct intake_origin *origin, enum intake_form form,
            struct text body, struct intake_tally *ret_tally)
{
    struct journal *journal = intake_journal(intake);
    struct journal_mark mark = journal_mark(journal);
    struct body_walk walk = { .form = form, .rest = body,
                              .is_offset_each = origin->is_offset_each };
    enum intake_outcome outcome;

    memset(ret_tally, 0, sizeof(*ret_tally));
    if (form == INTAKE_JSON)
        json_splitter_init(&walk.split, body);
    outcome = take_all(intake, origin, &walk, body, ret_tally);
    if (outcome != INTAKE_ACCEPTED)
        journal_cancel(journal, &mark);
    return outcome;
}

void
intake_tally_release(struct intake_tally *tally)
{
    free(tally->errors);
    tally->errors = NULL;
    tally->error_count = 0;
}
