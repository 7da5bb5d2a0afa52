#include <stdlib.h>
#include <string.h>

#include "proto/base/fault.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/store/store_sqlite.h"

#define MINUTE_US (INT64_C(60) * 1000000)

const struct place_row places[PLACE_COUNT] = {
    [PLACE_TYPE] = { EVENT_TYPE, "type" },
    [PLACE_SEVERITY] = { EVENT_SEVERITY, "severity" },
    [PLACE_SOURCE] = { EVENT_SOURCE_ADDRESS, "source" },
    [PLACE_DESTINATION] = { EVENT_DESTINATION_IP, "destination" },
    [PLACE_USERNAME] = { EVENT_USERNAME, "username" },
};

/* Which field each dimension of the counters counts; the total counts none. */
static const enum event_field counted[COUNT_DIMENSIONS] = {
    [COUNT_TYPE] = EVENT_TYPE,
    [COUNT_SEVERITY] = EVENT_SEVERITY,
    [COUNT_SOURCE] = EVENT_SOURCE_ADDRESS,
    [COUNT_USER] = EVENT_USERNAME,
};

/* Of one transaction, over one file. */
struct batch {
    struct sqlite_store *store;
    struct day_file *file;
    const struct store_event *events;
    const int32_t *days; /* each event's; NO_DAY: refused */
    size_t count;
    struct store_written written;
    int64_t min_at, max_at, last_write;
};

#define NO_DAY INT32_MIN

/* Of the start of the value with ASCII letters small, so that a search that
 * ignores case finds it; equal hashes are looked at again. */
int32_t
place_hash(struct text value)
{
    char start[64];
    size_t len = value.len < sizeof(start) ? value.len : sizeof(start);

    for (size_t i = 0; i < len; i++)
        start[i] = value.ptr[i] >= 'A' && value.ptr[i] <= 'Z'
                       ? (char)(value.ptr[i] + ('a' - 'A'))
                       : value.ptr[i];
    return (int32_t)(uint32_t)hash64(start, len);
}

static int64_t
minute_of(int64_t us)
{
    return us / MINUTE_US - (us % MINUTE_US < 0);
}

/* Add the event to the minute's counters. */
static int
count_event(struct batch *batch, const struct event *ev)
{
    struct tally *tally = &batch->store->tally;
    int64_t minute = minute_of(ev->at_us);

    for (int dimension = 0; dimension < COUNT_DIMENSIONS; dimension++) {
        char space[32];
        struct text value = { "", 0 };

        if (dimension != COUNT_TOTAL)
            value = value_as_text(&ev->known[counted[dimension]], space);
        if (value.ptr == NULL)
            continue;
        if (value.len > COUNTED_VALUE_MAX)
            value = count_other;
        if (store_tally_add(tally, dimension, minute, value, 1) == NULL)
            return -1;
    }
    return 0;
}

static enum db_outcome
insert_place(struct batch *batch, const struct event *ev, int64_t n, struct err *err)
{
    sqlite3_stmt *stmt = file_stmt(batch->file, DAY_INSERT_PLACE, err);

    if (stmt == NULL)
        return db_failed(batch->file->db, err);
    sqlite3_bind_int64(stmt, 1, ev->at_us);
    sqlite3_bind_blob(stmt, 2, ev->id.bytes, ev->id.len, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, n);
    for (int i = 0; i < PLACE_COUNT; i++) {
        char space[32];
        struct text value = value_as_text(&ev->known[places[i].field], space);

        if (value.ptr != NULL)
            sqlite3_bind_int(stmt, 4 + i, place_hash(value));
    }
    return db_step(stmt, err);
}

static enum db_outcome
insert_event(struct batch *batch, const struct store_event *item, struct err *err)
{
    const struct event *ev = item->ev;
    sqlite3_stmt *stmt = file_stmt(batch->file, DAY_INSERT_EVENT, err);
    enum db_outcome outcome;

    if (stmt == NULL)
        return db_failed(batch->file->db, err);
    sqlite3_bind_blob(stmt, 1, ev->id.bytes, ev->id.len, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, ev->received_us);
    db_bind_blob(stmt, 3, item->encoded);
    outcome = db_step(stmt, err);
    if (outcome != DB_DONE)
        return outcome;
    if (sqlite3_changes(batch->file->db) == 0) {
        batch->written.repeated++;
        return DB_DONE;
    }
    batch->written.inserted++;
    if (ev->at_us < batch->min_at)
        batch->min_at = ev->at_us;
    if (ev->at_us > batch->max_at)
        batch->max_at = ev->at_us;
    if (ev->received_us > batch->last_write)
        batch->last_write = ev->received_us;
    if (count_event(batch, ev) != 0) {
        err_set(err, "store: out of memory");
        return DB_RETRY;
    }
    return insert_place(batch, ev, sqlite3_last_insert_rowid(batch->file->db), err);
}

