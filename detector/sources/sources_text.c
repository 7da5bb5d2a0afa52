#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "detector/sources/sources_inner.h"
#include "detector/text/span_words.h"

#define HALF_HOUR (SOURCE_HOUR / 2)
#define ABOUT (2 * SOURCE_MINUTE)

static void
tell_of(const struct source *source, struct source_view *ret)
{
    ret->name = source->name;
    ret->first_us = source->first_us;
    ret->last_us = source->last_us;
    ret->events = source->events;
}

/* In the hours in which it is heard at all: from one heard minute to the next. */
static int64_t
usual_gap_us(const struct source *source)
{
    int64_t minutes = 0, hours = 0;

    for (size_t i = 0; i < SOURCE_DAYS; i++) {
        minutes += source->days[i].minutes;
        hours += source->days[i].hours;
    }
    return minutes == 0 ? SOURCE_HOUR : hours * 60 / minutes * SOURCE_MINUTE;
}

/* "every minute", "every 20 minutes" */
static const char *
every(int64_t gap_us, char out[SPAN_WORDS_LEN])
{
    const char *words = span_words(gap_us < SOURCE_MINUTE ? SOURCE_MINUTE : gap_us, out);

    return strncmp(words, "1 ", 2) == 0 ? words + 2 : words;
}

void
source_tell_silent(const struct sources *sources, const struct source *source,
                   struct source_view *ret)
{
    int64_t longest_us = source_longest_us(source), usual_us = usual_gap_us(source);
    char silent[SPAN_WORDS_LEN], usual[SPAN_WORDS_LEN], longest[SPAN_WORDS_LEN];
    int len;

    tell_of(source, ret);
    len = snprintf(ret->text, sizeof(ret->text),
                   "%s sent nothing for %s; it usually sends every %s", source->name,
                   span_words(sources->awake_us - source->heard_us, silent),
                   every(usual_us, usual));
    if (longest_us >= 3 * usual_us && longest_us >= SOURCE_HOUR && len > 0 &&
        (size_t)len < sizeof(ret->text))
        snprintf(ret->text + len, sizeof(ret->text) - (size_t)len,
                 ", and its longest pause was %s", span_words(longest_us, longest));
}

/* A host that writes local time without a zone, or believes to be elsewhere, is
 * wrong by whole hours (by half ones too: India). */
static int
is_like_a_zone(int64_t behind_us, int64_t *ret_half_hours)
{
    int64_t half_hours = (behind_us + HALF_HOUR / 2) / HALF_HOUR;
    int64_t rest_us = behind_us - half_hours * HALF_HOUR;

    *ret_half_hours = half_hours;
    return half_hours >= 2 && half_hours <= 28 && rest_us <= ABOUT && rest_us >= -ABOUT;
}

void
source_tell_skewed(const struct sources *sources, const struct source *source,
                   struct source_view *ret)
{
    int64_t behind_us = source->skew_us, half_hours = 0;
    char words[SPAN_WORDS_LEN];

    (void)sources;
    tell_of(source, ret);
    if (is_like_a_zone(behind_us, &half_hours))
        snprintf(ret->text, sizeof(ret->text), "%s's clock is exactly %" PRId64
                 "%s hour%s behind: its time zone may not be set", source->name,
                 half_hours / 2, half_hours % 2 != 0 ? ".5" : "", half_hours == 2 ? "" : "s");
    else
        snprintf(ret->text, sizeof(ret->text), "%s's clock is %s %s", source->name,
                 span_words(behind_us < 0 ? -behind_us : behind_us, words),
                 behind_us < 0 ? "ahead" : "behind");
}
