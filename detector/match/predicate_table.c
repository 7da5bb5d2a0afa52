#include "detector/match/predicate_table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

enum { BUCKETS = 4096 };        /* many rules have some ten thousand predicates */

struct row {
    struct predicate predicate;
    uint64_t hash;
    uint64_t known_in;          /* the event that the answer is of */
    int answer;
    uint32_t next;              /* in its bucket; 0: none, else number + 1 */
};

struct predicate_table {
    struct predicate_context ctx;
    struct row *rows;
    size_t count, cap;
    uint32_t buckets[BUCKETS];
    uint64_t event;             /* number, from 1 */
};

struct predicate_table *
predicate_table_new(struct field_table *fields)
{
    struct predicate_table *table = calloc(1, sizeof(*table));

    if (table != NULL && predicate_context_init(&table->ctx, fields) != 0)
        predicate_table_destroy(&table);
    return table;
}

void
predicate_table_destroy(struct predicate_table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->count; i++)
        predicate_release(&(*table)->rows[i].predicate);
    free((*table)->rows);
    predicate_context_release(&(*table)->ctx);
    free(*table);
    *table = NULL;
}

static uint64_t
hash_value(const struct sigma_value *value, enum sigma_op op)
{
    switch (op) {
    case SIGMA_EQUALS:
        return hash64(value->pattern.bytes, value->pattern.len) +
               hash64(value->pattern.kinds, value->pattern.len) +
               (uint64_t)value->is_null;
    case SIGMA_REGEX:
    case SIGMA_FIELDREF:
        return hash64(value->text.ptr, value->text.len);
    case SIGMA_CIDR:
        return hash64(value->cidr.net, sizeof(value->cidr.net)) +
               (uint64_t)value->cidr.bits;
    default:
        return hash64(&value->number, sizeof(value->number));
    }
}

static uint64_t
hash_predicate(const struct predicate *pred)
{
    uint64_t parts[] = { (uint64_t)pred->field, pred->op + 100 * (uint64_t)pred->attack,
                         pred->part, pred->regex_flags, pred->value_count,
                         pred->open + 8 * (uint64_t)pred->is_cased, 0 };
    const char *zone = pred->zone == NULL ? "" : zone_table_name(pred->zone);

    parts[6] = hash64(zone, strlen(zone));
    for (size_t i = 0; i < pred->value_count; i++)
        parts[6] = parts[6] * 31 + hash_value(&pred->values[i], pred->op) +
                   (uint64_t)pred->values[i].pattern.is_cased +
                   hash64(&pred->values[i].number, sizeof(double));
    return hash64(parts, sizeof(parts));
}

static int
is_same_value(const struct sigma_value *a, const struct sigma_value *b)
{
    return a->is_null == b->is_null && a->number == b->number &&
           text_equals(a->text, b->text) && a->cidr.family == b->cidr.family &&
           a->cidr.bits == b->cidr.bits &&
           memcmp(a->cidr.net, b->cidr.net, sizeof(a->cidr.net)) == 0 &&
           a->pattern.is_cased == b->pattern.is_cased &&
           a->pattern.len == b->pattern.len &&
           (a->pattern.len == 0 ||
            (memcmp(a->pattern.bytes, b->pattern.bytes, a->pattern.len) == 0 &&
             memcmp(a->pattern.kinds, b->pattern.kinds, a->pattern.len) == 0));
}

static int
is_same_zone(const struct zone_table *a, const struct zone_table *b)
{
    return a == b || (a != NULL && b != NULL &&
                      strcmp(zone_table_name(a), zone_table_name(b)) == 0);
}

static int
is_same(const struct predicate *a, const struct predicate *b)
{
    if (a->field != b->field || a->op != b->op || a->part != b->part ||
        a->attack != b->attack || a->open != b->open || a->is_cased != b->is_cased ||
        a->regex_flags != b->regex_flags || a->value_count != b->value_count ||
        !is_same_zone(a->zone, b->zone))
        return 0;
    for (size_t i = 0; i < a->value_count; i++)
        if (!is_same_value(&a->values[i], &b->values[i]) ||
            (a->others != NULL && a->others[i] != b->others[i]))
            return 0;
    return 1;
}

