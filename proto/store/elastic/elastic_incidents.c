/*
 * Incidents written: read, changed here, and written back only if nobody else
 * has written meanwhile (if_seq_no); else once more. So a snapshot and an
 * analyst never overwrite each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/incident_apply.h"

enum { OK = 200, CREATED = 201, BAD = 400, NOT_FOUND = 404, CONFLICT = 409, TRIES = 10,
       AT_ONCE = 100 };

/* --- reading by id --- */

int
elastic_incident_read(struct elastic_store *store, const char *id, struct elastic_incident *ret,
                      struct err *err)
{
    char path[96];
    json_t *answer = NULL;
    int status, rc = -1;

    *ret = (struct elastic_incident){ 0 };
    snprintf(path, sizeof(path), "/" ELASTIC_INCIDENTS "/_doc/%.40s", id);
    if (strspn(id, "0123456789abcdef") != strlen(id))
        return 0;
    status = elastic_ask(store, "GET", path, NULL, &answer, err);
    if (status == NOT_FOUND) {
        rc = 0;
    } else if (status == OK) {
        ret->inc = elastic_incident_from_document(json_object_get(answer, "_source"), err);
        ret->seq_no = json_integer_value(json_object_get(answer, "_seq_no"));
        ret->primary_term = json_integer_value(json_object_get(answer, "_primary_term"));
        rc = ret->inc == NULL ? -1 : 1;
    }
    json_decref(answer);
    return rc;
}

int
elastic_get_incident(struct store *base, const char *id, struct incident **ret_inc,
                     struct err *err)
{
    struct elastic_incident found;
    int rc = elastic_incident_read((struct elastic_store *)base, id, &found, err);

    if (rc == 1)
        *ret_inc = found.inc;
    return rc;
}

/* --- snapshots --- */

/* What is stored of each of count incidents, in their order; inc NULL: nothing. */
static int
read_many(struct elastic_store *store, struct incident *const *incidents, size_t count,
          struct elastic_incident *ret, struct err *err)
{
    json_t *ids = json_array(), *answer = NULL;
    const json_t *docs;
    int status, rc = -1;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(ids, json_string(incidents[i]->id));
    status = elastic_ask(store, "POST", "/" ELASTIC_INCIDENTS "/_mget", json_pack("{s:o}", "ids", ids),
                         &answer, err);
    docs = json_object_get(answer, "docs");
    if (status == OK && json_array_size(docs) == count)
        rc = 0;
    else if (status == OK)
        err_set(err, "Elasticsearch's answer is not to what was asked");
    for (size_t i = 0; i < count && rc == 0; i++) {
        const json_t *one = json_array_get(docs, i);

        if (json_object_get(one, "error") != NULL) {
            err_set(err, "Elasticsearch cannot read " ELASTIC_INCIDENTS);
            rc = -1;
        } else if (json_is_true(json_object_get(one, "found"))) {
            ret[i].inc = elastic_incident_from_document(json_object_get(one, "_source"), err);
            ret[i].seq_no = json_integer_value(json_object_get(one, "_seq_no"));
            ret[i].primary_term = json_integer_value(json_object_get(one, "_primary_term"));
            rc = ret[i].inc == NULL ? -1 : 0;
        }
    }
    json_decref(answer);
    return rc;
}

/* The detector's fields of inc with the analyst's of stored: a new one. */
static struct incident *
merge(const struct incident *inc, struct incident *stored, int64_t now_us)
{
    struct incident *merged;

    if (incident_reopen_if_due(stored, inc, now_us) != 0)
        return NULL;
    merged = incident_copy(inc);
    if (merged == NULL)
        return NULL;
    for (size_t i = 0; i < stored->history_count; i++) {
        const struct incident_change *line = &stored->history[i];

        if (incident_add_history(merged, line->at_us, line->by, line->from, line->to,
                                 line->note) != 0) {
            incident_destroy(&merged);
            return NULL;
        }
    }
    merged->status = stored->status;
    merged->reopened = stored->reopened;
    return merged;
}

static json_t *
action_of(const struct incident *inc, const struct elastic_incident *stored)
{
    if (stored->inc == NULL)
        return json_pack("{s:{s:s, s:s}}", "create", "_index", ELASTIC_INCIDENTS, "_id", inc->id);
    return json_pack("{s:{s:s, s:s, s:I, s:I}}", "index", "_index", ELASTIC_INCIDENTS, "_id", inc->id,
                     "if_seq_no", (json_int_t)stored->seq_no, "if_primary_term",
                     (json_int_t)stored->primary_term);
}

/* An incident that the detector says first: history and status are as it says. */
static int
add_one(struct buf *body, const struct incident *inc, struct elastic_incident *stored,
        int64_t now_us)
{
    struct incident *merged = stored->inc == NULL ? incident_copy(inc)
                                                  : merge(inc, stored->inc, now_us);
    int rc = -1;

    if (merged != NULL && stored->inc == NULL) {
        merged->status = STATUS_OPEN;
        merged->reopened = 0;
    }
    if (merged != NULL)
        rc = elastic_bulk_action(body, action_of(inc, stored),
                                 elastic_incident_to_document(merged, now_us));
    if (rc == 0 && stored->inc == NULL)
        rc = elastic_bulk_line(body, "create", ELASTIC_ALERTS, inc->id,
                               elastic_incident_to_alert(inc, now_us));
    incident_destroy(&merged);
    return rc;
}

