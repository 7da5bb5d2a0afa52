/* A body of POST /log or /logs: JSON, NDJSON, an array, raw lines, lines with their offsets. */
#include <string.h>

#include "ingest/intake/intake.h"
#include "tests/fuzz/fuzz.h"

enum { AS_LINES = 1, WITH_SOURCE = 2, OFFSET_EACH = 4, WITH_TIME = 8, ONE = 16 };

/* No raw line is refused for its bytes. */
static void
only_the_future_is_refused(const struct intake_tally *tally)
{
    for (size_t i = 0; i < tally->error_count; i++)
        REQUIRE(strstr(tally->errors[i].reason.text, "ahead of the time of receipt") != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = { (const char *)data, size };
    unsigned how = fuzz_take(&body);
    struct intake *intake = fuzz_intake();
    struct intake_origin origin = { .received_from = text_of("192.0.2.1"),
                                    .key_id = text_of("abcd1234") };
    struct intake_result result;
    struct intake_tally tally;
    enum intake_outcome outcome;

    if (how & WITH_SOURCE)
        origin.source = text_of("s");
    origin.is_offset_each = (how & WITH_SOURCE) && (how & OFFSET_EACH);
    if (how & WITH_TIME)
        origin.default_time = text_of("2026-11-22T00:00:00Z");
    if (how & ONE) {
        outcome = intake_json(intake, &origin, (struct intake_item){ .text = body }, &result);
        REQUIRE(outcome == INTAKE_ACCEPTED || result.reason.text[0] != '\0');
    } else {
        outcome = intake_body(intake, &origin, how & AS_LINES ? INTAKE_LINES : INTAKE_JSON, body,
                              &tally);
        REQUIRE(outcome == INTAKE_ACCEPTED || tally.last.reason.text[0] != '\0');
        REQUIRE(tally.error_count <= INTAKE_MAX_ERRORS && tally.error_count <= tally.refused);
        if (outcome == INTAKE_ACCEPTED && (how & AS_LINES) && !(how & WITH_SOURCE))
            only_the_future_is_refused(&tally);
        intake_tally_release(&tally);
    }
    fuzz_intake_forget();
    return 0;
}
