/*
 * store_sqlite.h - the embedded store's own parts (private to sqlite_*.c)
 *
 * <dir>/events-YYYY-MM-DD.db holds the events of one storage day, with the
 * counters over them; <dir>/incidents.db the incidents. A file is deleted
 * whole. The storage day says when an event came, not when it happened, so
 * whoever asks by event time looks at every file whose span overlaps.
 * Functions give 1, 0 for "not there", or a negative enum store_outcome.
 */
#ifndef PROTO_STORE_STORE_SQLITE_H
#define PROTO_STORE_STORE_SQLITE_H

#include <sqlite3.h>
#include <sys/stat.h>

#include "proto/base/db.h"
#include "proto/store/event_match.h"
#include "proto/store/store_tally.h"
#include "proto/store/store.h"

enum {
    DAY_FILES_OPEN = 8,         /* at once: three descriptors each */
    READ_LIMIT_MS = 5000,       /* of one question, see store.h */
    READ_LIMIT_HARD_MS = 30000, /* of its first second of event time */
    COUNTED_VALUE_MAX = 256,    /* bytes; a longer one is counted as "(other)" */
    HOUR_KIND = 16              /* a counter's kind: count_dimension, or this + it */
};

/* What is searched through an index: places' columns, by hash. */
enum place { PLACE_TYPE, PLACE_SEVERITY, PLACE_SOURCE, PLACE_DESTINATION, PLACE_USERNAME,
             PLACE_COUNT };

struct place_row {
    enum event_field field;
    const char *column;
};

extern const struct place_row places[PLACE_COUNT];

enum day_stmt { DAY_INSERT_EVENT, DAY_INSERT_PLACE, DAY_INSERT_SHEET, DAY_COUNT_SHEETS,
                DAY_READ_SHEETS, DAY_READ_HOURS, DAY_DELETE_SHEETS, DAY_TOUCH,
                DAY_READ_SPAN, DAY_READ_EVENT, DAY_READ_NEWS, DAY_FIND_ID, DAY_INSERT_SEEN,
                DAY_READ_SEEN, DAY_STMTS };

/* An open file. The pointer is good until the next day is opened. */
struct day_file {
    int32_t day;
    ino_t inode;
    sqlite3 *db;                        /* NULL: this place is free */
    sqlite3_stmt *stmts[DAY_STMTS];
    uint64_t used;                      /* the larger the later */
    struct tally sheets;                /* how many a bucket has, as far as known */
    struct tally seen;                  /* sources that are written, as far as known */
};

/* What is known of a file, open or not. */
struct day_span {
    int32_t day;
    int64_t min_at, max_at;             /* of its events; min > max: none */
    int64_t last_write_us;
    int64_t last_n;                     /* of its newest row; 0: none */
    int64_t bytes;
    ino_t inode;
    int64_t changed_ns;                 /* newest of the file and its log */
    int is_settled;                     /* not changed for long enough to trust that */
};

struct sqlite_store {
    struct store base;
    int mode;
    char *dir;
    int64_t retention_us, max_bytes;
    struct day_file files[DAY_FILES_OPEN];
    uint64_t uses;
    struct day_span *spans;             /* newest day first, as files_refresh found */
    size_t span_count;
    sqlite3 *incidents;
    ino_t incidents_inode;
    sqlite3 *ledger;                    /* open while this process writes it */
    ino_t ledger_inode;
    struct tally tally;
    int64_t deadline_ms;                /* by clock_steady_ms; 0: none */
};

struct store *sqlite_store_open(const struct settings *settings, int mode,
                                struct err *err);

/* sqlite_files.c */
char *file_path(const struct sqlite_store *store, int32_t day);
int file_open(struct sqlite_store *store, int32_t day, int may_create,
              struct day_file **ret_file, struct err *err);
void file_close(struct day_file *file);
void file_unlink(const char *path);
/* The prepared statement, reset; NULL with the reason. */
sqlite3_stmt *file_stmt(struct day_file *file, enum day_stmt which, struct err *err);
int files_refresh(struct sqlite_store *store, struct err *err);
void connection_close(sqlite3 **db);
sqlite3 *connection_open(struct sqlite_store *store, const char *path, const char *schema,
                         int *ret_outcome, struct err *err);
int32_t place_hash(struct text value);

/* sqlite_counts.c, sqlite_counts_write.c: write what the tally holds per
 * minute, and the same per hour. The tally is used up. */
extern const struct text count_other;
enum db_outcome counts_write(struct day_file *file, struct tally *tally, struct err *err);

