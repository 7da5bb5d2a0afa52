/*
 * field_table.h - the fields that rules name, each looked up once per event
 *
 * A rule names a field by our name, by its ECS name, by Sigma's for its logsource, or by
 * whatever name a client gave it, "a.b" for b in the map a too; when rules are compiled a
 * name becomes a number. An event's fields are gone through once, and find the
 * numbers that they are values for.
 */
#ifndef DETECTOR_MATCH_FIELD_TABLE_H
#define DETECTOR_MATCH_FIELD_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"
#include "proto/fields.h"

struct field_table;

/* An empty table, or NULL when out of memory. */
struct field_table *field_table_new(void);
void field_table_destroy(struct field_table **table);

/* The number of a field (name copied), the same for the same name; -1 when
 * out of memory. */
int field_table_add(struct field_table *table, struct text name);

/* The same as rules of this logsource mean it (proto/fields.h). NULL: any rule. */
int field_table_add_for(struct field_table *table, struct text name,
                        const struct logsource *of);

/* The row of event_fields[] that a number stands for, or -1. */
int field_table_known(const struct field_table *table, int field);

/* Begin with an event; it must live, as it is, until the next begin. Fields that are added
 * after it have no value until then. */
void field_table_begin(struct field_table *table, const struct event *ev);

/* Another one for each begin. */
uint64_t field_table_number(const struct field_table *table);

/* The event that was begun with. */
const struct event *field_table_event(const struct field_table *table);

/* The fields that the event has a value for, in no order. Borrowed until the next begin. */
size_t field_table_present(const struct field_table *table, const uint32_t **ret_fields);

/* The value, or NULL when the event has none. Valid until the next begin. */
const struct value *field_table_value(const struct field_table *table, int field);

/* The value written out as people and rules compare it (value_as_text);
 * ptr NULL when absent, null or nested. Valid until the next begin. */
struct text field_table_text(struct field_table *table, int field);

#endif
