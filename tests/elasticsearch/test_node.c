/*
 * What the store builds on, asked of the real node: each is a fact that we
 * would otherwise have to believe.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/elastic_client.h"
#include "tests/support/elastic_front.h"
#include "tests/support/elastic_node.h"

static struct elastic_node *node;
static const char *url;

static int
start_node(void **state)
{
    node = elastic_node_new();
    elastic_node_start(node);
    url = elastic_node_url(node);
    return 0;
}

static int
stop_node(void **state)
{
    elastic_node_destroy(&node);
    return 0;
}

static int
clean(void **state)
{
    elastic_delete_all(url);
    return 0;
}

/* The integer at a path of an answer, -1: none. Releases the answer. */
static long
number_of(json_t *answer, const char *path)
{
    json_t *at = elastic_at(answer, path);
    long number = json_is_integer(at) ? (long)json_integer_value(at) : -1;

    json_decref(answer);
    return number;
}

static void
check_text(json_t *answer, const char *path, const char *expected)
{
    const char *text = json_string_value(elastic_at(answer, path));

    assert_non_null(text);
    assert_string_equal(text, expected);
    json_decref(answer);
}

static void
says_who_it_is(void **state)
{
    check_text(elastic_get(url, "/"), "version.number", "8.15.0");
}

static void
stores_an_id_once(void **state)
{
    const char *body = "{\"create\":{\"_index\":\"bongsu-t\",\"_id\":\"one\"}}\n{\"a\":1}\n";

    assert_int_equal(number_of(elastic_post(url, "/_bulk", body), "items.0.create.status"), 201);
    assert_int_equal(number_of(elastic_post(url, "/_bulk", body), "items.0.create.status"), 409);
    assert_int_equal(elastic_documents(url, "bongsu-*"), 1);
}

static void
keeps_what_it_confirmed_when_killed(void **state)
{
    json_decref(elastic_post(url, "/_bulk",
                             "{\"create\":{\"_index\":\"bongsu-t\",\"_id\":\"one\"}}\n{}\n"));
    elastic_node_kill(node);
    assert_int_equal(elastic_status(url, "GET", "/", NULL), 0);
    elastic_node_start(node);
    assert_int_equal(elastic_documents(url, "bongsu-*"), 1);
}

static void
ends_in_order_and_starts_again(void **state)
{
    json_decref(elastic_post(url, "/bongsu-t/_doc/one", "{}"));
    elastic_node_stop(node);
    elastic_node_start(node);
    assert_int_equal(elastic_documents(url, "bongsu-*"), 1);
}

/* The state of the node's process, as /proc names it. */
static char
process_state(void)
{
    char path[64], line[256] = "", *at;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/stat", elastic_node_pid(node));
    file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    at = strrchr(line, ')');
    assert_non_null(at);
    return at[2];
}

static void
stands_still_and_goes_on(void **state)
{
    elastic_node_pause(node);
    assert_int_equal(process_state(), 'T');
    elastic_node_resume(node);
    assert_int_equal(elastic_status(url, "GET", "/", NULL), 200);
}

/* --- templates and mapping --- */

#define EVENTS "bongsu-events-2026.01.02"
#define ACTION(id) "{\"create\":{\"_index\":\"" EVENTS "\",\"_id\":\"" id "\"}}\n"

/* Install the kind of template that the store does. */
static void
install_template(void)
{
    json_decref(elastic_put(url, "/_component_template/bongsu-mappings",
        "{\"version\":3,\"template\":{\"settings\":{\"number_of_replicas\":0},\"mappings\":{"
        "\"dynamic\":\"strict\",\"date_detection\":false,\"properties\":{"
        "\"@timestamp\":{\"type\":\"date\"},\"message\":{\"type\":\"text\"},"
        "\"source\":{\"properties\":{\"ip\":{\"type\":\"ip\"}}},"
        "\"event\":{\"properties\":{\"action\":{\"type\":\"keyword\"},\"original\":"
        "{\"type\":\"keyword\",\"index\":false,\"doc_values\":false}}},"
        "\"extra\":{\"type\":\"flattened\"},"
        "\"source_ip\":{\"type\":\"alias\",\"path\":\"source.ip\"},"
        "\"event_type\":{\"type\":\"alias\",\"path\":\"event.action\"}}}}}"));
    json_decref(elastic_put(url, "/_index_template/bongsu-events",
        "{\"index_patterns\":[\"bongsu-events-*\"],\"priority\":501,\"version\":3,"
        "\"composed_of\":[\"bongsu-mappings\"]}"));
}

