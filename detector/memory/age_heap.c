#include "detector/memory/holding.h"

static void
sift_up(struct age_heap *heap, size_t at)
{
    const struct aged item = heap->items[at];

    for (; at > 0 && item.age < heap->items[(at - 1) / 2].age; at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = item;
}

static void
sift_down(struct age_heap *heap)
{
    const struct aged item = heap->items[0];
    size_t at = 0;

    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && heap->items[child + 1].age < heap->items[child].age)
            child++;
        if (item.age <= heap->items[child].age)
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = item;
}

void
age_heap_put(struct age_heap *heap, int64_t age, uint32_t at)
{
    heap->items[heap->count] = (struct aged){ age, at };
    sift_up(heap, heap->count++);
}

void
age_heap_settle(struct age_heap *heap, int64_t age)
{
    heap->items[0].age = age;
    sift_down(heap);
}

void
age_heap_pop(struct age_heap *heap)
{
    heap->items[0] = heap->items[--heap->count];
    if (heap->count > 0)
        sift_down(heap);
}
