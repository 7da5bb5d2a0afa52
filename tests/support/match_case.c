#include "tests/support/match_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"

#define AT "2026-11-22T03:04:05+09:00"

void
match_case_send(const char *json, void (*judge)(void *ctx, const struct event *ev), void *ctx)
{
    struct json_reader *reader = json_reader_new(1 << 20);
    struct event ev = { 0 }, wire = { 0 };
    struct arena arena = { 0 };
    struct buf packed = { 0 };
    struct err err = { "" };
    struct text key;
    char space[TIMESTAMP_LEN];
    msgpack_unpacked unpacked;
    int64_t now_us;

    msgpack_unpacked_init(&unpacked);
    assert_int_equal(timestamp_parse(text_of(AT), &now_us, &err), 0);
    if (event_from_json(reader, text_of(json), &arena, &ev, &key, &err) != 0 ||
        event_check(&ev, now_us, space, &err) != 0 || event_pack(&ev, &packed) != 0 ||
        event_unpack(packed.ptr, packed.len, &unpacked, &wire, &err) != 0)
        fail_msg("%s: %s", json, err.text);
    judge(ctx, &wire);
    event_release(&ev);
    event_release(&wire);
    msgpack_unpacked_destroy(&unpacked);
    buf_release(&packed);
    arena_release(&arena);
    json_reader_destroy(&reader);
}

struct counting {
    struct ruleset *rules;
    int found;
};

static void
count_matches(void *ctx, const struct event *ev)
{
    struct counting *counting = ctx;
    const uint32_t *numbers;

    counting->found = (int)matcher_match(ruleset_matcher(counting->rules), ev, &numbers);
}

int
match_case_count(struct ruleset *rules, const char *json)
{
    struct counting counting = { rules, 0 };

    match_case_send(json, count_matches, &counting);
    return counting.found;
}

struct ruleset *
match_case_rules(const char *text)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s: %s", text, ruleset_refused(rules, 0));
    return rules;
}

struct ruleset *
match_case_load(const char *detection)
{
    char text[2000];

    static const struct logsource of = { .product = { "x", 1 } };
    struct ruleset *rules;

    snprintf(text, sizeof(text), "title: T\nlogsource: {product: x}\ndetection: %s\n",
             detection);
    rules = match_case_rules(text);
    assert_int_equal(matcher_set_logsource(ruleset_matcher(rules), &of), 0);
    return rules;
}

void
match_case_check(const struct match_row *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        char detection[1000], json[1000];
        struct ruleset *rules;

        snprintf(detection, sizeof(detection), "{s: %s, condition: s}",
                 rows[i].selection);
        snprintf(json, sizeof(json), "{\"event_type\":\"t\"%s%s}",
                 rows[i].fields[0] != '\0' ? "," : "", rows[i].fields);
        rules = match_case_load(detection);
        if (match_case_count(rules, json) != rows[i].matches) {
            print_error("%s on %s: not %d\n", rows[i].selection, json, rows[i].matches);
            wrong++;
        }
        ruleset_destroy(&rules);
    }
    assert_int_equal(wrong, 0);
}
