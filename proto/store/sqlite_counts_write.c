#include <stdlib.h>

#include "proto/store/sqlite_sheet.h"
#include "proto/store/store_sqlite.h"

enum {
    MINUTES = 60,        /* of an hour */
    BUCKETS_KNOWN = 4096 /* per file, whose number of sheets is remembered */
};

/* What a sheet may hold of a bucket, so that disk and answers are bounded:
 * the values with the most events keep a row of their own, the others are
 * summed as "(other)". When a bucket has `sheets` of them, they become one. */
static const struct {
    size_t values, sheets;
} limits[2] = {
    { 1000, 4 },  /* per minute */
    { 10000, 8 }, /* per hour */
};

static enum db_outcome
no_memory(struct err *err)
{
    err_set(err, "store: out of memory");
    return DB_RETRY;
}

static int64_t
hour_of(int64_t minute)
{
    return minute / MINUTES - (minute % MINUTES < 0);
}

static enum db_outcome
bind_bucket(struct day_file *file, enum day_stmt which, int kind, int64_t bucket,
            sqlite3_stmt **ret_stmt, struct err *err)
{
    sqlite3_stmt *stmt = file_stmt(file, which, err);

    if (stmt == NULL)
        return db_failed(file->db, err);
    sqlite3_bind_int(stmt, 1, kind);
    sqlite3_bind_int64(stmt, 2, bucket);
    *ret_stmt = stmt;
    return DB_DONE;
}

/* How many sheets the bucket has, in an entry that may be changed. */
static enum db_outcome
find_sheets(struct day_file *file, int kind, int64_t bucket,
            struct tally_entry **ret_known, struct err *err)
{
    const struct text none = { "", 0 };
    struct tally_entry *known = store_tally_find(&file->sheets, kind, bucket, none);
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    if (known == NULL) {
        if (file->sheets.count >= BUCKETS_KNOWN)
            store_tally_clear(&file->sheets);
        outcome = bind_bucket(file, DAY_COUNT_SHEETS, kind, bucket, &stmt, err);
        if (outcome != DB_DONE)
            return outcome;
        if (sqlite3_step(stmt) != SQLITE_ROW)
            outcome = db_failed(file->db, err);
        else
            known = store_tally_add(&file->sheets, kind, bucket, none,
                                     (uint64_t)sqlite3_column_int64(stmt, 0));
        sqlite3_reset(stmt);
        if (outcome != DB_DONE)
            return outcome;
    }
    *ret_known = known;
    return known == NULL ? no_memory(err) : DB_DONE;
}

/* n entries of one bucket as a sheet; they may change their order. */
static int
make_sheet(struct tally_entry *entries, size_t n, size_t most, struct buf *sheet)
{
    uint64_t rest = 0;
    int rc = 0;

    if (n > most)
        store_tally_most_first(entries, n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (n > most && (i >= most || text_equals(entries[i].value, count_other)))
            rest += entries[i].events;
        else
            rc = sheet_append(sheet, entries[i].value, entries[i].events);
    }
    return rc != 0 || rest == 0 ? rc : sheet_append(sheet, count_other, rest);
}

static enum db_outcome
write_sheet(struct day_file *file, const struct tally_entry *bucket, uint64_t part,
            const struct buf *sheet, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome =
        bind_bucket(file, DAY_INSERT_SHEET, bucket->kind, bucket->bucket, &stmt, err);

    if (outcome != DB_DONE)
        return outcome;
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)part);
    db_bind_blob(stmt, 4, buf_text(sheet));
    return db_step(stmt, err);
}

