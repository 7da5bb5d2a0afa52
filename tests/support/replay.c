#include "tests/support/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/engine/engine.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/timestamp.h"
#include "proto/codec_msgpack.h"
#include "proto/settings.h"
#include "proto/store/store.h"
#include "tests/support/chain.h"

struct stored {
    struct event_id id;
    int64_t received_us;
    struct buf bytes;
};

struct all {
    struct stored *items;
    size_t count, cap;
};

static int
keep(void *ctx, const struct event *ev)
{
    struct all *all = ctx;
    struct stored *item;

    if (all->count == all->cap) {
        all->cap = all->cap == 0 ? 4096 : all->cap * 2;
        all->items = realloc(all->items, all->cap * sizeof(*all->items));
        assert_non_null(all->items);
    }
    item = &all->items[all->count++];
    memset(item, 0, sizeof(*item));
    item->id = ev->id;
    item->received_us = ev->received_us;
    assert_int_equal(event_pack(ev, &item->bytes), 0);
    return 0;
}

/* Journal order: of one journal, the sequence is the last part of the id. */
static int
by_place(const void *a, const void *b)
{
    const struct stored *x = a, *y = b;

    return memcmp(x->id.bytes + 12, y->id.bytes + 12, 8);
}

static void
read_all(const struct settings *settings, struct all *all)
{
    struct event_query query = { .from_us = INT64_MIN, .to_us = INT64_MAX,
                                 .limit = STORE_MAX_PAGE };
    struct event_page page = { .is_more = 1 };
    struct err err = { "" };
    struct store *store = store_open(settings, STORE_READ, &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    while (page.is_more) {
        if (store->ops->find_events(store, &query, keep, all, &page, &err) != 0)
            fail_msg("%s", err.text);
        query.has_cursor = 1;
        query.cursor_at_us = page.cursor_at_us;
        query.cursor_id = page.cursor_id;
    }
    store_close(&store);
    if (all->count > 0)
        qsort(all->items, all->count, sizeof(all->items[0]), by_place);
}

static int
add_incident(void *ctx, const struct incident *inc)
{
    json_t *one = incident_to_json(inc), *all = ctx;
    json_t *list = json_pack("[o]", one), *shaped = replay_shape(list);

    json_object_update(all, shaped);
    json_decref(shaped);
    json_decref(list);
    return 0;
}

json_t *
replay_shape(const json_t *api_incidents)
{
    json_t *shaped = json_object(), *inc;
    size_t i;

    json_array_foreach(api_incidents, i, inc) {
        json_object_set_new(shaped, json_string_value(json_object_get(inc, "id")),
                            json_pack("{s:O, s:O, s:O, s:O}", "rule",
                                      json_object_get(json_object_get(inc, "rule"), "id"), "key",
                                      json_object_get(inc, "key"), "count",
                                      json_object_get(inc, "count"), "evidence",
                                      json_object_get(inc, "evidence")));
    }
    return shaped;
}

json_t *
replay_incidents(const char *data_dir, const char *rules_dir)
{
    char *args[] = { (char *)"replay", (char *)"--data-dir", (char *)data_dir, NULL };
    struct settings settings;
    struct options_call call;
    struct all all = { 0 };
    struct err err = { "" };
    struct event ev = { 0 };
    json_t *incidents = json_object();
    struct ruleset *rules;
    struct metrics *metrics = metrics_new();
    struct engine *engine;

    /* the chain's zone: rules about hours of the day depend on it */
    setenv("TZ", CHAIN_ZONE, 1);
    if (timestamp_init(&err) != 0 || settings_load(&settings, 3, args, &call, &err) != 0)
        fail_msg("%s", err.text);
    const struct engine_options options = {
        .lateness_us = settings.detector_lateness_ms * 1000,
        .max_keys = (size_t)settings.detector_max_keys,
        .max_entries = (size_t)settings.detector_max_entries,
        .max_total_entries = (size_t)settings.detector_max_total_entries, .slots = 1,
    };
    rules = ruleset_load(rules_dir, &err);
    if (rules == NULL || (engine = engine_new(&options, &rules, metrics, &err)) == NULL)
        fail_msg("%s", err.text);
    read_all(&settings, &all);
    for (size_t i = 0; i < all.count; i++) {
        msgpack_unpacked unpacked;

        msgpack_unpacked_init(&unpacked);
        if (event_unpack(all.items[i].bytes.ptr, all.items[i].bytes.len, &unpacked, &ev, &err) != 0)
            fail_msg("%s", err.text);
        ev.id = all.items[i].id;
        ev.received_us = all.items[i].received_us;
        if (engine_judge(engine, &ev, 1, &err) != 0)
            fail_msg("%s", err.text);
        msgpack_unpacked_destroy(&unpacked);
        buf_release(&all.items[i].bytes);
    }
    engine_incidents(engine, SIZE_MAX, add_incident, incidents);
    free(all.items);
    event_release(&ev);
    engine_destroy(&engine);
    metrics_destroy(&metrics);
    settings_release(&settings);
    return incidents;
}

static void
print_one(const char *word, const char *id, const json_t *inc)
{
    char *text = json_dumps(inc, JSON_SORT_KEYS | JSON_COMPACT);

    printf("%s %s %.1200s\n", word, id, text == NULL ? "-" : text);
    free(text);
}

void
replay_print_difference(const json_t *expected, const json_t *found)
{
    const char *id;
    json_t *inc;

    json_object_foreach((json_t *)expected, id, inc)
        if (!json_equal(inc, json_object_get(found, id))) {
            print_one("expected", id, inc);
            print_one("found   ", id, json_object_get(found, id));
        }
    json_object_foreach((json_t *)found, id, inc)
        if (json_object_get(expected, id) == NULL)
            print_one("found, not expected", id, inc);
}
