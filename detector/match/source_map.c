#include "detector/match/source_map.h"

#include <stdlib.h>
#include <string.h>

#include "detector/text/pattern.h"
#include "proto/base/hash.h"

enum { MAX_TERMS = 4, MAX_VALUE = 128, MAX_WORDS = 60000, SEEN_LEN = 39 };

/* A field that must be there, or have one of the values. */
struct term {
    int field;
    struct text values;         /* "a|b"; ptr NULL: any */
};

struct row {
    struct term terms[MAX_TERMS];
    size_t term_count;
    struct source_words words;  /* as written, SOURCE_OTHER: the field's value */
};

/* A row by a value of its first field; hash 0: by the field alone. */
struct entry {
    int field;
    uint64_t hash;
    uint32_t row;
};

struct word {
    char *text;
    uint64_t hash;
};

/* A field's value in the event before, for most have the same; len 0: none. */
struct seen_value {
    uint64_t hash;
    uint8_t len, text[SEEN_LEN];
};

struct source_map {
    struct field_table *fields;
    struct row *rows;
    size_t row_count;
    struct entry *entries;      /* by field, then hash, then row */
    size_t entry_count, entry_cap;
    uint32_t *firsts;           /* of each field its first entry; entry_count: it has none */
    size_t field_count;         /* fields after these have none either */
    uint32_t *here;             /* room for the fields of an event that have entries */
    struct seen_value *seen;    /* of each field */
    struct word *words;         /* number 1 is the first */
    size_t word_count, word_cap;
};

/* Of the text in small letters; never 0. Only the first bytes count. */
static uint64_t
hash_folded(struct text text)
{
    char folded[MAX_VALUE];
    size_t len = text.len < MAX_VALUE ? text.len : MAX_VALUE;
    uint64_t hash;

    fold_copy(folded, text.ptr, len);
    hash = hash64(folded, len);
    return hash == 0 ? 1 : hash;
}

/* The number of a word that is known, else 0. */
static int
word_find(const struct source_map *map, struct text text, uint64_t hash)
{
    for (size_t i = 0; i < map->word_count; i++)
        if (map->words[i].hash == hash &&
            text_equals_nocase(text_of(map->words[i].text), text))
            return (int)i + 1;
    return 0;
}

