#include "ingest/wire/hec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/wire/hec_reader.h"
#include "ingest/wire/plain_line.h"
#include "proto/base/arena.h"
#include "proto/decode/decode.h"

struct hec {
    struct requests *requests;
    struct flat_document flat;  /* of the event at hand */
    struct arena arena;         /* of the line at hand */
    uint64_t *events, *plain, *refused;
};

/* Splunk's numbers, and its words for them. */
enum hec_code {
    CODE_SUCCESS = 0, CODE_TOKEN_REQUIRED = 2, CODE_INVALID_AUTHORIZATION = 3,
    CODE_INVALID_TOKEN = 4, CODE_NO_DATA = 5, CODE_INVALID_DATA = 6, CODE_ERROR = 8,
    CODE_BUSY = 9, CODE_EVENT_REQUIRED = 12, CODE_EVENT_BLANK = 13, CODE_NO_ACK = 14,
    CODE_HEALTHY = 17
};

static const struct { enum hec_code code; unsigned status; const char *words; } replies[] = {
    { CODE_SUCCESS, 200, "Success" },
    { CODE_TOKEN_REQUIRED, 401, "Token is required" },
    { CODE_INVALID_AUTHORIZATION, 401, "Invalid authorization" },
    { CODE_INVALID_TOKEN, 403, "Invalid token" },
    { CODE_NO_DATA, 400, "No data" },
    { CODE_INVALID_DATA, 400, "Invalid data format" },
    { CODE_ERROR, 500, "Internal server error" },
    { CODE_BUSY, 503, "Server is busy" },
    { CODE_EVENT_REQUIRED, 400, "Event field is required" },
    { CODE_EVENT_BLANK, 400, "Event field cannot be blank" },
    { CODE_NO_ACK, 400, "ACK is disabled" },
    { CODE_HEALTHY, 200, "HEC is healthy" },
};

enum { REPLIES = sizeof(replies) / sizeof(replies[0]) };

/* --- answers --- */

/* status 0: the code's own. number: of the event that was wrong; -1: none. */
static void
answer(struct http_request *req, enum hec_code code, unsigned status, const char *detail,
       int64_t number)
{
    size_t row = 0;
    json_t *body;

    while (row + 1 < REPLIES && replies[row].code != code)
        row++;
    body = json_pack("{s:s, s:i}", "text", replies[row].words, "code", (int)code);
    if (body != NULL && number >= 0)
        (void)json_object_set_new(body, "invalid-event-number", json_integer(number));
    if (body != NULL && detail != NULL)
        (void)json_object_set_new(body, "detail", json_string(detail));
    http_reply_json(req, status != 0 ? status : replies[row].status, body);
}

/* What the server refuses, in Splunk's numbers; the words are told beside them. */
static void
hec_say(struct http_request *req, unsigned status, const char *detail)
{
    struct text sent = text_trim(http_header(req, "Authorization"));
    int has_key = sent.len > 0 || http_header(req, "X-API-Key").len > 0;

    if (status == 401 && !has_key)
        answer(req, CODE_TOKEN_REQUIRED, 0, detail, -1);
    else if (status == 401 && sent.len > 0 && memchr(sent.ptr, ' ', sent.len) == NULL)
        answer(req, CODE_INVALID_AUTHORIZATION, 0, detail, -1);
    else if (status == 401 || status == 403)
        answer(req, CODE_INVALID_TOKEN, 0, detail, -1);
    else if (status == 429 || status == 503)
        answer(req, CODE_BUSY, status, detail, -1);
    else
        answer(req, status >= 500 ? CODE_ERROR : CODE_INVALID_DATA, status, detail, -1);
}

static void
events_are_stored(struct requests *requests, struct requests_waiting *waiting)
{
    (void)requests;
    answer(waiting->req, CODE_SUCCESS, 0, NULL, -1);
}

static const struct requests_answer answer_events = { .stored = events_are_stored };

/* --- taking in --- */

/* A body as it is taken in, and why not. */
struct taking {
    struct hec *hec;
    struct intake_origin origin;
    struct hec_origin from;
    uint64_t number;            /* of the event at hand, from 0 */
    uint64_t count, plain;      /* of what is taken in: some became several */
    enum hec_fault fault;
    struct intake_result result;
};

static enum intake_outcome
stop(struct taking *taking)
{
    err_set(&taking->result.reason, "out of memory");
    taking->result.stop = JOURNAL_RETRY;
    return INTAKE_STOPPED;
}

/* What was read of it is in flat, if it is fine. What cannot stand is kept as its line;
 * only what Splunk would not take either is refused. */
static enum intake_outcome
take_document(struct taking *taking, enum hec_fault fault)
{
    struct intake *intake = requests_intake(taking->hec->requests);
    struct intake_origin origin = taking->origin;
    const struct text none = { NULL, 0 };
    struct text document;

    taking->fault = fault;
    if (fault == HEC_NO_MEMORY)
        return stop(taking);
    if (fault != HEC_FINE && fault != HEC_UNFIT)
        intake_refuse(intake, INTAKE_BAD_JSON);
    if (fault != HEC_FINE)
        return INTAKE_BAD_JSON;
    document = flat_write(&taking->hec->flat);
    if (document.ptr == NULL)
        return stop(taking);
    origin.is_unanswered = 1;
    return intake_document(intake, &origin, document, none, none, &taking->result);
}

