/* Incidents in any kind of store: said in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/store_case.h"

#define AT(s) (CASE_START + (s)*CASE_SECOND)

static int
change(struct store_case *the, unsigned n, int to, int64_t at_us, const char *note)
{
    char id[INCIDENT_ID_HEX], by[] = "kim";
    struct err err = { "" };
    struct incident_change line = {
        .at_us = at_us, .by = by, .to = to, .note = note == NULL ? NULL : strdup(note)
    };
    int rc;

    store_case_incident_id(n, id);
    rc = the->reader->ops->set_status(the->reader, id, &line, &err);
    free(line.note);
    if (rc < 0)
        fail_msg("set_status: %s", err.text);
    return rc;
}

static void
an_incident_comes_back_as_the_detector_sent_it(void **state)
{
    struct store_case *the = *state;
    struct incident *sent = store_case_incident(7, 3, "192.0.2.7"), *found;
    struct buf a = { 0 }, b = { 0 };

    assert_int_equal(incident_pack(sent, &a), 0);
    store_case_put_incident(the, sent);
    found = store_case_get_incident(the, 7);
    assert_int_equal(incident_pack(found, &b), 0);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
    assert_int_equal(found->status, STATUS_OPEN);
    assert_int_equal(found->history_count, 0);
    incident_destroy(&found);
    buf_release(&a);
    buf_release(&b);
}

static void
only_a_newer_snapshot_is_applied(void **state)
{
    struct store_case *the = *state;
    struct incident *inc, *later = store_case_incident(1, 1, "192.0.2.1");

    store_case_put_incident(the, store_case_incident(1, 5, "192.0.2.1"));
    store_case_put_incident(the, store_case_incident(1, 4, "192.0.2.1"));
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->count, 5);
    incident_destroy(&inc);
    later->rev_epoch = 1001; /* a new state file counts from 1 again */
    store_case_put_incident(the, later);
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->count, 1);
    incident_destroy(&inc);
}

static void
a_snapshot_leaves_what_the_analyst_wrote(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    assert_int_equal(change(the, 1, STATUS_INVESTIGATING, AT(50), "looking 'into' it"),
                     1);
    store_case_put_incident(the, store_case_incident(1, 2, "192.0.2.1"));
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->count, 2);
    assert_int_equal(inc->status, STATUS_INVESTIGATING);
    assert_int_equal(inc->history_count, 1);
    assert_int_equal(inc->history[0].from, STATUS_OPEN);
    assert_int_equal(inc->history[0].to, STATUS_INVESTIGATING);
    assert_int_equal(inc->history[0].at_us, AT(50));
    assert_string_equal(inc->history[0].by, "kim");
    assert_string_equal(inc->history[0].note, "looking 'into' it");
    incident_destroy(&inc);
}

static void
a_note_alone_is_a_line_of_history_and_no_note_is_none(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    assert_int_equal(change(the, 1, STATUS_OPEN, AT(50), "asked the owner"), 1);
    assert_int_equal(change(the, 1, STATUS_OPEN, AT(51), NULL), 1);
    assert_int_equal(change(the, 1, STATUS_OPEN, AT(52), ""), 1);
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->history_count, 1);
    assert_string_equal(inc->history[0].note, "asked the owner");
    incident_destroy(&inc);
}

static void
an_incident_that_is_not_there_is_said_so(void **state)
{
    struct store_case *the = *state;
    struct incident *inc = NULL;
    struct err err;

    assert_int_equal(change(the, 9, STATUS_RESOLVED, AT(1), NULL), 0);
    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    assert_int_equal(change(the, 9, STATUS_RESOLVED, AT(1), NULL), 0);
    assert_int_equal(the->reader->ops->get_incident(the->reader, "' OR 1=1", &inc, &err),
                     0);
    assert_null(inc);
}

