#include "tests/fuzz/fake_http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "ingest/requests.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_TABLES = 4 };

static struct {
    const struct http_route *routes;
    size_t count;
    void *self;
    http_say *say;
} tables[MAX_TABLES];

static size_t table_count;
static struct metrics *metrics;

/* --- http_server.h, as far as handlers use it --- */

void
http_server_add_wire(struct http_server *server, const struct http_route *routes, size_t count,
                     void *self, http_say *say, int is_last)
{
    (void)server;
    (void)is_last;
    REQUIRE(table_count < MAX_TABLES);
    tables[table_count].routes = routes;
    tables[table_count].count = count;
    tables[table_count].self = self;
    tables[table_count++].say = say;
}

static struct text
find(const struct fake_pair *pairs, const char *name)
{
    for (size_t i = 0; i < FAKE_MAX_PAIRS && pairs[i].name != NULL; i++)
        if (strcmp(pairs[i].name, name) == 0)
            return pairs[i].value;
    return (struct text){ NULL, 0 };
}

struct text
http_body(const struct http_request *req)
{
    return req->body.len == 0 ? text_of("") : req->body;
}

struct text
http_param(const struct http_request *req, const char *name)
{
    return find(req->params, name);
}

struct text
http_query(const struct http_request *req, const char *name)
{
    return find(req->queries, name);
}

struct text
http_header(const struct http_request *req, const char *name)
{
    return find(req->headers, name);
}

struct text
http_content_type(const struct http_request *req)
{
    return find(req->headers, "Content-Type");
}

struct text
http_path(const struct http_request *req)
{
    return text_of(req->route->path);
}

struct text
http_peer(const struct http_request *req)
{
    (void)req;
    return text_of("192.0.2.1");
}

struct text
http_key_id(const struct http_request *req)
{
    (void)req;
    return text_of("abcd1234");
}

struct text
http_key_name(const struct http_request *req)
{
    (void)req;
    return text_of("fuzz");
}

void
http_charge_events(struct http_request *req, uint64_t events)
{
    req->charged += events;
}

void
http_set_header(struct http_request *req, const char *name, const char *value)
{
    (void)req;
    REQUIRE(name[0] != '\0' && strpbrk(value, "\r\n") == NULL);
}

void
http_reply(struct http_request *req, unsigned status, const char *content_type, struct text body)
{
    REQUIRE(content_type != NULL && body.ptr != NULL);
    req->answers++;
    req->status = status;
    free(req->answer);
    req->answer = malloc(body.len + 1);
    REQUIRE(req->answer != NULL);
    memcpy(req->answer, body.ptr, body.len);
    req->answer_len = body.len;
}

/* Of no body the server closes the connection, which nobody understands. */
void
http_reply_json(struct http_request *req, unsigned status, json_t *body)
{
    char *bytes = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);

    REQUIRE(bytes != NULL);
    json_decref(body);
    http_reply(req, status, "application/json", text_of(bytes));
    free(bytes);
}

void
http_reply_problem(struct http_request *req, unsigned status, const char *fmt, ...)
{
    char detail[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    if (!text_is_utf8(text_of(detail)))
        for (char *at = detail; *at != '\0'; at++)
            if ((unsigned char)*at >= 0x80)
                *at = '?';
    req->say(req, status, detail);
}

/* --- requests.h --- */

struct requests *
fake_requests(void)
{
    static char nobody;

    return (struct requests *)&nobody;
}

struct intake *
requests_intake(const struct requests *self)
{
    (void)self;
    return fuzz_intake();
}

int
requests_begin(struct requests *self, struct http_request *req)
{
    (void)self;
    (void)req;
    return 1;
}

void
requests_wait(struct requests *self, const struct requests_waiting *waiting)
{
    struct requests_waiting mine = *waiting;

    mine.req->is_waiting = 1;
    mine.req->accepted = mine.accepted;
    mine.answer->stored(self, &mine);
    if (mine.answer->release != NULL)
        mine.answer->release(&mine);
}

void
requests_refuse(struct requests *self, struct http_request *req, enum intake_outcome outcome,
                const struct intake_result *result)
{
    unsigned status = outcome == INTAKE_TOO_BIG ? 413 : 400;

    (void)self;
    REQUIRE(outcome != INTAKE_ACCEPTED && result->reason.text[0] != '\0');
    if (outcome == INTAKE_STOPPED)
        status = result->stop == JOURNAL_TURN_FULL ? 413 : 503;
    http_reply_problem(req, status, "%s", result->reason.text);
}

/* --- calls --- */

static void
clean_up(void)
{
    metrics_destroy(&metrics);
}

struct metrics *
fake_metrics(void)
{
    if (metrics == NULL) {
        metrics = metrics_new();
        atexit(clean_up);
    }
    return metrics;
}

static void *
find_route(const char *method, const char *pattern, struct http_request *req)
{
    for (size_t t = 0; t < table_count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            if (strcmp(tables[t].routes[i].method, method) == 0 &&
                strcmp(tables[t].routes[i].path, pattern) == 0) {
                req->route = &tables[t].routes[i];
                req->say = tables[t].say;
                return tables[t].self;
            }
    fprintf(stderr, "%s %s: no such route\n", method, pattern);
    abort();
}

void
fake_call(const char *method, const char *pattern, struct http_request *req)
{
    void *self = find_route(method, pattern, req);
    const struct journal *journal = intake_journal(fuzz_intake());
    uint64_t before = journal_mark(journal).last;
    yyjson_doc *doc;

    req->route->handle(req, self);
    req->kept = journal_mark(journal).last - before;
    REQUIRE(req->answers == 1);
    REQUIRE(req->status >= 200 && req->status < 500);
    REQUIRE(req->is_waiting == (req->kept > 0));
    REQUIRE(req->accepted == req->kept && req->charged >= req->kept);
    REQUIRE(req->status / 100 == 2 || req->kept == 0);
    if (http_content_type(req).len > 0)         /* it answers in the request's form */
        return;
    doc = yyjson_read(req->answer, req->answer_len, 0);
    REQUIRE(yyjson_is_obj(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
}

void
fake_forget(struct http_request *req)
{
    free(req->answer);
    req->answer = NULL;
    fuzz_intake_forget();
}
