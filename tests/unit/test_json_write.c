/* JSON written by hand is, to the byte, what yyjson writes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include <cmocka.h>

#include "proto/json_write.h"

static struct buf out;

static void
assert_written(const char *expected)
{
    assert_string_equal(out.ptr, expected);
    assert_int_equal(out.len, strlen(expected));
    buf_clear(&out);
}

/* As yyjson writes the same text. */
static void
assert_like_yyjson(struct text text)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    char *expected;
    size_t len;

    yyjson_mut_doc_set_root(doc, yyjson_mut_strn(doc, text.ptr, text.len));
    expected = yyjson_mut_write(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &len);
    assert_int_equal(json_write_text(&out, text), 0);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.ptr, expected, len);
    assert_int_equal(out.ptr[out.len], '\0');
    free(expected);
    yyjson_mut_doc_free(doc);
    buf_clear(&out);
}

/* The eight bytes that are looked at together begin and end anywhere. */
static void
every_byte_is_escaped_at_every_place(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 20; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                char bytes[20];

                memset(bytes, 'x', sizeof(bytes));
                bytes[at] = (char)byte;
                assert_like_yyjson((struct text){ bytes, len });
            }
}

static void
neighbours_are_not_taken_for_each_other(void **state)
{
    char bytes[17];

    (void)state;
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            memset(bytes, 0x7F, sizeof(bytes));
            bytes[3] = bytes[12] = (char)first;
            bytes[4] = bytes[13] = (char)second;
            assert_like_yyjson((struct text){ bytes, sizeof(bytes) });
        }
}

static void
a_text_of_escapes_alone_is_whole(void **state)
{
    static char bytes[5000];

    (void)state;
    memset(bytes, 1, sizeof(bytes));
    assert_like_yyjson((struct text){ bytes, sizeof(bytes) });
}

static void
no_text_is_an_empty_one(void **state)
{
    (void)state;
    assert_int_equal(json_write_text(&out, (struct text){ NULL, 0 }), 0);
    assert_written("\"\"");
}

static void
integers_are_whole(void **state)
{
    static const struct { int64_t number; const char *text; } rows[] = {
        { 0, "0" }, { 7, "7" }, { 10, "10" }, { 99, "99" }, { 100, "100" }, { 101, "101" },
        { -1, "-1" }, { -10, "-10" }, { 1795300000123456, "1795300000123456" },
        { INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(json_write_int(&out, rows[i].number), 0);
        assert_written(rows[i].text);
    }
    assert_int_equal(json_write_uint(&out, UINT64_MAX), 0);
    assert_written("18446744073709551615");
}

static void
reals_read_back_as_the_same_or_are_null(void **state)
{
    static const double reals[] = { 0.1, -0.0, 1e300, 5e-324, 123456789.125, -1.0 };

    (void)state;
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        assert_int_equal(json_write_real(&out, reals[i]), 0);
        assert_true(strtod(out.ptr, NULL) == reals[i]);
        buf_clear(&out);
    }
    assert_int_equal(json_write_real(&out, NAN), 0);
    assert_written("null");
    assert_int_equal(json_write_real(&out, -INFINITY), 0);
    assert_written("null");
}

static int
release(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_escaped_at_every_place),
        cmocka_unit_test(neighbours_are_not_taken_for_each_other),
        cmocka_unit_test(a_text_of_escapes_alone_is_whole),
        cmocka_unit_test(no_text_is_an_empty_one),
        cmocka_unit_test(integers_are_whole),
        cmocka_unit_test(reals_read_back_as_the_same_or_are_null),
    };

    return cmocka_run_group_tests_name("json_write", tests, NULL, release);
}
