/*
 * decode_web_access.c - access logs of Apache, nginx and their like
 *
 *   host ident user [time] "request" status bytes                 common
 *   ... "referrer" "user agent"                                   combined
 *   ... "forwarded for" 0.003                                     and more
 *
 * with or without the virtual host first, or the whole of it in quotes. What a
 * client chose (user, request, referrer, agent) stands before or between
 * quotes, and a quote inside is escaped: so the time is what stands right
 * before the first quote that follows "] ", whatever the user is called.
 */
#include <string.h>

#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/log_time.h"
#include "proto/decode/take.h"
#include "proto/decode/web_text.h"

enum {
    TIME_LEN = 28,              /* "[22/Dec/2016:16:30:52 +0300]" */
    NAME_LEN_MAX = 255
};

struct access {
    struct text domain, host, user;
    int is_uncertain;           /* host may be the client's word */
    int64_t at_us;
    struct text rest;           /* from the request's first byte on */
};

/* A word that could be a host: what a forged line would start with is not. */
static int
is_host(struct text word)
{
    if (word.len == 0 || word.len > NAME_LEN_MAX)
        return 0;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i] | 0x20;

        if ((c < 'a' || c > 'z') && (word.ptr[i] < '0' || word.ptr[i] > '9') &&
            memchr(".-_:%", word.ptr[i], 5) == NULL)
            return 0;
    }
    return 1;
}

/* Two addresses and two more words. A host that the client asked for by its
 * address may stand first, or what he says that he forwards second: either is
 * his to choose, and the line does not say which of the two it has. */
static int
has_two_addresses(struct text first, struct text rest)
{
    struct text second = text_split(&rest, ' ');

    return rest.len > 0 && memchr(rest.ptr, ' ', rest.len) != NULL &&
           decoded_is_address(second) && decoded_is_address(first);
}

/* "host ident user", "vhost:port host ident user", "vhost host ident user",
 * "1.2.3.4, 5.6.7.8 ident user": of a list of forwarded addresses the last is
 * the one that our own proxy added. */
static int
read_head(struct text head, struct access *access)
{
    struct text rest = head, word = text_split(&rest, ' '), domain, next;

    while (word.len > 1 && word.ptr[word.len - 1] == ',' && rest.ptr != NULL)
        word = text_split(&rest, ' ');
    next = rest;
    domain = web_without_port(word);
    access->host = word;
    access->is_uncertain = has_two_addresses(word, next);

    if (next.ptr != NULL && !decoded_is_address(word)) {
        struct text second = text_split(&next, ' ');

        if (domain.ptr != NULL || decoded_is_address(second)) {
            access->domain = domain.ptr != NULL ? domain : word;
            access->host = second;
            rest = next;
        }
    }
    (void)text_split(&rest, ' ');           /* ident */
    access->user = rest;
    return is_host(access->host) && !text_is(access->host, "-");
}

/* The first quote that a time in brackets stands before. */
static int
read_start(struct text text, struct access *access)
{
    const char *end = text.ptr + text.len, *quote = text.ptr;

    while ((quote = memchr(quote, '"', (size_t)(end - quote))) != NULL) {
        const char *open = quote - TIME_LEN - 1;
        struct text time;

        quote++;
        if (quote - text.ptr < TIME_LEN + 4 || *open != '[' || open[-1] != ' ' ||
            open[TIME_LEN - 1] != ']' || open[TIME_LEN] != ' ')
            continue;
        time = from_to(open + 1, open + TIME_LEN - 1);
        if (log_time_take_clf(&time, &access->at_us) != 0 || time.len > 0)
            continue;
        access->rest = from_to(quote, end);
        return read_head(from_to(text.ptr, open - 1), access);
    }
    return 0;
}

/* Cut "quoted" (the opening quote is gone) off *rest. */
static struct text
take_quoted(struct text *rest)
{
    size_t n = web_quoted_len(*rest);
    struct text text = { rest->ptr, n };

    n += n < rest->len;
    *rest = (struct text){ rest->ptr + n, rest->len - n };
    return text;
}

/* " 200 1234": servers that escape no quotes write some inside the request,
 * so the one that ends it is the first with a status behind it. */
static int
is_status_next(struct text rest)
{
    int64_t status;

    return rest.len >= 4 && rest.ptr[0] == ' ' &&
           text_to_int((struct text){ rest.ptr + 1, 3 }, 0, 999, &status) == 0 &&
           (rest.len == 4 || rest.ptr[4] == ' ');
}

