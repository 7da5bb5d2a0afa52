#include <stdio.h>

#include "ctl/event_row.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/seen_ids.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"

/*
 * The api lists by event time, newest first. So each look reads from a little
 * before the newest that was seen (every tenth from --lookback before it, for
 * what came late), and shows what was not shown yet.
 */
enum { QUICK_US = 5000000, DEEP_EVERY = 10, MOST_AT_ONCE = 20000, AWAY_MS = 2000 };

/* Later than any event: without it the api would leave out what is ahead of now. */
static const char ever[] = "9999-12-31T00:00:00Z";

struct tail {
    struct call *call;
    struct remote remote;
    struct seen_ids *seen;
    int64_t newest_us;          /* event time, no later than its receipt */
    int64_t quiet_us;           /* events up to here are noted, not shown */
    unsigned looks;
};

static int64_t
time_of(const json_t *event, const char *name, int64_t other)
{
    const char *text = json_string_value(json_object_get(event, name));
    int64_t us;

    return text != NULL && timestamp_parse(text_of(text), &us, NULL) == 0 ? us : other;
}

static int
show_event(const struct tail *tail, const json_t *event)
{
    struct buf out = { 0 };
    size_t width, rows;
    int rc;

    if (tail->call->json) {
        screen_print_json_line(event);
        return 0;
    }
    screen_size(&width, &rows);
    rc = event_row_append(event, width, &out);
    if (rc == 0)
        fputs(out.ptr, stdout);
    buf_release(&out);
    return rc;
}

/* One whose time is ahead of its receipt must not hide those that come on time. */
static void
note_time(struct tail *tail, const json_t *event, int64_t at_us)
{
    int64_t received_us = time_of(event, "received_at", at_us);

    if (received_us < at_us)
        at_us = received_us;
    if (at_us > tail->newest_us)
        tail->newest_us = at_us;
}

/* The events of the list (newest first) that are new, oldest first. */
static int
show_new(struct tail *tail, const json_t *events)
{
    for (size_t i = json_array_size(events); i-- > 0;) {
        const json_t *event = json_array_get(events, i);
        const char *id = json_string_value(json_object_get(event, "id"));
        int64_t at_us = time_of(event, "timestamp", INT64_MIN);
        int is_new = id == NULL ? 0 : seen_ids_add(tail->seen, id, at_us);

        if (is_new < 0 ||
            (is_new > 0 && at_us > tail->quiet_us && show_event(tail, event) != 0))
            return -1;
        note_time(tail, event, at_us);
    }
    return 0;
}

static int
make_path(const struct tail *tail, int64_t from_us, struct buf *path, struct err *err)
{
    char from[TIMESTAMP_LEN];
    int code;

    err_set(err, "out of memory");
    timestamp_format(from_us, from);
    if (buf_append_str(path, "/events") != 0)
        return EXIT_SOFTWARE;
    code = pages_add_event_filters(path, tail->call, clock_real_us(), err);
    if (code == EXIT_DONE && from_us != INT64_MIN &&
        (query_add_str(path, "from", from) != 0 || query_add_str(path, "to", ever) != 0))
        code = EXIT_SOFTWARE;
    return code;
}

/* Read from there (INT64_MIN: from ever), at most so many, and show what is new. */
static int
look(struct tail *tail, int64_t from_us, size_t limit, struct err *err)
{
    struct buf path = { 0 };
    struct pages pages = { .remote = &tail->remote, .list = "events" };
    json_t *events = NULL;
    int code = make_path(tail, from_us, &path, err);

    pages.path = path.ptr;
    if (code == EXIT_DONE)
        code = pages_collect(&pages, limit, NULL, NULL, &events, err);
    if (code == EXIT_DONE && show_new(tail, events) != 0) {
        err_set(err, "more events at once than there is room for");
        code = EXIT_SOFTWARE;
    }
    if (code == EXIT_DONE && limit == MOST_AT_ONCE && !pages.is_done)
        fprintf(stderr, "bongsu %s: more than %d events at once: older ones are not shown\n",
                tail->call->name, (int)MOST_AT_ONCE);
    fflush(stdout);
    json_decref(events);
    pages_release(&pages);
    buf_release(&path);
    return code;
}

static int
look_back(struct tail *tail, int64_t back_us, struct err *err)
{
    int64_t from_us = tail->newest_us == INT64_MIN ? INT64_MIN : tail->newest_us - back_us;

    return look(tail, from_us, MOST_AT_ONCE, err);
}

/* Look again and again; a service that is away or busy is waited for. */
static int
follow(struct tail *tail, struct err *err)
{
    int64_t lookback_us = tail->call->lookback_ms * 1000;
    int is_away = 0;

    while (stop_signal_wait(is_away ? AWAY_MS : tail->call->every_ms) == 0) {
        int is_deep = tail->looks++ % DEEP_EVERY == 0 || is_away || lookback_us < QUICK_US;
        int code = look_back(tail, is_deep ? lookback_us : QUICK_US, err);

        if (code != EXIT_DONE && code != EXIT_UNREACHABLE && code != EXIT_BUSY)
            return code;
        if (code != EXIT_DONE && !is_away)
            remote_complain(tail->call->name, code, err);
        is_away = code != EXIT_DONE;
        if (tail->newest_us != INT64_MIN)
            seen_ids_forget_before(tail->seen, tail->newest_us - lookback_us - QUICK_US);
    }
    return EXIT_STOPPED;
}

/* What is there already, but is not among those that are shown first, is no news. */
static int
note_the_present(struct tail *tail, struct err *err)
{
    int code;

    tail->quiet_us = tail->newest_us;
    code = tail->newest_us == INT64_MIN
               ? EXIT_DONE : look_back(tail, tail->call->lookback_ms * 1000, err);
    tail->quiet_us = INT64_MIN;
    return code;
}

int
events_tail_run(struct call *call)
{
    struct tail tail = { .call = call, .newest_us = INT64_MIN, .quiet_us = INT64_MIN,
                         .seen = seen_ids_new() };
    struct err err = { "out of memory" };
    int code = tail.seen == NULL ? EXIT_SOFTWARE
                                 : remote_open(&tail.remote, call, KEY_TO_READ, &err);

    if (code == EXIT_DONE && call->follow)
        stop_signal_catch();
    if (code == EXIT_DONE)
        code = look(&tail, INT64_MIN, (size_t)call->limit, &err);
    if (code == EXIT_DONE && call->follow)
        code = note_the_present(&tail, &err);
    if (code == EXIT_DONE && call->follow)
        code = follow(&tail, &err);
    if (code != EXIT_DONE && code != EXIT_STOPPED)
        remote_complain(call->name, code, &err);
    seen_ids_destroy(&tail.seen);
    remote_close(&tail.remote);
    return code;
}
