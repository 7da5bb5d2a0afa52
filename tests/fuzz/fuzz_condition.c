/* A condition: a line of names, divided by commas, then the text. */
#include <stdio.h>
#include <string.h>

#include "detector/sigma/sigma_condition.h"
#include "proto/base/arena.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_NAMES = 40, MAX_CHILDREN = CONDITION_MAX_NODES, MAX_WRAPPED = 20000 };

static size_t
take_names(struct text *data, struct text names[MAX_NAMES])
{
    struct text line = text_split(data, '\n');
    size_t count = 0;

    while (line.len > 0 && count < MAX_NAMES)
        names[count++] = text_trim(text_split(&line, ','));
    return count;
}

/* Each node ends within the one above it, and has as many below as its kind needs. */
static void
check_node(const struct sigma_condition *cond, size_t at, size_t name_count, int depth)
{
    const struct condition_node *node = &cond->nodes[at];
    size_t children = 0, i = at + 1;

    REQUIRE(depth <= 3 * CONDITION_MAX_DEPTH);
    REQUIRE(node->end > at && node->end <= cond->count);
    for (; i < node->end; i = cond->nodes[i].end) {
        check_node(cond, i, name_count, depth + 1);
        children++;
    }
    REQUIRE(i == node->end);
    switch (node->kind) {
    case CONDITION_TEST:
        REQUIRE(children == 0 && node->arg < name_count);
        break;
    case CONDITION_NOT:
        REQUIRE(children == 1);
        break;
    case CONDITION_AT_LEAST:
        REQUIRE(node->arg >= 2 && node->arg <= children);
        break;
    default:
        REQUIRE(node->kind == CONDITION_AND || node->kind == CONDITION_OR);
        REQUIRE(children >= 2);
    }
}

static int
test_bit(void *ctx, uint32_t arg)
{
    return (int)(*(const uint64_t *)ctx >> arg & 1);
}

/* As people read it: every part is looked at, and then counted. */
static int
eval_plainly(const struct sigma_condition *cond, size_t at, uint64_t bits)
{
    const struct condition_node *node = &cond->nodes[at];
    uint32_t held = 0, children = 0;

    if (node->kind == CONDITION_TEST)
        return test_bit(&bits, node->arg);
    for (size_t i = at + 1; i < node->end; i = cond->nodes[i].end) {
        held += (uint32_t)eval_plainly(cond, i, bits);
        children++;
    }
    return node->kind == CONDITION_NOT   ? held == 0
           : node->kind == CONDITION_AND ? held == children
           : node->kind == CONDITION_OR  ? held > 0
                                         : held >= node->arg;
}

static int
eval(const struct sigma_condition *cond, uint64_t bits)
{
    int holds = condition_eval(cond->nodes, 0, test_bit, &bits);

    REQUIRE(holds == eval_plainly(cond, 0, bits));
    return holds;
}

/* What stands in brackets means the same, "not (...)" the opposite, and what is said twice
 * is said once. */
static void
check_meaning(struct arena *arena, const struct sigma_condition *cond, struct text text,
              const struct text *names, size_t name_count)
{
    static const struct { const char *before, *between, *after; int is_opposite; } forms[] = {
        { "(", NULL, ")", 0 },
        { "not (", NULL, ")", 1 },
        { "not not(", NULL, ")", 0 },
        { "(", ")and(", ")", 0 },
        { "\n", "\tOR ", " ", 0 },
    };
    static char wrapped[MAX_WRAPPED * 2 + 32];

    for (size_t f = 0; text.len < MAX_WRAPPED && f < sizeof(forms) / sizeof(forms[0]); f++) {
        struct text whole = { wrapped, 0 };
        struct sigma_condition other;
        struct err err;

        whole.len = (size_t)snprintf(wrapped, sizeof(wrapped), "%s", forms[f].before);
        memcpy(wrapped + whole.len, text.ptr, text.len);
        whole.len += text.len;
        if (forms[f].between != NULL) {
            whole.len += (size_t)snprintf(wrapped + whole.len, 16, "%s", forms[f].between);
            memcpy(wrapped + whole.len, text.ptr, text.len);
            whole.len += text.len;
        }
        whole.len += (size_t)snprintf(wrapped + whole.len, 16, "%s", forms[f].after);
        /* it may be too deep or too large then; each says so */
        if (sigma_condition_parse(arena, whole, names, name_count, &other, &err) != 0) {
            REQUIRE(strstr(err.text, "too ") != NULL);
            continue;
        }
        check_node(&other, 0, name_count, 0);
        for (uint64_t bits = 0, i = 0; i < 16; i++, bits = bits * 6364136223846793005u + 0x9e3779b9)
            REQUIRE(eval(&other, bits) == (eval(cond, bits) != forms[f].is_opposite));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = { (const char *)data, size }, names[MAX_NAMES];
    size_t name_count = take_names(&text, names);
    struct arena arena = { 0 };
    struct sigma_condition cond;
    struct err err = { "" };

    if (sigma_condition_parse(&arena, text, names, name_count, &cond, &err) != 0) {
        REQUIRE(strncmp(err.text, "condition: ", 11) == 0);
    } else {
        check_node(&cond, 0, name_count, 0);
        check_meaning(&arena, &cond, text, names, name_count);
    }
    arena_release(&arena);
    return 0;
}
