/*
 * test_move.c - events that move to another Bongsu: exported, sent, the same
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "tests/support/instance.h"

enum { PATIENCE_MS = 60000 };

/* A line of each sort: decoded, of no decoder, keyed, with further fields. */
static const char lines[] =
    "Nov 20 10:00:00 web1 sshd[8]: Failed password for root from 192.0.2.7 port 5 ssh2\n"
    "what no decoder knows \xb7\xce\xb1\xd7\n";
static const char events[] =
    "{\"event_type\":\"order\",\"timestamp\":\"2026-11-20T10:00:00Z\",\"idempotency_key\":\"order-1\"}\n"
    "{\"event_type\":\"order\",\"timestamp\":\"2026-11-21T10:00:00Z\",\"idempotency_key\":\"order-1\"}\n"
    "{\"event_type\":\"web\",\"user\":{\"name\":\"mina\"},\"n\":1.5,\"list\":[1,\"a\",null],\"source_ip\":\"192.0.2.8\"}\n";

static struct instance from, to;

static int
open_both(void **state)
{
    (void)state;
    instance_prepare(&from);
    instance_prepare(&to);
    instance_start_and_wait(&from, NULL);
    instance_start_and_wait(&to, NULL);
    return 0;
}

static int
close_both(void **state)
{
    (void)state;
    instance_release(&from);
    instance_release(&to);
    return 0;
}

/* What a shell script with this instance's `bongsu` writes; the caller frees. */
static char *
shell(const struct instance *instance, const char *script)
{
    char path[4096], whole[8192], chunk[4096];
    struct buf text = { 0 };
    size_t got;
    FILE *out;

    command_path("bongsu", path, sizeof(path));
    snprintf(whole, sizeof(whole),
             "cd %s; unset API_KEY; export BONGSU_INGEST_LISTEN=%s BONGSU_API_LISTEN=%s "
             "BONGSU_DATA_DIR=%s; bongsu() { %s \"$@\"; }; { %s; } 2>&1",
             instance->dir, instance->ingest, instance->api, instance->data, path, script);
    out = popen(whole, "r");
    assert_non_null(out);
    while ((got = fread(chunk, 1, sizeof(chunk), out)) > 0)
        buf_append(&text, chunk, got);
    pclose(out);
    assert_int_equal(buf_append_str(&text, ""), 0);
    return buf_take(&text);
}

static void
expect(const struct instance *instance, const char *script, const char *needle)
{
    char *said = shell(instance, script);

    if (strstr(said, needle) == NULL)
        fail_msg("%s: no \"%s\" in:\n%s", script, needle, said);
    free(said);
}

/* What is sent is stored in its order: once this marker is there, all before it is. */
static void
wait_for_marker(const struct instance *instance, const char *name)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    char line[128], script[128], *said = NULL;

    snprintf(line, sizeof(line), "{\"event_type\":\"marker-%s\"}\n", name);
    snprintf(script, sizeof(script), "bongsu events search event_type=marker-%s --json", name);
    instance_write(instance, "marker", line);
    expect(instance, "bongsu send marker", "1 accepted");
    do {
        free(said);
        said = shell(instance, script);
        if (clock_steady_ms() > deadline)
            fail_msg("the marker never came: %s", said);
    } while (strstr(said, "received_at") == NULL);
    free(said);
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All events that it has but the markers, without what Bongsu sets itself, sorted. */
static size_t
read_events(const struct instance *instance, char *texts[], size_t max)
{
    static const char *const ours[] = { "id", "received_at", "received_from" };
    char *all = shell(instance, "bongsu export events"), *rest = all, *line;
    size_t count = 0;

    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        json_t *event = json_loads(line, 0, NULL);

        if (event == NULL)
            fail_msg("no event: %s", line);
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            assert_int_equal(json_object_del(event, ours[i]), 0);
        assert_true(count < max);
        if (strstr(line, "\"marker-") == NULL)
            texts[count++] = json_dumps(event, JSON_SORT_KEYS | JSON_COMPACT);
        json_decref(event);
    }
    free(all);
    qsort(texts, count, sizeof(texts[0]), compare_texts);
    return count;
}

static void
events_move_whole_and_once(void **state)
{
    enum { MAX = 2000 };
    static char *before[MAX], *after[MAX];
    char script[1024];
    size_t count;

    (void)state;
    instance_write(&from, "lines", lines);
    instance_write(&from, "events", events);
    expect(&from, "bongsu demo", "accepted");
    expect(&from, "bongsu send lines", "2 accepted, 0 refused");
    expect(&from, "bongsu send events", "3 accepted, 0 refused");
    wait_for_marker(&from, "from");
    count = read_events(&from, before, MAX);
    assert_true(count > 400);

    snprintf(script, sizeof(script), "bongsu export events --to-send | tac > %s/moved; echo rc $?",
             to.dir);
    expect(&from, script, "rc 0");
    for (int i = 0; i < 2; i++)
        expect(&to, "bongsu send moved", " 0 refused");
    wait_for_marker(&to, "to");
    assert_int_equal(read_events(&to, after, MAX), count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(after[i], before[i]);
        free(before[i]);
        free(after[i]);
    }
    expect(&to, "bongsu incidents list", "Login after a brute force");
}

static void
a_place_of_another_form_is_refused(void **state)
{
    (void)state;
    expect(&from, "bongsu export events --resume place >/dev/null; echo rc $?", "rc 0");
    expect(&from, "bongsu export events --to-send --resume place; echo rc $?", "rc 78");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_move_whole_and_once),
        cmocka_unit_test(a_place_of_another_form_is_refused),
    };

    return cmocka_run_group_tests_name("move", tests, open_both, close_both);
}
