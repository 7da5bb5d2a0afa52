#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/export_place.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/send_post.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/event.h"
#include "proto/run/daemon.h"

enum { PAGE_EVENTS = 1000, PAGE_INCIDENTS = 500, MAX_ATTEMPTS = 8 };

struct exporting {
    struct call *call;
    struct remote remote;
    struct pages pages;
    struct export_place place;
    int is_incidents, shows_progress;
    uint64_t written;           /* by this call */
};

static void
show_progress(const struct exporting *work, const char *end)
{
    if (work->shows_progress)
        fprintf(stderr, "\r\033[K%" PRIu64 " %s%s", work->written, work->pages.list, end);
}

/* What Bongsu sets itself no sender may: it goes, and the id becomes the name under
 * which the event is stored once, however often it is sent. */
static void
make_sendable(json_t *event)
{
    json_object_set(event, "idempotency_key", json_object_get(event, "id"));
    json_object_del(event, "id");
    json_object_del(event, "received_at");
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++)
        if (event_fields[i].flags & (FIELD_ADDED | FIELD_DERIVED))
            json_object_del(event, event_fields[i].name);
}

/* A page, whole and flushed; only then its place counts. */
static int
write_page(struct exporting *work, json_t *items, struct err *err)
{
    const char *error = NULL;
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        if (work->call->to_send)
            make_sendable(item);
        screen_print_json_line(item);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        error = strerror(errno);
    if (error != NULL) {
        err_set(err, "standard output: %s", error);
        return EXIT_IO;
    }
    work->written += json_array_size(items);
    work->place.written += json_array_size(items);
    if (work->call->resume == NULL)
        return EXIT_DONE;
    return export_place_save(&work->place, work->call->resume, work->pages.cursor, err) == 0
               ? EXIT_DONE : EXIT_IO;
}

/* The next page, asked for again while nobody answers or it is busy. */
static int
fetch(struct exporting *work, json_t **ret_items, struct err *err)
{
    unsigned limit = work->is_incidents ? PAGE_INCIDENTS : PAGE_EVENTS;

    for (unsigned attempts = 1;; attempts++) {
        long wait_s = -1;
        int code = pages_next(&work->pages, limit, ret_items, &wait_s, err);

        if ((code != EXIT_BUSY && code != EXIT_UNREACHABLE) || work->written == 0 ||
            attempts == MAX_ATTEMPTS)
            return code;
        if (stop_signal_wait(poster_wait_ms(attempts, wait_s)) != 0)
            return EXIT_STOPPED;
    }
}

static int
export_all(struct exporting *work, struct err *err)
{
    json_t *items = NULL;
    int code = EXIT_DONE;

    while (code == EXIT_DONE && !stop_is_asked) {
        code = fetch(work, &items, err);
        if (code != EXIT_DONE || items == NULL)
            break;
        code = write_page(work, items, err);
        json_decref(items);
        show_progress(work, "");
    }
    show_progress(work, "\n");
    return stop_is_asked && (code == EXIT_DONE || code == EXIT_STOPPED) && !work->pages.is_done
               ? EXIT_STOPPED : code;
}

/* What is asked for: anew, or as the file says. A call of other filters must
 * not go on with a place that is not its own. */
static int
find_place(struct exporting *work, struct err *err)
{
    struct buf path = { 0 };
    int64_t now_us = clock_real_us();
    int code = EXIT_SOFTWARE;

    err_set(err, "out of memory");
    if (buf_printf(&path, "/%s", work->pages.list) == 0)
        code = work->is_incidents
                   ? pages_add_incident_filters(&path, work->call, now_us, err)
                   : pages_add_event_filters(&path, work->call, now_us, err);
    if (code == EXIT_DONE && export_place_open(&work->place, work->call, path.ptr, err) != 0)
        code = EXIT_CONFIG;
    buf_release(&path);
    work->pages.path = work->place.path;
    if (code == EXIT_DONE && work->place.cursor != NULL) {
        work->pages.cursor = work->place.cursor;
        work->place.cursor = NULL;
    }
    work->pages.is_done = work->place.is_done;
    return code;
}

int
export_run(struct call *call)
{
    struct exporting work = { .call = call, .is_incidents = strstr(call->name, "incidents") != NULL,
                              .shows_progress = isatty(STDERR_FILENO) };
    struct err err;
    int code;

    work.pages.remote = &work.remote;
    work.pages.list = strchr(call->name, ' ') + 1;
    code = call->rule != NULL && !pages_is_rule_id(call->rule) ? EXIT_USAGE : EXIT_DONE;
    if (code != EXIT_DONE)
        err_set(&err, "--rule: \"%.80s\" is no rule's id (bongsu rules list shows them)", call->rule);
    if (code == EXIT_DONE)
        code = remote_open(&work.remote, call, KEY_TO_READ, &err);
    if (code == EXIT_DONE)
        code = find_place(&work, &err);
    if (code == EXIT_DONE) {
        stop_signal_catch();
        code = export_all(&work, &err);
    }
    if (code == EXIT_STOPPED)
        fprintf(stderr, "bongsu %s: stopped after %" PRIu64 "%s\n", call->name, work.written,
                call->resume != NULL ? "; the same call goes on from here"
                                     : " (with --resume FILE it could go on)");
    else if (code != EXIT_DONE)
        call_complain(call, code, &err);
    export_place_release(&work.place);
    pages_release(&work.pages);
    remote_close(&work.remote);
    return code;
}
