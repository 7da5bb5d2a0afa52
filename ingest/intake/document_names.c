#include "ingest/intake/document_names.h"

#include <string.h>

#include "proto/fields.h"

/* Names that the table of fields cannot say: those of ECS with a meaning that
 * depends on what else is there, and those that common shippers use unasked. */
static const struct {
    const char *sent;
    enum document_role role;
    unsigned rank;
    const char *name;
} plain[] = {
    { "@timestamp",           ROLE_TIME,   0, NULL },
    { "raw_log",              ROLE_LINE,   0, NULL },
    { "event.original",       ROLE_LINE,   1, NULL },
    { "message",              ROLE_LINE,   2, NULL },
    { "log",                  ROLE_LINE,   3, NULL },          /* Fluent Bit, Docker */
    { "MESSAGE",              ROLE_LINE,   4, NULL },          /* systemd's journal */
    { "source.address",       ROLE_SOURCE, 0, NULL },
    { "source_address",       ROLE_SOURCE, 0, NULL },
    { "host",                 ROLE_HOST,   0, "host.name" },   /* Vector, Logstash */
    { "hostname",             ROLE_HOST,   0, "host.name" },
    { "fromhost",             ROLE_HOST,   0, "host.name" },   /* omelasticsearch */
    { "_HOSTNAME",            ROLE_HOST,   0, "host.name" },
    { "SYSLOG_IDENTIFIER",    ROLE_HOST,   0, "process.name" },
    { "log.syslog.appname",   ROLE_HOST,   0, "process.name" },
    { "programname",          ROLE_HOST,   0, "process.name" },
    { "appname",              ROLE_HOST,   0, "process.name" },
    { "ident",                ROLE_HOST,   0, "process.name" },
    { "id",                   ROLE_ASIDE,  0, NULL },
    { "received_at",          ROLE_ASIDE,  0, NULL },
    { "received_from",        ROLE_ASIDE,  0, NULL },
    { "bongsu.received_from", ROLE_ASIDE,  0, NULL },
};

enum { PLAIN = sizeof(plain) / sizeof(plain[0]), SLOTS = 1024 };

_Static_assert(2 * (PLAIN + EVENT_FIELD_COUNT + 2 * FIELD_NUMBERS) < SLOTS,
               "a table that is half empty finds fast");

static struct document_name table[SLOTS];

/* Names are short and the table is ours: no flood can be aimed at it. */
static size_t
slot_of(struct text name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619u;
    return (hash ^ hash >> 15) % SLOTS;
}

static struct document_name *
find(struct text name)
{
    size_t slot = slot_of(name);

    while (table[slot].sent.ptr != NULL &&
           (table[slot].sent.len != name.len ||
            memcmp(table[slot].sent.ptr, name.ptr, name.len) != 0))
        slot = (slot + 1) % SLOTS;
    return &table[slot];
}

/* The first meaning stays. */
static void
add(struct document_name name)
{
    struct document_name *slot = find(name.sent);

    if (slot->sent.ptr == NULL)
        *slot = name;
}

static void
add_field(const struct field_row *row)
{
    struct document_name name = { .sent = text_of(row->ecs), .role = ROLE_RENAMED,
                                  .name = text_of(row->name) };

    if (row->is_own) {
        name.role = ROLE_OWN;
        name.own = (enum event_field)event_field_find(name.name);
        add(name);
        name.sent = name.name;
        add(name);
    } else if (!text_equals(name.sent, name.name)) {
        add(name);
    }
}

/* Made once; a program has one thread. */
static void
fill(void)
{
    for (size_t i = 0; i < PLAIN; i++)
        add((struct document_name){ .sent = text_of(plain[i].sent), .role = plain[i].role,
                                    .rank = plain[i].rank, .name = text_of(plain[i].name) });
    for (size_t i = 0; i < FIELD_NUMBERS; i++)
        add_field(&field_rows[i]);
}

const struct document_name *
document_name(struct text sent)
{
    static const struct document_name kept = { .role = ROLE_KEPT };
    static int is_filled;
    const struct document_name *found;

    if (!is_filled)
        fill();
    is_filled = 1;
    found = find(sent);
    return found->sent.ptr == NULL ? &kept : found;
}
