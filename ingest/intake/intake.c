#include "ingest/intake/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/intake/document.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/journal_line.h"
#include "proto/decode/json_line.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"

static const struct text none = { NULL, 0 };

struct intake {
    struct journal *journal;
    struct json_reader *reader;
    struct arena arena;         /* of the event at hand */
    struct event event;
    struct buf packed;
    int64_t now_us;
    char time_space[TIMESTAMP_LEN];

    uint64_t *refused[INTAKE_OUTCOMES];
    uint64_t *encodings[RAW_ESCAPED + 1];
    struct undecoded *undecoded;
};

static const struct { const char *label; enum ledger_column column; }
refusals[INTAKE_OUTCOMES] = {
    [INTAKE_BAD_JSON]  = { "reason=\"json\"", LEDGER_REFUSED_JSON },
    [INTAKE_BAD_FIELD] = { "reason=\"field\"", LEDGER_REFUSED_FIELD },
    [INTAKE_NO_TIME]   = { "reason=\"no_time\"", LEDGER_REFUSED_NO_TIME },
    [INTAKE_TOO_BIG]   = { "reason=\"too_big\"", LEDGER_REFUSED_TOO_BIG },
};

static const char *const encoding_labels[] = {
    [RAW_UTF8]    = "encoding=\"utf8\"",
    [RAW_CP949]   = "encoding=\"cp949\"",
    [RAW_ESCAPED] = "encoding=\"escaped\"",
};

static void
take_numbers(struct intake *intake, struct metrics *metrics)
{
    for (int i = INTAKE_ACCEPTED + 1; i < INTAKE_OUTCOMES; i++)
        intake->refused[i] = metrics_number(metrics, METRIC_COUNTER,
            "bongsu_ingest_events_refused_total", refusals[i].label, "events refused");
    for (int i = 0; i <= RAW_ESCAPED; i++)
        intake->encodings[i] = metrics_number(metrics, METRIC_COUNTER,
            "bongsu_ingest_raw_lines_total", encoding_labels[i], "raw lines by encoding");
}

struct intake *
intake_new(struct journal *journal, struct metrics *metrics)
{
    struct intake *intake = calloc(1, sizeof(*intake));

    if (intake == NULL)
        return NULL;
    intake->journal = journal;
    intake->reader = json_reader_new(INTAKE_MAX_JSON);
    intake->undecoded = undecoded_new(metrics);
    if (intake->reader == NULL || intake->undecoded == NULL) {
        intake_destroy(&intake);
        return NULL;
    }
    take_numbers(intake, metrics);
    return intake;
}

void
intake_destroy(struct intake **intake)
{
    if (*intake == NULL)
        return;
    json_reader_destroy(&(*intake)->reader);
    undecoded_destroy(&(*intake)->undecoded);
    arena_release(&(*intake)->arena);
    event_release(&(*intake)->event);
    buf_release(&(*intake)->packed);
    free(*intake);
    *intake = NULL;
}

void
intake_set_time(struct intake *intake, int64_t now_us)
{
    intake->now_us = now_us;
}

/* --- one event --- */

/* The NUL in front keeps a name made of parts apart from every key that a client
 * can write. */
static struct event_id
key_parts(const struct intake_origin *origin, const struct text *parts, size_t count)
{
    char name[1 + HASH_ID_LEN] = { 0 };
    unsigned char id[HASH_ID_LEN];

    hash_id(parts, count, id);
    memcpy(name + 1, id, sizeof(id));
    return event_id_keyed(origin->key_id, (struct text){ name, sizeof(name) });
}

/* The name of a line: where it stands and what it says. */
static struct event_id
key_line(const struct intake_origin *origin, struct text line, uint64_t position)
{
    char number[24];
    struct text parts[3] = { origin->source, { number, 0 }, line };

    snprintf(number, sizeof(number), "%" PRIu64, origin->offset + position);
    parts[1] = text_of(number);
    return key_parts(origin, parts, 3);
}

static enum intake_outcome
check(struct intake *intake, const struct intake_origin *origin, struct err *err)
{
    struct event *ev = &intake->event;
    struct value *time = &ev->known[EVENT_TIMESTAMP];

    if (time->kind == VALUE_ABSENT || time->kind == VALUE_NULL) {
        if (origin->default_time.ptr != NULL) {
            *time = value_text(origin->default_time);
        } else if (ev->is_keyed) {
            err_set(err, "timestamp: is missing; an event with a key of its own needs one");
            return INTAKE_NO_TIME;
        }
    }
    if (event_check(ev, intake->now_us, intake->time_space, err) != 0)
        return INTAKE_BAD_FIELD;
    ev->known[EVENT_RECEIVED_FROM] = value_text(origin->received_from);
    if (origin->key_name.ptr != NULL)
        ev->known[EVENT_RECEIVED_KEY] = value_text(origin->key_name);
    return INTAKE_ACCEPTED;
}

