/*
 * attack_prose.c - SQL injections quoted in sentences
 *
 * libinjection takes "Fix 'foo' or 'bar' handling" for SQL, so a sentence is
 * shown to it only from near a place that an attacker needs: a quote that
 * breaks out, a comparison that is always true, a union, a second statement.
 */
#include <ctype.h>
#include <string.h>

#include "detector/text/pattern.h"
#include "detector/text/attack.h"

enum { MAX_PLACES = 16, MAX_BEFORE = 256, MAX_AFTER = 4096, NEAR = 60 };

/* A reading position; never past end. */
struct cursor {
    const char *at, *end;
};

static int
is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static int
is_quote(char c)
{
    return c == '\'' || c == '"' || c == '`';
}

/* Spaces, and what databases take for them: plus signs and comments. */
static void
skip_gap(struct cursor *cur)
{
    while (cur->at < cur->end) {
        if (isspace((unsigned char)*cur->at) || *cur->at == '+' || *cur->at == '(') {
            cur->at++;
        } else if (cur->end - cur->at > 3 && cur->at[0] == '/' && cur->at[1] == '*') {
            const char *close =
                memchr(cur->at + 2, '/', (size_t)(cur->end - cur->at - 2));

            if (close == NULL || close[-1] != '*')
                return;
            cur->at = close + 1;
        } else {
            return;
        }
    }
}

/* Step over word (lower case); words end where a name does. */
static int
skip_word(struct cursor *cur, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(cur->end - cur->at) < len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (fold_char(cur->at[i]) != word[i])
            return 0;
    if (is_name(word[len - 1]) && cur->at + len < cur->end && is_name(cur->at[len]))
        return 0;
    cur->at += len;
    return 1;
}

