/*
 * bongsu store copy: from the embedded store to Elasticsearch. Everything is written
 * as the indexer writes it, under the same ids, so that a second call adds nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/complain.h"
#include "ctl/screen.h"
#include "ctl/send_post.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/codec_msgpack.h"
#include "proto/run/daemon.h"
#include "proto/store/store.h"

enum { PAGE_EVENTS = 1000, PAGE_INCIDENTS = 500, MAX_ATTEMPTS = 8, SUM_DAYS = 400,
       HOURS_AT_ONCE = 24 };

#define DAY_US INT64_C(86400000000)

struct copying {
    struct call *call;
    struct store *from, *into;
    int shows_progress;
    uint64_t events, events_there, refused, incidents, incidents_there, hours, allowed;
    /* a page of events: what put_events borrows */
    struct buf encoded;
    struct event views[PAGE_EVENTS];
    struct store_event rows[PAGE_EVENTS];
    size_t starts[PAGE_EVENTS + 1], count;
};

static void
show_progress(const struct copying *work, const char *end)
{
    if (work->shows_progress)
        fprintf(stderr, "\r\033[K%" PRIu64 " events, %" PRIu64 " incidents%s",
                work->events + work->events_there, work->incidents + work->incidents_there, end);
}

/* Whether to try once more after this outcome; else *ret_code says how it ends. */
static int
is_to_repeat(enum store_outcome outcome, unsigned *attempts, int *ret_code)
{
    *ret_code = outcome == STORE_DONE ? EXIT_DONE : EXIT_UNREACHABLE;
    if (outcome != STORE_RETRY || ++*attempts == MAX_ATTEMPTS)
        return 0;
    if (stop_signal_wait(poster_wait_ms(*attempts, -1)) == 0)
        return 1;
    *ret_code = EXIT_STOPPED;
    return 0;
}

/* --- events --- */

