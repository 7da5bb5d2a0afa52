/* Where syslog messages begin and end, however the stream is cut into reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/syslog/syslog_framing.h"
#include "proto/base/buf.h"

enum { MAX = 32 };

/* What comes out of a stream, one message after another: "<message>|" or, of a piece,
 * "<message>~"; "!" when it is hopeless. */
struct stream {
    struct syslog_framing framing;
    struct buf held, out;
};

static void
stream_feed(struct stream *stream, struct text bytes, int is_end)
{
    struct syslog_frame frame;
    enum syslog_framed framed;
    size_t used;

    assert_int_equal(buf_append(&stream->held, bytes.ptr, bytes.len), 0);
    do {
        framed = syslog_framing_next(&stream->framing, buf_text(&stream->held), is_end, &frame,
                                     &used);
        assert_true(used <= stream->held.len);
        if (framed == SYSLOG_MESSAGE) {
            assert_true(frame.message.len <= stream->framing.max_message);
            assert_true(text_trim(frame.message).len > 0);
            buf_append_text(&stream->out, frame.message);
            buf_append_char(&stream->out, frame.is_split ? '~' : '|');
        }
        memmove(stream->held.ptr, stream->held.ptr + used, stream->held.len - used);
        stream->held.len -= used;
    } while (framed == SYSLOG_MESSAGE);
    if (framed == SYSLOG_HOPELESS && !text_ends_with(buf_text(&stream->out), "!"))
        buf_append_char(&stream->out, '!');
}

static struct stream
stream_of(size_t max)
{
    struct stream stream = { .framing = { .max_message = max } };

    assert_int_equal(buf_reserve(&stream.held, 1), 0);
    assert_int_equal(buf_append_str(&stream.out, ""), 0);
    return stream;
}

static void
stream_release(struct stream *stream)
{
    buf_release(&stream->held);
    buf_release(&stream->out);
}

/* The same whole, cut in two at every byte, and byte by byte. */
static void
check_bytes(struct text bytes, const char *wanted, size_t max)
{
    for (size_t cut = 0; cut <= bytes.len + 1; cut++) {
        struct stream stream = stream_of(max);

        if (cut <= bytes.len)
            stream_feed(&stream, (struct text){ bytes.ptr, cut }, 0);
        else
            for (size_t i = 0; i < bytes.len; i++)
                stream_feed(&stream, (struct text){ bytes.ptr + i, 1 }, 0);
        if (cut <= bytes.len)
            stream_feed(&stream, (struct text){ bytes.ptr + cut, bytes.len - cut }, 0);
        stream_feed(&stream, (struct text){ "", 0 }, 1);
        if (wanted != NULL)
            assert_string_equal(stream.out.ptr, wanted);
        stream_release(&stream);
    }
}

static void
check(const char *bytes, const char *wanted)
{
    check_bytes(text_of(bytes), wanted, MAX);
}

/* --- tests --- */

static void
lines_end_with_lf_cr_lf_or_nul(void **state)
{
    static const char bytes[] = "<13>one\n<13>two\r\n<13>three\0<13>four\0";

    (void)state;
    check_bytes((struct text){ bytes, sizeof(bytes) - 1 },
                "<13>one|<13>two|<13>three|<13>four|", MAX);
}

static void
counted_messages_hold_what_would_end_a_line(void **state)
{
    static const char bytes[] = "9 <13>a\nb\0c7 <13>one";

    (void)state;
    check("8 <13>a\nbc7 <13>one", "<13>a\nbc|<13>one|");
    /* a NUL inside ends no counted message either: strings show what stands before it */
    check_bytes((struct text){ bytes, sizeof(bytes) - 1 }, NULL, MAX);
}

static void
counting_and_lines_are_told_apart_at_each_message(void **state)
{
    (void)state;
    check("7 <13>one<13>line\n7 <13>two\n\n<13>end\n", "<13>one|<13>line|<13>two|<13>end|");
}

static void
a_line_may_begin_with_a_number(void **state)
{
    (void)state;
    check("2026 was a year\n5 of them\n<13>x\n", "2026 was a year|5 of them|<13>x|");
    check("0 <13>x\n", "0 <13>x|");
    check("1795302001.123456 h a: x\n", "1795302001.123456 h a: x|");
    check("1234567890 <13>many digits\n", "1234567890 <13>many digits|");
    check("12\n34 \n", "12|34 |");
}

static void
who_has_counted_is_believed_without_a_priority(void **state)
{
    (void)state;
    check("7 <13>one5 words5 again", "<13>one|words|again|");
}

