/*
 * elastic_mapping.h - index templates, as JSON
 *
 * One for each kind of index; each holds all that it needs.
 */
#ifndef PROTO_STORE_ELASTIC_ELASTIC_MAPPING_H
#define PROTO_STORE_ELASTIC_ELASTIC_MAPPING_H

#include <jansson.h>

struct elastic_store;

enum elastic_index {
    ELASTIC_INDEX_EVENTS, ELASTIC_INDEX_INCIDENTS, ELASTIC_INDEX_LEDGER, ELASTIC_INDEX_ALLOWED,
    ELASTIC_INDEX_DEAD, ELASTIC_INDEX_ALERTS, ELASTIC_INDICES
};

/* Over Elastic's own templates for logs-*-*, which have 100 and ask for 500. */
enum { ELASTIC_PRIORITY = 501 };

#define ELASTIC_ALERTS_PATTERN "logs-bongsu.alerts-*"
#define ELASTIC_POLICY "bongsu-events"
#define ELASTIC_PIPELINE "bongsu-geoip"

/* The body of PUT /_index_template/NAME; new reference, NULL when out of memory. */
json_t *elastic_template(const struct elastic_store *store, enum elastic_index index);

#endif
