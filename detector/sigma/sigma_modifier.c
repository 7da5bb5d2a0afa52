#include "detector/sigma/sigma_modifier.h"

/* What a modifier does to its item. */
enum effect {
    EFFECT_OP,          /* says how values compare; arg is the enum sigma_op */
    EFFECT_FIRST_OP,    /* the same, and nothing may stand before it */
    EFFECT_OPEN,        /* puts wildcards around the value */
    EFFECT_PART,        /* takes a part of a time */
    EFFECT_REGEX_FLAG,
    EFFECT_CASED,
    EFFECT_EXACT,
    EFFECT_ALL,
    EFFECT_NEGATE,
    EFFECT_ATTACK,      /* looks for one, of which alone it says yes or no */
    EFFECT_TRANSFORM    /* makes other texts of the value; arg is the enum sigma_transform */
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
    { "fieldref",     EFFECT_FIRST_OP,   SIGMA_FIELDREF },
    { "exact",        EFFECT_EXACT,      0 },
    { "windash",      EFFECT_TRANSFORM,  TRANSFORM_WINDASH },
    { "expand",       EFFECT_TRANSFORM,  TRANSFORM_EXPAND },
    { "base64",       EFFECT_TRANSFORM,  TRANSFORM_BASE64 },
    { "base64offset", EFFECT_TRANSFORM,  TRANSFORM_BASE64OFFSET },
    { "wide",         EFFECT_TRANSFORM,  TRANSFORM_UTF16LE },
    { "utf16le",      EFFECT_TRANSFORM,  TRANSFORM_UTF16LE },
    { "utf16be",      EFFECT_TRANSFORM,  TRANSFORM_UTF16BE },
    { "utf16",        EFFECT_TRANSFORM,  TRANSFORM_UTF16 },
    { "sqli",         EFFECT_ATTACK,     ATTACK_SQLI },
    { "xss",          EFFECT_ATTACK,     ATTACK_XSS },
    { "path_traversal", EFFECT_ATTACK,   ATTACK_PATH_TRAVERSAL },
    { "command_injection", EFFECT_ATTACK, ATTACK_COMMAND_INJECTION },
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

/* re, cidr, exists and fieldref read the value as it is written. */
static int
set_op(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    if (item->op != SIGMA_EQUALS)
        return misplaced(mod, "cannot follow another comparison", err);
    if (item->open != 0 || item->is_cased || item->is_exact || item->transform_count > 0)
        return misplaced(mod, "does not go with the modifier before it", err);
    if (mod->effect == EFFECT_FIRST_OP && (item->part != PART_NONE || item->is_all))
        return misplaced(mod, "must be the first modifier", err);
    item->op = (enum sigma_op)mod->arg;
    return 0;
}

/* The value is read as its field says, in all its encodings: nothing is done to it before. */
static int
set_attack(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    if (item->op != SIGMA_EQUALS || item->open != 0 || item->is_cased || item->is_exact ||
        item->is_all || item->is_negated || item->part != PART_NONE ||
        item->transform_count > 0)
        return misplaced(mod, "stands alone", err);
    item->op = SIGMA_ATTACK;
    item->attack = (enum attack)mod->arg;
    return 0;
}

/* Texts are compared: as whole texts, or with the text of another field. */
static int
is_textual(const struct sigma_item *item)
{
    return (item->op == SIGMA_EQUALS && item->part == PART_NONE) ||
           item->op == SIGMA_FIELDREF;
}

static int
set_open(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    unsigned both = PATTERN_OPEN_START | PATTERN_OPEN_END;

    /* A regular expression is searched for anywhere already. */
    if (item->op == SIGMA_REGEX && mod->arg == both)
        return 0;
    if (!is_textual(item))
        return misplaced(mod, "needs a plain text value", err);
    if (item->is_exact || item->open != 0)
        return misplaced(mod, "does not go with the modifier before it", err);
    item->open = mod->arg;
    return 0;
}

/* Whole texts are what Sigma compares unless told otherwise. */
static int
set_exact(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    if (!is_textual(item) || item->open != 0)
        return misplaced(mod, "does not go with the modifier before it", err);
    item->is_exact = 1;
    return 0;
}

static int
is_utf16(enum sigma_transform kind)
{
    return kind == TRANSFORM_UTF16LE || kind == TRANSFORM_UTF16BE || kind == TRANSFORM_UTF16;
}

/* Each works on what the one before it made. UTF-16 holds NUL characters, which no text
 * of an event does: it is there to be encoded further. */
static int
set_transform(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    enum sigma_transform kind = (enum sigma_transform)mod->arg;
    int is_encoding = kind != TRANSFORM_WINDASH && kind != TRANSFORM_EXPAND;
    size_t count = item->transform_count;

    if (item->op != SIGMA_EQUALS || item->part != PART_NONE)
        return misplaced(mod, "needs a plain text value", err);
    if (is_encoding && item->open != 0)
        return misplaced(mod, "must stand before contains, startswith and endswith", err);
    if (count == SIGMA_MAX_TRANSFORMS)
        return misplaced(mod, "is one modifier too many", err);
    if (count > 0 && is_utf16(item->transforms[count - 1]) && kind != TRANSFORM_BASE64 &&
        kind != TRANSFORM_BASE64OFFSET)
        return misplaced(mod, "cannot follow UTF-16, base64 or base64offset must", err);
    item->transforms[item->transform_count++] = kind;
    return 0;
}

static int
set_part(struct sigma_item *item, const struct modifier *mod, struct err *err)
{
    if (item->op != SIGMA_EQUALS || item->open != 0 || item->part != PART_NONE ||
        item->is_cased || item->is_exact || item->transform_count > 0)
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
    if (item->op == SIGMA_ATTACK)
        return misplaced(mod, "cannot follow a check for an attack", err);
    switch (mod->effect) {
    case EFFECT_ATTACK:
        return set_attack(item, mod, err);
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
        if (!is_textual(item))
            return misplaced(mod, "needs a plain text value", err);
        item->is_cased = 1;
        return 0;
    case EFFECT_EXACT:
        return set_exact(item, mod, err);
    case EFFECT_ALL:
        item->is_all = 1;
        return 0;
    case EFFECT_NEGATE:
        item->is_negated = !item->is_negated;
        return 0;
    case EFFECT_TRANSFORM:
        return set_transform(item, mod, err);
    }
    return -1;
}

int
sigma_modifiers_check(const struct sigma_item *item, struct err *err)
{
    size_t count = item->transform_count;
    int rc = -1;

    if (count > 0 && is_utf16(item->transforms[count - 1]))
        err_set(err, "UTF-16 is found in no text: base64 or base64offset must follow it");
    else if (item->field.ptr == NULL && item->op != SIGMA_EQUALS && item->op != SIGMA_REGEX)
        err_set(err, "keywords do not go with this modifier");
    else if (item->field.ptr == NULL && (item->part != PART_NONE || item->is_exact ||
             (item->open != 0 && item->open != (PATTERN_OPEN_START | PATTERN_OPEN_END))))
        err_set(err, "keywords are looked for anywhere: contains is all that goes with them");
    else
        rc = 0;
    return rc;
}
