/*
 * Is a regular expression one that backtracks without end? What is looked for is a
 * repetition whose body can be divided in several ways: it holds another repetition, and
 * nothing that must stand between two rounds and cannot be part of them. So (a+)+ and
 * (\w+\d)* are, while (\s+\w+)* is not. What the pattern's syntax hides is taken for harmless.
 */
#include <string.h>

#include "detector/ruleset/lint.h"

enum { SET_WORDS = 4, MAX_DEPTH = 30, MAX_PIECES = 64 };

/* Bytes that a piece of the pattern may consist of. */
struct set {
    uint64_t words[SET_WORDS];
};

/* A piece: what it is of; whether it must be there; whether it is one character; and whether
 * rounds of it can be told apart in several ways. */
struct piece {
    struct set of;
    int must, is_single, is_loose;
};

struct reader {
    struct text rest;
    int depth, is_slow;
};

static struct piece read_choices(struct reader *r);

static void
set_add(struct set *set, unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to && c < 256; c++)
        set->words[c / 64] |= UINT64_C(1) << c % 64;
}

static void
set_join(struct set *set, const struct set *other)
{
    for (size_t i = 0; i < SET_WORDS; i++)
        set->words[i] |= other->words[i];
}

static void
set_invert(struct set *set)
{
    for (size_t i = 0; i < SET_WORDS; i++)
        set->words[i] = ~set->words[i];
}

static int
set_meets(const struct set *a, const struct set *b)
{
    uint64_t common = 0;

    for (size_t i = 0; i < SET_WORDS; i++)
        common |= a->words[i] & b->words[i];
    return common != 0;
}

static int
peek(const struct reader *r)
{
    return r->rest.len == 0 ? -1 : (unsigned char)r->rest.ptr[0];
}

static int
take(struct reader *r)
{
    int c = peek(r);

    if (c >= 0) {
        r->rest.ptr++;
        r->rest.len--;
    }
    return c;
}

static int
take_if(struct reader *r, int wanted)
{
    return peek(r) == wanted ? take(r) : -1;
}

/* \d and its like; 0 when it is none. */
static int
add_class(struct set *set, int name)
{
    struct set of = { { 0 } };

    switch (name | 0x20) {
    case 'd':
        set_add(&of, '0', '9');
        break;
    case 'w':
        set_add(&of, '0', '9');
        set_add(&of, 'A', 'Z');
        set_add(&of, 'a', 'z');
        set_add(&of, '_', '_');
        break;
    case 's':
        set_add(&of, '\t', '\r');
        set_add(&of, ' ', ' ');
        break;
    default:
        return 0;
    }
    if (name < 'a')
        set_invert(&of);
    set_join(set, &of);
    return 1;
}

/* After a backslash: the set of what it stands for; 0 when it takes no character (\b). */
static int
take_escape(struct reader *r, struct set *set)
{
    int c = take(r);
    static const char controls[] = "tnrfae", meant[] = "\t\n\r\f\a\033";

    if (c < 0 || add_class(set, c))
        return c >= 0;
    if (strchr("bBAzZGK", c) != NULL)
        return 0;
    if (c == 'x' || c == 'u' || (c >= '0' && c <= '9')) {
        /* a byte by its number, or a group again: anything */
        set_add(set, 0, 255);
        while (c == 'x' && peek(r) >= 0 && strchr("0123456789abcdefABCDEF{}", peek(r)) != NULL)
            take(r);
        return 1;
    }
    if (c > 0 && strchr(controls, c) != NULL)
        c = (unsigned char)meant[strchr(controls, c) - controls];
    set_add(set, (unsigned)c, (unsigned)c);
    return 1;
}

static void
take_brackets(struct reader *r, struct set *set)
{
    int is_not = take_if(r, '^') >= 0, is_first = 1, from, to;

    for (; peek(r) >= 0 && (is_first || peek(r) != ']'); is_first = 0) {
        from = take(r);
        if (from == '[' && peek(r) == ':') {
            set_add(set, 0, 255);
            while (peek(r) >= 0 && take(r) != ']')
                ;
            continue;
        }
        if (from == '\\') {
            take_escape(r, set);
            continue;
        }
        to = from;
        if (r->rest.len > 1 && peek(r) == '-' && r->rest.ptr[1] != ']') {
            take(r);
            to = take(r);
            if (to == '\\')
                to = take(r);
        }
        set_add(set, (unsigned)from, (unsigned)(to < from ? from : to));
    }
    take(r);
    if (is_not)
        set_invert(set);
}

/* Both cases, whether or not they matter. */
static void
set_fold(struct set *set)
{
    for (unsigned c = 'A'; c <= 'Z'; c++) {
        struct set one = { { 0 } }, other = { { 0 } };

        set_add(&one, c, c);
        set_add(&other, c | 0x20, c | 0x20);
        if (set_meets(set, &one) || set_meets(set, &other)) {
            set_join(set, &one);
            set_join(set, &other);
        }
    }
}

/* "(?...": what only looks takes no characters. 1 when it is such, 2 when it keeps what it
 * took, so that there is one way alone. */
