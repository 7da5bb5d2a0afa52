#include "proto/store/incident_apply.h"

#include <string.h>

#include "proto/incident_rows.h"

enum { HISTORY_MAX_BYTES = 256 * 1024 };    /* of notes, per incident */

/* When it was last set to resolved; INT64_MAX when the history does not say. */
static int64_t
resolved_at(const struct incident *inc)
{
    for (size_t i = inc->history_count; i > 0; i--) {
        const struct incident_change *line = &inc->history[i - 1];

        if (line->to == STATUS_RESOLVED && line->from != STATUS_RESOLVED)
            return line->at_us;
    }
    return INT64_MAX;
}

int
incident_reopen_if_due(struct incident *stored, const struct incident *inc, int64_t now_us)
{
    if (stored->status != STATUS_RESOLVED ||
        inc->newest_received_us <= resolved_at(stored))
        return 0;
    if (incident_add_history(stored, now_us, "bongsu", STATUS_RESOLVED,
                             STATUS_OPEN, "a new event came after it was resolved") != 0)
        return -1;
    stored->status = STATUS_OPEN;
    stored->reopened++;
    return 0;
}

/* A history is read and written whole with each change, so it is bounded; the
 * last line is kept for a re-opening. */
static int
has_room(const struct incident *stored, const struct incident_change *change)
{
    size_t bytes = change->note == NULL ? 0 : strlen(change->note);

    for (size_t i = 0; i < stored->history_count; i++)
        bytes += stored->history[i].note == NULL ? 0 : strlen(stored->history[i].note);
    return stored->history_count + 1 < INCIDENT_MAX_HISTORY && bytes <= HISTORY_MAX_BYTES;
}

int
incident_change_status(struct incident *stored, const struct incident_change *change,
                       struct err *err)
{
    int has_note = change->note != NULL && change->note[0] != '\0';

    if (change->to < 0 || change->to >= STATUS_COUNT) {
        err_set(err, "status: %d is none", change->to);
        return -1;
    }
    if (stored->status == change->to && !has_note)
        return 2;
    if (!has_room(stored, change)) {
        err_set(err, "incident %s: its history is full", stored->id);
        return -2;
    }
    if (incident_add_history(stored, change->at_us, change->by, stored->status, change->to,
                             change->note) != 0) {
        err_set(err, "store: out of memory");
        return -1;
    }
    stored->status = change->to;
    return 1;
}
