/* Bodies of Splunk's collector and records of OpenTelemetry, as far as a document, and
 * the collector's as requests. */
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "ingest/wire/hec.h"
#include "ingest/wire/hec_reader.h"
#include "ingest/wire/otlp_record.h"
#include "proto/event.h"
#include "tests/fuzz/fake_http.h"
#include "tests/fuzz/fuzz.h"

enum { AS_OTLP = 1, AS_LINE = 2, AS_REQUEST = 4, WITH_QUERY = 8 };

static struct flat_document flat;

/* What was read can be written, and is no larger than an event may be. */
static void
is_a_document(void)
{
    REQUIRE(flat_write(&flat).ptr != NULL);
    REQUIRE(yyjson_mut_obj_size(flat.root) <= EVENT_MAX_EXTRAS);
}

static void
read_hec(struct text body)
{
    const struct hec_origin origin = { .host = text_of("h"), .time = text_of("1.5") };
    struct text object;
    struct err err;

    while (hec_next(&body, &object) == 1) {
        REQUIRE(flat_clear(&flat) == 0);
        err.text[0] = '\0';
        if (hec_read(object, &origin, &flat, &err) == HEC_FINE)
            is_a_document();
        else
            REQUIRE(err.text[0] != '\0');
    }
}

static void
read_otlp(struct text body)
{
    yyjson_doc *doc = yyjson_read(body.ptr, body.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const struct otlp_place place = { yyjson_obj_get(root, "resource"), yyjson_obj_get(root, "scope") };
    struct err err = { .text = "" };

    REQUIRE(flat_clear(&flat) == 0);
    if (doc != NULL && otlp_record_read(root, &place, &flat, &err) == 0)
        is_a_document();
    else
        REQUIRE(doc == NULL || err.text[0] != '\0');
    yyjson_doc_free(doc);
}

/* --- as requests --- */

static struct hec *hec;

static void
clean_up(void)
{
    hec_destroy(&hec);
}

/* All of a body or nothing of it, and then the number of the event that was wrong. */
static void
send_body(struct text body, unsigned how)
{
    struct http_request req = { .body = body };
    yyjson_val *root;
    yyjson_doc *doc;

    if (hec == NULL) {
        hec = hec_new(fake_requests(), fake_metrics());
        REQUIRE(hec != NULL);
        hec_add_routes(hec, NULL);
        atexit(clean_up);
    }
    if (how & WITH_QUERY) {
        req.queries[0] = (struct fake_pair){ "time", text_split(&req.body, ' ') };
        req.queries[1] = (struct fake_pair){ "host", text_split(&req.body, ' ') };
        for (int i = 0; i < 2; i++)
            if (!text_is_utf8(req.queries[i].value))
                return;                 /* the server refuses that */
    }
    fake_call("POST", how & AS_LINE ? "/services/collector/raw" : "/services/collector/event",
              &req);
    doc = yyjson_read(req.answer, req.answer_len, 0);
    root = yyjson_doc_get_root(doc);
    REQUIRE(yyjson_is_int(yyjson_obj_get(root, "code")));
    REQUIRE((req.status == 200) == (yyjson_get_int(yyjson_obj_get(root, "code")) == 0));
    REQUIRE((req.status == 200) == (req.kept > 0));
    yyjson_doc_free(doc);
    fake_forget(&req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = { (const char *)data, size };
    unsigned how = fuzz_take(&body);
    const struct hec_origin nowhere = { .host = { NULL, 0 } };
    struct err err;

    if (how & AS_REQUEST) {
        send_body(body, how);
    } else if (how & AS_OTLP) {
        read_otlp(body);
    } else if ((how & AS_LINE) && text_is_utf8(body)) {
        REQUIRE(flat_clear(&flat) == 0);
        if (hec_read_line(body, &nowhere, &flat, &err) == HEC_FINE)
            is_a_document();
    } else {
        read_hec(body);
    }
    flat_release(&flat);
    return 0;
}
