#include "ingest/intake/undecoded.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

enum { SLOTS = 2 * UNDECODED_MAX_SOURCES };     /* never more than half full */

struct tally {
    char *name;                 /* NULL: a free slot */
    size_t len;
    uint64_t hash, lines;
};

struct undecoded {
    struct tally slots[SLOTS];
    size_t count;
    uint64_t other;
    uint64_t *lines, *other_lines, *sources;
};

struct undecoded *
undecoded_new(struct metrics *metrics)
{
    struct undecoded *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->lines = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_lines_undecoded_total", "", "raw lines that no decoder knows");
    self->other_lines = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_lines_undecoded_other_total", "",
        "of them, those of sources that have no place of their own in the list");
    self->sources = metrics_number(metrics, METRIC_GAUGE,
        "bongsu_ingest_undecoded_sources", "", "sources in the list of undecoded lines");
    return self;
}

void
undecoded_destroy(struct undecoded **undecoded)
{
    if (*undecoded == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free((*undecoded)->slots[i].name);
    free(*undecoded);
    *undecoded = NULL;
}

/* Where the source is, or a free slot. */
static struct tally *
find(struct undecoded *self, struct text source, uint64_t hash)
{
    size_t i = hash % SLOTS;

    while (self->slots[i].name != NULL &&
           (self->slots[i].hash != hash || self->slots[i].len != source.len ||
            memcmp(self->slots[i].name, source.ptr, source.len) != 0))
        i = (i + 1) % SLOTS;
    return &self->slots[i];
}

void
undecoded_add(struct undecoded *self, struct text source)
{
    uint64_t hash = hash64(source.ptr, source.len);
    struct tally *tally = find(self, source, hash);

    ++*self->lines;
    if (tally->name == NULL && self->count < UNDECODED_MAX_SOURCES) {
        tally->name = text_dup(source);
        tally->len = source.len;
        tally->hash = hash;
        if (tally->name != NULL)
            *self->sources = ++self->count;
    }
    if (tally->name != NULL) {
        tally->lines++;
    } else {
        self->other++;
        ++*self->other_lines;
    }
}

static int
most_first(const void *a, const void *b)
{
    const struct tally *x = *(const struct tally *const *)a;
    const struct tally *y = *(const struct tally *const *)b;

    if (x->lines != y->lines)
        return x->lines > y->lines ? -1 : 1;
    return strcmp(x->name, y->name);
}

json_t *
undecoded_show(const struct undecoded *self)
{
    const struct tally *sorted[UNDECODED_MAX_SOURCES];
    json_t *sources = json_array();
    size_t count = 0;

    for (size_t i = 0; i < SLOTS; i++)
        if (self->slots[i].name != NULL)
            sorted[count++] = &self->slots[i];
    if (count > 0)
        qsort(sorted, count, sizeof(sorted[0]), most_first);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(sources, json_pack("{s:s%, s:I}", "source", sorted[i]->name,
                                                 sorted[i]->len,
                                                 "lines", (json_int_t)sorted[i]->lines));
    return json_pack("{s:I, s:o, s:I}", "lines", (json_int_t)*self->lines, "sources", sources,
                     "other_lines", (json_int_t)self->other);
}