static enum intake_outcome
take_plain(struct taking *taking, struct text line)
{
    struct hec *hec = taking->hec;
    uint64_t count = 0;
    enum intake_outcome outcome =
        plain_line_take(&hec->flat, line, requests_intake(hec->requests), &taking->origin,
                        &count, &taking->result);

    taking->fault = HEC_FINE;
    taking->count += count;
    taking->plain += count;
    return outcome;
}

static enum intake_outcome
is_room(struct taking *taking)
{
    if (taking->count < INTAKE_MAX_EVENTS)
        return flat_clear(&taking->hec->flat) == 0 ? INTAKE_ACCEPTED : stop(taking);
    err_set(&taking->result.reason, "more than %d events in one request",
            (int)INTAKE_MAX_EVENTS);
    return INTAKE_TOO_BIG;
}

static enum intake_outcome
take_event(struct taking *taking, struct text object)
{
    struct hec *hec = taking->hec;
    enum intake_outcome outcome = is_room(taking);
    struct text line;

    if (outcome != INTAKE_ACCEPTED)
        return outcome;
    outcome = take_document(taking, hec_read(object, &taking->from, &hec->flat,
                                             &taking->result.reason));
    taking->count += outcome == INTAKE_ACCEPTED;
    if (!plain_line_helps(outcome) ||
        (taking->fault != HEC_FINE && taking->fault != HEC_UNFIT))
        return outcome;
    arena_clear(&hec->arena);
    if (flat_clear(&hec->flat) != 0 ||
        hec_read_plain(object, &taking->from, &hec->flat, &hec->arena, &line) != 0)
        return stop(taking);
    return take_plain(taking, line);
}

static enum intake_outcome
take_events(struct taking *taking, struct text body)
{
    struct text rest = body, object;
    enum intake_outcome outcome = INTAKE_ACCEPTED;
    int rc = 0;

    while (outcome == INTAKE_ACCEPTED && (rc = hec_next(&rest, &object)) == 1) {
        outcome = take_event(taking, object);
        taking->number += outcome == INTAKE_ACCEPTED;
    }
    if (outcome == INTAKE_ACCEPTED && rc < 0) {
        err_set(&taking->result.reason, "no JSON object at byte %zu, or it has no end",
                (size_t)(rest.ptr - body.ptr));
        taking->fault = HEC_BAD_FORMAT;
        return INTAKE_BAD_JSON;
    }
    return outcome;
}

static enum intake_outcome
take_line(struct taking *taking, struct text line)
{
    struct hec *hec = taking->hec;
    enum intake_outcome outcome = is_room(taking);

    if (outcome != INTAKE_ACCEPTED)
        return outcome;
    outcome = take_document(taking, hec_read_line(line, &taking->from, &hec->flat,
                                                  &taking->result.reason));
    taking->count += outcome == INTAKE_ACCEPTED;
    if (!plain_line_helps(outcome) || taking->fault != HEC_FINE)
        return outcome;
    if (flat_clear(&hec->flat) != 0)
        return stop(taking);
    (void)hec_read_metadata(&taking->from, &hec->flat);
    return take_plain(taking, line);
}

/* Lines; blank ones are none. Bytes that are no UTF-8 are read as for any raw line. */
static enum intake_outcome
take_lines(struct taking *taking, struct text body)
{
    struct hec *hec = taking->hec;
    enum intake_outcome outcome = INTAKE_ACCEPTED;
    enum raw_encoding how;

    while (outcome == INTAKE_ACCEPTED && body.ptr != NULL) {
        struct text line = text_trim(text_split(&body, '\n'));

        if (line.len == 0)
            continue;
        arena_clear(&hec->arena);
        line = raw_to_utf8(line, &hec->arena, &how);
        outcome = line.ptr == NULL ? stop(taking) : take_line(taking, line);
        taking->number += outcome == INTAKE_ACCEPTED;
    }
    return outcome;
}

/* --- requests --- */

static void
refuse(struct http_request *req, const struct taking *taking)
{
    const char *detail = taking->result.reason.text;
    enum hec_code code = taking->fault == HEC_NO_EVENT ? CODE_EVENT_REQUIRED
                         : taking->fault == HEC_BLANK_EVENT ? CODE_EVENT_BLANK
                         : CODE_INVALID_DATA;

    answer(req, code, 0, detail, (int64_t)taking->number);
}

