/* Where a literal is looked for by its rarest byte, it is found as by any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/text/pattern.h"

/* As it is said: somewhere in text, byte by byte. */
static int
is_inside(struct text literal, struct text text, int is_cased)
{
    for (size_t at = 0; at + literal.len <= text.len; at++) {
        size_t same = 0;

        while (same < literal.len &&
               (is_cased ? literal.ptr[same] == text.ptr[at + same]
                         : fold_char(literal.ptr[same]) == fold_char(text.ptr[at + same])))
            same++;
        if (same == literal.len)
            return 1;
    }
    return 0;
}

static unsigned
draw(uint64_t *seed, unsigned below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % below;
}

/* Few letters, so that much is found, at the ends too. */
static struct text
random_text(uint64_t *seed, char *space, size_t max)
{
    static const char letters[] = "eExX. zE";
    struct text text = { space, draw(seed, (unsigned)max + 1) };

    for (size_t i = 0; i < text.len; i++)
        space[i] = letters[draw(seed, sizeof(letters) - 1)];
    return text;
}

static void
a_literal_is_found_wherever_it_stands(void **state)
{
    struct arena arena = { 0 };
    uint64_t seed = 42;
    int found = 0;

    (void)state;
    for (int turn = 0; turn < 200000; turn++) {
        char literal_space[4], text_space[24];
        struct text literal = random_text(&seed, literal_space, sizeof(literal_space));
        struct text text = random_text(&seed, text_space, sizeof(text_space));
        int is_cased = (int)draw(&seed, 2), expected = is_inside(literal, text, is_cased);
        struct pattern pattern;

        arena_clear(&arena);
        assert_int_equal(pattern_parse(&arena, literal, PATTERN_OPEN_START | PATTERN_OPEN_END,
                                       is_cased, &pattern), 0);
        if (pattern_matches(&pattern, text) != expected)
            fail_msg("\"%.*s\" in \"%.*s\": not %d", (int)literal.len, literal.ptr, (int)text.len,
                     text.ptr, expected);
        found += expected;
    }
    assert_in_range(found, 50000, 150000);
    arena_release(&arena);
}

static void
a_literal_of_any_bytes_is_found(void **state)
{
    struct arena arena = { 0 };

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char literal[] = { 'e', (char)byte, 'e' }, text[] = { 'o', 'e', (char)byte, 'E', 'o' };
        struct pattern pattern;

        if (strchr("*?\\", byte) != NULL)
            continue;
        assert_int_equal(pattern_parse(&arena, (struct text){ literal, 3 },
                                       PATTERN_OPEN_START | PATTERN_OPEN_END, 0, &pattern), 0);
        assert_int_equal(pattern_matches(&pattern, (struct text){ text, 5 }), 1);
        assert_int_equal(pattern_matches(&pattern, (struct text){ text, 3 }), 0);
    }
    arena_release(&arena);
}

/* Each byte, at each place of a text of each length, and nothing behind the text. */
static void
texts_are_folded_as_their_bytes_are(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++)
        for (size_t len = 1; len <= 20; len++)
            for (size_t at = 0; at < len; at++) {
                char in[20], out[21];

                memset(in, '@' + (byte + (int)len) % 30, sizeof(in));
                memset(out, '#', sizeof(out));
                in[at] = (char)byte;
                fold_copy(out, in, len);
                for (size_t i = 0; i < len; i++)
                    assert_int_equal(out[i], fold_char(in[i]));
                assert_int_equal(out[len], '#');
                fold_copy(in, in, len);         /* onto itself, too */
                assert_memory_equal(in, out, len);
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_is_found_wherever_it_stands),
        cmocka_unit_test(a_literal_of_any_bytes_is_found),
        cmocka_unit_test(texts_are_folded_as_their_bytes_are),
    };

    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
