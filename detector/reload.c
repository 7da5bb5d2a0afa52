/*
 * reload.c - rules anew while events are judged
 *
 * rule_watch.c has read and compiled them beside the loop; here they are put in force,
 * between two events. What changed must be on disk before: with a full disk they wait, as
 * everything does.
 */
#include "detector/detector.h"

#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/timestamp.h"
#include "proto/server/http_server.h"

/* Of a rule that goes, what its incidents grew by is told now or never; more would keep the
 * stream waiting. */
enum { TOLD_BEFORE = 500 };

static void
set_problem(struct detector *det, const char *text)
{
    free(det->reload.problem);
    det->reload.problem = text == NULL ? NULL : strdup(text);
}

static void
fail(struct detector *det, const struct rule_news *news)
{
    ++*det->reload.failures;
    set_problem(det, news->err.text);
    log_error("rules not read anew: those in force stay", "reason=\"%s\"", news->err.text);
}

static void
put_in_force(struct detector *det, struct rule_news *news, int64_t began_ms)
{
    fault_point("detector.before_swap");
    if (engine_swap(&det->engine, &news->rules, &news->err) != 0) {
        fail(det, news);
        return;
    }
    fault_point("detector.after_swap");
    det->reload.took_ms = news->took_ms;
    det->reload.at_us = clock_real_us();
    ++*det->reload.count;
    set_problem(det, NULL);
    rule_files_release(&det->rule_files);
    det->rule_files = news->files;
    news->files = (struct rule_files){ 0 };
    detector_note_rules(det);
    detector_keep_rules(det);
    det->reload.swap_ms = clock_steady_ms() - began_ms;
    log_info("rules in force", "rules=%zu refused=%zu files_kept=%llu read_ms=%lld swap_ms=%lld",
             engine_numbers(det->engine).rules, engine_numbers(det->engine).rules_refused,
             (unsigned long long)*det->kept_files, (long long)det->reload.took_ms,
             (long long)det->reload.swap_ms);
}

/* --- who asked --- */

static json_t *
outcome_of(const struct detector *det)
{
    const struct reload *reload = &det->reload;
    struct engine_numbers numbers = engine_numbers(det->engine);

    return json_pack("{s:I, s:I, s:I, s:O, s:I, s:I, s:I, s:s?}", "slot", (json_int_t)det->share.slot,
                     "rules", (json_int_t)numbers.rules, "rules_off",
                     (json_int_t)ruleset_off_count(engine_rules(det->engine)), "refused", det->refusals,
                     "rules_refused", (json_int_t)numbers.rules_refused,
                     "files_kept", (json_int_t)*det->kept_files,
                     "read_ms", (json_int_t)reload->took_ms, "problem", reload->problem);
}

/* All whose asking had come before the files were read. */
static void
answer_waiting(struct detector *det, uint64_t answers)
{
    struct reload *reload = &det->reload;
    json_t *outcome = outcome_of(det);
    size_t left = 0;

    for (size_t i = 0; i < reload->waiting_count; i++)
        if (reload->waiting[i].asked <= answers)
            http_reply_json(reload->waiting[i].req, 200, json_copy(outcome));
        else
            reload->waiting[left++] = reload->waiting[i];
    reload->waiting_count = left;
    json_decref(outcome);
}

static void
handle_reload(struct http_request *req, void *self)
{
    struct detector *det = self;
    struct reload *reload = &det->reload;

    if (reload->waiting_count == RELOAD_MAX_WAITING) {
        http_reply_problem(req, 503, "%d others wait for the rules already.",
                           RELOAD_MAX_WAITING);
        return;
    }
    reload->waiting[reload->waiting_count].req = req;
    reload->waiting[reload->waiting_count++].asked = rule_watch_ask(reload->watch);
    http_defer(req);
}

/* Whoever can open our socket may; a port is open to more than that. */
static const struct http_route on_socket = { "POST", "/rules/reload", HTTP_OPEN, NULL, 1024,
                                             handle_reload };
static const struct http_route on_port = { "POST", "/rules/reload", HTTP_ADMIN, NULL, 1024,
                                           handle_reload };

/* --- the loop --- */

void
detector_take_rules(struct detector *det)
{
    struct reload *reload = &det->reload;
    struct rule_news *news = &reload->news;
    int64_t began_ms = clock_steady_ms();

    if (!reload->has_news)
        reload->has_news = rule_watch_take(reload->watch, news);
    if (!reload->has_news)
        return;
    if (news->rules != NULL) {
        detector_commit(det, TOLD_BEFORE);
        if (det->is_refused)
            return;                     /* with the next checkpoint */
        put_in_force(det, news, began_ms);
    } else {
        fail(det, news);
    }
    answer_waiting(det, news->answers);
    rule_news_release(news);
    reload->has_news = 0;
}

static int
on_news(zloop_t *loop, zmq_pollitem_t *item, void *self)
{
    (void)loop, (void)item;
    detector_take_rules(self);
    return 0;
}

void
detector_reload(void *self)
{
    struct detector *det = self;

    rule_watch_ask(det->reload.watch);
    log_info("rules are read anew", "signal=SIGHUP");
}

int
detector_open_reload(struct detector *det, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    struct reload *reload = &det->reload;
    const struct rule_watch_spec spec = {
        .rules_dir = settings->rules_dir, .placeholders = settings->placeholders_path,
        .state_path = det->state_path, .settings = settings, .seen = reload->seen,
    };
    zmq_pollitem_t item;

    reload->watch = rule_watch_new(&spec, err);
    if (reload->watch == NULL)
        return -1;
    item = (zmq_pollitem_t){ .fd = rule_watch_fd(reload->watch), .events = ZMQ_POLLIN };
    if (zloop_poller(det->daemon->loop, &item, on_news, det) != 0) {
        err_set(err, "rules: cannot join the loop");
        return -1;
    }
    if (det->daemon->server != NULL)
        http_server_add_routes(det->daemon->server,
                               settings->health_listen != NULL ? &on_port : &on_socket, 1, det);
    return 0;
}

void
detector_close_reload(struct detector *det)
{
    rule_watch_destroy(&det->reload.watch);
    rule_news_release(&det->reload.news);
    free(det->reload.problem);
}

void
detector_fill_reload(const struct detector *det, json_t *status, json_t *warnings)
{
    const struct reload *reload = &det->reload;
    char at[TIMESTAMP_LEN];

    timestamp_format(reload->at_us, at);
    json_object_set_new(status, "reload", json_pack(
        "{s:I, s:I, s:s?, s:I, s:I, s:s?}", "count", (json_int_t)*reload->count,
        "failed", (json_int_t)*reload->failures, "at", reload->at_us == 0 ? NULL : at,
        "read_ms", (json_int_t)reload->took_ms, "swap_ms", (json_int_t)reload->swap_ms,
        "problem", reload->problem));
    if (reload->problem != NULL)
        json_array_append_new(warnings, json_sprintf("rules: %s; those in force stay",
                                                     reload->problem));
}