static uint64_t
big_endian(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* Only what put_events looks at beside the encoded map. */
static int
keep_event(void *ctx, const struct event *ev)
{
    struct copying *work = ctx;
    struct store_event *row = &work->rows[work->count];

    if (work->count == PAGE_EVENTS || event_pack(ev, &work->encoded) != 0)
        return -1;
    work->views[work->count] = (struct event){ .id = ev->id, .is_keyed = ev->is_keyed,
                                               .at_us = ev->at_us, .received_us = ev->received_us };
    *row = (struct store_event){ .ev = &work->views[work->count] };
    if (!ev->is_keyed) {
        row->journal = big_endian(ev->id.bytes);
        row->sequence = big_endian(ev->id.bytes + 12);
    }
    work->starts[++work->count] = work->encoded.len;
    return 0;
}

static int
put_page(struct copying *work, struct err *err)
{
    struct store_written written = { 0 };
    enum store_outcome outcome;
    unsigned attempts = 0;
    int code;

    for (size_t i = 0; i < work->count; i++)
        work->rows[i].encoded = (struct text){ work->encoded.ptr + work->starts[i],
                                               work->starts[i + 1] - work->starts[i] };
    if (work->count == 0)
        return EXIT_DONE;
    do {
        outcome = work->into->ops->put_events(work->into, work->rows, work->count, &written, err);
    } while (is_to_repeat(outcome, &attempts, &code));
    if (code != EXIT_DONE)
        return code;
    work->events += written.inserted;
    work->events_there += written.repeated;
    work->refused += written.refused;
    if (written.refused > 0)
        call_warn(work->call->name, "%" PRIu64 " events are refused, at last: %s", written.refused,
                  err->text);
    return EXIT_DONE;
}

static int
copy_events(struct copying *work, struct err *err)
{
    struct event_query query = { .from_us = INT64_MIN, .to_us = INT64_MAX, .limit = PAGE_EVENTS };
    struct event_page page = { .is_more = 1 };
    int code = EXIT_DONE;

    while (page.is_more && code == EXIT_DONE && !stop_is_asked) {
        buf_clear(&work->encoded);
        work->count = 0;
        if (work->from->ops->find_events(work->from, &query, keep_event, work, &page, err) != 0)
            return EXIT_IO;
        code = put_page(work, err);
        show_progress(work, "");
        query.has_cursor = 1;
        query.cursor_at_us = page.cursor_at_us;
        query.cursor_id = page.cursor_id;
    }
    return code;
}

/* --- incidents --- */

static int
put_incident(struct copying *work, const struct incident *inc, struct err *err)
{
    enum store_outcome outcome;
    unsigned attempts = 0;
    int is_new = 0, code;

    do {
        outcome = work->into->ops->import_incident(work->into, inc, &is_new, err);
    } while (is_to_repeat(outcome, &attempts, &code));
    if (code == EXIT_DONE)
        ++*(is_new ? &work->incidents : &work->incidents_there);
    return code;
}

static int
copy_incidents(struct copying *work, struct err *err)
{
    struct incident_query query = { .to_us = INT64_MAX, .status = -1, .severity = -1,
                                    .limit = PAGE_INCIDENTS };
    int is_more = 1, code = EXIT_DONE;

    while (is_more && code == EXIT_DONE && !stop_is_asked) {
        struct incident **found = NULL;
        size_t count = 0;

        if (work->from->ops->find_incidents(work->from, &query, &found, &count, &is_more, err) != 0)
            return EXIT_IO;
        for (size_t i = 0; i < count && code == EXIT_DONE && !stop_is_asked; i++)
            code = put_incident(work, found[i], err);
        if (count > 0) {
            query.has_cursor = 1;
            query.cursor_us = found[count - 1]->last_seen_us;
            snprintf(query.cursor_id, sizeof(query.cursor_id), "%s", found[count - 1]->id);
        }
        store_free_incidents(&found, count);
        show_progress(work, "");
    }
    return code;
}

/* --- sums --- */

/* A ledger holds few hours, so a few at a time. */
static int
copy_balance(struct copying *work, struct err *err)
{
    struct ledger *hours = calloc(1, sizeof(*hours));
    int64_t now = ledger_hour(clock_real_us());
    int code = EXIT_DONE;

    for (int64_t hour = now - SUM_DAYS * 24; hours != NULL && hour <= now && code == EXIT_DONE;
         hour += HOURS_AT_ONCE) {
        memset(hours, 0, sizeof(*hours));
        if (work->from->ops->get_ledger(work->from, hour, hour + HOURS_AT_ONCE, hours, err) != 0)
            code = EXIT_IO;
        else if (hours->count > 0 && work->into->ops->put_balance(work->into, hours, err) != STORE_DONE)
            code = EXIT_UNREACHABLE;
        work->hours += hours->count;
    }
    if (hours == NULL) {
        err_set(err, "out of memory");
        code = EXIT_SOFTWARE;
    }
    free(hours);
    return code;
}

struct allowed_day {
    struct copying *work;
    const char *day;
    enum store_outcome outcome;
    struct err *err;
};

static int
put_allowed(void *ctx, const struct store_allowed *sum)
{
    struct allowed_day *the = ctx;
    struct store_allowed row = *sum;

    row.day = the->day;
    the->outcome = the->work->into->ops->put_allowed(the->work->into, &row, 1, the->err);
    the->work->allowed += the->outcome == STORE_DONE;
    return the->outcome == STORE_DONE ? 0 : 1;
}

static int
copy_allowed(struct copying *work, struct err *err)
{
    int64_t now_us = clock_real_us();

    for (int i = -1; i <= SUM_DAYS && !stop_is_asked; i++) {
        struct allowed_day the = { .work = work, .err = err };
        char day[TIMESTAMP_LEN];

        timestamp_format(now_us - i * DAY_US, day);
        day[strlen("2026-11-22")] = '\0';
        the.day = day;
        if (work->from->ops->get_allowed(work->from, day, day, put_allowed, &the, err) != 0)
            return EXIT_IO;
        if (the.outcome != STORE_DONE)
            return EXIT_UNREACHABLE;
    }
    return EXIT_DONE;
}

/* --- the whole --- */

/* Both stores, and nobody who writes to the old one. */
static int
open_stores(struct copying *work, struct err *err)
{
    const struct settings *settings = &work->call->settings;
    struct settings old = *settings;
    char *lock = settings_path(settings, "indexer.lock"), *dir = settings_path(settings, "store");
    int code = EXIT_DONE;

    old.store_url = NULL;
    if (settings->store_url == NULL) {
        err_set(err, "store.url (ELASTICSEARCH_URL) is not set: where to?");
        code = EXIT_CONFIG;
    } else if (lock == NULL || dir == NULL) {
        err_set(err, "out of memory");
        code = EXIT_SOFTWARE;
    } else if (access(dir, R_OK | X_OK) != 0) {
        err_set(err, "%s: no store is there", dir);
        code = EXIT_NO_INPUT;
    } else if (daemon_lock(lock, err) < 0) {
        code = EXIT_TAKEN;
    }
    free(lock);
    free(dir);
    if (code != EXIT_DONE)
        return code;
    work->from = store_open(&old, STORE_READ, err);
    work->into = work->from == NULL ? NULL : store_open(settings, STORE_WRITE, err);
    return work->into == NULL ? EXIT_CONFIG : EXIT_DONE;
}

static void
print_result(const struct copying *work)
{
    json_t *answer = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "events", (json_int_t)work->events, "events_there_before",
        (json_int_t)work->events_there, "events_refused", (json_int_t)work->refused, "incidents",
        (json_int_t)work->incidents, "incidents_there_before", (json_int_t)work->incidents_there,
        "hours", (json_int_t)work->hours, "allowed", (json_int_t)work->allowed);

    if (work->call->json)
        screen_print_json(answer);
    else
        printf("%" PRIu64 " events copied, %" PRIu64 " were there, %" PRIu64 " refused; %" PRIu64
               " incidents copied, %" PRIu64 " were there\n", work->events, work->events_there,
               work->refused, work->incidents, work->incidents_there);
    json_decref(answer);
}

int
store_copy_run(struct call *call)
{
    static int (*const steps[])(struct copying *work, struct err *err) = {
        open_stores, copy_events, copy_incidents, copy_balance, copy_allowed,
    };
    struct copying *work = calloc(1, sizeof(*work));
    struct err err = { "out of memory" };
    int code = work == NULL ? EXIT_SOFTWARE : EXIT_DONE;

    if (work == NULL)
        return call_complain(call, code, &err);
    work->call = call;
    work->shows_progress = isatty(STDERR_FILENO) && !call->no_progress;
    stop_signal_catch();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && code == EXIT_DONE; i++)
        code = stop_is_asked ? EXIT_STOPPED : steps[i](work, &err);
    show_progress(work, "\n");
    if (code == EXIT_DONE && stop_is_asked)
        code = EXIT_STOPPED;
    if (code == EXIT_STOPPED)
        err_set(&err, "stopped; the same call goes on");
    if (code == EXIT_DONE) {
        print_result(work);
        code = work->refused > 0 ? EXIT_PARTLY : EXIT_DONE;
    } else {
        call_complain(call, code, &err);
    }
    if (work->into != NULL)
        store_close(&work->into);
    if (work->from != NULL)
        store_close(&work->from);
    buf_release(&work->encoded);
    free(work);
    return code;
}
