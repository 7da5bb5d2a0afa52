/*
 * seen(day, source): which source addresses were there on which day of the
 * site's calendar. A row is written once, and again only when an event comes that
 * is earlier than the first one: the counters cannot say this, since what is rare on a busy
 * hour is "(other)" there, and a month of them is too much to add up.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/base/civil.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/store/sqlite_sheet.h"
#include "proto/store/store_sqlite.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

enum {
    SEEN_KNOWN = 32768,     /* per file, of which it is remembered that they are written */
    ANSWER_SOURCES = 200000 /* distinct ones that a question takes in */
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
    struct tally_entry *known = sqlite_tally_find(&file->seen, 0, day, entry->value);
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
        sqlite_tally_clear(&file->seen);
    known = sqlite_tally_add(&file->seen, 0, day, entry->value, 0);
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

/* What is known of a source; stands beside the tally's entry of its value. */
struct fact {
    int64_t first_us;
    int32_t last_day;
    uint32_t days;              /* before the span: bit 0 is the day just before */
    uint8_t is_there, is_known;
};

/* Three times of one question, which read the rows differently. */
enum part { PART_SPAN, PART_QUIET, PART_KNOWN, PARTS };

struct answer {
    struct sqlite_store *store;
    const struct source_query *query;
    enum part part;
    int32_t from_day, to_day;   /* of the part */
    struct tally values;
    struct fact *facts;
    size_t fact_cap;
    struct source_changes changes;
};