/* sqlite_seen.c: note which sources the tally, not used up yet, has on which day. */
enum db_outcome seen_write(struct day_file *file, const struct tally *tally, struct err *err);
int has_seen(const struct day_file *file);      /* 0: made before there was such a table */
int32_t seen_day(int64_t at_us);
int sqlite_compare_sources(struct store *base, const struct source_query *query,
                           struct source_changes *ret_changes, struct err *err);

/* sqlite_get.c: an id's bytes; the event of a row (id, received, body), which
 * ev borrows. 0 or -1. */
int id_take(struct text bytes, struct event_id *ret_id);
int event_of_row(struct day_file *file, sqlite3_stmt *stmt, msgpack_unpacked *unpacked,
                 struct event *ev, struct err *err);

/* sqlite_incidents.c */
int incidents_expire(struct sqlite_store *store, int64_t before_us, struct err *err);

enum store_outcome sqlite_put_events(struct store *base, const struct store_event *events,
                                     size_t count, struct store_written *ret_written,
                                     struct err *err);
int sqlite_find_events(struct store *base, const struct event_query *query,
                       int (*visit)(void *ctx, const struct event *ev), void *ctx,
                       struct event_page *ret_page, struct err *err);
int sqlite_follow_events(struct store *base, const struct event_query *query,
                         struct text place, int (*visit)(void *ctx, const struct event *ev),
                         void *ctx, struct event_news *ret_news, struct err *err);
int sqlite_get_event(struct store *base, const struct event_id *id, int32_t day,
                     int (*visit)(void *ctx, const struct event *ev), void *ctx,
                     struct err *err);
/* sqlite_ledger.c */
enum store_outcome sqlite_put_ledger(struct store *base, const struct store_ledger_row *rows,
                                     size_t count, struct err *err);
enum store_outcome sqlite_put_balance(struct store *base, const struct ledger *hours,
                                      struct err *err);
int sqlite_get_ledger(struct store *base, int64_t from_hour, int64_t to_hour,
                      struct ledger *ret_hours, struct err *err);
enum store_outcome sqlite_put_allowed(struct store *base, const struct store_allowed *rows,
                                      size_t count, struct err *err);
int sqlite_get_allowed(struct store *base, const char *first_day, const char *last_day,
                       int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx,
                       struct err *err);

/* sqlite_ledger_file.c: a transaction on ledger.db; NULL with its outcome when there is
 * none. What an outcome within it means: where the file is damaged it is put aside, and
 * STORE_RETRY. And its end. */
sqlite3 *ledger_begin(struct sqlite_store *store, enum store_outcome *ret_outcome,
                      struct err *err);
enum store_outcome ledger_judge(struct sqlite_store *store, enum db_outcome outcome);
enum store_outcome ledger_end(struct sqlite_store *store, enum store_outcome outcome,
                              struct err *err);

/* Run sql for each of count things, in one transaction: bind binds the i-th's values, or
 * returns 0 to leave it out. */
struct ledger_put {
    const char *sql;
    int (*bind)(sqlite3_stmt *stmt, const void *all, size_t i);
    const void *all;
    size_t count;
};

enum store_outcome ledger_put(struct sqlite_store *store, const struct ledger_put *put,
                              struct err *err);

/* ledger.db for reading: *ret_outcome 0 when it is not there yet. */
sqlite3 *ledger_open_to_read(struct sqlite_store *store, int *ret_outcome, struct err *err);

int ledger_expire(struct sqlite_store *store, int64_t now_us, struct err *err);

/* sqlite_dead.c; and: delete what was set aside before. 0 or -1. */
extern const struct store_dead_ops sqlite_dead_ops;
int dead_expire(struct sqlite_store *store, int64_t before_us, struct err *err);

int sqlite_count(struct store *base, const struct count_query *query,
                 struct counts *ret_counts, struct err *err);
enum store_outcome sqlite_put_incidents(struct store *base,
                                        struct incident *const *incidents, size_t count,
                                        struct err *err);
int sqlite_find_incidents(struct store *base, const struct incident_query *query,
                          struct incident ***ret_incidents, size_t *ret_count,
                          int *ret_is_more, struct err *err);
int sqlite_get_incident(struct store *base, const char *id, struct incident **ret_inc,
                        struct err *err);
int sqlite_set_status(struct store *base, const char *id,
                      const struct incident_change *change, struct err *err);
int sqlite_retain(struct store *base, int64_t now_us, unsigned *ret_deleted,
                  struct err *err);

#endif
