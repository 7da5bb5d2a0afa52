/* Incidents in any kind of store: said in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "tests/support/store_case.h"

#define AT(s) (CASE_START + (s) * CASE_SECOND)

/* A snapshot of incident n; the caller destroys. */
static struct incident *
snapshot(unsigned n, uint64_t rev, const char *source)
{
    struct incident *inc = incident_new();

    assert_non_null(inc);
    snprintf(inc->id, sizeof(inc->id), "%032x", n);
    inc->rev_epoch = 1000;
    inc->rev_counter = rev;
    inc->rule_id = strdup(n % 2 ? "rule-odd" : "rule-even");
    inc->rule_title = strdup("a 'title'");
    inc->rule_level = strdup("high");
    inc->summary = strdup("what happened; DROP TABLE incidents");
    inc->severity = (int)(n % 4);
    inc->keys[0].field = strdup("source_address");
    inc->keys[0].value = strdup(source);
    inc->key_count = 1;
    inc->opened_us = AT(0);
    inc->last_seen_us = AT(n / 2);
    inc->newest_received_us = AT(n + rev);
    inc->count = rev;
    inc->evidence[0] = (struct evidence){ event_id_make(1, 2, n), 20513 };
    inc->evidence_count = 1;
    return inc;
}

static void
put(struct store_case *the, struct incident *inc)
{
    struct err err = { "" };
    int outcome = the->writer->ops->put_incidents(the->writer, &inc, 1, &err);

    if (outcome != STORE_DONE)
        fail_msg("put_incidents: %d, %s", outcome, err.text);
    incident_destroy(&inc);
}

/* Incident n as the reader sees it; the caller destroys. */
static struct incident *
get(struct store_case *the, unsigned n)
{
    struct incident *inc = NULL;
    char id[INCIDENT_ID_HEX];
    struct err err = { "" };

    snprintf(id, sizeof(id), "%032x", n);
    if (the->reader->ops->get_incident(the->reader, id, &inc, &err) != 1)
        fail_msg("get_incident %u: %s", n, err.text);
    return inc;
}

static int
change(struct store_case *the, unsigned n, int to, int64_t at_us, const char *note)
{
    char id[INCIDENT_ID_HEX], by[] = "kim";
    struct err err = { "" };
    struct incident_change line = { .at_us = at_us, .by = by, .to = to,
                                    .note = note == NULL ? NULL : strdup(note) };
    int rc;

    snprintf(id, sizeof(id), "%032x", n);
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
    struct incident *sent = snapshot(7, 3, "192.0.2.7"), *found;
    struct buf a = { 0 }, b = { 0 };

    assert_int_equal(incident_pack(sent, &a), 0);
    put(the, sent);
    found = get(the, 7);
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
    struct incident *inc, *later = snapshot(1, 1, "192.0.2.1");

    put(the, snapshot(1, 5, "192.0.2.1"));
    put(the, snapshot(1, 4, "192.0.2.1"));
    inc = get(the, 1);
    assert_int_equal(inc->count, 5);
    incident_destroy(&inc);
    later->rev_epoch = 1001;        /* a new state file counts from 1 again */
    put(the, later);
    inc = get(the, 1);
    assert_int_equal(inc->count, 1);
    incident_destroy(&inc);
}

static void
a_snapshot_leaves_what_the_analyst_wrote(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    put(the, snapshot(1, 1, "192.0.2.1"));
    assert_int_equal(change(the, 1, STATUS_INVESTIGATING, AT(50), "looking 'into' it"), 1);
    put(the, snapshot(1, 2, "192.0.2.1"));
    inc = get(the, 1);
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

    put(the, snapshot(1, 1, "192.0.2.1"));
    assert_int_equal(change(the, 1, STATUS_OPEN, AT(50), "asked the owner"), 1);
    assert_int_equal(change(the, 1, STATUS_OPEN, AT(51), NULL), 1);
    assert_int_equal(change(the, 1, STATUS_OPEN, AT(52), ""), 1);
    inc = get(the, 1);
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
    put(the, snapshot(1, 1, "192.0.2.1"));
    assert_int_equal(change(the, 9, STATUS_RESOLVED, AT(1), NULL), 0);
    assert_int_equal(the->reader->ops->get_incident(the->reader, "' OR 1=1", &inc, &err), 0);
    assert_null(inc);
}

