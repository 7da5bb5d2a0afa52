/*
 * Elasticsearch as it is met outside: behind TLS, a password or an API key, and a
 * proxy with limits of its own. What is not right there stops the indexer, is shown,
 * costs nothing, and goes on once it is mended; nothing secret is ever said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/chain.h"
#include "tests/support/dead_letter.h"
#include "tests/support/elastic_client.h"
#include "tests/support/elastic_front.h"
#include "tests/support/elastic_node.h"
#include "tests/support/fault_proxy.h"

enum { PATIENCE_MS = 60000, PATH_LEN = 512, BIG = 200 * 1024 };

#define PASSWORD "the-secret-password-of-elastic"
#define NEW_PASSWORD "another-secret-password"
#define API_KEY "c2VjcmV0LWtleTpvZi1lbGFzdGlj"
/* of "elastic:" and each password, as RFC 7617 has it */
#define ENCODED "ZWxhc3RpYzp0aGUtc2VjcmV0LXBhc3N3b3JkLW9mLWVsYXN0aWM="
#define NEW_ENCODED "ZWxhc3RpYzphbm90aGVyLXNlY3JldC1wYXNzd29yZA=="

static struct elastic_node *node;
static struct fault_proxy *proxy;       /* between the front and the node: what came through */
static struct elastic_front *front;
static struct chain *chain;
static unsigned posted;

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
open_front(int is_tls)
{
    elastic_delete_all(elastic_node_url(node));
    proxy = fault_proxy_new(elastic_node_port(node));
    front = elastic_front_new((int)strtol(strrchr(fault_proxy_url(proxy), ':') + 1, NULL, 10), is_tls);
    chain = chain_new(NULL, NULL);
    chain_set(chain, "ELASTICSEARCH_URL", elastic_front_url(front));
    chain_set(chain, "ELASTIC_PASSWORD", PASSWORD);
    if (is_tls)
        chain_set(chain, "BONGSU_ELASTIC_CA_FILE", elastic_front_ca(front));
    posted = 0;
    return 0;
}

static int
open_tls(void **state)
{
    return open_front(1);
}

static int
open_plain(void **state)
{
    return open_front(0);
}

static int
close_front(void **state)
{
    chain_destroy(&chain);
    elastic_front_destroy(&front);
    fault_proxy_destroy(&proxy);
    return 0;
}

static void
start(void)
{
    elastic_front_start(front, PASSWORD, API_KEY);
    chain_start_all(chain);
}

static void
post(const char *padding)
{
    struct buf line = { 0 };

    assert_int_equal(buf_printf(&line, "{\"event_type\":\"x\",\"nonce\":\"n%u\",\"padding\":\"%s\"}",
                                posted++, padding), 0);
    assert_int_equal(chain_post(chain, "/log", "application/json", line.ptr, line.len, NULL), 202);
    buf_release(&line);
}

static void
post_some(unsigned count)
{
    while (count-- > 0)
        post("");
}

/* All that was posted is stored, each once, but what was set aside; and no secret was said. */
static void
check_all(unsigned dead)
{
    static const char *const secrets[] = { PASSWORD, NEW_PASSWORD, API_KEY, ENCODED, NEW_ENCODED };
    json_t *events;

    chain_wait_delivered(chain, PATIENCE_MS);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), posted - dead);
    assert_int_equal((unsigned)chain_metric(chain, INDEXER, "bongsu_indexer_dead_letters_total"), dead);
    events = chain_all_events(chain);
    assert_int_equal(json_array_size(events), posted - dead);
    json_decref(events);
    chain_wait_said(chain, INDEXER, "store", "ok", PATIENCE_MS);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        chain_check_unsaid(chain, secrets[i]);
}

static void
with_the_right_authority_and_password_all_goes_through_compressed(void **state)
{
    json_t *dashboard;

    start();
    post_some(50);
    check_all(0);
    assert_true(fault_proxy_counts(proxy).gzipped_bulks > 0);
    dashboard = chain_get(chain, "/dashboard");
    assert_non_null(dashboard);
    assert_int_equal(json_integer_value(elastic_at(dashboard, "totals.events")), posted);
    json_decref(dashboard);
    chain_stop_all(chain);
}

static void
an_api_key_is_enough(void **state)
{
    chain_set(chain, "ELASTIC_PASSWORD", "");
    chain_set(chain, "ELASTIC_API_KEY", API_KEY);
    start();
    post_some(10);
    check_all(0);
    assert_int_equal(fault_proxy_counts(proxy).gzipped_bulks, 0);      /* plain http: auto is off */
}

