/* Bodies of POST /v1/logs, whole: every record is kept or counted as refused. */
#include <inttypes.h>
#include <stdlib.h>
#include <yyjson.h>

#include "ingest/wire/otlp.h"
#include "ingest/wire/otlp_protobuf.h"
#include "tests/fuzz/fake_http.h"
#include "tests/fuzz/fuzz.h"

/* The first byte, which no JSON has: protobuf stands behind it. */
enum { IN_PROTOBUF = 1 };

static struct otlp *otlp;

static void
clean_up(void)
{
    otlp_destroy(&otlp);
}

static void
begin(void)
{
    if (otlp != NULL)
        return;
    otlp = otlp_new(fake_requests(), fake_metrics());
    REQUIRE(otlp != NULL);
    otlp_add_routes(otlp, NULL);
    atexit(clean_up);
}

/* How many records are there, by the shortest way. */
static uint64_t
count_records(struct text body)
{
    yyjson_doc *doc = yyjson_read(body.ptr, body.len, 0);
    yyjson_val *resource, *scope;
    yyjson_arr_iter resources, scopes;
    uint64_t count = 0;

    yyjson_arr_iter_init(yyjson_obj_get(yyjson_doc_get_root(doc), "resourceLogs"), &resources);
    while ((resource = yyjson_arr_iter_next(&resources)) != NULL) {
        yyjson_arr_iter_init(yyjson_obj_get(resource, "scopeLogs"), &scopes);
        while ((scope = yyjson_arr_iter_next(&scopes)) != NULL)
            count += yyjson_arr_size(yyjson_obj_get(scope, "logRecords"));
    }
    yyjson_doc_free(doc);
    return count;
}

static uint64_t
refused_of(const struct http_request *req)
{
    yyjson_doc *doc = yyjson_read(req->answer, req->answer_len, 0);
    yyjson_val *partial = yyjson_obj_get(yyjson_doc_get_root(doc), "partialSuccess");
    const char *number = yyjson_get_str(yyjson_obj_get(partial, "rejectedLogRecords"));
    uint64_t refused = number == NULL ? 0 : strtoull(number, NULL, 10);

    REQUIRE(partial == NULL ||
            (refused > 0 && yyjson_get_len(yyjson_obj_get(partial, "errorMessage")) > 0));
    yyjson_doc_free(doc);
    return refused;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request req = { .body = { (const char *)data, size } };
    int is_protobuf = size > 0 && data[0] == IN_PROTOBUF;

    begin();
    if (is_protobuf) {
        req.body = (struct text){ req.body.ptr + 1, size - 1 };
        req.headers[0] = (struct fake_pair){ "Content-Type", text_of(OTLP_PROTOBUF_TYPE) };
    }
    fake_call("POST", "/v1/logs", &req);
    if (is_protobuf)                /* whose counts are as those of JSON */
        REQUIRE(req.status == 200 || req.status == 400 || req.status == 413);
    else if (req.status == 200)
        REQUIRE(req.kept + refused_of(&req) == count_records(req.body));
    fake_forget(&req);
    return 0;
}
