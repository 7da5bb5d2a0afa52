#include "tests/support/journal_place.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/text.h"
#include "tests/support/temp_dir.h"

const int64_t journal_place_now_us = INT64_C(1800000000000000);

void
journal_place_open(struct journal_place *place, int64_t at_us)
{
    place->options.dir = place->dir;
    place->journal = journal_open(&place->options, at_us, &place->err);
    if (place->journal == NULL)
        print_error("%s\n", place->err.text);
    assert_non_null(place->journal);
}

void
journal_place_reopen(struct journal_place *place, int64_t at_us)
{
    journal_close(&place->journal);
    journal_place_open(place, at_us);
}

int
journal_place_set_up(void **state)
{
    struct journal_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    place->options = (struct journal_options){ .segment_bytes = 64 * MIB,
                                               .max_bytes = INT64_C(1) << 30, .slots = 1 };
    journal_place_open(place, journal_place_now_us);
    *state = place;
    return 0;
}

int
journal_place_tear_down(void **state)
{
    struct journal_place *place = *state;

    journal_close(&place->journal);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

/* An encoded event of len bytes: what is in it is no business of the journal's. */
enum journal_outcome
place_append_bytes(struct journal_place *place, size_t len, uint64_t *ret_sequence)
{
    char *bytes = calloc(1, len);
    enum journal_outcome outcome;

    assert_non_null(bytes);
    outcome = journal_append(place->journal, (struct text){ bytes, len }, journal_place_now_us + 5,
                             ret_sequence, &place->err);
    free(bytes);
    return outcome;
}

uint64_t
place_append(struct journal_place *place, size_t len)
{
    uint64_t sequence = 0;

    assert_int_equal(place_append_bytes(place, len, &sequence), JOURNAL_DONE);
    return sequence;
}

void
place_commit(struct journal_place *place)
{
    assert_int_equal(journal_commit(place->journal, &place->err), JOURNAL_DONE);
    journal_tidy(place->journal);
}

uint64_t
place_store(struct journal_place *place, size_t len)
{
    uint64_t sequence = place_append(place, len);

    place_commit(place);
    return sequence;
}

int
place_next(struct journal_place *place, uint64_t after, struct batch_head *head, struct text *body)
{
    int rc = journal_next(place->journal, after, head, body, &place->err);

    assert_true(rc >= 0);
    return rc;
}

/* Walk all rows above after, checking that each names its predecessor. */
unsigned
place_count_rows(struct journal_place *place, uint64_t after)
{
    struct batch_head head;
    struct text body;
    uint64_t last = 0;
    unsigned rows = 0;

    while (place_next(place, after, &head, &body) == 1) {
        assert_true(head.first > after);
        if (rows > 0)
            assert_int_equal(head.previous, last);
        last = head.first + head.count - 1;
        after = head.first;
        rows++;
    }
    return rows;
}

unsigned
place_count_files(const struct journal_place *place, const char *end)
{
    DIR *folder = opendir(place->dir);
    struct dirent *entry;
    unsigned files = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        files += (unsigned)text_ends_with(text_of(entry->d_name), end);
    closedir(folder);
    return files;
}

void
place_all_are_past(struct journal_place *place, uint64_t position)
{
    for (size_t i = 0; i < journal_consumer_count(place->journal); i++)
        journal_set_cursor(place->journal, i, position);
    journal_trim(place->journal);
}
