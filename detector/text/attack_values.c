#include "detector/text/attack.h"

#include <ctype.h>
#include <string.h>

enum { MAX_REQUEST = 8 * 1024, MAX_REQUESTS = 16 };

enum attack_kind
attack_field_kind(struct text name)
{
    if (text_is(name, "raw_log") || text_is(name, "description"))
        return ATTACK_IN_TEXT;
    return text_ends_with(name, "query") ? ATTACK_IN_QUERY : ATTACK_IN_VALUE;
}

struct attack_search {
    unsigned wanted, found;     /* ATTACK_BITs */
    struct buf *scratch;
};

static int
is_over(const struct attack_search *search)
{
    return search->found == search->wanted;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode in place; the number of "%XX" that were there. */
static size_t
percent_decode(struct text *value, char *space)
{
    size_t n = 0, decoded = 0;

    for (size_t i = 0; i < value->len; i++, n++) {
        char c = value->ptr[i];
        int high = c == '%' && i + 2 < value->len ? hex_digit(value->ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(value->ptr[i + 2]) : -1;

        if (low >= 0) {
            space[n] = (char)(high << 4 | low);
            i += 2;
            decoded++;
        } else {
            space[n] = c == '+' ? ' ' : c;
        }
    }
    *value = (struct text){ space, n };
    return decoded;
}

/* Percent-decoded up to twice: %2527 is a quote behind two servers. */
static void
in_encoded(struct text value, struct attack_search *search)
{
    if (value.len > ATTACK_MAX_VALUE)
        value.len = ATTACK_MAX_VALUE;
    if (attack_is_harmless(value) || buf_reserve(search->scratch, value.len + 1) != 0)
        return;
    for (int round = 0; round < 2 && !is_over(search); round++) {
        size_t decoded = percent_decode(&value, search->scratch->ptr);

        search->found |= attack_in_value(value, search->wanted & ~search->found);
        if (decoded == 0)
            break;
    }
}

static struct text
cut_at(struct text *rest, const char *separators)
{
    struct text piece = *rest;
    size_t n = 0;

    while (n < rest->len && strchr(separators, rest->ptr[n]) == NULL)
        n++;
    piece.len = n;
    if (n < rest->len)
        *rest = (struct text){ rest->ptr + n + 1, rest->len - n - 1 };
    else
        *rest = (struct text){ NULL, 0 };
    return piece;
}

static void
in_parameter(struct text value, struct attack_search *search)
{
    struct text key = text_split(&value, '=');

    in_encoded(key, search);
    if (value.ptr != NULL)
        in_encoded(value, search);
}

/* A ";" separates parameters, but an injection may hold one: try both. */
static void
in_query(struct text query, struct attack_search *search)
{
    while (query.ptr != NULL && !is_over(search)) {
        struct text whole = cut_at(&query, "&"), rest = whole;

        in_parameter(whole, search);
        if (memchr(whole.ptr, ';', whole.len) == NULL)
            continue;
        while (rest.ptr != NULL && !is_over(search))
            in_parameter(cut_at(&rest, ";"), search);
    }
}

static int
is_encoded(struct text word)
{
    for (size_t i = 0; i + 2 < word.len; i++)
        if (word.ptr[i] == '%' && hex_digit(word.ptr[i + 1]) >= 0 &&
            hex_digit(word.ptr[i + 2]) >= 0)
            return 1;
    return 0;
}

/* 1 when ".." leads above where the path begins. */
static int
climbs_out(struct text path)
{
    long depth = 0;

    while (path.ptr != NULL && depth >= 0) {
        struct text piece = cut_at(&path, "/\\");

        if (text_is(piece, ".."))
            depth--;
        else if (piece.len > 0 && !text_is(piece, "."))
            depth++;
    }
    return depth < 0;
}

static void
in_whole_path(struct text path, struct attack_search *search)
{
    unsigned traversal = ATTACK_BIT(ATTACK_PATH_TRAVERSAL) & search->wanted & ~search->found;

    if (path.len > ATTACK_MAX_VALUE)
        path.len = ATTACK_MAX_VALUE;
    if (traversal == 0 || buf_reserve(search->scratch, path.len + 1) != 0)
        return;
    for (int round = 0; round < 2 && (search->found & traversal) == 0; round++) {
        size_t decoded = percent_decode(&path, search->scratch->ptr);

        if (climbs_out(path))
            search->found |= traversal;
        else
            search->found |= attack_in_value(path, traversal);
        if (decoded == 0)
            break;
    }
}

/* Of a path, pieces that hide something; "../" shows only in the whole. */
static void
in_path(struct text path, struct attack_search *search)
{
    if (text_find(path, "..") != NULL || text_find(path, "%2") != NULL ||
        text_find(path, "%5") != NULL || text_find(path, "%c") != NULL)
        in_whole_path(path, search);
    if (!is_encoded(path))
        return;
    while (path.ptr != NULL && !is_over(search)) {
        struct text piece = cut_at(&path, "/");

        if (is_encoded(piece))
            in_encoded(piece, search);
    }
}

/* A word of a log line: an URL's query, and its path. */
static void
in_word(struct text word, struct attack_search *search)
{
    const char *mark = memchr(word.ptr, '?', word.len);
    struct text path = word;

    if (mark != NULL) {
        struct text query = { mark + 1, word.len - (size_t)(mark + 1 - word.ptr) };

        path.len = (size_t)(mark - word.ptr);
        in_query(query, search);
    } else if (is_encoded(path) && memchr(path.ptr, '=', path.len) != NULL) {
        in_query(path, search);     /* a form's body; or a path that compares something */
    }
    in_path(path, search);
}

/* "GET /a?b=c d HTTP/1.1": a query that was logged with its spaces. It goes
 * to the protocol, the closing quote or the end of the line. */
static void
in_request(struct text text, size_t mark, struct attack_search *search)
{
    struct text query = { text.ptr + mark + 1, 0 };
    const char *protocol;
    size_t i = mark + 1;

    while (i < text.len && i - mark <= MAX_REQUEST && text.ptr[i] != '\n' &&
           (text.ptr[i] != '"' || text.ptr[i - 1] == '\\'))
        i++;
    query.len = i - mark - 1;
    if (memchr(query.ptr, ' ', query.len) == NULL)
        return;                 /* read as a word already */
    protocol = text_find(query, " HTTP/");
    if (protocol != NULL)
        query.len = (size_t)(protocol - query.ptr);
    in_query(query, search);
}

/* 1 when the word at `at` is an URL after a method: its query may have spaces. */
static int
follows_method(struct text text, size_t at)
{
    static const char *const methods[] = { "GET ", "POST ", "PUT ", "DELETE ", "PATCH ",
                                           "HEAD ", "OPTIONS " };
    struct text before = { text.ptr, at };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (text_ends_with(before, methods[i]))
            return 1;
    return 0;
}

static int
is_word_end(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '"' || c == '<' ||
           c == '>';
}

/* Paths and commands are what people write about. */
static void
in_word_of_prose(struct text word, struct attack_search *search)
{
    unsigned wanted = search->wanted;

    search->wanted &= search->found | ATTACK_BIT(ATTACK_SQLI) | ATTACK_BIT(ATTACK_XSS);
    if (!is_over(search))
        in_word(word, search);
    search->wanted = wanted;
}

static void
in_words(struct text text, struct attack_search *search)
{
    size_t start = 0, requests = 0;

    for (size_t i = 0; i <= text.len && !is_over(search); i++) {
        struct text word = { text.ptr + start, i - start };
        const char *mark;

        if (i < text.len && !is_word_end(text.ptr[i]))
            continue;
        if (word.len > 3 && follows_method(text, start))
            in_word(word, search);
        else if (word.len > 3)
            in_word_of_prose(word, search);
        mark = word.len > 0 ? memchr(word.ptr, '?', word.len) : NULL;
        if (mark != NULL && follows_method(text, start) && requests++ < MAX_REQUESTS)
            in_request(text, (size_t)(mark - text.ptr), search);
        start = i + 1;
    }
}

/* Most lines have neither a query nor anything encoded. Prose is looked through
 * for SQL alone: commands and paths are what people write about. */
static void
in_text(struct text text, struct attack_search *search)
{
    if (memchr(text.ptr, '?', text.len) != NULL || memchr(text.ptr, '%', text.len) != NULL ||
        text_find(text, "../") != NULL)
        in_words(text, search);
    if ((search->wanted & ~search->found & ATTACK_BIT(ATTACK_SQLI)) != 0 && attack_in_prose(text))
        search->found |= ATTACK_BIT(ATTACK_SQLI);
}

unsigned
attack_in_field(enum attack_kind kind, struct text text, unsigned wanted, struct buf *scratch)
{
    struct attack_search search = { .wanted = wanted, .scratch = scratch };

    if (text.len == 0)
        return 0;
    if (kind == ATTACK_IN_QUERY) {
        in_query(text, &search);
        return search.found;
    }
    if (kind == ATTACK_IN_VALUE) {
        in_encoded(text, &search);
        in_word(text, &search);
    }
    in_text(text, &search);
    return search.found;
}
