#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/event_row.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

/*
 * The place in the store's order is taken first, then the newest events are
 * shown, then what was stored after the place: nothing falls between. Only what
 * was stored between the first two can be met twice, so the ids that were shown
 * first are kept until the first look came to an end.
 */
enum { AT_ONCE = 500, AWAY_MS = 2000 };

struct tail {
    struct call *call;
    struct remote remote;
    char *after;                /* the place */
    json_t *shown;              /* an object: the ids that were shown first */
    int is_warned;              /* of days that are not followed */
};

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

static int
make_path(const struct tail *tail, const char *after, struct buf *path, struct err *err)
{
    char limit[16];
    int code;

    snprintf(limit, sizeof limit, "%d", (int)AT_ONCE);
    err_set(err, "out of memory");
    if (buf_append_str(path, "/events") != 0)
        return EXIT_SOFTWARE;
    code = pages_add_event_filters(path, tail->call, clock_real_us(), err);
    if (code == EXIT_DONE && after != NULL &&
        (query_add_str(path, "limit", limit) != 0 || query_add_str(path, "after", after) != 0))
        code = EXIT_SOFTWARE;
    return code;
}

/* The newest ones, oldest first. */
static int
show_newest(struct tail *tail, struct err *err)
{
    struct buf path = { 0 };
    struct pages pages = { .remote = &tail->remote, .list = "events" };
    json_t *events = NULL;
    int code = make_path(tail, NULL, &path, err);

    pages.path = path.ptr;
    if (code == EXIT_DONE)
        code = pages_collect(&pages, (size_t)tail->call->limit, NULL, NULL, &events, err);
    for (size_t i = json_array_size(events); i-- > 0 && code == EXIT_DONE;) {
        const json_t *event = json_array_get(events, i);
        const char *id = json_string_value(json_object_get(event, "id"));

        if (show_event(tail, event) != 0 ||
            (id != NULL && json_object_set_new(tail->shown, id, json_true()) != 0)) {
            err_set(err, "out of memory");
            code = EXIT_SOFTWARE;
        }
    }
    json_decref(events);
    pages_release(&pages);
    buf_release(&path);
    return code;
}

static int
show_new(const struct tail *tail, const json_t *events)
{
    const json_t *event;
    size_t i;

    json_array_foreach(events, i, event) {
        const char *id = json_string_value(json_object_get(event, "id"));

        if ((id == NULL || json_object_get(tail->shown, id) == NULL) &&
            show_event(tail, event) != 0)
            return -1;
    }
    return 0;
}

/* What came after the place, which moves on only when that was shown. */
static int
take(struct tail *tail, const json_t *answer, int *ret_more, struct err *err)
{
    const json_t *events = json_object_get(answer, "events");
    const char *after = json_string_value(json_object_get(answer, "next_after"));
    json_int_t left_out = json_integer_value(json_object_get(answer, "days_left_out"));
    char *place;

    if (!json_is_array(events) || after == NULL) {
        err_set(err, "%s answers without next_after: is it Bongsu's api, and not an older one?",
                tail->remote.url);
        return EXIT_PROTOCOL;
    }
    *ret_more = json_is_true(json_object_get(answer, "more"));
    if (*ret_more && tail->after != NULL && strcmp(after, tail->after) == 0) {
        err_set(err, "%s has more and gives none: is it Bongsu's api?", tail->remote.url);
        return EXIT_PROTOCOL;
    }
    place = strdup(after);
    if (place == NULL || show_new(tail, events) != 0) {
        free(place);
        err_set(err, "out of memory");
        return EXIT_SOFTWARE;
    }
    free(tail->after);
    tail->after = place;
    if (left_out > 0 && !tail->is_warned++)
        call_warn(tail->call->name, "%" JSON_INTEGER_FORMAT " older storage days are not followed",
                  left_out);
    return EXIT_DONE;
}

/* Until there is no more for now. */
static int
look(struct tail *tail, struct err *err)
{
    int code = EXIT_DONE, is_more = 1;

    while (code == EXIT_DONE && is_more && !stop_is_asked) {
        struct buf path = { 0 };
        json_t *answer = NULL;

        code = make_path(tail, tail->after == NULL ? "now" : tail->after, &path, err);
        if (code == EXIT_DONE)
            code = remote_ask_json(&tail->remote, path.ptr, NULL, &answer, NULL, err);
        if (code == EXIT_DONE)
            code = take(tail, answer, &is_more, err);
        json_decref(answer);
        buf_release(&path);
        fflush(stdout);
    }
    return code;
}

/* Look again and again; a service that is away or busy is waited for. */
static int
follow(struct tail *tail, struct err *err)
{
    int is_away = 0;

    while (stop_signal_wait(is_away ? AWAY_MS : tail->call->every_ms) == 0) {
        int code = look(tail, err);

        if (code != EXIT_DONE && code != EXIT_UNREACHABLE && code != EXIT_BUSY)
            return code;
        if (code == EXIT_DONE)
            json_object_clear(tail->shown);
        else if (!is_away)
            call_warn(tail->call->name, "%s", err->text);
        is_away = code != EXIT_DONE;
    }
    return EXIT_STOPPED;
}

int
events_tail_run(struct call *call)
{
    struct tail tail = { .call = call, .shown = json_object() };
    struct err err = { "out of memory" };
    int code = tail.shown == NULL ? EXIT_SOFTWARE
                                  : remote_open(&tail.remote, call, KEY_TO_READ, &err);

    if (code == EXIT_DONE && call->follow) {
        stop_signal_catch();
        code = look(&tail, &err);
    }
    if (code == EXIT_DONE)
        code = show_newest(&tail, &err);
    fflush(stdout);
    if (code == EXIT_DONE && call->follow)
        code = follow(&tail, &err);
    if (code != EXIT_DONE && code != EXIT_STOPPED)
        call_complain(call, code, &err);
    json_decref(tail.shown);
    free(tail.after);
    remote_close(&tail.remote);
    return code;
}
