#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/options.h"

static const struct option rows[] = {
    { "ingest.listen", NULL, OPTION_TEXT, 0, "127.0.0.1:8000", 0, 0, 0, NULL,
      "where ingest listens" },
    { "api.key", "API_KEY", OPTION_TEXT, 0, NULL, 0, 64, OPTION_SECRET, "change-me",
      "key for writing" },
    { "detector.slots", NULL, OPTION_INT, 0, "1", 1, 64, 0, NULL, "a|b" },
    { "ingest.http.max_body", NULL, OPTION_BYTES, 0, "10MiB", 1024, 1 << 30, 0, NULL,
      "longest body" },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void
help_and_markdown_show_every_row(void **state)
{
    struct buf out = { NULL, 0, 0 };

    setenv("API_KEY", "s3cret", 1);
    assert_int_equal(options_help(rows, ROWS, &out), 0);
    assert_non_null(strstr(out.ptr,
                           "  --ingest-listen TEXT              where ingest listens "
                           "(default 127.0.0.1:8000)\n"));
    assert_non_null(strstr(out.ptr, "  API_KEY (environment) "));
    assert_null(strstr(out.ptr, "--api-key"));
    assert_null(strstr(out.ptr, "s3cret"));
    assert_non_null(strstr(out.ptr, "--config FILE"));
    buf_clear(&out);
    assert_int_equal(options_markdown(rows, ROWS, &out), 0);
    assert_non_null(strstr(out.ptr,
                           "| `detector.slots` | `BONGSU_DETECTOR_SLOTS` | `1` | 1 to 64 "
                           "| a\\|b |\n"));
    assert_non_null(strstr(out.ptr,
                           "| `ingest.http.max_body` | `BONGSU_INGEST_HTTP_MAX_BODY` | "
                           "`10MiB` | 1KiB to 1GiB | longest body |\n"));
    assert_non_null(strstr(out.ptr, "| `api.key` | `API_KEY` |  | text | key for writing "
                                    "(secret: no flag) |\n"));
    buf_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_markdown_show_every_row),
    };

    return cmocka_run_group_tests_name("option_help", tests, NULL, NULL);
}