int
source_map_word(struct source_map *map, struct text word)
{
    uint64_t hash = hash_folded(word);
    int known = word.len == 0 ? 0 : word_find(map, word, hash);

    if (word.len == 0 || known > 0)
        return known;
    if (map->word_count == map->word_cap) {
        size_t cap = map->word_cap == 0 ? 64 : map->word_cap * 2;
        struct word *grown = cap > MAX_WORDS * 2 ? NULL
                                                 : realloc(map->words, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        map->words = grown;
        map->word_cap = cap;
    }
    map->words[map->word_count] = (struct word){ text_dup(word), hash };
    if (map->words[map->word_count].text == NULL || map->word_count >= MAX_WORDS) {
        free(map->words[map->word_count].text);
        return -1;
    }
    return (int)++map->word_count;
}

struct text
source_map_text(const struct source_map *map, uint16_t word)
{
    return word == 0 || word > map->word_count ? text_of("")
                                               : text_of(map->words[word - 1].text);
}

void
source_words_add(struct source_words *words, enum source_part part, uint16_t word)
{
    uint16_t *list = words->words[part];
    size_t at = 0;

    while (at < SOURCE_MAX_WORDS && list[at] != 0 && list[at] < word)
        at++;
    if (word == 0 || at == SOURCE_MAX_WORDS || list[at] == word ||
        list[SOURCE_MAX_WORDS - 1] != 0)
        return;
    memmove(&list[at + 1], &list[at], (SOURCE_MAX_WORDS - 1 - at) * sizeof(list[0]));
    list[at] = word;
}

int
source_words_have(const struct source_words *words, enum source_part part, uint16_t word)
{
    for (size_t i = 0; i < SOURCE_MAX_WORDS; i++)
        if (words->words[part][i] == word)
            return 1;
    return 0;
}

/* --- reading the rows --- */

static int
entry_add(struct source_map *map, int field, uint64_t hash, size_t row)
{
    if (map->entry_count == map->entry_cap) {
        size_t cap = map->entry_cap == 0 ? 128 : map->entry_cap * 2;
        struct entry *grown = realloc(map->entries, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        map->entries = grown;
        map->entry_cap = cap;
    }
    map->entries[map->entry_count++] = (struct entry){ field, hash, (uint32_t)row };
    return 0;
}

/* Each value of the first term leads to the row. */
static int
enter_row(struct source_map *map, size_t number)
{
    const struct term *first = &map->rows[number].terms[0];
    struct text rest = first->values;

    if (first->values.ptr == NULL)
        return entry_add(map, first->field, 0, number);
    while (rest.ptr != NULL)
        if (entry_add(map, first->field, hash_folded(text_split(&rest, '|')), number) != 0)
            return -1;
    return 0;
}

/* "FIELD=VALUE|VALUE & FIELD" */
static int
read_terms(struct source_map *map, const char *when, struct row *row)
{
    struct text rest = text_of(when);

    while (rest.ptr != NULL) {
        struct text values = text_trim(text_split(&rest, '&')), name = text_split(&values, '=');
        int field = field_table_add(map->fields, name);

        if (name.len == 0 || field < 0 || row->term_count == MAX_TERMS)
            return -1;
        row->terms[row->term_count++] = (struct term){ field, values };
    }
    return 0;
}

static int
read_words(struct source_map *map, const char *list, uint16_t *ret_words)
{
    struct text rest = text_of(list);

    for (size_t i = 0; rest.len > 0; i++) {
        struct text one = text_split(&rest, ' ');
        int word = text_is(one, "*") ? SOURCE_OTHER : source_map_word(map, one);

        if (word <= 0 || i == SOURCE_MAX_WORDS)
            return -1;
        ret_words[i] = (uint16_t)word;
    }
    return 0;
}

static int
compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->field != b->field)
        return a->field < b->field ? -1 : 1;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Where each field's entries begin, so that an event's fields lead to them. */
static int
find_firsts(struct source_map *map)
{
    if (map->entry_count == 0)
        return 0;
    map->field_count = (size_t)map->entries[map->entry_count - 1].field + 1;
    map->firsts = calloc(map->field_count, sizeof(map->firsts[0]));
    map->here = calloc(map->field_count, sizeof(map->here[0]));
    map->seen = calloc(map->field_count, sizeof(map->seen[0]));
    if (map->firsts == NULL || map->here == NULL || map->seen == NULL)
        return -1;
    for (size_t i = 0; i < map->field_count; i++)
        map->firsts[i] = (uint32_t)map->entry_count;
    for (size_t i = map->entry_count; i-- > 0;)
        map->firsts[map->entries[i].field] = (uint32_t)i;
    return 0;
}

static int
read_rows(struct source_map *map)
{
    map->rows = calloc(logsource_row_count, sizeof(map->rows[0]));
    if (map->rows == NULL)
        return -1;
    for (size_t i = 0; i < logsource_row_count; i++) {
        const struct logsource_row *from = &logsource_rows[i];
        struct row *row = &map->rows[map->row_count];

        if (read_terms(map, from->when, row) != 0 ||
            read_words(map, from->product, row->words.words[SOURCE_PRODUCT]) != 0 ||
            read_words(map, from->category, row->words.words[SOURCE_CATEGORY]) != 0 ||
            read_words(map, from->service, row->words.words[SOURCE_SERVICE]) != 0 ||
            enter_row(map, map->row_count) != 0)
            return -1;
        map->row_count++;
    }
    qsort(map->entries, map->entry_count, sizeof(map->entries[0]), compare_entries);
    return find_firsts(map);
}

struct source_map *
source_map_new(struct field_table *fields)
{
    struct source_map *map = calloc(1, sizeof(*map));

    if (map == NULL)
        return NULL;
    map->fields = fields;
    if (read_rows(map) != 0)
        source_map_destroy(&map);
    return map;
}

void
source_map_destroy(struct source_map **map)
{
    if (*map == NULL)
        return;
    for (size_t i = 0; i < (*map)->word_count; i++)
        free((*map)->words[i].text);
    free((*map)->words);
    free((*map)->rows);
    free((*map)->entries);
    free((*map)->firsts);
    free((*map)->here);
    free((*map)->seen);
    free(*map);
    *map = NULL;
}

/* --- events --- */

static int
term_holds(const struct source_map *map, const struct term *term)
{
    struct text rest = term->values, text;

    if (field_table_value(map->fields, term->field) == NULL)
        return 0;
    text = field_table_text(map->fields, term->field);
    while (rest.ptr != NULL)
        if (text_equals_nocase(text_split(&rest, '|'), text))
            return 1;
    return term->values.ptr == NULL;
}

/* A row's word, or what its first field says. */
static uint16_t
word_of(const struct source_map *map, const struct row *row, uint16_t word)
{
    struct text text;
    int known;

    if (word != SOURCE_OTHER)
        return word;
    text = field_table_text(map->fields, row->terms[0].field);
    if (text.len == 0)
        return 0;
    known = word_find(map, text, hash_folded(text));
    return known == 0 ? SOURCE_OTHER : (uint16_t)known;
}

static void
take_row(const struct source_map *map, const struct row *row, struct source_words *words)
{
    for (size_t i = 0; i < row->term_count; i++)
        if (!term_holds(map, &row->terms[i]))
            return;
    for (int part = 0; part < SOURCE_PARTS; part++)
        for (size_t i = 0; i < SOURCE_MAX_WORDS && row->words.words[part][i] != 0; i++)
            source_words_add(words, (enum source_part)part,
                             word_of(map, row, row->words.words[part][i]));
}

/* The fields of the event that have entries, in rising order: a part holds so many words
 * only, and which they are must not depend on the order in which a client sent them. */
static size_t
find_here(const struct source_map *map)
{
    const uint32_t *present;
    size_t count = field_table_present(map->fields, &present), found = 0;

    for (size_t i = 0; i < count; i++) {
        size_t at = found;

        if (present[i] >= map->field_count ||
            map->firsts[present[i]] == (uint32_t)map->entry_count)
            continue;
        for (; at > 0 && map->here[at - 1] > present[i]; at--)
            map->here[at] = map->here[at - 1];
        map->here[at] = present[i];
        found++;
    }
    return found;
}

static uint64_t
hash_of_field(const struct source_map *map, uint32_t field, struct text text)
{
    struct seen_value *seen = &map->seen[field];

    if (text.len > SEEN_LEN)
        return hash_folded(text);
    if (text.len != seen->len || memcmp(text.ptr, seen->text, text.len) != 0) {
        *seen = (struct seen_value){ .hash = hash_folded(text), .len = (uint8_t)text.len };
        memcpy(seen->text, text.ptr, text.len);
    }
    return seen->hash;
}

static void
take_field(const struct source_map *map, uint32_t field, struct source_words *words)
{
    struct text text = field_table_text(map->fields, (int)field);
    uint64_t hash = text.len == 0 ? 0 : hash_of_field(map, field, text);

    /* those of any value come first, and then by hash */
    for (size_t at = map->firsts[field]; at < map->entry_count &&
                                         map->entries[at].field == (int)field; at++) {
        if (map->entries[at].hash == 0 || map->entries[at].hash == hash)
            take_row(map, &map->rows[map->entries[at].row], words);
        else if (map->entries[at].hash > hash)
            break;
    }
}

void
source_map_event(const struct source_map *map, struct source_words *ret_words)
{
    size_t count = find_here(map);

    memset(ret_words, 0, sizeof(*ret_words));
    for (size_t i = 0; i < count; i++)
        take_field(map, map->here[i], ret_words);
}

int
source_map_tells(const struct source_map *map, uint16_t product, uint16_t category)
{
    for (size_t i = 0; i < map->row_count; i++)
        if (source_words_have(&map->rows[i].words, SOURCE_PRODUCT, product) &&
            source_words_have(&map->rows[i].words, SOURCE_CATEGORY, category))
            return 1;
    return 0;
}
