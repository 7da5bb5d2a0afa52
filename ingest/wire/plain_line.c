#include "ingest/wire/plain_line.h"

#include "proto/decode/decode.h"

static const struct text none = { NULL, 0 };

int
plain_line_helps(enum intake_outcome outcome)
{
    return outcome == INTAKE_BAD_JSON || outcome == INTAKE_BAD_FIELD ||
           outcome == INTAKE_TOO_BIG;
}

static enum intake_outcome
out_of_memory(struct intake_result *result)
{
    err_set(&result->reason, "out of memory");
    result->stop = JOURNAL_RETRY;
    return INTAKE_STOPPED;
}

enum intake_outcome
plain_line_take(struct flat_document *flat, struct text line, struct intake *intake,
                const struct intake_origin *origin, uint64_t *ret_count,
                struct intake_result *result)
{
    const char *flags = line.len > PLAIN_MAX_LINE ? "split,plain" : "plain";
    enum intake_outcome outcome;

    *ret_count = 0;
    if (flat_set_text(flat, text_of("event_type"), text_of("log")) != 0 ||
        flat_set_text(flat, text_of("log.flags"), text_of(flags)) != 0)
        return out_of_memory(result);
    do {
        size_t len = line.len > PLAIN_MAX_LINE ? raw_cut(line, PLAIN_MAX_LINE) : line.len;
        struct text document = none;

        if (flat_set_text(flat, text_of("raw_log"), (struct text){ line.ptr, len }) == 0)
            document = flat_write(flat);
        if (document.ptr == NULL)
            return out_of_memory(result);
        outcome = intake_document(intake, origin, document, none, none, result);
        *ret_count += outcome == INTAKE_ACCEPTED;
        line = (struct text){ line.ptr + len, line.len - len };
    } while (outcome == INTAKE_ACCEPTED && line.len > 0);
    return outcome;
}