/* Not all done: the number of items that another had written to meanwhile, -1 with
 * the reason, or -2: one is refused for good. An alert that is there already is done. */
static int
count_conflicts(const json_t *answer, struct err *err)
{
    const json_t *item, *inside;
    const char *op;
    int conflicts = 0;
    size_t i;

    if (!json_is_array(json_object_get(answer, "items"))) {
        err_set(err, "Elasticsearch's answer is cut");
        return -1;
    }
    json_array_foreach(json_object_get(answer, "items"), i, item)
        json_object_foreach((json_t *)item, op, inside) {
            const char *index = json_string_value(json_object_get(inside, "_index"));
            int status = (int)json_integer_value(json_object_get(inside, "status"));
            const char *why = json_string_value(
                json_object_get(json_object_get(inside, "error"), "reason"));

            if (status == OK || status == CREATED)
                continue;
            if (status == CONFLICT && index != NULL && strcmp(index, ELASTIC_INCIDENTS) == 0) {
                conflicts++;
            } else if (status != CONFLICT) {
                err_set(err, "Elasticsearch says %d of an incident: %.250s", status,
                        why == NULL ? "" : why);
                return status == BAD ? -2 : -1;
            }
        }
    return conflicts;
}

/* One try: 1 done, 0 somebody was quicker with some, -1, or -2: one is refused. */
static int
put_some(struct elastic_store *store, struct incident *const *incidents, size_t count,
         struct err *err)
{
    struct elastic_incident stored[AT_ONCE] = { 0 };
    struct buf body = { 0 };
    json_t *answer = NULL;
    int64_t now_us = clock_real_us();
    int rc = read_many(store, incidents, count, stored, err);

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (stored[i].inc != NULL && !incident_is_newer(incidents[i], stored[i].inc))
            continue;
        rc = add_one(&body, incidents[i], &stored[i], now_us);
        if (rc != 0)
            err_set(err, "store: out of memory");
    }
    if (rc == 0 && body.len > 0) {
        rc = elastic_bulk_ask(store, &body, &answer, err);
        if (rc == 0)
            rc = count_conflicts(answer, err);
    }
    for (size_t i = 0; i < count; i++)
        incident_destroy(&stored[i].inc);
    json_decref(answer);
    buf_release(&body);
    return rc < 0 ? rc : rc == 0;
}

/* Two snapshots of one incident do not go into one request: the later one would
 * meet the earlier. The end of the first run without such. */
static size_t
distinct_run(struct incident *const *incidents, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (i == AT_ONCE)
            return i;
        for (size_t k = 0; k < i; k++)
            if (strcmp(incidents[i]->id, incidents[k]->id) == 0)
                return i;
    }
    return count;
}

enum store_outcome
elastic_put_incidents(struct store *base, struct incident *const *incidents, size_t count,
                      struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;

    if (elastic_set_up(store, err) != STORE_DONE)
        return STORE_RETRY;
    while (count > 0) {
        size_t run = distinct_run(incidents, count);
        int rc = 0;

        for (int tries = 0; tries < TRIES && rc == 0; tries++)
            rc = put_some(store, incidents, run, err);
        if (rc == 0)
            err_set(err, "an incident is written to by too many at once");
        if (rc != 1)
            return rc == -2 ? STORE_REFUSED : STORE_RETRY;
        incidents += run;
        count -= run;
    }
    fault_point("indexer.incidents_committed");
    return STORE_DONE;
}

/* --- the analyst --- */

/* 1 done, 0 somebody was quicker, -1. */
static int
write_back(struct elastic_store *store, const struct elastic_incident *changed, struct err *err)
{
    char path[160];
    json_t *answer = NULL;
    int status;

    snprintf(path, sizeof(path), "/" ELASTIC_INCIDENTS "/_doc/%.40s?if_seq_no=%lld&if_primary_term=%lld%s",
             changed->inc->id, (long long)changed->seq_no, (long long)changed->primary_term,
             store->refresh_ms == 0 ? "&refresh=true" : "");
    fault_point("api.before_status");
    status = elastic_ask(store, "PUT", path,
                         elastic_incident_to_document(changed->inc, clock_real_us()), &answer, err);
    json_decref(answer);
    if (status == CONFLICT)
        return 0;
    if (status != OK && status != CREATED)
        return -1;
    fault_point("api.after_status");
    return 1;
}

int
elastic_set_status(struct store *base, const char *id, const struct incident_change *change,
                   struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    int rc = 0;

    for (int tries = 0; tries < TRIES && rc == 0; tries++) {
        struct elastic_incident stored;
        int found = elastic_incident_read(store, id, &stored, err);

        if (found != 1)
            return found;
        rc = incident_change_status(stored.inc, change, err);
        if (rc == 1)
            rc = write_back(store, &stored, err);
        incident_destroy(&stored.inc);
    }
    if (rc == 0) {
        err_set(err, "incident %s: too many change it at once", id);
        return -1;
    }
    return rc == 2 ? 1 : rc;
}