static void
a_status_that_is_none_is_refused(void **state)
{
    struct store_case *the = *state;
    struct incident_change line = { .to = STATUS_COUNT };
    struct incident *inc;
    struct err err;

    put(the, snapshot(1, 1, "192.0.2.1"));
    inc = get(the, 1);
    assert_int_equal(the->reader->ops->set_status(the->reader, inc->id, &line, &err), -1);
    incident_destroy(&inc);
}

static void
a_resolved_incident_opens_again_when_a_later_event_came(void **state)
{
    struct store_case *the = *state;
    struct incident *inc, *later = snapshot(1, 2, "192.0.2.1");

    put(the, snapshot(1, 1, "192.0.2.1"));
    change(the, 1, STATUS_RESOLVED, AT(500), "done");
    later->newest_received_us = AT(500) + 1;
    put(the, later);
    inc = get(the, 1);
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
    struct incident *inc, *late = snapshot(1, 2, "192.0.2.1");

    put(the, snapshot(1, 1, "192.0.2.1"));
    change(the, 1, STATUS_RESOLVED, AT(500), NULL);
    change(the, 1, STATUS_RESOLVED, AT(900), "a note later on");
    late->newest_received_us = AT(500);
    put(the, late);
    inc = get(the, 1);
    assert_int_equal(inc->status, STATUS_RESOLVED);
    assert_int_equal(inc->count, 2);
    assert_int_equal(inc->reopened, 0);
    incident_destroy(&inc);

    late = snapshot(1, 3, "192.0.2.1");
    late->newest_received_us = AT(600);     /* after the resolution, before the note */
    put(the, late);
    inc = get(the, 1);
    assert_int_equal(inc->status, STATUS_OPEN);
    incident_destroy(&inc);
}

static void
a_false_positive_never_opens_again(void **state)
{
    struct store_case *the = *state;
    struct incident *inc, *later = snapshot(1, 2, "192.0.2.1");

    put(the, snapshot(1, 1, "192.0.2.1"));
    change(the, 1, STATUS_RESOLVED, AT(400), NULL);
    change(the, 1, STATUS_FALSE_POSITIVE, AT(500), NULL);
    later->newest_received_us = AT(9000);
    put(the, later);
    inc = get(the, 1);
    assert_int_equal(inc->status, STATUS_FALSE_POSITIVE);
    assert_int_equal(inc->count, 2);
    incident_destroy(&inc);
}

static void
an_incident_can_be_resolved_and_opened_again_many_times(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    put(the, snapshot(1, 1, "192.0.2.1"));
    for (unsigned i = 1; i <= 3; i++) {
        inc = snapshot(1, i + 1, "192.0.2.1");
        inc->newest_received_us = AT(i * 100 + 50);
        change(the, 1, STATUS_RESOLVED, AT(i * 100), NULL);
        put(the, inc);
    }
    inc = get(the, 1);
    assert_int_equal(inc->reopened, 3);
    assert_int_equal(inc->history_count, 6);
    incident_destroy(&inc);
}

/* ---- finding ---- */

static struct incident_query
everything(void)
{
    return (struct incident_query){ .to_us = INT64_MAX, .status = -1, .severity = -1,
                                    .limit = 1000 };
}

/* How many there are; checks the order of what is found. */
static size_t
find(struct store_case *the, const struct incident_query *query, int *ret_is_more,
     struct incident_query *ret_next)
{
    struct incident **found = NULL;
    struct err err = { "" };
    size_t count = 0;

