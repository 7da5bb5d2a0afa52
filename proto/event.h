/*
 * event.h - one security event, and the one list of its fields
 *
 * event_fields[] is walked by every codec, check, decoder, store and query:
 * adding a field is adding a row (and its number to the enum, at the end:
 * the numbers go over the wire and into the store). A struct event borrows
 * all its bytes; it is a view on a request, a line or a batch.
 */
#ifndef PROTO_EVENT_H
#define PROTO_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"
#include "proto/value.h"

enum event_field {
    EVENT_TIMESTAMP,            /* text as sent; at_us is its meaning */
    EVENT_TYPE,
    EVENT_SEVERITY,
    EVENT_SOURCE_IP,
    EVENT_DESTINATION_IP,
    EVENT_USERNAME,
    EVENT_DESCRIPTION,
    EVENT_COUNT,
    EVENT_RAW_LOG,
    EVENT_SOURCE_HOST,
    EVENT_SOURCE_ADDRESS,       /* source_ip, else source_host; never on the wire */
    EVENT_RECEIVED_FROM,
    EVENT_RECEIVED_KEY,         /* name of the API key that brought it */
    EVENT_FIELD_COUNT
};

enum field_type {
    FIELD_TYPE_TEXT,
    FIELD_TYPE_TIME,         /* RFC 3339 text */
    FIELD_TYPE_SEVERITY,     /* low medium high critical */
    FIELD_TYPE_ADDRESS,      /* IPv4 or IPv6, as text */
    FIELD_TYPE_COUNT         /* an integer 1..1,000,000 */
};

enum {
    FIELD_ADDED = 1,    /* by us; refused from a client */
    FIELD_REQUIRED = 2,
    FIELD_DERIVED = 4   /* made on reading; neither packed nor stored */
};

struct event_field_row {
    const char *name;           /* ours, as clients send it and the API shows it */
    enum field_type type;
    unsigned flags;             /* its ECS name: proto/fields.h */
};

extern const struct event_field_row event_fields[EVENT_FIELD_COUNT];

enum severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };

/* "low".."critical" <-> number; parse gives -1 for anything else. */
int severity_parse(struct text name);
const char *severity_name(int severity);

/* 20 bytes (journal, open nonce, sequence, each big-endian) when we numbered
 * the event, 16 (a hash) when its client keyed it. */
struct event_id {
    uint8_t len;
    uint8_t bytes[20];
};

#define EVENT_ID_TEXT_LEN 48    /* room for the text form and its NUL */

struct event_id event_id_make(uint64_t journal, uint32_t nonce, uint64_t sequence);

/* The id of an event that the client named `key`, under this API key's id. It
 * is stored once for each UTC day of event time that it comes with. */
struct event_id event_id_keyed(struct text api_key_id, struct text key);

int event_id_equals(const struct event_id *a, const struct event_id *b);

/* "<16 hex>-<8 hex>-<16 hex>", or "k<32 hex>"; and back: 0 or -1. */
void event_id_format(const struct event_id *id, char out[EVENT_ID_TEXT_LEN]);
int event_id_parse(struct text text, struct event_id *ret_id);

/* A field that is in no row of event_fields[], as its client named it. */
struct extra {
    struct text name;
    struct value value;
};

enum { EVENT_MAX_EXTRAS = 1000, EVENT_MAX_NAME = 256, EVENT_MAX_DEPTH = 32 };

struct event {
    struct event_id id;
    int is_keyed;
    int64_t at_us;              /* the event's time */
    int64_t received_us;        /* when it was journalled */
    struct value known[EVENT_FIELD_COUNT];
    struct extra *extras;
    size_t extra_count, extra_cap;
};

/* An empty event: zero it, or event_clear() to use it again (keeps the
 * memory of extras). */
void event_clear(struct event *ev);
void event_release(struct event *ev);

/* The row number of a field name, or -1. */
int event_field_find(struct text name);

/* Add a further field (not checked for repeats). 0, or -1 when there are
 * EVENT_MAX_EXTRAS or memory is out. */
int event_add_extra(struct event *ev, struct text name, struct value value);

/* The value of a field by name, known or extra; NULL when it is not there. */
const struct value *event_get(const struct event *ev, struct text name);

/* Fill source_address from source_ip, else source_host. */
void event_derive(struct event *ev);

/* Check what a client or a decoder has put into known[]: types, ranges,
 * addresses, required fields, names given twice, no NUL in any text; and set at_us, the
 * defaults (severity, count, timestamp) and source_address. now_us is the
 * time of receipt; time_space[TIMESTAMP_LEN] holds a default timestamp's text and must live as
 * long as the event. The reason names the field: "source_ip: \"abc\" is no
 * IPv4 or IPv6 address". 0 or -1. */
int event_check(struct event *ev, int64_t now_us, char *time_space, struct err *err);

/* How far ahead of the time of receipt an event's time may be: 10 minutes. */
#define EVENT_MAX_AHEAD_US (INT64_C(600) * 1000000)

/* The UTC day whose store file (or index) holds the event, in days since
 * 1970: of its receipt, or of its own time when its client keyed it. */
int32_t event_storage_day(const struct event *ev);

#endif
