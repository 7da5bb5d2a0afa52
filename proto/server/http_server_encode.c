#include "proto/server/http_server_parts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    WORTH_IT = 1024,                    /* below, a packet carries it anyway */
    LONG = 128 * 1024,                  /* from here on speed goes before size */
    LONG_LEVEL = 1, SHORT_LEVEL = 6,    /* zlib's */
    GZIP_WINDOW = 15 + 16,              /* zlib's way to ask for gzip's frame */
    MAX_INFLATED = 64 * 1024 * 1024
};

int
http_weight(struct text parameters)
{
    struct text q = text_trim(parameters);
    int weight = 0, unit = 1000;

    if (q.len < 3 || (q.ptr[0] != 'q' && q.ptr[0] != 'Q') || q.ptr[1] != '=')
        return 1000;
    for (size_t i = 2; i < q.len && unit > 0; i++) {
        if (q.ptr[i] == '.')
            continue;
        if (q.ptr[i] < '0' || q.ptr[i] > '9')
            return 0;
        weight += (q.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return weight > 1000 ? 1000 : weight;
}

/* RFC 9110 section 12.5.3. What is named goes before "*". */
int
http_takes_gzip(const struct http_request *req)
{
    struct text rest = http_header(req, "Accept-Encoding");
    int takes_any = 0;

    while (rest.ptr != NULL && rest.len > 0) {
        struct text parameters = text_split(&rest, ',');
        struct text coding = text_trim(text_split(&parameters, ';'));
        int weight = parameters.ptr == NULL ? 1000 : http_weight(parameters);

        if (text_equals_nocase(coding, text_of("gzip")) ||
            text_equals_nocase(coding, text_of("x-gzip")))
            return weight > 0;
        if (text_is(coding, "*"))
            takes_any = weight > 0;
    }
    return takes_any;
}

static int
is_text(const char *content_type)
{
    static const char *const kinds[] = { "text/", "application/json", "application/problem+json" };

    for (size_t i = 0; content_type != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(content_type, kinds[i], strlen(kinds[i])) == 0)
            return 1;
    return 0;
}

int
http_compress(const struct http_request *req, const char *content_type, struct text body,
              char **ret_bytes, size_t *ret_len)
{
    z_stream zip = { 0 };
    char *out;
    int rc;

    if (body.len < WORTH_IT || !is_text(content_type) || !http_takes_gzip(req) ||
        deflateInit2(&zip, body.len < LONG ? SHORT_LEVEL : LONG_LEVEL, Z_DEFLATED,
                     GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    /* room for less than the body: what does not get shorter is sent as it is */
    out = malloc(body.len);
    zip.next_in = (Bytef *)(uintptr_t)body.ptr;
    zip.avail_in = (uInt)body.len;
    zip.next_out = (Bytef *)out;
    zip.avail_out = (uInt)body.len;
    rc = out == NULL ? Z_MEM_ERROR : deflate(&zip, Z_FINISH);
    *ret_bytes = out;
    *ret_len = zip.total_out;
    deflateEnd(&zip);
    if (rc == Z_STREAM_END)
        return 1;
    free(out);
    return 0;
}

int
http_inflate_all(struct text gzip, struct buf *out)
{
    z_stream zip = { .next_in = (Bytef *)(uintptr_t)gzip.ptr, .avail_in = (uInt)gzip.len };
    int rc = Z_OK;

    if (inflateInit2(&zip, GZIP_WINDOW) != Z_OK)
        return -1;
    while (rc == Z_OK && out->len < MAX_INFLATED && buf_reserve(out, 64 * 1024) == 0) {
        zip.next_out = (Bytef *)out->ptr + out->len;
        zip.avail_out = 64 * 1024;
        rc = inflate(&zip, Z_NO_FLUSH);
        out->len += 64 * 1024 - zip.avail_out;
    }
    inflateEnd(&zip);
    return rc == Z_STREAM_END ? 0 : -1;
}

/* --- entity tags --- */

int
http_make_tag(const struct http_request *req, struct text body, char out[HTTP_TAG_LEN])
{
    struct text rest = http_header(req, "If-None-Match");
    unsigned char hash[crypto_generichash_BYTES_MIN];
    char hex[17];

    /* weak: the same body may go out compressed or not (RFC 9110 section 8.8.1) */
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)body.ptr, body.len, NULL, 0);
    sodium_bin2hex(hex, sizeof(hex), hash, 8);
    snprintf(out, HTTP_TAG_LEN, "W/\"%s\"", hex);
    while (rest.ptr != NULL && rest.len > 0) {
        struct text tag = text_trim(text_split(&rest, ','));

        if (text_starts_with(tag, "W/"))
            tag = (struct text){ tag.ptr + 2, tag.len - 2 };
        if (text_is(tag, "*") || text_is(tag, out + 2))
            return 1;
    }
    return 0;
}
