/*
 * Mappings under attack and under other hands: names that never end, documents that
 * are all depth, an index that a user changed. Nothing is lost, nothing waits for ever,
 * and the mapping stays bounded. And how soon an event can be found.
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
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/chain.h"
#include "tests/support/dead_letter.h"
#include "tests/support/elastic_client.h"
#include "tests/support/elastic_node.h"

enum { PATIENCE_MS = 60000, BOMBS = 100, NAMES = 100, FIELDS_LIMIT = 2000, DEPTH = 30,
       REFRESH_MS = 1000, GENEROUS_MS = 3000, TURNS = 5 };

static struct elastic_node *node;
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
start_chain(void **state)
{
    elastic_delete_all(elastic_node_url(node));
    chain = chain_new(NULL, NULL);
    chain_set(chain, "ELASTICSEARCH_URL", elastic_node_url(node));
    chain_start_all(chain);
    posted = 0;
    return 0;
}

static int
stop_chain(void **state)
{
    chain_destroy(&chain);
    return 0;
}

static void
post(const char *json)
{
    assert_int_equal(chain_post(chain, "/log", "application/json", json, strlen(json), NULL), 202);
    posted++;
}

static void
check_stored(unsigned dead)
{
    chain_wait_delivered(chain, PATIENCE_MS);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), posted - dead);
    assert_int_equal((unsigned)chain_metric(chain, INDEXER, "bongsu_indexer_dead_letters_total"), dead);
    chain_wait_said(chain, INDEXER, "store", "ok", PATIENCE_MS);
}

/* Fields of a mapping, as Elasticsearch counts them: objects too. */
static size_t
count_fields(const json_t *properties)
{
    const char *name;
    json_t *one;
    size_t count = 0;

    json_object_foreach((json_t *)(uintptr_t)properties, name, one)
        count += 1 + count_fields(json_object_get(one, "properties"));
    return count;
}

static void
today(char out[TIMESTAMP_LEN])
{
    timestamp_format(clock_real_us(), out);
    out[4] = out[7] = '.';
    out[10] = '\0';
}

static json_t *
mapping_of_today(void)
{
    char day[TIMESTAMP_LEN], path[128];
    json_t *answer, *mapping;

    today(day);
    snprintf(path, sizeof(path), "/bongsu-events-%s/_mapping", day);
    answer = elastic_get(elastic_node_url(node), path);
    mapping = json_incref(json_object_get(json_object_iter_value(json_object_iter(answer)), "mappings"));
    json_decref(answer);
    return mapping;
}

/* Ten thousand names that nobody has seen before: as many as fit are searched by, the
 * others are kept and shown. */
static void
names_without_end_leave_the_mapping_bounded_and_the_events_whole(void **state)
{
    json_t *events, *mapping, *ev;
    size_t i, fields, found = 0;

    for (int bomb = 0; bomb < BOMBS; bomb++) {
        struct buf line = { 0 };

        buf_printf(&line, "{\"event_type\":\"bomb\",\"number\":%d", bomb);
        for (int name = 0; name < NAMES; name++)
            buf_printf(&line, ",\"bomb_%d_%d\":\"piece %d\"", bomb, name, name);
        assert_int_equal(buf_append_str(&line, "}"), 0);
        post(line.ptr);
        buf_release(&line);
    }
    check_stored(0);
    mapping = mapping_of_today();
    fields = count_fields(json_object_get(mapping, "properties"));
    assert_true(fields > FIELDS_LIMIT / 2);
    assert_true(fields <= FIELDS_LIMIT);
    json_decref(mapping);
    events = chain_all_events(chain);
    json_array_foreach(events, i, ev) {
        int bomb = (int)json_integer_value(json_object_get(ev, "number"));

        for (int name = 0; name < NAMES; name++) {
            char field[64], piece[64];

            snprintf(field, sizeof(field), "bomb_%d_%d", bomb, name);
            snprintf(piece, sizeof(piece), "piece %d", name);
            assert_string_equal(json_string_value(json_object_get(ev, field)), piece);
            found++;
        }
    }
    assert_int_equal(found, BOMBS * NAMES);
    json_decref(events);
    post("{\"event_type\":\"after\",\"source_ip\":\"192.0.2.7\"}");
    check_stored(0);
}

