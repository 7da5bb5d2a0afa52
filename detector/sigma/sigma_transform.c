#include "detector/sigma/sigma_transform.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What Windows takes for a dash before an option: also those that editors make of it. */
static const struct text dashes[] = {
    { "-", 1 }, { "/", 1 }, { "\xE2\x80\x93", 3 }, { "\xE2\x80\x94", 3 },
    { "\xE2\x80\x95", 3 },
};

enum { DASHES = sizeof(dashes) / sizeof(dashes[0]) };

static int
fail(const struct sigma_transforms *with, const char *why)
{
    err_set(with->err, "%s", why);
    return -1;
}

static int
add(const struct sigma_transforms *with, struct sigma_texts *texts,
    const struct pattern_tokens *tokens)
{
    if (texts->count == SIGMA_MAX_EXPANSION)
        return fail(with, "the value becomes more than 10,000 texts");
    if (texts->count == texts->cap) {
        size_t cap = texts->cap == 0 ? 8 : texts->cap * 2;
        struct pattern_tokens *grown = arena_alloc(with->arena, cap * sizeof(*grown));

        if (grown == NULL)
            return fail(with, "out of memory");
        if (texts->count > 0)
            memcpy(grown, texts->texts, texts->count * sizeof(*grown));
        texts->texts = grown;
        texts->cap = cap;
    }
    texts->texts[texts->count++] = *tokens;
    return 0;
}

/* --- pieces in place of parts of a text --- */

/* One of the pieces goes where `at` to `end` are. */
struct gap {
    size_t at, end;
    const struct pattern_tokens *pieces;
    size_t piece_count;
};

enum { MAX_GAPS = 8 };

/* `choice` says which piece is in each gap. */
static int
fill_gaps(const struct sigma_transforms *with, const struct pattern_tokens *from,
          const struct gap *gaps, size_t count, const size_t *choice,
          struct sigma_texts *texts)
{
    struct pattern_tokens made = { 0 };
    size_t len = from->len, at = 0;

    for (size_t g = 0; g < count; g++)
        len += gaps[g].pieces[choice[g]].len;
    if (with->arena->used + 2 * len > SIGMA_MAX_MEMORY)
        return fail(with, "what modifiers make of the values of all rules is over 256 MiB");
    made.kinds = arena_alloc(with->arena, len + 2);
    made.bytes = arena_alloc(with->arena, len + 2);
    if (made.kinds == NULL || made.bytes == NULL)
        return fail(with, "out of memory");
    for (size_t g = 0; g <= count; g++) {
        size_t end = g < count ? gaps[g].at : from->len;

        memcpy(made.kinds + made.len, from->kinds + at, end - at);
        memcpy(made.bytes + made.len, from->bytes + at, end - at);
        made.len += end - at;
        if (g == count)
            break;
        memcpy(made.kinds + made.len, gaps[g].pieces[choice[g]].kinds,
               gaps[g].pieces[choice[g]].len);
        memcpy(made.bytes + made.len, gaps[g].pieces[choice[g]].bytes,
               gaps[g].pieces[choice[g]].len);
        made.len += gaps[g].pieces[choice[g]].len;
        at = gaps[g].end;
    }
    return add(with, texts, &made);
}

/* Each piece of each gap with each of the others. */
static int
fill_all(const struct sigma_transforms *with, const struct pattern_tokens *from,
         const struct gap *gaps, size_t count, struct sigma_texts *texts)
{
    size_t choice[MAX_GAPS] = { 0 };

    for (;;) {
        size_t g = 0;

        if (fill_gaps(with, from, gaps, count, choice, texts) != 0)
            return -1;
        while (g < count && ++choice[g] == gaps[g].piece_count)
            choice[g++] = 0;
        if (g == count)
            return 0;
    }
}

/* --- windash --- */

static int
is_word(const struct pattern_tokens *text, size_t i)
{
    unsigned char c = i < text->len && text->kinds[i] == 'c' ? (unsigned char)text->bytes[i]
                                                              : '\0';

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c >= 0x80;
}

/* How long the dash at i is, 0 when there is none. */
static size_t
dash_len(const struct pattern_tokens *text, size_t i)
{
    for (size_t d = 0; d < DASHES; d++)
        if (text->len - i >= dashes[d].len && text->kinds[i] == 'c' &&
            memcmp(text->bytes + i, dashes[d].ptr, dashes[d].len) == 0)
            return dashes[d].len;
    return 0;
}

