/*
 * seen(day, source): which source addresses were there on which day of the
 * site's calendar. A row is written once, and again only when an event comes that
 * is earlier than the first one: the counters cannot say this, since what is rare on a busy
 * hour is "(other)" there, and a month of them is too much to add up.
 */
#include "proto/base/civil.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/store/source_facts.h"
#include "proto/store/sqlite_sheet.h"
#include "proto/store/store_sqlite.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

enum {
    SEEN_KNOWN = 32768      /* per file, of which it is remembered that they are written */
};

int32_t
seen_day(int64_t at_us)
{
    struct local_time at;

    timestamp_to_local(at_us, &at);
    return (int32_t)civil_to_days(at.year, at.month, at.day);
}

int
has_seen(const struct day_file *file)
{
    return sqlite3_table_column_metadata(file->db, NULL, "seen", NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* --- writing --- */

/* The file's own tally holds, as "events", the minute that is written. */
static enum db_outcome
write_one(struct day_file *file, int32_t day, const struct tally_entry *entry, struct err *err)
{
    struct tally_entry *known = store_tally_find(&file->seen, 0, day, entry->value);
    sqlite3_stmt *stmt;
    enum db_outcome outcome;

    if (known != NULL && (int64_t)known->events <= entry->bucket)
        return DB_DONE;
    stmt = file_stmt(file, DAY_INSERT_SEEN, err);
    if (stmt == NULL)
        return db_failed(file->db, err);
    sqlite3_bind_int(stmt, 1, day);
    db_bind_blob(stmt, 2, entry->value);
    sqlite3_bind_int64(stmt, 3, entry->bucket);
    outcome = db_step(stmt, err);
    if (outcome != DB_DONE)
        return outcome;
    if (file->seen.count >= SEEN_KNOWN)
        store_tally_clear(&file->seen);
    known = store_tally_add(&file->seen, 0, day, entry->value, 0);
    if (known != NULL) {
        known->events = (uint64_t)entry->bucket;
        return DB_DONE;
    }
    err_set(err, "store: out of memory");
    return DB_RETRY;
}

enum db_outcome
seen_write(struct day_file *file, const struct tally *tally, struct err *err)
{
    enum db_outcome outcome = DB_DONE;

    if (!has_seen(file))
        return DB_DONE;
    for (size_t i = 0; i < tally->count && outcome == DB_DONE; i++) {
        const struct tally_entry *entry = &tally->entries[i];

        if (entry->kind == COUNT_SOURCE && entry->value.len > 0 &&
            !text_equals(entry->value, count_other))
            outcome = write_one(file, seen_day(entry->bucket * MINUTE_US), entry, err);
    }
    return outcome;
}

/* --- reading --- */

struct answer {
    struct sqlite_store *store;
    struct source_facts facts;
};

/* A file from before there was the table: its hours, by the day they begin on. */
static int
add_sheet(struct answer *answer, int64_t hour, struct text sheet, struct err *err)
{
    int32_t day = seen_day(hour * HOUR_US);
    struct text value;
    uint64_t events;
    int rc = 0, has_pair = 1;

    if (day < answer->facts.from_day || day >= answer->facts.to_day)
        return 0;
    while (rc == 0 && (has_pair = sheet_next(&sheet, &value, &events)) == 1)
        if (!text_equals(value, count_other))
            rc = source_facts_add(&answer->facts, day, value, hour * HOUR_US);
    if (rc != 0)
        err_set(err, "store: out of memory");
    else if (has_pair < 0)
        err_set(err, "a broken sheet of counts");
    return rc != 0 || has_pair < 0 ? -1 : 0;
}

static int
add_row(struct answer *answer, sqlite3_stmt *stmt, int is_hour, struct err *err)
{
    if (is_hour)
        return add_sheet(answer, sqlite3_column_int64(stmt, 0), db_column(stmt, 1), err);
    if (source_facts_add(&answer->facts, sqlite3_column_int(stmt, 0), db_column(stmt, 1),
                 sqlite3_column_int64(stmt, 2) * MINUTE_US) == 0)
        return 0;
    err_set(err, "store: out of memory");
    return -1;
}

static int
add_file(struct answer *answer, struct day_file *file, struct err *err)
{
    int is_hour = !has_seen(file), code = SQLITE_DONE, rc = 0;
    sqlite3_stmt *stmt = file_stmt(file, is_hour ? DAY_READ_SHEETS : DAY_READ_SEEN, err);

    if (stmt == NULL)
        return -1;
    if (is_hour) {
        sqlite3_bind_int(stmt, 1, COUNT_SOURCE + HOUR_KIND);
        sqlite3_bind_int64(stmt, 2, ((int64_t)answer->facts.from_day - 1) * 24);
        sqlite3_bind_int64(stmt, 3, ((int64_t)answer->facts.to_day + 1) * 24);
    } else {
        sqlite3_bind_int(stmt, 1, answer->facts.from_day);
        sqlite3_bind_int(stmt, 2, answer->facts.to_day);
    }
    while (rc == 0 && (code = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = add_row(answer, stmt, is_hour, err);
    if (rc == 0 && code != SQLITE_DONE) {
        rc = -1;
        db_failed(file->db, err);
        if (code == SQLITE_INTERRUPT)
            err_set(err, "comparing sources took longer than %d s", READ_LIMIT_MS / 1000);
    }
    sqlite3_reset(stmt);
    return rc;
}

/* Days of a zone are within one of UTC's. */
static int
add_part(struct answer *answer, struct err *err)
{
    struct sqlite_store *store = answer->store;

    for (size_t i = 0; i < store->span_count; i++) {
        const struct day_span *span = &store->spans[i];
        struct day_file *file = NULL;
        int rc;

        if (span->min_at >= (answer->facts.to_day + INT64_C(1)) * DAY_US ||
            span->max_at < (answer->facts.from_day - INT64_C(1)) * DAY_US)
            continue;
        rc = file_open(store, span->day, 0, &file, err);
        if (rc < 0 || (rc == 1 && add_file(answer, file, err) != 0))
            return -1;
    }
    return 0;
}

static int
add_all(struct answer *answer, struct err *err)
{
    if (files_refresh(answer->store, err) != 0)
        return -1;
    for (int part = 0; part < SOURCE_PARTS; part++)
        if (source_facts_begin(&answer->facts, (enum source_part)part) &&
            add_part(answer, err) != 0)
            return -1;
    return 0;
}

int
sqlite_compare_sources(struct store *base, const struct source_query *query,
                       struct source_changes *ret_changes, struct err *err)
{
    struct answer answer = { .store = (struct sqlite_store *)base };
    int rc = -1;

    if (source_facts_init(&answer.facts, query, err) != 0)
        return -1;
    answer.store->deadline_ms = clock_steady_ms() + READ_LIMIT_MS;
    if (add_all(&answer, err) == 0 && source_facts_take(&answer.facts, ret_changes, err) == 0)
        rc = 0;
    answer.store->deadline_ms = 0;
    source_facts_release(&answer.facts);
    return rc;
}
