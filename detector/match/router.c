#include "detector/match/router.h"

#include <stdlib.h>
#include <string.h>

#include "detector/match/source_map.h"
#include "proto/base/hash.h"

enum { SLOTS = 2 * ROUTER_MAX_ROUTES };

/* A rule's logsource; 0 for what it leaves open. */
struct routed {
    uint16_t words[SOURCE_PARTS];
    enum router_need need;
    int is_told;                /* the rows tell its category from the product's others */
};

struct cached {
    struct source_words key;
    struct route route;
    uint64_t *rules;            /* NULL: nothing is here */
};

struct router {
    struct source_map *map;
    int is_lent;                /* the map is another router's */
    struct routed *rules;
    size_t count, cap;
    struct cached *slots;
    size_t used;
    const struct cached *last;  /* events of one source come in rows; NULL: none */
    int was_made;
    int is_fixed;
    int is_asked;               /* some rule says where it belongs */
    struct source_words fixed;
};

static struct router *
make(struct source_map *map, int is_lent)
{
    struct router *router = map == NULL ? NULL : calloc(1, sizeof(*router));

    if (router != NULL) {
        router->map = map;
        router->is_lent = is_lent;
        router->slots = calloc(SLOTS, sizeof(router->slots[0]));
        if (router->slots == NULL)
            router_destroy(&router);
    } else if (!is_lent) {
        source_map_destroy(&map);
    }
    return router;
}

struct router *
router_new(struct field_table *fields)
{
    return make(source_map_new(fields), 0);
}

struct router *
router_new_like(struct router *lender)
{
    return make(lender->map, 1);
}

static void
forget_routes(struct router *router)
{
    for (size_t i = 0; router->slots != NULL && i < SLOTS; i++) {
        free(router->slots[i].rules);
        router->slots[i] = (struct cached){ .rules = NULL };
    }
    router->used = 0;
    router->last = NULL;
}

void
router_destroy(struct router **router)
{
    if (*router == NULL)
        return;
    forget_routes(*router);
    if (!(*router)->is_lent)
        source_map_destroy(&(*router)->map);
    free((*router)->rules);
    free((*router)->slots);
    free(*router);
    *router = NULL;
}

static int
words_of(struct router *router, const struct logsource *of, uint16_t ret_words[SOURCE_PARTS])
{
    const struct text parts[SOURCE_PARTS] = { of->product, of->category, of->service };

    for (int part = 0; part < SOURCE_PARTS; part++) {
        int word = source_map_word(router->map, parts[part]);

        if (word < 0)
            return -1;
        ret_words[part] = (uint16_t)word;
    }
    return 0;
}

