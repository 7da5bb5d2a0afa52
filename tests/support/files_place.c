#include "tests/support/files_place.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/journal/journal_places.h"
#include "proto/base/timestamp.h"
#include "proto/codec_msgpack.h"
#include "tests/support/temp_dir.h"

/* 2027-01-15T08:00:00Z */
static const int64_t start_us = INT64_C(1800000000000000);

static enum journal_outcome
commit(void *self, struct err *err)
{
    struct files_place *place = self;
    enum journal_outcome outcome = place->next_commit;
    const struct journal_mark start = { .last = journal_last(place->journal) };

    place->next_commit = JOURNAL_DONE;
    if (outcome == JOURNAL_DONE) {
        outcome = journal_commit(place->journal, err);
        journal_tidy(place->journal);
        return outcome;
    }
    err_set(err, "the test says so");
    journal_cancel(place->journal, &start);
    journal_clear_places(place->journal);
    return outcome;
}

static void
open_all(struct files_place *place)
{
    const struct journal_options options = { .dir = place->journal_dir,
                                             .segment_bytes = place->segment_bytes,
                                             .max_bytes = place->max_bytes, .slots = 1 };
    struct files_spec spec = { .patterns = place->patterns, .from_start = place->from_start,
                               .commit = commit, .self = place };
    struct err err;

    place->journal = journal_open(&options, place->now_us, &err);
    if (place->journal == NULL)
        fail_msg("%s", err.text);
    if (place->metrics == NULL)
        place->metrics = metrics_new();
    place->intake = intake_new(place->journal, place->metrics);
    spec.intake = place->intake;
    spec.metrics = place->metrics;
    place->files = files_new(&spec, &err);
    if (place->files == NULL)
        fail_msg("%s", err.text);
}

static void
close_all(struct files_place *place)
{
    files_destroy(&place->files);
    intake_destroy(&place->intake);
    journal_close(&place->journal);
}

int
files_place_set_up(void **state)
{
    struct files_place *place = calloc(1, sizeof(*place));
    struct err err;

    setenv("TZ", "UTC", 1);
    assert_int_equal(timestamp_init(&err), 0);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->logs, sizeof(place->logs), "%s/logs", place->dir);
    snprintf(place->journal_dir, sizeof(place->journal_dir), "%s/journal", place->dir);
    assert_int_equal(mkdir(place->logs, 0700), 0);
    assert_int_equal(mkdir(place->journal_dir, 0700), 0);
    place->now_us = start_us;
    place->now_ms = 1000000;
    place->segment_bytes = 1 << 26;
    place->max_bytes = 1 << 30;
    *state = place;
    return 0;
}

