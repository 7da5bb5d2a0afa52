/*
 * undecoded.h - whose lines no decoder knows, and how many
 *
 * A source is who sent the lines, or the watched file that they stood in. The
 * table is bounded: further sources are counted together. Since the start of
 * the process. Names of sources are no labels of metrics: they show in
 * /status alone.
 */
#ifndef INGEST_INTAKE_UNDECODED_H
#define INGEST_INTAKE_UNDECODED_H

#include <jansson.h>

#include "proto/base/metrics.h"
#include "proto/base/text.h"

enum { UNDECODED_MAX_SOURCES = 256 };

struct undecoded;

/* NULL when out of memory. */
struct undecoded *undecoded_new(struct metrics *metrics);
void undecoded_destroy(struct undecoded **undecoded);

/* One more line of this source (copied; valid UTF-8). */
void undecoded_add(struct undecoded *undecoded, struct text source);

/* {lines, sources: [{source, lines}], other_lines}, most lines first: a new
 * reference, NULL when out of memory. */
json_t *undecoded_show(const struct undecoded *undecoded);

#endif
