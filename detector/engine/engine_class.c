/* How long rows are held: classes, few enough that each event looks at all of them. */
#include "detector/engine/engine_state.h"

enum { STATE_KINDS = 4 };

/* 1 when the i-th class suits better than the best: the shortest that is long
 * enough, else the longest. */
static int
is_better(const struct state_table *table, size_t i, size_t best, int64_t hold_us)
{
    int64_t held = table->classes[i].hold_us, best_held = table->classes[best].hold_us;

    return best_held < hold_us ? held > best_held : held >= hold_us && held < best_held;
}

uint8_t
state_class(struct state_table *table, int64_t hold_us, enum state_kind kind)
{
    size_t best = MAX_AGE_CLASSES, i;

    table->quiet_until_us = INT64_MIN;
    for (i = 0; i < table->class_count; i++) {
        if (table->classes[i].kind != kind)
            continue;
        if (table->classes[i].hold_us == hold_us)
            return (uint8_t)i;
        if (best == MAX_AGE_CLASSES || is_better(table, i, best, hold_us))
            best = i;
    }
    /* the last few are for kinds that have none yet */
    if (i < MAX_AGE_CLASSES - STATE_KINDS ||
        (best == MAX_AGE_CLASSES && i < MAX_AGE_CLASSES)) {
        table->classes[i].hold_us = hold_us;
        table->classes[i].kind = kind;
        return (uint8_t)table->class_count++;
    }
    if (table->classes[best].hold_us < hold_us)
        table->classes[best].hold_us = hold_us; /* longer than asked is no harm */
    return (uint8_t)best;
}
