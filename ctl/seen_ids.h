/*
 * seen_ids.h - which events were shown already
 */
#ifndef CTL_SEEN_IDS_H
#define CTL_SEEN_IDS_H

#include <stddef.h>
#include <stdint.h>

enum { SEEN_IDS_MAX = 1 << 18 };

struct seen_ids;

struct seen_ids *seen_ids_new(void);
void seen_ids_destroy(struct seen_ids **seen);

/* Note an id with its event's time. 1 when it is new, 0 when it was known, -1
 * when out of memory or there are SEEN_IDS_MAX. */
int seen_ids_add(struct seen_ids *seen, const char *id, int64_t at_us);

/* Forget those of events before this: they are not asked for again. */
void seen_ids_forget_before(struct seen_ids *seen, int64_t at_us);

size_t seen_ids_count(const struct seen_ids *seen);

#endif
