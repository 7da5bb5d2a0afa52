#include "detector/match/rule_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/match/literals.h"

enum { LONGEST_RATED = 20, WHOLE_WORTH = 3 };

/* How many rules have a text as what could be their witness: what many rules look for is
 * in many events. */
struct census_row {
    int field;
    struct text literal;
    uint32_t rules;
    uint32_t others;            /* texts that rules look for in the same field */
};

struct rule_index {
    struct field_table *fields;
    struct literals *literals;  /* NULL: all rules are always there */
    uint64_t *always, *found;
    size_t words, always_count;
    struct census_row *census;  /* while it is made */
    size_t census_count, census_cap;
    uint32_t rule;              /* at hand, likewise */
};

static int
compare_rows(const void *left, const void *right)
{
    const struct census_row *a = left, *b = right;

    if (a->field != b->field)
        return a->field < b->field ? -1 : 1;
    return fold_compare(a->literal, b->literal);
}

static int
count_witness(void *ctx, const struct witness *witness)
{
    struct rule_index *index = ctx;

    if (index->census_count == index->census_cap) {
        size_t cap = index->census_cap == 0 ? 256 : index->census_cap * 2;
        struct census_row *grown = realloc(index->census, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        index->census = grown;
        index->census_cap = cap;
    }
    index->census[index->census_count++] =
        (struct census_row){ witness->field, witness->literal, 1, 0 };
    return 0;
}

static void
sum_up(struct rule_index *index)
{
    size_t kept = 0;

    if (index->census_count > 0)
        qsort(index->census, index->census_count, sizeof(index->census[0]), compare_rows);
    for (size_t i = 0; i < index->census_count; i++)
        if (kept > 0 && compare_rows(&index->census[kept - 1], &index->census[i]) == 0)
            index->census[kept - 1].rules++;
        else
            index->census[kept++] = index->census[i];
    index->census_count = kept;
    for (size_t i = 0, end; i < kept; i = end) {
        for (end = i; end < kept && index->census[end].field == index->census[i].field;)
            end++;
        for (size_t j = i; j < end; j++)
            index->census[j].others = (uint32_t)(end - i - 1);
    }
}

/* A field that must be one of few words, as cs-method GET or POST, is so in every other event,
 * however long the word. */
static double
rarity(void *ctx, const struct witness *witness)
{
    const struct rule_index *index = ctx;
    const struct census_row key = { witness->field, witness->literal, 0, 0 };
    const struct census_row *row = bsearch(&key, index->census, index->census_count,
                                           sizeof(key), compare_rows);
    int is_whole = witness->place == WITNESS_WHOLE;
    size_t len = witness->literal.len + (is_whole ? WHOLE_WORTH : 0);
    double rare = ldexp(row == NULL ? 1 : row->rules,
                        -(int)(len < LONGEST_RATED ? len : LONGEST_RATED));
    double word = is_whole && row != NULL ? 1.0 / (row->others + 1) : 0;

    return rare > word ? rare : word;
}

static int
keep_witness(void *ctx, const struct witness *witness)
{
    struct rule_index *index = ctx;

    return literals_add(index->literals, witness, index->rule);
}

static int
make(struct rule_index *index, const struct compiled *rules, size_t count,
     const struct predicate_table *table, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (witness_each(&rules[i], table, count_witness, index) != 0)
            goto no_memory;
    sum_up(index);
    for (size_t i = 0; i < count; i++) {
        int rc;

        index->rule = (uint32_t)i;
        rc = witness_choose(&rules[i], table, rarity, keep_witness, index);
        if (rc < 0)
            goto no_memory;
        if (rc == 0) {
            index->always[i / 64] |= UINT64_C(1) << i % 64;
            index->always_count++;
        }
    }
    return literals_finish(index->literals, err);

no_memory:
    err_set(err, "out of memory");
    return -1;
}

/* Nothing is in it. */
static struct rule_index *
open_index(size_t count, struct err *err)
{
    struct rule_index *index = calloc(1, sizeof(*index));

    if (index != NULL) {
        index->words = (count + 63) / 64;
        index->always = calloc(index->words + 1, sizeof(index->always[0]));
        index->found = calloc(index->words + 1, sizeof(index->found[0]));
    }
    if (index == NULL || index->always == NULL || index->found == NULL) {
        err_set(err, "out of memory");
        rule_index_destroy(&index);
    }
    return index;
}

struct rule_index *
rule_index_new_plain(size_t count, struct err *err)
{
    struct rule_index *index = open_index(count, err);

    for (size_t i = 0; index != NULL && i < count; i++)
        index->always[i / 64] |= UINT64_C(1) << i % 64;
    if (index != NULL)
        index->always_count = count;
    return index;
}

struct rule_index *
rule_index_new(const struct compiled *rules, size_t count, const struct predicate_table *table,
               struct err *err)
{
    struct rule_index *index = open_index(count, err);

    if (index == NULL)
        return NULL;
    index->fields = predicate_table_fields(table);
    index->literals = literals_new();
    if (index->literals == NULL)
        err_set(err, "out of memory");
    if (index->literals == NULL || make(index, rules, count, table, err) != 0)
        rule_index_destroy(&index);
    else {
        free(index->census);
        index->census = NULL;
    }
    return index;
}

void
rule_index_destroy(struct rule_index **index)
{
    if (*index == NULL)
        return;
    literals_destroy(&(*index)->literals);
    free((*index)->always);
    free((*index)->found);
    free((*index)->census);
    free(*index);
    *index = NULL;
}

const uint64_t *
rule_index_find(struct rule_index *index, size_t *ret_words)
{
    memcpy(index->found, index->always, index->words * sizeof(index->found[0]));
    if (index->literals != NULL)
        literals_mark(index->literals, index->fields, index->found);
    *ret_words = index->words;
    return index->found;
}

size_t
rule_index_always(const struct rule_index *index)
{
    return index->always_count;
}
