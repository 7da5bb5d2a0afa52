#include "detector/match/predicate.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <arpa/inet.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "detector/match/keywords.h"
#include "detector/match/relation.h"
#include "detector/match/time_part.h"
#include "detector/text/attack.h"
#include "proto/base/timestamp.h"

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 2048, MAX_NESTING = 8 };

int
predicate_context_init(struct predicate_context *ctx, struct field_table *fields)
{
    *ctx = (struct predicate_context){ .fields = fields };
    ctx->match_data = pcre2_match_data_create(1, NULL);
    ctx->match_context = pcre2_match_context_create(NULL);
    if (ctx->match_data == NULL || ctx->match_context == NULL)
        return -1;
    pcre2_set_match_limit(ctx->match_context, MATCH_LIMIT);
    pcre2_set_depth_limit(ctx->match_context, DEPTH_LIMIT);
    pcre2_set_heap_limit(ctx->match_context, HEAP_LIMIT_KIB);
    return 0;
}

void
predicate_context_release(struct predicate_context *ctx)
{
    pcre2_match_data_free(ctx->match_data);
    pcre2_match_context_free(ctx->match_context);
    buf_release(&ctx->scratch);
    *ctx = (struct predicate_context){ 0 };
}

static pcre2_code *
regex_new(const struct sigma_value *value, unsigned flags, struct err *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                       (flags & SIGMA_RE_I ? PCRE2_CASELESS : 0) |
                       (flags & SIGMA_RE_M ? PCRE2_MULTILINE : 0) |
                       (flags & SIGMA_RE_S ? PCRE2_DOTALL : 0);
    PCRE2_UCHAR why[120];
    PCRE2_SIZE where;
    int number;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)value->text.ptr, value->text.len,
                                     options,
                                     &number, &where, NULL);

    if (code == NULL) {
        pcre2_get_error_message(number, why, sizeof(why));
        err_set(err, "regular expression: %s at offset %zu", (char *)why, where);
        return NULL;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);    /* if it fails, it is only slower */
    return code;
}

static int
compile_regexes(struct predicate *pred, int *ret_line, struct err *err)
{
    pred->regexes = calloc(pred->value_count, sizeof(pred->regexes[0]));
    if (pred->regexes == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < pred->value_count; i++) {
        pred->regexes[i] = regex_new(&pred->values[i], pred->regex_flags, err);
        if (pred->regexes[i] == NULL) {
            *ret_line = pred->values[i].line;
            return -1;
        }
    }
    return 0;
}

int
predicate_init(struct predicate *pred, int field, const struct sigma_item *item,
               const struct sigma_value *values, size_t count, int **others,
               int *ret_line, struct err *err)
{
    *pred = (struct predicate){ .field = field, .op = item->op, .part = item->part, .zone = item->zone,
                                .attack = item->attack,
                                .attack_kind = attack_field_kind(item->field),
                                .regex_flags = item->regex_flags, .open = item->op == SIGMA_FIELDREF ? item->open : 0,
                                .is_cased = item->op == SIGMA_FIELDREF && item->is_cased,
                                .others = *others,
                                .values = values, .value_count = count };
    *others = NULL;
    *ret_line = item->line;
    if (item->op == SIGMA_REGEX && compile_regexes(pred, ret_line, err) != 0) {
        predicate_release(pred);
        return -1;
    }
    return 0;
}

void
predicate_release(struct predicate *pred)
{
    for (size_t i = 0; pred->regexes != NULL && i < pred->value_count; i++)
        pcre2_code_free(pred->regexes[i]);
    free(pred->regexes);
    free(pred->others);
    pred->regexes = NULL;
    pred->others = NULL;
}

static int
regex_matches(const pcre2_code *code, struct predicate_context *ctx, struct text text)
{
    int rc = pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, ctx->match_data,
                         ctx->match_context);

    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        ctx->limits_hit++;
    return rc >= 0;
}

/* A server that takes both families writes IPv4 addresses as IPv6 (::ffff:192.0.2.1): such
 * a one is the IPv4 address for a network of these. */
static int
address_of(int family, const char *text, unsigned char address[16])
{
    static const unsigned char mapped[12] = { [10] = 0xFF, [11] = 0xFF };

    if (inet_pton(family, text, address) == 1)
        return 1;
    if (family != AF_INET || inet_pton(AF_INET6, text, address) != 1 ||
        memcmp(address, mapped, sizeof(mapped)) != 0)
        return 0;
    memmove(address, address + sizeof(mapped), 4);
    return 1;
}

static int
cidr_matches(const struct cidr *cidr, struct text text)
{
    unsigned char address[16];
    char space[INET6_ADDRSTRLEN];
    int whole = cidr->bits / 8, rest = cidr->bits % 8;

    if (text.len == 0 || text.len >= sizeof(space))
        return 0;
    memcpy(space, text.ptr, text.len);
    space[text.len] = '\0';
    if (!address_of(cidr->family, space, address))
        return 0;
    if (memcmp(address, cidr->net, (size_t)whole) != 0)
        return 0;
    return rest == 0 || ((address[whole] ^ cidr->net[whole]) >> (8 - rest)) == 0;
}

static int
compares(enum sigma_op op, double number, double limit)
{
    switch (op) {
    case SIGMA_GT:
        return number > limit;
    case SIGMA_GTE:
        return number >= limit;
    case SIGMA_LT:
        return number < limit;
    case SIGMA_LTE:
        return number <= limit;
    default:
        return number == limit;
    }
}

