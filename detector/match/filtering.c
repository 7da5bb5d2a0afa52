#include "detector/match/filtering.h"

#include <stdlib.h>

#include "detector/match/compiled.h"

/* A filter for rules of one logsource; and one more than the next of the same filter. */
struct program {
    struct compiled code;
    struct logsource of;
    int64_t expires_us;
    uint32_t next;
};

struct filtering {
    struct predicate_table *table;
    struct program *programs;
    size_t program_count, program_cap;
    uint32_t *firsts;           /* of each filter: one more than its first program */
    size_t first_count;
    uint32_t *uses;             /* programs, rule by rule */
    size_t use_count, use_cap;
    size_t *ends;               /* of each rule: where its uses end */
    size_t end_count, end_cap;
};

struct filtering *
filtering_new(struct predicate_table *table)
{
    struct filtering *filtering = calloc(1, sizeof(*filtering));

    if (filtering != NULL)
        filtering->table = table;
    return filtering;
}

void
filtering_destroy(struct filtering **filtering)
{
    if (*filtering == NULL)
        return;
    for (size_t i = 0; i < (*filtering)->program_count; i++)
        compiled_release(&(*filtering)->programs[i].code);
    free((*filtering)->programs);
    free((*filtering)->firsts);
    free((*filtering)->uses);
    free((*filtering)->ends);
    free(*filtering);
    *filtering = NULL;
}

/* The items with room for one more; NULL when out of memory, and they are as before. */
static void *
with_room(void *items, size_t count, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void *grown;

    if (count < *cap)
        return items;
    grown = more > SIZE_MAX / 2 / size ? NULL : realloc(items, more * size);
    if (grown != NULL)
        *cap = more;
    return grown;
}

static int
is_same_source(const struct logsource *a, const struct logsource *b)
{
    return text_equals(a->product, b->product) && text_equals(a->category, b->category) &&
           text_equals(a->service, b->service);
}

/* Filters up to this number are known. 0, or -1 when out of memory. */
static int
know_filter(struct filtering *filtering, uint32_t number)
{
    uint32_t *grown;

    if (number < filtering->first_count)
        return 0;
    grown = realloc(filtering->firsts, ((size_t)number + 1) * sizeof(*grown));
    if (grown == NULL)
        return -1;
    filtering->firsts = grown;
    while (filtering->first_count <= number)
        filtering->firsts[filtering->first_count++] = 0;
    return 0;
}

static int
no_memory(const struct sigma_filter *filter, struct err *err)
{
    err_set(err, "%s: out of memory", filter->body.file);
    return -1;
}

/* Its index, or -1 with the reason. */
static int64_t
add_program(struct filtering *filtering, const struct logsource *of,
            const struct sigma_filter *filter, uint32_t number, struct err *err)
{
    struct sigma_rule as = filter->body;
    struct program *program, *grown;

    if (know_filter(filtering, number) != 0)
        return no_memory(filter, err);
    for (uint32_t at = filtering->firsts[number]; at != 0;
         at = filtering->programs[at - 1].next)
        if (is_same_source(&filtering->programs[at - 1].of, of))
            return at - 1;

    grown = filtering->program_count >= UINT32_MAX - 1
            ? NULL : with_room(filtering->programs, filtering->program_count,
                               &filtering->program_cap, sizeof(*program));
    if (grown == NULL)
        return no_memory(filter, err);
    filtering->programs = grown;
    program = &filtering->programs[filtering->program_count];
    *program = (struct program){ .of = *of, .expires_us = filter->expires_us,
                                 .next = filtering->firsts[number] };
    as.logsource = *of;
    if (compiled_init(&program->code, &as, number, filtering->table, err) != 0)
        return -1;
    filtering->firsts[number] = (uint32_t)++filtering->program_count;
    return (int64_t)filtering->program_count - 1;
}

/* Rules up to this number have a place where their uses end. 0 or -1. */
static int
know_rule(struct filtering *filtering, size_t rule)
{
    while (filtering->end_count <= rule) {
        size_t *grown = with_room(filtering->ends, filtering->end_count, &filtering->end_cap,
                                  sizeof(*grown));

        if (grown == NULL)
            return -1;
        filtering->ends = grown;
        filtering->ends[filtering->end_count++] = filtering->use_count;
    }
    return 0;
}

int
filtering_add(struct filtering *filtering, size_t rule, const struct sigma_rule *sigma,
              const struct sigma_filter *filter, uint32_t number, struct err *err)
{
    int64_t program = add_program(filtering, &sigma->logsource, filter, number, err);
    uint32_t *grown;

    if (program < 0)
        return -1;
    grown = with_room(filtering->uses, filtering->use_count, &filtering->use_cap,
                      sizeof(*grown));
    if (grown != NULL)
        filtering->uses = grown;
    if (grown == NULL || know_rule(filtering, rule) != 0)
        return no_memory(filter, err);
    filtering->uses[filtering->use_count++] = (uint32_t)program;
    filtering->ends[rule] = filtering->use_count;
    return 0;
}

int64_t
filtering_takes(const struct filtering *filtering, size_t rule, int64_t received_us)
{
    if (rule >= filtering->end_count)
        return -1;
    for (size_t i = rule == 0 ? 0 : filtering->ends[rule - 1]; i < filtering->ends[rule]; i++) {
        const struct program *program = &filtering->programs[filtering->uses[i]];

        if (received_us < program->expires_us &&
            !compiled_matches(&program->code, filtering->table))
            return program->code.number;
    }
    return -1;
}
