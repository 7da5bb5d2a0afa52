#include "tests/support/dead_letter.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

char *
dead_letter(const char *data_dir, const char *process, const char *text)
{
    char path[512], *reason = NULL;
    sqlite3_stmt *rows = NULL;
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/%s-deadletter.db", data_dir, process);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT reason FROM dead WHERE instr(encoded, CAST(?1 AS BLOB)) > 0",
                                        -1, &rows, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(rows, 1, text, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    reason = strdup((const char *)sqlite3_column_text(rows, 0));
    assert_non_null(reason);
    assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    return reason;
}
