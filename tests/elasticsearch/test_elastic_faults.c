/*
 * Faults of Elasticsearch that must cost nothing: the real pipeline and a real
 * node, with a proxy between them that breaks things. Afterwards every event
 * that was answered 2xx is in exactly one document, or in the dead letters.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/store/store.h"
#include "tests/support/chain.h"
#include "tests/support/elastic_client.h"
#include "tests/support/elastic_node.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/load.h"

enum { PATIENCE_MS = 60000, DRAIN_MS = 600000, BATCH = 20, RATE = 2000 };

static struct elastic_node *node;
static struct fault_proxy *proxy;
static struct chain *chain;
static struct load *load;

static int
start_node(void **state)
{
    node = elastic_node_new();
    elastic_node_start(node);
    return 0;
}

static int
stop_node(void **state)
{
    elastic_node_destroy(&node);
    return 0;
}

static int
start_chain(void **state)
{
    elastic_delete_all(elastic_node_url(node));
    proxy = fault_proxy_new(elastic_node_port(node));
    chain = chain_new(NULL, NULL);
    chain_set(chain, "ELASTICSEARCH_URL", fault_proxy_url(proxy));
    chain_set(chain, "BONGSU_ELASTIC_BULK_EVENTS", "200");
    chain_start_all(chain);
    load = load_new(&(struct load_spec){ .chain = chain, .clients = 2, .batch = BATCH,
                                         .per_second = RATE, .sources = 3 });
    return 0;
}

static int
stop_chain(void **state)
{
    load_destroy(&load);
    chain_destroy(&chain);
    fault_proxy_destroy(&proxy);
    return 0;
}

static double
metric(enum process which, const char *name)
{
    return chain_metric(chain, which, name);
}

/* The balance sheet closes, to the event: the store counts over its documents. */
static void
check_balance(void)
{
    struct settings settings = {
        .store_url = (char *)(uintptr_t)elastic_node_url(node), .elastic_timeout_ms = 60000,
        .elastic_gzip = (char *)(uintptr_t)"off" };
    int64_t hour = ledger_hour(clock_real_us()), sum = 0;
    struct ledger *hours = calloc(1, sizeof(*hours));
    struct err err;
    struct store *store = store_open(&settings, STORE_READ, &err);

    assert_non_null(store);
    assert_non_null(hours);
    if (store->ops->get_ledger(store, hour - 2, hour + 1, hours, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < hours->count; i++)
        sum += (int64_t)(hours->rows[i].counts[LEDGER_STORED] + hours->rows[i].counts[LEDGER_NOT_STORED]);
    assert_int_equal(sum, (int64_t)metric(INGEST, "bongsu_ingest_events_accepted_total"));
    free(hours);
    store_close(&store);
}

/* Nothing lost, nothing twice: by the node's own count. */
static void
check_counts(unsigned dead)
{
    load_stop(load);
    chain_wait_delivered(chain, DRAIN_MS);
    elastic_refresh(elastic_node_url(node));
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"),
                     (long)metric(INGEST, "bongsu_ingest_events_accepted_total") - (long)dead);
    assert_int_equal((long)metric(INDEXER, "bongsu_indexer_dead_letters_total"), dead);
    check_balance();
}

/* And by what the api shows: each event once, as it was sent. */
static void
check_all(void)
{
    check_counts(0);
    load_check_stored(load, DRAIN_MS);
}

static void
order(struct fault_order order)
{
    fault_proxy_order(proxy, &order);
}

static void
wait_met(enum fault_kind kind, size_t times)
{
    assert_int_equal(fault_proxy_wait_for(proxy, offsetof(struct fault_counts, met) +
                                                     (size_t)kind * sizeof(size_t),
                                          times, PATIENCE_MS), 0);
}

/* Until the indexer says that the store is not well; and is again. */
static void
wait_store(int is_well)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        json_t *status = chain_status(chain, INDEXER);
        const char *said = json_string_value(
            json_object_get(json_object_get(status, "checks"), "store"));
        int is_ok = said == NULL || strcmp(said, "ok") == 0;

        json_decref(status);
        if (is_ok == is_well)
            return;
        assert_true(now_ms() < deadline);
        wait_a_little();
    }
}

static void
begin(void)
{
    load_start(load);
    load_wait_accepted(load, 400, PATIENCE_MS);
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_events_stored_total", 200, PATIENCE_MS);
}

static void
requests_that_are_refused_for_now_are_sent_again(void **state)
{
    begin();
    order((struct fault_order){ .kind = FAULT_STATUS, .path = "_bulk", .status = 429, .times = 5 });
    wait_met(FAULT_STATUS, 5);
    order((struct fault_order){ .kind = FAULT_STATUS, .path = "_bulk", .status = 503, .times = 5 });
    wait_met(FAULT_STATUS, 10);
    check_all();
}

