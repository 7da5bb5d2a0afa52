/*
 * An event as a document: one flat JSON object whose keys are ECS names. What
 * it says can be read back exactly (elastic_event.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "proto/base/civil.h"
#include "proto/base/timestamp.h"
#include "proto/store/elastic/elastic.h"

/* Memory of one document: its values' nodes and its text. */
enum { POOL_FIRST = 256 * 1024 };

struct elastic_writer {
    char *pool;
    size_t pool_len;
    uint64_t last_journal;      /* written out below */
    char last_name[17];
};

/* What the helpers of one document share. */
struct writing {
    struct elastic_writer *writer;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
    const struct event *ev;
    const struct elastic_category *category;    /* or NULL */
    yyjson_mut_val *as_sent, *sent;     /* NULL until needed */
    int has_category, has_type, has_outcome;
};

struct elastic_writer *
elastic_writer_new(void)
{
    struct elastic_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return NULL;
    writer->pool_len = POOL_FIRST;
    writer->pool = malloc(writer->pool_len);
    if (writer->pool == NULL)
        elastic_writer_destroy(&writer);
    return writer;
}

void
elastic_writer_destroy(struct elastic_writer **writer)
{
    if (*writer == NULL)
        return;
    free((*writer)->pool);
    free(*writer);
    *writer = NULL;
}

static yyjson_mut_val *
text_value(struct writing *w, struct text text)
{
    return yyjson_mut_strn(w->doc, text.len > 0 ? text.ptr : "", text.len);
}

static yyjson_mut_val *
value_of(struct writing *w, const struct value *value)
{
    return elastic_value(w->doc, value);
}

static int
add(struct writing *w, const char *name, yyjson_mut_val *value)
{
    return yyjson_mut_obj_add(w->root, yyjson_mut_str(w->doc, name), value) ? 0 : -1;
}

static int
add_copy(struct writing *w, const char *name, const char *text)
{
    return add(w, name, yyjson_mut_strcpy(w->doc, text));
}

/* --- the event's own fields --- */

static const int severity_numbers[] = { 21, 47, 73, 99 };   /* Elastic's low..critical */

static int
add_severity(struct writing *w, struct text severity)
{
    int level = severity_parse(severity);

    return level < 0 ? 0 : add(w, "event.severity", yyjson_mut_int(w->doc, severity_numbers[level]));
}

/* The event's time as Elasticsearch reads it; and as it was sent, when that differs. */
static int
add_times(struct writing *w)
{
    struct text sent = value_get_text(&w->ev->known[EVENT_TIMESTAMP]);
    char at[TIMESTAMP_LEN], received[TIMESTAMP_LEN];
    struct local_time local;

    timestamp_format(w->ev->at_us, at);
    timestamp_format(w->ev->received_us, received);
    timestamp_to_local(w->ev->at_us, &local);
    if (add_copy(w, "@timestamp", at) != 0 || add_copy(w, "event.ingested", received) != 0 ||
        add(w, "bongsu.at", yyjson_mut_sint(w->doc, w->ev->at_us)) != 0 ||
        add(w, "bongsu.day", yyjson_mut_sint(w->doc, civil_to_days(local.year, local.month,
                                                                    local.day))) != 0)
        return -1;
    return text_is(sent, at) ? 0 : add(w, "bongsu.timestamp", value_of(w, &w->ev->known[EVENT_TIMESTAMP]));
}

static int
add_known(struct writing *w)
{
    for (int field = 0; field < EVENT_FIELD_COUNT; field++) {
        const struct value *value = &w->ev->known[field];

        if (field == EVENT_TIMESTAMP || value->kind == VALUE_ABSENT)
            continue;
        if (add(w, elastic_name_of_known(field), value_of(w, value)) != 0)
            return -1;
    }
    return add_severity(w, value_get_text(&w->ev->known[EVENT_SEVERITY]));
}

/* --- the further ones --- */

static int
add_as_sent(struct writing *w, const struct extra *extra, yyjson_mut_val *value)
{
    if (w->as_sent == NULL)
        w->as_sent = yyjson_mut_obj(w->doc);
    return w->as_sent != NULL &&
           yyjson_mut_obj_add(w->as_sent, text_value(w, extra->name), value) ? 0 : -1;
}

static int
add_sent(struct writing *w, struct text name)
{
    if (w->sent == NULL)
        w->sent = yyjson_mut_arr(w->doc);
    return w->sent != NULL && yyjson_mut_arr_append(w->sent, text_value(w, name)) ? 0 : -1;
}

/* What we would have made ourselves, and the client or a decoder did: named, so
 * that reading does not take it for ours. */
static int
note_derived(struct writing *w, struct text name)
{
    if (!text_starts_with(name, "event."))
        return 0;
    if (text_is(name, "event.category"))
        w->has_category = 1;
    else if (text_is(name, "event.type"))
        w->has_type = 1;
    else if (text_is(name, "event.outcome") && w->category != NULL && w->category->outcome != NULL)
        w->has_outcome = 1;
    else
        return 0;
    return add_sent(w, name);
}

static int
add_extra(struct writing *w, const struct extra *extra)
{
    enum value_kind kind = extra->value.kind;
    int is_nested = kind == VALUE_PACKED || kind == VALUE_OBJECT;
    yyjson_mut_val *value = value_of(w, &extra->value);
    struct text name;

    if (elastic_name_of_extra(extra->name, is_nested, &name) == ELASTIC_NAME_AS_SENT ||
        (is_nested && value != NULL && !elastic_is_mappable(name, value)))
        return add_as_sent(w, extra, value);
    if (!yyjson_mut_obj_add(w->root, text_value(w, name), value))
        return -1;
    return note_derived(w, name);
}

