/*
 * An event as a document: one flat JSON object whose keys are ECS names. What
 * it says can be read back exactly (elastic_event.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/timestamp.h"
#include "proto/json_write.h"
#include "proto/store/elastic/elastic.h"

enum { MEMBER_LEN = 64 };       /* of ,"name": */

/* What is the same for many documents is written once. */
struct elastic_writer {
    char members[EVENT_FIELD_COUNT][MEMBER_LEN];
    size_t member_lens[EVENT_FIELD_COUNT];
    struct buf as_sent, sent;   /* bongsu.as_sent and bongsu.sent of the document at hand */
    int64_t last_received_us;
    char last_received[TIMESTAMP_LEN];
    uint64_t last_journal;
    char last_name[17];
};

/* What the helpers of one document share. Nobody asks each whether memory was
 * enough: is_short says so at the end. */
struct writing {
    struct elastic_writer *writer;
    struct buf *out;
    const struct event *ev;
    const struct elastic_category *category;    /* or NULL */
    int has_category, has_type, has_outcome;
    int is_short;
};

static void
name_members(struct elastic_writer *writer)
{
    for (int field = 0; field < EVENT_FIELD_COUNT; field++) {
        const char *name = elastic_name_of_known(field);

        /* the timestamp has its own place, and no name of ours needs an escape */
        if (name != NULL)
            writer->member_lens[field] = (size_t)snprintf(writer->members[field], MEMBER_LEN,
                                                          ",\"%s\":", name);
    }
}

struct elastic_writer *
elastic_writer_new(void)
{
    struct elastic_writer *writer = calloc(1, sizeof(*writer));

    if (writer != NULL)
        name_members(writer);
    return writer;
}

void
elastic_writer_destroy(struct elastic_writer **writer)
{
    if (*writer == NULL)
        return;
    buf_release(&(*writer)->as_sent);
    buf_release(&(*writer)->sent);
    free(*writer);
    *writer = NULL;
}

/* --- pieces --- */

static void
put_bytes(struct writing *w, const char *bytes, size_t len)
{
    struct buf *out = w->out;

    if (out->cap - out->len <= len && buf_reserve(out, len) != 0) {
        w->is_short = 1;
        return;
    }
    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
}

/* Of a literal the compiler knows the length. */
static inline void
put(struct writing *w, const char *str)
{
    put_bytes(w, str, strlen(str));
}

static void
put_text(struct writing *w, struct text text)
{
    w->is_short |= json_write_text(w->out, text) != 0;
}

static void
put_value(struct writing *w, const struct value *value)
{
    w->is_short |= elastic_value_write(value, w->out) != 0;
}

static void
put_int(struct writing *w, int64_t number)
{
    w->is_short |= json_write_int(w->out, number) != 0;
}

/* --- the event's own fields --- */

static const int severity_numbers[] = { 21, 47, 73, 99 };   /* Elastic's low..critical */

static void
add_severity(struct writing *w, struct text severity)
{
    int level = severity_parse(severity);

    if (level < 0)
        return;
    put(w, ",\"event.severity\":");
    put_int(w, severity_numbers[level]);
}

/* When it was received; a whole batch at once. */
static const char *
received(struct writing *w)
{
    struct elastic_writer *writer = w->writer;

    if (writer->last_received[0] == '\0' || writer->last_received_us != w->ev->received_us) {
        timestamp_format(w->ev->received_us, writer->last_received);
        writer->last_received_us = w->ev->received_us;
    }
    return writer->last_received;
}

/* The event's time as Elasticsearch reads it; and as it was sent, when that differs. */
static void
add_times(struct writing *w)
{
    struct text sent = value_get_text(&w->ev->known[EVENT_TIMESTAMP]);
    char at[TIMESTAMP_LEN];

    timestamp_format(w->ev->at_us, at);
    put(w, "{\"@timestamp\":\"");
    put(w, at);
    put(w, "\",\"event.ingested\":\"");
    put(w, received(w));
    put(w, "\",\"bongsu.at\":");
    put_int(w, w->ev->at_us);
    put(w, ",\"bongsu.day\":");
    put_int(w, timestamp_local_day(w->ev->at_us));
    if (text_is(sent, at))
        return;
    put(w, ",\"bongsu.timestamp\":");
    put_value(w, &w->ev->known[EVENT_TIMESTAMP]);
}

static void
add_known(struct writing *w)
{
    for (int field = 0; field < EVENT_FIELD_COUNT; field++) {
        const struct value *value = &w->ev->known[field];

        if (field == EVENT_TIMESTAMP || value->kind == VALUE_ABSENT)
            continue;
        put_bytes(w, w->writer->members[field], w->writer->member_lens[field]);
        put_value(w, value);
    }
    add_severity(w, value_get_text(&w->ev->known[EVENT_SEVERITY]));
}

/* --- the further ones --- */

static void
put_member(struct writing *w, struct text name, const struct value *value)
{
    put(w, ",");
    put_text(w, name);
    put(w, ":");
    put_value(w, value);
}

static void
add_as_sent(struct writing *w, const struct extra *extra)
{
    struct buf *document = w->out;

    w->out = &w->writer->as_sent;
    put_member(w, extra->name, &extra->value);
    w->out = document;
}

static void
add_sent(struct writing *w, struct text name)
{
    struct buf *document = w->out;

    w->out = &w->writer->sent;
    put(w, ",");
    put_text(w, name);
    w->out = document;
}

/* What we would have made ourselves, and the client or a decoder did: named, so
 * that reading does not take it for ours. */
