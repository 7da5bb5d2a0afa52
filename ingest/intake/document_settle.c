#include "ingest/intake/document_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/intake/document.h"
#include "proto/base/timestamp.h"
#include "proto/decode/decoded.h"
#include "proto/fields.h"

/* Ranks of document_names.c: raw_log and event.original are the line itself, the
 * others are it where these are absent. */
enum { FIRST_MESSAGE = 2 };

/* 0001-01-01 and 9999-12-31 in milliseconds: what RFC 3339 can say. */
static const int64_t first_ms = INT64_C(-62135596800000), last_ms = INT64_C(253402300799999);

int
document_note_source(struct document *doc, struct text name, struct text source)
{
    if (doc->source_count == DOCUMENT_SOURCES)
        return document_put_aside(doc, name, value_text(source));
    doc->source_names[doc->source_count] = name;
    doc->sources[doc->source_count++] = source;
    return 0;
}

static int
settle_sources(struct document *doc)
{
    for (size_t i = 0; i < doc->source_count; i++) {
        struct text source = doc->sources[i];
        int is_address = decoded_is_address(source);
        struct value *known = &doc->ev->known[is_address ? EVENT_SOURCE_IP
                                                         : EVENT_SOURCE_HOST];

        if (known->kind == VALUE_ABSENT)
            *known = value_text(source);
        else if (!text_equals(known->as.text, source) &&
                 document_put_aside(doc, doc->source_names[i], value_text(source)) != 0)
            return -1;
    }
    return 0;
}

static void
settle_others(struct document *doc)
{
    static const char *const names[DOCUMENT_OTHERS] = {
        [DOCUMENT_HOST] = "host.name", [DOCUMENT_PROGRAM] = "process.name",
        [DOCUMENT_LEVEL] = "log.level",
    };

    for (int i = 0; i < DOCUMENT_OTHERS; i++) {
        struct text name = text_of(names[i]);

        if (doc->other[i] != 0 && event_get(doc->ev, name) == NULL)
            doc->ev->extras[doc->other[i] - 1].name = name;
    }
}

/* --- time --- */

static struct value
time_of_ms(struct document *doc, int64_t ms)
{
    char formatted[TIMESTAMP_LEN];

    timestamp_format(ms * 1000, formatted);
    return value_text(arena_copy(doc->arena, text_of(formatted)));
}

/* Elasticsearch's strict_date_optional_time and epoch_millis: without a zone it is
 * UTC, without a time the day's first moment. What is no time stays, for event_check
 * to refuse. */
static struct value
read_ecs_time(struct document *doc)
{
    struct text text = value_get_text(&doc->ecs_time);
    int64_t ms;
    double real;

    if (doc->ecs_time.kind == VALUE_INT && doc->ecs_time.as.integer >= first_ms &&
        doc->ecs_time.as.integer <= last_ms)
        return time_of_ms(doc, doc->ecs_time.as.integer);
    if (doc->ecs_time.kind == VALUE_REAL && value_as_number(&doc->ecs_time, &real) == 0 &&
        real >= (double)first_ms && real <= (double)last_ms)
        return time_of_ms(doc, (int64_t)real);
    if (text_to_int(text, first_ms, last_ms, &ms) == 0 && text.len > 8)
        return time_of_ms(doc, ms);
    if (text.len == 10)
        return value_text(arena_printf(doc->arena, "%.10sT00:00:00Z", text.ptr));
    if (text.len >= 16 && text.len < TIMESTAMP_LEN && text.ptr[10] == 'T' &&
        memchr(text.ptr + 11, 'Z', text.len - 11) == NULL &&
        memchr(text.ptr + 11, 'z', text.len - 11) == NULL &&
        memchr(text.ptr + 11, '+', text.len - 11) == NULL &&
        memchr(text.ptr + 11, '-', text.len - 11) == NULL)
        return value_text(arena_printf(doc->arena, "%.*sZ", (int)text.len, text.ptr));
    return doc->ecs_time;
}

static int
settle_time(struct document *doc)
{
    struct value *known = &doc->ev->known[EVENT_TIMESTAMP];

    if (doc->ecs_time.kind == VALUE_ABSENT || doc->ecs_time.kind == VALUE_NULL) {
        *known = doc->time;
        return 0;
    }
    *known = read_ecs_time(doc);
    if (doc->time.kind == VALUE_ABSENT ||
        (doc->time.kind == VALUE_TEXT &&
         text_equals(doc->time.as.text, value_get_text(&doc->ecs_time))))
        return 0;
    return document_put_aside(doc, text_of("timestamp"), doc->time);
}

/* --- the line --- */

/* What is not the line itself is what it says, or kept as it is. */
static int
settle_line(struct document *doc, size_t rank)
{
    struct value *raw = &doc->ev->known[EVENT_RAW_LOG];
    struct value *description = &doc->ev->known[EVENT_DESCRIPTION];
    struct text line = doc->lines[rank];
    int is_decoded = doc->ev->known[EVENT_TYPE].kind == VALUE_ABSENT;

    if (raw->kind == VALUE_ABSENT && (rank < FIRST_MESSAGE || is_decoded))
        *raw = value_text(line);
    else if (raw->kind != VALUE_ABSENT && text_equals(raw->as.text, line))
        return 0;
    else if (description->kind == VALUE_ABSENT && rank >= FIRST_MESSAGE)
        *description = value_text(line);
    else
        return document_put_aside(doc, doc->line_names[rank], value_text(line));
    return 0;
}

