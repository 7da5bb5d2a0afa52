#include <stdio.h>

#include "ctl/event_row.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

static int
show_found(const struct call *call, json_t *events, int is_more)
{
    json_t *answer = json_pack("{s:O, s:b}", "events", events, "more", is_more);

    if (call->json)
        screen_print_json(answer);
    else if (json_array_size(events) > 0)
        event_rows_print(events);
    else
        puts("no event");
    json_decref(answer);
    return json_array_size(events) > 0 ? EXIT_DONE : EXIT_PARTLY;
}

int
events_search_run(struct call *call)
{
    struct buf path = { 0 };
    struct remote remote = { 0 };
    struct pages pages = { .remote = &remote, .list = "events" };
    json_t *events = NULL;
    struct err err;
    int code = remote_open(&remote, call, KEY_TO_READ, &err);

    if (code == EXIT_DONE && buf_append_str(&path, "/events") == 0)
        code = pages_add_event_filters(&path, call, clock_real_us(), &err);
    pages.path = path.ptr;
    if (code == EXIT_DONE)
        code = pages_collect(&pages, (size_t)call->limit, NULL, NULL, &events, &err);
    if (code == EXIT_DONE)
        code = show_found(call, events, !pages.is_done);
    else
        call_complain(call, code, &err);
    json_decref(events);
    pages_release(&pages);
    buf_release(&path);
    remote_close(&remote);
    return code;
}
