#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"

static void
what_is_appended_stands_in_order_and_ends_in_nul(void **state)
{
    struct buf buf = { NULL, 0, 0 };

    assert_int_equal(buf_append_str(&buf, "one"), 0);
    assert_int_equal(buf_append_char(&buf, ' '), 0);
    assert_int_equal(buf_append_text(&buf, (struct text){ "two!", 3 }), 0);
    assert_int_equal(buf_printf(&buf, " %d", 3), 0);
    assert_string_equal(buf.ptr, "one two 3");
    assert_int_equal(buf.len, 9);
    assert_int_equal(buf_append(&buf, "\0x", 2), 0);
    assert_int_equal(buf_text(&buf).len, 11);
    buf_release(&buf);
    assert_null(buf.ptr);
}

static void
nothing_can_be_appended_to_nothing(void **state)
{
    struct buf buf = { NULL, 0, 0 };

    assert_int_equal(buf_append_text(&buf, (struct text){ NULL, 0 }), 0);
    assert_int_equal(buf_printf(&buf, "%s", ""), 0);
    assert_string_equal(buf.ptr, "");
    buf_release(&buf);
    buf_release(&buf);
}

static void
printing_grows_at_every_length(void **state)
{
    for (int width = 0; width < 300; width++) {
        struct buf buf = { NULL, 0, 0 };

        assert_int_equal(buf_append_str(&buf, "ab"), 0);
        assert_int_equal(buf_printf(&buf, "%*s", width, ""), 0);
        assert_int_equal(buf.len, 2 + width);
        assert_int_equal(buf.ptr[buf.len], '\0');
        assert_true(buf.len < buf.cap);
        buf_release(&buf);
    }
}

static void
a_cleared_buffer_keeps_its_memory(void **state)
{
    struct buf buf = { NULL, 0, 0 };
    size_t cap;

    assert_int_equal(buf_reserve(&buf, 1000), 0);
    cap = buf.cap;
    assert_true(cap > 1000);
    assert_int_equal(buf_append_str(&buf, "x"), 0);
    buf_clear(&buf);
    assert_string_equal(buf.ptr, "");
    assert_int_equal(buf.cap, cap);
    buf_release(&buf);
}

static void
an_impossible_size_is_refused_and_changes_nothing(void **state)
{
    struct buf buf = { NULL, 0, 0 };

    assert_int_equal(buf_append_str(&buf, "kept"), 0);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), -1);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX - 5), -1);
    assert_string_equal(buf.ptr, "kept");
    buf_release(&buf);
}

static void
taken_bytes_belong_to_the_caller(void **state)
{
    struct buf buf = { NULL, 0, 0 };
    char *first, *second;

    assert_int_equal(buf_append_str(&buf, "mine"), 0);
    first = buf_take(&buf);
    second = buf_take(&buf);
    assert_string_equal(first, "mine");
    assert_string_equal(second, "");
    assert_null(buf.ptr);
    free(first);
    free(second);
}

static void
arena_memory_is_aligned_and_apart(void **state)
{
    struct arena arena = { NULL, 0 };
    char *pieces[200];

    for (int i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&arena, (size_t)i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], i, (size_t)i * 7);
    }
    for (int i = 1; i < 200; i++)
        for (int j = 0; j < i * 7; j++)
            assert_int_equal((unsigned char)pieces[i][j], i);
    assert_int_equal(arena.used, 199 * 200 / 2 * 7);
    arena_release(&arena);
}

static void
an_outsize_piece_does_not_end_the_current_chunk(void **state)
{
    struct arena arena = { NULL, 0 };
    char *before = arena_alloc(&arena, 16), *huge, *after;

    huge = arena_alloc(&arena, 3 * 1024 * 1024);
    assert_non_null(huge);
    memset(huge, 1, 3 * 1024 * 1024);
    after = arena_alloc(&arena, 16);
    assert_ptr_equal(after, before + 16);
    assert_null(arena_alloc(&arena, SIZE_MAX - 1));
    arena_release(&arena);
}

static void
clearing_serves_the_same_memory_again(void **state)
{
    struct arena arena = { NULL, 0 };
    char *first;

    assert_non_null(arena_alloc(&arena, 10 * 1024 * 1024));
    arena_clear(&arena);
    assert_null(arena.chunks);          /* a huge line pins nothing */
    first = arena_alloc(&arena, 100);
    arena_clear(&arena);
    assert_int_equal(arena.used, 0);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_release(&arena);
    arena_release(&arena);
}

static void
arena_texts_end_in_nul(void **state)
{
    struct arena arena = { NULL, 0 };
    struct text copy = arena_copy(&arena, (struct text){ "rootx", 4 });
    struct text printed = arena_printf(&arena, "%s-%d", "a", 5);

    assert_string_equal(copy.ptr, "root");
    assert_int_equal(copy.len, 4);
    assert_string_equal(printed.ptr, "a-5");
    assert_int_equal(printed.len, 3);
    assert_string_equal(arena_copy(&arena, (struct text){ NULL, 0 }).ptr, "");
    arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_stands_in_order_and_ends_in_nul),
        cmocka_unit_test(nothing_can_be_appended_to_nothing),
        cmocka_unit_test(printing_grows_at_every_length),
        cmocka_unit_test(a_cleared_buffer_keeps_its_memory),
        cmocka_unit_test(an_impossible_size_is_refused_and_changes_nothing),
        cmocka_unit_test(taken_bytes_belong_to_the_caller),
        cmocka_unit_test(arena_memory_is_aligned_and_apart),
        cmocka_unit_test(an_outsize_piece_does_not_end_the_current_chunk),
        cmocka_unit_test(clearing_serves_the_same_memory_again),
        cmocka_unit_test(arena_texts_end_in_nul),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
