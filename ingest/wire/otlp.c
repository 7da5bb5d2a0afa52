#include "ingest/wire/otlp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/wire/otlp_protobuf.h"
#include "ingest/wire/otlp_record.h"
#include "ingest/wire/plain_line.h"
#include "ingest/wire/tree_memory.h"

/* A body becomes a tree many times as large as itself: both are bounded. */
enum { MAX_BODY = 8 * 1024 * 1024, MAX_TREE = 64 * 1024 * 1024 };

struct otlp {
    struct requests *requests;
    struct flat_document flat;  /* of the record at hand */
    struct arena arena;         /* likewise */
    struct tree_memory memory;  /* for the tree of the body at hand */
    uint64_t *records, *plain, *refused;
};

/* One request, until its answer. */
struct taking {
    uint64_t accepted, refused;
    uint64_t events;            /* of those accepted: a long one became several */
    int is_protobuf;
    struct err reason;          /* of the first that was refused */
};

/* --- answers --- */

/* google.rpc.Code, by what a status of HTTP means to a sender of OTLP. */
static const struct { unsigned status; int code; } codes[] = {
    { 400, 3 }, { 401, 16 }, { 403, 7 }, { 404, 5 }, { 413, 8 }, { 415, 3 }, { 429, 8 },
    { 503, 14 },
};

static int
is_protobuf(const struct http_request *req)
{
    return text_is(http_content_type(req), OTLP_PROTOBUF_TYPE);
}

/* A refusal is a google.rpc.Status, in the request's form. */
static void
otlp_say(struct http_request *req, unsigned status, const char *detail)
{
    uint8_t space[OTLP_PROTOBUF_ANSWER];
    int code = 2;               /* unknown */

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].status == status)
            code = codes[i].code;
    if (is_protobuf(req))
        http_reply(req, status, OTLP_PROTOBUF_TYPE, otlp_protobuf_status(code, detail, space));
    else
        http_reply_json(req, status, json_pack("{s:i, s:s}", "code", code, "message", detail));
}

static void
send_answer(struct http_request *req, const struct taking *taking)
{
    uint8_t space[OTLP_PROTOBUF_ANSWER];
    const char *reason = taking->reason.text;
    char number[24];

    if (taking->is_protobuf) {
        http_reply(req, 200, OTLP_PROTOBUF_TYPE, taking->refused == 0
                       ? text_of("") : otlp_protobuf_partial(taking->refused, reason, space));
        return;
    }
    if (taking->refused == 0) {
        http_reply(req, 200, "application/json", text_of("{}"));
        return;
    }
    snprintf(number, sizeof(number), "%" PRIu64, taking->refused);
    http_reply_json(req, 200, json_pack("{s:{s:s, s:s}}", "partialSuccess",
        "rejectedLogRecords", number, "errorMessage", reason));
}

static void
logs_are_stored(struct requests *requests, struct requests_waiting *waiting)
{
    (void)requests;
    send_answer(waiting->req, waiting->own);
}

static void
release_taking(struct requests_waiting *waiting)
{
    free(waiting->own);
    waiting->own = NULL;
}

static const struct requests_answer answer_logs = { .stored = logs_are_stored,
                                                    .release = release_taking };

/* --- taking in --- */

struct walk {
    struct otlp *otlp;
    const struct intake_origin *origin;
    struct taking *taking;
    struct intake_result *result;
};

static enum intake_outcome
out_of_memory(const struct walk *walk)
{
    err_set(&walk->result->reason, "out of memory");
    walk->result->stop = JOURNAL_RETRY;
    return INTAKE_STOPPED;
}

/* With its fields. One that is no record of OTLP's is INTAKE_BAD_JSON; *ret_may_be_plain: one
 * that an event cannot hold. */
static enum intake_outcome
take_fields(const struct walk *walk, yyjson_val *record, const struct otlp_place *place,
            int *ret_may_be_plain)
{
    struct otlp *otlp = walk->otlp;
    struct intake_origin origin = *walk->origin;
    const struct text none = { NULL, 0 };
    enum intake_outcome outcome;
    struct text document;

    *ret_may_be_plain = 0;
    if (flat_clear(&otlp->flat) != 0)
        return out_of_memory(walk);
    if (otlp_record_read(record, place, &otlp->flat, &walk->result->reason) != 0) {
        *ret_may_be_plain = otlp->flat.is_unfit;
        if (!otlp->flat.is_unfit)
            intake_refuse(requests_intake(otlp->requests), INTAKE_BAD_JSON);
        return INTAKE_BAD_JSON;
    }
    document = flat_write(&otlp->flat);
    if (document.ptr == NULL)
        return out_of_memory(walk);
    origin.is_unanswered = 1;
    outcome = intake_document(requests_intake(otlp->requests), &origin, document, none, none,
                              walk->result);
    *ret_may_be_plain = plain_line_helps(outcome);
    return outcome;
}

