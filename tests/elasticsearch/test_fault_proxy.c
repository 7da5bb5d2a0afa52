/*
 * The fault proxy before the real node: each fault does what it says, and the
 * counts that other tests lean on are right.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "tests/support/elastic_client.h"
#include "tests/support/elastic_node.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/wait.h"

enum { MAX_BODY = 64 * 1024, WAIT_MS = 20000 };

#define BULK "/_bulk?filter_path=errors,items.*.status,items.*.error"

static struct elastic_node *node;
static struct fault_proxy *proxy;
static const char *url, *direct;

static int
start_node(void **state)
{
    node = elastic_node_new();
    elastic_node_start(node);
    direct = elastic_node_url(node);
    return 0;
}

static int
stop_node(void **state)
{
    elastic_node_destroy(&node);
    return 0;
}

static int
open_proxy(void **state)
{
    elastic_delete_all(direct);
    json_decref(elastic_put(direct, "/bongsu-t", "{\"settings\":{\"number_of_replicas\":0}}"));
    proxy = fault_proxy_new(elastic_node_port(node));
    url = fault_proxy_url(proxy);
    return 0;
}

static int
close_proxy(void **state)
{
    fault_proxy_destroy(&proxy);
    return 0;
}

/* A _bulk that creates count documents, named from first on. */
static char *
bulk_of(int first, int count)
{
    static char body[MAX_BODY];
    size_t len = 0;

    for (int i = first; i < first + count; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len,
                                "{\"create\":{\"_index\":\"bongsu-t\",\"_id\":\"%d\"}}\n"
                                "{\"n\":%d}\n", i, i);
    assert_true(len < sizeof(body) - 1);
    return body;
}

/* Items of an answer with this status. */
static int
items_with(const json_t *answer, int status)
{
    json_t *item;
    size_t i;
    int count = 0;

    json_array_foreach(json_object_get(answer, "items"), i, item)
        count += json_integer_value(elastic_at(item, "create.status")) == status;
    return count;
}

static size_t
discard(char *bytes, size_t size, size_t count, void *ctx)
{
    return count;
}

/* One POST as libcurl makes it: its result, and the status. */
static CURLcode
post(const char *path, const char *const *headers, const char *body, size_t len, long *ret_status,
     long timeout_ms)
{
    char target[512];
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    CURL *curl = curl_easy_init();
    CURLcode code;

    for (; headers != NULL && *headers != NULL; headers++)
        list = curl_slist_append(list, *headers);
    snprintf(target, sizeof(target), "%s%s", url, path);
    curl_easy_setopt(curl, CURLOPT_URL, target);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    code = curl_easy_perform(curl);
    *ret_status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return code;
}

static CURLcode
post_bulk(int first, int count)
{
    char *body = bulk_of(first, count);
    long status;

    return post(BULK, NULL, body, strlen(body), &status, WAIT_MS);
}

static void
order(struct fault_order what)
{
    fault_proxy_order(proxy, &what);
}

/* --- what it passes on --- */

static void
passes_what_it_has_no_order_for(void **state)
{
    json_t *answer = elastic_post(url, BULK, bulk_of(0, 10));
    struct fault_counts counts = fault_proxy_counts(proxy);

    assert_int_equal(items_with(answer, 201), 10);
    json_decref(answer);
    assert_int_equal(elastic_status(url, "HEAD", "/bongsu-t", NULL), 200);
    assert_int_equal(elastic_status(url, "HEAD", "/bongsu-u", NULL), 404);
    assert_int_equal(counts.bulks, 1);
    assert_int_equal(counts.documents, 10);
    assert_int_equal(counts.forwarded_documents, 10);
    assert_int_equal(counts.lost_answers, 0);
    assert_int_equal(counts.repeats, 0);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 10);
}

static void
counts_repeats(void **state)
{
    json_decref(elastic_post(url, BULK, bulk_of(0, 10)));
    json_decref(elastic_post(url, BULK, bulk_of(5, 10)));
    assert_int_equal(fault_proxy_counts(proxy).repeats, 5);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 15);
}

static void
takes_gzip_chunks_and_expect(void **state)
{
    const char *gzip[] = { "Content-Encoding: gzip", "Expect: 100-continue", NULL };
    const char *chunks[] = { "Transfer-Encoding: chunked", NULL };
    char *body = bulk_of(0, 20);
    unsigned char zipped[MAX_BODY];
    z_stream stream = { .next_in = (unsigned char *)body, .avail_in = (unsigned)strlen(body),
                        .next_out = zipped, .avail_out = sizeof(zipped) };
    long status;

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    assert_int_equal(post(BULK, gzip, (char *)zipped, stream.total_out, &status, WAIT_MS), CURLE_OK);
    assert_int_equal(status, 200);
    body = bulk_of(20, 5);
    assert_int_equal(post(BULK, chunks, body, strlen(body), &status, WAIT_MS), CURLE_OK);
    assert_int_equal(status, 200);
    assert_int_equal(fault_proxy_counts(proxy).gzipped_bulks, 1);
    assert_int_equal(fault_proxy_counts(proxy).documents, 25);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 25);
}