/* Add the sheets that the bucket has to merged. */
static enum db_outcome
read_sheets(struct day_file *file, const struct tally_entry *bucket, struct tally *merged,
            struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome =
        bind_bucket(file, DAY_READ_SHEETS, bucket->kind, bucket->bucket, &stmt, err);
    int code = SQLITE_DONE;

    if (outcome == DB_DONE)
        sqlite3_bind_int64(stmt, 3, bucket->bucket + 1);
    while (outcome == DB_DONE && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct text rest = db_column(stmt, 1), value;
        uint64_t events;
        int rc;

        while ((rc = sheet_next(&rest, &value, &events)) == 1)
            if (store_tally_add(merged, bucket->kind, bucket->bucket, value, events) ==
                NULL)
                break;
        if (rc == 1)
            outcome = no_memory(err);
        else if (rc < 0)
            err_set(err, "%s: a broken sheet of counts",
                    sqlite3_db_filename(file->db, "main")),
                outcome = DB_UNCLEAR;
    }
    if (outcome == DB_DONE && code != SQLITE_DONE)
        outcome = db_failed(file->db, err);
    if (stmt != NULL)
        sqlite3_reset(stmt);
    return outcome;
}

/* Make one sheet of all that the bucket has and the n entries. */
static enum db_outcome
merge_bucket(struct day_file *file, struct tally_entry *entries, size_t n, size_t most,
             struct err *err)
{
    struct tally merged = { 0 };
    struct buf sheet = { 0 };
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome = read_sheets(file, entries, &merged, err);

    for (size_t i = 0; i < n && outcome == DB_DONE; i++)
        if (store_tally_add(&merged, entries->kind, entries->bucket, entries[i].value,
                             entries[i].events) == NULL)
            outcome = no_memory(err);
    if (outcome == DB_DONE)
        outcome = bind_bucket(file, DAY_DELETE_SHEETS, entries->kind, entries->bucket,
                              &stmt, err);
    if (outcome == DB_DONE)
        outcome = db_step(stmt, err);
    if (outcome == DB_DONE && make_sheet(merged.entries, merged.count, most, &sheet) != 0)
        outcome = no_memory(err);
    if (outcome == DB_DONE)
        outcome = write_sheet(file, entries, 0, &sheet, err);
    buf_release(&sheet);
    store_tally_release(&merged);
    return outcome;
}

/* Write the n entries of one bucket. */
static enum db_outcome
write_bucket(struct day_file *file, struct tally_entry *entries, size_t n,
             struct buf *sheet, struct err *err)
{
    int is_hour = entries->kind >= HOUR_KIND;
    struct tally_entry *known = NULL;
    enum db_outcome outcome =
        find_sheets(file, entries->kind, entries->bucket, &known, err);

    if (outcome != DB_DONE)
        return outcome;
    if (known->events + 1 >= limits[is_hour].sheets) {
        known->events = 1;
        return merge_bucket(file, entries, n, limits[is_hour].values, err);
    }
    buf_clear(sheet);
    if (make_sheet(entries, n, limits[is_hour].values, sheet) != 0)
        return no_memory(err);
    return write_sheet(file, entries, known->events++, sheet, err);
}

/* The hours' sums from the minutes'; the total needs none. */
static int
add_hours(struct tally *tally)
{
    size_t minutes = tally->count;

    for (size_t i = 0; i < minutes; i++) {
        struct tally_entry entry = tally->entries[i];

        if (entry.kind != COUNT_TOTAL &&
            store_tally_add(tally, entry.kind + HOUR_KIND, hour_of(entry.bucket),
                             entry.value, entry.events) == NULL)
            return -1;
    }
    return 0;
}

enum db_outcome
counts_write(struct day_file *file, struct tally *tally, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    struct buf sheet = { 0 };
    size_t first = 0, end;

    if (add_hours(tally) != 0)
        return no_memory(err);
    store_tally_by_bucket(tally);
    for (; first < tally->count && outcome == DB_DONE; first = end) {
        const struct tally_entry *entry = &tally->entries[first];

        for (end = first; end < tally->count && tally->entries[end].kind == entry->kind &&
                          tally->entries[end].bucket == entry->bucket;)
            end++;
        outcome = write_bucket(file, &tally->entries[first], end - first, &sheet, err);
    }
    buf_release(&sheet);
    return outcome;
}
