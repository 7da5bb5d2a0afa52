#include "proto/base/yaml_lines.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

struct yaml_place {
    const void *value;          /* NULL: free */
    int line;
};

/* Where value is, or would go. The multiplier is 2^64 divided by the golden
 * ratio (Knuth 6.4), which spreads addresses that differ by a fixed step. */
static struct yaml_place *
find(struct yaml_place *places, size_t cap, const void *value)
{
    uint64_t mixed = (uint64_t)(uintptr_t)value * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(mixed >> 32);

    while (places[at & (cap - 1)].value != NULL && places[at & (cap - 1)].value != value)
        at++;
    return &places[at & (cap - 1)];
}

static int
grow(struct yaml_lines *lines)
{
    size_t cap = lines->cap == 0 ? FIRST_CAP : lines->cap * 2;
    struct yaml_place *places = calloc(cap, sizeof(*places));

    if (places == NULL)
        return -1;
    for (size_t i = 0; i < lines->cap; i++)
        if (lines->places[i].value != NULL)
            *find(places, cap, lines->places[i].value) = lines->places[i];
    free(lines->places);
    lines->places = places;
    lines->cap = cap;
    return 0;
}

void
yaml_lines_release(struct yaml_lines *lines)
{
    free(lines->places);
    *lines = (struct yaml_lines){ NULL, 0, 0 };
}

int
yaml_lines_set(struct yaml_lines *lines, const void *value, int line)
{
    struct yaml_place *place;

    if (lines->count >= lines->cap / 2 && grow(lines) != 0)
        return -1;
    place = find(lines->places, lines->cap, value);
    lines->count += place->value == NULL;
    *place = (struct yaml_place){ value, line };
    return 0;
}

int
yaml_lines_get(const struct yaml_lines *lines, const void *value)
{
    return lines->cap == 0 ? 0 : find(lines->places, lines->cap, value)->line;
}
