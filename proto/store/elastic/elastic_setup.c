/*
 * What must be there before the first document: templates, the policy that
 * deletes old indices where the cluster has such a thing, the pipeline. All
 * of it is put anew at each start, so that a newer version's is in force.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/log.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/elastic/elastic_mapping.h"

enum { NEEDED_MAJOR = 8, HTTP_OK = 200, HTTP_BAD = 400, HTTP_CONFLICT = 409,
       DAY_S = 86400 };

static const char *const template_names[ELASTIC_INDICES] = {
    [ELASTIC_INDEX_EVENTS] = "bongsu-events",
    [ELASTIC_INDEX_INCIDENTS] = "bongsu-incidents",
    [ELASTIC_INDEX_LEDGER] = "bongsu-ledger",
    [ELASTIC_INDEX_ALLOWED] = "bongsu-allowed",
    [ELASTIC_INDEX_DEAD] = "bongsu-deadletter",
    [ELASTIC_INDEX_ALERTS] = "logs-bongsu.alerts",
};

/* Those that exist from the start, so that who asks finds them empty. */
static const char *const made_at_once[] = {
    ELASTIC_INCIDENTS, ELASTIC_LEDGER, ELASTIC_ALLOWED, ELASTIC_DEAD,
};

/* 0, or -1 with the reason. */
static int
put(struct elastic_store *store, const char *path, json_t *body, struct err *err)
{
    json_t *answer = NULL;
    int status;

    if (body == NULL) {
        err_set(err, "store: out of memory");
        return -1;
    }
    status = elastic_ask(store, "PUT", path, body, &answer, err);
    json_decref(answer);
    return status >= HTTP_OK && status < HTTP_BAD ? 0 : -1;
}

static int
check_version(struct elastic_store *store, struct err *err)
{
    json_t *answer = NULL;
    int status = elastic_ask(store, "GET", "/", NULL, &answer, err);
    const char *number = json_string_value(
        json_object_get(json_object_get(answer, "version"), "number"));
    int rc = -1;

    if (status == HTTP_OK && (number == NULL || strtol(number, NULL, 10) < NEEDED_MAJOR))
        err_set(err, "store.url: Elasticsearch %d or newer is needed, and this is %.40s",
                (int)NEEDED_MAJOR, number == NULL ? "something else" : number);
    else if (status == HTTP_OK)
        rc = 0;
    json_decref(answer);
    return rc;
}

/* ILM counts from an index's creation, which is the beginning of its day: with a day
 * more no event goes before its time. retention 0: nothing goes, whatever was before. */
static json_t *
policy(const struct elastic_store *store)
{
    json_t *phases = json_pack("{s:{s:{}}}", "hot", "actions");
    char age[32];

    if (store->retention_us > 0) {
        snprintf(age, sizeof(age), "%llds", (long long)(store->retention_us / 1000000 + DAY_S));
        json_object_set_new(phases, "delete", json_pack("{s:s, s:{s:{}}}", "min_age", age, "actions",
                                                        "delete"));
    }
    return json_pack("{s:{s:o}}", "policy", "phases", phases);
}

/* A cluster without ILM has no such address: the indexer deletes then. */
static int
put_policy(struct elastic_store *store, struct err *err)
{
    json_t *answer = NULL;
    int status = elastic_ask(store, "GET", "/_ilm/status", NULL, &answer, err);

    json_decref(answer);
    if (status < 0 || status == 401)
        return -1;
    store->has_ilm = status == HTTP_OK;
    return store->has_ilm ? put(store, "/_ilm/policy/" ELASTIC_POLICY, policy(store), err) : 0;
}

/* A cluster may lack the processor; then there is no source.geo, and nothing else. */
static void
put_pipeline(struct elastic_store *store)
{
    struct err err;

    store->has_geoip = 0;
    if (!store->wants_geoip)
        return;
    store->has_geoip = put(store, "/_ingest/pipeline/" ELASTIC_PIPELINE,
                           json_pack("{s:s, s:[{s:{s:s, s:s, s:b, s:b}}]}", "description",
                                     "source.geo of source.ip", "processors", "geoip", "field",
                                     "source.ip", "target_field", "source.geo", "ignore_missing", 1,
                                     "ignore_failure", 1), &err) == 0;
    if (!store->has_geoip)
        log_warn("Elasticsearch has no geoip; events get no place on the map", "reason=\"%s\"",
                 err.text);
}

static int
put_templates(struct elastic_store *store, struct err *err)
{
    for (int i = 0; i < ELASTIC_INDICES; i++) {
        char path[80];

        snprintf(path, sizeof(path), "/_index_template/%s", template_names[i]);
        if (put(store, path, elastic_template(store, i), err) != 0)
            return -1;
    }
    return 0;
}

static int
make_indices(struct elastic_store *store, struct err *err)
{
    for (size_t i = 0; i < sizeof(made_at_once) / sizeof(made_at_once[0]); i++) {
        json_t *answer = NULL;
        char path[80];
        int status;

        snprintf(path, sizeof(path), "/%s", made_at_once[i]);
        status = elastic_ask(store, "PUT", path, NULL, &answer, err);
        json_decref(answer);
        /* 400: resource_already_exists_exception */
        if (status < 0 || (status >= HTTP_BAD && status != HTTP_BAD && status != HTTP_CONFLICT))
            return -1;
    }
    return 0;
}

/* An index that was made by an earlier version lacks some fields; it gets them where we
 * may do that. */
static void
complete_mappings(struct elastic_store *store)
{
    static const struct { enum elastic_index index; const char *path, *what; } grown[] = {
        { ELASTIC_INDEX_DEAD, "/" ELASTIC_DEAD "/_mapping", "dead letters" },
        { ELASTIC_INDEX_INCIDENTS, "/" ELASTIC_INCIDENTS "/_mapping", "incidents" },
    };

    for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
        json_t *template = elastic_template(store, grown[i].index);
        json_t *mapping = json_object_get(json_object_get(template, "template"), "mappings");
        struct err err;

        if (put(store, grown[i].path, json_incref(mapping), &err) != 0)
            log_warn("an index cannot be brought up to date", "of=\"%s\" reason=\"%s\"",
                     grown[i].what, err.text);
        json_decref(template);
    }
}

enum store_outcome
elastic_set_up(struct elastic_store *store, struct err *err)
{
    if (store->is_set_up)
        return STORE_DONE;
    if (check_version(store, err) != 0 || put_policy(store, err) != 0)
        return STORE_RETRY;
    put_pipeline(store);
    if (put_templates(store, err) != 0 || make_indices(store, err) != 0)
        return STORE_RETRY;
    complete_mappings(store);
    store->is_set_up = 1;
    log_info("Elasticsearch is set up", "ilm=%s geoip=%s", store->has_ilm ? "yes" : "no",
             store->has_geoip ? "yes" : "no");
    return STORE_DONE;
}