static enum intake_outcome
stop(struct intake_result *result, enum journal_outcome why)
{
    if (why == JOURNAL_RETRY && result->reason.text[0] == '\0')
        err_set(&result->reason, "out of memory");
    result->stop = why;
    return INTAKE_STOPPED;
}

static enum intake_outcome
put(struct intake *intake, struct intake_result *result)
{
    struct event *ev = &intake->event;
    enum journal_outcome outcome;
    uint64_t sequence = 0;

    buf_clear(&intake->packed);
    if (event_pack(ev, &intake->packed) != 0)
        return stop(result, JOURNAL_RETRY);
    if (intake->packed.len > EVENT_MAX_BYTES) {
        err_set(&result->reason, "the event is over %zu KiB", EVENT_MAX_BYTES >> 10);
        return INTAKE_TOO_BIG;
    }
    outcome = journal_append(intake->journal, buf_text(&intake->packed), intake->now_us,
                             &sequence, &result->reason);
    if (outcome != JOURNAL_DONE)
        return stop(result, outcome);
    if (!ev->is_keyed)
        ev->id = event_id_make(journal_id(intake->journal), journal_nonce(intake->journal),
                               sequence);
    result->id = ev->id;
    result->sequence = sequence;
    result->at_us = ev->at_us;
    return INTAKE_ACCEPTED;
}

static enum intake_outcome
count(struct intake *intake, enum intake_outcome outcome)
{
    if (outcome == INTAKE_ACCEPTED || outcome == INTAKE_STOPPED)
        return outcome;
    ++*intake->refused[outcome];
    journal_count_refused(intake->journal, refusals[outcome].column, intake->now_us);
    return outcome;
}

/* A line of one who is not answered may still be kept in another form. */
static enum intake_outcome
count_line(struct intake *intake, const struct intake_origin *origin,
           enum intake_outcome outcome)
{
    return origin->is_unanswered ? outcome : count(intake, outcome);
}

static enum intake_outcome
finish(struct intake *intake, const struct intake_origin *origin, struct intake_result *result)
{
    enum intake_outcome outcome = check(intake, origin, &result->reason);

    return count_line(intake, origin,
                      outcome == INTAKE_ACCEPTED ? put(intake, result) : outcome);
}

/* A decoder reads one line: of a raw_log of several, the first. */
static int
decode(struct intake *intake, const struct intake_origin *origin, struct text line,
       struct text program)
{
    const char *end = line.len == 0 ? NULL : memchr(line.ptr, '\n', line.len);
    const char *name;

    if (end != NULL)
        line.len = (size_t)(end - line.ptr);
    while (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    name = decode_words(line, program, intake->now_us, &intake->arena, &intake->event);
    if (name == NULL)
        return -1;
    if (strcmp(name, "none") == 0 || strcmp(name, "syslog") == 0)
        undecoded_add(intake->undecoded,
                      origin->file.ptr != NULL ? origin->file : origin->received_from);
    return 0;
}

/* Of a line that stood in a watched file: where. */
static void
add_file(struct intake *intake, const struct intake_origin *origin,
         const struct intake_item *line)
{
    decoded_put_text(&intake->event, FIELD_LOG_FILE_PATH, origin->file);
    decoded_put_number(&intake->event, FIELD_LOG_FILE_OFFSET,
                       (int64_t)(origin->offset + line->position));
}

static void
add_flags(struct intake *intake, unsigned line_flags)
{
    static const char *const flags[] = { [INTAKE_SPLIT] = "split", [INTAKE_PLAIN] = "plain",
                                         [INTAKE_SPLIT | INTAKE_PLAIN] = "split,plain" };

    if (line_flags != 0)
        decoded_put_text(&intake->event, FIELD_LOG_FLAGS, text_of(flags[line_flags]));
}

/* A line whose fields cannot stand (a date next year): whole, with the time of
 * receipt and nothing of what it says. */
static void
keep_plain(struct intake *intake, struct text line)
{
    decoded_text(&intake->event, EVENT_TYPE, text_of("log"));
    decoded_text(&intake->event, EVENT_RAW_LOG, line);
}

void
intake_refuse(struct intake *intake, enum intake_outcome outcome)
{
    count(intake, outcome);
}

const struct undecoded *
intake_undecoded(const struct intake *intake)
{
    return intake->undecoded;
}

struct journal *
intake_journal(const struct intake *intake)
{
    return intake->journal;
}

enum intake_outcome
intake_json(struct intake *intake, const struct intake_origin *origin,
            struct intake_item json, struct intake_result *ret_result)
{
    struct event *ev = &intake->event;
    struct text key = { NULL, 0 };
    int is_line, is_bad;

