/*
 * Where a request ends must be beyond doubt (RFC 9112 sections 5.1, 6.1 and
 * 6.3): a proxy in front that reads it otherwise would let one client put words
 * into another's mouth. libmicrohttpd 0.9.75 passes all of these as good.
 */
#include "proto/server/http_server_parts.h"

#include <string.h>

/* RFC 9110 section 5.6.2 */
static const char token_chars[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct head {
    unsigned hosts, lengths, codings;
    struct text coding;
    const char *fault;          /* NULL: none */
};

static int
is_token(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '\0' || strchr(token_chars, name.ptr[i]) == NULL)
            return 0;
    return name.len > 0;
}

static int
has_control(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < ' ' && value.ptr[i] != '\t') ||
            value.ptr[i] == 0x7f)
            return 1;
    return 0;
}

static enum MHD_Result
look_at(void *ctx, enum MHD_ValueKind kind, const char *key, size_t key_len,
        const char *bytes, size_t len)
{
    struct head *head = ctx;
    struct text name = { key, key_len }, value = { bytes == NULL ? "" : bytes, len };

    (void)kind;
    if (!is_token(name))
        head->fault = "a header's name holds what no name may, such as a space before"
                      " the colon";
    else if (has_control(value))
        head->fault = "a header holds a control character";
    else if (text_equals_nocase(name, text_of("Host")))
        head->hosts++;
    else if (text_equals_nocase(name, text_of("Content-Length")))
        head->lengths++;
    else if (text_equals_nocase(name, text_of("Transfer-Encoding"))) {
        head->codings++;
        head->coding = text_trim(value);
    }
    return head->fault == NULL ? MHD_YES : MHD_NO;
}

static const char *
find_fault(const struct http_request *req, const struct head *head)
{
    if (head->fault != NULL)
        return head->fault;
    if (head->hosts > 1)
        return "Host is given twice";
    if (head->lengths > 1)
        return "Content-Length is given twice";
    if (head->codings > 1)
        return "Transfer-Encoding is given twice";
    if (head->codings > 0 && head->lengths > 0)
        return "Content-Length and Transfer-Encoding exclude each other";
    if (head->codings > 0 && strcmp(req->version, "HTTP/1.0") == 0)
        return "HTTP/1.0 has no Transfer-Encoding";
    return NULL;
}

int
http_check_framing(struct http_request *req)
{
    struct head head = { 0 };
    const char *fault;

    MHD_get_connection_values_n(req->connection, MHD_HEADER_KIND, look_at, &head);
    fault = http_raw_fault(req);
    if (fault == NULL)
        fault = find_fault(req, &head);
    if (fault == NULL && (head.codings == 0 ||
                          text_equals_nocase(head.coding, text_of("chunked")))) {
        if (head.codings > 0 && http_raw_doubts_chunks())
            http_set_header(req, "Connection", "close");    /* so that none follows it */
        return 0;
    }
    req->must_close = 1;
    http_set_header(req, "Connection", "close");
    if (fault != NULL)
        http_refuse(req, REFUSED_FRAMING, 400, "The request's head is ambiguous: %s.",
                    fault);
    else
        http_refuse(req, REFUSED_FRAMING, 501, "Transfer-Encoding \"%.*s\" is not known;"
                    " only chunked is.", head.coding.len > 40 ? 40 : (int)head.coding.len,
                    head.coding.ptr);
    return -1;
}
