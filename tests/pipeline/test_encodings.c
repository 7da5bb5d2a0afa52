/*
 * Lines in any encoding are stored, counted by it, and never refused: CP949,
 * as Korean systems write it, is read as what it says; bytes that are nothing
 * are escaped.
 */
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/sending.h"

static struct chain *chain;

static int
open_chain(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    chain_destroy(&chain);
    return 0;
}

static const char korean[] = "Dec 10 09:00:00 host app[1]: "
                             "\xeb\xa1\x9c\xea\xb7\xb8\xec\x9d\xb8 \xec\x8b\xa4\xed\x8c\xa8: "
                             "\xec\x82\xac\xec\x9a\xa9\xec\x9e\x90";    /* login failed: user */

/* The same bytes as a Korean Windows writes them. */
static size_t
to_cp949(char *out, size_t size)
{
    iconv_t converter = iconv_open("CP949", "UTF-8");
    char *in = (char *)(uintptr_t)korean;
    size_t in_left = strlen(korean), left = size;

    if (converter == (iconv_t)-1) {
        print_message("[  SKIPPED ] this system knows no CP949\n");
        skip();
    }
    assert_int_not_equal(iconv(converter, &in, &in_left, &out, &left), (size_t)-1);
    iconv_close(converter);
    return size - left;
}

/* Line by line; none may hold a line end. */
static size_t
write_odd_lines(char *out, size_t size)
{
    size_t len = to_cp949(out, size);

    assert_memory_not_equal(out, korean, len);
    out[len++] = '\n';
    for (int c = 1; c < 256; c++)           /* every byte but NUL and the line ends */
        if (c != '\n' && c != '\r')
            out[len++] = (char)c;
    out[len++] = '\n';
    memcpy(out + len, "nul \0 nul\n", 10);
    len += 10;
    memcpy(out + len, "\xff\xfe\xfd\x80\x81\n", 6);
    len += 6;
    memcpy(out + len, korean, strlen(korean));
    return len + strlen(korean);
}

struct noted {
    int events, korean;
};

static void
note_korean(void *ctx, const json_t *ev)
{
    struct noted *noted = ctx;
    const char *raw_log = json_string_value(json_object_get(ev, "raw_log"));

    assert_non_null(raw_log);
    assert_true(strlen(raw_log) > 0);
    noted->events++;
    noted->korean += strcmp(raw_log, korean) == 0;
}

static int
lines_counted_as(const char *encoding)
{
    char name[96];

    snprintf(name, sizeof(name), "bongsu_ingest_raw_lines_total{encoding=\"%s\"}", encoding);
    return (int)chain_metric(chain, INGEST, name);
}

static void
lines_in_any_encoding_are_stored_and_counted(void **state)
{
    char path[512], bytes[2048];
    size_t len = write_odd_lines(bytes, sizeof(bytes));
    struct noted noted = { 0 };
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s/odd.log", chain_dir(chain));
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chain_post(chain, "/logs", "text/plain", bytes, len, NULL), 202);
    send_whole(chain, path, 5);
    chain_each_event(chain, note_korean, &noted);
    assert_int_equal(noted.events, 10);
    assert_int_equal(noted.korean, 4);      /* as UTF-8 and from CP949, posted and sent */
    assert_int_equal(lines_counted_as("utf8"), 2);
    assert_int_equal(lines_counted_as("cp949"), 2);
    assert_int_equal(lines_counted_as("escaped"), 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_in_any_encoding_are_stored_and_counted, open_chain,
                                        close_chain),
    };

    return cmocka_run_group_tests_name("encodings", tests, NULL, NULL);
}
