/*
 * The head of a request as it was sent. libmicrohttpd before 0.9.77 takes a bare LF or
 * CR for the end of a line, passes NULs, glues a folded line to the name of the header
 * before it (so that "Transfer-Encoding:\r\n chunked" is none), and takes a line that
 * begins with a colon for the end of the head: what follows would be another request.
 * Later ones refuse all that by themselves.
 *
 * It parses in place: CR and LF, and the colon behind a name, are NULs afterwards, and
 * method, URI and version point into the same bytes. So the head is still there to be
 * read: "name NUL value NUL NUL" for each line that is as it should be.
 */
#include "proto/server/http_server_parts.h"

#include <string.h>

#if MHD_VERSION < 0x00097700

static const char bad_end[] = "a line does not end in CR LF, or holds a NUL";

/* The headers, from behind the request line to the end of the head. */
static const char *
check_lines(const char *at, const char *end)
{
    while (at < end && *at != '\0') {
        const char *name_end = memchr(at, '\0', (size_t)(end - at)), *value_end;

        if (*at == ' ' || *at == '\t')
            return "a header goes on in the next line";
        if (name_end == NULL || name_end + 1 >= end)
            return bad_end;
        value_end = memchr(name_end + 1, '\0', (size_t)(end - name_end - 1));
        if (value_end == NULL || value_end + 1 >= end || value_end[1] != '\0')
            return bad_end;
        at = value_end + 2;
    }
    return end - at == 2 && at[1] == '\0' ? NULL : bad_end;
}

const char *
http_raw_fault(const struct http_request *req)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const char *end, *lines;

    if (info == NULL || info->header_size > HTTP_MAX_HEAD)
        return NULL;                        /* it is refused for that */
    end = req->method + info->header_size;
    if (req->sent_uri != req->method + strlen(req->method) + 1 ||
        req->version != req->sent_uri + req->sent_uri_len + 1)
        return "the request line is not METHOD, URI and version with one space between";
    lines = req->version + strlen(req->version) + 2;
    if (lines > end || lines[-1] != '\0')
        return bad_end;
    return check_lines(lines, end);
}

int
http_raw_doubts_chunks(void)
{
    return 1;
}

#else

const char *
http_raw_fault(const struct http_request *req)
{
    (void)req;
    return NULL;
}

int
http_raw_doubts_chunks(void)
{
    return 0;
}

#endif
