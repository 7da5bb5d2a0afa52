/* A raw line through its header and the decoder that knows it. */
#include "proto/decode/decode.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text bytes = { (const char *)data, size };
    struct arena arena = { 0 };
    struct event ev = { 0 };
    enum raw_encoding how;
    struct text line;

    fuzz_begin();
    line = text_trim(raw_to_utf8(bytes, &arena, &how));
    REQUIRE(decode_line(line, FUZZ_NOW_US, &arena, &ev) != NULL);
    fuzz_check_event(&ev);
    event_release(&ev);
    arena_release(&arena);
    return 0;
}
