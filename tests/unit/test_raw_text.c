/*
 * test_raw_text.c - bytes of any origin become UTF-8 and nothing is lost
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/decode/decode.h"
#include "proto/base/hash.h"

static struct arena arena;

static int
forget(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void
expect(struct text bytes, enum raw_encoding how, const char *text)
{
    enum raw_encoding found;
    struct text got = raw_to_utf8(bytes, &arena, &found);

    assert_int_equal(found, how);
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.ptr, text, got.len);
}

#define BYTES(s) ((struct text){ s, sizeof(s) - 1 })

static void
utf8_is_the_very_same_bytes(void **state)
{
    struct text line = BYTES("봉수 \xf0\x9f\x94\xa5 caf\xc3\xa9\t\x1b[0m");
    enum raw_encoding how;

    assert_ptr_equal(raw_to_utf8(line, &arena, &how).ptr, line.ptr);
    assert_int_equal(how, RAW_UTF8);
    expect(BYTES(""), RAW_UTF8, "");
}

static void
cp949_is_read_as_korean(void **state)
{
    expect(BYTES("\xbb\xe7\xbf\xeb\xc0\xda login"), RAW_CP949, "사용자 login");
    expect(BYTES("\x8c\x63\xb9\xe6\xb0\xa2\xc7\xcf"), RAW_CP949, "똠방각하");
}

static void
cp949_follows_a_broken_line_without_harm(void **state)
{
    expect(BYTES("\xbb\xe7\xff"), RAW_ESCAPED, "\\xbb\\xe7\\xff");
    expect(BYTES("\xbb\xe7"), RAW_CP949, "사");
}

static void
what_is_neither_shows_its_bytes(void **state)
{
    expect(BYTES("user \xff\xfe end"), RAW_ESCAPED, "user \\xff\\xfe end");
    expect(BYTES("\xed\xa0\x80"), RAW_ESCAPED, "\\xed\\xa0\\x80");
    expect(BYTES("\xc0\xaf\x80"), RAW_ESCAPED, "\\xc0\\xaf\\x80");
    expect(BYTES("\xf5\xff\x80\x80"), RAW_ESCAPED, "\\xf5\\xff\\x80\\x80");
}

static void
a_nul_is_written_out(void **state)
{
    expect(BYTES("root\0x"), RAW_ESCAPED, "root\\x00x");
    expect(BYTES("\xbb\xe7\0"), RAW_ESCAPED, "\\xbb\\xe7\\x00");
}

/* Wherever it stands in a line that is ASCII otherwise. */
static void
one_odd_byte_is_found_anywhere(void **state)
{
    static const struct { char byte; int is_odd; } bytes[] = {
        { '\0', 1 }, { '\x01', 0 }, { '\x7f', 0 }, { '\x80', 1 }, { '\xff', 1 },
    };
    char line[41];

    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        for (size_t at = 0; at < sizeof line; at++) {
            enum raw_encoding how;
            struct text got;

            memset(line, 'a', sizeof line);
            line[at] = bytes[i].byte;
            got = raw_to_utf8((struct text){ line, sizeof line }, &arena, &how);
            assert_int_equal(how, bytes[i].is_odd ? RAW_ESCAPED : RAW_UTF8);
            assert_int_equal(got.len, sizeof line + (bytes[i].is_odd ? 3 : 0));
            assert_true(!bytes[i].is_odd || memcmp(got.ptr + at, "\\x", 2) == 0);
            arena_clear(&arena);
        }
}

static void
utf8_cut_inside_a_character_is_not_taken_for_cp949(void **state)
{
    expect(BYTES("사용자 로그\xec\x9d"), RAW_ESCAPED, "사용자 로그\\xec\\x9d");
}

/* Checked by the function itself: its own result needs no further change. */
static void
any_bytes_become_valid_utf8(void **state)
{
    char bytes[64];
    enum raw_encoding how;

    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)i % (sizeof bytes + 1);
        struct text got;

        hash_random(bytes, len);
        got = raw_to_utf8((struct text){ bytes, len }, &arena, &how);
        assert_true(got.len <= len * 4);
        assert_ptr_equal(raw_to_utf8(got, &arena, &how).ptr, got.ptr);
        assert_int_equal(how, RAW_UTF8);
        arena_clear(&arena);
    }
}

#define TEST(f) cmocka_unit_test_teardown(f, forget)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(utf8_is_the_very_same_bytes),
        TEST(cp949_is_read_as_korean),
        TEST(cp949_follows_a_broken_line_without_harm),
        TEST(what_is_neither_shows_its_bytes),
        TEST(a_nul_is_written_out),
        TEST(one_odd_byte_is_found_anywhere),
        TEST(utf8_cut_inside_a_character_is_not_taken_for_cp949),
        TEST(any_bytes_become_valid_utf8),
    };

    return cmocka_run_group_tests_name("raw_text", tests, NULL, NULL);
}
