#include "proto/event.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/timestamp.h"

enum { NUMBERED_LEN = 20, NUMBERED_TEXT = 42, KEYED_TEXT = 33,
       EXTRAS_FIRST = 16 };

const struct event_field_row event_fields[EVENT_FIELD_COUNT] = {
    [EVENT_TIMESTAMP] = { "timestamp", FIELD_TYPE_TIME, 0 },
    [EVENT_TYPE] = { "event_type", FIELD_TYPE_TEXT, FIELD_REQUIRED },
    [EVENT_SEVERITY] = { "severity", FIELD_TYPE_SEVERITY, 0 },
    [EVENT_SOURCE_IP] = { "source_ip", FIELD_TYPE_ADDRESS, 0 },
    [EVENT_DESTINATION_IP] = { "destination_ip", FIELD_TYPE_ADDRESS, 0 },
    [EVENT_USERNAME] = { "username", FIELD_TYPE_TEXT, 0 },
    [EVENT_DESCRIPTION] = { "description", FIELD_TYPE_TEXT, 0 },
    [EVENT_COUNT] = { "count", FIELD_TYPE_COUNT, 0 },
    [EVENT_RAW_LOG] = { "raw_log", FIELD_TYPE_TEXT, 0 },
    [EVENT_SOURCE_HOST] = { "source_host", FIELD_TYPE_TEXT, 0 },
    [EVENT_SOURCE_ADDRESS] = { "source_address", FIELD_TYPE_TEXT, FIELD_DERIVED },
    [EVENT_RECEIVED_FROM] = { "received_from", FIELD_TYPE_TEXT, FIELD_ADDED },
    [EVENT_RECEIVED_KEY] = { "received_key", FIELD_TYPE_TEXT, FIELD_ADDED },
};

static const char *const severity_names[] = {
    [SEVERITY_LOW] = "low", [SEVERITY_MEDIUM] = "medium",
    [SEVERITY_HIGH] = "high", [SEVERITY_CRITICAL] = "critical",
};

int
severity_parse(struct text name)
{
    for (int i = SEVERITY_LOW; i <= SEVERITY_CRITICAL; i++)
        if (text_is(name, severity_names[i]))
            return i;
    return -1;
}

const char *
severity_name(int severity)
{
    if (severity < SEVERITY_LOW || severity > SEVERITY_CRITICAL)
        return "unknown";
    return severity_names[severity];
}

struct event_id
event_id_make(uint64_t journal, uint32_t nonce, uint64_t sequence)
{
    struct event_id id = { .len = NUMBERED_LEN };

    journal = htobe64(journal);
    nonce = htobe32(nonce);
    sequence = htobe64(sequence);
    memcpy(id.bytes, &journal, 8);
    memcpy(id.bytes + 8, &nonce, 4);
    memcpy(id.bytes + 12, &sequence, 8);
    return id;
}

struct event_id
event_id_keyed(struct text api_key_id, struct text key)
{
    const struct text parts[] = { api_key_id, key };
    struct event_id id = { .len = HASH_ID_LEN };

    hash_id(parts, 2, id.bytes);
    return id;
}

int
event_id_equals(const struct event_id *a, const struct event_id *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

void
event_id_format(const struct event_id *id, char out[EVENT_ID_TEXT_LEN])
{
    out[0] = '\0';
    if (id->len == HASH_ID_LEN) {
        out[0] = 'k';
        hash_to_hex(id->bytes, HASH_ID_LEN, out + 1);
    } else if (id->len == NUMBERED_LEN) {
        hash_to_hex(id->bytes, 8, out);
        out[16] = '-';
        hash_to_hex(id->bytes + 8, 4, out + 17);
        out[25] = '-';
        hash_to_hex(id->bytes + 12, 8, out + 26);
    }
}

int
event_id_parse(struct text text, struct event_id *ret_id)
{
    struct event_id id = { 0 };
    const char *at = text.ptr;

    if (text.len == KEYED_TEXT && at[0] == 'k') {
        id.len = HASH_ID_LEN;
        if (hash_from_hex((struct text){ at + 1, 32 }, id.bytes, HASH_ID_LEN) != 0)
            return -1;
    } else if (text.len == NUMBERED_TEXT && at[16] == '-' && at[25] == '-') {
        id.len = NUMBERED_LEN;
        if (hash_from_hex((struct text){ at, 16 }, id.bytes, 8) != 0 ||
            hash_from_hex((struct text){ at + 17, 8 }, id.bytes + 8, 4) != 0 ||
            hash_from_hex((struct text){ at + 26, 16 }, id.bytes + 12, 8) != 0)
            return -1;
    } else {
        return -1;
    }
    *ret_id = id;
    return 0;
}

void
event_clear(struct event *ev)
{
    struct extra *extras = ev->extras;
    size_t cap = ev->extra_cap;

    memset(ev, 0, sizeof(*ev));
    ev->extras = extras;
    ev->extra_cap = cap;
}

void
event_release(struct event *ev)
{
    free(ev->extras);
    memset(ev, 0, sizeof(*ev));
}

/* The length decides for most rows; this runs for every field of every event, and a
 * hash of twelve names was no faster. */
int
event_field_find(struct text name)
{
    static _Thread_local size_t lens[EVENT_FIELD_COUNT];

    if (lens[EVENT_FIELD_COUNT - 1] == 0)
        for (int i = 0; i < EVENT_FIELD_COUNT; i++)
            lens[i] = strlen(event_fields[i].name);
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (lens[i] == name.len && memcmp(event_fields[i].name, name.ptr, name.len) == 0)
            return i;
    return -1;
}

int
event_add_extra(struct event *ev, struct text name, struct value value)
{
    if (ev->extra_count == EVENT_MAX_EXTRAS)
        return -1;
    if (ev->extra_count == ev->extra_cap) {
        size_t cap = ev->extra_cap == 0 ? EXTRAS_FIRST : ev->extra_cap * 2;
        struct extra *extras = realloc(ev->extras, cap * sizeof(*extras));

        if (extras == NULL)
            return -1;
        ev->extras = extras;
        ev->extra_cap = cap;
    }
    ev->extras[ev->extra_count++] = (struct extra){ name, value };
    return 0;
}

/* A field that older programs did not know stands among the extras of what
 * they wrote: so an absent known field is looked for there too. */
const struct value *
event_get(const struct event *ev, struct text name)
{
    int field = event_field_find(name);

    if (field >= 0 && ev->known[field].kind != VALUE_ABSENT)
        return &ev->known[field];
    for (size_t i = 0; i < ev->extra_count; i++)
        if (text_equals(ev->extras[i].name, name))
            return &ev->extras[i].value;
    return NULL;
}

void
event_derive(struct event *ev)
{
    const struct value *from = &ev->known[EVENT_SOURCE_IP];

    if (value_get_text(from).len == 0)
        from = &ev->known[EVENT_SOURCE_HOST];
    if (value_get_text(from).len == 0)
        ev->known[EVENT_SOURCE_ADDRESS] = (struct value){ .kind = VALUE_ABSENT };
    else
        ev->known[EVENT_SOURCE_ADDRESS] = *from;
}

int32_t
event_storage_day(const struct event *ev)
{
    return timestamp_utc_day(ev->is_keyed ? ev->at_us : ev->received_us);
}
