/*
 * share.h - which keys belong to this detector, of several that share the work
 *
 * A key's hash decides its slot. After the number of slots has changed, a
 * key's state comes from the slot that had it before, which may have judged
 * further than the others: what it judged is not judged again.
 */
#ifndef DETECTOR_ENGINE_SHARE_H
#define DETECTOR_ENGINE_SHARE_H

#include <stddef.h>
#include <stdint.h>

enum { SHARE_MAX_SLOTS = 16, SHARE_MAX_FORMERS = 8 };

struct share {
    unsigned slots, slot;       /* slots 0 counts as 1 */
    size_t former_count;        /* earlier divisions that matter for this event */
    struct {
        unsigned slots;
        uint32_t judged;        /* bit of a slot: it has judged this event */
    } formers[SHARE_MAX_FORMERS];
};

/* 1 when the key of this hash is ours, and this event is not judged for it yet. */
int share_owns(const struct share *share, uint64_t hash);

#endif