    if (the->reader->ops->find_incidents(the->reader, query, &found, &count, ret_is_more,
                                         &err) != 0)
        fail_msg("find_incidents: %s", err.text);
    for (size_t i = 1; i < count; i++)
        assert_true(found[i - 1]->last_seen_us > found[i]->last_seen_us ||
                    (found[i - 1]->last_seen_us == found[i]->last_seen_us &&
                     strcmp(found[i - 1]->id, found[i]->id) > 0));
    if (ret_next != NULL && count > 0) {
        ret_next->has_cursor = 1;
        ret_next->cursor_us = found[count - 1]->last_seen_us;
        memcpy(ret_next->cursor_id, found[count - 1]->id, INCIDENT_ID_HEX);
    }
    store_free_incidents(&found, count);
    return count;
}

static size_t
number_of(struct store_case *the, const struct incident_query *query)
{
    int is_more;

    return find(the, query, &is_more, NULL);
}

static void
put_forty(struct store_case *the)
{
    for (unsigned n = 0; n < 40; n++)
        put(the, snapshot(n, 1, n % 8 ? "192.0.2.1" : "192.0.2.8"));
}

static void
incidents_are_paged_without_gap_or_repeat(void **state)
{
    static const unsigned limits[] = { 1, 3, 39, 40, 41 };
    struct store_case *the = *state;

    put_forty(the);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct incident_query query = everything();
        size_t total = 0;
        int is_more = 1;

        query.limit = limits[i];
        while (is_more) {
            struct incident_query page = query;

            total += find(the, &page, &is_more, &query);
        }
        assert_int_equal(total, 40);
    }
}

static void
incidents_are_found_by_their_fields(void **state)
{
    struct store_case *the = *state;
    struct incident_query query = everything();

    put_forty(the);
    change(the, 3, STATUS_RESOLVED, AT(1), NULL);
    query.status = STATUS_RESOLVED;
    assert_int_equal(number_of(the, &query), 1);
    query = everything();
    query.severity = SEVERITY_HIGH;
    assert_int_equal(number_of(the, &query), 20);
    query = everything();
    query.rule_id = text_of("rule-odd");
    assert_int_equal(number_of(the, &query), 20);
    query.rule_id = text_of("' OR '1'='1");
    assert_int_equal(number_of(the, &query), 0);
    query = everything();
    query.key_value = text_of("192.0.2.8");
    assert_int_equal(number_of(the, &query), 5);
    query.key_value = text_of("192.0.2.%");
    assert_int_equal(number_of(the, &query), 0);
    query = everything();
    query.from_us = AT(10);
    query.to_us = AT(12);
    assert_int_equal(number_of(the, &query), 4);
}

static void
what_was_written_lately_is_found_by_the_clock_of_the_store(void **state)
{
    struct store_case *the = *state;
    struct incident_query query = everything();

    put_forty(the);
    query.updated_from_us = clock_real_us() - 3600 * CASE_SECOND;
    assert_int_equal(number_of(the, &query), 40);
    query.updated_from_us = clock_real_us() + 1;
    assert_int_equal(number_of(the, &query), 0);
    change(the, 5, STATUS_ACKNOWLEDGED, AT(1), NULL);
    assert_int_equal(number_of(the, &query), 1);
}

static void
an_empty_store_has_no_incidents(void **state)
{
    struct incident_query query = everything();
    int is_more = 1;

    assert_int_equal(find(*state, &query, &is_more, NULL), 0);
    assert_int_equal(is_more, 0);
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
        TEST(incidents_are_paged_without_gap_or_repeat),
        TEST(incidents_are_found_by_their_fields),
        TEST(what_was_written_lately_is_found_by_the_clock_of_the_store),
        TEST(an_empty_store_has_no_incidents),
    };

    return cmocka_run_group_tests_name("store incidents", tests, NULL, NULL);
}
