#include "tests/support/store_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/http/http_client.h"
#include "tests/support/temp_dir.h"

static struct store *
open_or_fail(const struct settings *settings, int mode)
{
    struct err err;
    struct store *store = store_open(settings, mode, &err);

    if (store == NULL)
        fail_msg("store_open: %s", err.text);
    return store;
}

static json_t *
ask(const char *method, const char *path)
{
    const struct http_call call = { .method = method, .url = path, .allow_plain = 1 };
    struct http_answer answer;
    json_t *json = NULL;

    if (http_call(&call, &answer) == 0)
        json = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
    http_answer_release(&answer);
    return json;
}

/* With BONGSU_ELASTICSEARCH=http://host:port the same tests run on that node,
 * which is emptied before each. */
static int
use_elasticsearch(struct store_case *the)
{
    char path[512];
    const char *url = getenv("BONGSU_ELASTICSEARCH"), *name;
    json_t *indices, *index;

    if (url == NULL || strncmp(url, "http", 4) != 0)    /* make's "no": none is wanted */
        return 0;
    the->settings.store_url = (char *)(uintptr_t)url;
    the->settings.elastic_gzip = (char *)(uintptr_t)"off";
    the->settings.elastic_timeout_ms = 60000;
    snprintf(path, sizeof(path), "%s/bongsu-*/_settings?expand_wildcards=all", url);
    indices = ask("GET", path);
    if (indices == NULL)
        return -1;
    json_object_foreach(indices, name, index) {
        snprintf(path, sizeof(path), "%s/%s", url, name);
        json_decref(ask("DELETE", path));
    }
    json_decref(indices);
    return 0;
}

int
store_case_open(void **state)
{
    struct store_case *the = calloc(1, sizeof(*the));
    char store_dir[80];

    if (the == NULL)
        return -1;
    temp_dir_make(NULL, the->dir, sizeof(the->dir));
    the->made = calloc(CASE_EVENTS, sizeof(*the->made));
    the->events = calloc(CASE_EVENTS, sizeof(*the->events));
    if (the->made == NULL || the->events == NULL)
        return -1;
    snprintf(store_dir, sizeof(store_dir), "%s/var/store", the->dir);
    the->store_dir = strdup(store_dir);
    the->settings.store_dir = the->store_dir;
    if (use_elasticsearch(the) != 0)
        return -1;
    the->writer = open_or_fail(&the->settings, STORE_WRITE);
    the->reader = open_or_fail(&the->settings, STORE_READ);
    *state = the;
    return 0;
}

int
store_case_close(void **state)
{
    struct store_case *the = *state;

    store_close(&the->reader);
    store_close(&the->writer);
    for (size_t i = 0; i < the->made_count; i++) {
        event_release(&the->made[i].ev);
        buf_release(&the->made[i].encoded);
    }
    temp_dir_remove(the->dir);
    free(the->store_dir);
    free(the->made);
    free(the->events);
    free(the);
    return 0;
}

void
store_case_needs_files(const struct store_case *the)
{
    if (the->settings.store_url != NULL)
        skip();
}

void
store_case_reopen(struct store_case *the)
{
    store_close(&the->reader);
    store_close(&the->writer);
    the->writer = open_or_fail(&the->settings, STORE_WRITE);
    the->reader = open_or_fail(&the->settings, STORE_READ);
}

static void
set_text(struct event *ev, enum event_field field, const char *str)
{
    if (str != NULL)
        ev->known[field] = value_text(text_of(str));
}

const struct event *
store_case_add(struct store_case *the, struct event_plan plan)
{
    struct made_event *made = &the->made[the->made_count];
    struct event *ev = &made->ev;
    int64_t received_s = plan.received_s != 0 ? plan.received_s : plan.at_s;

    assert_in_range(the->made_count, 0, CASE_EVENTS - 1);
    ev->at_us = CASE_START + plan.at_s * CASE_SECOND;
    ev->received_us = CASE_START + received_s * CASE_SECOND;
    set_text(ev, EVENT_TIMESTAMP, "2026-03-01T00:00:00Z");
    set_text(ev, EVENT_TYPE, plan.type != NULL ? plan.type : "test");
    set_text(ev, EVENT_SEVERITY, plan.severity != NULL ? plan.severity : "low");
    set_text(ev, EVENT_SOURCE_IP, plan.source);
    set_text(ev, EVENT_USERNAME, plan.username);
    set_text(ev, EVENT_RAW_LOG, plan.raw_log);
    set_text(ev, EVENT_DESCRIPTION, plan.description);
    ev->known[EVENT_COUNT] = value_int(1);
    if (plan.extra_name != NULL)
        assert_int_equal(event_add_extra(ev, text_of(plan.extra_name),
                                         value_text(text_of(plan.extra))),
                         0);
    event_derive(ev);
    ev->id = event_id_make(0xb0b0, 7, plan.sequence);
    if (plan.key != NULL) {
        ev->is_keyed = 1;
        ev->id = event_id_keyed(text_of("test"), text_of(plan.key));
    }
    assert_int_equal(event_pack(ev, &made->encoded), 0);
    the->events[the->made_count] = (struct store_event){ .ev = ev, .encoded = buf_text(&made->encoded) };
    the->made_count++;
    return ev;
}

struct store_written
store_case_put(struct store_case *the)
{
    struct store_written written = { 0 };
    struct err err = { "" };
    int outcome =
        the->writer->ops->put_events(the->writer, the->events + the->first,
                                     the->made_count - the->first, &written, &err);

    if (outcome != STORE_DONE)
        fail_msg("put_events: %d, %s", outcome, err.text);
    the->first = the->made_count;
    return written;
}

void
store_case_incident_id(unsigned n, char out[INCIDENT_ID_HEX])
{
    snprintf(out, INCIDENT_ID_HEX, "%032x", n);
}

struct incident *
store_case_incident(unsigned n, uint64_t rev, const char *source)
{
    struct incident *inc = incident_new();

    assert_non_null(inc);
    store_case_incident_id(n, inc->id);
    inc->rev_epoch = 1000;
    inc->rev_counter = rev;
    inc->rule_id = strdup(n % 2 ? "rule-odd" : "rule-even");
    inc->rule_title = strdup("a 'title'");
    inc->rule_level = strdup("high");
    inc->summary = strdup("what happened; DROP TABLE incidents");
    inc->severity = (int)(n % 4);
    inc->keys[0].field = strdup("source_address");
    inc->keys[0].value = strdup(source);
    inc->key_count = 1;
    inc->opened_us = CASE_START;
    inc->last_seen_us = CASE_START + n / 2 * CASE_SECOND;
    inc->newest_received_us = CASE_START + (int64_t)(n + rev) * CASE_SECOND;
    inc->count = rev;
    inc->evidence[0] = (struct evidence){ event_id_make(1, 2, n), 20513 };
    inc->evidence_count = 1;
    return inc;
}

void
store_case_put_incident(struct store_case *the, struct incident *inc)
{
    struct err err = { "" };
    int outcome = the->writer->ops->put_incidents(the->writer, &inc, 1, &err);

    if (outcome != STORE_DONE)
        fail_msg("put_incidents: %d, %s", outcome, err.text);
    incident_destroy(&inc);
}

struct incident *
store_case_get_incident(struct store_case *the, unsigned n)
{
    struct incident *inc = NULL;
    char id[INCIDENT_ID_HEX];
    struct err err = { "" };

    store_case_incident_id(n, id);
    if (the->reader->ops->get_incident(the->reader, id, &inc, &err) != 1)
        fail_msg("get_incident %u: %s", n, err.text);
    return inc;
}
