#include "detector/text/pattern.h"

#include <string.h>

static void
token_add(struct pattern_tokens *tokens, char kind, char byte)
{
    if (kind == '*' && tokens->len > 0 && tokens->kinds[tokens->len - 1] == '*')
        return;             /* "**" means no more than "*" */
    tokens->kinds[tokens->len] = kind;
    tokens->bytes[tokens->len++] = byte;
}

static int
tokens_alloc(struct arena *arena, size_t len, struct pattern_tokens *tokens)
{
    *tokens = (struct pattern_tokens){ arena_alloc(arena, len + 2),
                                       arena_alloc(arena, len + 2), 0 };
    return tokens->kinds == NULL || tokens->bytes == NULL ? -1 : 0;
}

static int
is_escape(struct text value, size_t i)
{
    return value.ptr[i] == '\\' && i + 1 < value.len &&
           (value.ptr[i + 1] == '*' || value.ptr[i + 1] == '?' ||
            value.ptr[i + 1] == '\\');
}

int
pattern_read(struct arena *arena, struct text value, struct pattern_tokens *ret_tokens)
{
    if (tokens_alloc(arena, value.len, ret_tokens) != 0)
        return -1;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (is_escape(value, i))
            token_add(ret_tokens, 'c', value.ptr[++i]);
        else if (c == '*' || c == '?')
            token_add(ret_tokens, c, 0);
        else
            token_add(ret_tokens, 'c', c);
    }
    return 0;
}

int
pattern_plain(struct arena *arena, struct text bytes, struct pattern_tokens *ret_tokens)
{
    if (tokens_alloc(arena, bytes.len, ret_tokens) != 0)
        return -1;
    if (bytes.len == 0)
        return 0;
    memset(ret_tokens->kinds, 'c', bytes.len);
    memcpy(ret_tokens->bytes, bytes.ptr, bytes.len);
    ret_tokens->len = bytes.len;
    return 0;
}

int
pattern_is_plain(const struct pattern_tokens *tokens)
{
    for (size_t i = 0; i < tokens->len; i++)
        if (tokens->kinds[i] != 'c')
            return 0;
    return 1;
}

/* Which byte of a literal stands in the fewest logs: anything but a letter or a space,
 * else the letter that English uses least. */
