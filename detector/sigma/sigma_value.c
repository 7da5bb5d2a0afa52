#include <arpa/inet.h>
#include <string.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/base/hash.h"
#include "proto/base/networks.h"
#include "proto/event.h"

enum { MAX_VALUES = 20000, MAX_REGEX = 16384 };

/* The values of an item while they are read; what a value became by its modifiers goes
 * one after another. */
struct values {
    const struct sigma_source *src;
    struct sigma_item *item;
    size_t cap;
};

/* A zeroed value at the end, or NULL with the reason. */
static struct sigma_value *
append(struct values *to, json_t *value, uint32_t origin)
{
    struct sigma_item *item = to->item;

    if (item->value_count == to->cap) {
        size_t cap = to->cap * 2;
        struct sigma_value *grown = arena_alloc(to->src->arena, cap * sizeof(*grown));

        if (grown == NULL || cap > 64 * MAX_VALUES) {
            sigma_refuse(to->src, value, "too many values");
            return NULL;
        }
        memcpy(grown, item->values, item->value_count * sizeof(*grown));
        item->values = grown;
        to->cap = cap;
    }
    item->values[item->value_count] =
        (struct sigma_value){ .origin = origin, .line = yaml_line(to->src->yaml, value) };
    return &item->values[item->value_count++];
}

static int
read_cidr(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    struct text text = text_of(json_string_value(value));
    struct network network;
    struct err why = { "" };

    if (!json_is_string(value))
        return sigma_refuse(src, value, "a network must be a text");
    if (network_parse(text, &network, &why) != 0)
        return sigma_refuse(src, value, "cidr: %.250s", why.text);
    memcpy(ret->cidr.net, network.net, sizeof(ret->cidr.net));
    ret->cidr.family = network.is_v6 ? AF_INET6 : AF_INET;
    ret->cidr.bits = network.bits;
    return 0;
}

