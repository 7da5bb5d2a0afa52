#include "detector/window/ranking.h"

#include <math.h>
#include <stdlib.h>

#include "proto/base/hash.h"

enum { FIRST_CAP = 8, KEPT_CAP = 1024 };

struct ranking_node {
    double number;
    uint32_t left, right;
    uint32_t times;             /* so many are this number */
    uint32_t size;              /* so many are here and below */
    uint32_t weight;            /* random: none below has more */
};

void
ranking_release(struct ranking *ranking)
{
    free(ranking->nodes);
    *ranking = (struct ranking){ 0 };
}

void
ranking_clear(struct ranking *ranking)
{
    if (ranking->cap > KEPT_CAP)
        ranking_release(ranking);
    ranking->used = ranking->free = ranking->root = 0;
}

size_t
ranking_count(const struct ranking *ranking)
{
    return ranking->root == 0 ? 0 : ranking->nodes[ranking->root].size;
}

static void
measure(struct ranking *ranking, uint32_t at)
{
    struct ranking_node *node = &ranking->nodes[at];

    node->size = node->times + ranking->nodes[node->left].size +
                 ranking->nodes[node->right].size;
}

/* Nobody who sends the numbers can know what comes, and so aim at a long path. */
static uint32_t
next_random(struct ranking *ranking)
{
    ranking->random ^= ranking->random << 13;
    ranking->random ^= ranking->random >> 7;
    ranking->random ^= ranking->random << 17;
    return (uint32_t)(ranking->random >> 32);
}

/* Room for one more node, so that nothing fails half way. */
static int
reserve(struct ranking *ranking)
{
    uint32_t cap = ranking->cap == 0 ? FIRST_CAP : ranking->cap * 2;
    struct ranking_node *grown;

    if (ranking->free != 0 || ranking->used + 1 < ranking->cap)
        return 0;
    if (cap <= ranking->cap)
        return -1;
    grown = realloc(ranking->nodes, cap * sizeof(*grown));
    if (grown == NULL)
        return -1;
    if (ranking->cap == 0)
        ranking->random = hash_random64() | 1;
    grown[0] = (struct ranking_node){ 0 };
    ranking->nodes = grown;
    ranking->cap = cap;
    return 0;
}

static uint32_t
node_new(struct ranking *ranking, double number)
{
    uint32_t at = ranking->free;

    if (at != 0)
        ranking->free = ranking->nodes[at].left;
    else
        at = ++ranking->used;
    ranking->nodes[at] = (struct ranking_node){
        .number = number, .times = 1, .size = 1, .weight = next_random(ranking),
    };
    return at;
}

/* The left child takes the node's place, or the right one. */
static uint32_t
turn(struct ranking *ranking, uint32_t at, int is_left)
{
    struct ranking_node *node = &ranking->nodes[at];
    uint32_t child = is_left ? node->left : node->right;
    struct ranking_node *up = &ranking->nodes[child];

    if (is_left) {
        node->left = up->right;
        up->right = at;
    } else {
        node->right = up->left;
        up->left = at;
    }
    measure(ranking, at);
    measure(ranking, child);
    return child;
}

/* Returns what stands at the place of `at` then. */
static uint32_t
add_below(struct ranking *ranking, uint32_t at, double number)
{
    struct ranking_node *node = &ranking->nodes[at];
    int is_left = number < node->number;
    uint32_t child;

    if (at == 0)
        return node_new(ranking, number);
    node->size++;
    if (number == node->number) {
        node->times++;
        return at;
    }
    child = add_below(ranking, is_left ? node->left : node->right, number);
    *(is_left ? &node->left : &node->right) = child;
    return ranking->nodes[child].weight > node->weight ? turn(ranking, at, is_left) : at;
}

int
ranking_add(struct ranking *ranking, double number)
{
    if (reserve(ranking) != 0)
        return -1;
    ranking->root = add_below(ranking, ranking->root, number);
    return 0;
}

/* What stands in the place of a node that goes: the heavier child, turned up, until
 * there is at most one. */
static uint32_t
take_out(struct ranking *ranking, uint32_t at)
{
    struct ranking_node *node = &ranking->nodes[at];
    uint32_t left = node->left, right = node->right, up;

    if (left == 0 || right == 0) {
        node->left = ranking->free;
        ranking->free = at;
        return left == 0 ? right : left;
    }
    if (ranking->nodes[left].weight > ranking->nodes[right].weight) {
        up = turn(ranking, at, 1);
        ranking->nodes[up].right = take_out(ranking, at);
    } else {
        up = turn(ranking, at, 0);
        ranking->nodes[up].left = take_out(ranking, at);
    }
    measure(ranking, up);
    return up;
}

static uint32_t
remove_below(struct ranking *ranking, uint32_t at, double number)
{
    struct ranking_node *node = &ranking->nodes[at];

    if (at == 0)
        return 0;
    if (number == node->number) {
        if (node->times == 1)
            return take_out(ranking, at);
        node->times--;
    } else if (number < node->number) {
        node->left = remove_below(ranking, node->left, number);
    } else {
        node->right = remove_below(ranking, node->right, number);
    }
    measure(ranking, at);
    return at;
}

void
ranking_remove(struct ranking *ranking, double number)
{
    if (ranking->root != 0)
        ranking->root = remove_below(ranking, ranking->root, number);
}

/* The k-th from 0; there are more. */
static double
number_at(const struct ranking *ranking, size_t k)
{
    uint32_t at = ranking->root;

    for (;;) {
        const struct ranking_node *node = &ranking->nodes[at];
        size_t before = ranking->nodes[node->left].size;

        if (k < before) {
            at = node->left;
        } else if (k < before + node->times) {
            return node->number;
        } else {
            k -= before + node->times;
            at = node->right;
        }
    }
}

double
ranking_percentile(const struct ranking *ranking, double percentile)
{
    size_t count = ranking_count(ranking), low;
    double place, part;

    if (count == 0)
        return NAN;
    place = (double)(count - 1) * (percentile / 100);
    low = (size_t)place;
    part = place - (double)low;
    if (part == 0 || low + 1 >= count)
        return number_at(ranking, low);
    return number_at(ranking, low) * (1 - part) + number_at(ranking, low + 1) * part;
}
