/*
 * metrics.h - counters and gauges, shown as Prometheus text on /metrics
 *
 * A module asks for its numbers once, at start, and then adds to them like
 * any integer; whatever is refused, dropped, retried or evicted has one.
 * Format: Prometheus text exposition 0.0.4. Label values are few and fixed,
 * never addresses or names from events.
 */
#ifndef PROTO_BASE_METRICS_H
#define PROTO_BASE_METRICS_H

#include <stdint.h>

#include "proto/base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metrics;

struct metrics *metrics_new(void);
void metrics_destroy(struct metrics **metrics);

/* The number behind name{labels}; labels is "" or `reason="bad_json"`. The
 * same name and labels give the same number. help is kept by pointer. Lives
 * as long as metrics. Never NULL (exits when out of memory: start only). */
uint64_t *metrics_number(struct metrics *metrics, enum metric_kind kind,
                         const char *name, const char *labels, const char *help);

/* Append the text of all. 0, or -1 when out of memory. */
int metrics_render(const struct metrics *metrics, struct buf *out);

#endif
