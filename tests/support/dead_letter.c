#include "tests/support/dead_letter.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/wait.h"

enum { PATIENCE_MS = 60000 };

/* How many there are; the last one's reason goes to *ret_reason. */
static int
look_into_file(struct chain *chain, const char *text, char **ret_reason)
{
    char path[512];
    sqlite3_stmt *rows = NULL;
    sqlite3 *db = NULL;
    int count = 0;

    snprintf(path, sizeof(path), "%s/indexer-deadletter.db", chain_dir(chain));
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT reason FROM letters"
                                        " WHERE instr(encoded, CAST(?1 AS BLOB)) > 0", -1, &rows,
                                        NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(rows, 1, text, -1, SQLITE_STATIC), SQLITE_OK);
    for (; sqlite3_step(rows) == SQLITE_ROW; count++) {
        free(*ret_reason);
        *ret_reason = strdup((const char *)sqlite3_column_text(rows, 0));
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    return count;
}

static int
look_into_store(struct chain *chain, const char *text, char **ret_reason)
{
    json_t *page = chain_get(chain, "/deadletters"), *letter;
    size_t i;
    int count = 0;

    json_array_foreach(json_object_get(page, "deadletters"), i, letter) {
        char *event = json_dumps(json_object_get(letter, "event"), JSON_ENCODE_ANY);

        if (strstr(event, text) != NULL) {
            free(*ret_reason);
            *ret_reason = strdup(json_string_value(json_object_get(letter, "reason")));
            count++;
        }
        free(event);
    }
    json_decref(page);
    return count;
}

char *
dead_letter(struct chain *chain, const char *text)
{
    int64_t deadline = now_ms() + PATIENCE_MS;
    char *reason = NULL;
    int count;

    /* the file before the store: what goes over between the two is seen twice, not never */
    while ((count = look_into_file(chain, text, &reason)) == 0 &&
           (count = look_into_store(chain, text, &reason)) == 0) {
        if (now_ms() > deadline)
            fail_msg("%s: is no dead letter", text);
        wait_a_little();
    }
    assert_int_equal(count, 1);
    return reason;
}
