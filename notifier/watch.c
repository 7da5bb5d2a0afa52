#include "notifier/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/watch_state.h"
#include "proto/base/clock.h"
#include "proto/run/http_client.h"
#include "proto/run/run_dir.h"

enum { ASK_EVERY_MS = 5000, ASK_LEAST_MS = 250, ASK_TIMEOUT_MS = 4000, RESUMED = 100 };

/* How far back a start looks for what goes on. */
static const int64_t resume_us = INT64_C(30) * 86400 * 1000000;

struct stage {
    struct watch *watch;
    int number;
    char *socket;               /* NULL: by url */
    char *url;
};

struct watch {
    struct notifier *nt;
    struct store *store;
    struct stage stages[WATCH_STAGES];
    int under_way;              /* answers that are still to come */
    int is_resumed;
    struct watch_look look;
    struct watch_findings findings;
    struct watch_state state;
    void (*fill_own)(void *self, json_t *status);
    struct log_burst burst;
    uint64_t *opened, *ended, *failures, *left_out;
};

/* --- what goes on, from look to look --- */

static int
resume(struct watch *watch, struct err *err)
{
    int64_t now_us = clock_real_us();

    for (size_t i = 0; i < watch_rule_count; i++) {
        struct incident_query query = { .from_us = now_us - resume_us, .to_us = INT64_MAX,
                                        .status = -1, .severity = -1, .limit = RESUMED,
                                        .rule_id = text_of(watch_rules[i].id) };
        struct incident **found = NULL;
        size_t count = 0;
        int is_more = 0;

        if (watch->store->ops->find_incidents(watch->store, &query, &found, &count, &is_more,
                                              err) != 0)
            return -1;
        for (size_t k = 0; k < count; k++)
            watch_resume(&watch->state, found[k], clock_steady_ms(), now_us);
        store_free_incidents(&found, count);
    }
    watch->is_resumed = 1;
    return 0;
}

static int
tell(struct watch *watch, const struct incident *inc, struct err *err)
{
    struct notifier *nt = watch->nt;
    int rc;

    if (outbox_begin(nt->outbox, err) != 0)
        return -1;
    rc = outbox_add(nt->outbox, inc, nt->min_severity, 0, clock_real_us(), err);
    if (rc >= 0)
        return outbox_commit(nt->outbox, err);
    outbox_rollback(nt->outbox);
    return -1;
}

static int
write_item(struct watch *watch, struct watch_item *item, struct err *err)
{
    struct incident *inc = watch_incident(item, clock_real_us()), *kept = NULL;
    int rc = -1;

    if (inc == NULL)
        err_set(err, "out of memory");
    else if (watch->store->ops->put_incidents(watch->store, &inc, 1, err) == STORE_DONE)
        rc = 0;
    /* with its status: one that somebody closed may have been opened again */
    if (rc == 0)
        rc = watch->store->ops->get_incident(watch->store, item->id, &kept, err) < 0 ? -1 : 0;
    if (rc == 0 && kept != NULL)
        rc = tell(watch, kept, err);
    if (rc == 0 && item->written_ms == 0)
        ++*watch->opened;
    incident_destroy(&kept);
    incident_destroy(&inc);
    return rc;
}

static int
end_item(struct watch *watch, const struct watch_item *item, struct err *err)
{
    struct incident_change change = { .at_us = clock_real_us(), .by = (char *)INCIDENT_BY_US,
                                      .to = STATUS_RESOLVED, .note = (char *)"it is over" };
    struct incident *inc = NULL;
    int rc = watch->store->ops->get_incident(watch->store, item->id, &inc, err);

    if (rc == 1 && inc->status != STATUS_RESOLVED && inc->status != STATUS_FALSE_POSITIVE) {
        rc = watch->store->ops->set_status(watch->store, item->id, &change, err);
        incident_destroy(&inc);
        if (rc == 1)
            rc = watch->store->ops->get_incident(watch->store, item->id, &inc, err);
        if (rc == 1)
            rc = tell(watch, inc, err) == 0 ? 1 : -1;
        ++*watch->ended;
    }
    incident_destroy(&inc);
    return rc == -1 ? -1 : 0;
}

static void
write_what_is_due(struct watch *watch)
{
    struct err err;

    for (size_t i = watch->state.count; i-- > 0;) {
        struct watch_item *item = &watch->state.items[i];
        int rc;

        if (!item->is_due)
            continue;
        rc = item->phase == WATCH_OVER ? end_item(watch, item, &err)
                                       : write_item(watch, item, &err);
        if (rc == 0) {
            watch_done(&watch->state, item, clock_steady_ms());
            continue;
        }
        ++*watch->failures;
        log_warn_burst(&watch->burst, "what is wrong cannot be written to the store",
                       "rule=%s key=\"%s\" reason=\"%s\"", watch_rules[item->found.rule].id,
                       item->found.key, err.text);
    }
}