static void
finish(struct http_request *req, const struct taking *taking, enum intake_outcome outcome,
       const struct journal_mark *mark)
{
    struct requests *requests = taking->hec->requests;
    const struct requests_waiting waiting = { .req = req, .answer = &answer_events,
                                              .accepted = taking->count };

    if (outcome != INTAKE_STOPPED)
        http_charge_events(req, taking->count + (outcome != INTAKE_ACCEPTED));
    if (outcome == INTAKE_ACCEPTED && taking->count > 0) {
        *taking->hec->events += taking->count;
        *taking->hec->plain += taking->plain;
        requests_wait(requests, &waiting);
        return;
    }
    ++*taking->hec->refused;
    journal_cancel(intake_journal(requests_intake(requests)), mark);
    if (outcome == INTAKE_ACCEPTED)
        answer(req, CODE_NO_DATA, 0, NULL, -1);
    else if (outcome == INTAKE_STOPPED || outcome == INTAKE_TOO_BIG)
        requests_refuse(requests, req, outcome, &taking->result);
    else
        refuse(req, taking);
}

static void
take(struct http_request *req, struct hec *hec,
     enum intake_outcome (*take_body)(struct taking *taking, struct text body))
{
    struct taking taking = {
        .hec = hec,
        .origin = { .received_from = http_peer(req), .key_id = http_key_id(req),
                    .key_name = http_key_name(req), .is_time_mended = 1 },
        .from = { http_query(req, "host"), http_query(req, "source"),
                  http_query(req, "sourcetype"), http_query(req, "index"),
                  http_query(req, "time") },
        .result = { .stop = JOURNAL_RETRY },
    };
    enum intake_outcome outcome;
    struct journal_mark mark;

    if (!requests_begin(hec->requests, req))
        return;
    mark = journal_mark(intake_journal(requests_intake(hec->requests)));
    outcome = take_body(&taking, http_body(req));
    flat_empty(&hec->flat);
    finish(req, &taking, outcome, &mark);
}

static void
post_events(struct http_request *req, void *self)
{
    take(req, self, take_events);
}

static void
post_raw(struct http_request *req, void *self)
{
    take(req, self, take_lines);
}

static void
post_ack(struct http_request *req, void *self)
{
    (void)self;
    answer(req, CODE_NO_ACK, 0, "A request is answered when its events are on disk: there is "
           "nothing to ask for later.", -1);
}

/* Docker's driver asks this before it starts a container, and needs a 200. */
static void
options(struct http_request *req, void *self)
{
    (void)self;
    http_set_header(req, "Allow", "POST, OPTIONS");
    answer(req, CODE_SUCCESS, 0, NULL, -1);
}

static void
get_health(struct http_request *req, void *self)
{
    (void)self;
    answer(req, CODE_HEALTHY, 0, NULL, -1);
}

/* --- life --- */

enum { ACK_MAX_BODY = 1024 * 1024 };

/* Loggers send any type, or none: what it is the path says. */
static const struct http_route hec_routes[] = {
    { "POST", "/services/collector",            HTTP_INGEST, NULL, SIZE_MAX, post_events },
    { "POST", "/services/collector/event",      HTTP_INGEST, NULL, SIZE_MAX, post_events },
    { "POST", "/services/collector/event/1.0",  HTTP_INGEST, NULL, SIZE_MAX, post_events },
    { "POST", "/services/collector/raw",        HTTP_INGEST, NULL, SIZE_MAX, post_raw },
    { "POST", "/services/collector/raw/1.0",    HTTP_INGEST, NULL, SIZE_MAX, post_raw },
    { "OPTIONS", "/services/collector",           HTTP_OPEN, NULL, 0, options },
    { "OPTIONS", "/services/collector/event",     HTTP_OPEN, NULL, 0, options },
    { "OPTIONS", "/services/collector/event/1.0", HTTP_OPEN, NULL, 0, options },
    { "POST", "/services/collector/ack",        HTTP_INGEST, NULL, ACK_MAX_BODY, post_ack },
    { "GET",  "/services/collector/health",     HTTP_OPEN,  NULL, 0, get_health },
    { "GET",  "/services/collector/health/1.0", HTTP_OPEN,  NULL, 0, get_health },
};

void
hec_add_routes(struct hec *hec, struct http_server *server)
{
    http_server_add_wire(server, hec_routes, sizeof(hec_routes) / sizeof(hec_routes[0]), hec,
                         hec_say, 0);
}

struct hec *
hec_new(struct requests *requests, struct metrics *metrics)
{
    struct hec *hec = calloc(1, sizeof(*hec));

    if (hec == NULL)
        return NULL;
    hec->requests = requests;
    hec->events = metrics_number(metrics, METRIC_COUNTER, "bongsu_ingest_hec_events_total", "",
                                 "events taken in from requests to /services/collector");
    hec->plain = metrics_number(metrics, METRIC_COUNTER, "bongsu_ingest_hec_events_plain_total",
        "", "of them: kept as a line, undecoded, since their fields could not stand");
    hec->refused = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_hec_requests_refused_total", "",
        "requests to /services/collector of which nothing was kept");
    hec->flat.left_out = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_hec_fields_left_out_total", "",
        "their fields that a nearer place had by the same name: event, then fields, then the rest");
    return hec;
}

void
hec_destroy(struct hec **hec)
{
    if (*hec == NULL)
        return;
    flat_release(&(*hec)->flat);
    arena_release(&(*hec)->arena);
    free(*hec);
    *hec = NULL;
}