/* Deeper than Elasticsearch lets a mapping be (20): by dots, and by braces. */
static void
what_is_too_deep_for_a_mapping_is_stored_all_the_same(void **state)
{
    struct buf dots = { 0 }, braces = { 0 };
    json_t *events, *ev;

    buf_append_str(&dots, "{\"event_type\":\"deep\",\"a");
    buf_append_str(&braces, "{\"event_type\":\"deep\",\"b\":");
    for (int i = 0; i < DEPTH; i++) {
        buf_append_str(&dots, ".a");
        buf_append_str(&braces, "{\"b\":");
    }
    buf_append_str(&dots, "\":1}");
    buf_append_str(&braces, "1");
    for (int i = 0; i <= DEPTH; i++)
        assert_int_equal(buf_append_str(&braces, "}"), 0);
    post(dots.ptr);
    post(braces.ptr);
    check_stored(0);
    events = chain_all_events(chain);
    assert_int_equal(json_array_size(events), 2);
    ev = json_object_get(json_array_get(events, 0), "b");
    ev = ev == NULL ? json_object_get(json_array_get(events, 1), "b") : ev;
    for (int i = 0; i < DEPTH; i++)
        ev = json_object_get(ev, "b");
    assert_int_equal(json_integer_value(ev), 1);
    json_decref(events);
    buf_release(&dots);
    buf_release(&braces);
}

/* Inside of objects, too: Elasticsearch refuses the whole document for such a name. */
static void
names_inside_of_objects_that_elasticsearch_refuses_are_kept(void **state)
{
    static const char *const insides[] = { "", ".", "a..b", ".a", "a.", " ", "a\\u0001b", "a*b" };
    size_t count = sizeof(insides) / sizeof(insides[0]), i;
    json_t *events, *ev;

    for (i = 0; i < count; i++) {
        char line[128];

        snprintf(line, sizeof(line), "{\"event_type\":\"x\",\"number\":%zu,\"box\":[{\"%s\":%zu}]}", i,
                 insides[i], i);
        post(line);
    }
    check_stored(0);
    events = chain_all_events(chain);
    assert_int_equal(json_array_size(events), count);
    json_array_foreach(events, i, ev) {
        json_t *box = json_array_get(json_object_get(ev, "box"), 0);

        assert_int_equal(json_integer_value(json_object_iter_value(json_object_iter(box))),
                         json_integer_value(json_object_get(ev, "number")));
    }
    json_decref(events);
}

/* Elasticsearch takes a new place's type from its first value, and would refuse these. */
static void
arrays_of_mixed_types_are_stored_all_the_same(void **state)
{
    static const char *const mixed[] = {
        "[1,2.5]", "[\"a\",1]", "[1,\"a\"]", "[true,1]", "[true,\"a\"]", "[{\"a\":1},{\"a\":2.5}]",
        "[{\"a\":1},{\"a\":{\"b\":1}}]", "[1,{\"a\":1}]", "[[1],[2.5]]", "{\"a.b\":1,\"c\":[null,1,null]}",
        "[18446744073709551615]", "18446744073709551615", "[1,18446744073709551615]", "1e300", "[]", "{}", "[{}]",
        "[1,2,3]", "[\"2026-01-01T00:00:00Z\",\"x\"]",
    };
    size_t count = sizeof(mixed) / sizeof(mixed[0]), i;
    json_t *events, *ev;

    for (i = 0; i < count; i++) {
        char line[192];

        snprintf(line, sizeof(line), "{\"event_type\":\"x\",\"number\":%zu,\"box%zu\":%s}", i, i, mixed[i]);
        post(line);
    }
    check_stored(0);
    events = chain_all_events(chain);
    assert_int_equal(json_array_size(events), count);
    json_array_foreach(events, i, ev) {
        size_t number = (size_t)json_integer_value(json_object_get(ev, "number"));
        char name[32];
        json_t *sent = json_loads(mixed[number], JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL), *found;
        char *text;

        snprintf(name, sizeof(name), "box%zu", number);
        text = json_dumps(json_object_get(ev, name), JSON_ENCODE_ANY);
        found = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
        /* a number over 2^63 is shown as a text */
        if (strstr(mixed[number], "18446") == NULL && !json_equal(sent, found))
            fail_msg("%s became %s", mixed[number], text);
        free(text);
        json_decref(sent);
        json_decref(found);
    }
    json_decref(events);
}

