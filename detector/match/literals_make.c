#include <stdlib.h>

#include "detector/match/literals_inner.h"

/* The same needle: of one field, one kind and one text. */
static int
compare_needles(const struct witness *a, const struct witness *b)
{
    int is_part = a->place != WITNESS_WHOLE;

    if (a->field != b->field)
        return a->field < b->field ? -1 : 1;
    if (is_part != (b->place != WITNESS_WHOLE))
        return is_part ? 1 : -1;
    return fold_compare(a->literal, b->literal);
}

static int
compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = compare_needles(&a->witness, &b->witness);

    if (order != 0)
        return order;
    if (a->witness.place != b->witness.place)
        return a->witness.place < b->witness.place ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static void
drop_repeated(struct literals *all)
{
    size_t kept = 0;

    if (all->entry_count > 0)
        qsort(all->entries, all->entry_count, sizeof(all->entries[0]), compare_entries);
    for (size_t i = 0; i < all->entry_count; i++)
        if (kept == 0 || compare_entries(&all->entries[kept - 1], &all->entries[i]) != 0)
            all->entries[kept++] = all->entries[i];
    all->entry_count = kept;
}

/* FNV-1a. */
uint64_t
literals_hash(struct text text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)fold_char(text.ptr[i])) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

/* Entries in their order become needles with their uses. */
static void
make_needles(struct literals *all)
{
    for (size_t i = 0; i < all->entry_count; i++) {
        const struct witness *one = &all->entries[i].witness;
        int is_new = i == 0 || compare_needles(one, &all->entries[i - 1].witness) != 0;

        if (is_new)
            all->needles[all->needle_count++] = (struct needle){
                .literal = one->literal, .first_use = all->use_count,
                .hash = literals_hash(one->literal) };
        if (is_new || one->place != all->entries[i - 1].witness.place) {
            all->uses[all->use_count++] = (struct use){ one->place, i, 0 };
            all->needles[all->needle_count - 1].use_count++;
        }
        all->uses[all->use_count - 1].count++;
    }
}

static int
make_wholes(struct literals *all, struct haystack *field, size_t first, size_t count)
{
    size_t slots = 4;

    while (slots < count * 2)
        slots *= 2;
    field->wholes = calloc(slots, sizeof(field->wholes[0]));
    field->whole_slots = slots;
    for (size_t i = first; i < first + count && field->wholes != NULL; i++) {
        size_t at = all->needles[i].hash & (slots - 1);

        while (field->wholes[at] != 0)
            at = (at + 1) & (slots - 1);
        field->wholes[at] = (uint32_t)i + 1;
        if (all->needles[i].literal.len > field->longest_whole)
            field->longest_whole = all->needles[i].literal.len;
    }
    return field->wholes == NULL ? -1 : 0;
}

/* The arrays that vectorscan wants. */
struct patterns {
    const char **texts;
    size_t *lengths;
    unsigned *flags, *ids;
};

static void
fill_patterns(const struct literals *all, size_t first, size_t count, struct patterns *patterns)
{
    for (size_t i = 0; i < count; i++) {
        const struct needle *needle = &all->needles[first + i];
        int is_anywhere = needle->use_count == 1 &&
                          all->uses[needle->first_use].place == WITNESS_ANYWHERE;

        patterns->texts[i] = needle->literal.ptr;
        patterns->lengths[i] = needle->literal.len;
        patterns->flags[i] = HS_FLAG_CASELESS | (is_anywhere ? HS_FLAG_SINGLEMATCH : 0);
        patterns->ids[i] = (unsigned)(first + i);
    }
}

/* 0; -1: out of memory. A database that cannot be made leaves the field blind. */
static int
make_parts(struct literals *all, struct haystack *field, size_t first, size_t count)
{
    struct patterns patterns = {
        calloc(count, sizeof(patterns.texts[0])), calloc(count, sizeof(patterns.lengths[0])),
        calloc(count, sizeof(patterns.flags[0])), calloc(count, sizeof(patterns.ids[0])),
    };
    hs_compile_error_t *why = NULL;
    int rc = -1;

    if (patterns.texts != NULL && patterns.lengths != NULL && patterns.flags != NULL &&
        patterns.ids != NULL) {
        rc = 0;
        fill_patterns(all, first, count, &patterns);
        field->is_blind = hs_valid_platform() != HS_SUCCESS ||
            hs_compile_lit_multi(patterns.texts, patterns.flags, patterns.ids, patterns.lengths,
                                 (unsigned)count, HS_MODE_BLOCK, NULL, &field->parts,
                                 &why) != HS_SUCCESS ||
            hs_alloc_scratch(field->parts, &all->scratch) != HS_SUCCESS;
        hs_free_compile_error(why);
    }
    free(patterns.texts);
    free(patterns.lengths);
    free(patterns.flags);
    free(patterns.ids);
    return rc;
}

/* The needles of a field: those that are all of it stand first. */
static int
make_field(struct literals *all, struct haystack *field, size_t first, size_t end)
{
    size_t parts = first;

    while (parts < end &&
           all->uses[all->needles[parts].first_use].place == WITNESS_WHOLE)
        parts++;
    if (parts > first && make_wholes(all, field, first, parts - first) != 0)
        return -1;
    return parts == end ? 0 : make_parts(all, field, parts, end - parts);
}

static int
field_of(const struct literals *all, size_t needle)
{
    return all->entries[all->uses[all->needles[needle].first_use].first].witness.field;
}

static int
make_fields(struct literals *all)
{
    for (size_t first = 0, end; first < all->needle_count; first = end) {
        int number = field_of(all, first);
        struct haystack *field = number == PREDICATE_KEYWORDS ? &all->keywords
                                                              : &all->fields[number];
        const struct use *last;

        for (end = first; end < all->needle_count; end++)
            if (field_of(all, end) != field_of(all, first))
                break;
        last = &all->uses[all->needles[end - 1].first_use + all->needles[end - 1].use_count - 1];
        field->first = all->uses[all->needles[first].first_use].first;
        field->count = last->first + last->count - field->first;
        if (make_field(all, field, first, end) != 0)
            return -1;
    }
    return 0;
}

int
literals_finish(struct literals *literals, struct err *err)
{
    drop_repeated(literals);
    for (size_t i = 0; i < literals->entry_count; i++)
        if (literals->entries[i].witness.field >= (int)literals->field_count)
            literals->field_count = (size_t)literals->entries[i].witness.field + 1;
    literals->needles = calloc(literals->entry_count + 1, sizeof(literals->needles[0]));
    literals->uses = calloc(literals->entry_count + 1, sizeof(literals->uses[0]));
    literals->fields = calloc(literals->field_count + 1, sizeof(literals->fields[0]));
    if (literals->needles == NULL || literals->uses == NULL || literals->fields == NULL) {
        literals->field_count = 0;
        err_set(err, "out of memory");
        return -1;
    }
    make_needles(literals);
    if (make_fields(literals) != 0) {
        err_set(err, "out of memory");
        return -1;
    }
    return 0;
}