static void
items_that_are_refused_for_now_are_sent_again_alone(void **state)
{
    begin();
    order((struct fault_order){ .kind = FAULT_ITEMS, .path = "filter_path", .percent = 30, .times = 6 });
    wait_met(FAULT_ITEMS, 6);
    check_all();
    assert_true(metric(INDEXER, "bongsu_indexer_retried_events_total") > 0);
}

static void
an_answer_that_is_lost_cut_or_short_is_no_answer(void **state)
{
    static const enum fault_kind kinds[] = { FAULT_LOSE, FAULT_CUT, FAULT_SHORT };

    begin();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        order((struct fault_order){ .kind = kinds[i], .path = "_bulk", .times = 4, .bytes = 300 });
        wait_met(kinds[i], 4);
    }
    check_all();
    /* they were executed: the same documents met themselves */
    assert_true(fault_proxy_counts(proxy).repeats > 0);
    assert_true(metric(INDEXER, "bongsu_indexer_events_repeated_total") > 0);
}

static void
a_node_that_is_killed_under_load_loses_nothing(void **state)
{
    for (int round = 0; round < 2; round++) {
        load_start(load);
        load_wait_accepted(load, 2000, PATIENCE_MS);
        elastic_node_kill(node);
        load_wait_accepted(load, 2000, PATIENCE_MS);        /* ingest goes on answering */
        elastic_node_start(node);
        load_stop(load);
    }
    check_all();
}

/* BONGSU_AWAY_S, as make torture has it; else a minute. */
static int64_t
away_ms(void)
{
    const char *seconds = getenv("BONGSU_AWAY_S");

    if (seconds != NULL)
        return strtol(seconds, NULL, 10) * 1000;
    return is_slow() ? 15000 : 60000;
}

static void
a_node_that_is_down_for_long_costs_only_time(void **state)
{
    long before[PROCESSES], stored;
    int64_t until;

    begin();
    wait_store(1);
    for (int i = 0; i < PROCESSES; i++)
        before[i] = chain_resident_kib(chain, (enum process)i);
    order((struct fault_order){ .kind = FAULT_REFUSE });
    wait_store(0);
    for (until = now_ms() + away_ms(); now_ms() < until;)
        wait_a_little();
    stored = (long)metric(INDEXER, "bongsu_indexer_events_stored_total");
    assert_true(chain_backlog(chain) > RATE);               /* it waits in the journal */
    for (int i = 0; i < PROCESSES; i++) {
        long kib = chain_resident_kib(chain, (enum process)i);

        printf("  %s: %ld MiB before, %ld after\n", process_names[i], before[i] / 1024, kib / 1024);
        if (!is_slow())
            assert_true(kib < before[i] + 64 * 1024);
    }
    order((struct fault_order){ .kind = FAULT_NONE });
    check_all();
    assert_true(metric(INDEXER, "bongsu_indexer_events_stored_total") > (double)stored);
}

static void
a_connection_into_the_dark_is_given_up(void **state)
{
    begin();
    chain_kill(chain, INDEXER);
    chain_set(chain, "BONGSU_ELASTIC_TIMEOUT", "3s");
    chain_start(chain, INDEXER, NULL);
    order((struct fault_order){ .kind = FAULT_BLACKHOLE, .path = "_bulk" });
    wait_met(FAULT_BLACKHOLE, 3);
    wait_store(0);
    order((struct fault_order){ .kind = FAULT_NONE });
    check_all();
}

static void
a_read_only_index_is_waited_for(void **state)
{
    static const char block[] = "{\"index.blocks.read_only_allow_delete\":%s}";
    char body[64];

    begin();
    snprintf(body, sizeof(body), block, "true");
    json_decref(elastic_put(elastic_node_url(node), "/bongsu-events-*/_settings", body));
    wait_store(0);
    snprintf(body, sizeof(body), block, "null");
    json_decref(elastic_put(elastic_node_url(node), "/bongsu-events-*/_settings", body));
    check_all();
}

static void
a_wrong_password_stops_and_shouts_and_keeps_everything(void **state)
{
    json_t *status;
    char *text;

    begin();
    order((struct fault_order){ .kind = FAULT_STATUS, .status = 401 });
    wait_store(0);
    load_wait_accepted(load, 1000, PATIENCE_MS);
    status = chain_status(chain, INDEXER);
    text = json_dumps(status, 0);
    assert_non_null(strstr(text, "401"));
    assert_non_null(strstr(text, "elastic.password"));
    free(text);
    json_decref(status);
    order((struct fault_order){ .kind = FAULT_NONE });
    check_all();
}

static void
post(const char *line)
{
    assert_int_equal(chain_post(chain, "/log", "application/json", line, strlen(line), NULL), 202);
}

