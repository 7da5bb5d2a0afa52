/*
 * What Elasticsearch forgets, and when: whole indices of ours by the age of their last
 * write, never an alias's index or one that only looks like ours; closed incidents. Where
 * the cluster has ILM (this node has none: a stub speaks for one) it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "tests/support/elastic_client.h"
#include "tests/support/elastic_node.h"
#include "tests/support/http_stub.h"
#include "tests/support/store_case.h"

#define DAYS(n) ((n) * CASE_DAY)
#define RETENTION DAYS(30)

enum { MS = 1000 };

static struct elastic_node *node;
static struct err err;

static int
start_node(void **state)
{
    node = elastic_node_new();
    elastic_node_start(node);
    return setenv("BONGSU_ELASTICSEARCH", elastic_node_url(node), 1);
}

static int
stop_node(void **state)
{
    elastic_node_destroy(&node);
    return 0;
}

static int
open_case(void **state)
{
    struct store_case *the;

    elastic_delete_all(elastic_node_url(node));
    if (store_case_open(state) != 0)
        return -1;
    the = *state;
    the->settings.store_retention_ms = RETENTION / MS;
    store_case_reopen(the);
    return 0;
}

static int
is_there(const char *index)
{
    char path[128];

    snprintf(path, sizeof(path), "/%s", index);
    return elastic_status(elastic_node_url(node), "HEAD", path, NULL) == 200;
}

static unsigned
retain(struct store_case *the, int64_t now_us)
{
    unsigned deleted = 99;

    if (the->writer->ops->retain(the->writer, now_us, &deleted, &err) != 0)
        fail_msg("%s", err.text);
    return deleted;
}

/* An event of the day (by its client's key), that came at received_us. */
static void
put(struct store_case *the, uint64_t sequence, int64_t received_us)
{
    store_case_add(the, (struct event_plan){ .sequence = sequence, .type = "x", .key = "k",
                                             .received_s = (received_us - CASE_START) / CASE_SECOND });
    assert_int_equal(store_case_put(the).inserted, 1);
    elastic_refresh(elastic_node_url(node));
}

#define INDEX "bongsu-events-2026.03.01"

/* It is made now, whatever its day is; and what comes to it later keeps it. */
static void
an_index_goes_when_its_last_write_is_past_the_retention(void **state)
{
    struct store_case *the = *state;
    int64_t now_us = clock_real_us();

    put(the, 1, now_us + DAYS(10));
    assert_true(is_there(INDEX));
    assert_int_equal(retain(the, now_us + RETENTION - CASE_HOUR), 0);
    assert_int_equal(retain(the, now_us + RETENTION + DAYS(9)), 0);
    assert_true(is_there(INDEX));
    assert_int_equal(retain(the, now_us + RETENTION + DAYS(11)), 1);
    assert_false(is_there(INDEX));
}

static void
what_is_not_ours_never_goes(void **state)
{
    static const char *const others[] = {
        "companys-own", "bongsu-events-archive", "bongsu-events-2026.03.01-reindexed",
        "bongsu-events-2026-03-01", "bongsu-eventsx",
    };
    struct store_case *the = *state;
    const char *url = elastic_node_url(node);
    char path[128];

    put(the, 1, clock_real_us());
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(path, sizeof(path), "/%s", others[i]);
        json_decref(elastic_put(url, path, "{}"));
    }
    /* its name looks like a day of ours, and it leads to what is not */
    json_decref(elastic_put(url, "/companys-own/_alias/bongsu-events-2026.01.01", "{}"));
    json_decref(elastic_put(url, "/" INDEX "/_alias/bongsu-events-newest", "{}"));
    assert_int_equal(retain(the, clock_real_us() + DAYS(365)), 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_true(is_there(others[i]));
    assert_false(is_there(INDEX));
}

static void
a_closed_index_goes_and_does_not_keep_the_others(void **state)
{
    struct store_case *the = *state;
    const char *url = elastic_node_url(node);

    put(the, 1, clock_real_us());
    json_decref(elastic_put(url, "/bongsu-events-2026.02.01", "{}"));
    json_decref(elastic_post(url, "/bongsu-events-2026.02.01/_close", ""));
    assert_int_equal(retain(the, clock_real_us() + RETENTION - CASE_HOUR), 0);
    assert_int_equal(retain(the, clock_real_us() + RETENTION + CASE_HOUR), 2);
}

static void
over_the_size_the_oldest_go_and_the_newest_stays(void **state)
{
    struct store_case *the = *state;
    const char *url = elastic_node_url(node);

    json_decref(elastic_put(url, "/bongsu-events-2026.02.01", "{}"));
    put(the, 1, clock_real_us());
    the->settings.store_max_bytes = 1;
    store_case_reopen(the);
    assert_int_equal(retain(the, clock_real_us()), 1);
    assert_false(is_there("bongsu-events-2026.02.01"));
    assert_true(is_there(INDEX));
}

static void
set_status(struct store_case *the, unsigned n, int status)
{
    char id[INCIDENT_ID_HEX];

    store_case_incident_id(n, id);
    assert_int_equal(the->writer->ops->set_status(the->writer, id, &(struct incident_change){
        .at_us = CASE_START, .by = (char *)(uintptr_t)"an analyst", .to = status,
        .note = (char *)(uintptr_t)"" }, &err), 1);
}

