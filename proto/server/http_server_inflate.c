/*
 * A body that comes gzipped, unpacked as it comes in. A few bytes may say a
 * thousand times as many: what comes out is bounded as any body is, and so is how
 * much one byte may become, so that to fill our memory costs its sender something.
 */
#include "proto/server/http_server_parts.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    MAX_RATIO = 250,                    /* logs reach 30, one line again and again 200 */
    FREE_BYTES = 1024 * 1024,           /* that much may come out of anything */
    STEP = 64 * 1024,                   /* room made at once */
    STATE_BYTES = 48 * 1024,            /* zlib's own memory */
    ANY_WRAPPER = 32 + 15               /* gzip's or zlib's header, 32 KiB window */
};

struct http_inflate {
    z_stream stream;
    int is_at_end;                      /* of a member; another may follow */
};

int
http_is_packed(const struct http_request *req)
{
    struct text encoding = text_trim(http_header(req, "Content-Encoding"));

    if (encoding.len == 0 || text_equals_nocase(encoding, text_of("identity")))
        return 0;
    return text_equals_nocase(encoding, text_of("gzip")) ||
           text_equals_nocase(encoding, text_of("x-gzip")) ||
           text_equals_nocase(encoding, text_of("deflate")) ? 1 : -1;
}

int
http_inflate_begin(struct http_request *req)
{
    if (req->content_length == 0 || http_is_packed(req) != 1)
        return 0;
    req->inflate = calloc(1, sizeof(*req->inflate));
    if (req->inflate != NULL && inflateInit2(&req->inflate->stream, ANY_WRAPPER) == Z_OK)
        return 0;
    free(req->inflate);
    req->inflate = NULL;
    http_refuse(req, REFUSED_MEMORY, 503, "Out of memory; send it again.");
    return -1;
}

void
http_inflate_release(struct http_request *req)
{
    if (req->inflate == NULL)
        return;
    inflateEnd(&req->inflate->stream);
    free(req->inflate);
    req->inflate = NULL;
}

static int
refuse_broken(struct http_request *req, const char *why)
{
    http_refuse(req, REFUSED_INFLATE, 400, "The body is not as its Content-Encoding says:"
                " %s.", why);
    return -1;
}

/* After each step: is there too much? */
static int
check_amount(struct http_request *req)
{
    size_t len = req->body.len;

    if (len > req->max_body)
        http_refuse(req, REFUSED_SIZE, 413, "The body is longer, unpacked, than the %zu"
                    " bytes that are taken.", req->max_body);
    else if (len > FREE_BYTES && len / MAX_RATIO > req->received)
        http_refuse(req, REFUSED_INFLATE, 413, "The body grows to more than %d times its"
                    " size; send less at once, or send it as it is.", (int)MAX_RATIO);
    else if (http_crowd_hold(&req->server->crowd, req->connection, HELD_BODY,
                             STATE_BYTES + len) != 0)
        http_refuse(req, REFUSED_MEMORY, 503, "Too many bodies are coming in at once;"
                    " send it again.");
    else
        return 0;
    return -1;
}

/* Unpack what stream has, as far as there is room for at most max_body + 1 bytes. */
static int
step(struct http_request *req)
{
    z_stream *stream = &req->inflate->stream;
    size_t room = req->max_body + 1 - req->body.len;
    int rc;

    if (room > STEP)
        room = STEP;
    if (buf_reserve(&req->body, room) != 0) {
        http_refuse(req, REFUSED_MEMORY, 503, "Out of memory; send it again.");
        return -1;
    }
    stream->next_out = (Bytef *)req->body.ptr + req->body.len;
    stream->avail_out = (uInt)room;
    rc = inflate(stream, Z_NO_FLUSH);
    req->body.len += room - stream->avail_out;
    if (rc == Z_MEM_ERROR) {
        http_refuse(req, REFUSED_MEMORY, 503, "Out of memory; send it again.");
        return -1;
    }
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return refuse_broken(req, stream->msg == NULL ? "broken data" : stream->msg);
    req->inflate->is_at_end = rc == Z_STREAM_END;
    return check_amount(req);
}

int
http_inflate_take(struct http_request *req, const char *bytes, size_t len)
{
    z_stream *stream = &req->inflate->stream;

    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)len;
    do {
        /* gzip files may be put behind one another (RFC 1952 section 2.2) */
        if (req->inflate->is_at_end && stream->avail_in > 0 && inflateReset(stream) != Z_OK)
            return refuse_broken(req, "broken data");
        if (step(req) != 0)
            return -1;
    } while (stream->avail_in > 0 || stream->avail_out == 0);
    return 0;
}

int
http_inflate_end(struct http_request *req)
{
    if (req->inflate == NULL || req->inflate->is_at_end)
        return 0;
    return refuse_broken(req, "it ends too early");
}
