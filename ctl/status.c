#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/local.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

/* Two looks this far apart give the rates. */
enum { RATE_MS = 500 };

/* Which counter is a process's rate, and what it counts. */
static const struct { const char *process, *counter, *unit; } rates[] = {
    { "ingest", "bongsu_ingest_events_accepted_total", "events accepted/s" },
    { "detector", "bongsu_detector_events_total", "events judged/s" },
    { "indexer", "bongsu_indexer_events_stored_total", "events stored/s" },
    { "notifier", "bongsu_notifier_messages_sent_total", "messages/s" },
    { "api", "bongsu_api_queries_total", "queries/s" },
};

/* Members of /status that everybody should see, as they are. */
static const char *const shown[] = {
    "dead_letters", "messages_waiting", "messages_failed", "held_events",
    "incidents_in_flight", NULL,
};

struct look {
    json_t *status[LOCAL_PROCESSES];
    char why[LOCAL_PROCESSES][200];
    int64_t at_ms;
};

static void
look_at_all(const struct settings *settings, struct look *look)
{
    look->at_ms = clock_steady_ms();
    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        struct err err;

        if (local_call(settings, local_processes[i], "/status", NULL, &look->status[i], &err) < 0)
            snprintf(look->why[i], sizeof(look->why[i]), "%.190s", err.text);
    }
}

static void
forget(struct look *look)
{
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        json_decref(look->status[i]);
}

static double
counter(const json_t *status, const char *name)
{
    return json_number_value(json_object_get(json_object_get(status, "metrics"), name));
}

static void
append_age(struct buf *out, int64_t seconds)
{
    if (seconds < 120)
        buf_printf(out, "%" PRId64 "s", seconds);
    else if (seconds < 7200)
        buf_printf(out, "%" PRId64 "m", seconds / 60);
    else if (seconds < 172800)
        buf_printf(out, "%" PRId64 "h", seconds / 3600);
    else
        buf_printf(out, "%" PRId64 "d", seconds / 86400);
}

/* The checks that are not fine, with their reasons. */
static void
append_trouble(struct buf *out, const json_t *status)
{
    json_t *checks = json_object_get(status, "checks"), *check;
    const char *name;

    json_object_foreach(checks, name, check) {
        const char *why = json_string_value(json_object_get(check, "why"));

        if (!json_is_true(json_object_get(check, "ok")))
            buf_printf(out, "  %s: %s;", name, why == NULL ? "not fine" : why);
    }
}

/* ingest: what each consumer has still to confirm. */
static void
append_backlog(struct buf *out, const json_t *status)
{
    json_t *consumers = json_object_get(status, "consumers"), *consumer;
    const char *name;

    json_object_foreach(consumers, name, consumer) {
        buf_printf(out, "    %-10s backlog %" JSON_INTEGER_FORMAT " events", name,
                   json_integer_value(json_object_get(consumer, "backlog_events")));
        buf_printf(out, ", oldest unacked ");
        append_age(out, json_integer_value(json_object_get(consumer, "oldest_age_ms")) / 1000);
        buf_append_char(out, '\n');
    }
}

static void
append_process(struct buf *out, int i, const struct look *before, const struct look *now)
{
    const json_t *status = now->status[i];
    double seconds = (double)(now->at_ms - before->at_ms) / 1000;

    if (status == NULL) {
        buf_printf(out, "%-10s down       %s\n", local_processes[i], now->why[i]);
        return;
    }
    buf_printf(out, "%-10s %-10s up ", local_processes[i],
               json_is_true(json_object_get(status, "ready")) ? "ready" : "NOT READY");
    append_age(out, json_integer_value(json_object_get(status, "uptime_s")));
    if (before->status[i] != NULL && seconds > 0)
        buf_printf(out, "  %.0f %s", (counter(status, rates[i].counter) -
                                      counter(before->status[i], rates[i].counter)) / seconds,
                   rates[i].unit);
    for (const char *const *name = shown; *name != NULL; name++)
        if (json_integer_value(json_object_get(status, *name)) != 0)
            buf_printf(out, "  %s=%" JSON_INTEGER_FORMAT, *name,
                       json_integer_value(json_object_get(status, *name)));
    append_trouble(out, status);
    buf_append_char(out, '\n');
    append_backlog(out, status);
}

static void
print_json(struct look *look)
{
    json_t *all = json_object();
    char *text;

    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        if (look->status[i] != NULL)
            json_object_set(all, local_processes[i], look->status[i]);
        else
            json_object_set_new(all, local_processes[i], json_pack("{s:s}", "down", look->why[i]));
    }
    text = json_dumps(all, JSON_INDENT(2));
    puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(all);
}

/* 0 when all five are ready, 1 when not. */
static int
count_trouble(const struct look *look)
{
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        if (!json_is_true(json_object_get(look->status[i], "ready")))
            return 1;
    return 0;
}

int
status_main(int argc, char **argv)
{
    struct look before = { 0 }, now = { 0 };
    struct settings settings;
    struct options_call call;
    struct buf out = { 0 };
    int code, is_json = 0;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0) {
            is_json = 1;
            argv[i] = argv[--argc];
            argv[argc] = NULL;
        }
    if (!local_settings(&settings, argc, argv, "status [--json]\n\nShows the five processes: "
                        "rates, backlogs, oldest unacked event, what is wrong.\n"
                        "example: bongsu status", &call, &code))
        return code;
    look_at_all(&settings, &before);
    if (!is_json) {
        poll(NULL, 0, RATE_MS);
        look_at_all(&settings, &now);
        for (int i = 0; i < LOCAL_PROCESSES; i++)
            append_process(&out, i, &before, &now);
        fputs(out.ptr == NULL ? "" : out.ptr, stdout);
    } else {
        print_json(&before);
    }
    code = count_trouble(is_json ? &before : &now);
    forget(&before);
    forget(&now);
    buf_release(&out);
    settings_release(&settings);
    return code;
}
