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
    check_text(elastic_call(wrong, "POST", "/_bulk", "{}\n", &status), "error.type",
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
        TEST(the_front_asks_for_the_password),
        TEST(the_front_speaks_tls_of_its_own_ca),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("node", tests, start_node, stop_node);
}
