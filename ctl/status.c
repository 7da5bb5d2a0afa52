#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/local.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

/* Two looks this far apart give the rates. */
enum { RATE_MS = 500 };

/* More entries of the allow list would push out what matters. */
enum { MAX_ALLOW_LINES = 20 };

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
    "dead_letters", "messages_waiting", "messages_failed", "messages_unreadable",
    "held_events", "incidents_in_flight", NULL,
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
        long code = local_call(settings, local_processes[i], "/status", NULL, LOCAL_QUICK_MS,
                               &look->status[i], &err);

        if (code == 200 && json_is_object(look->status[i]))
            continue;
        if (code >= 0)
            err_set(&err, "%s: answered %ld, no status", local_processes[i], code);
        snprintf(look->why[i], sizeof(look->why[i]), "%.190s", err.text);
        json_decref(look->status[i]);
        look->status[i] = NULL;
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

/* The checks that are not fine, with their reasons ("ok" or why not), and the
 * warnings, which make nothing less ready. */
static void
append_trouble(struct buf *out, const json_t *status)
{
    json_t *checks = json_object_get(status, "checks"), *check, *warning;
    const char *name;
    size_t i;

    json_object_foreach(checks, name, check) {
        const char *word = json_string_value(check);

        if (word == NULL || strcmp(word, "ok") != 0)
            buf_printf(out, "\n    %s: %s", name, word == NULL ? "not fine" : word);
    }
    json_array_foreach(json_object_get(status, "warnings"), i, warning)
        if (json_is_string(warning))
            buf_printf(out, "\n    %s", json_string_value(warning));
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

/* detector: what the allow list takes from the rules. */
static void
append_allow(struct buf *out, const json_t *status)
{
    json_t *entry, *entries = json_object_get(json_object_get(status, "allow"), "entries");
    size_t i;

    json_array_foreach(entries, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "entry"));
        const char *reason = json_string_value(json_object_get(entry, "reason"));

        if (i == MAX_ALLOW_LINES) {
            buf_printf(out, "    and %zu more entries of the allow list (--json has all)\n",
                       json_array_size(entries) - i);
            break;
        }
        buf_printf(out, "    allowed today %" JSON_INTEGER_FORMAT ", ever %" JSON_INTEGER_FORMAT
                   "  %s (%s)\n",
                   json_integer_value(json_object_get(entry, "today")),
                   json_integer_value(json_object_get(entry, "total")),
                   name == NULL ? "" : name, reason == NULL ? "" : reason);
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
    if (before->status[i] != NULL && seconds > 0) {
        double more = counter(status, rates[i].counter) -
                      counter(before->status[i], rates[i].counter);

        /* less than before: it was started again meanwhile */
        buf_printf(out, "  %.0f %s", more < 0 ? 0 : more / seconds, rates[i].unit);
    }
    for (const char *const *name = shown; *name != NULL; name++)
        if (json_integer_value(json_object_get(status, *name)) != 0)
            buf_printf(out, "  %s=%" JSON_INTEGER_FORMAT, *name,
                       json_integer_value(json_object_get(status, *name)));
    append_trouble(out, status);
    buf_append_char(out, '\n');
    append_backlog(out, status);
    append_allow(out, status);
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

enum { ALL_READY = EXIT_DONE, NOT_ALL_READY = EXIT_PARTLY, NOTHING_RUNS = EXIT_UNREACHABLE };

static int
judge(const struct look *look)
{
    int ready = 0, running = 0;

    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        running += look->status[i] != NULL;
        ready += json_is_true(json_object_get(look->status[i], "ready"));
    }
    return running == 0 ? NOTHING_RUNS : ready == LOCAL_PROCESSES ? ALL_READY : NOT_ALL_READY;
}

/* Take --json out of the arguments, which keep their order. */
static int
take_json_flag(int *argc, char **argv)
{
    int kept = 1, is_json = 0;

    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            is_json = 1;
        else
            argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;
    return is_json;
}

static void
print_table(const struct settings *settings, const struct look *before, struct look *now)
{
    struct buf out = { 0 };

    if (judge(before) == NOTHING_RUNS) {
        fprintf(stderr, "bongsu status: nothing runs with --data-dir %s (bongsu up starts it)\n",
                settings->data_dir);
        return;
    }
    poll(NULL, 0, RATE_MS);
    look_at_all(settings, now);
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        append_process(&out, i, before, now);
    fputs(out.ptr == NULL ? "" : out.ptr, stdout);
    buf_release(&out);
}

int
status_main(int argc, char **argv)
{
    struct look before = { 0 }, now = { 0 };
    int is_json = take_json_flag(&argc, argv), code;
    struct settings settings;
    struct options_call call;

    if (!local_settings(&settings, argc, argv, "status [--json]\n\nShows the five processes: "
                        "rates, backlogs, oldest unacked event, what is wrong.\n"
                        "Exits 0 when all are ready, 1 when not, 69 when none runs.\n"
                        "example: bongsu status", &call, &code))
        return code;
    if (call.arg_count > 0) {
        fprintf(stderr, "bongsu status: %s: not an option\n", call.args[0]);
        code = EXIT_USAGE;
        goto done;
    }
    look_at_all(&settings, &before);
    if (is_json)
        print_json(&before);
    else
        print_table(&settings, &before, &now);
    code = judge(now.at_ms != 0 ? &now : &before);

done:
    forget(&before);
    forget(&now);
    settings_release(&settings);
    return code;
}