/* The template, and one event in the index that it makes. */
static void
store_one_event(void)
{
    install_template();
    assert_int_equal(number_of(elastic_post(url, "/_bulk", ACTION("a")
        "{\"@timestamp\":\"2026-01-02T15:30:00Z\",\"source\":{\"ip\":\"10.1.2.3\"},"
        "\"event\":{\"action\":\"login_failed\",\"original\":\"line\"},"
        "\"extra\":{\"deep\":{\"k\":\"v1\"},\"n\":5}}\n"), "items.0.create.status"), 201);
    elastic_refresh(url);
}

/* How many events a query of the Lucene syntax (URL-encoded) finds. */
static long
found_by(const char *query)
{
    char path[256];

    snprintf(path, sizeof(path), "/bongsu-events-*/_search?q=%s", query);
    return number_of(elastic_get(url, path), "hits.total.value");
}

static void
templates_say_their_version(void **state)
{
    assert_int_equal(elastic_status(url, "GET", "/_index_template/bongsu-events", NULL), 404);
    install_template();
    assert_int_equal(number_of(elastic_get(url, "/_component_template/bongsu-mappings"),
                               "component_templates.0.component_template.version"), 3);
    assert_int_equal(number_of(elastic_get(url, "/_index_template/bongsu-events"),
                               "index_templates.0.index_template.version"), 3);
}

static void
finds_by_alias_and_in_flattened(void **state)
{
    store_one_event();
    assert_int_equal(found_by("source_ip:10.1.2.3"), 1);
    assert_int_equal(found_by("source_ip:%2210.0.0.0%2F8%22"), 1);
    assert_int_equal(found_by("source_ip:10.9.9.9"), 0);
    assert_int_equal(found_by("event_type:login_failed"), 1);
    assert_int_equal(found_by("extra.deep.k:v1"), 1);
    assert_int_equal(found_by("extra.n:5"), 1);
    assert_int_equal(found_by("event.original:line"), 0);
}

static void
aggregates_by_alias(void **state)
{
    json_t *answer;

    store_one_event();
    answer = elastic_post(url, "/bongsu-events-*/_search",
        "{\"size\":0,\"aggs\":{\"terms\":{\"terms\":{\"field\":\"source_ip\"}},"
        "\"deep\":{\"terms\":{\"field\":\"extra.deep.k\"}},"
        "\"number\":{\"cardinality\":{\"field\":\"source_ip\"}},"
        "\"days\":{\"date_histogram\":{\"field\":\"@timestamp\",\"calendar_interval\":\"day\","
        "\"time_zone\":\"Asia/Seoul\"}},"
        "\"pages\":{\"composite\":{\"sources\":[{\"x\":{\"terms\":{\"field\":\"event_type\"}}}]}}}}");
    assert_string_equal(json_string_value(elastic_at(answer, "aggregations.terms.buckets.0.key")),
                        "10.1.2.3");
    assert_string_equal(json_string_value(elastic_at(answer, "aggregations.deep.buckets.0.key")), "v1");
    assert_int_equal(json_integer_value(elastic_at(answer, "aggregations.number.value")), 1);
    assert_string_equal(
        json_string_value(elastic_at(answer, "aggregations.days.buckets.0.key_as_string")),
        "2026-01-03T00:00:00.000+09:00");
    check_text(answer, "aggregations.pages.after_key.x", "login_failed");
}

/* The type of a field by _field_caps; "" when there is none, "?" when several. */
static const char *
type_of(const json_t *caps, const char *field)
{
    json_t *types = json_object_get(json_object_get(caps, "fields"), field);

    return types == NULL ? "" : json_object_size(types) != 1 ? "?"
               : json_object_iter_key(json_object_iter(types));
}

static void
field_caps_see_through_aliases(void **state)
{
    json_t *caps;

    store_one_event();
    caps = elastic_get(url, "/bongsu-events-*/_field_caps?fields=*");
    assert_string_equal(type_of(caps, "source_ip"), "ip");
    assert_string_equal(type_of(caps, "event_type"), "keyword");
    assert_string_equal(type_of(caps, "extra"), "flattened");
    assert_string_equal(type_of(caps, "nowhere"), "");
    json_decref(caps);
}

/* --- what it refuses --- */

