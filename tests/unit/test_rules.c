/*
 * test_rules.c - runs the cases of tests/rules/<rule file's name>/<any>.yml
 *
 * A file is a list of cases. `events` are what clients send, or raw lines
 * (`line:`) that go through the decoders; `at` is the time after the case's
 * `start` (10:00 in Seoul unless given), `repeat` and `every` make a series,
 * and "{n}" in a text is the number within it. `incidents` are all that must
 * come of it: rule (its title), key, count, severity, and summary where it
 * matters; [] demands silence. Only the folder's rule file is loaded. A new
 * rule needs a folder and no code here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "detector/engine.h"
#include "detector/ruleset.h"
#include "detector/sigma_rule.h"
#include "proto/decode/decode.h"
#include "proto/base/timestamp.h"
#include "proto/base/yaml.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"

#define RULES "detector/rules"
#define CASES "tests/rules"
#define START "2026-11-22T10:00:00+09:00"

/* One case while it runs. */
struct run {
    const char *file;
    int line;
    struct engine *engine;
    struct metrics *metrics;
    int64_t start_us;
    uint64_t sequence;
    json_t *found;              /* incidents */
};

static size_t failures;

static void
complain(const struct run *run, const char *what, json_t *about)
{
    char *text = about == NULL ? NULL : json_dumps(about, JSON_SORT_KEYS);

    print_error("%s:%d: %s %s\n", run->file, run->line, what, text == NULL ? "" : text);
    free(text);
    failures++;
}

static struct ruleset *
rules_of(const char *name)
{
    char path[512];
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    struct buf bytes = { 0 };
    FILE *file;
    int c;

    snprintf(path, sizeof(path), RULES "/%s.yml", name);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s is not there", path);
    while ((c = getc(file)) != EOF)
        buf_append_char(&bytes, (char)c);
    fclose(file);
    assert_int_equal(ruleset_add(rules, path, bytes.ptr, bytes.len), 0);
    buf_release(&bytes);
    assert_int_equal(ruleset_link(rules, &err), 0);
    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s", ruleset_refused(rules, 0));
    return rules;
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
static void
judge(struct run *run, json_t *fields, int64_t at_us)
{
    struct json_reader *reader = json_reader_new(1 << 20);
    struct event ev = { 0 }, wire = { 0 };
    struct arena arena = { 0 };
    struct buf packed = { 0 };
    struct err err = { "" };
    struct text key;
    char space[TIMESTAMP_LEN], *text = json_dumps(fields, 0);
    const char *line = json_string_value(json_object_get(fields, "line"));
    msgpack_unpacked unpacked;
    int rc = 0;

    msgpack_unpacked_init(&unpacked);
    if (line != NULL)
        decode_line(text_of(line), at_us, &arena, &ev);
    else
        rc = event_from_json(reader, text_of(text), &arena, &ev, &key, &err);
    if (rc != 0 || event_check(&ev, at_us, space, &err) != 0 ||
        event_pack(&ev, &packed) != 0 ||
        event_unpack(packed.ptr, packed.len, &unpacked, &wire, &err) != 0) {
        complain(run, err.text, fields);
    } else {
        wire.id = event_id_make(1, 1, ++run->sequence);
        wire.received_us = at_us;
        assert_int_equal(engine_judge(run->engine, &wire, 1, &err), 0);
    }
    msgpack_unpacked_destroy(&unpacked);
    event_release(&ev);
    event_release(&wire);
    buf_release(&packed);
    arena_release(&arena);
    json_reader_destroy(&reader);
    free(text);
}

static int64_t
time_of(const struct run *run, json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));
    int64_t us = 0;

    if (text != NULL && strcmp(text, "0s") != 0 &&
        sigma_timespan_parse(text_of(text), &us) != 0)
        complain(run, name, event);
    return us;
}

static void
send_event(struct run *run, json_t *event)
{
    int64_t at_us = run->start_us + time_of(run, event, "at");
    int64_t every_us = time_of(run, event, "every");
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
    json_t *key = json_object();

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

static void
run_case(struct run *run, const char *rule, json_t *one)
{
    const char *start = json_string_value(json_object_get(one, "start"));
    const struct engine_options options = { .lateness_us = INT64_C(300) * 1000000,
                                            .max_keys = 1000, .max_entries = 1000 };
    struct ruleset *rules = rules_of(rule);
    struct err err = { "" };
    json_t *event;
    size_t i;

    assert_int_equal(timestamp_parse(text_of(start == NULL ? START : start),
                                     &run->start_us,
                                     &err), 0);
    run->metrics = metrics_new();
    run->engine = engine_new(&options, &rules, run->metrics, &err);
    run->found = json_array();
    assert_non_null(run->engine);
    if (json_array_size(json_object_get(one, "events")) == 0 ||
        !json_is_array(json_object_get(one, "incidents")))
        complain(run, "a case needs events and incidents", one);
    json_array_foreach(json_object_get(one, "events"), i, event)
        send_event(run, event);
    assert_int_equal(engine_incidents(run->engine, keep_incident, run), 0);
    compare(run, json_object_get(one, "incidents"));
    json_decref(run->found);
    engine_destroy(&run->engine);
    metrics_destroy(&run->metrics);
}

static void
run_file(const char *rule, const char *path)
{
    struct err err = { "" };
    struct yaml *yaml = yaml_load(path, &err);
    json_t *one;
    size_t i;

    if (yaml == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(yaml_count(yaml), 1);
    assert_true(json_array_size(yaml_document(yaml, 0)) > 0);
    json_array_foreach(yaml_document(yaml, 0), i, one) {
        struct run run = { .file = path, .line = yaml_line(yaml, one) };

        run_case(&run, rule, one);
    }
    yaml_destroy(&yaml);
}

/* "detector/rules/brute_force.yml" -> "brute_force" */
static void
rule_name(const char *path, char name[256])
{
    const char *base = strrchr(path, '/') + 1;

    snprintf(name, 256, "%.*s", (int)(strlen(base) - 4), base);
}

static void
every_shipped_rule_has_cases_and_they_hold(void **state)
{
    glob_t rules, cases;

    (void)state;
    assert_int_equal(glob(RULES "/*.yml", 0, NULL, &rules), 0);
    for (size_t i = 0; i < rules.gl_pathc; i++) {
        char name[256], pattern[512];

        rule_name(rules.gl_pathv[i], name);
        snprintf(pattern, sizeof(pattern), CASES "/%s/*.yml", name);
        if (glob(pattern, 0, NULL, &cases) != 0)
            fail_msg("%s has no cases: %s is missing", rules.gl_pathv[i], pattern);
        for (size_t c = 0; c < cases.gl_pathc; c++)
            run_file(name, cases.gl_pathv[c]);
        globfree(&cases);
    }
    globfree(&rules);
    assert_int_equal(failures, 0);
}

static void
shipped_folder_loads_without_a_refusal(void **state)
{
    struct err err = { "" };
    struct ruleset *rules = ruleset_load(RULES, &err);

    (void)state;
    if (rules == NULL)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        print_error("%s\n", ruleset_refused(rules, i));
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_true(ruleset_count(rules) >= 12);
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_rule_has_cases_and_they_hold),
        cmocka_unit_test(shipped_folder_loads_without_a_refusal),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
