/* Bodies of _bulk, and single documents, by Elasticsearch's wire. */
#include <stdlib.h>
#include <yyjson.h>

#include "ingest/wire/wire.h"
#include "tests/fuzz/fake_http.h"
#include "tests/fuzz/fuzz.h"

enum { ONE_DOCUMENT = 1, WITH_INDEX = 2, WITH_ID = 4, FILTERED = 8, ODD_FILTER = 16 };

static struct wire *wire;

static void
clean_up(void)
{
    wire_destroy(&wire);
}

static void
begin(void)
{
    if (wire != NULL)
        return;
    wire = wire_new(fake_requests(), fake_metrics());
    REQUIRE(wire != NULL);
    wire_add_routes(wire, NULL);
    atexit(clean_up);
}

/* An entry for each action, with one member; a reason where it was not stored. */
static void
check_answer(const struct http_request *req)
{
    yyjson_doc *doc = yyjson_read(req->answer, req->answer_len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *items = yyjson_obj_get(root, "items"), *item;
    uint64_t stored = 0;
    yyjson_arr_iter iter;

    REQUIRE(yyjson_arr_size(items) > 0 && yyjson_arr_size(items) == req->charged);
    yyjson_arr_iter_init(items, &iter);
    while ((item = yyjson_arr_iter_next(&iter)) != NULL) {
        yyjson_val *said = unsafe_yyjson_get_first(item) + 1;
        int64_t status = yyjson_get_int(yyjson_obj_get(said, "status"));
        yyjson_val *error = yyjson_obj_get(said, "error");

        REQUIRE(yyjson_obj_size(item) == 1);
        REQUIRE(status == 201 || status == 400 || status == 413);
        REQUIRE((status == 201) == (error == NULL));
        REQUIRE(error == NULL || yyjson_get_len(yyjson_obj_get(error, "reason")) > 0);
        stored += status == 201;
    }
    REQUIRE(stored == req->kept);
    REQUIRE(yyjson_get_bool(yyjson_obj_get(root, "errors")) ==
            (stored < yyjson_arr_size(items)));
    yyjson_doc_free(doc);
}

/* A line is the index, the id or the filter; what follows is the rest. */
static struct text
take_word(struct text *body)
{
    struct text word = text_split(body, '\n');

    if (body->ptr == NULL)
        *body = text_of("");
    return text_is_utf8(word) && word.len > 0 ? word : text_of("x");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = { (const char *)data, size };
    unsigned how = fuzz_take(&body);
    struct http_request req = { .status = 0 };
    size_t params = 0;

    begin();
    if (how & WITH_INDEX || how & ONE_DOCUMENT)
        req.params[params++] = (struct fake_pair){ "index", take_word(&body) };
    if ((how & WITH_ID) && (how & ONE_DOCUMENT))
        req.params[params++] = (struct fake_pair){ "...", take_word(&body) };
    if (how & FILTERED)
        req.queries[0] = (struct fake_pair){ "filter_path",
            how & ODD_FILTER ? take_word(&body) : text_of("errors,items.*.status,items.*.error") };
    req.body = body;
    if (how & ONE_DOCUMENT)
        fake_call("POST", how & WITH_ID ? "/{index}/_create/{...}" : "/{index}/_doc", &req);
    else
        fake_call("POST", how & WITH_INDEX ? "/{index}/_bulk" : "/_bulk", &req);
    if (req.status == 200)
        check_answer(&req);
    else
        REQUIRE((how & ONE_DOCUMENT && req.status == 201) || req.kept == 0);
    fake_forget(&req);
    return 0;
}
