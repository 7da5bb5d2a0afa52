#include <stdlib.h>

#include "detector/match/keywords.h"
#include "detector/match/literals_inner.h"

enum { LONGEST_WHOLE = 1024 };

struct literals *
literals_new(void)
{
    return calloc(1, sizeof(struct literals));
}

void
literals_destroy(struct literals **literals)
{
    struct literals *all = *literals;

    if (all == NULL)
        return;
    for (size_t i = 0; i < all->field_count; i++) {
        free(all->fields[i].wholes);
        hs_free_database(all->fields[i].parts);
    }
    free(all->keywords.wholes);
    hs_free_database(all->keywords.parts);
    hs_free_scratch(all->scratch);
    free(all->fields);
    free(all->needles);
    free(all->uses);
    free(all->entries);
    free(all);
    *literals = NULL;
}

int
literals_add(struct literals *literals, const struct witness *witness, uint32_t number)
{
    struct witness kept = *witness;

    /* a whole text is compared in a buffer; a longer one begins as it does */
    if (kept.place == WITNESS_WHOLE && kept.literal.len > LONGEST_WHOLE) {
        kept.place = WITNESS_START;
        kept.literal.len = LONGEST_WHOLE;
    }
    if (literals->entry_count == literals->entry_cap) {
        size_t cap = literals->entry_cap == 0 ? 64 : literals->entry_cap * 2;
        struct entry *grown = realloc(literals->entries, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        literals->entries = grown;
        literals->entry_cap = cap;
    }
    literals->entries[literals->entry_count++] = (struct entry){ kept, number };
    return 0;
}

/* --- looking --- */

static void
mark(const struct literals *all, size_t first, size_t count, uint64_t *bits)
{
    for (size_t i = first; i < first + count; i++) {
        uint32_t number = all->entries[i].number;

        bits[number / 64] |= UINT64_C(1) << number % 64;
    }
}

struct look {
    const struct literals *all;
    size_t len;                 /* of the text */
    uint64_t *bits;
};

static int
on_part(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    const struct look *look = ctx;
    const struct needle *needle = &look->all->needles[id];

    (void)from, (void)flags;
    for (size_t i = 0; i < needle->use_count; i++) {
        const struct use *use = &look->all->uses[needle->first_use + i];

        if ((use->place == WITNESS_START && to != needle->literal.len) ||
            (use->place == WITNESS_END && to != look->len))
            continue;
        mark(look->all, use->first, use->count, look->bits);
    }
    return 0;
}

static void
look_for_whole(const struct literals *all, const struct haystack *field, struct text text,
               uint64_t *bits)
{
    uint64_t hash;
    size_t at;

    if (text.len > field->longest_whole)
        return;
    hash = literals_hash(text);
    for (at = hash & (field->whole_slots - 1); field->wholes[at] != 0;
         at = (at + 1) & (field->whole_slots - 1)) {
        const struct needle *needle = &all->needles[field->wholes[at] - 1];

        if (needle->hash == hash && needle->literal.len == text.len &&
            fold_compare(needle->literal, text) == 0)
            mark(all, all->uses[needle->first_use].first, all->uses[needle->first_use].count,
                 bits);
    }
}

static void
look_in_text(const struct literals *all, const struct haystack *field, struct text text,
             uint64_t *bits)
{
    struct look look = { all, text.len, bits };

    if (field->wholes != NULL)
        look_for_whole(all, field, text, bits);
    if (field->is_blind || text.len > UINT32_MAX ||
        (field->parts != NULL &&
         hs_scan(field->parts, text.ptr, (unsigned)text.len, 0, all->scratch, on_part,
                 &look) != HS_SUCCESS))
        mark(all, field->first, field->count, bits);
}

/* Of an array any element counts; one that is no text may be written like one. */
static void
look_in_array(const struct literals *all, const struct haystack *field,
              const msgpack_object *array, uint64_t *bits)
{
    if (array->type != MSGPACK_OBJECT_ARRAY)
        return;
    for (uint32_t i = 0; i < array->via.array.size; i++) {
        const msgpack_object *one = &array->via.array.ptr[i];

        if (one->type == MSGPACK_OBJECT_STR)
            look_in_text(all, field, (struct text){ one->via.str.ptr, one->via.str.size }, bits);
        else
            mark(all, field->first, field->count, bits);
    }
}

struct keyword_look {
    const struct literals *all;
    uint64_t *bits;
};

static int
look_for_keywords(void *self, const struct value *value)
{
    const struct keyword_look *look = self;
    const struct haystack *words = &look->all->keywords;
    struct text text;
    char space[32];

    if (value->kind == VALUE_OBJECT) {
        look_in_array(look->all, words, value->as.object, look->bits);
        return 0;
    }
    text = value_as_text(value, space);
    if (text.ptr != NULL)
        look_in_text(look->all, words, text, look->bits);
    return 0;
}

void
literals_mark(struct literals *literals, struct field_table *fields, uint64_t *bits)
{
    const uint32_t *present;
    size_t count = field_table_present(fields, &present);

    if (literals->keywords.count > 0)
        keywords_each(field_table_event(fields), look_for_keywords,
                      &(struct keyword_look){ literals, bits });
    for (size_t i = 0; i < count; i++) {
        const struct haystack *field = &literals->fields[present[i]];
        const struct value *value;
        struct text text;

        if (present[i] >= literals->field_count || field->count == 0)
            continue;
        value = field_table_value(fields, (int)present[i]);
        if (value->kind == VALUE_OBJECT) {
            look_in_array(literals, field, value->as.object, bits);
            continue;
        }
        text = field_table_text(fields, (int)present[i]);
        if (text.ptr != NULL)
            look_in_text(literals, field, text, bits);
    }
}
