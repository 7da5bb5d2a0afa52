#include "proto/decode/pattern.h"

#include "proto/decode/decoded.h"

enum { WORD_MAX = 255, PORT_DIGITS = 5 };

struct search {
    struct captures caps;
    int is_lazy;                /* users as short as possible, not as long */
};

static int match_here(struct search *search, const char *pattern, struct text text);

static struct text
after(struct text text, size_t n)
{
    return (struct text){ text.ptr + n, text.len - n };
}

/* What can be told of the next byte, before anything that costs more. */
static int
could_match(const char *pattern, struct text text)
{
    if (*pattern == '\0')
        return text.len == 0;
    return *pattern == '%' || (text.len > 0 && *text.ptr == *pattern);
}

/* No host's name has it; texts put it around one. */
static int
sets_off(unsigned char c)
{
    switch (c) {
    case '[': case ']': case '(': case ')': case '{': case '}': case '<': case '>':
    case ',': case ';': case '"': case '\'':
        return 1;
    default:
        return 0;
    }
}

/* How many bytes at the start of text could be a word or a host. */
static size_t
span(struct text text, int is_host, size_t max)
{
    size_t n = 0;

    while (n < text.len && n < max) {
        unsigned char c = (unsigned char)text.ptr[n];

        if (c <= ' ' || c == 0x7f)
            break;
        if (is_host && sets_off(c))
            break;
        n++;
    }
    return n;
}

static int
match_word(struct search *search, char kind, const char *pattern, struct text text)
{
    for (size_t n = span(text, kind == 'a' || kind == 'i', WORD_MAX); n > 0; n--) {
        struct text word = { text.ptr, n };

        if (!could_match(pattern, after(text, n)))
            continue;
        if (kind == 'i' && !decoded_is_address(word))
            continue;
        if (!match_here(search, pattern, after(text, n)))
            continue;
        if (kind == 'm')
            search->caps.method = word;
        else if (kind != 'w')
            search->caps.address = word;
        return 1;
    }
    return 0;
}

static int
match_user(struct search *search, char kind, const char *pattern, struct text text)
{
    size_t max = text.len < PATTERN_USER_MAX ? text.len : PATTERN_USER_MAX;

    for (size_t i = 0; i <= max; i++) {
        size_t n = search->is_lazy ? i : max - i;

        if (!could_match(pattern, after(text, n)) ||
            !match_here(search, pattern, after(text, n)))
            continue;
        if (kind == 'u')
            search->caps.user = (struct text){ text.ptr, n };
        return 1;
    }
    return 0;
}

static int
match_port(struct search *search, const char *pattern, struct text text)
{
    int64_t port;
    size_t n = 0;

    while (n < text.len && n < PORT_DIGITS && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;

    if (text_to_int((struct text){ text.ptr, n }, 0, 65535, &port) != 0 ||
        !match_here(search, pattern, after(text, n)))
        return 0;

    search->caps.port = (int)port;
    return 1;
}

/* A capture calls back for what follows it: as deep as a template has
 * captures, and templates are ours. */
static int
match_here(struct search *search, const char *pattern, struct text text)
{
    for (; *pattern != '\0' && *pattern != '%'; pattern++) {
        if (text.len == 0 || text.ptr[0] != *pattern)
            return 0;
        text = after(text, 1);
    }

    if (*pattern == '\0')
        return text.len == 0;

    switch (pattern[1]) {
    case '*':
        return 1;
    case 'p':
        return match_port(search, pattern + 2, text);
    case 'u':
    case 's':
        return match_user(search, pattern[1], pattern + 2, text);
    default:
        return match_word(search, pattern[1], pattern + 2, text);
    }
}

static int
is_same(const struct captures *a, const struct captures *b)
{
    return text_equals(a->user, b->user) && text_equals(a->address, b->address) &&
           a->address.ptr == b->address.ptr && a->port == b->port;
}

int
pattern_match(const char *pattern, struct text text, struct captures *ret_caps)
{
    struct search longest = { .caps = { .port = -1 } };
    struct search shortest = { .caps = { .port = -1 }, .is_lazy = 1 };

    /* Most templates are refused by their first letter. */
    if (!could_match(pattern, text) || !match_here(&longest, pattern, text))
        return 0;

    if (text_ends_with(text_of(pattern), "%*")) {
        (void)match_here(&shortest, pattern, text);
        if (!is_same(&longest.caps, &shortest.caps)) {
            longest.caps.user = (struct text){ NULL, 0 };
            longest.caps.address = (struct text){ NULL, 0 };
            longest.caps.port = -1;
            longest.caps.is_ambiguous = 1;
        }
    }

    *ret_caps = longest.caps;
    return 1;
}