static void
a_dead_node_is_a_closed_connection(void **state)
{
    elastic_node_kill(node);
    assert_int_equal(post_bulk(0, 1), CURLE_GOT_NOTHING);
    elastic_node_start(node);
    assert_int_equal(post_bulk(0, 1), CURLE_OK);
}

/* --- faults that the node does not see --- */

static void
refuses_connections_until_told(void **state)
{
    order((struct fault_order){ .kind = FAULT_REFUSE });
    assert_int_equal(post_bulk(0, 1), CURLE_COULDNT_CONNECT);
    assert_int_equal(post_bulk(0, 1), CURLE_COULDNT_CONNECT);
    fault_proxy_order(proxy, NULL);
    assert_int_equal(post_bulk(0, 1), CURLE_OK);
    assert_int_equal(fault_proxy_counts(proxy).forwarded_bulks, 1);
}

static void
a_blackhole_reads_and_never_answers(void **state)
{
    char *body = bulk_of(0, 3);
    long status;

    order((struct fault_order){ .kind = FAULT_BLACKHOLE });
    assert_int_equal(post(BULK, NULL, body, strlen(body), &status, 300), CURLE_OPERATION_TIMEDOUT);
    assert_int_equal(fault_proxy_counts(proxy).documents, 3);
    assert_int_equal(fault_proxy_counts(proxy).forwarded_bulks, 0);
    fault_proxy_order(proxy, NULL);
    assert_int_equal(post_bulk(0, 3), CURLE_OK);
}

static void
answers_whole_requests_n_times(void **state)
{
    order((struct fault_order){ .kind = FAULT_STATUS, .status = 429, .times = 2, .path = "_bulk" });
    assert_int_equal(elastic_status(url, "GET", "/", NULL), 200);
    assert_int_equal(elastic_status(url, "POST", BULK, bulk_of(0, 1)), 429);
    assert_true(fault_proxy_is_faulty(proxy));
    assert_int_equal(elastic_status(url, "POST", BULK, bulk_of(0, 1)), 429);
    assert_false(fault_proxy_is_faulty(proxy));
    assert_int_equal(elastic_status(url, "POST", BULK, bulk_of(0, 1)), 200);
    assert_int_equal(fault_proxy_counts(proxy).met[FAULT_STATUS], 2);
    assert_int_equal(fault_proxy_counts(proxy).forwarded_bulks, 1);
}

static void
says_what_elasticsearch_says(void **state)
{
    static const struct { int status; const char *type; } rows[] = {
        { 401, "security_exception" },
        { 429, "es_rejected_execution_exception" },
        { 503, "unavailable_shards_exception" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *answer;
        long status;

        order((struct fault_order){ .kind = FAULT_STATUS, .status = rows[i].status });
        answer = elastic_request(url, "GET", "/", NULL, &status);
        assert_int_equal(status, rows[i].status);
        assert_string_equal(json_string_value(elastic_at(answer, "error.type")), rows[i].type);
        json_decref(answer);
    }
}

static void
answers_with_a_page_that_is_no_json(void **state)
{
    long status;

    order((struct fault_order){ .kind = FAULT_STATUS, .status = 200, .body = "<html>502</html>",
                                .headers = "Content-Type: text/html\r\n" });
    assert_null(elastic_request(url, "POST", BULK, bulk_of(0, 1), &status));
    assert_int_equal(status, 200);
}

/* --- single items --- */

static void
refuses_a_share_of_the_items(void **state)
{
    json_t *answer;

    order((struct fault_order){ .kind = FAULT_ITEMS, .percent = 30 });
    answer = elastic_post(url, BULK, bulk_of(0, 100));
    assert_true(json_is_true(json_object_get(answer, "errors")));
    assert_int_equal(json_array_size(json_object_get(answer, "items")), 100);
    assert_int_equal(items_with(answer, 429), 30);
    assert_int_equal(items_with(answer, 201), 70);
    json_decref(answer);
    assert_int_equal(fault_proxy_counts(proxy).refused_items, 30);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 70);
}

/* An item says 201 exactly when its own document is there. */
static void
a_refusal_stands_at_its_item(void **state)
{
    json_t *answer, *item;
    size_t i;

    order((struct fault_order){ .kind = FAULT_ITEMS, .percent = 40, .times = 1 });
    answer = elastic_post(url, "/_bulk", bulk_of(0, 10));
    json_array_foreach(json_object_get(answer, "items"), i, item) {
        char path[64], id[24];
        long status = (long)json_integer_value(elastic_at(item, "create.status"));

        snprintf(id, sizeof(id), "%zu", i);
        assert_string_equal(json_string_value(elastic_at(item, "create._id")), id);
        snprintf(path, sizeof(path), "/bongsu-t/_doc/%zu", i);
        assert_int_equal(elastic_status(direct, "GET", path, NULL), status == 201 ? 200 : 404);
    }
    json_decref(answer);
}

