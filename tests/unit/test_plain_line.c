/* What no event can hold, kept as its text, in pieces where it is long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/wire/plain_line.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

/* 2027-01-15T08:00:00Z */
static const int64_t now_us = INT64_C(1800000000000000);

struct place {
    char dir[64];
    struct journal *journal;
    struct metrics *metrics;
    struct intake *intake;
    struct intake_origin origin;
    struct flat_document flat;
    struct intake_result result;
};

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct journal_options options = { .segment_bytes = 1 << 26, .max_bytes = 1 << 30,
                                       .slots = 1 };
    struct err err;

    assert_non_null(place);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    options.dir = place->dir;
    assert_int_equal(timestamp_init(&err), 0);
    place->journal = journal_open(&options, now_us, &err);
    place->metrics = metrics_new();
    assert_non_null(place->journal);
    place->intake = intake_new(place->journal, place->metrics);
    assert_non_null(place->intake);
    intake_set_time(place->intake, now_us);
    place->origin = (struct intake_origin){ .received_from = text_of("192.0.2.7"),
                                            .key_id = text_of("abcd1234") };
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    flat_release(&place->flat);
    intake_destroy(&place->intake);
    journal_close(&place->journal);
    metrics_destroy(&place->metrics);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

/* Take a line of host h; how many events it became. */
static uint64_t
take(struct place *place, struct text line)
{
    struct err err;
    uint64_t count = 99;

    assert_int_equal(flat_clear(&place->flat), 0);
    assert_int_equal(flat_put_text(&place->flat, text_of("host.name"), text_of("h"), &err), 0);
    assert_int_equal(plain_line_take(&place->flat, line, place->intake, &place->origin, &count,
                                     &place->result), INTAKE_ACCEPTED);
    return count;
}

/* The events of the journal's first row: their lines one behind the other, to be freed. */
static struct buf
read_back(struct place *place, const char *flags)
{
    struct batch_reader reader;
    struct batch_head head;
    struct event event = { 0 };
    struct buf all = { 0 };
    struct text body;
    struct err err;
    int rc;

    assert_int_equal(journal_commit(place->journal, &err), JOURNAL_DONE);
    assert_int_equal(journal_next(place->journal, 0, &head, &body, &err), 1);
    assert_int_equal(batch_reader_init(&reader, &head, body.ptr, body.len, &err), 0);
    while ((rc = batch_reader_next(&reader, &event, &err)) == 1) {
        const struct value *host = event_get(&event, text_of("host.name"));
        const struct value *said = event_get(&event, text_of("log.flags"));

        assert_true(host != NULL && text_is(value_get_text(host), "h"));
        assert_true(said != NULL && text_is(value_get_text(said), flags));
        assert_true(text_is(value_get_text(&event.known[EVENT_TYPE]), "log"));
        assert_int_equal(buf_append_text(&all, value_get_text(&event.known[EVENT_RAW_LOG])), 0);
    }
    assert_int_equal(rc, 0);
    batch_reader_release(&reader);
    event_release(&event);
    return all;
}

static void
a_line_is_kept_and_no_decoder_asked(void **state)
{
    static const char line[] = "Nov 22 10:00:00 web1 sshd[8]: Failed password for a from 192.0.2.9 port 5 ssh2";
    struct buf back;

    assert_int_equal(take(*state, text_of(line)), 1);
    back = read_back(*state, "plain");
    assert_true(text_is(buf_text(&back), line));
    buf_release(&back);
}

/* Three bytes a letter: a cut does not fall into one. */
static void
a_long_line_is_kept_in_pieces_to_its_last_byte(void **state)
{
    const size_t letters = 250000;
    char *line = malloc(3 * letters);
    struct buf back;

    assert_non_null(line);
    for (size_t i = 0; i < letters; i++)
        memcpy(line + 3 * i, "\xea\xb0\x80", 3);
    assert_int_equal(take(*state, (struct text){ line, 3 * letters }), 3);
    back = read_back(*state, "split,plain");
    assert_true(text_equals(buf_text(&back), (struct text){ line, 3 * letters }));
    buf_release(&back);
    free(line);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_kept_and_no_decoder_asked),
        TEST(a_long_line_is_kept_in_pieces_to_its_last_byte),
    };

    return cmocka_run_group_tests_name("plain line", tests, NULL, NULL);
}
