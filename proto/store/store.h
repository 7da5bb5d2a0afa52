/*
 * store.h - where events and incidents are kept, and what is asked of it
 *
 * A small struct of functions per kind of store; what is common (batching,
 * retrying, acknowledging) stays with the callers. Every write is idempotent
 * on the event's id and the incident's (id, rev). The embedded store is
 * SQLite: one host, one writer process (the indexer; the api writes only an
 * incident's status), any number of readers.
 */
#ifndef PROTO_STORE_STORE_H
#define PROTO_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/codec_msgpack.h"
#include "proto/event.h"
#include "proto/http/http_client.h"
#include "proto/incident.h"
#include "proto/ledger.h"
#include "proto/settings.h"
#include "proto/store/store_dead.h"

enum { STORE_READ, STORE_WRITE };

/* Why a write failed, and so what to do. */
enum store_outcome {
    STORE_DONE = 0,
    STORE_RETRY = -1,       /* full disk, busy lock: keep it and try again */
    STORE_UNCLEAR = -2,     /* anything else: do not trust this process; exit */
    STORE_REFUSED = -3      /* put_incidents: one of them can never be written; which, only
                             * each alone can tell */
};

struct store_written {
    uint64_t inserted, repeated, refused;
    uint64_t elsewhere;         /* of repeated: another row of a journal had brought it */
};

/* An event to write: the view, and its encoded map as it stands on the wire. */
struct store_event {
    const struct event *ev;
    struct text encoded;
    uint64_t journal, sequence; /* where it stands in its journal; 0, 0: nowhere */
};

enum { STORE_MAX_FILTERS = 16, STORE_MAX_PAGE = 1000, STORE_MAX_ALLOWED = 50 };

/* Events with from_us <= time < to_us and every filter equal (ASCII case
 * ignored for text) and text, when set, inside raw_log, description or any
 * further text field. Newest first, (at, id) descending. */
struct event_query {
    int64_t from_us, to_us;
    struct { struct text field, value; } filters[STORE_MAX_FILTERS];
    size_t filter_count;
    struct text text;
    /* go on below this place, as given by the last page */
    int has_cursor;
    int64_t cursor_at_us;
    struct event_id cursor_id;
    unsigned limit;             /* 1..STORE_MAX_PAGE */
};

/* Where the next page starts; is_more 0 at the end. A page that ran into the
 * 5 s limit has is_more 1 and perhaps fewer events. */
struct event_page {
    int is_more;
    int64_t cursor_at_us;
    struct event_id cursor_id;
};

/* How many storage days are followed, the newest: so long may a place be. */
enum { STORE_FOLLOW_DAYS = 500 };

/* What came after a place, and the place behind it; text, since only the store
 * knows what it says. */
struct event_news {
    struct buf place;           /* given out; the caller releases */
    int is_more;                /* than the limit, or than 5 s were enough for */
    size_t days_left_out;       /* older than those that are followed */
};

struct incident_query {
    int64_t from_us, to_us;     /* by last_seen; 0, INT64_MAX: all */
    int64_t updated_from_us;    /* written to this store since, by its clock; 0: all */
    int status;                 /* -1: any */
    int severity;               /* least; -1: any */
    struct text rule_id;        /* ptr NULL: any */
    struct text key_value;      /* any key has this value; ptr NULL: any */
    int has_cursor;             /* (last_seen, id) descending */
    int64_t cursor_us;
    char cursor_id[INCIDENT_ID_HEX];
    unsigned limit;
};

/* Sums over [from_us, to_us) of event time: what a dashboard shows. */
enum count_dimension { COUNT_TOTAL, COUNT_TYPE, COUNT_SEVERITY, COUNT_SOURCE, COUNT_USER,
                       COUNT_DIMENSIONS };

struct count_row { char *value; uint64_t events; };

struct counts {
    uint64_t total;
    struct count_row *rows[COUNT_DIMENSIONS];   /* most first; "(other)" is what did not get an own row */
    size_t row_count[COUNT_DIMENSIONS];
    uint64_t *timeline;         /* events per step */
    size_t steps;
};

/* What every store gives: a report asks for so many, to count the new among them. */
enum { STORE_MAX_COUNT_ROWS = 20000 };

