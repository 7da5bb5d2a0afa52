#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/intake/intake.h"
#include "proto/base/log.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define END_OF_TIME_US INT64_C(253402300799000000)      /* a damaged year may be ahead */

static char dir[128];
static struct journal *journal;
static struct intake *intake;
static struct metrics *metrics;
static struct journal_mark empty;

void
fuzz_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

void
fuzz_begin(void)
{
    static int has_begun;
    struct err err;

    if (has_begun++)
        return;
    setenv("TZ", "UTC", 1);
    REQUIRE(timestamp_init(&err) == 0);
}

static void
check_text(const struct value *value)
{
    if (value->kind != VALUE_TEXT)
        return;
    REQUIRE(text_is_utf8(value->as.text));
    REQUIRE(value->as.text.len == 0 ||
            memchr(value->as.text.ptr, '\0', value->as.text.len) == NULL);
}

void
fuzz_check_event(struct event *ev)
{
    char space[TIMESTAMP_LEN];
    struct err err;

    if (event_check(ev, END_OF_TIME_US, space, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        check_text(&ev->known[i]);
    for (size_t i = 0; i < ev->extra_count; i++)
        check_text(&ev->extras[i].value);
}

static void
clean_up(void)
{
    intake_destroy(&intake);
    journal_close(&journal);
    metrics_destroy(&metrics);
    temp_dir_remove(dir);
}

/* One is there from the start: a mark then counts sequences. */
static void
give_first(void)
{
    const struct intake_origin origin = { .received_from = text_of("192.0.2.1"),
                                          .key_id = text_of("abcd1234") };
    struct intake_result result;

    intake_set_time(intake, FUZZ_NOW_US);
    REQUIRE(intake_line(intake, &origin, (struct intake_item){ .text = text_of("first") },
                        &result) == INTAKE_ACCEPTED);
}

struct intake *
fuzz_intake(void)
{
    struct journal_options options = { .dir = dir, .segment_bytes = 1 << 26,
                                       .max_bytes = 1 << 30, .slots = 1 };
    struct err err;

    fuzz_begin();
    if (intake == NULL) {
        temp_dir_make("/dev/shm", dir, sizeof(dir));
        atexit(clean_up);
        journal = journal_open(&options, FUZZ_NOW_US, &err);
        REQUIRE(journal != NULL);
        metrics = metrics_new();
        intake = intake_new(journal, metrics);
        REQUIRE(intake != NULL);
        give_first();
        empty = journal_mark(journal);
    }
    intake_set_time(intake, FUZZ_NOW_US);
    return intake;
}

void
fuzz_intake_forget(void)
{
    journal_cancel(journal, &empty);
}

unsigned char
fuzz_take(struct text *data)
{
    unsigned char byte;

    if (data->len == 0)
        return 0;
    byte = (unsigned char)data->ptr[0];
    data->ptr++;
    data->len--;
    return byte;
}