static enum db_outcome
touch_span(struct batch *batch, struct err *err)
{
    sqlite3_stmt *stmt = file_stmt(batch->file, DAY_TOUCH, err);

    if (stmt == NULL)
        return db_failed(batch->file->db, err);
    sqlite3_bind_int64(stmt, 1, batch->min_at);
    sqlite3_bind_int64(stmt, 2, batch->max_at);
    sqlite3_bind_int64(stmt, 3, batch->last_write);
    return db_step(stmt, err);
}

static enum db_outcome
write_day(struct batch *batch, int32_t day, struct err *err)
{
    enum db_outcome outcome = db_exec(batch->file->db, "BEGIN IMMEDIATE", err);

    for (size_t i = 0; i < batch->count && outcome == DB_DONE; i++)
        if (batch->days[i] == day)
            outcome = insert_event(batch, &batch->events[i], err);
    if (outcome == DB_DONE && batch->written.inserted > 0)
        outcome = seen_write(batch->file, &batch->store->tally, err);
    if (outcome == DB_DONE && batch->written.inserted > 0)
        outcome = counts_write(batch->file, &batch->store->tally, err);
    if (outcome == DB_DONE && batch->written.inserted > 0)
        outcome = touch_span(batch, err);
    if (outcome != DB_DONE)
        return outcome;
    fault_point("indexer.before_commit");
    outcome = db_exec(batch->file->db, "COMMIT", err);
    if (outcome == DB_DONE)
        fault_point("indexer.after_commit");
    return outcome;
}

/* All events of one day, in one transaction. */
static enum store_outcome
put_day(struct batch *batch, int32_t day, struct err *err)
{
    int outcome = file_open(batch->store, day, 1, &batch->file, err);

    if (outcome != 1)
        return outcome == 0 ? STORE_RETRY : (enum store_outcome)outcome;
    batch->written = (struct store_written){ 0 };
    batch->min_at = INT64_MAX;
    batch->max_at = batch->last_write = INT64_MIN;
    store_tally_clear(&batch->store->tally);
    outcome = (int)write_day(batch, day, err);
    if (outcome != DB_DONE) {
        if (!sqlite3_get_autocommit(batch->file->db))
            sqlite3_exec(batch->file->db, "ROLLBACK", NULL, NULL, NULL);
        store_tally_clear(&batch->file->sheets);
        store_tally_clear(&batch->file->seen);
    }
    return (enum store_outcome)outcome;
}

/* The next day after the last one that has events, or NO_DAY. */
static int32_t
next_day(const int32_t *days, size_t count, int32_t last)
{
    int32_t next = NO_DAY;

    for (size_t i = 0; i < count; i++)
        if (days[i] > last && (next == NO_DAY || days[i] < next))
            next = days[i];
    return next;
}

/* What no sender of ours makes, and could never be found again: an id of
 * another length, a day that is in no year of four digits. */
static int
is_storable(const struct store_event *item, struct err *err)
{
    char day[TIMESTAMP_LEN];

    timestamp_format_day(event_storage_day(item->ev), day);
    if (strlen(day) != 10)
        err_set(err, "not stored: its day %s has no year of four digits", day);
    else if (item->ev->id.len != 16 && item->ev->id.len != 20)
        err_set(err, "not stored: an id of %d bytes", (int)item->ev->id.len);
    else if (item->encoded.len == 0 || item->encoded.len > EVENT_MAX_BYTES)
        err_set(err, "not stored: %zu bytes", item->encoded.len);
    else
        return 1;
    return 0;
}

enum store_outcome
sqlite_put_events(struct store *base, const struct store_event *events, size_t count,
                  struct store_written *ret_written, struct err *err)
{
    struct batch batch = { .store = (struct sqlite_store *)base,
                           .events = events,
                           .count = count };
    int32_t *days = calloc(count + 1, sizeof(*days)), day = NO_DAY;
    struct store_written sum = { 0 };
    enum store_outcome outcome = STORE_DONE;

    if (days == NULL || batch.store->mode != STORE_WRITE) {
        err_set(err, days == NULL ? "store: out of memory" : "store: opened for reading");
        outcome = days == NULL ? STORE_RETRY : STORE_UNCLEAR;
        goto done;
    }
    batch.store->deadline_ms = 0;
    batch.days = days;
    for (size_t i = 0; i < count; i++) {
        days[i] = is_storable(&events[i], err) ? event_storage_day(events[i].ev) : NO_DAY;
        sum.refused += days[i] == NO_DAY;
    }
    while ((day = next_day(days, count, day)) != NO_DAY) {
        if (sum.inserted + sum.repeated > 0)
            fault_point("indexer.between_files");
        outcome = put_day(&batch, day, err);
        if (outcome != STORE_DONE)
            goto done;
        sum.inserted += batch.written.inserted;
        sum.repeated += batch.written.repeated;
    }
    *ret_written = sum;

done:
    free(days);
    return outcome;
}
