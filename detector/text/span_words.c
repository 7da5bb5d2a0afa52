#include "detector/text/span_words.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

const char *
span_words(int64_t span_us, char out[SPAN_WORDS_LEN])
{
    static const struct { int64_t seconds; const char *name; } units[] = {
        { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" },
    };
    int64_t seconds = span_us / 1000000;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t n = seconds / units[i].seconds;

        if (n < 2 && (n != 1 || seconds % units[i].seconds != 0))
            continue;
        snprintf(out, SPAN_WORDS_LEN, "%" PRId64 " %s%s", n, units[i].name, n == 1 ? "" : "s");
        return out;
    }
    snprintf(out, SPAN_WORDS_LEN, "under a second");
    return out;
}