/* What a user did to an index by hand refuses some events: they are set aside with
 * Elasticsearch's reason, and the others go on. */
static void
an_index_that_a_user_made_strict_sends_strangers_to_the_dead_letters(void **state)
{
    char day[TIMESTAMP_LEN], path[128], *reason;

    post("{\"event_type\":\"x\",\"username\":\"alice\"}");
    check_stored(0);
    today(day);
    snprintf(path, sizeof(path), "/bongsu-events-%s/_mapping", day);
    json_decref(elastic_put(elastic_node_url(node), path, "{\"dynamic\":\"strict\"}"));
    post("{\"event_type\":\"x\",\"username\":\"bob\"}");
    post("{\"event_type\":\"x\",\"a_stranger\":\"what was never seen\"}");
    post("{\"event_type\":\"x\",\"username\":\"carol\"}");
    check_stored(1);
    reason = dead_letter(chain, "what was never seen");
    assert_non_null(strstr(reason, "strict_dynamic_mapping_exception"));
    assert_non_null(strstr(reason, "a_stranger"));
    free(reason);
}

/* The same of incidents: one that is refused must not hold up all that comes after it. */
static void
an_incident_that_is_refused_is_set_aside_and_holds_nothing_up(void **state)
{
    post("{\"event_type\":\"x\"}");
    check_stored(0);
    assert_int_equal(elastic_status(elastic_node_url(node), "DELETE", "/bongsu-incidents", NULL), 200);
    assert_int_equal(elastic_status(elastic_node_url(node), "DELETE",
                                    "/_index_template/bongsu-incidents", NULL), 200);
    json_decref(elastic_put(elastic_node_url(node), "/bongsu-incidents",
                            "{\"mappings\":{\"dynamic\":\"strict\"}}"));
    for (int i = 0; i < 6; i++)
        post("{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.5\",\"username\":\"root\"}");
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_dead_letters_total", 1, PATIENCE_MS);
    chain_wait_said(chain, INDEXER, "store", "ok", PATIENCE_MS);
    post("{\"event_type\":\"x\"}");
    chain_wait_delivered(chain, PATIENCE_MS);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-events-*"), posted);
    assert_int_equal(elastic_documents(elastic_node_url(node), "bongsu-incidents"), 0);
}

/* Within the refresh and a little: the bound is generous, the figures are printed. */
static void
an_event_can_be_found_within_the_refresh(void **state)
{
    int64_t longest = 0, sum = 0;

    for (int turn = 0; turn <= TURNS; turn++) {
        char line[128], path[128];
        int64_t began, took;
        int is_found = 0;

        snprintf(line, sizeof(line), "{\"event_type\":\"found\",\"username\":\"finder%d\"}", turn);
        snprintf(path, sizeof(path), "/events?username=finder%d", turn);
        post(line);
        for (began = now_ms(); !is_found;) {
            json_t *answer = chain_get(chain, path);

            is_found = json_array_size(json_object_get(answer, "events")) == 1;
            json_decref(answer);
            assert_true(now_ms() - began < PATIENCE_MS);
        }
        took = now_ms() - began;
        if (turn == 0)
            continue;               /* the index was made */
        sum += took;
        longest = took > longest ? took : longest;
    }
    printf("  from POST to found: %lld ms, at most %lld ms (the refresh is %d)\n",
           (long long)(sum / TURNS), (long long)longest, (int)REFRESH_MS);
    if (!is_slow())
        assert_true(longest < GENEROUS_MS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start_chain, stop_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_without_end_leave_the_mapping_bounded_and_the_events_whole),
        TEST(what_is_too_deep_for_a_mapping_is_stored_all_the_same),
        TEST(names_inside_of_objects_that_elasticsearch_refuses_are_kept),
        TEST(arrays_of_mixed_types_are_stored_all_the_same),
        TEST(an_index_that_a_user_made_strict_sends_strangers_to_the_dead_letters),
        TEST(an_incident_that_is_refused_is_set_aside_and_holds_nothing_up),
        TEST(an_event_can_be_found_within_the_refresh),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("elastic_mapping", tests, start_node, stop_node);
}
