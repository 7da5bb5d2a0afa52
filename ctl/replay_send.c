#include "ctl/replay_send.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/pages.h"
#include "ctl/send_post.h"
#include "ctl/stop_signal.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"

enum { PAGE_EVENTS = 1000, PAGE_INCIDENTS = 500, MAX_ATTEMPTS = 8 };

struct sending {
    struct remote remote;
    FILE *to;
    int shows_progress;
    uint64_t sent;
};

/* "/events?from=...&to=...": the caller releases. */
static int
make_path(struct buf *path, const char *list, int64_t from_us, int64_t to_us)
{
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];

    timestamp_format(from_us, from);
    timestamp_format(to_us, to);
    return buf_printf(path, "/%s", list) != 0 ||
                   (from_us != INT64_MIN && query_add_str(path, "from", from) != 0) ||
                   (to_us != INT64_MAX && query_add_str(path, "to", to) != 0)
               ? -1 : 0;
}

/* The next page, asked for again while nobody answers or it is busy. */
static int
fetch(struct sending *work, struct pages *pages, unsigned limit, json_t **ret_items,
      struct err *err)
{
    for (unsigned attempts = 1;; attempts++) {
        long wait_s = -1;
        int code = pages_next(pages, limit, ret_items, &wait_s, err);

        if ((code != EXIT_BUSY && code != EXIT_UNREACHABLE) || work->sent == 0 ||
            attempts == MAX_ATTEMPTS)
            return code;
        if (stop_signal_wait(poster_wait_ms(attempts, wait_s)) != 0)
            return EXIT_STOPPED;
    }
}

static void
send_items(struct sending *work, json_t *items)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        json_dumpf(item, work->to, JSON_COMPACT);
        fputc('\n', work->to);
    }
    work->sent += json_array_size(items);
    if (work->shows_progress)
        fprintf(stderr, "\r\033[K%" PRIu64 " read", work->sent);
}

/* All of a list, and the empty line that ends it. */
static int
send_list(struct sending *work, const char *list, unsigned limit, int64_t from_us,
          int64_t to_us, struct err *err)
{
    struct buf path = { 0 };
    struct pages pages = { .remote = &work->remote, .list = list };
    json_t *items = NULL;
    int code = EXIT_SOFTWARE;

    err_set(err, "out of memory");
    if (make_path(&path, list, from_us, to_us) == 0) {
        pages.path = path.ptr;
        while ((code = fetch(work, &pages, limit, &items, err)) == EXIT_DONE && items != NULL &&
               !ferror(work->to)) {
            send_items(work, items);
            json_decref(items);
            items = NULL;
            if (stop_is_asked) {
                code = EXIT_STOPPED;
                break;
            }
        }
    }
    json_decref(items);
    if (code == EXIT_DONE)
        fputc('\n', work->to);
    pages_release(&pages);
    buf_release(&path);
    return code;
}

/* 1 when no event is older than this, as far as the store goes back. */
static int
is_whole(struct sending *work, int64_t from_us, int *ret_code, struct err *err)
{
    struct buf path = { 0 };
    struct pages pages = { .remote = &work->remote, .list = "events" };
    json_t *items = NULL;
    int whole = 0;

    *ret_code = EXIT_SOFTWARE;
    err_set(err, "out of memory");
    if (make_path(&path, "events", INT64_MIN, from_us) == 0) {
        pages.path = path.ptr;
        *ret_code = pages_next(&pages, 1, &items, NULL, err);
        whole = json_array_size(items) == 0 && pages.is_done;
    }
    json_decref(items);
    pages_release(&pages);
    buf_release(&path);
    return whole;
}

int
replay_send(struct call *call, const struct replay_span *span, FILE *to, struct err *err)
{
    struct sending work = { .to = to, .shows_progress = isatty(STDERR_FILENO) };
    int64_t from_us = span->since_us - span->lookback_us;
    int code = remote_open(&work.remote, call, KEY_TO_READ, err);
    int whole = code == EXIT_DONE ? is_whole(&work, from_us, &code, err) : 0;

    stop_signal_catch();
    if (code == EXIT_DONE) {
        json_t *head = json_pack("{s:b}", "whole", whole);

        json_dumpf(head, to, JSON_COMPACT);
        fputc('\n', to);
        json_decref(head);
        if (span->is_of_events)
            fputc('\n', to);
        else
            code = send_list(&work, "incidents", PAGE_INCIDENTS, span->since_us, INT64_MAX, err);
    }
    /* to the newest: it may be that only these make an older one late */
    if (code == EXIT_DONE)
        code = send_list(&work, "events", PAGE_EVENTS, from_us, INT64_MAX, err);
    if (work.shows_progress)
        fputs("\r\033[K", stderr);
    if (code == EXIT_STOPPED)
        err_set(err, "stopped");
    remote_close(&work.remote);
    return code;
}