static void
judge(struct watch *watch)
{
    struct watch_look *look = &watch->look;
    struct err err;

    for (int i = 0; i < WATCH_STAGES; i++)
        if (strcmp(watch_stage_names[i], "notifier") == 0 && watch->fill_own != NULL) {
            look->status[i] = json_object();
            watch->fill_own(watch->nt, look->status[i]);
        }
    watch_look_all(look, &watch->findings);
    *watch->left_out += watch->findings.left_out;
    if (!watch->is_resumed && resume(watch, &err) != 0) {
        ++*watch->failures;
        log_warn_burst(&watch->burst, "the store does not say what was wrong before",
                       "reason=\"%s\"", err.text);
        return;
    }
    watch_apply(&watch->state, &watch->findings, clock_steady_ms(), clock_real_us());
    write_what_is_due(watch);
    notifier_pump(watch->nt);
}

/* --- asking --- */

static void
forget_look(struct watch *watch)
{
    for (int i = 0; i < WATCH_STAGES; i++) {
        json_decref(watch->look.status[i]);
        watch->look.status[i] = NULL;
    }
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
    struct stage *stage = ctx;
    struct watch *watch = stage->watch;
    struct watch_look *look = &watch->look;

    if (answer->status == 200)
        look->status[stage->number] = json_loadb(answer->body.ptr, answer->body.len, 0, NULL);
    if (answer->status != 0)
        snprintf(look->why[stage->number], WATCH_WHY, "its answer is %ld, no status",
                 answer->status);
    else
        snprintf(look->why[stage->number], WATCH_WHY, "%.150s", answer->error.text);
    if (--watch->under_way == 0)
        judge(watch);
}

static void
ask(struct watch *watch, struct stage *stage)
{
    const char *key = watch->nt->daemon->settings->api_key;
    char header[600];
    const char *const headers[] = { header, NULL };
    struct http_call call = { .method = "GET", .url = stage->url, .unix_socket = stage->socket,
                              .timeout_ms = ASK_TIMEOUT_MS, .allow_plain = 1 };
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

    (void)loop, (void)timer;
    if (watch->under_way > 0)
        return 0;
    forget_look(watch);
    for (int i = 0; i < WATCH_STAGES; i++)
        if (watch->look.is_asked[i])
            ask(watch, &watch->stages[i]);
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

/* "ingest", by its socket, or "ingest=http://host:port". */
static int
add_stage(struct watch *watch, struct text entry, struct err *err)
{
    struct text name = text_split(&entry, '=');
    int number = stage_find(name);
    struct stage *stage = &watch->stages[number < 0 ? 0 : number];

    if (number < 0 || text_is(name, "notifier")) {
        err_set(err, "watch.stages: \"%.*s\" is none of ingest, detector, indexer, api",
                (int)name.len, name.ptr);
        return -1;
    }
    stage->watch = watch;
    stage->number = number;
    if (entry.len == 0)
        stage->socket = run_dir_socket(watch->nt->daemon->settings, watch_stage_names[number]);
    if (asprintf(&stage->url, "%.*s/status", entry.len == 0 ? 16 : (int)entry.len,
                 entry.len == 0 ? "http://localhost" : entry.ptr) < 0)
        stage->url = NULL;
    if (stage->url == NULL || (entry.len == 0 && stage->socket == NULL)) {
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

static void
open_metrics(struct watch *watch)
{
    struct metrics *metrics = watch->nt->daemon->metrics;

    watch->opened = metrics_number(metrics, METRIC_COUNTER, "bongsu_watch_incidents_total", "",
                                   "times that something was wrong with Bongsu itself");
    watch->ended = metrics_number(metrics, METRIC_COUNTER, "bongsu_watch_ended_total", "",
                                  "times that it was over");
    watch->failures = metrics_number(metrics, METRIC_COUNTER, "bongsu_watch_failures_total", "",
                                     "times that the store or the outbox did not take it");
    watch->left_out = metrics_number(metrics, METRIC_COUNTER, "bongsu_watch_left_out_total", "",
                                     "findings for which there was no room");
}

struct watch *
watch_new(struct notifier *nt, struct err *err)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    watch->nt = nt;
    watch->state.after_ms = nt->daemon->settings->watch_after_ms;
    open_metrics(watch);
    if (read_stages(watch, err) != 0 ||
        (watch->store = store_open(nt->daemon->settings, STORE_WRITE, err)) == NULL) {
        watch_destroy(&watch);
        return NULL;
    }
    zloop_timer(nt->daemon->loop, ask_every(watch), 0, on_time, watch);
    return watch;
}

void
watch_on_own_status(struct watch *watch, void (*fill)(void *self, json_t *status))
{
    watch->fill_own = fill;
}

void
watch_destroy(struct watch **watch)
{
    if (*watch == NULL)
        return;
    forget_look(*watch);
    for (int i = 0; i < WATCH_STAGES; i++) {
        free((*watch)->stages[i].socket);
        free((*watch)->stages[i].url);
    }
    store_close(&(*watch)->store);
    free(*watch);
    *watch = NULL;
}