static void
refuses_all_items_without_the_node(void **state)
{
    json_t *answer;

    order((struct fault_order){ .kind = FAULT_ITEMS, .status = 503, .times = 1 });
    answer = elastic_post(url, BULK, bulk_of(0, 10));
    assert_int_equal(items_with(answer, 503), 10);
    json_decref(answer);
    assert_int_equal(fault_proxy_counts(proxy).forwarded_bulks, 0);
    answer = elastic_post(url, BULK, bulk_of(0, 10));
    assert_int_equal(items_with(answer, 201), 10);
    json_decref(answer);
}

/* --- executed, and the answer goes wrong --- */

static void
loses_answers_of_what_was_executed(void **state)
{
    order((struct fault_order){ .kind = FAULT_LOSE, .times = 2, .path = "_bulk" });
    assert_int_equal(post_bulk(0, 10), CURLE_GOT_NOTHING);
    assert_int_equal(post_bulk(0, 10), CURLE_GOT_NOTHING);
    assert_int_equal(post_bulk(0, 10), CURLE_OK);
    assert_int_equal(fault_proxy_counts(proxy).lost_answers, 2);
    assert_int_equal(fault_proxy_counts(proxy).lost_documents, 20);
    assert_int_equal(fault_proxy_counts(proxy).repeats, 20);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 10);
}

static void
cuts_an_answer_in_the_middle(void **state)
{
    order((struct fault_order){ .kind = FAULT_CUT, .bytes = 200, .times = 1 });
    assert_int_equal(post_bulk(0, 10), CURLE_PARTIAL_FILE);
    assert_int_equal(fault_proxy_counts(proxy).lost_answers, 1);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 10);
}

static void
an_answer_may_lack_an_item(void **state)
{
    json_t *answer;

    order((struct fault_order){ .kind = FAULT_SHORT, .times = 1 });
    answer = elastic_post(url, BULK, bulk_of(0, 10));
    assert_int_equal(json_array_size(json_object_get(answer, "items")), 9);
    json_decref(answer);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 10);
}

static void
answers_late(void **state)
{
    int64_t begun = now_ms();

    order((struct fault_order){ .kind = FAULT_DELAY, .delay_ms = 300, .times = 1 });
    assert_int_equal(post_bulk(0, 1), CURLE_OK);
    assert_true(now_ms() - begun >= 300);
    assert_int_equal(fault_proxy_counts(proxy).lost_answers, 0);
}

static void
a_client_that_left_has_lost_its_answer(void **state)
{
    char *body = bulk_of(0, 10);
    long status;

    order((struct fault_order){ .kind = FAULT_DELAY, .delay_ms = 600, .times = 1 });
    assert_int_equal(post(BULK, NULL, body, strlen(body), &status, 200), CURLE_OPERATION_TIMEDOUT);
    assert_int_equal(fault_proxy_wait_for(proxy, offsetof(struct fault_counts, lost_answers), 1,
                                          WAIT_MS), 0);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 10);
}

/* The node works on it when the line goes dead: executed, never answered. */
static void
a_blackhole_swallows_answers_on_their_way(void **state)
{
    size_t forwarded = offsetof(struct fault_counts, forwarded_bulks);
    CURLM *multi = curl_multi_init();
    CURL *curl = curl_easy_init();
    char target[256], *body = bulk_of(0, 10);
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    int running = 1;

    snprintf(target, sizeof(target), "%s" BULK, url);
    curl_easy_setopt(curl, CURLOPT_URL, target);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_multi_add_handle(multi, curl);
    order((struct fault_order){ .kind = FAULT_DELAY, .delay_ms = 500, .times = 1 });
    while (fault_proxy_wait_for(proxy, forwarded, 1, 10) != 0)
        curl_multi_perform(multi, &running);
    order((struct fault_order){ .kind = FAULT_BLACKHOLE });
    assert_int_equal(fault_proxy_wait_for(proxy, offsetof(struct fault_counts, lost_answers), 1,
                                          WAIT_MS), 0);
    curl_multi_perform(multi, &running);
    assert_int_equal(running, 1);
    curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
    curl_multi_cleanup(multi);
    curl_slist_free_all(list);
    assert_int_equal(elastic_documents(direct, "bongsu-*"), 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_proxy, close_proxy)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(passes_what_it_has_no_order_for),
        TEST(counts_repeats),
        TEST(takes_gzip_chunks_and_expect),
        TEST(a_dead_node_is_a_closed_connection),
        TEST(refuses_connections_until_told),
        TEST(a_blackhole_reads_and_never_answers),
        TEST(answers_whole_requests_n_times),
        TEST(says_what_elasticsearch_says),
        TEST(answers_with_a_page_that_is_no_json),
        TEST(refuses_a_share_of_the_items),
        TEST(a_refusal_stands_at_its_item),
        TEST(refuses_all_items_without_the_node),
        TEST(loses_answers_of_what_was_executed),
        TEST(cuts_an_answer_in_the_middle),
        TEST(an_answer_may_lack_an_item),
        TEST(answers_late),
        TEST(a_client_that_left_has_lost_its_answer),
        TEST(a_blackhole_swallows_answers_on_their_way),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("fault proxy", tests, start_node, stop_node);
}
