#include "proto/base/option_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/base/text.h"

enum { TEXT_MAX = 4096 };

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, the one to print with before its other spellings. Sizes are
 * binary; only kB, MB, GB and TB, as in SI, are decimal. */
static const struct unit size_units[] = {
    { "TiB", INT64_C(1) << 40 }, { "t", INT64_C(1) << 40 }, { "TB", 1000000000000 },
    { "GiB", 1 << 30 }, { "g", 1 << 30 }, { "GB", 1000000000 },
    { "MiB", 1 << 20 }, { "m", 1 << 20 }, { "MB", 1000000 },
    { "KiB", 1 << 10 }, { "k", 1 << 10 }, { "kB", 1000 },
    { "", 1 }, { "b", 1 },
    { NULL, 0 },
};

static const struct unit time_units[] = {
    { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
    { NULL, 0 },
};

static const struct unit booleans[] = {
    { "true", 1 }, { "yes", 1 }, { "on", 1 }, { "1", 1 },
    { "false", 0 }, { "no", 0 }, { "off", 0 }, { "0", 0 },
    { NULL, 0 },
};

static const struct {
    const struct unit *units;
    const char *expected;
} types[] = {
    [OPTION_INT] = { NULL, "a whole number" },
    [OPTION_BOOL] = { NULL, "true or false" },
    [OPTION_BYTES] = { size_units, "a size such as 512KiB, 64MiB or 10GiB" },
    [OPTION_DURATION] = { time_units, "a time such as 500ms, 10s, 5m, 1h or 30d" },
};

static const struct unit *
find_unit(const struct unit *units, const char *name)
{
    while (units->name != NULL && strcasecmp(units->name, name) != 0)
        units++;
    return units->name == NULL ? NULL : units;
}

/* "64MiB": digits and a unit. 0 is 0 in any unit, so it needs none. */
static int
parse_with_unit(const struct unit *units, const char *str, int64_t *ret_number)
{
    size_t digits = strspn(str, "0123456789");
    const struct unit *unit;
    int64_t number;

    if (text_to_int((struct text){ str, digits }, 0, INT64_MAX, &number) != 0)
        return -1;
    str += digits;
    str += strspn(str, " ");
    unit = find_unit(units, str);
    if (unit == NULL && !(number == 0 && str[0] == '\0'))
        return -1;
    if (unit != NULL && __builtin_mul_overflow(number, unit->factor, &number))
        return -1;
    *ret_number = number;
    return 0;
}

static int
parse_number(const struct option *option, const char *str, int64_t *ret_number)
{
    const struct unit *word;

    if (option->type == OPTION_INT)
        return text_to_int(text_of(str), INT64_MIN, INT64_MAX, ret_number);
    if (option->type != OPTION_BOOL)
        return parse_with_unit(types[option->type].units, str, ret_number);
    word = find_unit(booleans, str);
    if (word == NULL)
        return -1;
    *ret_number = word->factor;
    return 0;
}

/* A carriage return from an .env file written on Windows is the usual case. */
static int
set_text(const struct option *option, const char *str, char **member, struct err *err)
{
    size_t longest = option->max == 0 ? TEXT_MAX : (size_t)option->max;
    char *copy;

    if (strlen(str) > longest) {
        err_set(err, "is longer than %zu bytes", longest);
        return -1;
    }
    for (const char *c = str; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            err_set(err, "holds a control character (\\x%02x) at byte %d",
                    (unsigned char)*c, (int)(c - str) + 1);
            return -1;
        }
    copy = text_dup(text_of(str));
    if (copy == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    *member = copy;
    return 0;
}

int
option_value_set(const struct option *option, const char *str, void *target,
                 struct err *err)
{
    char *member = (char *)target + option->offset;
    char low[OPTION_NUMBER_LEN], high[OPTION_NUMBER_LEN];
    int is_secret = (option->flags & OPTION_SECRET) != 0;
    int64_t number, min, max;

    if (option->type == OPTION_TEXT)
        return set_text(option, str, (char **)member, err);
    if (parse_number(option, str, &number) != 0) {
        err_set(err, "\"%.60s\" is not %s", is_secret ? "(secret)" : str,
                types[option->type].expected);
        return -1;
    }
    option_value_range(option, &min, &max);
    if (number < min || number > max) {
        option_value_print(option, min, low);
        option_value_print(option, max, high);
        err_set(err, "\"%.60s\" is not within %s and %s", is_secret ? "(secret)" : str,
                low, high);
        return -1;
    }
    *(int64_t *)member = number;
    return 0;
}

/* A row that says neither has no limit but that of its sign. */
void
option_value_range(const struct option *option, int64_t *ret_min, int64_t *ret_max)
{
    *ret_min = option->min;
    *ret_max = option->min == 0 && option->max == 0 ? INT64_MAX : option->max;
    if (option->type == OPTION_BOOL)
        *ret_max = 1;
}

void
option_value_print(const struct option *option, int64_t number,
                   char out[OPTION_NUMBER_LEN])
{
    const struct unit *unit = types[option->type].units;

    if (option->type == OPTION_BOOL) {
        snprintf(out, OPTION_NUMBER_LEN, "%s", number ? "true" : "false");
        return;
    }
    while (unit != NULL && unit->factor > 1 &&
           (number == 0 || number % unit->factor != 0))
        unit++;
    snprintf(out, OPTION_NUMBER_LEN, "%" PRId64 "%s",
             unit == NULL ? number : number / unit->factor,
             unit == NULL || number == 0 ? "" : unit->name);
}

void
option_flag(const struct option *option, char out[OPTION_NAME_LEN])
{
    snprintf(out, OPTION_NAME_LEN, "--%s", option->name);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '.' || *c == '_')
            *c = '-';
}

void
option_env(const struct option *option, char out[OPTION_NAME_LEN])
{
    if (option->env != NULL) {
        snprintf(out, OPTION_NAME_LEN, "%s", option->env);
        return;
    }
    out[0] = '\0';
    if (option->flags & OPTION_OF_CALL)
        return;
    snprintf(out, OPTION_NAME_LEN, "BONGSU_%s", option->name);
    for (char *c = out; *c != '\0'; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
}