static void
blank_lines_are_no_messages(void **state)
{
    (void)state;
    check("\n\r\n \n<13>x\n\t\n5 <13>y", "<13>x|<13>y|");
}

static void
what_is_too_long_becomes_pieces(void **state)
{
    (void)state;
    check("<13>567890123456789012345678901234567890\n<13>x\n",
          "<13>5678901234567890123456789012~34567890~<13>x|");
    check("40 <13>5678901234567890123456789012345678907 <13>one",
          "<13>5678901234567890123456789012~34567890~<13>one|");
    /* the rest of a line is no count */
    check("<13>5678901234567890123456789012" "7 <13>ab\n<13>x\n",
          "<13>5678901234567890123456789012~7 <13>ab~<13>x|");
    /* exactly as long as may be */
    check("<13>5678901234567890123456789012\n<13>x\n", "<13>5678901234567890123456789012|<13>x|");
    check("32 <13>56789012345678901234567890127 <13>one",
          "<13>5678901234567890123456789012|<13>one|");
}

static void
no_character_is_cut_in_two(void **state)
{
    (void)state;
    check("<13>56789012345678901234567890\xea\xb0\x80\xea\xb0\x80 x\n",
          "<13>56789012345678901234567890~\xea\xb0\x80\xea\xb0\x80 x~");
}

static void
the_end_of_the_stream_ends_the_message(void **state)
{
    (void)state;
    check("<13>one\n<13>tw", "<13>one|<13>tw|");
    check("30 <13>cut off", "<13>cut off~");
    check("7 <13>one12", "<13>one|12|");
    check("7 <13>one12 ", "<13>one|");
}

static void
a_length_that_cannot_be_ends_the_conversation(void **state)
{
    (void)state;
    check("7 <13>one999999999 <13>x\n<13>y\n", "<13>one|!");
    check("16777217 <13>x", "!");
    check("16777216 <13>x", "<13>x~");
}

/* --- random bytes --- */

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Pieces of what streams are made of, and odd bytes. */
static size_t
make_noise(uint64_t *seed, char *out, size_t size)
{
    static const char *const words[] = {
        "<13>one", "7 <13>one", "40 <13>", "\n", "\r\n", "9 ", "12", " ", "999999 <", "hello",
        "\xea\xb0\x80", "\x80", "0", "5 <13>",
    };
    size_t len = 0;

    while (len + 16 < size) {
        uint64_t pick = next_random(seed) % 18;
        const char *word = pick < 14 ? words[pick] : NULL;

        if (word == NULL)
            out[len++] = (char)next_random(seed);
        else
            for (; *word != '\0'; word++)
                out[len++] = *word;
    }
    return len;
}

static void
random_streams_give_the_same_however_they_are_cut(void **state)
{
    uint64_t seed = 5;
    char noise[160];

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct text bytes = { noise, make_noise(&seed, noise, sizeof(noise)) };
        struct stream whole = stream_of(MAX), cut = stream_of(MAX);
        size_t pos = 0;

        stream_feed(&whole, bytes, 0);
        stream_feed(&whole, (struct text){ "", 0 }, 1);
        while (pos < bytes.len) {
            size_t len = 1 + next_random(&seed) % 20;

            len = len > bytes.len - pos ? bytes.len - pos : len;
            stream_feed(&cut, (struct text){ noise + pos, len }, 0);
            assert_true(cut.held.len <= MAX + 16 || strchr(cut.out.ptr, '!') != NULL);
            pos += len;
        }
        stream_feed(&cut, (struct text){ "", 0 }, 1);
        assert_int_equal(whole.out.len, cut.out.len);
        assert_memory_equal(whole.out.ptr, cut.out.ptr, whole.out.len);
        stream_release(&whole);
        stream_release(&cut);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_lf_cr_lf_or_nul),
        cmocka_unit_test(counted_messages_hold_what_would_end_a_line),
        cmocka_unit_test(counting_and_lines_are_told_apart_at_each_message),
        cmocka_unit_test(a_line_may_begin_with_a_number),
        cmocka_unit_test(who_has_counted_is_believed_without_a_priority),
        cmocka_unit_test(blank_lines_are_no_messages),
        cmocka_unit_test(what_is_too_long_becomes_pieces),
        cmocka_unit_test(no_character_is_cut_in_two),
        cmocka_unit_test(the_end_of_the_stream_ends_the_message),
        cmocka_unit_test(a_length_that_cannot_be_ends_the_conversation),
        cmocka_unit_test(random_streams_give_the_same_however_they_are_cut),
    };

    return cmocka_run_group_tests_name("syslog_framing", tests, NULL, NULL);
}
