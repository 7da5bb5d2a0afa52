#include "detector/cases/rule_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"
#include "proto/decode/decode.h"

/* Ten in the morning of the site, so that no rule of hours sees a night that it was not
 * told of. */
#define START "2026-11-22T10:00:00"

/* One case while it runs. */
struct run {
    const struct rule_case *test;
    struct engine *engine;
    struct metrics *metrics;
    struct json_reader *reader;
    int64_t start_us;
    uint64_t sequence;
    json_t *found;              /* incidents */
};

enum { EVENT_MAX = 1 << 20 };

/* After any case: twice the longest timespan. */
#define END_US (INT64_C(2 * 366 * 86400) * 1000000)

static void
complain(struct run *run, const char *what, const json_t *about)
{
    run->test->complain(run->test->ctx, what, about);
}

/* Put the number into every text of an event. */
static json_t *
numbered(json_t *event, long n)
{
    json_t *copy = json_deep_copy(event), *value;
    const char *name;
    void *next;

    json_object_foreach_safe(copy, next, name, value) {
        const char *text = json_string_value(value);
        const char *mark = text == NULL ? NULL : strstr(text, "{n}");

        if (mark != NULL)
            json_object_set_new(copy, name, json_sprintf("%.*s%ld%s", (int)(mark - text),
                                                         text,
                                                         n, mark + 3));
    }
    return copy;
}

/* As the detector gets it: through the reader, the check and the wire. */
static int
make_event(struct run *run, json_t *fields, int64_t at_us, struct arena *arena,
           struct buf *packed, struct err *err)
{
    char space[TIMESTAMP_LEN], *text = json_dumps(fields, 0);
    const char *line = json_string_value(json_object_get(fields, "line"));
    struct event ev = { 0 };
    struct text key;
    int rc = -1;

    err_set(err, "out of memory");
    if (line != NULL)
        rc = decode_line(text_of(line), at_us, arena, &ev) == NULL ? -1 : 0;
    else if (text != NULL)
        rc = event_from_json(run->reader, text_of(text), arena, &ev, &key, err);
    if (rc == 0)
        rc = event_check(&ev, at_us, space, err) != 0 || event_pack(&ev, packed) != 0 ? -1 : 0;
    event_release(&ev);
    free(text);
    return rc;
}

static void
judge(struct run *run, json_t *fields, int64_t at_us)
{
    struct event wire = { 0 };
    struct arena arena = { 0 };
    struct buf packed = { 0 };
    struct err err = { "" };
    msgpack_unpacked unpacked;

    msgpack_unpacked_init(&unpacked);
    if (make_event(run, fields, at_us, &arena, &packed, &err) != 0 ||
        event_unpack(packed.ptr, packed.len, &unpacked, &wire, &err) != 0) {
        complain(run, err.text, fields);
    } else {
        wire.id = event_id_make(1, 1, ++run->sequence);
        wire.received_us = at_us;
        if (engine_judge(run->engine, &wire, 1, &err) != 0)
            complain(run, err.text, fields);
    }
    msgpack_unpacked_destroy(&unpacked);
    event_release(&wire);
    buf_release(&packed);
    arena_release(&arena);
}

static int64_t
time_of(json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));
    int64_t us = 0;

    if (text != NULL)
        (void)sigma_timespan_parse(text_of(text), &us);     /* "0s" is none */
    return us;
}

static void
send_event(struct run *run, json_t *event)
{
    int64_t at_us = run->start_us + time_of(event, "at");
    int64_t every_us = time_of(event, "every");
    long repeat = (long)json_integer_value(json_object_get(event, "repeat"));

    for (long n = 1; n <= (repeat == 0 ? 1 : repeat); n++, at_us += every_us) {
        json_t *fields = numbered(event, n);
        char when[TIMESTAMP_LEN];

        json_object_del(fields, "at");
        json_object_del(fields, "every");
        json_object_del(fields, "repeat");
        timestamp_format(at_us, when);
        if (json_object_get(fields, "line") == NULL)
            json_object_set_new(fields, "timestamp", json_string(when));
        judge(run, fields, at_us);
        json_decref(fields);
    }
}