/* What the indexer says, and that it keeps what comes meanwhile. */
static void
check_waits(const char *text)
{
    double retries = chain_metric(chain, INDEXER, "bongsu_indexer_retries_total");

    post_some(10);
    chain_wait_said(chain, INDEXER, "store", text, PATIENCE_MS);
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_retries_total", retries + 1, PATIENCE_MS);
    assert_true(chain_backlog(chain) >= 10);
}

static void
a_certificate_that_is_not_right_is_waited_out(void **state)
{
    static const struct { const char *kind, *said; } wrong[] = {
        { "expired", "expired" }, { "foreign", "another host" },
    };

    start();
    post_some(10);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        elastic_front_set(front, wrong[i].kind, NULL);
        elastic_front_start(front, PASSWORD, API_KEY);
        check_waits(wrong[i].said);
        elastic_front_set(front, "good", NULL);
        elastic_front_start(front, PASSWORD, API_KEY);
        check_all(0);
    }
}

static void
copy(const char *from, const char *to)
{
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    int c;

    assert_non_null(in);
    assert_non_null(out);
    while ((c = getc(in)) != EOF)
        putc(c, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* The file is mended in its place, as a tool does that renews it: nothing is restarted. */
static void
another_authority_is_refused_until_the_file_is_mended(void **state)
{
    struct elastic_front *other = elastic_front_new(elastic_node_port(node), 1);
    char path[PATH_LEN];

    snprintf(path, sizeof(path), "%s/ca.crt", chain_dir(chain));
    chain_set(chain, "BONGSU_ELASTIC_CA_FILE", path);
    elastic_front_start(front, PASSWORD, API_KEY);
    elastic_front_start(other, PASSWORD, API_KEY);
    copy(elastic_front_ca(front), path);
    chain_start_all(chain);
    post_some(10);
    check_all(0);
    copy(elastic_front_ca(other), path);
    elastic_front_start(front, PASSWORD, API_KEY);      /* connections are made anew */
    check_waits("authority");
    copy(elastic_front_ca(front), path);
    check_all(0);
    elastic_front_destroy(&other);
}

static void
a_changed_password_needs_a_restart_of_the_indexer_and_not_of_ingest(void **state)
{
    long ingest;

    start();
    post_some(10);
    check_all(0);
    ingest = chain_pid(chain, INGEST);
    elastic_front_start(front, NEW_PASSWORD, API_KEY);
    check_waits("401");
    chain_wait_said(chain, INDEXER, "store", "elastic.password", PATIENCE_MS);
    assert_null(chain_get(chain, "/events"));
    for (int i = 0; i < PROCESSES; i++)
        if (i != INGEST)
            assert_int_equal(chain_stop(chain, (enum process)i), 0);
    post_some(10);
    chain_set(chain, "ELASTIC_PASSWORD", NEW_PASSWORD);
    assert_int_equal(chain_revive(chain), PROCESSES - 1);
    chain_wait_ready(chain, PATIENCE_MS);
    check_all(0);
    assert_int_equal(chain_pid(chain, INGEST), ingest);
}

/* 64 KiB is all that this proxy lets through: many events are halved until they fit, and
 * the one that never will is set aside. */
static void
what_is_too_large_is_halved_and_what_never_fits_is_set_aside(void **state)
{
    static char big[BIG + 1], middle[6 * 1024];
    char *reason;

    memset(big, 'b', sizeof(big) - 1);
    memset(middle, 'm', sizeof(middle) - 1);
    elastic_front_set(front, NULL, "64k");
    start();
    assert_int_equal(chain_stop(chain, INDEXER), 0);    /* so that all of it is one request */
    for (int i = 0; i < 100; i++)
        post(i == 50 ? big : middle);
    chain_start(chain, INDEXER, NULL);
    check_all(1);
    assert_true(fault_proxy_counts(proxy).forwarded_bulks > 10);
    reason = dead_letter(chain, "n50");
    assert_non_null(strstr(reason, "413"));
    free(reason);
}

#define TLS(f) cmocka_unit_test_setup_teardown(f, open_tls, close_front)
#define PLAIN(f) cmocka_unit_test_setup_teardown(f, open_plain, close_front)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TLS(with_the_right_authority_and_password_all_goes_through_compressed),
        PLAIN(an_api_key_is_enough),
        TLS(a_certificate_that_is_not_right_is_waited_out),
        TLS(another_authority_is_refused_until_the_file_is_mended),
        PLAIN(a_changed_password_needs_a_restart_of_the_indexer_and_not_of_ingest),
        PLAIN(what_is_too_large_is_halved_and_what_never_fits_is_set_aside),
    };

    if (!elastic_is_here() || !elastic_front_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("elastic_secured", tests, start_node, stop_node);
}