static enum intake_outcome
take_plain(const struct walk *walk, yyjson_val *record, const struct otlp_place *place)
{
    struct otlp *otlp = walk->otlp;
    enum intake_outcome outcome;
    uint64_t count;
    struct text line;

    arena_clear(&otlp->arena);
    if (flat_clear(&otlp->flat) != 0 ||
        otlp_record_plain(record, place, &otlp->flat, &otlp->arena, &line,
                          &walk->result->reason) != 0)
        return out_of_memory(walk);
    ++*otlp->plain;
    outcome = plain_line_take(&otlp->flat, line, requests_intake(otlp->requests), walk->origin,
                              &count, walk->result);
    walk->taking->events += count;
    return outcome;
}

static enum intake_outcome
take_record(const struct walk *walk, yyjson_val *record, const struct otlp_place *place)
{
    struct otlp *otlp = walk->otlp;
    struct err *reason = &walk->result->reason;
    enum intake_outcome outcome;
    int may_be_plain;

    ++*otlp->records;
    reason->text[0] = '\0';
    outcome = take_fields(walk, record, place, &may_be_plain);
    walk->taking->events += outcome == INTAKE_ACCEPTED;
    if (may_be_plain)
        outcome = take_plain(walk, record, place);
    if (outcome == INTAKE_STOPPED)
        return outcome;
    walk->taking->accepted += outcome == INTAKE_ACCEPTED;
    if (outcome != INTAKE_ACCEPTED && walk->taking->refused++ == 0) {
        walk->taking->reason = *reason;
        err_add(&walk->taking->reason, "record %" PRIu64, walk->taking->accepted);
    }
    *otlp->refused += outcome != INTAKE_ACCEPTED;
    return INTAKE_ACCEPTED;
}

/* The list of that name in an object; one that is not there, or null, is empty. What is of
 * another form holds records that nobody would find: INTAKE_BAD_JSON with the reason. */
static enum intake_outcome
open_list(const struct walk *walk, yyjson_val *object, const char *name,
          yyjson_arr_iter *ret_iter)
{
    yyjson_val *list = yyjson_obj_get(object, name);

    yyjson_arr_iter_init(list, ret_iter);
    if (yyjson_is_obj(object) &&
        (list == NULL || yyjson_is_null(list) || yyjson_is_arr(list)))
        return INTAKE_ACCEPTED;
    err_set(&walk->result->reason, "%s: not an ExportLogsServiceRequest: {\"resourceLogs\":"
            "[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}", name);
    return INTAKE_BAD_JSON;
}

static enum intake_outcome
take_scope(const struct walk *walk, yyjson_val *resource, yyjson_val *scope_logs)
{
    const struct otlp_place place = { resource, yyjson_obj_get(scope_logs, "scope") };
    yyjson_arr_iter records;
    enum intake_outcome outcome = open_list(walk, scope_logs, "logRecords", &records);
    yyjson_val *record;

    while (outcome == INTAKE_ACCEPTED && (record = yyjson_arr_iter_next(&records)) != NULL) {
        if (walk->taking->accepted + walk->taking->refused == INTAKE_MAX_EVENTS) {
            err_set(&walk->result->reason, "more than %d records in one request",
                    (int)INTAKE_MAX_EVENTS);
            return INTAKE_TOO_BIG;
        }
        outcome = take_record(walk, record, &place);
    }
    return outcome;
}

static enum intake_outcome
take_all(const struct walk *walk, yyjson_val *root)
{
    yyjson_val *resource_logs, *scope_logs;
    yyjson_arr_iter resources, scopes;
    enum intake_outcome outcome = open_list(walk, root, "resourceLogs", &resources);

    while (outcome == INTAKE_ACCEPTED &&
           (resource_logs = yyjson_arr_iter_next(&resources)) != NULL) {
        outcome = open_list(walk, resource_logs, "scopeLogs", &scopes);
        while (outcome == INTAKE_ACCEPTED && (scope_logs = yyjson_arr_iter_next(&scopes)) != NULL)
            outcome = take_scope(walk, yyjson_obj_get(resource_logs, "resource"), scope_logs);
    }
    return outcome;
}

static yyjson_doc *
read_json(struct text body, const yyjson_alc *memory, struct err *err)
{
    yyjson_read_err why;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)body.ptr, body.len, 0, memory, &why);

    if (doc == NULL && why.code != YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        err_set(err, "not JSON: %s, at byte %zu", why.msg, why.pos);
    return doc;
}

