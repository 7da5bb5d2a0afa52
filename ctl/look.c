#include "ctl/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/run/daemon.h"
#include "proto/run/run_dir.h"

/* Which counter is a process's rate, and what it counts, in their order. */
static const struct { const char *counter, *unit; } rates[LOCAL_PROCESSES] = {
    { "bongsu_ingest_events_accepted_total", "events accepted/s" },
    { "bongsu_detector_events_total", "events judged/s" },
    { "bongsu_indexer_events_stored_total", "events stored/s" },
    { "bongsu_notifier_messages_sent_total", "messages/s" },
    { "bongsu_api_queries_total", "queries/s" },
};

/* The second of a kind and so on; who is gone has perhaps left a socket behind. */
static void
look_at_more(const struct settings *settings, struct look *look, const char *kind)
{
    char name[32];

    for (int k = 1; k < DAEMON_MAX_REPLICAS; k++) {
        json_t *status = NULL;
        char *sock;
        struct err err;

        snprintf(name, sizeof(name), "%s-%d", kind, k);
        sock = run_dir_socket(settings, name);
        if (sock != NULL && access(sock, F_OK) == 0 &&
            local_call(settings, name, "/status", NULL, LOCAL_QUICK_MS, &status, &err) == 200 &&
            json_is_object(status))
            json_object_set(look->more, name, status);
        json_decref(status);
        free(sock);
    }
}

void
look_at_all(const struct settings *settings, struct look *look)
{
    look->at_ms = clock_steady_ms();
    look->more = json_object();
    look->slots = (int)settings->detector_slots;
    for (int i = 0; i < LOCAL_PROCESSES && settings->health_listen == NULL; i++)
        look_at_more(settings, look, local_processes[i]);
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

void
look_release(struct look *look)
{
    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        json_decref(look->status[i]);
        look->status[i] = NULL;
    }
    json_decref(look->more);
    look->more = NULL;
}

double
look_counter(const struct look *look, int process, const char *name)
{
    return json_number_value(
        json_object_get(json_object_get(look->status[process], "metrics"), name));
}

json_t *
look_to_json(const struct look *look)
{
    json_t *all = json_object();

    json_object_update(all, look->more);
    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        if (look->status[i] != NULL)
            json_object_set(all, local_processes[i], look->status[i]);
        else
            json_object_set_new(all, local_processes[i],
                                json_pack("{s:s}", "down", look->why[i]));
    }
    return all;
}

double
look_rate(const struct look *before, const struct look *now, int process, const char **ret_unit)
{
    double seconds = (double)(now->at_ms - before->at_ms) / 1000, more;

    *ret_unit = rates[process].unit;
    if (before->status[process] == NULL || now->status[process] == NULL || seconds <= 0)
        return -1;
    more = look_counter(now, process, rates[process].counter) -
           look_counter(before, process, rates[process].counter);
    return more < 0 ? 0 : more / seconds;   /* less: it was started again meanwhile */
}

/* 1 when enough of its kind are ready: each detector slot, of the others one. */
static int
is_ready(const struct look *look, int i)
{
    int needed = strcmp(local_processes[i], "detector") == 0 && look->slots > 1 ? look->slots : 1;
    int ready = json_is_true(json_object_get(look->status[i], "ready"));
    size_t len = strlen(local_processes[i]);
    const char *name;
    json_t *status;

    json_object_foreach(look->more, name, status)
        ready += strncmp(name, local_processes[i], len) == 0 &&
                 json_is_true(json_object_get(status, "ready"));
    return ready >= needed;
}

int
look_judge(const struct look *look)
{
    int ready = 0, running = json_object_size(look->more) > 0;

    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        running += look->status[i] != NULL;
        ready += is_ready(look, i);
    }
    return running == 0 ? EXIT_UNREACHABLE : ready == LOCAL_PROCESSES ? EXIT_DONE : EXIT_PARTLY;
}

void
age_format(int64_t seconds, char out[32])
{
    static const struct { int64_t from, unit; char letter; } units[] = {
        { 172800, 86400, 'd' }, { 7200, 3600, 'h' }, { 120, 60, 'm' }, { INT64_MIN, 1, 's' },
    };
    size_t i = 0;

    while (seconds < units[i].from)
        i++;
    snprintf(out, 32, "%" PRId64 "%c", seconds / units[i].unit, units[i].letter);
}
