/*
 * test_demo_story.c - the made-up morning: the same each time, and reserved names only
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/demo_story.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"

#define END (INT64_C(1795300020) * 1000000)

static struct buf
write_story(struct demo_story *story, uint64_t seed, size_t count)
{
    struct buf out = { 0 };

    *story = (struct demo_story){ .seed = seed, .count = count, .end_us = END };
    assert_int_equal(demo_story_write(story, &out), 0);
    return out;
}

static void
the_same_seed_is_the_same_morning_another_is_not(void **state)
{
    struct demo_story story;
    struct buf first = write_story(&story, 7, 1200), again = write_story(&story, 7, 1200);
    struct buf other = write_story(&story, 8, 1200);

    (void)state;
    assert_string_equal(first.ptr, again.ptr);
    assert_string_not_equal(first.ptr, other.ptr);
    buf_release(&first);
    buf_release(&again);
    buf_release(&other);
}

/* RFC 5737's three blocks. */
static int
is_reserved(const char *address)
{
    return strncmp(address, "192.0.2.", 8) == 0 || strncmp(address, "198.51.100.", 11) == 0 ||
           strncmp(address, "203.0.113.", 10) == 0;
}

/* As ingest does; then in the span, in order, of reserved addresses. */
static void
check_event(struct json_reader *reader, struct text line, int64_t *last_us)
{
    struct event ev = { 0 };
    struct arena arena = { 0 };
    char space[TIMESTAMP_LEN], *source;
    struct text key;
    struct err err;

    if (event_from_json(reader, line, &arena, &ev, &key, &err) != 0 ||
        event_check(&ev, END, space, &err) != 0)
        fail_msg("%s: %.*s", err.text, (int)line.len, line.ptr);
    assert_true(ev.at_us >= *last_us && ev.at_us < END);
    assert_true(ev.at_us > END - DEMO_HOURS * INT64_C(3600) * 1000000);
    *last_us = ev.at_us;
    if (ev.known[EVENT_SOURCE_IP].kind == VALUE_TEXT) {
        source = text_dup(ev.known[EVENT_SOURCE_IP].as.text);
        assert_true(is_reserved(source));
        free(source);
    }
    event_release(&ev);
    arena_release(&arena);
}

static void
every_event_is_one_that_ingest_takes_in_order_and_reserved(void **state)
{
    static const size_t counts[] = { 400, 1200, 5000 };
    struct json_reader *reader = json_reader_new(1 << 16);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct demo_story story;
        struct buf out = write_story(&story, i, counts[i]);
        struct text rest = buf_text(&out);
        int64_t last_us = INT64_MIN;
        size_t count = 0;

        while (rest.len > 0) {
            check_event(reader, text_split(&rest, '\n'), &last_us);
            count++;
        }
        assert_in_range(count, counts[i] - counts[i] / 10, counts[i] + counts[i] / 10);
        buf_release(&out);
    }
    json_reader_destroy(&reader);
}

static void
the_attack_is_told_as_it_is_in_the_events(void **state)
{
    struct demo_story story;
    struct buf out = write_story(&story, 42, 1200);
    struct text rest = buf_text(&out);
    size_t requests = 0, failures = 0, successes = 0, sudos = 0;

    (void)state;
    assert_true(is_reserved(story.attacker));
    while (rest.len > 0) {
        struct text line = text_split(&rest, '\n');
        json_t *ev = json_loadb(line.ptr, line.len, 0, NULL);
        const char *type = json_string_value(json_object_get(ev, "event_type"));
        const char *source = json_string_value(json_object_get(ev, "source_ip"));
        int is_attacker = source != NULL && strcmp(source, story.attacker) == 0;

        requests += is_attacker && strcmp(type, "web_request") == 0;
        failures += is_attacker && strcmp(type, "login_failed") == 0;
        successes += is_attacker && strcmp(type, "login_success") == 0;
        sudos += strcmp(type, "sudo") == 0;
        json_decref(ev);
    }
    assert_int_equal(requests, story.scan_requests);
    assert_int_equal(failures, story.guesses);
    assert_int_equal(successes, 1);
    assert_int_equal(sudos, 2);
    buf_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_morning_another_is_not),
        cmocka_unit_test(every_event_is_one_that_ingest_takes_in_order_and_reserved),
        cmocka_unit_test(the_attack_is_told_as_it_is_in_the_events),
    };
    struct err err;

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests_name("demo_story", tests, NULL, NULL);
}