struct count_query {
    int64_t from_us, to_us;     /* whole minutes */
    int64_t step_us;            /* whole minutes; of the timeline, from from_us */
    size_t top;                 /* rows per dimension, STORE_MAX_COUNT_ROWS at most */
};

/* Which source addresses a span of days has that were not seen before it, and
 * which it lacks that were there shortly before. Days are the site's calendar
 * days, numbered like UTC's, as they were called where the event was written. */
struct source_query {
    int32_t from_day, to_day;   /* to is the first day after the span */
    unsigned quiet_days;        /* before the span, at most 31: then was who is quiet now */
    unsigned known_days;        /* before the span, not fewer: who was there is not new */
    size_t top;                 /* rows of each list */
};

struct source_seen {
    char *value;
    int64_t first_us;           /* new: when it was first seen, to the minute */
    int32_t last_day;           /* quiet: the last day on which it was there */
    unsigned days;              /* quiet: on how many of the days before it was */
};

struct source_changes {
    struct source_seen *fresh, *quiet;          /* earliest first; most days first */
    size_t fresh_count, quiet_count;
    size_t fresh_total, quiet_total, total;     /* total: distinct ones in the span */
    int has_history;            /* any source was seen in the known_days before */
    int is_partial;             /* there were more than one question takes in */
};

/* What became of the events of one row of a journal. */
struct store_ledger_row {
    uint64_t journal, first;    /* the row */
    int64_t hour;               /* of its receipt, hours since 1970 */
    uint64_t stored, not_stored;
    uint64_t elsewhere;         /* of stored: which another row brought first (keyed ones) */
    int is_again;               /* the row may have been put before, with other numbers */
};

/* What an entry of the allow list took from the rules, on a day of the site's
 * calendar ("2026-11-22"); borrowed. */
struct store_allowed {
    const char *day, *entry, *reason;
    uint64_t events;
};

/* Writing over the network: many events a request, several requests at once.
 * The caller sends them, and keeps its place in them. */
enum store_item_outcome { ITEM_UNKNOWN, ITEM_STORED, ITEM_REPEATED, ITEM_ELSEWHERE, ITEM_RETRY,
                          ITEM_REFUSED };

struct store_item {
    struct event_id id;
    int is_keyed;
    int32_t day;                        /* where it is stored */
    uint64_t journal, sequence;         /* where it stands in its journal */
    enum store_item_outcome outcome;
    char *reason;                       /* of ITEM_REFUSED; the caller frees */
};

/* What to do with a request after its answer. */
enum store_answer {
    ANSWER_READ,                /* each item says */
    ANSWER_RETRY,               /* all again, later: no answer, none to trust, too busy */
    ANSWER_SPLIT,               /* too large or refused whole: in halves; one alone: refused */
    ANSWER_STOPPED              /* not allowed: somebody must mend that; then all again */
};

struct store;

struct store_bulk_ops {
    /* Append one item to a request's body. 0 or -1. */
    int (*add)(struct store *store, const struct event *ev, const struct store_item *item,
               struct buf *body, struct err *err);
    /* How the body is sent: all that a call needs; it borrows body, or packed (which it
     * may fill: the body compressed), and the store. All must stay until the answer. */
    int (*call)(struct store *store, const struct buf *body, struct buf *packed,
                struct http_call *ret_call, struct err *err);
    /* What the answer says of the items, in the order of adding. err says why,
     * but for ANSWER_READ. */
    enum store_answer (*read)(struct store *store, const struct http_answer *answer,
                              struct store_item *items, size_t count, struct err *err);
    /* Of those ITEM_REPEATED that their clients keyed: ITEM_ELSEWHERE when it was
     * another place of a journal that brought them. 0, or -1: ask again later. */
    int (*settle)(struct store *store, struct store_item *items, size_t count, struct err *err);
};

struct store_ops {
    const char *name;
    const struct store_bulk_ops *bulk;  /* NULL: put_events writes here and now */
    const struct store_dead_ops *dead;  /* what could not be stored */
    void (*close)(struct store **store);

    /* Before anything is written: what must be there is made. */
    enum store_outcome (*set_up)(struct store *store, struct err *err);