int
router_add(struct router *router, const struct logsource *of, enum router_need need)
{
    struct routed rule = { .need = need };

    if (words_of(router, of, rule.words) != 0)
        return -1;
    if (router->count == router->cap) {
        size_t cap = router->cap == 0 ? 64 : router->cap * 2;
        struct routed *grown = realloc(router->rules, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        router->rules = grown;
        router->cap = cap;
    }
    rule.is_told = rule.words[SOURCE_PRODUCT] != 0 && rule.words[SOURCE_CATEGORY] != 0 &&
                   source_map_tells(router->map, rule.words[SOURCE_PRODUCT],
                                    rule.words[SOURCE_CATEGORY]);
    for (int part = 0; part < SOURCE_PARTS; part++)
        router->is_asked |= rule.words[part] != 0;
    router->rules[router->count++] = rule;
    forget_routes(router);
    return 0;
}

int
router_fix(struct router *router, const struct logsource *of)
{
    struct source_words fixed;
    uint16_t words[SOURCE_PARTS];

    memset(&fixed, 0, sizeof(fixed));
    if (of != NULL && words_of(router, of, words) != 0)
        return -1;
    for (int part = 0; of != NULL && part < SOURCE_PARTS; part++)
        source_words_add(&fixed, (enum source_part)part, words[part]);
    router->fixed = fixed;
    router->is_fixed = of != NULL;
    forget_routes(router);
    return 0;
}

/* 1 when the event has something in this part, and not what the rule has. */
static int
differs(const struct source_words *has, int part, uint16_t word)
{
    return word != 0 && has->words[part][0] != 0 &&
           !source_words_have(has, (enum source_part)part, word);
}

static enum route_answer
answer(const struct router *router, const struct routed *rule,
       const struct source_words *has, int *ret_part)
{
    const uint16_t *words = rule->words;
    int said = 0, met = 0;

    for (int part = 0; part < SOURCE_PARTS; part++) {
        *ret_part = part;
        if (differs(has, part, words[part]))
            return ROUTE_DIFFERS;
        said += words[part] != 0;
        met += words[part] != 0 &&
               source_words_have(has, (enum source_part)part, words[part]);
    }
    if (router->is_fixed)
        return ROUTE_APPLIES;
    if (rule->need == NEEDS_NOTHING && met < said)
        return ROUTE_NOT_ALL;
    if (rule->need == NEEDS_KEYWORDS && met == 0 && said > 0)
        return ROUTE_NO_PART;
    return rule->is_told &&
                   source_words_have(has, SOURCE_PRODUCT, words[SOURCE_PRODUCT]) &&
                   !source_words_have(has, SOURCE_CATEGORY, words[SOURCE_CATEGORY])
               ? ROUTE_NO_CATEGORY : ROUTE_APPLIES;
}

static const struct route *
make_route(struct router *router, const struct source_words *has, struct cached *slot)
{
    int part;

    slot->rules = calloc(router->count / 64 + 1, sizeof(slot->rules[0]));
    if (slot->rules == NULL)
        return NULL;
    slot->key = *has;
    for (size_t i = 0; i < router->count; i++)
        if (answer(router, &router->rules[i], has, &part) == ROUTE_APPLIES)
            slot->rules[i / 64] |= UINT64_C(1) << (i % 64);
    slot->route = (struct route){ slot->rules };
    router->used++;
    return &slot->route;
}

static void
words_of_event(const struct router *router, struct source_words *ret_has)
{
    if (router->is_fixed || !router->is_asked)
        *ret_has = router->fixed;
    else
        source_map_event(router->map, ret_has);
}

/* The slot of a logsource: with its route, or free. */
static struct cached *
slot_find(const struct router *router, const struct source_words *has)
{
    size_t at = hash64(has, sizeof(*has)) % SLOTS;

    while (router->slots[at].rules != NULL &&
           memcmp(&router->slots[at].key, has, sizeof(*has)) != 0)
        at = (at + 1) % SLOTS;
    return &router->slots[at];
}

const struct route *
router_route(struct router *router)
{
    struct source_words has;
    struct cached *slot;

    router->was_made = 0;
    words_of_event(router, &has);
    if (router->last != NULL && memcmp(&router->last->key, &has, sizeof(has)) == 0)
        return &router->last->route;
    slot = slot_find(router, &has);
    if (slot->rules == NULL && router->used == ROUTER_MAX_ROUTES) {
        forget_routes(router);
        slot = slot_find(router, &has);
    }
    router->was_made = slot->rules == NULL;
    if (slot->rules == NULL && make_route(router, &has, slot) == NULL)
        return NULL;
    router->last = slot;
    return &slot->route;
}

int
router_made(const struct router *router)
{
    return router->was_made;
}

enum route_answer
router_answer(const struct router *router, size_t rule, int *ret_part)
{
    struct source_words has;

    words_of_event(router, &has);
    return answer(router, &router->rules[rule], &has, ret_part);
}

size_t
router_words(const struct router *router, int part, struct text *ret_words)
{
    struct source_words has;
    size_t count = 0;

    words_of_event(router, &has);
    for (; count < SOURCE_MAX_WORDS && has.words[part][count] != 0; count++)
        ret_words[count] = source_map_text(router->map, has.words[part][count]);
    return count;
}