static struct text
take_request(struct text *rest)
{
    const char *start = rest->ptr;
    struct text after = *rest, piece = take_quoted(&after), first = piece;
    struct text after_first = after;

    while (after.len > 0 && !is_status_next(after))
        piece = take_quoted(&after);
    if (after.len > 0) {
        *rest = after;
        return from_to(start, piece.ptr + piece.len);
    }
    *rest = after_first;
    return first;
}

static void
put_status(struct event *ev, struct text *rest)
{
    struct text words = *rest, status, bytes;
    int64_t number;

    if (!is_status_next(*rest))
        return;
    skip_spaces(&words);
    status = text_split(&words, ' ');
    if (text_to_int(status, 100, 999, &number) == 0)
        decoded_put_number(ev, FIELD_HTTP_RESPONSE_STATUS_CODE, number);
    *rest = words;
    if (words.len == 0)
        return;

    bytes = text_split(&words, ' ');
    if (text_to_int(bytes, 0, INT64_MAX, &number) == 0)
        decoded_put_number(ev, FIELD_HTTP_RESPONSE_BODY_BYTES, number);
    else if (!text_is(bytes, "-"))
        return;
    *rest = words;
}

static void
put_unescaped(struct event *ev, enum field field, struct text text, struct arena *arena)
{
    if (text.len > 0 && !text_is(text, "-"))
        decoded_put_text(ev, field, web_unescape(text, arena));
}

/* What formats add after the agent, as far as it can be told what it is. */
static void
put_trailer(struct event *ev, struct text rest)
{
    int has_time = 0;

    for (skip_spaces(&rest); rest.len > 0; skip_spaces(&rest)) {
        if (*rest.ptr == '"') {
            rest = (struct text){ rest.ptr + 1, rest.len - 1 };
            web_put_forwarded(ev, take_quoted(&rest));
        } else {
            struct text word = text_split(&rest, ' ');

            has_time = has_time || web_put_seconds(ev, word);
        }
    }
}

static void
put_answer(struct event *ev, struct text rest, struct arena *arena)
{
    static const enum field quoted[] = { FIELD_HTTP_REQUEST_REFERRER,
                                         FIELD_USER_AGENT_ORIGINAL };

    put_status(ev, &rest);
    for (size_t i = 0; i < 2; i++) {
        skip_spaces(&rest);
        if (rest.len == 0 || *rest.ptr != '"')
            break;
        rest = (struct text){ rest.ptr + 1, rest.len - 1 };
        put_unescaped(ev, quoted[i], take_quoted(&rest), arena);
    }
    put_trailer(ev, rest);
}

/* Only the last quote of a line that is quoted as a whole is not its own. */
static struct text
without_outer_quotes(struct text text)
{
    if (text.len == 0 || *text.ptr != '"')
        return text;
    text = (struct text){ text.ptr + 1, text.len - 1 };
    if (text.len > 0 && text.ptr[text.len - 1] == '"')
        text.len--;
    return text;
}

static int
decode_web_access(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct access access = { 0 };
    struct text text = line->message, request;

    if (text.len > 0 && *text.ptr == '"')
        text = without_outer_quotes(text);
    /* Another program's line that quotes a client starts with no address. */
    if (text.len == 0 || !read_start(text, &access) ||
        (line->program.len > 0 && !decoded_is_address(access.host)))
        return 0;

    decoded_text(ev, EVENT_TYPE, text_of("web_request"));
    decoded_time(ev, access.at_us, arena);
    if (!access.is_uncertain)
        decoded_source(ev, access.host);
    if (!access.is_uncertain && access.user.len > 0 && !text_is(access.user, "-") &&
        !text_is(access.user, "\"\""))
        decoded_text(ev, EVENT_USERNAME, web_unescape(access.user, arena));
    if (!text_is(access.domain, "-"))
        decoded_put_text(ev, FIELD_URL_DOMAIN, access.domain);

    request = web_unescape(take_request(&access.rest), arena);
    decoded_text(ev, EVENT_DESCRIPTION, request);
    web_put_request(ev, request);
    put_answer(ev, access.rest, arena);
    return 1;
}

const struct decoder decoder_web_access = { "web_access", NULL, decode_web_access, NULL, NULL };
