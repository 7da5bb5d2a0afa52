#include "ingest/wire/otlp.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/wire/otlp_record.h"

/* A body becomes a tree many times as large as itself: both are bounded. */
enum { MAX_BODY = 8 * 1024 * 1024, MAX_TREE = 64 * 1024 * 1024 };

struct otlp {
    struct requests *requests;
    struct flat_document flat;  /* of the record at hand */
    size_t tree_bytes;          /* allocated for the body at hand */
    uint64_t *records, *refused;
};

/* One request, until its answer. */
struct taking {
    uint64_t accepted, refused;
    struct err reason;          /* of the first that was refused */
};

/* --- memory for a tree, counted --- */

/* Each block begins with its size. */
struct block {
    size_t size;
    max_align_t bytes[];
};

static void *
tree_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    struct otlp *otlp = ctx;
    struct block *block = ptr == NULL ? NULL
                          : (struct block *)((char *)ptr - offsetof(struct block, bytes));
    size_t had = block == NULL ? 0 : block->size;

    (void)old_size;
    if (size > MAX_TREE || otlp->tree_bytes - had > MAX_TREE - size)
        return NULL;
    block = realloc(block, offsetof(struct block, bytes) + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    otlp->tree_bytes += size - had;
    return block->bytes;
}

static void *
tree_malloc(void *ctx, size_t size)
{
    return tree_realloc(ctx, NULL, 0, size);
}

static void
tree_free(void *ctx, void *ptr)
{
    struct otlp *otlp = ctx;
    struct block *block;

    if (ptr == NULL)
        return;
    block = (struct block *)((char *)ptr - offsetof(struct block, bytes));
    otlp->tree_bytes -= block->size;
    free(block);
}

/* --- answers --- */

/* google.rpc.Code, by what a status of HTTP means to a sender of OTLP. */
static const struct { unsigned status; int code; } codes[] = {
    { 400, 3 }, { 401, 16 }, { 403, 7 }, { 404, 5 }, { 413, 8 }, { 415, 3 }, { 429, 8 },
    { 503, 14 },
};

/* A refusal is a google.rpc.Status, in the request's form. */
static void
otlp_say(struct http_request *req, unsigned status, const char *detail)
{
    const char *more = status != 415 ? "" :
        " Send OTLP in JSON: OTEL_EXPORTER_OTLP_PROTOCOL=http/json, or the Collector's "
        "otlphttp exporter with encoding: json.";
    char message[1024];
    int code = 2;               /* unknown */

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].status == status)
            code = codes[i].code;
    snprintf(message, sizeof(message), "%s%s", detail, more);
    http_reply_json(req, status, json_pack("{s:i, s:s}", "code", code, "message", message));
}

static void
send_answer(struct http_request *req, const struct taking *taking)
{
    char number[24];

    if (taking->refused == 0) {
        http_reply(req, 200, "application/json", text_of("{}"));
        return;
    }
    snprintf(number, sizeof(number), "%" PRIu64, taking->refused);
    http_reply_json(req, 200, json_pack("{s:{s:s, s:s}}", "partialSuccess",
        "rejectedLogRecords", number, "errorMessage", taking->reason.text));
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
take_record(const struct walk *walk, yyjson_val *record, const struct otlp_place *place)
{
    struct otlp *otlp = walk->otlp;
    const struct text none = { NULL, 0 };
    enum intake_outcome outcome = INTAKE_BAD_JSON;
    struct err *reason = &walk->result->reason;
    struct text document;

    ++*otlp->records;
    reason->text[0] = '\0';
    if (flat_clear(&otlp->flat) != 0) {
        err_set(reason, "out of memory");
        walk->result->stop = JOURNAL_RETRY;
        return INTAKE_STOPPED;
    }
    if (otlp_record_read(record, place, &otlp->flat, reason) == 0) {
        document = flat_write(&otlp->flat);
        if (document.ptr == NULL) {
            err_set(reason, "out of memory");
            walk->result->stop = JOURNAL_RETRY;
            return INTAKE_STOPPED;
        }
        outcome = intake_document(requests_intake(otlp->requests), walk->origin, document,
                                  none, none, walk->result);
    } else {
        intake_refuse(requests_intake(otlp->requests), outcome);
    }
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

/* The body's tree; NULL with the reason and what it is. */
static yyjson_doc *
read_tree(struct otlp *otlp, struct text body, enum intake_outcome *ret_why, struct err *err)
{
    const yyjson_alc memory = { tree_malloc, tree_realloc, tree_free, otlp };
    yyjson_read_err why;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)body.ptr, body.len, 0, &memory, &why);

    if (doc != NULL)
        return doc;
    *ret_why = why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? INTAKE_TOO_BIG : INTAKE_BAD_JSON;
    if (*ret_why == INTAKE_TOO_BIG)
        err_set(err, "the body has too many values: send fewer records in one request");
    else
        err_set(err, "not JSON: %s, at byte %zu", why.msg, why.pos);
    return NULL;
}

static void
finish(struct otlp *otlp, struct http_request *req, struct taking *taking,
       const struct journal_mark *mark, enum intake_outcome outcome,
       const struct intake_result *result)
{
    const struct requests_waiting waiting = { .req = req, .answer = &answer_logs, .own = taking,
                                              .accepted = taking->accepted };

    if (outcome != INTAKE_STOPPED)
        http_charge_events(req, taking->accepted + taking->refused);
    if (outcome == INTAKE_ACCEPTED && taking->accepted > 0) {
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
                                          .key_name = http_key_name(req) };
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
    doc = read_tree(otlp, http_body(req), &outcome, &result.reason);
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
    { "POST", "/v1/logs", HTTP_INGEST, "application/json", MAX_BODY, post_logs },
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
    otlp->records = metrics_number(metrics, METRIC_COUNTER, "bongsu_ingest_otlp_records_total",
                                   "", "log records of POST /v1/logs");
    otlp->refused = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_otlp_records_refused_total", "",
        "of them: refused, and told as partialSuccess");
    return otlp;
}

void
otlp_destroy(struct otlp **otlp)
{
    if (*otlp == NULL)
        return;
    flat_release(&(*otlp)->flat);
    free(*otlp);
    *otlp = NULL;
}