static struct fact *
fact_of(struct answer *answer, struct text value)
{
    struct tally_entry *entry = sqlite_tally_find(&answer->values, 0, 0, value);
    size_t more = answer->fact_cap == 0 ? 1024 : answer->fact_cap * 2;
    struct fact *grown;

    if (entry != NULL)
        return &answer->facts[entry - answer->values.entries];
    if (answer->values.count == answer->fact_cap) {
        grown = realloc(answer->facts, more * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        answer->facts = grown;
        answer->fact_cap = more;
    }
    if (sqlite_tally_add(&answer->values, 0, 0, value, 1) == NULL)
        return NULL;
    answer->facts[answer->values.count - 1] = (struct fact){ .first_us = INT64_MAX,
                                                             .last_day = INT32_MIN };
    return &answer->facts[answer->values.count - 1];
}

/* 0, or -1 when out of memory. */
static int
add_seen(struct answer *answer, int32_t day, struct text value, int64_t first_us)
{
    int is_old = answer->part != PART_SPAN;
    int is_met = sqlite_tally_find(&answer->values, 0, 0, value) != NULL;
    struct fact *fact;

    answer->changes.has_history |= is_old;
    if (!is_met && answer->part == PART_KNOWN)
        return 0;
    if (!is_met && answer->values.count >= ANSWER_SOURCES) {
        answer->changes.is_partial = 1;
        return 0;
    }
    fact = fact_of(answer, value);
    if (fact == NULL)
        return -1;
    fact->is_there |= !is_old;
    fact->is_known |= is_old;
    if (!is_old && first_us < fact->first_us)
        fact->first_us = first_us;
    if (answer->part == PART_QUIET)
        fact->days |= UINT32_C(1) << (uint32_t)(answer->query->from_day - 1 - day);
    if (is_old && day > fact->last_day)
        fact->last_day = day;
    return 0;
}

/* A file from before there was the table: its hours, by the day they begin on. */
static int
add_sheet(struct answer *answer, int64_t hour, struct text sheet, struct err *err)
{
    int32_t day = seen_day(hour * HOUR_US);
    struct text value;
    uint64_t events;
    int rc = 0, has_pair = 1;

    if (day < answer->from_day || day >= answer->to_day)
        return 0;
    while (rc == 0 && (has_pair = sheet_next(&sheet, &value, &events)) == 1)
        if (!text_equals(value, count_other))
            rc = add_seen(answer, day, value, hour * HOUR_US);
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
    if (add_seen(answer, sqlite3_column_int(stmt, 0), db_column(stmt, 1),
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
        sqlite3_bind_int64(stmt, 2, ((int64_t)answer->from_day - 1) * 24);
        sqlite3_bind_int64(stmt, 3, ((int64_t)answer->to_day + 1) * 24);
    } else {
        sqlite3_bind_int(stmt, 1, answer->from_day);
        sqlite3_bind_int(stmt, 2, answer->to_day);
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

        if (span->min_at >= (answer->to_day + INT64_C(1)) * DAY_US ||
            span->max_at < (answer->from_day - INT64_C(1)) * DAY_US)
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
    const struct source_query *query = answer->query;
    const int32_t quiet = query->from_day - (int32_t)query->quiet_days;
    const int32_t bounds[PARTS][2] = {
        [PART_SPAN] = { query->from_day, query->to_day },
        [PART_QUIET] = { quiet, query->from_day },
        [PART_KNOWN] = { query->from_day - (int32_t)query->known_days, quiet },
    };

    if (files_refresh(answer->store, err) != 0)
        return -1;
    for (int part = 0; part < PARTS; part++) {
        answer->part = (enum part)part;
        answer->from_day = bounds[part][0];
        answer->to_day = bounds[part][1];
        if (answer->from_day < answer->to_day && add_part(answer, err) != 0)
            return -1;
    }
    return 0;
}

/* --- the two lists --- */

static int
earliest_first(const void *left, const void *right)
{
    const struct source_seen *a = left, *b = right;

    if (a->first_us != b->first_us)
        return a->first_us < b->first_us ? -1 : 1;
    return strcmp(a->value, b->value);
}

static int
most_days_first(const void *left, const void *right)
{
    const struct source_seen *a = left, *b = right;

    if (a->days != b->days)
        return a->days > b->days ? -1 : 1;
    if (a->last_day != b->last_day)
        return a->last_day > b->last_day ? -1 : 1;
    return strcmp(a->value, b->value);
}

static int
is_fresh(const struct fact *fact)
{
    return fact->is_there && !fact->is_known;
}

static int
is_quiet(const struct fact *fact)
{
    return !fact->is_there && fact->days != 0;
}

/* Those that wanted() names, in order, at most top of them. */
static int
make_list(const struct answer *answer, int (*wanted)(const struct fact *fact), size_t total,
          int (*order)(const void *, const void *), struct source_seen **ret_list,
          size_t *ret_count)
{
    struct source_seen *list = calloc(total + 1, sizeof(*list));
    size_t count = 0;

    if (list == NULL)
        return -1;
    for (size_t i = 0; i < answer->values.count; i++) {
        const struct fact *fact = &answer->facts[i];

        if (!wanted(fact))
            continue;
        list[count] = (struct source_seen){ text_dup(answer->values.entries[i].value),
                                            fact->first_us, fact->last_day,
                                            (unsigned)__builtin_popcount(fact->days) };
        count += list[count].value != NULL;
    }
    *ret_list = list;
    *ret_count = count;
    if (count < total)
        return -1;
    qsort(list, count, sizeof(*list), order);
    while (*ret_count > answer->query->top)
        free(list[--*ret_count].value);
    return 0;
}

static int
make_lists(struct answer *answer, struct err *err)
{
    struct source_changes *changes = &answer->changes;

    for (size_t i = 0; i < answer->values.count; i++) {
        changes->total += answer->facts[i].is_there;
        changes->fresh_total += (size_t)is_fresh(&answer->facts[i]);
        changes->quiet_total += (size_t)is_quiet(&answer->facts[i]);
    }
    if (make_list(answer, is_fresh, changes->fresh_total, earliest_first, &changes->fresh,
                  &changes->fresh_count) == 0 &&
        make_list(answer, is_quiet, changes->quiet_total, most_days_first, &changes->quiet,
                  &changes->quiet_count) == 0)
        return 0;
    err_set(err, "store: out of memory");
    return -1;
}

int
sqlite_compare_sources(struct store *base, const struct source_query *query,
                       struct source_changes *ret_changes, struct err *err)
{
    struct answer answer = { .store = (struct sqlite_store *)base, .query = query };
    int rc = -1;

    if (query->quiet_days > 31 || query->known_days < query->quiet_days ||
        query->known_days > 3660 || query->from_day >= query->to_day) {
        err_set(err, "sources: a span, 31 days or fewer, and not fewer than these are needed");
        return -1;
    }
    answer.store->deadline_ms = clock_steady_ms() + READ_LIMIT_MS;
    if (add_all(&answer, err) == 0 && make_lists(&answer, err) == 0) {
        *ret_changes = answer.changes;
        answer.changes = (struct source_changes){ 0 };
        rc = 0;
    }
    answer.store->deadline_ms = 0;
    source_changes_release(&answer.changes);
    sqlite_tally_release(&answer.values);
    free(answer.facts);
    return rc;
}