    ret_result->reason.text[0] = '\0';
    arena_clear(&intake->arena);
    is_line = journal_line_is(json.text, &intake->arena);
    if (is_line == 0) {
        is_bad = event_from_json(intake->reader, json.text, &intake->arena, ev, &key,
                                 &ret_result->reason) != 0;
        if (is_bad || (ev->known[EVENT_TYPE].kind == VALUE_ABSENT &&
                       ev->known[EVENT_RAW_LOG].kind == VALUE_ABSENT && key.ptr == NULL))
            is_line = json_line_is_known(json.text, &intake->arena);
        if (is_bad && is_line == 0)
            return count(intake, INTAKE_BAD_JSON);
    }
    if (is_line < 0)
        return stop(ret_result, JOURNAL_RETRY);
    if (is_line)
        return intake_line(intake, origin, json, ret_result);
    if (key.ptr != NULL || origin->source.ptr != NULL) {
        ev->is_keyed = 1;
        ev->id = key.ptr != NULL ? event_id_keyed(origin->key_id, key)
                                 : key_line(origin, json.text, json.position);
    }
    if (ev->known[EVENT_TYPE].kind == VALUE_ABSENT &&
        ev->known[EVENT_RAW_LOG].kind == VALUE_TEXT &&
        decode(intake, origin, ev->known[EVENT_RAW_LOG].as.text, none) != 0)
        return stop(ret_result, JOURNAL_RETRY);
    return finish(intake, origin, ret_result);
}

enum intake_outcome
intake_line(struct intake *intake, const struct intake_origin *origin,
            struct intake_item line, struct intake_result *ret_result)
{
    enum raw_encoding how;
    struct text text;

    ret_result->reason.text[0] = '\0';
    if (line.text.len > EVENT_MAX_BYTES) {
        err_set(&ret_result->reason, "the line is over %zu KiB", EVENT_MAX_BYTES >> 10);
        return count_line(intake, origin, INTAKE_TOO_BIG);
    }
    arena_clear(&intake->arena);
    event_clear(&intake->event);
    text = raw_to_utf8(line.text, &intake->arena, &how);
    if (text.ptr == NULL)
        return stop(ret_result, JOURNAL_RETRY);
    ++*intake->encodings[how];
    if (origin->source.ptr != NULL) {
        intake->event.is_keyed = 1;
        intake->event.id = key_line(origin, line.text, line.position);
    }
    /* of several lines decoders look at the first */
    if (text.len > 0 && memchr(text.ptr, '\n', text.len) != NULL)
        decoded_text(&intake->event, EVENT_RAW_LOG, text);
    if (line.flags & INTAKE_PLAIN)
        keep_plain(intake, text);
    else if (decode(intake, origin, text, none) != 0)
        return stop(ret_result, JOURNAL_RETRY);
    if (origin->file.ptr != NULL)
        add_file(intake, origin, &line);
    add_flags(intake, line.flags);
    return finish(intake, origin, ret_result);
}

static struct text
program_of(const struct event *ev)
{
    const struct value *value = event_get(ev, text_of("process.name"));

    return value == NULL ? none : value_get_text(value);
}

enum intake_outcome
intake_document(struct intake *intake, const struct intake_origin *origin,
                struct text json, struct text index, struct text id,
                struct intake_result *ret_result)
{
    const struct text name[] = { text_of("_id"), index, id, { "", 0 } };
    struct intake_origin line = *origin;
    struct event *ev = &intake->event;
    int is_line;

    ret_result->reason.text[0] = '\0';
    arena_clear(&intake->arena);
    if (document_read(intake->reader, json, &intake->arena, ev, &line.default_time,
                      &ret_result->reason) != 0)
        return count_line(intake, origin, INTAKE_BAD_JSON);
    if (id.ptr != NULL) {
        ev->is_keyed = 1;
        ev->id = key_parts(origin, name, sizeof(name) / sizeof(name[0]));
    }
    is_line = document_is_line(ev, json, &intake->arena);
    if (is_line < 0)
        return stop(ret_result, JOURNAL_RETRY);
    if (is_line) {
        ev->known[EVENT_TYPE].kind = VALUE_ABSENT;
        ev->known[EVENT_RAW_LOG] = value_text(json);
    }
    if (ev->known[EVENT_TYPE].kind == VALUE_ABSENT &&
        decode(intake, origin, ev->known[EVENT_RAW_LOG].as.text, program_of(ev)) != 0)
        return stop(ret_result, JOURNAL_RETRY);
    document_mend_time(ev, intake->now_us, line.default_time, origin->is_time_mended);
    return finish(intake, &line, ret_result);
}
