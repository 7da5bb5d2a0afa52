/* Asking the other processes for their /status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notifier/watch_inner.h"
#include "proto/http/http_client.h"
#include "proto/run/run_dir.h"

enum { ASK_EVERY_MS = 5000, ASK_LEAST_MS = 250, ASK_TIMEOUT_MS = 4000,
       ASK_MAX_ANSWER = 4 * 1024 * 1024 };

static void
forget_look(struct watch *watch)
{
    for (int i = 0; i < WATCH_STAGES; i++) {
        json_decref(watch->look.status[i]);
        watch->look.status[i] = NULL;
    }
}

/* NULL: not what a process of ours says, so that nothing follows from what it lacks. */
static json_t *
read_status(const struct http_answer *answer)
{
    json_t *status = json_loadb(answer->body.ptr, answer->body.len, 0, NULL);

    if (json_is_boolean(json_object_get(status, "ready")))
        return status;
    json_decref(status);
    return NULL;
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
    struct stage *stage = ctx;
    struct watch *watch = stage->watch;
    struct watch_look *look = &watch->look;

    if (answer->status == 200)
        stage->status = read_status(answer);
    if (stage->replica > 0)
        ;               /* there may be no such replica any more */
    else if (answer->status != 0)
        snprintf(look->why[stage->number], WATCH_WHY, "its answer is %ld, no status",
                 answer->status);
    else
        snprintf(look->why[stage->number], WATCH_WHY, "%.150s", answer->error.text);
    if (--watch->under_way > 0)
        return;
    watch_put_together(watch);
    watch_judge(watch);
}

static void
ask(struct watch *watch, struct stage *stage)
{
    const char *key = watch->nt->daemon->settings->api_key;
    char header[600];
    const char *const headers[] = { header, NULL };
    struct http_call call = { .method = "GET", .url = stage->url, .unix_socket = stage->socket,
                              .timeout_ms = ASK_TIMEOUT_MS, .max_answer = ASK_MAX_ANSWER,
                              .allow_plain = 1 };
    struct err err;

    if (key != NULL && stage->socket == NULL) {
        snprintf(header, sizeof(header), "X-API-Key: %.512s", key);
        call.headers = headers;
    }
    if (http_client_start(watch->nt->client, &call, on_answer, stage, &err) == 0)
        watch->under_way++;
    else
        snprintf(watch->look.why[stage->number], WATCH_WHY, "%.150s", err.text);
}

static int
on_time(zloop_t *loop, int timer, void *self)
{
    struct watch *watch = self;
    int asked = 0;

    (void)loop, (void)timer;
    if (watch->under_way > 0)
        return 0;
    forget_look(watch);
    for (int i = 0; i < WATCH_STAGES; i++)
        for (int k = 0; k < DAEMON_MAX_REPLICAS && watch->look.is_asked[i]; k++) {
            struct stage *stage = &watch->stages[i][k];

            if (k == 0 || (stage->socket != NULL && access(stage->socket, F_OK) == 0)) {
                ask(watch, stage);
                asked++;
            }
        }
    if (asked > 0 && watch->under_way == 0)
        watch_judge(watch);         /* nobody could be asked */
    return 0;
}

/* --- what is watched --- */

static int
stage_find(struct text name)
{
    for (int i = 0; i < WATCH_STAGES; i++)
        if (text_is(name, watch_stage_names[i]))
            return i;
    return -1;
}

/* The k-th of its kind; those after the first have only sockets. */
static int
fill_stage(struct watch *watch, int number, int replica, struct text url)
{
    struct stage *stage = &watch->stages[number][replica];
    const char *kind = watch_stage_names[number];
    char name[32];

    *stage = (struct stage){ .watch = watch, .number = number, .replica = replica };
    if (url.len > 0 && replica > 0)
        return 0;
    snprintf(name, sizeof(name), replica == 0 ? "%s" : "%s-%d", kind, replica);
    if (url.len == 0)
        stage->socket = run_dir_socket(watch->nt->daemon->settings, name);
    if (asprintf(&stage->url, "%.*s/status", url.len == 0 ? 16 : (int)url.len,
                 url.len == 0 ? "http://localhost" : url.ptr) < 0)
        stage->url = NULL;
    return stage->url == NULL || (url.len == 0 && stage->socket == NULL) ? -1 : 0;
}

/* "ingest", by its socket, or "ingest=http://host:port". */
static int
add_stage(struct watch *watch, struct text entry, struct err *err)
{
    struct text name = text_split(&entry, '=');
    int number = stage_find(name);

    if (number < 0 || text_is(name, "notifier")) {
        err_set(err, "watch.stages: \"%.*s\" is none of ingest, detector, indexer, api",
                (int)name.len, name.ptr);
        return -1;
    }
    if (watch->look.is_asked[number]) {
        err_set(err, "watch.stages: \"%s\" is named twice", watch_stage_names[number]);
        return -1;
    }
    for (int k = 0; k < DAEMON_MAX_REPLICAS; k++)
        if (fill_stage(watch, number, k, entry) != 0) {
            err_set(err, "out of memory");
            return -1;
        }
    watch->look.is_asked[number] = 1;
    return 0;
}

static int
read_stages(struct watch *watch, struct err *err)
{
    struct text rest = text_of(watch->nt->daemon->settings->watch_stages);

    while (rest.len > 0 && !text_is(rest, "none")) {
        struct text entry = text_split(&rest, ' ');

        if (entry.len > 0 && add_stage(watch, entry, err) != 0)
            return -1;
    }
    return 0;
}

/* Twelve times before it counts as down, so that one look alone says nothing. */
static size_t
ask_every(const struct watch *watch)
{
    int64_t ms = watch->state.after_ms / 12;

    return ms > ASK_EVERY_MS ? ASK_EVERY_MS : ms < ASK_LEAST_MS ? ASK_LEAST_MS : (size_t)ms;
}

int
watch_begin_asking(struct watch *watch, struct err *err)
{
    if (read_stages(watch, err) != 0)
        return -1;
    zloop_timer(watch->nt->daemon->loop, ask_every(watch), 0, on_time, watch);
    return 0;
}

void
watch_end_asking(struct watch *watch)
{
    forget_look(watch);
    for (int i = 0; i < WATCH_STAGES; i++)
        for (int k = 0; k < DAEMON_MAX_REPLICAS; k++) {
            free(watch->stages[i][k].socket);
            free(watch->stages[i][k].url);
            json_decref(watch->stages[i][k].status);
        }
}