static void
refuses_documents_one_by_one(void **state)
{
    static char body[200000], longest[40001];
    static const char *const reasons[] = { NULL, "document_parsing_exception",
        "document_parsing_exception", "strict_dynamic_mapping_exception", NULL,
        "document_parsing_exception", "document_parsing_exception", "document_parsing_exception",
        NULL };
    json_t *answer;

    memset(longest, 'x', sizeof(longest) - 1);
    install_template();
    snprintf(body, sizeof(body),
             ACTION("0") "{\"message\":\"good\"}\n"
             ACTION("1") "{\"source_ip\":\"10.1.2.3\"}\n"       /* a write to an alias */
             ACTION("2") "{\"source\":{\"ip\":\"nowhere\"}}\n"
             ACTION("3") "{\"unknown\":1}\n"
             ACTION("4") "{\"event\":{\"original\":\"%s\"}}\n"  /* not indexed: any length */
             ACTION("5") "{\"event\":{\"action\":\"%s\"}}\n"    /* over 32,766 bytes */
             ACTION("6") "{\"extra\":{\"a\":\"%s\"}}\n"         /* there as well */
             ACTION("7") "{\"message\":\n"
             ACTION("8") "{\"message\":\"good\"}\n", longest, longest, longest);
    answer = elastic_post(url, "/_bulk", body);
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        const json_t *item = elastic_at(json_array_get(json_object_get(answer, "items"), i),
                                        "create");
        const char *type = json_string_value(elastic_at(item, "error.type"));

        assert_int_equal(json_integer_value(json_object_get(item, "status")),
                         reasons[i] == NULL ? 201 : 400);
        assert_string_equal(type == NULL ? "" : type, reasons[i] == NULL ? "" : reasons[i]);
    }
    json_decref(answer);
}

static void
refuses_one_field_too_many(void **state)
{
    json_decref(elastic_put(url, "/bongsu-t",
                            "{\"settings\":{\"index.mapping.total_fields.limit\":2}}"));
    assert_int_equal(elastic_status(url, "POST", "/bongsu-t/_doc", "{\"a\":1,\"b\":2}"), 201);
    assert_int_equal(elastic_status(url, "POST", "/bongsu-t/_doc", "{\"c\":1}"), 400);
}

/* These take all their neighbours with them. */
static void
refuses_a_whole_bulk_for_one_bad_line(void **state)
{
    static char body[2048], longest[514];

    memset(longest, 'x', sizeof(longest) - 1);
    snprintf(body, sizeof(body), ACTION("a") "{}\n"
             "{\"create\":{\"_index\":\"" EVENTS "\",\"_id\":\"%s\"}}\n{}\n", longest);
    assert_int_equal(elastic_status(url, "POST", "/_bulk", body), 400);
    assert_int_equal(elastic_status(url, "POST", "/_bulk", ACTION("a") "{}\nnonsense\n"), 400);
    assert_int_equal(elastic_status(url, "POST", "/_bulk", ACTION("a") "{}"), 400);
    assert_int_equal(elastic_documents(url, "bongsu-*"), 0);
}

/* --- blocks: 429 for a full disk, 403 for an order --- */

static void
check_block(const char *block, long status)
{
    char body[128];
    json_t *answer;

    snprintf(body, sizeof(body), "{\"%s\":true}", block);
    json_decref(elastic_put(url, "/" EVENTS "/_settings", body));
    answer = elastic_post(url, "/_bulk", ACTION("b") "{}\n");
    assert_int_equal(json_integer_value(elastic_at(answer, "items.0.create.status")), status);
    check_text(answer, "items.0.create.error.type", "cluster_block_exception");
    snprintf(body, sizeof(body), "{\"%s\":null}", block);
    json_decref(elastic_put(url, "/" EVENTS "/_settings", body));
}

static void
a_block_is_429_or_403(void **state)
{
    store_one_event();
    check_block("index.blocks.read_only_allow_delete", 429);
    check_block("index.blocks.read_only", 403);
    check_block("index.blocks.write", 403);
    json_decref(elastic_put(url, "/_cluster/settings",
                            "{\"persistent\":{\"cluster.blocks.read_only\":true}}"));
    assert_int_equal(elastic_status(url, "POST", "/_bulk", ACTION("b") "{}\n"), 403);
    json_decref(elastic_put(url, "/_cluster/settings",
                            "{\"persistent\":{\"cluster.blocks.read_only\":null}}"));
    assert_int_equal(number_of(elastic_post(url, "/_bulk", ACTION("b") "{}\n"),
                               "items.0.create.status"), 201);
}

/* --- incidents: two writers of one document --- */

