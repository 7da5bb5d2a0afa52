/* Packed bodies as they come in, in pieces: what the server makes of them is what zlib
 * makes of the whole, within its limits. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/server/http_server_parts.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_BODY = 2 * 1024 * 1024, MAX_RATIO = 250, FREE_BYTES = 1024 * 1024,
       ANY_WRAPPER = 32 + 15 };

static struct http_server server;
static unsigned status;
static size_t most_held;

/* --- what the server does for it --- */

struct text
http_header(const struct http_request *req, const char *name)
{
    (void)req;
    (void)name;
    return text_of("gzip");
}

void
http_refuse(struct http_request *req, enum http_refusal why, unsigned how, const char *fmt, ...)
{
    (void)req;
    REQUIRE(status == 0 && fmt[0] != '\0');
    REQUIRE(why == REFUSED_INFLATE || why == REFUSED_SIZE);
    status = how;
}

int
http_crowd_hold(struct http_crowd *crowd, struct MHD_Connection *connection,
                enum http_held kind, size_t bytes)
{
    (void)crowd;
    (void)connection;
    REQUIRE(kind == HELD_BODY);
    most_held = bytes;
    return 0;
}

/* --- what is right: all members of the whole at once --- */

static unsigned char right[MAX_BODY + 1];

/* The length, at most MAX_BODY + 1; -1 when it is broken, or ends too early. */
static long
unpack_whole(struct text packed)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)packed.ptr,
                        .avail_in = (uInt)packed.len };
    int rc = Z_OK;
    size_t len;

    REQUIRE(inflateInit2(&stream, ANY_WRAPPER) == Z_OK);
    stream.next_out = right;
    stream.avail_out = sizeof(right);
    while (rc == Z_OK || (rc == Z_STREAM_END && stream.avail_in > 0)) {
        if (stream.avail_out == 0 || (rc == Z_STREAM_END && inflateReset(&stream) != Z_OK))
            break;
        rc = inflate(&stream, Z_NO_FLUSH);
    }
    len = sizeof(right) - stream.avail_out;
    inflateEnd(&stream);
    return len == sizeof(right) || rc == Z_STREAM_END ? (long)len : -1;
}

/* --- */

/* 0, or -1 and it was refused. Pieces are as long as the seed says. */
static int
take_all(struct http_request *req, struct text packed, unsigned seed)
{
    size_t piece;

    for (; packed.len > 0; packed.ptr += piece, packed.len -= piece) {
        seed = seed * 1103515245 + 12345;
        piece = 1 + (seed >> 16) % 3000;
        if (seed & 0x40000000)
            piece = 1 + piece % 7;
        if (piece > packed.len)
            piece = packed.len;
        req->received += piece;
        if (http_inflate_take(req, packed.ptr, piece) != 0)
            return -1;
        REQUIRE(req->body.len <= req->max_body);
        REQUIRE(most_held > req->body.len);
    }
    return http_inflate_end(req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text packed = { (const char *)data, size };
    struct http_request req = { .server = &server, .max_body = MAX_BODY };
    unsigned seed = fuzz_take(&packed);
    long len;

    status = 0;
    most_held = 0;
    req.content_length = seed & 1 ? -1 : (int64_t)packed.len;
    REQUIRE(http_inflate_begin(&req) == 0);
    REQUIRE((req.inflate == NULL) == (req.content_length == 0));
    len = req.inflate == NULL ? 0 : unpack_whole(packed);
    if (req.inflate == NULL || take_all(&req, packed, seed) == 0) {
        REQUIRE(status == 0 && len == (long)req.body.len);
        REQUIRE(len == 0 || memcmp(right, req.body.ptr, (size_t)len) == 0);
    } else {
        REQUIRE((status == 400 && len < 0) || status == 413);
        REQUIRE(status == 400 || len < 0 || len > FREE_BYTES);
    }
    http_inflate_release(&req);
    buf_release(&req.body);
    return 0;
}