/* A dash begins an option when no word stands before it, and one does after it: the
 * second one of "-foo-bar" is of the word. */
static int
windash(const struct sigma_transforms *with, const struct pattern_tokens *from,
        struct sigma_texts *texts)
{
    struct pattern_tokens pieces[DASHES];
    struct gap gaps[MAX_GAPS];
    size_t count = 0, after_dash = 0;

    for (size_t d = 0; d < DASHES; d++)
        if (pattern_plain(with->arena, dashes[d], &pieces[d]) != 0)
            return fail(with, "out of memory");
    for (size_t i = 0; i < from->len; i++) {
        size_t len = dash_len(from, i);
        int is_first = i == 0 || i == after_dash || !is_word(from, i - 1);

        if (len == 0)
            continue;
        after_dash = i + len;
        if (is_first && is_word(from, i + len) && dash_len(from, i + len) == 0) {
            if (count == MAX_GAPS)
                return fail(with, "over 8 dashes are too many for windash");
            gaps[count++] = (struct gap){ i, i + len, pieces, DASHES };
        }
        i += len - 1;
    }
    return fill_all(with, from, gaps, count, texts);
}

/* --- expand --- */

static int
read_placeholder(const struct sigma_transforms *with, struct text name, struct gap *gap)
{
    const struct site_name *row = placeholders_find(with->placeholders, name);
    struct pattern_tokens *pieces;

    if (row == NULL) {
        err_set(with->err, "placeholder \"%%%.*s%%\" is not known (detector.placeholders)",
                (int)(name.len < 100 ? name.len : 100), name.ptr);
        return -1;
    }
    pieces = arena_alloc(with->arena, row->value_count * sizeof(*pieces));
    if (pieces == NULL)
        return fail(with, "out of memory");
    for (size_t i = 0; i < row->value_count; i++)
        if (pattern_read(with->arena, row->values[i], &pieces[i]) != 0)
            return fail(with, "out of memory");
    gap->pieces = pieces;
    gap->piece_count = row->value_count;
    return 0;
}

/* The end of the placeholder that begins at i, or 0. */
static size_t
placeholder_end(const struct pattern_tokens *text, size_t i)
{
    size_t end = i + 1;

    if (text->kinds[i] != 'c' || text->bytes[i] != '%')
        return 0;
    while (end < text->len && text->kinds[end] == 'c' &&
           placeholder_is_name_char(text->bytes[end]))
        end++;
    return end > i + 1 && end < text->len && text->kinds[end] == 'c' &&
           text->bytes[end] == '%' ? end + 1 : 0;
}

/* "\%" is a percent sign. */
static int
expand(const struct sigma_transforms *with, const struct pattern_tokens *from,
       struct sigma_texts *texts)
{
    static const struct pattern_tokens percent = { (char *)(uintptr_t)"c",
                                                   (char *)(uintptr_t)"%", 1 };
    struct gap gaps[MAX_GAPS];
    size_t count = 0;

    for (size_t i = 0; i < from->len; i++) {
        int is_escape = i + 1 < from->len && from->kinds[i] == 'c' && from->bytes[i] == '\\' &&
                        from->kinds[i + 1] == 'c' && from->bytes[i + 1] == '%';
        size_t end = is_escape ? i + 2 : placeholder_end(from, i);

        if (end == 0)
            continue;
        if (count == MAX_GAPS)
            return fail(with, "over 8 placeholders are too many");
        gaps[count] = (struct gap){ i, end, &percent, 1 };
        if (!is_escape &&
            read_placeholder(with, (struct text){ from->bytes + i + 1, end - i - 2 },
                             &gaps[count]) != 0)
            return -1;
        count++;
        i = end - 1;
    }
    return fill_all(with, from, gaps, count, texts);
}

/* --- encodings: the bytes of a text without wildcards become others --- */

static uint32_t
character_at(struct text text, size_t *at)
{
    static const unsigned char masks[] = { 0x7F, 0x7F, 0x1F, 0x0F, 0x07 };
    unsigned char lead = (unsigned char)text.ptr[*at];
    size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = lead & masks[len];

    for (size_t i = 1; i < len && *at + i < text.len; i++)
        c = c << 6 | ((unsigned char)text.ptr[*at + i] & 0x3F);
    *at += len;
    return c;
}

