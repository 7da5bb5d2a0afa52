#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/store/sqlite_sheet.h"
#include "proto/store/store_sqlite.h"

#define MINUTE_US (INT64_C(60) * 1000000)

enum {
    MINUTES = 60,           /* of an hour */
    ANSWER_VALUES = 200000, /* distinct values one question adds up */
    ANSWER_STEPS = 100000
};

const struct text count_other = { "(other)", 7 };

static int64_t
hour_of(int64_t minute)
{
    return minute / MINUTES - (minute % MINUTES < 0);
}

struct answer {
    struct sqlite_store *store;
    const struct count_query *query;
    int64_t from, to; /* minutes */
    int64_t step;
    struct tally sums; /* by kind = dimension */
    struct counts counts;
};

static int
add_value(struct answer *answer, int dimension, struct text value, uint64_t events)
{
    if (answer->sums.count >= ANSWER_VALUES &&
        store_tally_find(&answer->sums, dimension, 0, value) == NULL)
        value = count_other;
    return store_tally_add(&answer->sums, dimension, 0, value, events) == NULL ? -1 : 0;
}

/* The pairs of one sheet. */
static int
add_sheet(struct answer *answer, int kind, int64_t bucket, struct text sheet,
          struct err *err)
{
    struct text value;
    uint64_t events;
    int rc;

    while ((rc = sheet_next(&sheet, &value, &events)) == 1) {
        if (kind == COUNT_TOTAL) {
            answer->counts.timeline[(bucket - answer->from) / answer->step] += events;
            answer->counts.total += events;
        } else if (add_value(answer, kind % HOUR_KIND, value, events) != 0) {
            err_set(err, "store: out of memory");
            return -1;
        }
    }
    if (rc < 0)
        err_set(err, "a broken sheet of counts");
    return rc;
}

static int
add_buckets(struct answer *answer, struct day_file *file, int kind, int64_t from,
            int64_t to, struct err *err)
{
    sqlite3_stmt *stmt = from < to ? file_stmt(file, DAY_READ_SHEETS, err) : NULL;
    int code, rc = 0;

    if (stmt == NULL)
        return from < to ? -1 : 0;
    sqlite3_bind_int(stmt, 1, kind);
    sqlite3_bind_int64(stmt, 2, from);
    sqlite3_bind_int64(stmt, 3, to);
    while (rc == 0 && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (code == SQLITE_ROW) {
            rc = add_sheet(answer, kind, sqlite3_column_int64(stmt, 0),
                           db_column(stmt, 1), err);
            if (rc != 0)
                err_add(err, "%s", sqlite3_db_filename(file->db, "main"));
        } else {
            rc = -1;
            db_failed(file->db, err);
            if (code == SQLITE_INTERRUPT)
                err_set(err, "counting took longer than %d s; ask for a shorter time",
                        READ_LIMIT_MS / 1000);
        }
    }
    sqlite3_reset(stmt);
    return rc;
}

/* Whole hours from the hours' rows, what is left at both ends from minutes;
 * the timeline always from minutes. */
static int
add_file(struct answer *answer, struct day_file *file, struct err *err)
{
    int64_t first = hour_of(answer->from + MINUTES - 1), last = hour_of(answer->to);
    int rc = add_buckets(answer, file, COUNT_TOTAL, answer->from, answer->to, err);

    for (int kind = COUNT_TOTAL + 1; kind < COUNT_DIMENSIONS && rc == 0; kind++) {
        if (first >= last) {
            rc = add_buckets(answer, file, kind, answer->from, answer->to, err);
            continue;
        }
        rc = add_buckets(answer, file, kind, answer->from, first * MINUTES, err);
        if (rc == 0)
            rc = add_buckets(answer, file, kind + HOUR_KIND, first, last, err);
        if (rc == 0)
            rc = add_buckets(answer, file, kind, last * MINUTES, answer->to, err);
    }
    return rc;
}

static int
add_files(struct answer *answer, struct err *err)
{
    struct sqlite_store *store = answer->store;

    if (files_refresh(store, err) != 0)
        return -1;
    for (size_t i = 0; i < store->span_count; i++) {
        const struct day_span *span = &store->spans[i];
        struct day_file *file = NULL;
        int rc;

        if (span->min_at >= answer->query->to_us || span->max_at < answer->query->from_us)
            continue;
        rc = file_open(store, span->day, 0, &file, err);
        if (rc < 0 || (rc == 1 && add_file(answer, file, err) != 0))
            return -1;
    }
    return 0;
}

/* The rows of the dimension whose entries start at *next; the sum of those
 * that get none goes last. */
static int
make_rows(struct answer *answer, int dimension, size_t *next)
{
    struct count_row *rows = calloc(answer->query->top + 1, sizeof(*rows));
    size_t count = 0;
    uint64_t rest = 0;

    answer->counts.rows[dimension] = rows;
    if (rows == NULL)
        return -1;
    for (; *next < answer->sums.count; ++*next) {
        const struct tally_entry *entry = &answer->sums.entries[*next];

        if (entry->kind != dimension)
            break;
        if (count == answer->query->top || text_equals(entry->value, count_other)) {
            rest += entry->events;
            continue;
        }
        rows[count] = (struct count_row){ text_dup(entry->value), entry->events };
        if (rows[count].value == NULL)
            return -1;
        answer->counts.row_count[dimension] = ++count;
    }
    if (rest == 0)
        return 0;
    rows[count] = (struct count_row){ text_dup(count_other), rest };
    answer->counts.row_count[dimension] = count + (rows[count].value != NULL);
    return rows[count].value == NULL ? -1 : 0;
}

static int
make_all_rows(struct answer *answer, struct err *err)
{
    size_t next = 0;

    store_tally_most_first(answer->sums.entries, answer->sums.count);
    for (int dimension = COUNT_TOTAL + 1; dimension < COUNT_DIMENSIONS; dimension++)
        if (make_rows(answer, dimension, &next) != 0) {
            err_set(err, "store: out of memory");
            return -1;
        }
    return 0;
}

int
sqlite_count(struct store *base, const struct count_query *query,
             struct counts *ret_counts, struct err *err)
{
    struct answer answer = { .store = (struct sqlite_store *)base, .query = query };
    int rc = -1;

    if (count_query_check(query, ANSWER_STEPS, ANSWER_VALUES, err) != 0)
        return -1;
    answer.from = query->from_us / MINUTE_US;
    answer.to = query->to_us / MINUTE_US;
    answer.step = query->step_us / MINUTE_US;
    answer.counts.steps = (size_t)((answer.to - answer.from - 1) / answer.step) + 1;
    answer.counts.timeline = calloc(answer.counts.steps, sizeof(*answer.counts.timeline));
    if (answer.counts.timeline == NULL) {
        err_set(err, "store: out of memory");
        goto done;
    }
    answer.store->deadline_ms = clock_steady_ms() + READ_LIMIT_MS;
    if (add_files(&answer, err) != 0 || make_all_rows(&answer, err) != 0)
        goto done;
    *ret_counts = answer.counts;
    answer.counts = (struct counts){ 0 };
    rc = 0;

done:
    answer.store->deadline_ms = 0;
    counts_release(&answer.counts);
    store_tally_release(&answer.sums);
    return rc;
}