static int
take_group_kind(struct reader *r)
{
    int c;

    if (take_if(r, '?') < 0)
        return 0;
    c = take(r);
    if (c == '=' || c == '!')
        return 1;
    if (c == '<' && (peek(r) == '=' || peek(r) == '!')) {
        take(r);
        return 1;
    }
    if (c == '>')
        return 2;
    if (c == '<' || c == 'P' || c == '\'') {
        while (peek(r) >= 0 && strchr(">')", peek(r)) == NULL)
            take(r);
        take(r);
        return 0;
    }
    while (c >= 0 && c != ':' && peek(r) != ')')
        c = take(r);
    return 0;
}

static struct piece
take_group(struct reader *r)
{
    int kind = take_group_kind(r), was_slow = r->is_slow;
    struct piece piece;

    if (++r->depth > MAX_DEPTH)
        r->rest.len = 0;
    piece = read_choices(r);
    r->depth--;
    take_if(r, ')');
    if (kind == 1)
        piece = (struct piece){ .must = 0 };
    if (kind == 2) {
        piece.is_loose = 0;
        r->is_slow = was_slow;
    }
    return piece;
}

static struct piece
take_one(struct reader *r)
{
    struct piece piece = { .must = 1, .is_single = 1 };
    int c = take(r);

    switch (c) {
    case '(':
        return take_group(r);
    case '[':
        take_brackets(r, &piece.of);
        break;
    case '.':
        set_add(&piece.of, 0, 255);
        break;
    case '\\':
        piece.must = take_escape(r, &piece.of);
        break;
    case '^':
    case '$':
        piece.must = 0;
        break;
    default:
        set_add(&piece.of, (unsigned)c, (unsigned)c);
    }
    set_fold(&piece.of);
    return piece;
}

/* "*", "+", "?", "{n,m}" and what follows it. *ret_least, and whether there is no most; 0
 * when there is none. */
static int
take_count(struct reader *r, int *ret_least, int *ret_endless)
{
    struct reader ahead = *r;
    int c = take(&ahead), digits = 0;

    *ret_least = c == '+' ? 1 : 0;
    *ret_endless = c == '*' || c == '+';
    if (c == '{') {
        for (; peek(&ahead) >= '0' && peek(&ahead) <= '9'; digits++)
            *ret_least |= take(&ahead) != '0';
        if (take_if(&ahead, ',') >= 0) {
            *ret_endless = peek(&ahead) == '}';
            while (peek(&ahead) >= '0' && peek(&ahead) <= '9')
                take(&ahead);
        }
        if (digits == 0 || take(&ahead) != '}')
            return 0;
    } else if (c != '*' && c != '+' && c != '?') {
        return 0;
    }
    if (take_if(&ahead, '+') >= 0)
        *ret_endless = 0;       /* it keeps what it took */
    else
        take_if(&ahead, '?');
    *r = ahead;
    return 1;
}

/* Nothing that can fail comes after it: then it never goes back. */
static int
is_last(const struct reader *r)
{
    for (size_t i = 0; i < r->rest.len; i++)
        if (r->rest.ptr[i] != ')')
            return 0;
    return 1;
}

/* A piece with what is said of its number. */
static struct piece
take_counted(struct reader *r)
{
    struct piece piece = take_one(r);
    int least, is_endless;

    if (!take_count(r, &least, &is_endless))
        return piece;
    if (is_endless && piece.is_loose && !is_last(r))
        r->is_slow = 1;
    piece.is_single = 0;
    piece.is_loose |= is_endless;
    piece.must &= least;
    return piece;
}

/* A repetition among pieces is fenced in by one that must be there, and has nothing in common
 * with it. */
static int
is_fenced(const struct piece *pieces, size_t count, size_t at)
{
    for (size_t i = 0; i < count; i++)
        if (i != at && pieces[i].must && !set_meets(&pieces[i].of, &pieces[at].of))
            return 1;
    return 0;
}

/* Pieces after one another. */
static struct piece
read_sequence(struct reader *r)
{
    struct piece pieces[MAX_PIECES], whole = { .must = 0 };
    size_t count = 0;

    while (peek(r) >= 0 && peek(r) != '|' && (peek(r) != ')' || r->depth == 0)) {
        struct piece piece = take_counted(r);

        whole.must |= piece.must;
        set_join(&whole.of, &piece.of);
        if (count < MAX_PIECES)
            pieces[count++] = piece;
    }
    for (size_t i = 0; i < count && count < MAX_PIECES; i++)
        whole.is_loose |= pieces[i].is_loose && !is_fenced(pieces, count, i);
    whole.is_single = count == 1 && pieces[0].is_single;
    return whole;
}

static struct piece
read_choices(struct reader *r)
{
    struct piece whole = read_sequence(r);
    struct set singles = { { 0 } };

    if (whole.is_single)
        singles = whole.of;
    while (take_if(r, '|') >= 0) {
        struct piece other = read_sequence(r);

        if (other.is_single) {
            whole.is_loose |= set_meets(&singles, &other.of);
            set_join(&singles, &other.of);
        }
        whole.is_loose |= other.is_loose;
        whole.must &= other.must;
        set_join(&whole.of, &other.of);
    }
    whole.is_single = 0;
    return whole;
}

int
lint_regex_is_slow(struct text pattern)
{
    struct reader r = { .rest = pattern };

    read_choices(&r);
    return r.is_slow;
}