int
files_place_tear_down(void **state)
{
    struct files_place *place = *state;

    close_all(place);
    metrics_destroy(&place->metrics);
    buf_release(&place->lines);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

void
files_place_watch(struct files_place *place, const char *pattern)
{
    size_t len = strlen(place->patterns);

    snprintf(place->patterns + len, sizeof(place->patterns) - len, "%s%s/%s",
             len > 0 ? ", " : "", place->logs, pattern);
    files_place_restart(place);
}

void
files_place_restart(struct files_place *place)
{
    close_all(place);
    open_all(place);
    files_place_pump(place);
}

enum files_outcome
files_place_pump(struct files_place *place)
{
    enum files_outcome outcome;
    int turns = 0;

    place->now_ms++;
    place->now_us += 1000;
    files_set_time(place->files, place->now_us, place->now_ms);
    files_scan(place->files);
    while ((outcome = files_turn(place->files)) == FILES_MORE)
        assert_true(++turns < 100000);
    return outcome;
}

void
files_place_pass(struct files_place *place, int64_t ms)
{
    place->now_ms += ms;
    place->now_us += ms * 1000;
    files_place_pump(place);
}

const char *
files_place_path(struct files_place *place, const char *name)
{
    static char paths[2][512];
    static int turn;

    turn = !turn;
    snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", place->logs, name);
    return paths[turn];
}

void
files_place_append_bytes(struct files_place *place, const char *name, const void *bytes,
                         size_t len)
{
    int fd = open(files_place_path(place, name), O_WRONLY | O_APPEND | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

void
files_place_append(struct files_place *place, const char *name, const char *text)
{
    files_place_append_bytes(place, name, text, strlen(text));
}

void
files_place_rename(struct files_place *place, const char *from, const char *to)
{
    assert_int_equal(rename(files_place_path(place, from), files_place_path(place, to)), 0);
}

void
files_place_copy(struct files_place *place, const char *from, const char *to)
{
    FILE *in = fopen(files_place_path(place, from), "r");
    char bytes[4096];
    size_t len;

    assert_non_null(in);
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        files_place_append_bytes(place, to, bytes, len);
    fclose(in);
}

void
files_place_truncate(struct files_place *place, const char *name)
{
    assert_int_equal(truncate(files_place_path(place, name), 0), 0);
}

void
files_place_unlink(struct files_place *place, const char *name)
{
    assert_int_equal(unlink(files_place_path(place, name)), 0);
}

static void
each_event(struct files_place *place, void (*each)(void *ctx, const struct event *ev), void *ctx)
{
    struct batch_reader reader;
    struct batch_head head;
    struct event ev = { 0 };
    struct text body;
    uint64_t after = 0;
    struct err err;

    for (; journal_next(place->journal, after, &head, &body, &err) == 1; after = head.first) {
        assert_int_equal(batch_reader_init(&reader, &head, body.ptr, body.len, &err), 0);
        while (batch_reader_next(&reader, &ev, &err) == 1)
            each(ctx, &ev);
        batch_reader_release(&reader);
    }
    event_release(&ev);
}

static void
add_line(void *ctx, const struct event *ev)
{
    buf_append_text(ctx, value_get_text(&ev->known[EVENT_RAW_LOG]));
    buf_append_char(ctx, '\n');
}

const char *
files_place_lines(struct files_place *place)
{
    buf_clear(&place->lines);
    buf_append_str(&place->lines, "");
    each_event(place, add_line, &place->lines);
    return place->lines.ptr;
}

void
files_place_assert(struct files_place *place, const char *lines)
{
    assert_string_equal(files_place_lines(place), lines);
}

struct wanted {
    const char *raw_log, *name;
    char found[1024];
};

static void
look_for_field(void *ctx, const struct event *ev)
{
    struct wanted *wanted = ctx;
    const struct value *value;
    struct text text;
    char space[32];

    if (!text_is(value_get_text(&ev->known[EVENT_RAW_LOG]), wanted->raw_log) ||
        (value = event_get(ev, text_of(wanted->name))) == NULL)
        return;
    text = value_as_text(value, space);
    snprintf(wanted->found, sizeof(wanted->found), "%.*s", (int)text.len, text.ptr);
}

const char *
files_place_field(struct files_place *place, const char *raw_log, const char *name)
{
    static struct wanted wanted;

    wanted = (struct wanted){ .raw_log = raw_log, .name = name };
    each_event(place, look_for_field, &wanted);
    return wanted.found;
}

uint64_t
files_place_number(struct files_place *place, const char *name)
{
    return *metrics_number(place->metrics, METRIC_COUNTER, name, "", "");
}

void
files_place_number_lines(struct files_place *place, const char *name, unsigned first,
                         unsigned last)
{
    struct buf lines = { 0 };

    for (unsigned i = first; i <= last; i++)
        assert_int_equal(buf_printf(&lines, "line %06u\n", i), 0);
    files_place_append_bytes(place, name, lines.ptr, lines.len);
    buf_release(&lines);
}

void
files_place_assert_numbers(struct files_place *place, unsigned first, unsigned last)
{
    const char *at = files_place_lines(place);
    unsigned char *seen = calloc(1, last + 1);

    for (; *at != '\0'; at = strchr(at, '\n') + 1) {
        unsigned number = 0;

        if (sscanf(at, "line %6u", &number) != 1 || number < first || number > last)
            fail_msg("no line of ours: %.40s", at);
        if (seen[number]++ != 0)
            fail_msg("line %u is there twice", number);
    }
    for (unsigned i = first; i <= last; i++)
        if (!seen[i])
            fail_msg("line %u is lost", i);
    free(seen);
}