/* A field that was an object cannot be a text: the document is refused for good. */
static void
one_poisoned_document_goes_to_the_dead_letters_alone(void **state)
{
    post("{\"event_type\":\"x\",\"shop\":{\"name\":\"corner\"}}");
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_events_stored_total", 1, PATIENCE_MS);
    begin();
    post("{\"event_type\":\"x\",\"shop\":\"a text\"}");
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_dead_letters_total", 1, PATIENCE_MS);
    check_counts(1);
}

/* The letters that the api lists, when there are so many that somebody tried so often. */
static json_t *
wait_letters(size_t count, json_int_t attempts)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        json_t *page = chain_get(chain, "/deadletters"), *letter;
        json_t *list = json_object_get(page, "deadletters");
        size_t i, fitting = 0;

        json_array_foreach(list, i, letter)
            fitting += json_integer_value(json_object_get(letter, "attempts")) == attempts &&
                       json_is_false(json_object_get(letter, "wanted"));
        if (json_array_size(list) == count && fitting == count)
            return page;
        json_decref(page);
        if (now_ms() > deadline)
            fail_msg("there are no %zu dead letters with %d attempts", count, (int)attempts);
        wait_a_little();
    }
}

static void
retry_all(void)
{
    static const char all[] = "{\"all\":true}";

    assert_int_equal(chain_post_api(chain, "/deadletters/retry", all, strlen(all)), 202);
}

/* Refused as often as it is tried, and stored once when the mapping takes it; the node is
 * away meanwhile. All that is a letter stays one, and the balance closes. */
static void
a_dead_letter_is_stored_once_when_the_mapping_takes_it(void **state)
{
    static const char mapping[] = "{\"mappings\":{\"properties\":{\"shop\":"
                                  "{\"type\":\"object\",\"enabled\":false}}}}";
    char path[128];
    json_t *page;

    post("{\"event_type\":\"x\",\"shop\":{\"name\":\"corner\"}}");
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_events_stored_total", 1, PATIENCE_MS);
    post("{\"event_type\":\"x\",\"shop\":\"a text\"}");
    page = wait_letters(1, 0);
    snprintf(path, sizeof(path), "/bongsu-events-%.4s.%.2s.%.2s",
             json_string_value(elastic_at(page, "deadletters.0.received_at")),
             json_string_value(elastic_at(page, "deadletters.0.received_at")) + 5,
             json_string_value(elastic_at(page, "deadletters.0.received_at")) + 8);
    assert_non_null(strstr(json_string_value(elastic_at(page, "deadletters.0.reason")), "shop"));
    assert_string_equal(json_string_value(elastic_at(page, "deadletters.0.event.shop")), "a text");
    json_decref(page);
    retry_all();
    json_decref(wait_letters(1, 1));
    order((struct fault_order){ .kind = FAULT_LOSE, .path = "_bulk", .times = 3 });
    json_decref(elastic_request(elastic_node_url(node), "DELETE", path, NULL, NULL));
    json_decref(elastic_put(elastic_node_url(node), path, mapping));
    elastic_refresh(elastic_node_url(node));
    while (chain_post_api(chain, "/deadletters/retry", "{\"all\":true}", 12) != 202)
        wait_a_little();                        /* its own answer may be the one that is lost */
    json_decref(wait_letters(0, 0));
    wait_met(FAULT_LOSE, 3);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), 1);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-deadletter"), 0);
}

/* Two rows of the journal, one document: the second row's place is not the twin's. */
static void
what_its_client_keyed_and_sent_twice_is_one_document(void **state)
{
    static const char line[] = "{\"event_type\":\"x\",\"idempotency_key\":\"a key\","
                               "\"timestamp\":\"2026-01-02T03:04:05Z\"}";

    post(line);
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_events_stored_total", 1, PATIENCE_MS);
    post(line);
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_events_repeated_total", 1, PATIENCE_MS);
    chain_wait_delivered(chain, DRAIN_MS);
    elastic_refresh(elastic_node_url(node));
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), 1);
    check_balance();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start_chain, stop_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_that_are_refused_for_now_are_sent_again),
        TEST(items_that_are_refused_for_now_are_sent_again_alone),
        TEST(an_answer_that_is_lost_cut_or_short_is_no_answer),
        TEST(a_node_that_is_killed_under_load_loses_nothing),
        TEST(a_connection_into_the_dark_is_given_up),
        TEST(a_read_only_index_is_waited_for),
        TEST(a_wrong_password_stops_and_shouts_and_keeps_everything),
        TEST(one_poisoned_document_goes_to_the_dead_letters_alone),
        TEST(a_dead_letter_is_stored_once_when_the_mapping_takes_it),
        TEST(what_its_client_keyed_and_sent_twice_is_one_document),
        TEST(a_node_that_is_down_for_long_costs_only_time),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("elastic_faults", tests, start_node, stop_node);
}
