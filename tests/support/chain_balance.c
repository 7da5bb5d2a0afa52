/* The balance sheet of a chain that has settled must close, to the event. */
#include <inttypes.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/chain.h"

static int64_t
sum(json_t *status, const char *column)
{
    const json_t *row;
    int64_t total = 0;
    size_t i;

    json_array_foreach(json_object_get(status, "ledger"), i, row)
        total += json_integer_value(json_object_get(row, column));
    return total;
}

static int64_t
sum_stored(const struct chain *chain, const char *column)
{
    char path[600], sql[100];
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t total = 0;

    snprintf(path, sizeof(path), "%s/store/ledger.db", chain_dir(chain));
    snprintf(sql, sizeof(sql), "SELECT sum(%s) FROM rows", column);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", path, sqlite3_errmsg(db));
    total = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return total;
}

void
chain_check_balance(struct chain *chain)
{
    json_t *ingest = chain_status(chain, INGEST), *detector = chain_status(chain, DETECTOR);
    int64_t accepted = sum(ingest, "accepted");
    int64_t stored = sum_stored(chain, "stored") + sum_stored(chain, "not_stored");
    int64_t judged = sum(detector, "judged") + sum(detector, "not_judged");

    printf("  balance: accepted %" PRId64 ", stored or set aside %" PRId64
           ", judged or set aside %" PRId64 "\n", accepted, stored, judged);
    assert_int_equal(stored, accepted);
    assert_int_equal(judged, accepted);
    json_decref(ingest);
    json_decref(detector);
}
