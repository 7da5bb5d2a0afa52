#include "notifier/watch_inner.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"

/* Of a locked store each write waits for seconds: what is left waits for the next look. */
enum { RESUMED = 100, WRITE_MOST_MS = 2000 };

/* How far back a start looks for what goes on. */
static const int64_t resume_us = INT64_C(30) * 86400 * 1000000;

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
    int64_t until_ms = clock_steady_ms() + WRITE_MOST_MS;
    struct err err;

    for (size_t i = watch->state.count; i-- > 0 && clock_steady_ms() < until_ms;) {
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

void
watch_judge(struct watch *watch)
{
    struct watch_look *look = &watch->look;
    struct err err;

    watch_look_at_balance(watch);
    for (int i = 0; i < WATCH_STAGES; i++)
        if (strcmp(watch_stage_names[i], "notifier") == 0 && watch->fill_own != NULL) {
            json_decref(look->status[i]);
            look->status[i] = json_object();
            watch->fill_own(watch->nt, look->status[i]);
        }
    watch_look_all(look, &watch->findings);
    if (!watch->is_resumed && resume(watch, &err) != 0) {
        ++*watch->failures;
        log_warn_burst(&watch->burst, "the store does not say what was wrong before",
                       "reason=\"%s\"", err.text);
        return;
    }
    watch_apply(&watch->state, &watch->findings, clock_steady_ms(), clock_real_us());
    *watch->left_out += watch->findings.left_out + watch->state.left_out;
    watch->state.left_out = 0;
    write_what_is_due(watch);
    notifier_pump(watch->nt);
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
    watch_open_balance_metrics(watch);
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
    watch->state.after_ms = watch->look.after_ms = nt->daemon->settings->watch_after_ms;
    open_metrics(watch);
    watch->store = store_open(nt->daemon->settings, STORE_WRITE, err);
    if (watch->store == NULL || watch_begin_asking(watch, err) != 0) {
        watch_destroy(&watch);
        return NULL;
    }
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
    watch_end_asking(*watch);
    store_close(&(*watch)->store);
    free(*watch);
    *watch = NULL;
}
