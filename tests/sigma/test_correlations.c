/*
 * Our correlations beside those of pySigma's SQLite backend: generated streams, the same rules,
 * and of each the keys that fire, with the first moment and the last. Skipped where there is
 * no pySigma (tests/sigma/README.md). The engine is saved and restored now and then, for no
 * answer may depend on that. SIGMA_STREAMS (1000), SIGMA_SEED (1): how many, which.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "detector/tool/line_event.h"
#include "tests/support/engine_case.h"
#include "tests/support/sigma_script.h"

#define COUNT sigma_setting("SIGMA_STREAMS", "1000")

static void
open_engine(struct engine_case *fix, const char *rules)
{
    const struct engine_options options = { .lateness_us = SEC(300), .max_keys = 1000,
                                            .max_entries = 1000, .slots = 1 };

    *fix = (struct engine_case){ 0 };
    engine_case_open(fix, rules, &options);
}

static void
judge(struct engine *engine, struct line_event *line, json_t *fields, uint64_t number)
{
    int64_t at_us = START + json_integer_value(json_object_get(fields, "at")) * SEC(1);
    char *text = json_dumps(fields, 0);
    struct err err = { "" };

    assert_int_equal(line_event_json(line, (struct text){ text, strlen(text) }, &err), 0);
    line->event.id = event_id_make(1, 1, number);
    line->event.at_us = at_us;
    line->event.received_us =
        START + json_integer_value(json_object_get(fields, "received")) * SEC(1);
    if (engine_judge(engine, &line->event, 1, &err) != 0)
        fail_msg("%s", err.text);
    free(text);
}

/* An event that no rule knows, much later: what waits has waited long enough. */
static void
judge_end(struct engine *engine, struct line_event *line, uint64_t number)
{
    json_t *fields = json_pack("{s:i,s:i,s:s}", "at", 1000000, "received", 1000000, "kind",
                               "end");

    judge(engine, line, fields, number);
    json_decref(fields);
}

/* {"its key": a hit as the script writes it}; an incident told again has grown. */
static int
note_incident(void *ctx, const struct incident *inc)
{
    json_t *key = json_array();
    char *name;

    for (size_t i = 0; i < inc->key_count; i++)
        json_array_append_new(key, json_string(inc->keys[i].value));
    name = json_dumps(key, 0);
    json_object_set_new(ctx, name,
                        json_pack("{s:o,s:I,s:I}", "key", key,
                                  "first", (json_int_t)((inc->opened_us - START) / SEC(1)),
                                  "last", (json_int_t)((inc->last_seen_us - START) / SEC(1))));
    free(name);
    return 0;
}

/* Another process goes on with the rows. */
static void
restart(struct engine_case *fix, const char *rules, struct row_store *store, json_t *hits)
{
    assert_int_equal(engine_incidents(fix->engine, SIZE_MAX, note_incident, hits), 0);
    row_store_save(store, fix);
    engine_case_close(fix);
    open_engine(fix, rules);
    row_store_restore(store, fix);
}

static json_t *
our_hits(const json_t *stream)
{
    json_t *events = json_object_get(stream, "events"), *hits = json_object(), *fields;
    struct row_store *store = calloc(1, sizeof(*store));
    struct engine_case fix;
    struct line_event line;
    struct buf rules = { 0 };
    size_t i;

    assert_non_null(store);
    sigma_script_rules(json_object_get(stream, "rules"), &rules);
    open_engine(&fix, rules.ptr);
    assert_int_equal(line_event_init(&line, START), 0);
    json_array_foreach(events, i, fields) {
        judge(fix.engine, &line, fields, i + 1);
        if (i % 7 == 3)
            restart(&fix, rules.ptr, store, hits);
    }
    judge_end(fix.engine, &line, i + 1);
    assert_int_equal(engine_incidents(fix.engine, SIZE_MAX, note_incident, hits), 0);
    line_event_release(&line);
    engine_case_close(&fix);
    row_store_destroy(&store);
    buf_release(&rules);
    return hits;
}

/* 1 when we have this key too, with the same moments, as far as the script knows them. */
static int
has_hit(const json_t *hits, const json_t *stream, const json_t *wanted)
{
    int only_keys = json_is_true(json_object_get(stream, "only_keys"));
    int only_first = json_is_true(json_object_get(stream, "only_first")) || only_keys;
    char *name = json_dumps(json_object_get(wanted, "key"), 0);
    const json_t *hit = json_object_get(hits, name);

    free(name);
    return hit != NULL &&
           (only_keys ||
            json_equal(json_object_get(hit, "first"), json_object_get(wanted, "first"))) &&
           (only_first ||
            json_equal(json_object_get(hit, "last"), json_object_get(wanted, "last")));
}

/* 1 when both found the same; *has_some says whether there was anything. */
static int
is_alike(json_t *stream, int *has_some)
{
    json_t *theirs = json_object_get(stream, "hits"), *ours = our_hits(stream), *hit;
    int same = json_object_size(ours) == json_array_size(theirs);
    size_t i;

    json_array_foreach(theirs, i, hit)
        same &= has_hit(ours, stream, hit);
    *has_some = json_array_size(theirs) > 0;
    if (!same) {
        json_object_set(stream, "ours", ours);
        printf("differs: ");
        json_dumpf(stream, stdout, 0);
        printf("\n");
    }
    json_decref(ours);
    return same;
}

static void
generated_streams_give_the_hits_of_pysigmas_sql(void **state)
{
    const char *const make[] = { "make", COUNT, sigma_setting("SIGMA_SEED", "1"), NULL };
    FILE *streams = tmpfile();
    long count = 0, wanted = strtol(COUNT, NULL, 10);
    long firing = 0, unlike = 0;
    size_t cap = 0;
    char *line = NULL;

    (void)state;
    assert_non_null(streams);
    assert_int_equal(sigma_script_run("correlations", make, streams), 0);
    rewind(streams);
    while (getline(&line, &cap, streams) > 0) {
        json_t *stream = json_loads(line, 0, NULL);
        int has_some = 0;

        assert_non_null(stream);
        unlike += !is_alike(stream, &has_some);
        firing += has_some;
        count++;
        json_decref(stream);
    }
    free(line);
    fclose(streams);
    printf("correlations: %ld streams, of which %ld fire; %ld differ\n", count, firing, unlike);
    assert_int_equal(count, wanted);
    assert_int_equal(unlike, 0);
    /* else they would be alike because nothing happens, or always something */
    assert_in_range(firing, wanted * 3 / 10, wanted * 9 / 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_streams_give_the_hits_of_pysigmas_sql),
    };

    if (sigma_script_run("correlations", (const char *const[]){ "check", NULL }, NULL) ==
        SIGMA_SCRIPT_SKIPPED)
        return SIGMA_SCRIPT_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