static void
closed_incidents_go_with_the_retention_and_open_ones_stay(void **state)
{
    static const int statuses[] = { STATUS_OPEN, STATUS_RESOLVED, STATUS_INVESTIGATING,
                                    STATUS_FALSE_POSITIVE };
    struct store_case *the = *state;
    struct incident *found;
    char id[INCIDENT_ID_HEX];

    for (unsigned n = 0; n < 4; n++) {
        store_case_put_incident(the, store_case_incident(n, 1, "192.0.2.1"));
        if (statuses[n] != STATUS_OPEN)
            set_status(the, n, statuses[n]);
    }
    elastic_refresh(elastic_node_url(node));
    retain(the, CASE_START + RETENTION);
    elastic_refresh(elastic_node_url(node));
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-incidents"), 4);
    retain(the, CASE_START + RETENTION + CASE_HOUR);
    elastic_refresh(elastic_node_url(node));
    for (unsigned n = 0; n < 4; n++) {
        int rc;

        store_case_incident_id(n, id);
        found = NULL;
        rc = the->reader->ops->get_incident(the->reader, id, &found, &err);
        assert_int_equal(rc, statuses[n] == STATUS_OPEN || statuses[n] == STATUS_INVESTIGATING);
        incident_destroy(&found);
    }
}

/* --- ILM --- */

static const struct stub_request *
find_request(struct stub *stub, const char *method, const char *path)
{
    for (size_t i = 0; i < stub_count(stub); i++) {
        const struct stub_request *request = stub_request(stub, i);

        if (strcmp(request->method, method) == 0 && strcmp(request->path, path) == 0)
            return request;
    }
    return NULL;
}

/* Set up against a cluster with ILM; what it was told of the policy. */
static json_t *
policy_told(struct stub *stub, int64_t retention_ms, struct store **ret_store)
{
    struct settings settings = { .store_url = (char *)(uintptr_t)stub_url(stub),
                                 .store_retention_ms = retention_ms, .elastic_refresh_ms = 1000,
                                 .elastic_gzip = (char *)(uintptr_t)"off" };
    const struct stub_request *request;
    json_t *policy;

    *ret_store = store_open(&settings, STORE_WRITE, &err);
    assert_non_null(*ret_store);
    stub_set_usual(stub, &(struct stub_answer){
        .body = "{\"version\":{\"number\":\"8.15.0\"},\"operation_mode\":\"RUNNING\",\"acknowledged\":true,"
                "\"errors\":false,\"hits\":{\"hits\":[]}}" });
    if ((*ret_store)->ops->set_up(*ret_store, &err) != STORE_DONE)
        fail_msg("%s", err.text);
    request = find_request(stub, "PUT", "/_ilm/policy/bongsu-events");
    assert_non_null(request);
    policy = json_loads(request->body, 0, NULL);
    assert_non_null(policy);
    return policy;
}

static void
a_cluster_with_ilm_is_told_to_delete_and_deletes_itself(void **state)
{
    struct stub *stub = stub_new();
    struct store *store;
    json_t *policy = policy_told(stub, RETENTION / MS, &store), *template;
    const struct stub_request *request;
    unsigned deleted = 99;

    /* a day more: an index is made when its day begins */
    assert_string_equal(json_string_value(elastic_at(policy, "policy.phases.delete.min_age")), "2678400s");
    assert_non_null(elastic_at(policy, "policy.phases.delete.actions.delete"));
    request = find_request(stub, "PUT", "/_index_template/bongsu-events");
    assert_non_null(request);
    template = json_loads(request->body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(elastic_at(template, "template.settings"),
                                                          "index.lifecycle.name")), "bongsu-events");
    stub_forget(stub);
    stub_script(stub, &(struct stub_answer){
        .body = "[{\"index\":\"bongsu-events-2020.01.01\",\"creation.date\":\"1577836800000\","
                "\"store.size\":\"1000\"}]" }, 1);
    assert_int_equal(store->ops->retain(store, clock_real_us(), &deleted, &err), 0);
    assert_int_equal(deleted, 0);
    assert_null(find_request(stub, "DELETE", "/bongsu-events-2020.01.01"));
    json_decref(template);
    json_decref(policy);
    store_close(&store);
    stub_destroy(&stub);
}

/* An older policy of ours must not go on deleting. */
static void
without_a_retention_the_policy_deletes_nothing(void **state)
{
    struct stub *stub = stub_new();
    struct store *store;
    json_t *policy = policy_told(stub, 0, &store);

    assert_non_null(elastic_at(policy, "policy.phases.hot"));
    assert_null(elastic_at(policy, "policy.phases.delete"));
    json_decref(policy);
    store_close(&store);
    stub_destroy(&stub);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_case, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_index_goes_when_its_last_write_is_past_the_retention),
        TEST(what_is_not_ours_never_goes),
        TEST(a_closed_index_goes_and_does_not_keep_the_others),
        TEST(over_the_size_the_oldest_go_and_the_newest_stays),
        TEST(closed_incidents_go_with_the_retention_and_open_ones_stay),
        cmocka_unit_test(a_cluster_with_ilm_is_told_to_delete_and_deletes_itself),
        cmocka_unit_test(without_a_retention_the_policy_deletes_nothing),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("elastic_retention", tests, start_node, stop_node);
}