static void
the_second_of_two_writers_is_told(void **state)
{
    json_t *answer;

    json_decref(elastic_put(url, "/bongsu-incidents/_create/i", "{\"rev\":1,\"status\":\"open\"}"));
    answer = elastic_get(url, "/bongsu-incidents/_doc/i");
    assert_int_equal(json_integer_value(elastic_at(answer, "_seq_no")), 0);
    assert_int_equal(number_of(answer, "_primary_term"), 1);
    json_decref(elastic_post(url, "/bongsu-incidents/_update/i?if_seq_no=0&if_primary_term=1",
                             "{\"doc\":{\"status\":\"resolved\"}}"));
    assert_int_equal(elastic_status(url, "POST",
                                    "/bongsu-incidents/_update/i?if_seq_no=0&if_primary_term=1",
                                    "{\"doc\":{\"rev\":2}}"), 409);
    check_text(elastic_get(url, "/bongsu-incidents/_doc/i"), "_source.status", "resolved");
}

static void
a_bulk_updates_with_a_condition_each(void **state)
{
    json_t *answer;

    json_decref(elastic_put(url, "/bongsu-incidents/_create/i", "{\"rev\":1,\"status\":\"open\"}"));
    answer = elastic_post(url, "/_bulk",
        "{\"update\":{\"_index\":\"bongsu-incidents\",\"_id\":\"i\",\"if_seq_no\":0,"
        "\"if_primary_term\":1}}\n{\"doc\":{\"rev\":2}}\n"
        "{\"update\":{\"_index\":\"bongsu-incidents\",\"_id\":\"i\",\"if_seq_no\":0,"
        "\"if_primary_term\":1}}\n{\"doc\":{\"rev\":3}}\n"
        "{\"update\":{\"_index\":\"bongsu-incidents\",\"_id\":\"none\"}}\n{\"doc\":{\"rev\":3}}\n");
    assert_int_equal(json_integer_value(elastic_at(answer, "items.0.update.status")), 200);
    assert_int_equal(json_integer_value(elastic_at(answer, "items.1.update.status")), 409);
    assert_int_equal(number_of(answer, "items.2.update.status"), 404);
    answer = elastic_get(url, "/bongsu-incidents/_doc/i");      /* the other fields stay */
    assert_string_equal(json_string_value(elastic_at(answer, "_source.status")), "open");
    assert_int_equal(number_of(answer, "_source.rev"), 2);
}

/* --- data streams, paging, retention --- */

static void
a_data_stream_takes_creates_only(void **state)
{
    long before;

    json_decref(elastic_put(url, "/_index_template/bongsu-alerts",
        "{\"index_patterns\":[\"logs-bongsu.*-*\"],\"data_stream\":{},\"priority\":501,"
        "\"template\":{\"settings\":{\"number_of_replicas\":0}}}"));
    before = elastic_documents(url, "logs-bongsu.alerts-default");
    json_decref(elastic_post(url, "/logs-bongsu.alerts-default/_doc",
                             "{\"@timestamp\":\"2026-01-02T00:00:00Z\"}"));
    assert_int_equal(elastic_status(url, "PUT", "/logs-bongsu.alerts-default/_doc/x",
                                    "{\"@timestamp\":\"2026-01-02T00:00:00Z\"}"), 400);
    assert_int_equal(elastic_status(url, "POST", "/logs-bongsu.alerts-default/_doc", "{}"), 400);
    assert_int_equal(elastic_documents(url, "logs-bongsu.alerts-default"), before + 1);
}

/* What is stored meanwhile is not in the pages. */
static void
pages_of_a_point_in_time_stay_as_they_were(void **state)
{
    char body[2048];
    json_t *pit;

    store_one_event();
    pit = elastic_post(url, "/bongsu-events-*/_pit?keep_alive=1m", NULL);
    json_decref(elastic_post(url, "/" EVENTS "/_doc?refresh=true", "{\"message\":\"later\"}"));
    snprintf(body, sizeof(body), "{\"pit\":{\"id\":\"%s\"},\"sort\":[{\"@timestamp\":\"desc\"}]}",
             json_string_value(json_object_get(pit, "id")));
    assert_int_equal(number_of(elastic_post(url, "/_search", body), "hits.total.value"), 1);
    assert_int_equal(found_by("*"), 2);
    json_decref(pit);
}

static void
an_index_knows_when_it_was_made_and_its_size(void **state)
{
    const json_t *row;
    json_t *indices;

    store_one_event();
    indices = elastic_get(url, "/_cat/indices/bongsu-events-*?format=json&bytes=b"
                               "&h=index,creation.date,store.size,docs.count");
    assert_int_equal(json_array_size(indices), 1);
    row = json_array_get(indices, 0);
    assert_true(strtoll(json_string_value(json_object_get(row, "creation.date")), NULL, 10) > 0);
    assert_true(strtoll(json_string_value(json_object_get(row, "store.size")), NULL, 10) > 0);
    check_text(indices, "0.index", EVENTS);
}

