/*
 * Incidents from another store, with what analysts did there. What an analyst has
 * done here already stays; a detector that wrote here meanwhile is met as usual.
 */
#include <stdio.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/store/elastic/elastic.h"

enum { OK = 200, CREATED = 201, CONFLICT = 409, TRIES = 10 };

/* The newer detector's fields, and the analyst's of the one that has any: a new one. */
static struct incident *
merge(const struct incident *given, const struct incident *stored)
{
    struct incident newer = incident_is_newer(given, stored) ? *given : *stored;
    const struct incident *analyst = stored->history_count > 0 ? stored : given;
    struct incident *merged;

    newer.history = NULL;
    newer.history_count = 0;
    merged = incident_copy(&newer);
    for (size_t i = 0; merged != NULL && i < analyst->history_count; i++) {
        const struct incident_change *line = &analyst->history[i];

        if (incident_add_history(merged, line->at_us, line->by, line->from, line->to,
                                 line->note) != 0)
            incident_destroy(&merged);
    }
    if (merged != NULL) {
        merged->status = analyst->status;
        merged->reopened = analyst->reopened;
    }
    return merged;
}

/* 1 done, 0 somebody was quicker, -1. No alert: it is no new one. */
static int
write_one(struct elastic_store *store, const struct incident *inc,
          const struct elastic_incident *stored, struct err *err)
{
    char path[160];
    json_t *answer = NULL;
    int status;

    if (stored->inc == NULL)
        snprintf(path, sizeof(path), "/" ELASTIC_INCIDENTS "/_create/%.40s", inc->id);
    else
        snprintf(path, sizeof(path), "/" ELASTIC_INCIDENTS "/_doc/%.40s?if_seq_no=%lld&if_primary_term=%lld",
                 inc->id, (long long)stored->seq_no, (long long)stored->primary_term);
    status = elastic_ask(store, "PUT", path, elastic_incident_to_document(inc, clock_real_us()),
                         &answer, err);
    json_decref(answer);
    return status == OK || status == CREATED ? 1 : status == CONFLICT ? 0 : -1;
}

/* 1 written, 2 it is there and has nothing to gain, 0 somebody was quicker, -1. */
static int
try_one(struct elastic_store *store, const struct incident *given, struct err *err)
{
    struct elastic_incident stored;
    struct incident *merged;
    int rc = elastic_incident_read(store, given->id, &stored, err);

    if (rc < 0)
        return -1;
    if (rc == 0)
        return write_one(store, given, &stored, err);
    rc = 2;
    if (incident_is_newer(given, stored.inc) ||
        (stored.inc->history_count == 0 && given->history_count > 0)) {
        merged = merge(given, stored.inc);
        if (merged == NULL)
            err_set(err, "store: out of memory");
        rc = merged == NULL ? -1 : write_one(store, merged, &stored, err);
        incident_destroy(&merged);
    }
    incident_destroy(&stored.inc);
    return rc;
}

enum store_outcome
elastic_import_incident(struct store *base, const struct incident *inc, int *ret_is_new,
                        struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    int rc = 0;

    if (elastic_set_up(store, err) != STORE_DONE)
        return STORE_RETRY;
    for (int tries = 0; tries < TRIES && rc == 0; tries++)
        rc = try_one(store, inc, err);
    if (rc == 0)
        err_set(err, "incident %s: too many change it at once", inc->id);
    *ret_is_new = rc == 1;
    return rc > 0 ? STORE_DONE : STORE_RETRY;
}
