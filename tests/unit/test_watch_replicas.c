/* What several of a kind say becomes one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/watch_inner.h"

enum { INGEST, DETECTOR, INDEXER };

static struct settings settings;
static struct daemon process;
static struct notifier nt;
static struct watch *watch;

static int
setup(void **state)
{
    (void)state;
    memset(&settings, 0, sizeof(settings));
    settings.detector_slots = 2;
    process.settings = &settings;
    nt.daemon = &process;
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return -1;
    watch->nt = &nt;
    watch->look.is_asked[DETECTOR] = watch->look.is_asked[INDEXER] = 1;
    for (int i = 0; i < WATCH_STAGES; i++)
        for (int k = 0; k < DAEMON_MAX_REPLICAS; k++)
            watch->stages[i][k].socket = (char *)"/run/x.sock";
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (int i = 0; i < WATCH_STAGES; i++)
        json_decref(watch->look.status[i]);
    free(watch);
    return 0;
}

static void
say(int stage, int replica, const char *status)
{
    watch->stages[stage][replica].status = json_loads(status, 0, NULL);
    assert_non_null(watch->stages[stage][replica].status);
}

static json_int_t
dead_letters(int stage)
{
    return json_integer_value(json_object_get(watch->look.status[stage], "dead_letters"));
}

static void
the_dead_letters_of_all_are_counted(void **state)
{
    (void)state;
    say(DETECTOR, 0, "{\"ready\":true,\"dead_letters\":0}");
    say(DETECTOR, 1, "{\"ready\":true,\"dead_letters\":2}");
    say(INDEXER, 0, "{\"ready\":true,\"dead_letters\":3}");
    say(INDEXER, 1, "{\"ready\":false,\"dead_letters\":4}");
    watch_put_together(watch);
    assert_int_equal(dead_letters(DETECTOR), 2);
    assert_int_equal(dead_letters(INDEXER), 7);
}

/* Those in the store are the same ones, whichever indexer says so; one may stand by and
 * not have looked. */
static void
the_dead_letters_in_the_store_are_counted_once(void **state)
{
    (void)state;
    say(INDEXER, 0, "{\"ready\":true,\"dead_letters\":1,\"dead_letters_in_store\":0}");
    say(INDEXER, 1, "{\"ready\":true,\"dead_letters\":7,\"dead_letters_in_store\":5}");
    say(INDEXER, 2, "{\"ready\":true,\"dead_letters\":5,\"dead_letters_in_store\":5}");
    say(INDEXER, 3, "{\"ready\":true,\"dead_letters\":4,\"dead_letters_in_store\":4}");
    watch_put_together(watch);
    assert_int_equal(dead_letters(INDEXER), 1 + 2 + 5);
}

/* An event is judged, and so allowed, by one of them. */
static void
what_an_entry_took_is_what_it_took_from_all(void **state)
{
    const json_t *entries, *days;

    (void)state;
    say(DETECTOR, 0, "{\"ready\":true,\"allow\":{\"entries\":[{\"entry\":\"a\",\"days\":{"
                     "\"2026-11-22\":5}},{\"entry\":\"b\",\"days\":{}}]}}");
    say(DETECTOR, 1, "{\"ready\":true,\"allow\":{\"entries\":[{\"entry\":\"a\",\"days\":{"
                     "\"2026-11-22\":2,\"2026-11-23\":1}},{\"entry\":\"new\",\"days\":{"
                     "\"2026-11-23\":9}},{\"entry\":\"b\",\"days\":{}}]}}");
    watch_put_together(watch);
    entries = json_object_get(json_object_get(watch->look.status[DETECTOR], "allow"), "entries");
    days = json_object_get(json_array_get(entries, 0), "days");
    assert_int_equal(json_array_size(entries), 2);
    assert_int_equal(json_integer_value(json_object_get(days, "2026-11-22")), 7);
    assert_int_equal(json_integer_value(json_object_get(days, "2026-11-23")), 1);
    days = json_object_get(json_array_get(entries, 1), "days");
    assert_int_equal(json_object_size(days), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_dead_letters_of_all_are_counted),
        TEST(the_dead_letters_in_the_store_are_counted_once),
        TEST(what_an_entry_took_is_what_it_took_from_all),
    };

    return cmocka_run_group_tests_name("watch replicas", tests, NULL, NULL);
}
