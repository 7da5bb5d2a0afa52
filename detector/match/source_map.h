/*
 * source_map.h - which logsource an event has, by the rows of proto/fields.yml
 *
 * Products, categories and services become small numbers ("words"), so that what an
 * event has is a few of them and two events that have the same are equal in memory.
 */
#ifndef DETECTOR_MATCH_SOURCE_MAP_H
#define DETECTOR_MATCH_SOURCE_MAP_H

#include <stdint.h>

#include "detector/match/field_table.h"
#include "proto/fields.h"

enum source_part { SOURCE_PRODUCT, SOURCE_CATEGORY, SOURCE_SERVICE, SOURCE_PARTS };

/* How many of one part an event can have; SOURCE_OTHER: one that no rule or row names. */
enum { SOURCE_MAX_WORDS = 8, SOURCE_OTHER = UINT16_MAX };

/* Of each part, in rising order, 0 for the rest. */
struct source_words {
    uint16_t words[SOURCE_PARTS][SOURCE_MAX_WORDS];
};

struct source_map;

/* Over a field table (lent). NULL when out of memory, or a row is wrong: a test sees
 * to it that none is. */
struct source_map *source_map_new(struct field_table *fields);
void source_map_destroy(struct source_map **map);

/* The number of a word, from 1, in any case; 0 for an empty one, -1 when out of memory. */
int source_map_word(struct source_map *map, struct text word);

/* The word of a number, borrowed; empty for SOURCE_OTHER. */
struct text source_map_text(const struct source_map *map, uint16_t word);

/* What the event has that the field table began with. */
void source_map_event(const struct source_map *map, struct source_words *ret_words);

/* 1 when the rows can tell that an event of this product has this category. */
int source_map_tells(const struct source_map *map, uint16_t product, uint16_t category);

/* Put a word among those of a part; 1 when it is among them. */
void source_words_add(struct source_words *words, enum source_part part, uint16_t word);
int source_words_have(const struct source_words *words, enum source_part part, uint16_t word);

#endif
