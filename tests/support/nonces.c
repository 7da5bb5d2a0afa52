#include "tests/support/nonces.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/clock.h"
#include "proto/http/http_client.h"
#include "proto/incident.h"
#include "proto/settings.h"
#include "proto/store/store.h"
#include "tests/support/replay.h"

enum { SETTLE_MS = 90000, POST_MS = 3000 };

unsigned
nonces_next(struct nonces *nonces)
{
    assert_true(nonces->next < NONCES_MAX);
    return nonces->next++;
}

void
nonces_post(struct nonces *nonces, unsigned nonce, const char *url, const char *key,
            const char *body)
{
    char key_header[128];
    const char *const headers[] = { key_header, NULL };
    struct http_call call = { .method = "POST", .url = url, .headers = headers,
                              .content_type = "application/json", .timeout_ms = POST_MS,
                              .allow_plain = 1, .body = text_of(body) };
    struct http_answer answer = { 0 };

    snprintf(key_header, sizeof(key_header), "X-API-Key: %s", key);
    if (http_call(&call, &answer) == 0 && answer.status == 202) {
        nonces->is_accepted[nonce] = 1;
        nonces->accepted++;
    }
    http_answer_release(&answer);
}

static int
see_event(void *ctx, const struct event *ev)
{
    const struct value *nonce = event_get(ev, text_of("nonce"));
    struct nonces *nonces = ctx;
    double number;

    if (nonce == NULL || value_as_number(nonce, &number) != 0 || number >= NONCES_MAX)
        fail_msg("an event without its nonce");
    nonces->seen[(unsigned)number]++;
    nonces->stored++;
    return 0;
}

static void
read_events(struct nonces *nonces, struct store *store)
{
    struct event_query query = { .from_us = INT64_MIN, .to_us = INT64_MAX,
                                 .limit = STORE_MAX_PAGE };
    struct event_page page = { .is_more = 1 };
    struct err err = { "" };

    memset(nonces->seen, 0, sizeof(nonces->seen));
    nonces->stored = 0;
    while (page.is_more) {
        if (store->ops->find_events(store, &query, see_event, nonces, &page, &err) != 0)
            fail_msg("%s", err.text);
        query.has_cursor = 1;
        query.cursor_at_us = page.cursor_at_us;
        query.cursor_id = page.cursor_id;
    }
}

static json_t *
read_incidents(struct store *store)
{
    struct incident_query query = { .to_us = INT64_MAX, .status = -1, .severity = -1,
                                    .limit = 1000 };
    json_t *list = json_array(), *shaped;
    struct incident **found = NULL;
    struct err err = { "" };
    size_t count = 0;
    int is_more = 0;

    query.from_us = INT64_MIN;
    if (store->ops->find_incidents(store, &query, &found, &count, &is_more, &err) != 0)
        fail_msg("%s", err.text);
    assert_false(is_more);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, incident_to_json(found[i]));
    store_free_incidents(&found, count);
    shaped = replay_shape(list);
    json_decref(list);
    return shaped;
}

static unsigned
count_missing(const struct nonces *nonces)
{
    unsigned missing = 0;

    for (unsigned i = 0; i < nonces->next; i++)
        missing += nonces->is_accepted[i] && nonces->seen[i] == 0;
    return missing;
}

void
nonces_expect_settled(struct nonces *nonces, const char *data_dir,
                      unsigned least_incidents)
{
    char *args[] = { (char *)"test", (char *)"--data-dir", (char *)(uintptr_t)data_dir,
                     NULL };
    int64_t deadline = clock_steady_ms() + SETTLE_MS;
    json_t *expected = NULL, *found = NULL;
    struct settings settings;
    struct options_call call;
    struct err err = { "" };
    struct store *store;

    if (settings_load(&settings, 3, args, &call, &err) != 0 ||
        (store = store_open(&settings, STORE_READ, &err)) == NULL)
        fail_msg("%s", err.text);
    for (;;) {
        read_events(nonces, store);
        json_decref(expected);
        json_decref(found);
        expected = replay_incidents(data_dir, "detector/rules");
        found = read_incidents(store);
        if ((count_missing(nonces) == 0 && json_equal(expected, found)) ||
            clock_steady_ms() > deadline)
            break;
        poll(NULL, 0, 300);
    }
    if (count_missing(nonces) > 0)
        fail_msg("%u of %u accepted events are not stored", count_missing(nonces),
                 nonces->accepted);
    for (unsigned i = 0; i < nonces->next; i++)
        if (nonces->seen[i] > 1)
            fail_msg("event %u is stored %d times", i, nonces->seen[i]);
    if (!json_equal(expected, found)) {
        replay_print_difference(expected, found);
        fail_msg("%d incidents expected, %d found", (int)json_object_size(expected),
                 (int)json_object_size(found));
    }
    assert_true(json_object_size(found) >= least_incidents);
    json_decref(expected);
    json_decref(found);
    store_close(&store);
    settings_release(&settings);
}