static void
a_status_that_is_none_is_refused(void **state)
{
    struct store_case *the = *state;
    struct incident_change line = { .to = STATUS_COUNT };
    struct incident *inc;
    struct err err;

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    inc = store_case_get_incident(the, 1);
    assert_int_equal(the->reader->ops->set_status(the->reader, inc->id, &line, &err), -1);
    incident_destroy(&inc);
}

static void
a_resolved_incident_opens_again_when_a_later_event_came(void **state)
{
    struct store_case *the = *state;
    struct incident *inc, *later = store_case_incident(1, 2, "192.0.2.1");

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    change(the, 1, STATUS_RESOLVED, AT(500), "done");
    later->newest_received_us = AT(500) + 1;
    store_case_put_incident(the, later);
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->status, STATUS_OPEN);
    assert_int_equal(inc->reopened, 1);
    assert_int_equal(inc->history_count, 2);
    assert_string_equal(inc->history[1].by, "bongsu");
    assert_int_equal(inc->history[1].from, STATUS_RESOLVED);
    assert_int_equal(inc->history[1].to, STATUS_OPEN);
    assert_true(strlen(inc->history[1].note) > 0);
    incident_destroy(&inc);
}

static void
an_event_from_before_the_resolution_does_not_open_it_again(void **state)
{
    struct store_case *the = *state;
    struct incident *inc, *late = store_case_incident(1, 2, "192.0.2.1");

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    change(the, 1, STATUS_RESOLVED, AT(500), NULL);
    change(the, 1, STATUS_RESOLVED, AT(900), "a note later on");
    late->newest_received_us = AT(500);
    store_case_put_incident(the, late);
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->status, STATUS_RESOLVED);
    assert_int_equal(inc->count, 2);
    assert_int_equal(inc->reopened, 0);
    incident_destroy(&inc);

    late = store_case_incident(1, 3, "192.0.2.1");
    late->newest_received_us = AT(600); /* after the resolution, before the note */
    store_case_put_incident(the, late);
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->status, STATUS_OPEN);
    incident_destroy(&inc);
}

static void
a_false_positive_never_opens_again(void **state)
{
    struct store_case *the = *state;
    struct incident *inc, *later = store_case_incident(1, 2, "192.0.2.1");

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    change(the, 1, STATUS_RESOLVED, AT(400), NULL);
    change(the, 1, STATUS_FALSE_POSITIVE, AT(500), NULL);
    later->newest_received_us = AT(9000);
    store_case_put_incident(the, later);
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->status, STATUS_FALSE_POSITIVE);
    assert_int_equal(inc->count, 2);
    incident_destroy(&inc);
}

static void
an_incident_can_be_resolved_and_opened_again_many_times(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    store_case_put_incident(the, store_case_incident(1, 1, "192.0.2.1"));
    for (unsigned i = 1; i <= 3; i++) {
        inc = store_case_incident(1, i + 1, "192.0.2.1");
        inc->newest_received_us = AT(i * 100 + 50);
        change(the, 1, STATUS_RESOLVED, AT(i * 100), NULL);
        store_case_put_incident(the, inc);
    }
    inc = store_case_get_incident(the, 1);
    assert_int_equal(inc->reopened, 3);
    assert_int_equal(inc->history_count, 6);
    incident_destroy(&inc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_incident_comes_back_as_the_detector_sent_it),
        TEST(only_a_newer_snapshot_is_applied),
        TEST(a_snapshot_leaves_what_the_analyst_wrote),
        TEST(a_note_alone_is_a_line_of_history_and_no_note_is_none),
        TEST(an_incident_that_is_not_there_is_said_so),
        TEST(a_status_that_is_none_is_refused),
        TEST(a_resolved_incident_opens_again_when_a_later_event_came),
        TEST(an_event_from_before_the_resolution_does_not_open_it_again),
        TEST(a_false_positive_never_opens_again),
        TEST(an_incident_can_be_resolved_and_opened_again_many_times),
    };

    return cmocka_run_group_tests_name("store incidents", tests, NULL, NULL);
}
