#include "proto/report/report_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/event.h"
#include "proto/incident.h"

static const char *const languages[REPORT_LANGUAGES] = {
    [REPORT_EN] = "en",
    [REPORT_KO] = "ko",
};

int
report_language_parse(struct text name)
{
    for (int i = 0; i < REPORT_LANGUAGES; i++)
        if (text_is(name, languages[i]))
            return i;
    return -1;
}

const char *
report_language_name(enum report_language language)
{
    return languages[language];
}

const char *
report_word(enum report_language language, enum report_word word)
{
    return report_words[word].text[language];
}

int
report_say(struct buf *out, enum report_language language, enum report_word word,
           const char *const *args)
{
    const char *at = report_word(language, word), *open;
    size_t count = 0;

    while (args != NULL && args[count] != NULL)
        count++;
    while ((open = strchr(at, '{')) != NULL) {
        size_t i = (size_t)(open[1] - '0');

        if (buf_append(out, at, (size_t)(open - at)) != 0 ||
            (i < count && buf_append_str(out, args[i]) != 0))
            return -1;
        at = open + 3;          /* "{0}"; a test sees that it is no other */
    }
    return buf_append_str(out, at);
}

int
report_put_number(struct buf *out, uint64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);

    for (int i = 0; i < len; i++)
        if ((i > 0 && (len - i) % 3 == 0 && buf_append_char(out, ',') != 0) ||
            buf_append_char(out, digits[i]) != 0)
            return -1;
    return 0;
}

int
report_put_change(struct buf *out, int64_t number)
{
    uint64_t size = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;

    if (number != 0 && buf_append_char(out, number < 0 ? '-' : '+') != 0)
        return -1;
    return report_put_number(out, size);
}

int
report_put_permille(struct buf *out, int64_t permille, int has_sign)
{
    uint64_t size = permille < 0 ? (uint64_t)0 - (uint64_t)permille : (uint64_t)permille;

    if (permille < 0 && buf_append_char(out, '-') != 0)
        return -1;
    if (permille > 0 && has_sign && buf_append_char(out, '+') != 0)
        return -1;
    return report_put_number(out, size / 10) != 0 ? -1 : buf_printf(out, ".%d%%", (int)(size % 10));
}

int
report_put_duration(struct buf *out, enum report_language language, int64_t us)
{
    int64_t s = us / 1000000, large, small;
    enum report_word word = WORD_DURATION_S;
    char first[24], second[24];

    large = s;
    small = 0;
    if (s >= 86400) {
        word = WORD_DURATION_D;
        large = s / 86400;
        small = s % 86400 / 3600;
    } else if (s >= 3600) {
        word = WORD_DURATION_H;
        large = s / 3600;
        small = s % 3600 / 60;
    } else if (s >= 60) {
        word = WORD_DURATION_MIN;
        large = s / 60;
    }
    snprintf(first, sizeof(first), "%" PRId64, large);
    snprintf(second, sizeof(second), "%" PRId64, small);
    return report_say(out, language, word, (const char *const[]){ first, second, NULL });
}

enum report_word
report_severity_word(int severity)
{
    static const enum report_word words[] = {
        [SEVERITY_LOW] = WORD_LOW, [SEVERITY_MEDIUM] = WORD_MEDIUM,
        [SEVERITY_HIGH] = WORD_HIGH, [SEVERITY_CRITICAL] = WORD_CRITICAL,
    };

    return severity >= SEVERITY_LOW && severity <= SEVERITY_CRITICAL ? words[severity] : WORD_LOW;
}

enum report_word
report_status_word(int status)
{
    static const enum report_word words[STATUS_COUNT] = {
        [STATUS_OPEN] = WORD_OPEN, [STATUS_ACKNOWLEDGED] = WORD_ACKNOWLEDGED,
        [STATUS_INVESTIGATING] = WORD_INVESTIGATING, [STATUS_RESOLVED] = WORD_RESOLVED,
        [STATUS_FALSE_POSITIVE] = WORD_FALSE_POSITIVE,
    };

    return status >= 0 && status < STATUS_COUNT ? words[status] : WORD_OPEN;
}

enum report_word
report_weekday_word(int weekday)
{
    static const enum report_word words[7] = {
        WORD_SUNDAY, WORD_MONDAY, WORD_TUESDAY, WORD_WEDNESDAY,
        WORD_THURSDAY, WORD_FRIDAY, WORD_SATURDAY,
    };

    return words[((weekday % 7) + 7) % 7];
}
