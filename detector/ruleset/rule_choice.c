#include "detector/ruleset/rule_choice.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum word { WORD_PATH, WORD_LEVEL, WORD_STATUS, WORD_PRODUCT, WORD_CATEGORY, WORD_SERVICE, WORDS };

/* What a value may be is said where there are few: a slip must not choose nothing. */
static const struct {
    const char *name, *values[7];
} words[WORDS] = {
    [WORD_PATH] = { "path", { NULL } },
    [WORD_LEVEL] = { "level", { "informational", "low", "medium", "high", "critical", NULL } },
    [WORD_STATUS] = { "status", { "stable", "test", "experimental", "deprecated", "unsupported",
                                  NULL } },
    [WORD_PRODUCT] = { "product", { NULL } },
    [WORD_CATEGORY] = { "category", { NULL } },
    [WORD_SERVICE] = { "service", { NULL } },
};

struct demand {
    enum word word;
    const char *value;          /* in the line's text */
};

struct line {
    int is_on;
    size_t first, count;        /* of the demands */
};

struct rule_choice {
    char *text;                 /* the lines, cut into words */
    struct line *lines;
    struct demand *demands;
    size_t line_count, demand_count;
};

/* --- reading --- */

static int
is_value(enum word word, const char *value)
{
    const char *const *one = words[word].values;

    if (one[0] == NULL)
        return value[0] != '\0';
    while (*one != NULL && strcmp(*one, value) != 0)
        one++;
    return *one != NULL;
}

static int
take_demand(struct rule_choice *choice, char *word, const char *name, struct err *err)
{
    char *value = strchr(word, '=');
    struct demand *demand = &choice->demands[choice->demand_count];
    int at = 0;

    if (value != NULL)
        *value++ = '\0';
    while (at < WORDS && strcmp(words[at].name, word) != 0)
        at++;
    if (value == NULL || at == WORDS) {
        err_set(err, "%s: \"%.60s\" is none of path=, level=, status=, product=, category=, "
                "service=", name, word);
        return -1;
    }
    if (!is_value((enum word)at, value)) {
        err_set(err, "%s: there is no %s \"%.60s\"", name, word, value);
        return -1;
    }
    *demand = (struct demand){ (enum word)at, value };
    choice->demand_count++;
    choice->lines[choice->line_count - 1].count++;
    return 0;
}

/* "on path=sigma* level=high" */
static int
take_line(struct rule_choice *choice, char *text, const char *name, struct err *err)
{
    struct line *line = &choice->lines[choice->line_count];
    char *rest = NULL, *word = strtok_r(text, " \t\r\n", &rest);

    if (word == NULL)
        return 0;
    if (choice->line_count == RULE_CHOICE_MAX_LINES) {
        err_set(err, "%s: more than %d lines", name, RULE_CHOICE_MAX_LINES);
        return -1;
    }
    if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0) {
        err_set(err, "%s: a line begins with on or off, not with \"%.60s\"", name, word);
        return -1;
    }
    *line = (struct line){ strcmp(word, "on") == 0, choice->demand_count, 0 };
    choice->line_count++;
    while ((word = strtok_r(NULL, " \t\r\n", &rest)) != NULL) {
        if (line->count == RULE_CHOICE_MAX_WORDS) {
            err_set(err, "%s: more than %d words in a line", name, RULE_CHOICE_MAX_WORDS);
            return -1;
        }
        if (take_demand(choice, word, name, err) != 0)
            return -1;
    }
    return 0;
}

/* A word takes two bytes or more, with what is between words. */
static struct rule_choice *
choice_new(const char *lines)
{
    struct rule_choice *choice = calloc(1, sizeof(*choice));

    if (choice == NULL)
        return NULL;
    choice->text = strdup(lines);
    choice->lines = calloc(RULE_CHOICE_MAX_LINES + 1, sizeof(*choice->lines));
    choice->demands = calloc(strlen(lines) / 2 + 1, sizeof(*choice->demands));
    if (choice->text == NULL || choice->lines == NULL || choice->demands == NULL)
        rule_choice_destroy(&choice);
    return choice;
}

struct rule_choice *
rule_choice_parse(const char *name, const char *lines, struct err *err)
{
    struct rule_choice *choice = choice_new(lines == NULL ? "" : lines);
    char *at, *end;

    if (choice == NULL) {
        err_set(err, "%s: out of memory", name);
        return NULL;
    }
    for (at = choice->text; at != NULL; at = end) {
        end = strchr(at, ',');
        if (end != NULL)
            *end++ = '\0';
        if (take_line(choice, at, name, err) != 0) {
            rule_choice_destroy(&choice);
            return NULL;
        }
    }
    return choice;
}

void
rule_choice_destroy(struct rule_choice **choice)
{
    if (*choice == NULL)
        return;
    free((*choice)->text);
    free((*choice)->lines);
    free((*choice)->demands);
    free(*choice);
    *choice = NULL;
}

/* --- choosing --- */

static int
is_text(struct text text, const char *value)
{
    return text.ptr != NULL && text_is(text, value);
}

/* Asterisks take slashes too, so that ** is no more than one of them. */
static int
is_met(const struct demand *demand, const char *file, const struct sigma_rule *rule)
{
    switch (demand->word) {
    case WORD_PATH:
        return fnmatch(demand->value, file, 0) == 0;
    case WORD_LEVEL:
        return strcmp(rule->level, demand->value) == 0;
    case WORD_STATUS:
        return rule->status != NULL && strcmp(rule->status, demand->value) == 0;
    case WORD_PRODUCT:
        return is_text(rule->logsource.product, demand->value);
    case WORD_CATEGORY:
        return is_text(rule->logsource.category, demand->value);
    case WORD_SERVICE:
        return is_text(rule->logsource.service, demand->value);
    case WORDS:
        break;
    }
    return 0;
}

static int
is_for(const struct rule_choice *choice, const struct line *line, const char *file,
       const struct sigma_rule *rule)
{
    unsigned said = 0, met = 0;

    for (size_t i = line->first; i < line->first + line->count; i++) {
        const struct demand *demand = &choice->demands[i];

        said |= 1u << demand->word;
        if ((met & 1u << demand->word) == 0 && is_met(demand, file, rule))
            met |= 1u << demand->word;
    }
    return said == met;
}

int
rule_choice_is_on(const struct rule_choice *choice, const char *file,
                  const struct sigma_rule *rule)
{
    for (size_t i = choice == NULL ? 0 : choice->line_count; i > 0; i--)
        if (is_for(choice, &choice->lines[i - 1], file, rule))
            return choice->lines[i - 1].is_on;
    return 1;
}