/* --- the type --- */

/* A text, or a list of texts as it is packed. */
static int
says(const struct event *ev, const char *name, const char *word)
{
    const struct value *value = event_get(ev, text_of(name));

    if (value == NULL)
        return 0;
    if (value->kind == VALUE_TEXT)
        return text_is(value->as.text, word);
    return value->kind == VALUE_PACKED &&
           memmem(value->as.text.ptr, value->as.text.len, word, strlen(word)) != NULL;
}

static struct text
type_of(const struct event *ev)
{
    static const char *const datasets[] = { "event.dataset", "data_stream.dataset" };
    struct text dataset;

    if (says(ev, "event.category", "authentication") && !says(ev, "event.type", "end")) {
        if (says(ev, "event.outcome", "failure"))
            return text_of("login_failed");
        if (says(ev, "event.outcome", "success"))
            return text_of("login_success");
    }
    for (size_t i = 0; i < sizeof(datasets) / sizeof(datasets[0]); i++) {
        const struct value *value = event_get(ev, text_of(datasets[i]));

        dataset = value == NULL ? (struct text){ NULL, 0 } : value_get_text(value);
        if (dataset.len > 0)
            return dataset;
    }
    return text_of("log");
}

/* Vector's syslog source calls the sender of the line source_ip; whom the line is
 * about is for its decoder to say. */
static int
settle_vector(struct document *doc)
{
    struct value *source = &doc->ev->known[EVENT_SOURCE_IP], sender = *source;

    if (source->kind == VALUE_ABSENT || doc->lines[FIRST_MESSAGE].ptr == NULL ||
        !says(doc->ev, "source_type", "syslog"))
        return 0;
    source->kind = VALUE_ABSENT;
    return document_add(doc, text_of("log.source.address"), sender);
}

/* 1 when event.timezone, an offset or a name, is the site's zone at that time. */
static int
is_site_zone(const struct event *ev, int64_t at_us)
{
    struct local_time local;
    int minutes;
    char offset[8];

    timestamp_to_local(at_us, &local);
    minutes = abs(local.offset_s) / 60;
    snprintf(offset, sizeof(offset), "%c%02d:%02d", local.offset_s < 0 ? '-' : '+',
             minutes / 60 % 100, minutes % 60);
    return says(ev, "event.timezone", offset) ||
           says(ev, "event.timezone", timestamp_zone());
}

/* Leave the time to the line, as Elastic's pipelines do: what a shipper reads may be
 * of last month. */
static void
settle_read_time(struct document *doc)
{
    struct value *time = &doc->ev->known[EVENT_TIMESTAMP];
    int64_t at_us;
    struct err err;

    if (doc->ecs_time.kind == VALUE_ABSENT || time->kind != VALUE_TEXT ||
        doc->ev->known[EVENT_TYPE].kind != VALUE_ABSENT ||
        timestamp_parse(time->as.text, &at_us, &err) != 0 || !is_site_zone(doc->ev, at_us))
        return;
    doc->read_at = time->as.text;
    time->kind = VALUE_ABSENT;
}

int
document_settle(struct document *doc)
{
    struct event *ev = doc->ev;

    settle_others(doc);
    if (settle_vector(doc) != 0 || settle_sources(doc) != 0 || settle_time(doc) != 0 ||
        document_windows(doc) != 0)
        return -1;
    for (size_t rank = 0; rank < DOCUMENT_LINES; rank++)
        if (doc->lines[rank].ptr != NULL && settle_line(doc, rank) != 0)
            return -1;
    if (ev->known[EVENT_TYPE].kind == VALUE_ABSENT &&
        ev->known[EVENT_RAW_LOG].kind == VALUE_ABSENT)
        ev->known[EVENT_TYPE] = value_text(type_of(ev));
    settle_read_time(doc);
    return 0;
}

static int
is_possible(const struct value *time, int64_t now_us, int *ret_is_ahead)
{
    struct err unused;
    int64_t at_us;

    if (time->kind != VALUE_TEXT || timestamp_parse(time->as.text, &at_us, &unused) != 0)
        return 0;
    *ret_is_ahead = at_us > now_us + EVENT_MAX_AHEAD_US;
    return !*ret_is_ahead;
}

void
document_mend_time(struct event *ev, int64_t now_us, struct text read_at, int is_mended)
{
    struct value *time = &ev->known[EVENT_TIMESTAMP], said = *time;
    int is_ahead = 0;

    if (time->kind == VALUE_ABSENT || time->kind == VALUE_NULL ||
        is_possible(time, now_us, &is_ahead))
        return;
    if (read_at.ptr != NULL) {
        if (time->kind == VALUE_TEXT)
            *time = value_text(read_at);
        return;
    }
    if (!is_mended || ev->is_keyed)
        return;
    time->kind = VALUE_ABSENT;
    if (is_ahead)
        decoded_put_text(ev, FIELD_LOG_FLAGS, text_of("ahead"));
    if (event_get(ev, text_of("labels.timestamp")) == NULL)
        (void)event_add_extra(ev, text_of("labels.timestamp"), said);
}
