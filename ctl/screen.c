#include "ctl/screen.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct range {
    uint32_t first, last;
};

/* Written out: what a terminal obeys, what turns lines around, what is not seen. */
static const struct range harmful[] = {
    { 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad }, { 0x061c, 0x061c },
    { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
    { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
};

/* Two cells: Unicode 15's East Asian Wide and Fullwidth, by block. */
static const struct range wide[] = {
    { 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x2329, 0x232a }, { 0x23e9, 0x23ec },
    { 0x25fd, 0x25fe }, { 0x2614, 0x2615 }, { 0x26a1, 0x26a1 }, { 0x2705, 0x2705 },
    { 0x274c, 0x274c }, { 0x2753, 0x2755 }, { 0x2757, 0x2757 }, { 0x2e80, 0x303e },
    { 0x3041, 0x33ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0xa4cf }, { 0xa960, 0xa97c },
    { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f },
    { 0xff01, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x16fe0, 0x18cff }, { 0x1b000, 0x1b2ff },
    { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1faff }, { 0x20000, 0x3fffd },
};

/* None: marks on the letter before, and the later parts of a Hangul syllable. */
static const struct range narrowless[] = {
    { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x0610, 0x061a },
    { 0x064b, 0x065f }, { 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a }, { 0x1160, 0x11ff },
    { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0x302a, 0x302d },
    { 0xd7b0, 0xd7ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

#define COUNT_OF(table) (sizeof table / sizeof table[0])

static int
is_in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return 1;
    return 0;
}

/* Take a character off; its length, and its code point or UINT32_MAX when the
 * first byte begins none. */
static size_t
next_char(struct text text, uint32_t *ret_c)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t len = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

    *ret_c = UINT32_MAX;
    if (len > text.len || !text_is_utf8((struct text){ text.ptr, len }))
        return 1;
    *ret_c = len == 1 ? at[0] : at[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *ret_c = *ret_c << 6 | (at[i] & 0x3f);
    return len;
}

/* A character as it is shown, at most 10 bytes; its cells. */
static size_t
show_char(struct text *rest, char out[16])
{
    uint32_t c;
    const char *at = rest->ptr;
    size_t len = next_char(*rest, &c);

    rest->ptr += len;
    rest->len -= len;
    if (c == UINT32_MAX)
        return (size_t)snprintf(out, 16, "\\x%02x", (unsigned)(unsigned char)*at);
    if (is_in(c, harmful, COUNT_OF(harmful)))
        return (size_t)snprintf(out, 16, c == '\n' ? "\\n" : c == '\t' ? "\\t"
                                         : c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
    memcpy(out, at, len);
    out[len] = '\0';
    if (is_in(c, narrowless, COUNT_OF(narrowless)))
        return 0;
    return is_in(c, wide, COUNT_OF(wide)) ? 2 : 1;
}

int
screen_escape(struct buf *out, struct text text)
{
    char shown[16];

    while (text.len > 0) {
        (void)show_char(&text, shown);
        if (buf_append_str(out, shown) != 0)
            return -1;
    }
    return 0;
}

size_t
screen_width(struct text text)
{
    char shown[16];
    size_t cells = 0;

    while (text.len > 0)
        cells += show_char(&text, shown);
    return cells;
}

int
screen_append_cell(struct buf *out, struct text text, size_t cells, int pad)
{
    int is_cut = screen_width(text) > cells;
    size_t used = 0, room = is_cut && cells > 0 ? cells - 1 : cells;
    char shown[16];

    while (text.len > 0) {
        size_t more = show_char(&text, shown);

        if (used + more > room)
            break;
        if (buf_append_str(out, shown) != 0)
            return -1;
        used += more;
    }
    if (is_cut && cells > 0) {
        if (buf_append_char(out, '~') != 0)
            return -1;
        used++;
    }
    return pad ? buf_printf(out, "%*s", (int)(cells - used), "") : 0;
}

int
screen_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

void
screen_size(size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size = { 0 };

    *ret_columns = *ret_rows = 0;
    if (!screen_is_terminal())
        return;
    *ret_columns = 80;
    *ret_rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *ret_columns = size.ws_col;
        *ret_rows = size.ws_row;
    }
}

void
screen_print_text(struct text text)
{
    struct buf out = { 0 };

    while (text.ptr != NULL && text.len > 0) {
        buf_clear(&out);
        if (screen_escape(&out, text_split(&text, '\n')) == 0)
            puts(out.ptr == NULL ? "" : out.ptr);
    }
    buf_release(&out);
}

void
screen_print_line(const char *text)
{
    struct buf out = { 0 };

    if (screen_escape(&out, text_of(text)) == 0)
        puts(out.ptr == NULL ? "" : out.ptr);
    buf_release(&out);
}

/* jansson writes DEL, C1 and the turning marks as they are. They can only stand
 * in strings, where \uHHHH means the same. */
static int
write_safely(FILE *out, const char *json)
{
    struct text rest = text_of(json);

    while (rest.len > 0) {
        uint32_t c;
        size_t len = next_char(rest, &c);

        if (c == '\n' || c == UINT32_MAX || !is_in(c, harmful, COUNT_OF(harmful)))
            fwrite(rest.ptr, 1, len, out);
        else if (c < 0x10000)
            fprintf(out, "\\u%04x", (unsigned)c);
        else
            fprintf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                    (unsigned)(0xdc00 + (c & 0x3ff)));
        rest.ptr += len;
        rest.len -= len;
    }
    return fputc('\n', out);
}

static void
print_json(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);

    write_safely(stdout, text == NULL ? "null" : text);
    free(text);
}

void
screen_print_json(const json_t *value)
{
    print_json(value, JSON_INDENT(2));
}

void
screen_print_json_line(const json_t *value)
{
    print_json(value, JSON_COMPACT);
}