static void
note_derived(struct writing *w, struct text name)
{
    if (!text_starts_with(name, "event."))
        return;
    if (text_is(name, "event.category"))
        w->has_category = 1;
    else if (text_is(name, "event.type"))
        w->has_type = 1;
    else if (text_is(name, "event.outcome") && w->category != NULL && w->category->outcome != NULL)
        w->has_outcome = 1;
    else
        return;
    add_sent(w, name);
}

static void
add_extra(struct writing *w, const struct extra *extra)
{
    enum value_kind kind = extra->value.kind;
    int is_nested = kind == VALUE_PACKED || kind == VALUE_OBJECT;
    struct text name;

    if (elastic_name_of_extra(extra->name, is_nested, &name) == ELASTIC_NAME_AS_SENT ||
        (is_nested && !elastic_is_mappable(name, &extra->value))) {
        add_as_sent(w, extra);
        return;
    }
    put_member(w, name, &extra->value);
    note_derived(w, name);
}

/* --- what ECS wants beside --- */

static void
put_list(struct writing *w, const char *const *texts, size_t max)
{
    for (size_t i = 0; i < max && texts[i] != NULL; i++) {
        put(w, i == 0 ? "[\"" : "\",\"");
        put(w, texts[i]);
    }
    put(w, "\"]");
}

/* Their words are the table's own, and need no escape. */
static void
add_category(struct writing *w)
{
    const struct elastic_category *row = w->category;

    if (row == NULL)
        return;
    if (!w->has_category) {
        put(w, ",\"event.category\":");
        put_list(w, row->categories, 3);
    }
    if (!w->has_type) {
        put(w, ",\"event.type\":");
        put_list(w, row->types, 3);
    }
    if (row->outcome == NULL || w->has_outcome)
        return;
    put(w, ",\"event.outcome\":\"");
    put(w, row->outcome);
    put(w, "\"");
}

/* name is a member's beginning: ,"related.ip":[ */
static void
add_related(struct writing *w, const char *name, enum event_field first, enum event_field second)
{
    struct text a = value_get_text(&w->ev->known[first]), b = value_get_text(&w->ev->known[second]);

    if (first == second || text_equals(a, b))
        b = (struct text){ NULL, 0 };
    if (a.len == 0 && b.len == 0)
        return;
    put(w, name);
    if (a.len > 0)
        put_text(w, a);
    if (a.len > 0 && b.len > 0)
        put(w, ",");
    if (b.len > 0)
        put_text(w, b);
    put(w, "]");
}

static void
add_place(struct writing *w, const struct elastic_place *place)
{
    struct elastic_writer *writer = w->writer;
    char id[EVENT_ID_TEXT_LEN];

    event_id_format(&w->ev->id, id);
    put(w, ",\"event.id\":\"");
    put(w, id);
    put(w, "\",\"event.kind\":\"event\",\"ecs.version\":\"8.11.0\"");
    if (place->journal == 0 && place->sequence == 0)
        return;
    if (writer->last_name[0] == '\0' || writer->last_journal != place->journal) {
        snprintf(writer->last_name, sizeof(writer->last_name), "%016llx",
                 (unsigned long long)place->journal);
        writer->last_journal = place->journal;
    }
    put(w, ",\"bongsu.journal\":\"");
    put(w, writer->last_name);
    put(w, "\"");
    if (!w->ev->is_keyed)
        return;
    put(w, ",\"bongsu.sequence\":");
    w->is_short |= json_write_uint(w->out, place->sequence) != 0;
}

/* Members were put with a comma before each: the first comma is the bracket's place. */
static void
add_gathered(struct writing *w, const char *name, const struct buf *members, char open,
             const char *close)
{
    if (members->len == 0)
        return;
    put(w, name);
    put_bytes(w, &open, 1);
    put_bytes(w, members->ptr + 1, members->len - 1);
    put(w, close);
}

static void
add_all(struct writing *w, const struct elastic_place *place)
{
    add_times(w);
    add_known(w);
    for (size_t i = 0; i < w->ev->extra_count; i++)
        add_extra(w, &w->ev->extras[i]);
    add_category(w);
    add_related(w, ",\"related.ip\":[", EVENT_SOURCE_IP, EVENT_DESTINATION_IP);
    add_related(w, ",\"related.user\":[", EVENT_USERNAME, EVENT_USERNAME);
    add_related(w, ",\"related.hosts\":[", EVENT_SOURCE_HOST, EVENT_SOURCE_HOST);
    add_place(w, place);
    add_gathered(w, ",\"bongsu.as_sent\":", &w->writer->as_sent, '{', "}");
    add_gathered(w, ",\"bongsu.sent\":", &w->writer->sent, '[', "]");
    put(w, "}");
}

/* One that was large must not stay so for ever. */
static void
forget(struct buf *members)
{
    if (members->cap > EVENT_MAX_BYTES)
        buf_release(members);
    members->len = 0;
}

int
elastic_document_write(struct elastic_writer *writer, const struct event *ev,
                       const struct elastic_place *place, struct buf *out, struct err *err)
{
    struct writing w = { .writer = writer, .out = out, .ev = ev,
        .category = elastic_category_find(value_get_text(&ev->known[EVENT_TYPE])) };
    size_t before = out->len;

    forget(&writer->as_sent);
    forget(&writer->sent);
    add_all(&w, place);
    if (!w.is_short) {
        out->ptr[out->len] = '\0';
        return 0;
    }
    out->len = before;
    err_set(err, "event: out of memory while it becomes a document");
    return -1;
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
