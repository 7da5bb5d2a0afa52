#include "ingest/intake/intake_keep.h"

#include "proto/decode/decode.h"

/* Below this, an event that is too large is no matter of the line's length. */
enum { PIECE_MIN_BYTES = 1024 };

enum journal_outcome
intake_keep(struct intake *intake, const struct intake_origin *origin,
            struct intake_item line, struct intake_kept *kept, struct err *err)
{
    struct intake_item first, second;
    struct intake_result result;
    enum intake_outcome outcome = intake_line(intake, origin, line, &result);
    enum journal_outcome stop;

    if (outcome == INTAKE_BAD_FIELD || outcome == INTAKE_NO_TIME) {
        line.flags |= INTAKE_PLAIN;
        kept->plain++;
        outcome = intake_line(intake, origin, line, &result);
    }
    if (outcome == INTAKE_ACCEPTED) {
        kept->accepted++;
        kept->split += (line.flags & INTAKE_SPLIT) != 0;
        return JOURNAL_DONE;
    }
    if (outcome == INTAKE_STOPPED) {
        *err = result.reason;
        return result.stop;
    }
    if (outcome != INTAKE_TOO_BIG || line.text.len < PIECE_MIN_BYTES) {
        kept->refused++;
        *err = result.reason;
        intake_refuse(intake, outcome);
        return JOURNAL_DONE;
    }
    /* escapes made it so large */
    line.flags |= INTAKE_SPLIT;
    first = second = line;
    first.text.len = raw_cut(line.text, line.text.len / 2);
    second.text.ptr += first.text.len;
    second.text.len -= first.text.len;
    second.position += first.text.len;
    stop = intake_keep(intake, origin, first, kept, err);
    return stop == JOURNAL_DONE ? intake_keep(intake, origin, second, kept, err) : stop;
}