static int64_t
find(const struct predicate_table *table, const struct predicate *pred, uint64_t hash)
{
    uint32_t at = table->buckets[hash % BUCKETS];

    for (; at != 0; at = table->rows[at - 1].next)
        if (table->rows[at - 1].hash == hash &&
            is_same(&table->rows[at - 1].predicate, pred))
            return at - 1;
    return -1;
}

static int
make_room(struct predicate_table *table, struct err *err)
{
    size_t cap = table->cap == 0 ? 64 : table->cap * 2;
    struct row *grown;

    if (table->count < table->cap)
        return 0;
    grown = cap > UINT32_MAX / 2 ? NULL : realloc(table->rows, cap * sizeof(*grown));
    if (grown == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    table->rows = grown;
    table->cap = cap;
    return 0;
}

/* The fields that FIELDREF's values name; NULL in *ret_others for any other test. */
static int
add_others(struct predicate_table *table, const struct sigma_item *item,
           const struct logsource *of, const struct sigma_value *values, size_t count,
           int **ret_others)
{
    int *others = item->op == SIGMA_FIELDREF ? calloc(count, sizeof(*others)) : NULL;

    if (item->op == SIGMA_FIELDREF && others == NULL)
        return -1;
    for (size_t i = 0; others != NULL && i < count; i++) {
        others[i] = field_table_add_for(table->ctx.fields, values[i].text, of);
        if (others[i] < 0) {
            free(others);
            return -1;
        }
    }
    *ret_others = others;
    return 0;
}

/* By any of its names. */
static int
is_prose(const struct field_table *fields, int field)
{
    int known = field_table_known(fields, field);

    return known == EVENT_RAW_LOG || known == EVENT_DESCRIPTION;
}

int64_t
predicate_table_add(struct predicate_table *table, const struct sigma_item *item,
                    const struct logsource *of, const struct sigma_value *values,
                    size_t count, int *ret_line, struct err *err)
{
    int field = item->field.ptr == NULL
                ? PREDICATE_KEYWORDS
                : field_table_add_for(table->ctx.fields, item->field, of);
    struct predicate pred;
    int *others = NULL;
    struct row *row;
    uint64_t hash;
    int64_t known;

    *ret_line = item->line;
    if ((field < 0 && item->field.ptr != NULL) ||
        add_others(table, item, of, values, count, &others) != 0) {
        err_set(err, "out of memory");
        return -1;
    }
    if (make_room(table, err) != 0) {
        free(others);
        return -1;
    }
    if (predicate_init(&pred, field, item, values, count, &others, ret_line, err) != 0)
        return -1;
    if (item->op == SIGMA_ATTACK && is_prose(table->ctx.fields, field))
        pred.attack_kind = ATTACK_IN_TEXT;
    hash = hash_predicate(&pred);
    known = find(table, &pred, hash);
    if (known >= 0) {
        predicate_release(&pred);
        return known;
    }
    row = &table->rows[table->count++];
    *row = (struct row){ .predicate = pred, .hash = hash,
                         .next = table->buckets[hash % BUCKETS] };
    table->buckets[hash % BUCKETS] = (uint32_t)table->count;
    return (int64_t)table->count - 1;
}

const struct predicate *
predicate_table_get(const struct predicate_table *table, uint32_t number)
{
    return &table->rows[number].predicate;
}

struct field_table *
predicate_table_fields(const struct predicate_table *table)
{
    return table->ctx.fields;
}

void
predicate_table_begin(struct predicate_table *table)
{
    table->event++;
}

int
predicate_table_test(struct predicate_table *table, uint32_t number)
{
    struct row *row = &table->rows[number];

    if (row->known_in != table->event) {
        row->answer = predicate_test(&row->predicate, &table->ctx);
        row->known_in = table->event;
    }
    return row->answer;
}

uint64_t
predicate_table_limits_hit(const struct predicate_table *table)
{
    return table->ctx.limits_hit;
}