static yyjson_doc *
read_protobuf(struct otlp *otlp, struct text body, const yyjson_alc *memory, struct err *err)
{
    yyjson_mut_doc *read;
    yyjson_doc *doc;

    arena_clear(&otlp->arena);
    read = otlp_protobuf_read(body, memory, &otlp->arena, err);
    doc = yyjson_mut_doc_imut_copy(read, memory);
    yyjson_mut_doc_free(read);
    return doc;
}

/* The body's tree; NULL with the reason and what it is. */
static yyjson_doc *
read_tree(struct otlp *otlp, struct text body, int is_in_protobuf, enum intake_outcome *ret_why,
          struct err *err)
{
    const yyjson_alc memory = tree_memory_alc(&otlp->memory);
    yyjson_doc *doc;

    err->text[0] = '\0';
    doc = is_in_protobuf ? read_protobuf(otlp, body, &memory, err)
                         : read_json(body, &memory, err);
    if (doc != NULL)
        return doc;
    *ret_why = err->text[0] == '\0' ? INTAKE_TOO_BIG : INTAKE_BAD_JSON;
    if (*ret_why == INTAKE_TOO_BIG)
        err_set(err, "the body has too many values: send fewer records in one request");
    return NULL;
}

static void
finish(struct otlp *otlp, struct http_request *req, struct taking *taking,
       const struct journal_mark *mark, enum intake_outcome outcome,
       const struct intake_result *result)
{
    const struct requests_waiting waiting = { .req = req, .answer = &answer_logs, .own = taking,
                                              .accepted = taking->events };

    if (outcome != INTAKE_STOPPED)
        http_charge_events(req, taking->events + taking->refused);
    if (outcome == INTAKE_ACCEPTED && taking->events > 0) {
        requests_wait(otlp->requests, &waiting);
        return;
    }
    if (outcome == INTAKE_ACCEPTED) {
        send_answer(req, taking);
    } else {
        journal_cancel(intake_journal(requests_intake(otlp->requests)), mark);
        requests_refuse(otlp->requests, req, outcome, result);
    }
    free(taking);
}

static void
post_logs(struct http_request *req, void *self)
{
    struct otlp *otlp = self;
    const struct intake_origin origin = { .received_from = http_peer(req),
                                          .key_id = http_key_id(req),
                                          .key_name = http_key_name(req),
                                          .is_time_mended = 1 };
    struct intake_result result = { .stop = JOURNAL_RETRY };
    enum intake_outcome outcome = INTAKE_STOPPED;
    struct taking *taking;
    struct journal_mark mark;
    yyjson_doc *doc = NULL;

    if (!requests_begin(otlp->requests, req))
        return;
    taking = calloc(1, sizeof(*taking));
    if (taking == NULL) {
        err_set(&result.reason, "out of memory");
        requests_refuse(otlp->requests, req, outcome, &result);
        return;
    }
    mark = journal_mark(intake_journal(requests_intake(otlp->requests)));
    taking->is_protobuf = is_protobuf(req);
    doc = read_tree(otlp, http_body(req), taking->is_protobuf, &outcome, &result.reason);
    if (doc != NULL) {
        const struct walk walk = { otlp, &origin, taking, &result };

        outcome = take_all(&walk, yyjson_doc_get_root(doc));
    }
    flat_empty(&otlp->flat);
    yyjson_doc_free(doc);
    finish(otlp, req, taking, &mark, outcome, &result);
}

/* --- life --- */

static const struct http_route otlp_routes[] = {
    { "POST", "/v1/logs", HTTP_INGEST, "application/json " OTLP_PROTOBUF_TYPE, MAX_BODY, post_logs },
};

void
otlp_add_routes(struct otlp *otlp, struct http_server *server)
{
    http_server_add_wire(server, otlp_routes, sizeof(otlp_routes) / sizeof(otlp_routes[0]),
                         otlp, otlp_say, 0);
}

struct otlp *
otlp_new(struct requests *requests, struct metrics *metrics)
{
    struct otlp *otlp = calloc(1, sizeof(*otlp));

    if (otlp == NULL)
        return NULL;
    otlp->requests = requests;
    otlp->memory.max_bytes = MAX_TREE;
    otlp->records = metrics_number(metrics, METRIC_COUNTER, "bongsu_ingest_otlp_records_total",
                                   "", "log records of POST /v1/logs");
    otlp->plain = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_otlp_records_plain_total", "",
        "of them: kept as a line, undecoded, since their fields could not stand");
    otlp->refused = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_otlp_records_refused_total", "",
        "of them: refused, and told as partialSuccess");
    otlp->flat.left_out = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_otlp_fields_left_out_total", "",
        "their fields that a nearer place had by the same name: record, then scope, then resource");
    return otlp;
}

void
otlp_destroy(struct otlp **otlp)
{
    if (*otlp == NULL)
        return;
    flat_release(&(*otlp)->flat);
    arena_release(&(*otlp)->arena);
    free(*otlp);
    *otlp = NULL;
}
