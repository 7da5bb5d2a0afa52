/*
 * sigma_tests.c - cases: events, and the incidents that must come of them
 *
 *   - start: 2026-11-22T03:00:00
 *     events:
 *         - {event_type: login_failed, source_ip: 192.0.2.1, repeat: 5, every: 75s}
 *     incidents:
 *         - {count: 5}
 *
 * Read and checked here, with the line of whatever is wrong; run by
 * detector/cases/rule_case.c.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/base/timestamp.h"

/* A key of a map, what it may hold, and whether it must be there. */
struct test_key {
    const char *name;
    int (*check)(const struct sigma_source *src, json_t *value);
    int is_needed;
};

static int
check_keys(const struct sigma_source *src, json_t *map, const struct test_key *keys,
           size_t count, const char *what)
{
    json_t *value;
    const char *name;

    if (!json_is_object(map))
        return sigma_refuse(src, map, "%s must be a map", what);
    for (size_t k = 0; k < count; k++)
        if (keys[k].is_needed && json_object_get(map, keys[k].name) == NULL)
            return sigma_refuse(src, map, "%s needs \"%s\"", what, keys[k].name);
    json_object_foreach(map, name, value) {
        size_t k = 0;

        while (k < count && strcmp(keys[k].name, name) != 0)
            k++;
        if (k == count)
            return sigma_refuse(src, value, "unknown key \"%.40s\" of %s", name, what);
        if (keys[k].check(src, value) != 0)
            return -1;
    }
    return 0;
}

static int
check_text(const struct sigma_source *src, json_t *value)
{
    return json_is_string(value) ? 0 : sigma_refuse(src, value, "must be a text");
}

static int
check_count(const struct sigma_source *src, json_t *value)
{
    return json_is_integer(value) ? 0 : sigma_refuse(src, value, "must be a number");
}

static int
check_key(const struct sigma_source *src, json_t *value)
{
    json_t *one;
    const char *name;

    if (!json_is_object(value))
        return sigma_refuse(src, value, "\"key\" must be a map of fields");
    json_object_foreach(value, name, one)
        if (check_text(src, one) != 0)
            return -1;
    return 0;
}

static int
check_incidents(const struct sigma_source *src, json_t *list)
{
    static const struct test_key keys[] = {
        { "rule", check_text, 0 }, { "key", check_key, 0 }, { "count", check_count, 0 },
        { "severity", check_text, 0 }, { "summary", check_text, 0 },
    };

    if (!json_is_array(list))
        return sigma_refuse(src, list, "\"incidents\" must be a list ([]: none)");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (check_keys(src, json_array_get(list, i), keys, sizeof(keys) / sizeof(keys[0]),
                       "an incident") != 0)
            return -1;
    return 0;
}

static int
check_events(const struct sigma_source *src, json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) == 0)
        return sigma_refuse(src, list, "\"events\" must be a list of events");
    return 0;
}

/* With its zone, or in the site's. */
static int
check_start(const struct sigma_source *src, json_t *value)
{
    struct err why = { "" };
    int64_t us;

    if (!json_is_string(value) ||
        timestamp_parse(text_of(json_string_value(value)), &us, &why) != 0)
        return sigma_refuse(src, value, "\"start\" must be a time: %.200s", why.text);
    return 0;
}

static int
check_span(const struct sigma_source *src, json_t *event, const char *name)
{
    json_t *value = json_object_get(event, name);
    const char *text = json_string_value(value);
    int64_t us;

    if (value == NULL || (text != NULL && strcmp(text, "0s") == 0) ||
        (text != NULL && sigma_timespan_parse(text_of(text), &us) == 0))
        return 0;
    return sigma_refuse(src, value, "\"%s\" must be a time like 75s", name);
}

/* A line says all of an event itself; and when an event is, its "at" says. */
static int
check_fields(const struct sigma_source *src, json_t *event)
{
    static const char *const own[] = { "line", "at", "every", "repeat" };
    json_t *line = json_object_get(event, "line"), *value;
    const char *name;

    if (json_object_get(event, "timestamp") != NULL)
        return sigma_refuse(src, json_object_get(event, "timestamp"),
                            "an event's time is its \"at\", not \"timestamp\"");
    if (line == NULL)
        return 0;
    if (!json_is_string(line))
        return sigma_refuse(src, line, "\"line\" must be a text");
    json_object_foreach(event, name, value) {
        size_t k = 0;

        while (k < sizeof(own) / sizeof(own[0]) && strcmp(own[k], name) != 0)
            k++;
        if (k == sizeof(own) / sizeof(own[0]))
            return sigma_refuse(src, value, "\"%.40s\" beside \"line\": a line has its own"
                                " fields", name);
    }
    return 0;
}

/* How many events it stands for, or -1 with the reason. */
static json_int_t
count_event(const struct sigma_source *src, json_t *event, size_t max)
{
    json_t *repeat = json_object_get(event, "repeat");

    if (!json_is_object(event))
        return sigma_refuse(src, event, "an event must be a map");
    if (check_fields(src, event) != 0 || check_span(src, event, "at") != 0 ||
        check_span(src, event, "every") != 0)
        return -1;
    if (repeat == NULL)
        return 1;
    if (!json_is_integer(repeat) || json_integer_value(repeat) < 1 ||
        json_integer_value(repeat) > (json_int_t)max)
        return sigma_refuse(src, repeat, "\"repeat\" must be a number from 1 to %zu", max);
    return json_integer_value(repeat);
}

static int
read_test(const struct sigma_source *src, json_t *one, size_t max, struct sigma_test *test)
{
    static const struct test_key keys[] = {
        { "start", check_start, 0 }, { "events", check_events, 1 },
        { "incidents", check_incidents, 1 },
    };
    json_t *events = json_object_get(one, "events");
    json_int_t count = 0;
    struct text copy;
    char *json;

    if (check_keys(src, one, keys, sizeof(keys) / sizeof(keys[0]), "a test") != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_int_t more = count_event(src, json_array_get(events, i), max);

        if (more < 0)
            return -1;
        count += more;
        if (count > (json_int_t)max)
            return sigma_refuse(src, json_array_get(events, i),
                                "a test may send at most %zu events", max);
    }
    json = json_dumps(one, JSON_COMPACT);
    copy = json == NULL ? (struct text){ NULL, 0 } : arena_copy(src->arena, text_of(json));
    free(json);
    *test = (struct sigma_test){ copy.ptr, yaml_line(src->yaml, one) };
    return copy.ptr == NULL ? sigma_no_memory(src) : 0;
}

int
sigma_tests_read(const struct sigma_source *src, json_t *list, size_t max, size_t max_events,
                 struct sigma_test **ret_tests, size_t *ret_count)
{
    size_t count = json_array_size(list);
    struct sigma_test *tests;

    if (!json_is_array(list) || count == 0 || count > max)
        return sigma_refuse(src, list, "must be a list of 1 to %zu tests", max);
    tests = arena_alloc(src->arena, count * sizeof(tests[0]));
    if (tests == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < count; i++)
        if (read_test(src, json_array_get(list, i), max_events, &tests[i]) != 0)
            return -1;
    *ret_tests = tests;
    *ret_count = count;
    return 0;
}
