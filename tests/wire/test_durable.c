/*
 * A shipper moves on when it is told 201: it is told so only of what is on disk. And
 * when nothing can be taken, it is told so that it waits and sends it again.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/chain.h"
#include "tests/support/raw_client.h"

enum { DEADLINE_MS = 60000 };

static struct chain *chain;

/* A _bulk of one document; its status (0: no answer) and answer. */
static int
ship(const char *body, size_t len, struct buf *answer)
{
    struct buf request = { 0 };
    int status;

    buf_printf(&request, "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: ApiKey %s\r\n"
               "Content-Type: application/x-ndjson\r\nConnection: close\r\n"
               "Content-Length: %zu\r\n\r\n", chain_key(chain), len);
    buf_append(&request, body, len);
    status = raw_say(chain_ingest_url(chain), request.ptr, request.len, answer);
    buf_release(&request);
    return status;
}

static int
has(const struct buf *answer, const char *text)
{
    return answer->len > 0 && strstr(answer->ptr, text) != NULL;
}

static const char one[] = "{\"create\":{\"_id\":\"%d\"}}\n{\"@timestamp\":\"2026-11-22T10:00:00Z\","
                          "\"event\":{\"action\":\"durable\"},\"n\":%d}\n";

/* Killed before the commit: no answer, nothing stored. Killed after it: perhaps no
 * answer, and stored. What was not answered is sent again: each is stored once. */
static void
nothing_is_201_before_it_is_on_disk(void **state)
{
    static const char *const faults[] = { "ingest.before_commit:1", "ingest.after_commit:1",
                                          "ingest.after_reply:1", NULL };
    struct buf answer = { 0 };
    char body[256];
    json_t *events;

    (void)state;
    for (int i = 0; i < 4; i++) {
        int len = snprintf(body, sizeof(body), one, i, i), status;

        chain_wait_delivered(chain, DEADLINE_MS);
        chain_stop(chain, INGEST);
        chain_start(chain, INGEST, faults[i]);
        chain_wait_ready(chain, DEADLINE_MS);
        status = ship(body, (size_t)len, &answer);
        if (i < 2)
            assert_int_equal(status, 0);
        if (faults[i] == NULL) {
            assert_int_equal(status, 200);
            assert_true(has(&answer, "\"status\":201"));
            continue;
        }
        while (!chain_has_died(chain, INGEST))
            wait_a_little();
        chain_revive(chain);
        chain_wait_ready(chain, DEADLINE_MS);
        assert_int_equal(ship(body, (size_t)len, &answer), 200);
    }
    chain_wait_delivered(chain, DEADLINE_MS);
    events = chain_all_events(chain);
    assert_int_equal(json_array_size(events), 4);
    json_decref(events);
    buf_release(&answer);
}

/* A journal of 4 MiB, which nobody reads. */
static void
a_full_journal_is_503_with_retry_after_and_elasticsearchs_error(void **state)
{
    struct buf body = { 0 }, answer = { 0 };
    int status = 0;

    (void)state;
    chain_kill(chain, INDEXER);
    for (int i = 0; i < 2000; i++) {
        buf_append_str(&body, "{\"create\":{}}\n{\"event\":{\"action\":\"full\"},\"pad\":\"");
        for (int k = 0; k < 50; k++)
            buf_append_str(&body, "0123456789");
        buf_append_str(&body, "\"}\n");
    }
    for (int i = 0; i < 100 && status != 503; i++)
        status = ship(body.ptr, body.len, &answer);
    assert_int_equal(status, 503);
    assert_true(has(&answer, "Retry-After: 5\r\n"));
    assert_true(has(&answer, "X-Elastic-Product: Elasticsearch\r\n"));
    assert_true(has(&answer, "\"type\":\"unavailable_shards_exception\""));
    assert_true(has(&answer, "\"status\":503"));
    buf_release(&body);
    buf_release(&answer);
}

static void
a_body_that_is_too_large_is_413_so_that_filebeat_splits_it(void **state)
{
    struct buf body = { 0 }, answer = { 0 };

    (void)state;
    while (body.len <= 10 * 1024 * 1024)
        buf_append_str(&body, "{\"create\":{}}\n{\"event\":{\"action\":\"large\"}}\n");
    assert_int_equal(ship(body.ptr, body.len, &answer), 413);
    assert_true(has(&answer, "\"type\":\"content_too_long_exception\""));
    buf_clear(&body);
    for (int i = 0; i <= 100000; i++)           /* more actions than a request may hold */
        buf_append_str(&body, "{\"create\":{}}\n{}\n");
    assert_int_equal(ship(body.ptr, body.len, &answer), 413);
    assert_true(has(&answer, "more than 100000 actions"));
    assert_true(chain_metric(chain, INGEST, "bongsu_ingest_events_accepted_total") == 0);
    buf_release(&body);
    buf_release(&answer);
}

static int
open_chain(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    return 0;
}

static int
open_small(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    chain_set(chain, "BONGSU_JOURNAL_MAX_BYTES", "16MiB");
    chain_set(chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "1MiB");
    chain_start_all(chain);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    chain_destroy(&chain);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_201_before_it_is_on_disk, open_chain,
                                        close_chain),
        cmocka_unit_test_setup_teardown(
            a_full_journal_is_503_with_retry_after_and_elasticsearchs_error, open_small,
            close_chain),
        cmocka_unit_test_setup_teardown(
            a_body_that_is_too_large_is_413_so_that_filebeat_splits_it, open_chain,
            close_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