static int
skip_one_of(struct cursor *cur, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (skip_word(cur, words[i]))
            return 1;
    return 0;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const joins[] = { "or", "and", "||", "&&", "xor" };

/* Something compares within the next NEAR bytes. */
static int
compares_soon(struct cursor cur)
{
    static const char *const words[] = { "like", "is", "in", "between", "rlike", "regexp",
                                         "not", "exists", "select" };

    if (cur.end - cur.at > NEAR)
        cur.end = cur.at + NEAR;
    for (; cur.at < cur.end && *cur.at != '\n'; cur.at++) {
        struct cursor word = cur;

        if (strchr("=<>(", *cur.at) != NULL)
            return 1;
        if (!is_name(cur.at[-1]) && skip_one_of(&word, words, COUNT(words)))
            return 1;
    }
    return 0;
}

/* A comment after a quote ends a statement only where the quote ends a value
 * ("admin'--"); '--help' and '#' in quotes are what manuals are full of. */
static int
ends_value(const char *quote, const char *start, const char *end)
{
    if (quote == start)
        return memchr(quote + 1, *quote, (size_t)(end - quote - 1)) == NULL;
    return is_name(quote[-1]) || quote[-1] == ')';
}

/* An opening quote that is followed by SQL instead of text. */
static int
breaks_out(struct cursor cur, const char *text_start)
{
    static const char *const clauses[] = { "union", "having", "order by", "group by",
                                           "limit", "waitfor", "procedure", "into" };
    static const char *const comments[] = { "--", "#", "/*", ";" };
    const char *quote = cur.at - 1, *start;

    while (cur.at < cur.end && *cur.at == ')')
        cur.at++;
    start = cur.at;
    skip_gap(&cur);
    /* 'limit' and "&&" between quotes are words that somebody talks of */
    if (skip_one_of(&cur, joins, COUNT(joins)))
        return (cur.at == cur.end || *cur.at != *quote) && compares_soon(cur);
    if (skip_one_of(&cur, clauses, COUNT(clauses)))
        return cur.at == cur.end || *cur.at != *quote;
    return cur.at - start <= 1 && ends_value(quote, text_start, cur.end) &&
           skip_one_of(&cur, comments, COUNT(comments));
}

/* "1=1", "'a'='a", "1<2": after a join. */
static int
compares_constants(struct cursor cur)
{
    const char *start;

    skip_gap(&cur);
    if (cur.at < cur.end && is_quote(*cur.at))
        cur.at++;
    start = cur.at;
    while (cur.at < cur.end && is_name(*cur.at))
        cur.at++;
    if (cur.at == start || cur.at == cur.end ||
        (!isdigit((unsigned char)*start) && !is_quote(start[-1])))
        return 0;
    if (is_quote(*cur.at))
        cur.at++;
    skip_gap(&cur);
    if (cur.at == cur.end || strchr("=<>", *cur.at) == NULL)
        return skip_word(&cur, "like");
    while (cur.at < cur.end && strchr("=<> ", *cur.at) != NULL)
        cur.at++;
    return cur.at < cur.end && (isdigit((unsigned char)*cur.at) || is_quote(*cur.at));
}

/* union [all] select, followed by a list or, where a sentence would not have
 * it, a table. */
static int
is_union(struct cursor cur, const char *start)
{
    const char *before = cur.at;

    while (before > start && isspace((unsigned char)before[-1]))
        before--;
    if (!skip_word(&cur, "union"))
        return 0;
    skip_gap(&cur);
    if (skip_word(&cur, "all") || skip_word(&cur, "distinct"))
        skip_gap(&cur);
    if (!skip_word(&cur, "select"))
        return 0;
    skip_gap(&cur);
    if (cur.at < cur.end && (isdigit((unsigned char)*cur.at) || strchr("*@'\"", *cur.at)))
        return 1;
    if (skip_word(&cur, "null"))
        return 1;
    if (cur.end - cur.at > NEAR)
        cur.end = cur.at + NEAR;
    for (; cur.at < cur.end; cur.at++) {
        struct cursor word = cur;

        if (*cur.at == ',')
            return 1;
        if (cur.at[-1] == ' ' && skip_word(&word, "from"))
            return before == start || !isalpha((unsigned char)before[-1]);
    }
    return 0;
}

/* "; drop table x": verbs with the word that a sentence would not put there */
static int
is_second_statement(struct cursor cur)
{
    static const char *const verbs[] = { "drop table", "drop database", "delete from",
                                         "insert into", "truncate table", "alter table",
                                         "create table", "create user", "waitfor delay",
                                         "shutdown--", "shutdown;", "exec xp_cmdshell",
                                         "exec sp_executesql", "exec master",
                                         "declare @" };
    const char *text_end = cur.end;

    cur.at++;
    skip_gap(&cur);
    if (skip_one_of(&cur, verbs, COUNT(verbs)))
        return 1;
    if (!skip_word(&cur, "update"))
        return 0;
    cur.end = text_end - cur.at > NEAR ? cur.at + NEAR : text_end;
    for (; cur.at < cur.end; cur.at++) {
        struct cursor word = cur;

        if (cur.at[-1] == ' ' && skip_word(&word, "set"))
            return 1;
    }
    return 0;
}

/* 1 when `at` could be where an injection works; quotes is how many quotes
 * of this kind were opened or closed before. */
static int
is_place(const struct cursor *cur, const char *start, unsigned quotes)
{
    struct cursor next = *cur;

    if (is_quote(*cur->at)) {
        next.at++;
        return quotes % 2 == 0 && breaks_out(next, start);
    }
    if (*cur->at == ';')
        return is_second_statement(next);
    if (cur->at > start && is_name(cur->at[-1]))
        return 0;
    if (skip_one_of(&next, joins, COUNT(joins)))
        return compares_constants(next);
    return is_union(*cur, start);
}

/* Show libinjection the piece that ends soon after the place, from each point
 * where an attacker's text may begin. */
static int
judge_place(const char *start, const char *place, const char *end)
{
    const char *from = place - start > MAX_BEFORE ? place - MAX_BEFORE : start;
    const char *to = end - place > MAX_AFTER ? place + MAX_AFTER : end;
    const char *word = place, *colon = NULL, *quote = NULL;

    while (word > from && isspace((unsigned char)word[-1]))
        word--;
    while (word > from && !isspace((unsigned char)word[-1]))
        word--;
    for (const char *p = from; p < place; p++) {
        if (p[0] == ':' && p[1] == ' ')
            colon = p + 2;
        if (quote == NULL && is_quote(*p))
            quote = p;
    }
    const char *const begins[] = { place, word, colon, quote, from };

    /* libinjection believes a comment only at the end: cut what follows */
    if (to - place > 3 && memcmp(place + 1, "--", 2) == 0 &&
        attack_in_value((struct text){ word, (size_t)(place + 3 - word) }, ATTACK_BIT(ATTACK_SQLI)))
        return 1;
    for (size_t i = 0; i < COUNT(begins); i++)
        if (begins[i] != NULL &&
            attack_in_value((struct text){ begins[i], (size_t)(to - begins[i]) },
                            ATTACK_BIT(ATTACK_SQLI)))
            return 1;
    return 0;
}

/* Bytes at which a place can begin: a quote of one of three kinds, or what
 * joins, unites and separates statements. Nearly all bytes are neither. */
enum { QUOTES = 3, JOINS = 4 };

static const unsigned char interesting[256] = {
    ['\''] = 1, ['"'] = 2, ['`'] = 3,
    ['o'] = JOINS, ['O'] = JOINS, ['a'] = JOINS, ['A'] = JOINS, ['x'] = JOINS,
    ['X'] = JOINS, ['u'] = JOINS, ['U'] = JOINS, ['|'] = JOINS, ['&'] = JOINS,
    [';'] = JOINS,
};

int
attack_in_prose(struct text text)
{
    struct cursor cur = { text.ptr, text.ptr + text.len };
    unsigned quotes[QUOTES + 1] = { 0 }, places = 0;

    for (; cur.at < cur.end && places < MAX_PLACES; cur.at++) {
        unsigned which = interesting[(unsigned char)*cur.at];
        int is_inside = cur.at > text.ptr && is_name(cur.at[-1]);

        /* Words are looked at where they begin, and an apostrophe inside one
         * quotes nothing. */
        if (which == 0 || (which == JOINS && is_inside && is_name(*cur.at)) ||
            (which <= QUOTES && is_inside && cur.at + 1 < cur.end && is_name(cur.at[1])))
            continue;
        if (is_place(&cur, text.ptr, which <= QUOTES ? quotes[which] : 0)) {
            places++;
            if (judge_place(text.ptr, cur.at, cur.end))
                return 1;
        }
        if (which <= QUOTES)
            quotes[which]++;
    }
    return 0;
}
