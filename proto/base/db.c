#include "proto/base/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x626f6e67 };   /* "bong" */

static const char *
name_of(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, "main");

    return path == NULL ? "database" : path;
}

static int
read_number(sqlite3 *db, const char *sql, int *ret_number)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        *ret_number = sqlite3_column_int(stmt, 0);
    /* finalize says what the step came to; without a statement it says "fine" */
    if (rc == SQLITE_OK)
        rc = sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? 0 : -1;
}

/* In one transaction: another process may be making the file just now, and the
 * tables of after must not meet the owner of before. */
static int
read_owner(sqlite3 *db, int *ret_owner, int *ret_version, int *ret_tables)
{
    int rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
             read_number(db, "PRAGMA application_id", ret_owner) == 0 &&
             read_number(db, "PRAGMA user_version", ret_version) == 0 &&
             read_number(db, "SELECT count(*) FROM sqlite_schema", ret_tables) == 0 &&
             sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;

    return rc ? 0 : -1;
}

/* 0 when the file is empty or ours and not newer than version. */
static int
check_owner(sqlite3 *db, int version, int *ret_is_new, struct err *err)
{
    int owner = 0, found = 0, tables = 0;

    if (read_owner(db, &owner, &found, &tables) != 0) {
        db_failed(db, err);
        return -1;
    }
    if (owner != APPLICATION_ID && (owner != 0 || tables != 0)) {
        err_set(err, "%s: a database of another program", name_of(db));
        return -1;
    }
    if (found > version) {
        err_set(err, "%s: written by a newer version (%d, this one knows %d)",
                name_of(db), found, version);
        return -1;
    }
    *ret_is_new = owner == 0;
    return 0;
}

static int
create_schema(sqlite3 *db, const char *schema, int version, struct err *err)
{
    char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; PRAGMA application_id=%d;"
                                "PRAGMA user_version=%d; %s; COMMIT",
                                APPLICATION_ID, version, schema);
    int rc = -1;

    if (sql == NULL)
        err_set(err, "%s: out of memory", name_of(db));
    else if (db_exec(db, sql, err) == DB_DONE)
        rc = 0;
    else
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc;
}

/* What a process had written to the log and not synced when it was killed is
 * read as committed. Nobody may go on from it, or say to another that it is
 * kept, before it is on the disk. (SQLite locks nothing on this file, so that
 * closing it here frees no lock.) */
static int
sync_log(const char *path, struct err *err)
{
    char log[DB_PATH_LEN + 4];
    int fd, rc;

    snprintf(log, sizeof(log), "%s-wal", path);
    fd = open(log, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    rc = fd < 0 ? -1 : fsync(fd);
    if (rc != 0)
        err_set(err, "%s: %s", log, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

sqlite3 *
db_open(const char *path, const char *schema, int version, int *ret_is_corrupt,
        struct err *err)
{
    int flags = schema == NULL ? SQLITE_OPEN_READONLY
                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3 *db = NULL;
    int is_new = 0, code, rc = -1;

    if (ret_is_corrupt != NULL)
        *ret_is_corrupt = 0;
    code = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        err_set(err, "%s: %s (%s)", path, sqlite3_errstr(code),
                strerror(db == NULL ? ENOMEM : sqlite3_system_errno(db)));
        goto done;
    }
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (check_owner(db, version, &is_new, err) != 0)
        goto done;
    if (schema != NULL &&
        db_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", err) != DB_DONE)
        goto done;
    if (schema != NULL && sync_log(path, err) != 0)
        goto done;
    if (schema != NULL && is_new && create_schema(db, schema, version, err) != 0)
        goto done;
    rc = 0;

done:
    if (rc != 0) {
        code = db == NULL ? SQLITE_OK : sqlite3_errcode(db) & 0xff;
        if (ret_is_corrupt != NULL)
            *ret_is_corrupt = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
        db_close(&db);
    }
    return db;
}

int
db_set_aside(const char *path, int64_t now_us, char ret_kept[DB_PATH_LEN], struct err *err)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    char from[DB_PATH_LEN], to[DB_PATH_LEN];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (snprintf(from, sizeof(from), "%s%s", path, endings[i]) >= (int)sizeof(from) ||
            snprintf(to, sizeof(to), "%s.corrupt-%lld%s", path, (long long)(now_us / 1000000),
                     endings[i]) >= (int)sizeof(to)) {
            err_set(err, "%s: the path is too long", path);
            return -1;
        }
        if (rename(from, to) != 0 && errno != ENOENT) {
            err_set(err, "%s: cannot be renamed: %s", from, strerror(errno));
            return -1;
        }
        if (i == 0)
            memcpy(ret_kept, to, sizeof(to));
    }
    return 0;
}

void
db_close(sqlite3 **db)
{
    if (*db != NULL)
        sqlite3_close_v2(*db);
    *db = NULL;
}

enum db_outcome
db_exec(sqlite3 *db, const char *sql, struct err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return DB_DONE;
    return db_failed(db, err);
}

int
db_prepare(sqlite3 *db, sqlite3_stmt **stmt, const char *sql, struct err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) == SQLITE_OK)
        return 0;
    db_failed(db, err);
    return -1;
}

enum db_outcome
db_step(sqlite3_stmt *stmt, struct err *err)
{
    int code = sqlite3_step(stmt);
    enum db_outcome outcome = DB_DONE;

    if (code != SQLITE_DONE && code != SQLITE_ROW)
        outcome = db_failed(sqlite3_db_handle(stmt), err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return outcome;
}

/* An I/O error that is a full disk, a quota, or a limit in disguise. Not that
 * of a failed sync: what it was to keep may be on the disk or not. */
static int
is_for_a_while(int code, int os_error)
{
    if (code == SQLITE_IOERR_NOMEM)
        return 1;
    if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
        return 0;
    return os_error == ENOSPC || os_error == EDQUOT || os_error == EMFILE ||
           os_error == ENFILE;
}

enum db_outcome
db_failed(sqlite3 *db, struct err *err)
{
    int code = sqlite3_extended_errcode(db);
    int os_error = sqlite3_system_errno(db);

    err_set(err, "%s: %s", name_of(db), sqlite3_errmsg(db));
    switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
        return DB_RETRY;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return is_for_a_while(code, os_error) ? DB_RETRY : DB_UNCLEAR;
    default:
        return DB_UNCLEAR;
    }
}

void
db_bind_text(sqlite3_stmt *stmt, int index, struct text text)
{
    if (text.ptr == NULL)
        sqlite3_bind_null(stmt, index);
    else
        sqlite3_bind_text64(stmt, index, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
db_bind_blob(sqlite3_stmt *stmt, int index, struct text bytes)
{
    if (bytes.ptr == NULL)
        sqlite3_bind_null(stmt, index);
    else
        sqlite3_bind_blob64(stmt, index, bytes.ptr, bytes.len, SQLITE_STATIC);
}

struct text
db_column(sqlite3_stmt *stmt, int index)
{
    struct text bytes;

    bytes.ptr = sqlite3_column_blob(stmt, index);
    bytes.len = (size_t)sqlite3_column_bytes(stmt, index);
    return bytes;
}