static void
put_unit(char *bytes, size_t *len, uint32_t unit, int is_big)
{
    bytes[*len + !is_big] = (char)(unit >> 8);
    bytes[*len + is_big] = (char)(unit & 0xFF);
    *len += 2;
}

/* A rule's texts are UTF-8 (yaml.h). */
static int
utf16(const struct sigma_transforms *with, enum sigma_transform kind, struct text from,
      struct sigma_texts *texts)
{
    int is_big = kind == TRANSFORM_UTF16BE;
    struct pattern_tokens made;
    char *bytes = arena_alloc(with->arena, from.len * 2 + 2);
    size_t len = 0, at = 0;

    if (bytes == NULL)
        return fail(with, "out of memory");
    if (!text_is_utf8(from))
        return fail(with, "what is no text any more cannot be written in UTF-16");
    if (kind == TRANSFORM_UTF16)
        put_unit(bytes, &len, 0xFEFF, 0);
    while (at < from.len) {
        uint32_t c = character_at(from, &at);

        if (c > 0xFFFF)
            put_unit(bytes, &len, 0xD800 + ((c - 0x10000) >> 10), is_big);
        put_unit(bytes, &len, c > 0xFFFF ? 0xDC00 + ((c - 0x10000) & 0x3FF) : c, is_big);
    }
    if (pattern_plain(with->arena, (struct text){ bytes, len }, &made) != 0)
        return fail(with, "out of memory");
    return add(with, texts, &made);
}

/* With `shift` bytes before it, of which none shows. */
static int
base64(const struct sigma_transforms *with, struct text from, size_t shift, int is_part,
       struct sigma_texts *texts)
{
    static const size_t skips[] = { 0, 2, 3 }, cuts[] = { 0, 3, 2 };
    size_t total = from.len + shift, len = 0;
    char *out = arena_alloc(with->arena, total / 3 * 4 + 5);
    struct pattern_tokens made;

    if (out == NULL)
        return fail(with, "out of memory");
    for (size_t i = 0; i < total; i += 3) {
        uint32_t three = 0;

        for (size_t k = i; k < i + 3; k++)
            three = three << 8 |
                    (k < shift || k >= total ? 0 : (unsigned char)from.ptr[k - shift]);
        for (size_t k = 0; k < 4; k++)
            out[len++] = i + k > total ? '=' : alphabet[three >> (18 - 6 * k) & 63];
    }
    if (is_part && len <= skips[shift] + cuts[total % 3])
        return fail(with, "too short for base64offset: nothing of it is always there");
    if (is_part)
        len -= cuts[total % 3] + skips[shift];
    if (pattern_plain(with->arena, (struct text){ out + (is_part ? skips[shift] : 0), len },
                      &made) != 0)
        return fail(with, "out of memory");
    return add(with, texts, &made);
}

static int
encode(const struct sigma_transforms *with, enum sigma_transform kind,
       const struct pattern_tokens *from, struct sigma_texts *texts)
{
    struct text bytes = { from->bytes, from->len };

    if (!pattern_is_plain(from))
        return fail(with, "a value with wildcards cannot be encoded");
    if (kind == TRANSFORM_BASE64)
        return base64(with, bytes, 0, 0, texts);
    if (kind != TRANSFORM_BASE64OFFSET)
        return utf16(with, kind, bytes, texts);
    for (size_t shift = 0; shift < 3; shift++)
        if (base64(with, bytes, shift, 1, texts) != 0)
            return -1;
    return 0;
}

int
sigma_transform_apply(const struct sigma_transforms *with, enum sigma_transform kind,
                      struct sigma_texts *texts)
{
    struct sigma_texts made = { 0 };

    for (size_t i = 0; i < texts->count; i++) {
        const struct pattern_tokens *from = &texts->texts[i];
        int rc = kind == TRANSFORM_WINDASH ? windash(with, from, &made)
                 : kind == TRANSFORM_EXPAND ? expand(with, from, &made)
                                            : encode(with, kind, from, &made);

        if (rc != 0)
            return -1;
    }
    *texts = made;
    return 0;
}