static int
any_compares(const struct predicate *pred, double number)
{
    for (size_t i = 0; i < pred->value_count; i++)
        if (compares(pred->op, number, pred->values[i].number))
            return 1;
    return 0;
}

/* Our own time field means the event's time; any other field is read. */
static int
part_matches(const struct predicate *pred, struct predicate_context *ctx,
             struct text text)
{
    int64_t at_us = field_table_event(ctx->fields)->at_us;

    if (field_table_known(ctx->fields, pred->field) != EVENT_TIMESTAMP &&
        timestamp_parse(text, &at_us, NULL) != 0)
        return 0;
    return any_compares(pred, time_part_of(pred->part, at_us, pred->zone));
}

/* Each text is walked once, for all attacks. */
static int
attack_matches(const struct predicate *pred, struct predicate_context *ctx, struct text text)
{
    static const unsigned all = ATTACK_BIT(ATTACK_COUNT) - 1;
    struct attack_seen *seen = ctx->attacks;

    if (ctx->attacks_of != field_table_number(ctx->fields)) {
        ctx->attacks_of = field_table_number(ctx->fields);
        ctx->attack_count = 0;
    }
    while (seen < ctx->attacks + ctx->attack_count &&
           (seen->text.ptr != text.ptr || seen->text.len != text.len ||
            seen->kind != pred->attack_kind))
        seen++;
    if (seen == ctx->attacks + ctx->attack_count) {
        if (ctx->attack_count == PREDICATE_ATTACKS)
            return attack_in_field(pred->attack_kind, text, ATTACK_BIT(pred->attack),
                                   &ctx->scratch) != 0;
        ctx->attack_count++;
        *seen = (struct attack_seen){ text, pred->attack_kind,
                                      attack_in_field(pred->attack_kind, text, all,
                                                      &ctx->scratch) };
    }
    return (seen->found & ATTACK_BIT(pred->attack)) != 0;
}

static int
text_matches(const struct predicate *pred, struct predicate_context *ctx,
             struct text text)
{
    if (pred->op == SIGMA_FIELDREF)
        return relation_holds(pred, ctx, text);
    if (pred->part != PART_NONE)
        return part_matches(pred, ctx, text);
    for (size_t i = 0; i < pred->value_count; i++) {
        const struct sigma_value *value = &pred->values[i];

        if (pred->op == SIGMA_EQUALS && !value->is_null &&
            pattern_matches(&value->pattern, text))
            return 1;
        if (pred->op == SIGMA_REGEX && regex_matches(pred->regexes[i], ctx, text))
            return 1;
        if (pred->op == SIGMA_CIDR && cidr_matches(&value->cidr, text))
            return 1;
    }
    return pred->op == SIGMA_ATTACK && attack_matches(pred, ctx, text);
}

static int
takes_null(const struct predicate *pred)
{
    for (size_t i = 0; pred->op == SIGMA_EQUALS && i < pred->value_count; i++)
        if (pred->values[i].is_null)
            return 1;
    return 0;
}

static int value_matches(const struct predicate *pred, struct predicate_context *ctx,
                         const struct value *value, int depth);

/* Any element may match. One null among others is not the field's being null: who can
 * add an element would otherwise step behind every `filter: {field: null}`. */
static int
array_matches(const struct predicate *pred, struct predicate_context *ctx,
              const msgpack_object *object, int depth)
{
    uint32_t nulls = 0;

    if (object->type != MSGPACK_OBJECT_ARRAY || depth == MAX_NESTING)
        return 0;
    for (uint32_t i = 0; i < object->via.array.size; i++) {
        struct value element = value_of_msgpack(&object->via.array.ptr[i]);

        if (element.kind == VALUE_NULL)
            nulls++;
        else if (value_matches(pred, ctx, &element, depth + 1))
            return 1;
    }
    return nulls > 0 && nulls == object->via.array.size && takes_null(pred);
}

static int
value_matches(const struct predicate *pred, struct predicate_context *ctx,
              const struct value *value, int depth)
{
    char space[32];
    double number;

    if (value->kind == VALUE_NULL)
        return takes_null(pred);
    if (value->kind == VALUE_OBJECT)
        return array_matches(pred, ctx, value->as.object, depth);
    if (value->kind == VALUE_PACKED)
        return 0;
    if (pred->part == PART_NONE && pred->op >= SIGMA_GT && pred->op <= SIGMA_LTE)
        return value_as_number(value, &number) == 0 && any_compares(pred, number);
    return text_matches(pred, ctx, value_as_text(value, space));
}

struct keyword_test {
    const struct predicate *pred;
    struct predicate_context *ctx;
};

static int
is_keyword_there(void *self, const struct value *value)
{
    const struct keyword_test *test = self;

    return value_matches(test->pred, test->ctx, value, 0);
}

int
predicate_test(const struct predicate *pred, struct predicate_context *ctx)
{
    const struct value *value;

    if (pred->field == PREDICATE_KEYWORDS)
        return keywords_each(field_table_event(ctx->fields), is_keyword_there,
                             &(struct keyword_test){ pred, ctx });
    value = field_table_value(ctx->fields, pred->field);

    if (pred->op == SIGMA_EXISTS)
        return (value != NULL) == (pred->values[0].number != 0);
    if (value == NULL)
        return takes_null(pred);
    if (value->kind == VALUE_TEXT && pred->part == PART_NONE &&
        (pred->op < SIGMA_GT || pred->op == SIGMA_ATTACK))
        return text_matches(pred, ctx, value->as.text);
    return value_matches(pred, ctx, value, 0);
}
