#include "detector/sqli.h"

#include <ctype.h>
#include <string.h>

/* From libinjection, inside libmodsecurity.a; no header is installed. */
int libinjection_sqli(const char *input, size_t len, char fingerprint[]);

enum { MAX_VALUE = 64 * 1024, MAX_REQUEST = 8 * 1024, MAX_REQUESTS = 16 };

enum sqli_kind
sqli_field_kind(struct text name)
{
    if (text_is(name, "raw_log") || text_is(name, "description"))
        return SQLI_TEXT;
    return text_ends_with(name, "query") ? SQLI_QUERY : SQLI_VALUE;
}

/* Words, numbers and file names are most of what is asked: they hide nothing. */
static int
is_harmless(struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (!isalnum(c) && c != '_' && c != '.')
            return 0;
    }
    return 1;
}

int
sqli_in_value(struct text value)
{
    char fingerprint[16];

    if (value.len < 3 || is_harmless(value))
        return 0;
    if (value.len > MAX_VALUE)
        value.len = MAX_VALUE;
    return libinjection_sqli(value.ptr, value.len, fingerprint) == 1;
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

static int
in_encoded(struct text value, struct buf *scratch)
{
    if (value.len > MAX_VALUE)
        value.len = MAX_VALUE;
    if (is_harmless(value) || buf_reserve(scratch, value.len + 1) != 0)
        return 0;
    for (int round = 0; round < 2; round++) {
        size_t decoded = percent_decode(&value, scratch->ptr);

        if (sqli_in_value(value))
            return 1;
        if (decoded == 0)
            break;
    }
    return 0;
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

/* A ";" separates parameters, but an injection may hold one: try both. */
int
sqli_in_query(struct text query, struct buf *scratch)
{
    while (query.ptr != NULL) {
        struct text whole = cut_at(&query, "&"), rest = whole, value = whole;
        struct text key = text_split(&value, '=');

        if (in_encoded(key, scratch) ||
            (value.ptr != NULL && in_encoded(value, scratch)))
            return 1;
        if (memchr(whole.ptr, ';', whole.len) == NULL)
            continue;
        while (rest.ptr != NULL) {
            value = cut_at(&rest, ";");
            key = text_split(&value, '=');
            if (in_encoded(key, scratch) ||
                (value.ptr != NULL && in_encoded(value, scratch)))
                return 1;
        }
    }
    return 0;
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

/* A word of a log line: an URL's query, and encoded pieces of its path. */
static int
in_word(struct text word, struct buf *scratch)
{
    const char *mark = memchr(word.ptr, '?', word.len);
    struct text path = word;

    if (mark != NULL) {
        struct text query = { mark + 1, word.len - (size_t)(mark + 1 - word.ptr) };

        path.len = (size_t)(mark - word.ptr);
        if (sqli_in_query(query, scratch))
            return 1;
    }
    if (!is_encoded(path))
        return 0;
    if (mark == NULL && memchr(path.ptr, '=', path.len) != NULL)
        return sqli_in_query(path, scratch);
    while (path.ptr != NULL) {
        struct text piece = cut_at(&path, "/");

        if (is_encoded(piece) && in_encoded(piece, scratch))
            return 1;
    }
    return 0;
}

/* "GET /a?b=c d HTTP/1.1": a query that was logged with its spaces. It goes
 * to the protocol, the closing quote or the end of the line. */
static int
in_request(struct text text, size_t mark, struct buf *scratch)
{
    struct text query = { text.ptr + mark + 1, 0 };
    const char *protocol;
    size_t i = mark + 1;

    while (i < text.len && i - mark <= MAX_REQUEST && text.ptr[i] != '\n' &&
           (text.ptr[i] != '"' || text.ptr[i - 1] == '\\'))
        i++;
    query.len = i - mark - 1;
    if (memchr(query.ptr, ' ', query.len) == NULL)
        return 0;               /* read as a word already */
    protocol = text_find(query, " HTTP/");
    if (protocol != NULL)
        query.len = (size_t)(protocol - query.ptr);
    return sqli_in_query(query, scratch);
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

static int
in_words(struct text text, struct buf *scratch)
{
    size_t start = 0, requests = 0;

    for (size_t i = 0; i <= text.len; i++) {
        struct text word = { text.ptr + start, i - start };
        const char *mark;

        if (i < text.len && !is_word_end(text.ptr[i]))
            continue;
        if (word.len > 3 && in_word(word, scratch))
            return 1;
        mark = word.len > 0 ? memchr(word.ptr, '?', word.len) : NULL;
        if (mark != NULL && follows_method(text, start) && requests++ < MAX_REQUESTS &&
            in_request(text, (size_t)(mark - text.ptr), scratch))
            return 1;
        start = i + 1;
    }
    return 0;
}

/* Most lines have neither a query nor anything encoded. */
int
sqli_in_text(struct text text, struct buf *scratch)
{
    if (text.len == 0)
        return 0;
    if ((memchr(text.ptr, '?', text.len) != NULL ||
         memchr(text.ptr, '%', text.len) != NULL) &&
        in_words(text, scratch))
        return 1;
    return sqli_in_prose(text);
}

int
sqli_in_field(enum sqli_kind kind, struct text text, struct buf *scratch)
{
    switch (kind) {
    case SQLI_QUERY:
        return sqli_in_query(text, scratch);
    case SQLI_VALUE:
        return in_encoded(text, scratch) || sqli_in_text(text, scratch);
    default:
        return sqli_in_text(text, scratch);
    }
}