/* What is compared as text: numbers and booleans as they are written out. */
static int
text_of_value(const struct sigma_source *src, json_t *value, struct text *ret_text)
{
    struct value real = { VALUE_REAL, { .real = json_real_value(value) } };
    char space[32];

    if (json_is_string(value))
        *ret_text = (struct text){ json_string_value(value), json_string_length(value) };
    else if (json_is_boolean(value))
        *ret_text = text_of(json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        *ret_text = arena_printf(src->arena, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        *ret_text = arena_copy(src->arena, value_as_text(&real, space));
    else
        return sigma_refuse(src, value, "a value must be a text, a number or null");
    return ret_text->ptr == NULL ? sigma_no_memory(src) : 0;
}

/* The texts that the item's modifiers make of one. */
static int
transform(const struct values *to, json_t *value, struct pattern_tokens *first,
          struct sigma_texts *ret_texts)
{
    const struct sigma_source *src = to->src;
    struct err why;
    const struct sigma_transforms with = { src->arena, src->placeholders, &why };

    *ret_texts = (struct sigma_texts){ first, 1, 1 };
    for (size_t i = 0; i < to->item->transform_count; i++)
        if (sigma_transform_apply(&with, to->item->transforms[i], ret_texts) != 0)
            return sigma_refuse(src, value, "%.300s", why.text);
    return 0;
}

static int
read_null(struct values *to, json_t *value, uint32_t origin)
{
    const struct sigma_item *item = to->item;
    struct sigma_value *ret;

    if (item->field.ptr == NULL)
        return sigma_refuse(to->src, value, "null is no keyword");
    if (item->open != 0 || item->is_cased || item->transform_count > 0)
        return sigma_refuse(to->src, value, "null goes with no modifier");
    ret = append(to, value, origin);
    if (ret == NULL)
        return -1;
    ret->is_null = 1;
    return 0;
}

static int
read_equals(struct values *to, json_t *value, uint32_t origin)
{
    const struct sigma_item *item = to->item;
    struct pattern_tokens tokens;
    struct sigma_texts texts;
    struct text text;

    if (json_is_null(value))
        return read_null(to, value, origin);
    if (text_of_value(to->src, value, &text) != 0)
        return -1;
    if (item->field.ptr == NULL && text.len == 0)
        return sigma_refuse(to->src, value, "an empty keyword is in every event");
    if (pattern_read(to->src->arena, text, &tokens) != 0)
        return sigma_no_memory(to->src);
    if (transform(to, value, &tokens, &texts) != 0)
        return -1;
    for (size_t i = 0; i < texts.count; i++) {
        struct sigma_value *ret = append(to, value, origin);

        if (ret == NULL)
            return -1;
        pattern_make(&texts.texts[i], item->open, item->is_cased, &ret->pattern);
    }
    return 0;
}

static int
read_number(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    struct text text = text_of(json_string_value(value));
    struct value as_text = value_text(text);

    if (json_is_number(value))
        ret->number = json_number_value(value);
    else if (!json_is_string(value) || value_as_number(&as_text, &ret->number) != 0)
        return sigma_refuse(src, value, "a number is needed here");
    return 0;
}

static int
read_regex(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    if (!json_is_string(value) || json_string_length(value) == 0)
        return sigma_refuse(src, value, "a regular expression must be a text");
    if (json_string_length(value) > MAX_REGEX)
        return sigma_refuse(src, value, "regular expression over 16 KiB");
    ret->text = arena_copy(src->arena, text_of(json_string_value(value)));
    return ret->text.ptr == NULL ? sigma_no_memory(src) : 0;
}

/* The name of another field: escapes are undone, wildcards make no sense. */
static int
read_reference(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    struct pattern_tokens tokens;

    if (!json_is_string(value) || json_string_length(value) == 0)
        return sigma_refuse(src, value, "fieldref takes the name of a field");
    if (pattern_read(src->arena, text_of(json_string_value(value)), &tokens) != 0)
        return sigma_no_memory(src);
    if (!pattern_is_plain(&tokens))
        return sigma_refuse(src, value, "the name of a field has no wildcards");
    if (tokens.len > EVENT_MAX_NAME)
        return sigma_refuse(src, value, "field name too long");
    ret->text = arena_copy(src->arena, (struct text){ tokens.bytes, tokens.len });
    return ret->text.ptr == NULL ? sigma_no_memory(src) : 0;
}

static int
read_exists(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    if (!json_is_boolean(value))
        return sigma_refuse(src, value, "exists takes true or false");
    ret->number = json_is_true(value);
    return 0;
}

/* "false" is "not true", of a field that is absent too. */
static int
read_attack(const struct sigma_source *src, struct sigma_item *item, json_t *value)
{
    if (!json_is_boolean(value))
        return sigma_refuse(src, value, "a check for an attack takes true or false");
    item->is_negated = !json_is_true(value);
    item->values[0].number = 1;
    item->values[0].line = yaml_line(src->yaml, value);
    item->value_count = 1;
    return 0;
}

/* How a value is read that stays one value. */
static int
read_single(const struct sigma_source *src, enum sigma_op op, json_t *value,
            struct sigma_value *ret)
{
    switch (op) {
    case SIGMA_REGEX:
        return read_regex(src, value, ret);
    case SIGMA_CIDR:
        return read_cidr(src, value, ret);
    case SIGMA_EXISTS:
        return read_exists(src, value, ret);
    case SIGMA_FIELDREF:
        return read_reference(src, value, ret);
    default:
        return read_number(src, value, ret);
    }
}

static int
read_value(struct values *to, json_t *value, uint32_t origin)
{
    struct sigma_value *ret;

    if (to->item->op == SIGMA_EQUALS && to->item->part == PART_NONE)
        return read_equals(to, value, origin);
    ret = append(to, value, origin);
    return ret == NULL ? -1 : read_single(to->src, to->item->op, value, ret);
}

int
sigma_values_read(const struct sigma_source *src, struct sigma_item *item, json_t *values)
{
    size_t count = json_is_array(values) ? json_array_size(values) : 1;
    struct values to = { src, item, count };

    if (count == 0 || count > MAX_VALUES)
        return sigma_refuse(src, values, "a list must have 1 to %d values", MAX_VALUES);
    if (item->op == SIGMA_EXISTS && count != 1)
        return sigma_refuse(src, values, "exists takes one value");
    item->values = arena_alloc(src->arena, count * sizeof(item->values[0]));
    if (item->values == NULL)
        return sigma_no_memory(src);
    if (item->op == SIGMA_ATTACK) {
        memset(&item->values[0], 0, sizeof(item->values[0]));
        return read_attack(src, item, values);
    }
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_is_array(values) ? json_array_get(values, i) : values;

        if (read_value(&to, value, (uint32_t)i) != 0)
            return -1;
    }
    return 0;
}

int
sigma_item_is_expanded(const struct sigma_item *item)
{
    for (size_t i = 0; i < item->transform_count; i++)
        if (item->transforms[i] == TRANSFORM_EXPAND)
            return 1;
    return 0;
}

uint64_t
sigma_item_hash(const struct sigma_item *item)
{
    uint64_t hash = 0;

    for (size_t i = 0; item->op == SIGMA_EQUALS && i < item->value_count; i++) {
        const struct pattern *pattern = &item->values[i].pattern;

        hash = hash * 31 + hash64(pattern->bytes, pattern->len) +
               7 * hash64(pattern->kinds, pattern->len);
    }
    return hash;
}