    /* Write events, all of one call in as few transactions as days are
     * touched. After STORE_DONE every one is on disk, new or met again, but
     * those counted as refused: they can never be; err says why the last one. */
    enum store_outcome (*put_events)(struct store *store, const struct store_event *events,
                                     size_t count, struct store_written *ret_written,
                                     struct err *err);
    /* Apply snapshots: only newer ones, only the detector's fields; re-opens
     * a resolved one whose newest event was journalled after the resolution. */
    enum store_outcome (*put_incidents)(struct store *store,
                                        struct incident *const *incidents, size_t count,
                                        struct err *err);
    /* NULL: this store takes no other's. One incident of another store, whole: the
     * analyst's fields, too, unless there are such here already. */
    enum store_outcome (*import_incident)(struct store *store, const struct incident *inc,
                                          int *ret_is_new, struct err *err);
    /* Delete what is past its age or over the size; call now and then.
     * *ret_deleted counts files. 0 or -1. */
    int (*retain)(struct store *store, int64_t now_us, unsigned *ret_deleted, struct err *err);

    /* Call visit for each event of the page (borrowed); it returns 0 to go on. */
    int (*find_events)(struct store *store, const struct event_query *query,
                       int (*visit)(void *ctx, const struct event *ev), void *ctx,
                       struct event_page *ret_page, struct err *err);
    /* Call visit for each event of the query (its cursor is not looked at) that was
     * stored after the place, in the order of storing within a storage day: each
     * once, however late it comes. An empty place is the end: no event. 0, -1, or
     * -2: that is no place. */
    int (*follow_events)(struct store *store, const struct event_query *query,
                         struct text place, int (*visit)(void *ctx, const struct event *ev),
                         void *ctx, struct event_news *ret_news, struct err *err);
    /* One event by id; day is where it is kept, or INT32_MIN: look everywhere.
     * 1, 0 not there, -1. */
    int (*get_event)(struct store *store, const struct event_id *id, int32_t day,
                     int (*visit)(void *ctx, const struct event *ev), void *ctx,
                     struct err *err);
    /* An array (caller frees with store_free_incidents) and its length. */
    int (*find_incidents)(struct store *store, const struct incident_query *query,
                          struct incident ***ret_incidents, size_t *ret_count,
                          int *ret_is_more, struct err *err);
    /* 1 and the incident (caller destroys), 0 not there, -1. */
    int (*get_incident)(struct store *store, const char *id, struct incident **ret_inc,
                        struct err *err);
    /* Change the status, with a line of history. 1 done, 0 not there, -1, or -2:
     * the history has no room for it, and never will. */
    int (*set_status)(struct store *store, const char *id, const struct incident_change *change,
                      struct err *err);
    int (*count)(struct store *store, const struct count_query *query,
                 struct counts *ret_counts, struct err *err);
    int (*compare_sources)(struct store *store, const struct source_query *query,
                           struct source_changes *ret_changes, struct err *err);

    /* The balance sheet (proto/ledger.h). put_ledger notes rows, each once by
     * (journal, first); put_balance keeps the given hours, each number as it
     * stands there unless it is zero; get_ledger adds the sums of both from an
     * hour to below another. retain forgets both. */
    enum store_outcome (*put_ledger)(struct store *store, const struct store_ledger_row *rows,
                                     size_t count, struct err *err);
    enum store_outcome (*put_balance)(struct store *store, const struct ledger *hours,
                                      struct err *err);
    int (*get_ledger)(struct store *store, int64_t from_hour, int64_t to_hour,
                      struct ledger *ret_hours, struct err *err);

    /* Of the allow list: put_allowed keeps each (day, entry) with the number given
     * last; get_allowed calls visit for each entry's sum from a day to a day (both
     * included), most first, STORE_MAX_ALLOWED at most; it returns 0 to go on. */
    enum store_outcome (*put_allowed)(struct store *store, const struct store_allowed *rows,
                                      size_t count, struct err *err);
    int (*get_allowed)(struct store *store, const char *first_day, const char *last_day,
                       int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx,
                       struct err *err);
};

struct store {
    const struct store_ops *ops;
};

/* Open the store that the settings name. NULL with the reason. */
struct store *store_open(const struct settings *settings, int mode, struct err *err);
void store_close(struct store **store);

/* -1 with the reason when a count_query makes no sense, or asks for more steps or
 * rows than the store gives. */
int count_query_check(const struct count_query *query, int64_t max_steps, size_t max_rows,
                      struct err *err);

void store_free_incidents(struct incident ***incidents, size_t count);
void counts_release(struct counts *counts);
void source_changes_release(struct source_changes *changes);

#endif
