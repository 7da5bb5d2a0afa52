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
#include <string.h>

#include <cmocka.h>

#include "tests/support/elastic_client.h"
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
    assert_int_equal(elastic_count(url, "bongsu-*"), 1);
}

static void
keeps_what_it_confirmed_when_killed(void **state)
{
    json_decref(elastic_post(url, "/_bulk",
                             "{\"create\":{\"_index\":\"bongsu-t\",\"_id\":\"one\"}}\n{}\n"));
    elastic_node_kill(node);
    assert_int_equal(elastic_status(url, "GET", "/", NULL), 0);
    elastic_node_start(node);
    assert_int_equal(elastic_count(url, "bongsu-*"), 1);
}

static void
ends_in_order_and_starts_again(void **state)
{
    json_decref(elastic_post(url, "/bongsu-t/_doc/one", "{}"));
    elastic_node_stop(node);
    elastic_node_start(node);
    assert_int_equal(elastic_count(url, "bongsu-*"), 1);
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
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("node", tests, start_node, stop_node);
}
