#include "detector/sigma/sigma_modifier.h"

/* What a modifier does to its item. */
enum effect {
    EFFECT_OP,          /* says how values compare; arg is the enum sigma_op */
    EFFECT_FIRST_OP,    /* the same, and nothing may stand before it */
    EFFECT_OPEN,        /* puts wildcards around the value */
    EFFECT_PART,        /* takes a part of a time */
    EFFECT_REGEX_FLAG,
    EFFECT_CASED,
    EFFECT_ALL,
    EFFECT_NEGATE,
    EFFECT_NOT_YET      /* in the specification, not in Bongsu */
};

static const struct modifier {
    const char *name;
    enum effect effect;
    unsigned arg;
} modifiers[] = {
    { "contains",     EFFECT_OPEN,       PATTERN_OPEN_START | PATTERN_OPEN_END },
    { "startswith",   EFFECT_OPEN,       PATTERN_OPEN_END },
    { "endswith",     EFFECT_OPEN,       PATTERN_OPEN_START },
    { "all",          EFFECT_ALL,        0 },
    { "cased",        EFFECT_CASED,      0 },
    { "neq",          EFFECT_NEGATE,     0 },
    { "re",           EFFECT_FIRST_OP,   SIGMA_REGEX },
    { "i",            EFFECT_REGEX_FLAG, SIGMA_RE_I },
    { "m",            EFFECT_REGEX_FLAG, SIGMA_RE_M },
    { "s",            EFFECT_REGEX_FLAG, SIGMA_RE_S },
    { "cidr",         EFFECT_FIRST_OP,   SIGMA_CIDR },
    { "exists",       EFFECT_FIRST_OP,   SIGMA_EXISTS },
    { "gt",           EFFECT_OP,         SIGMA_GT },
    { "gte",          EFFECT_OP,         SIGMA_GTE },
    { "lt",           EFFECT_OP,         SIGMA_LT },
    { "lte",          EFFECT_OP,         SIGMA_LTE },
    { "minute",       EFFECT_PART,       PART_MINUTE },
    { "hour",         EFFECT_PART,       PART_HOUR },
    { "day",          EFFECT_PART,       PART_DAY },
    { "week",         EFFECT_PART,       PART_WEEK },
    { "month",        EFFECT_PART,       PART_MONTH },
    { "year",         EFFECT_PART,       PART_YEAR },
    { "exact",        EFFECT_NOT_YET,    0 },
    { "base64",       EFFECT_NOT_YET,    0 },
    { "base64offset", EFFECT_NOT_YET,    0 },
    { "wide",         EFFECT_NOT_YET,    0 },
    { "utf16",        EFFECT_NOT_YET,    0 },
    { "utf16le",      EFFECT_NOT_YET,    0 },
    { "utf16be",      EFFECT_NOT_YET,    0 },
    { "windash",      EFFECT_NOT_YET,    0 },
    { "fieldref",     EFFECT_NOT_YET,    0 },
    { "expand",       EFFECT_NOT_YET,    0 },
};

static const struct modifier *
modifier_find(struct text name)
{
    for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
        if (text_is(name, modifiers[i].name))
            return &modifiers[i];
    return NULL;
}

static int
misplaced(const struct modifier *mod, const char *why, struct err *err)
{
    err_set(err, "modifier \"%s\" %s", mod->name, why);
    return -1;
}

/* re, cidr and exists read the value as it is written. */
static int
set_op(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    if (item->op != SIGMA_EQUALS)
        return misplaced(mod, "cannot follow another comparison", err);
    if (item->open != 0 || item->is_cased)
        return misplaced(mod, "does not go with the modifier before it", err);
    if (mod->effect == EFFECT_FIRST_OP && (item->part != PART_NONE || item->is_all))
        return misplaced(mod, "must be the first modifier", err);
    item->op = (enum sigma_op)mod->arg;
    return 0;
}

static int
set_open(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    unsigned both = PATTERN_OPEN_START | PATTERN_OPEN_END;

    /* A regular expression is searched for anywhere already. */
    if (item->op == SIGMA_REGEX && mod->arg == both)
        return 0;
    if (item->op != SIGMA_EQUALS || item->part != PART_NONE)
        return misplaced(mod, "needs a plain text value", err);
    item->open |= mod->arg;
    return 0;
}

static int
set_part(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    if (item->op != SIGMA_EQUALS || item->open != 0 || item->part != PART_NONE)
        return misplaced(mod, "must be the first modifier", err);
    item->part = (enum sigma_part)mod->arg;
    return 0;
}

int
sigma_modifier_apply(struct sigma_item *item, struct text name, struct err *err)
{
    const struct modifier *mod = modifier_find(name);

    if (mod == NULL) {
        err_set(err, "unknown modifier \"%.*s\"", (int)(name.len < 64 ? name.len : 64),
                name.ptr == NULL ? "" : name.ptr);
        return -1;
    }
    switch (mod->effect) {
    case EFFECT_OP:
    case EFFECT_FIRST_OP:
        return set_op(item, mod, err);
    case EFFECT_OPEN:
        return set_open(item, mod, err);
    case EFFECT_PART:
        return set_part(item, mod, err);
    case EFFECT_REGEX_FLAG:
        if (item->op != SIGMA_REGEX)
            return misplaced(mod, "must follow \"re\"", err);
        item->regex_flags |= mod->arg;
        return 0;
    case EFFECT_CASED:
        if (item->op != SIGMA_EQUALS || item->part != PART_NONE)
            return misplaced(mod, "needs a plain text value", err);
        item->is_cased = 1;
        return 0;
    case EFFECT_ALL:
        item->is_all = 1;
        return 0;
    case EFFECT_NEGATE:
        item->is_negated = !item->is_negated;
        return 0;
    case EFFECT_NOT_YET:
        break;
    }
    return misplaced(mod, "is not supported yet", err);
}
