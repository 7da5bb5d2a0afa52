#include "proto/store/source_facts.h"

#include <stdlib.h>
#include <string.h>

struct source_fact {
    int64_t first_us;
    int32_t last_day;
    uint32_t days;              /* before the span: bit 0 is the day just before */
    uint8_t is_there, is_known;
};

int
source_facts_init(struct source_facts *facts, const struct source_query *query, struct err *err)
{
    *facts = (struct source_facts){ .query = query };
    if (query->quiet_days <= 31 && query->known_days >= query->quiet_days &&
        query->known_days <= 3660 && query->from_day < query->to_day)
        return 0;
    err_set(err, "sources: a span, 31 days or fewer, and not fewer than these are needed");
    return -1;
}

void
source_facts_release(struct source_facts *facts)
{
    source_changes_release(&facts->changes);
    store_tally_release(&facts->values);
    free(facts->facts);
    facts->facts = NULL;
}

int
source_facts_begin(struct source_facts *facts, enum source_part part)
{
    const struct source_query *query = facts->query;
    const int32_t quiet = query->from_day - (int32_t)query->quiet_days;
    const int32_t bounds[SOURCE_PARTS][2] = {
        [SOURCE_PART_SPAN] = { query->from_day, query->to_day },
        [SOURCE_PART_QUIET] = { quiet, query->from_day },
        [SOURCE_PART_KNOWN] = { query->from_day - (int32_t)query->known_days, quiet },
    };

    facts->part = part;
    facts->from_day = bounds[part][0];
    facts->to_day = bounds[part][1];
    return facts->from_day < facts->to_day;
}

static struct source_fact *
fact_of(struct source_facts *facts, struct text value)
{
    struct tally_entry *entry = store_tally_find(&facts->values, 0, 0, value);
    size_t more = facts->fact_cap == 0 ? 1024 : facts->fact_cap * 2;
    struct source_fact *grown;

    if (entry != NULL)
        return &facts->facts[entry - facts->values.entries];
    if (facts->values.count == facts->fact_cap) {
        grown = realloc(facts->facts, more * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        facts->facts = grown;
        facts->fact_cap = more;
    }
    if (store_tally_add(&facts->values, 0, 0, value, 1) == NULL)
        return NULL;
    facts->facts[facts->values.count - 1] = (struct source_fact){ .first_us = INT64_MAX,
                                                             .last_day = INT32_MIN };
    return &facts->facts[facts->values.count - 1];
}

int
source_facts_add(struct source_facts *facts, int32_t day, struct text value, int64_t first_us)
{
    int is_old = facts->part != SOURCE_PART_SPAN;
    int is_met = store_tally_find(&facts->values, 0, 0, value) != NULL;
    struct source_fact *fact;

    facts->changes.has_history |= is_old;
    if (!is_met && facts->part == SOURCE_PART_KNOWN)
        return 0;
    if (!is_met && facts->values.count >= SOURCE_FACTS_MAX) {
        facts->changes.is_partial = 1;
        return 0;
    }
    fact = fact_of(facts, value);
    if (fact == NULL)
        return -1;
    fact->is_there |= !is_old;
    fact->is_known |= is_old;
    if (!is_old && first_us < fact->first_us)
        fact->first_us = first_us;
    if (facts->part == SOURCE_PART_QUIET)
        fact->days |= UINT32_C(1) << (uint32_t)(facts->query->from_day - 1 - day);
    if (is_old && day > fact->last_day)
        fact->last_day = day;
    return 0;
}

/* --- the two lists --- */

static int
earliest_first(const void *left, const void *right)
{
    const struct source_seen *a = left, *b = right;

    if (a->first_us != b->first_us)
        return a->first_us < b->first_us ? -1 : 1;
    return strcmp(a->value, b->value);
}

static int
most_days_first(const void *left, const void *right)
{
    const struct source_seen *a = left, *b = right;

    if (a->days != b->days)
        return a->days > b->days ? -1 : 1;
    if (a->last_day != b->last_day)
        return a->last_day > b->last_day ? -1 : 1;
    return strcmp(a->value, b->value);
}

static int
is_fresh(const struct source_fact *fact)
{
    return fact->is_there && !fact->is_known;
}

static int
is_quiet(const struct source_fact *fact)
{
    return !fact->is_there && fact->days != 0;
}

/* Those that wanted() names, in order, at most top of them. */
static int
make_list(const struct source_facts *facts, int (*wanted)(const struct source_fact *fact), size_t total,
          int (*order)(const void *, const void *), struct source_seen **ret_list,
          size_t *ret_count)
{
    struct source_seen *list = calloc(total + 1, sizeof(*list));
    size_t count = 0;

    if (list == NULL)
        return -1;
    for (size_t i = 0; i < facts->values.count; i++) {
        const struct source_fact *fact = &facts->facts[i];

        if (!wanted(fact))
            continue;
        list[count] = (struct source_seen){ text_dup(facts->values.entries[i].value),
                                            fact->first_us, fact->last_day,
                                            (unsigned)__builtin_popcount(fact->days) };
        count += list[count].value != NULL;
    }
    *ret_list = list;
    *ret_count = count;
    if (count < total)
        return -1;
    qsort(list, count, sizeof(*list), order);
    while (*ret_count > facts->query->top)
        free(list[--*ret_count].value);
    return 0;
}

static int
make_lists(struct source_facts *facts, struct err *err)
{
    struct source_changes *changes = &facts->changes;

    for (size_t i = 0; i < facts->values.count; i++) {
        changes->total += facts->facts[i].is_there;
        changes->fresh_total += (size_t)is_fresh(&facts->facts[i]);
        changes->quiet_total += (size_t)is_quiet(&facts->facts[i]);
    }
    if (make_list(facts, is_fresh, changes->fresh_total, earliest_first, &changes->fresh,
                  &changes->fresh_count) == 0 &&
        make_list(facts, is_quiet, changes->quiet_total, most_days_first, &changes->quiet,
                  &changes->quiet_count) == 0)
        return 0;
    err_set(err, "store: out of memory");
    return -1;
}

int
source_facts_take(struct source_facts *facts, struct source_changes *ret_changes, struct err *err)
{
    if (make_lists(facts, err) != 0)
        return -1;
    *ret_changes = facts->changes;
    facts->changes = (struct source_changes){ 0 };
    return 0;
}