static int
keep_incident(void *ctx, const struct incident *inc)
{
    struct run *run = ctx;
    json_t *key;

    if (run->test->rule != NULL && strcmp(run->test->rule, inc->rule_id) != 0)
        return 0;
    key = json_object();
    for (size_t i = 0; i < inc->key_count; i++)
        json_object_set_new(key, inc->keys[i].field, json_string(inc->keys[i].value));
    json_array_append_new(run->found, json_pack("{s:s, s:o, s:I, s:s, s:s}", "rule",
                                                inc->rule_title, "key", key, "count",
                                                (json_int_t)inc->count, "severity",
                                                severity_name(inc->severity), "summary",
                                                inc->summary));
    return 0;
}

/* 1 when found has every member of expected. */
static int
is_as_expected(json_t *found, json_t *expected)
{
    const char *name;
    json_t *value;

    json_object_foreach(expected, name, value)
        if (!json_equal(json_object_get(found, name), value))
            return 0;
    return 1;
}

static void
compare(struct run *run, json_t *expected)
{
    size_t i, j;
    json_t *want;

    json_array_foreach(expected, i, want) {
        for (j = 0; j < json_array_size(run->found); j++)
            if (is_as_expected(json_array_get(run->found, j), want))
                break;
        if (j == json_array_size(run->found))
            complain(run, "missing:", want);
        else
            json_array_remove(run->found, j);
    }
    json_array_foreach(run->found, i, want)
        complain(run, "not expected:", want);
}

/* Without a zone it is a time of the rule's, else of the site's. */
static int
start_of(const struct rule_case *test, const char *text, int64_t *ret_us, struct err *err)
{
    char utc[TIMESTAMP_LEN];
    int64_t local_us;

    if (test->zone == NULL || strlen(text) + 2 > sizeof(utc))
        return timestamp_parse(text_of(text), ret_us, err);
    snprintf(utc, sizeof(utc), "%sZ", text);
    if (timestamp_parse(text_of(utc), &local_us, NULL) != 0)
        return timestamp_parse(text_of(text), ret_us, err);
    *ret_us = zone_table_to_utc(test->zone, local_us / 1000000) * 1000000;
    return 0;
}

static int
open_run(struct run *run, struct ruleset **rules, const json_t *one, struct err *err)
{
    const struct engine_options options = { .lateness_us = INT64_C(300) * 1000000,
                                            .max_keys = 1000, .max_entries = 1000 };
    const char *start = json_string_value(json_object_get(one, "start"));

    if (start_of(run->test, start == NULL ? START : start, &run->start_us, err) != 0)
        return -1;
    err_set(err, "out of memory");
    run->metrics = metrics_new();
    run->reader = json_reader_new(EVENT_MAX);
    run->found = json_array();
    if (run->metrics == NULL || run->reader == NULL || run->found == NULL)
        return -1;
    run->engine = engine_new(&options, rules, run->metrics, err);
    return run->engine == NULL ? -1 : 0;
}

int
rule_case_run(const struct rule_case *test, struct ruleset **rules,
              const struct sigma_test *test_case, struct err *err)
{
    struct run run = { .test = test };
    json_t *one = json_loads(test_case->json, 0, NULL), *event;
    int rc = -1;
    size_t i;

    err_set(err, "out of memory");
    if (one != NULL)
        rc = open_run(&run, rules, one, err);
    if (rc == 0) {
        json_array_foreach(json_object_get(one, "events"), i, event)
            send_event(&run, event);
        /* what waits for an event that does not come has waited long enough */
        if (engine_pass(run.engine, 1, run.start_us + END_US, err) < 0)
            complain(&run, "out of memory", NULL);
        if (engine_incidents(run.engine, SIZE_MAX, keep_incident, &run) != 0)
            complain(&run, "out of memory", NULL);
        compare(&run, json_object_get(one, "incidents"));
        *rules = engine_end(&run.engine);
    }
    json_decref(run.found);
    metrics_destroy(&run.metrics);
    json_reader_destroy(&run.reader);
    json_decref(one);
    return rc;
}