/* --- what ECS wants beside --- */

static int
add_list(struct writing *w, const char *name, const char *const *texts, size_t max)
{
    yyjson_mut_val *list = yyjson_mut_arr(w->doc);

    for (size_t i = 0; list != NULL && i < max && texts[i] != NULL; i++)
        if (!yyjson_mut_arr_add_str(w->doc, list, texts[i]))
            return -1;
    return list == NULL ? -1 : add(w, name, list);
}

static int
add_category(struct writing *w)
{
    const struct elastic_category *row = w->category;

    if (row == NULL)
        return 0;
    if (!w->has_category && add_list(w, "event.category", row->categories, 3) != 0)
        return -1;
    if (!w->has_type && add_list(w, "event.type", row->types, 3) != 0)
        return -1;
    return row->outcome == NULL || w->has_outcome ? 0 : add(w, "event.outcome", yyjson_mut_str(w->doc, row->outcome));
}

static int
add_related(struct writing *w, const char *name, enum event_field first, enum event_field second)
{
    struct text a = value_get_text(&w->ev->known[first]), b = value_get_text(&w->ev->known[second]);
    yyjson_mut_val *list;

    if (first == second || text_equals(a, b))
        b = (struct text){ NULL, 0 };
    if (a.len == 0 && b.len == 0)
        return 0;
    list = yyjson_mut_arr(w->doc);
    if (list == NULL || (a.len > 0 && !yyjson_mut_arr_append(list, text_value(w, a))) ||
        (b.len > 0 && !yyjson_mut_arr_append(list, text_value(w, b))))
        return -1;
    return add(w, name, list);
}

static int
add_place(struct writing *w, const struct elastic_place *place)
{
    struct elastic_writer *writer = w->writer;
    char id[EVENT_ID_TEXT_LEN];

    event_id_format(&w->ev->id, id);
    if (add_copy(w, "event.id", id) != 0 || add(w, "event.kind", yyjson_mut_str(w->doc, "event")) != 0 ||
        add(w, "ecs.version", yyjson_mut_str(w->doc, "8.11.0")) != 0)
        return -1;
    if (place->journal == 0 && place->sequence == 0)
        return 0;
    if (writer->last_name[0] == '\0' || writer->last_journal != place->journal) {
        snprintf(writer->last_name, sizeof(writer->last_name), "%016llx",
                 (unsigned long long)place->journal);
        writer->last_journal = place->journal;
    }
    if (add(w, "bongsu.journal", yyjson_mut_str(w->doc, writer->last_name)) != 0)
        return -1;
    return w->ev->is_keyed ? add(w, "bongsu.sequence", yyjson_mut_uint(w->doc, place->sequence)) : 0;
}

static int
add_all(struct writing *w, const struct elastic_place *place)
{
    if (add_times(w) != 0 || add_known(w) != 0)
        return -1;
    for (size_t i = 0; i < w->ev->extra_count; i++)
        if (add_extra(w, &w->ev->extras[i]) != 0)
            return -1;
    if (add_category(w) != 0 ||
        add_related(w, "related.ip", EVENT_SOURCE_IP, EVENT_DESTINATION_IP) != 0 ||
        add_related(w, "related.user", EVENT_USERNAME, EVENT_USERNAME) != 0 ||
        add_related(w, "related.hosts", EVENT_SOURCE_HOST, EVENT_SOURCE_HOST) != 0 ||
        add_place(w, place) != 0)
        return -1;
    if (w->as_sent != NULL && add(w, "bongsu.as_sent", w->as_sent) != 0)
        return -1;
    return w->sent == NULL ? 0 : add(w, "bongsu.sent", w->sent);
}

/* Everything of this document is in the pool; 1 when it was too small. */
static int
write_in_pool(struct elastic_writer *writer, const struct event *ev,
              const struct elastic_place *place, struct buf *out)
{
    struct writing w = { .writer = writer, .ev = ev,
        .category = elastic_category_find(value_get_text(&ev->known[EVENT_TYPE])) };
    yyjson_alc alc;
    size_t len = 0;
    char *json = NULL;

    if (!yyjson_alc_pool_init(&alc, writer->pool, writer->pool_len))
        return -1;
    w.doc = yyjson_mut_doc_new(&alc);
    w.root = w.doc == NULL ? NULL : yyjson_mut_obj(w.doc);
    if (w.root == NULL || add_all(&w, place) != 0)
        return 1;
    yyjson_mut_doc_set_root(w.doc, w.root);
    json = yyjson_mut_write_opts(w.doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &alc, &len, NULL);
    if (json == NULL)
        return 1;
    return buf_append(out, json, len) == 0 ? 0 : -1;
}

int
elastic_document_write(struct elastic_writer *writer, const struct event *ev,
                       const struct elastic_place *place, struct buf *out, struct err *err)
{
    size_t largest = EVENT_MAX_BYTES * 64;
    int rc;

    while ((rc = write_in_pool(writer, ev, place, out)) == 1 && writer->pool_len < largest) {
        char *larger = malloc(writer->pool_len * 4);

        if (larger == NULL)
            break;
        free(writer->pool);
        writer->pool = larger;
        writer->pool_len *= 4;
    }
    if (rc != 0)
        err_set(err, "event: out of memory while it becomes a document");
    return rc == 0 ? 0 : -1;
}

void
elastic_event_index(int32_t day, char out[ELASTIC_INDEX_LEN])
{
    char name[TIMESTAMP_LEN];

    timestamp_format_day(day, name);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '-' ? '.' : *c;
    snprintf(out, ELASTIC_INDEX_LEN, ELASTIC_EVENTS "%s", name);
}