static void
a_cluster_without_ilm_says_so(void **state)
{
    long status = elastic_status(url, "GET", "/_ilm/policy", NULL);

    assert_true(status == 400 || status == 405);
}

/* --- the front --- */

/* "http://" and the rest of the url, with a password. */
static void
with_password(const struct elastic_front *front, const char *password, char *out, size_t size)
{
    const char *rest = strstr(elastic_front_url(front), "://") + 3;

    snprintf(out, size, "%.*s" ELASTIC_FRONT_USER ":%s@%s",
             (int)(rest - elastic_front_url(front)), elastic_front_url(front), password, rest);
}

static void
the_front_asks_for_the_password(void **state)
{
    struct elastic_front *front;
    char right[128], wrong[128];
    long status;

    if (!elastic_front_is_here())
        skip();
    front = elastic_front_new(elastic_node_port(node), 0);
    with_password(front, "first", right, sizeof(right));
    with_password(front, "second", wrong, sizeof(wrong));
    elastic_front_start(front, "first", NULL);
    assert_int_equal(elastic_status(elastic_front_url(front), "GET", "/", NULL), 401);
    assert_int_equal(elastic_status(wrong, "GET", "/", NULL), 401);
    check_text(elastic_request(wrong, "POST", "/_bulk", "{}\n", &status), "error.type",
               "security_exception");
    assert_int_equal(status, 401);
    check_text(elastic_get(right, "/"), "version.number", "8.15.0");
    elastic_front_start(front, "second", NULL);
    assert_int_equal(elastic_status(right, "GET", "/", NULL), 401);
    assert_int_equal(elastic_status(wrong, "GET", "/", NULL), 200);
    elastic_front_stop(front);
    assert_int_equal(elastic_status(wrong, "GET", "/", NULL), 0);
    elastic_front_destroy(&front);
}

static void
the_front_takes_an_api_key(void **state)
{
    struct elastic_front *front;

    if (!elastic_front_is_here())
        skip();
    front = elastic_front_new(elastic_node_port(node), 0);
    elastic_front_start(front, "secret", "aWQ6a2V5");
    elastic_authorize("ApiKey aWQ6a2V4");
    assert_int_equal(elastic_status(elastic_front_url(front), "GET", "/", NULL), 401);
    elastic_authorize("ApiKey aWQ6a2V5");
    assert_int_equal(elastic_status(elastic_front_url(front), "GET", "/", NULL), 200);
    elastic_authorize(NULL);
    elastic_front_destroy(&front);
}

static void
the_front_speaks_tls_of_its_own_ca(void **state)
{
    struct elastic_front *front;
    char right[128];

    if (!elastic_front_is_here())
        skip();
    front = elastic_front_new(elastic_node_port(node), 1);
    elastic_front_start(front, "secret", NULL);
    with_password(front, "secret", right, sizeof(right));
    assert_int_equal(elastic_status(right, "GET", "/", NULL), 0);    /* who signed that? */
    elastic_trust(elastic_front_ca(front));
    assert_int_equal(elastic_status(right, "GET", "/", NULL), 200);
    elastic_trust(NULL);
    elastic_front_destroy(&front);
}

#define TEST(f) cmocka_unit_test_setup(f, clean)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_who_it_is),
        TEST(stores_an_id_once),
        TEST(keeps_what_it_confirmed_when_killed),
        TEST(ends_in_order_and_starts_again),
        TEST(stands_still_and_goes_on),
        TEST(templates_say_their_version),
        TEST(finds_by_alias_and_in_flattened),
        TEST(aggregates_by_alias),
        TEST(field_caps_see_through_aliases),
        TEST(refuses_documents_one_by_one),
        TEST(refuses_one_field_too_many),
        TEST(refuses_a_whole_bulk_for_one_bad_line),
        TEST(a_block_is_429_or_403),
        TEST(the_second_of_two_writers_is_told),
        TEST(a_bulk_updates_with_a_condition_each),
        TEST(a_data_stream_takes_creates_only),
        TEST(pages_of_a_point_in_time_stay_as_they_were),
        TEST(an_index_knows_when_it_was_made_and_its_size),
        TEST(a_cluster_without_ilm_says_so),
        TEST(the_front_asks_for_the_password),
        TEST(the_front_takes_an_api_key),
        TEST(the_front_speaks_tls_of_its_own_ca),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("node", tests, start_node, stop_node);
}