static size_t
rarest(struct text literal)
{
    static const char common[] = "zqxjkvbpygfwmucldrhsnioate ";
    size_t best = 0, best_rank = sizeof(common);

    for (size_t i = 0; i < literal.len; i++) {
        const char *found = literal.ptr[i] == '\0' ? NULL
                                                   : strchr(common, fold_char(literal.ptr[i]));
        size_t rank = found == NULL ? 0 : (size_t)(found - common) + 1;

        if (rank < best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* Most patterns are one literal with an open end or two: those need no
 * general matching. */
static void
pattern_shape_find(struct pattern *pattern)
{
    size_t from = 0, to = pattern->len;
    int open_start = 0, open_end = 0;

    if (to > 0 && pattern->kinds[0] == '*') {
        open_start = 1;
        from = 1;
    }
    if (to > from && pattern->kinds[to - 1] == '*') {
        open_end = 1;
        to--;
    }
    for (size_t i = from; i < to; i++)
        if (pattern->kinds[i] != 'c') {
            pattern->shape = PATTERN_GLOB;
            return;
        }
    pattern->literal = (struct text){ pattern->bytes + from, to - from };
    pattern->anchor = rarest(pattern->literal);
    if (open_start && pattern->len == 1)
        pattern->shape = PATTERN_ANY;
    else if (open_start && open_end)
        pattern->shape = PATTERN_CONTAINS;
    else if (open_start)
        pattern->shape = PATTERN_SUFFIX;
    else
        pattern->shape = open_end ? PATTERN_PREFIX : PATTERN_EXACT;
}

void
pattern_make(struct pattern_tokens *tokens, unsigned open, int is_cased,
             struct pattern *ret_pattern)
{
    for (size_t i = 0; !is_cased && i < tokens->len; i++)
        tokens->bytes[i] = fold_char(tokens->bytes[i]);
    if (open & PATTERN_OPEN_START && (tokens->len == 0 || tokens->kinds[0] != '*')) {
        memmove(tokens->kinds + 1, tokens->kinds, tokens->len);
        memmove(tokens->bytes + 1, tokens->bytes, tokens->len);
        tokens->kinds[0] = '*';
        tokens->bytes[0] = 0;
        tokens->len++;
    }
    if (open & PATTERN_OPEN_END)
        token_add(tokens, '*', 0);
    *ret_pattern = (struct pattern){ .is_cased = is_cased, .kinds = tokens->kinds,
                                     .bytes = tokens->bytes, .len = tokens->len };
    pattern_shape_find(ret_pattern);
}

int
pattern_parse(struct arena *arena, struct text value, unsigned open, int is_cased,
              struct pattern *ret_pattern)
{
    struct pattern_tokens tokens;

    if (pattern_read(arena, value, &tokens) != 0)
        return -1;
    pattern_make(&tokens, open, is_cased, ret_pattern);
    return 0;
}

static int
same_at(const struct pattern *pattern, const char *text)
{
    const char *literal = pattern->literal.ptr;
    size_t len = pattern->literal.len;

    if (pattern->is_cased)
        return len == 0 || memcmp(literal, text, len) == 0;     /* an empty text may be NULL */
    for (size_t i = 0; i < len; i++)
        if (literal[i] != fold_char(text[i]))
            return 0;
    return 1;
}

static const char *
next_of(const char *from, const char *end, char c)
{
    const char *at = from < end ? memchr(from, c, (size_t)(end - from)) : NULL;

    return at == NULL ? end : at;
}

/* Only where the anchor stands, in either case, is more to be looked at. */
static int
contains(const struct pattern *pattern, struct text text)
{
    char c = pattern->literal.ptr[pattern->anchor];
    int has_two = !pattern->is_cased && c >= 'a' && c <= 'z';
    const char *begin = text.ptr + pattern->anchor;
    const char *end = begin + (text.len - pattern->literal.len) + 1;
    const char *small = next_of(begin, end, c);
    const char *large = has_two ? next_of(begin, end, (char)(c & ~0x20)) : end;

    while (small < end || large < end) {
        const char *at = small < large ? small : large;

        if (same_at(pattern, at - pattern->anchor))
            return 1;
        if (at == small)
            small = next_of(at + 1, end, c);
        else
            large = next_of(at + 1, end, (char)(c & ~0x20));
    }
    return 0;
}

/* The length of the UTF-8 character at text.ptr[i], at least 1. */
static size_t
character_len(struct text text, size_t i)
{
    size_t n = 1;

    if ((text.ptr[i] & 0xC0) != 0xC0)
        return 1;
    while (i + n < text.len && n < 4 && (text.ptr[i + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* After a mismatch only the last "*" needs to take one character more: a byte more, and
 * a "?" after it would match within one. */
static int
glob_matches(const struct pattern *pattern, struct text text)
{
    size_t p = 0, t = 0, star = (size_t)-1, star_text = 0;

    while (t < text.len) {
        char c = pattern->is_cased ? text.ptr[t] : fold_char(text.ptr[t]);

        if (p < pattern->len && pattern->kinds[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern->len && pattern->kinds[p] == '?') {
            t += character_len(text, t);
            p++;
        } else if (p < pattern->len && pattern->bytes[p] == c) {
            t++;
            p++;
        } else if (star != (size_t)-1) {
            p = star + 1;
            star_text += character_len(text, star_text);
            t = star_text;
        } else {
            return 0;
        }
    }
    while (p < pattern->len && pattern->kinds[p] == '*')
        p++;
    return p == pattern->len;
}

int
pattern_matches(const struct pattern *pattern, struct text text)
{
    size_t len = pattern->literal.len;

    if (pattern->shape == PATTERN_GLOB)
        return glob_matches(pattern, text);
    if (text.len < len)
        return 0;
    switch (pattern->shape) {
    case PATTERN_EXACT:
        return text.len == len && same_at(pattern, text.ptr);
    case PATTERN_PREFIX:
        return same_at(pattern, text.ptr);
    case PATTERN_SUFFIX:
        return same_at(pattern, text.ptr + text.len - len);
    case PATTERN_CONTAINS:
        return len == 0 || contains(pattern, text);
    default:
        return 1;
    }
}

int
fold_compare(struct text a, struct text b)
{
    if (a.len == b.len && a.len > 0 && memcmp(a.ptr, b.ptr, a.len) == 0)
        return 0;
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        unsigned char x = (unsigned char)fold_char(a.ptr[i]), y = (unsigned char)fold_char(b.ptr[i]);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}
