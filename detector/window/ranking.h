/*
 * ranking.h - numbers in their order: which one is the k-th of them
 *
 * Behind medians and percentiles of a sliding window. A tree whose shape is
 * random (a treap), so that putting in, taking out and finding the k-th cost
 * O(log n) whatever the numbers are; equal numbers share a node. What it
 * answers does not depend on the shape. A zeroed struct ranking is an empty one.
 */
#ifndef DETECTOR_WINDOW_RANKING_H
#define DETECTOR_WINDOW_RANKING_H

#include <stddef.h>
#include <stdint.h>

struct ranking_node;

struct ranking {
    struct ranking_node *nodes; /* nodes[0] stands for none */
    uint32_t cap, used, free, root;
    uint64_t random;
};

void ranking_release(struct ranking *ranking);

/* Forget all numbers, keep the memory unless it is much. */
void ranking_clear(struct ranking *ranking);

/* Put a number in, no NaN. 0, or -1 when out of memory (nothing changed). */
int ranking_add(struct ranking *ranking, double number);

/* Take it out, once; one that is not there is left alone. */
void ranking_remove(struct ranking *ranking, double number);

/* How many there are, equal ones too. */
size_t ranking_count(const struct ranking *ranking);

/* The percentile (0 to 100) of them, between two of them in proportion. NaN: there
 * are none. */
double ranking_percentile(const struct ranking *ranking, double percentile);

#endif
