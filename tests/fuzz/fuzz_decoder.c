/* Each decoder by itself: the first byte says which, the rest is the message. */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/json_line.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = { (const char *)data, size };
    const struct decoder *decoder = decoders[fuzz_take(&bytes) % decoder_count];
    struct text programs = text_of(decoder->programs);
    struct arena arena = { 0 };
    struct event ev = { 0 }, blank = { 0 };
    enum raw_encoding how;
    struct log_line line = { .priority = -1, .repeated = 1, .at_us = FUZZ_NOW_US };

    fuzz_begin();
    line.raw = line.message = text_trim(raw_to_utf8(bytes, &arena, &how));
    if (programs.ptr != NULL)
        line.program = text_split(&programs, ' ');
    if (decoder->decode(&line, &arena, &ev) == 0)
        REQUIRE(ev.extra_count == 0 && memcmp(ev.known, blank.known, sizeof(ev.known)) == 0);
    event_release(&ev);
    arena_release(&arena);
    return 0;
}
