/* Bodies of Splunk's collector and records of OpenTelemetry, as far as a document. */
#include <string.h>

#include "ingest/wire/hec_reader.h"
#include "ingest/wire/otlp_record.h"
#include "proto/event.h"
#include "tests/fuzz/fuzz.h"

enum { AS_OTLP = 1, AS_LINE = 2 };

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = { (const char *)data, size };
    unsigned how = fuzz_take(&body);
    const struct hec_origin nowhere = { .host = { NULL, 0 } };
    struct err err;

    if (how & AS_OTLP) {
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
