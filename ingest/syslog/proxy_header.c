#include "ingest/syslog/proxy_header.h"

#include <string.h>

enum {
    V1_MAX = 107,               /* with its CR LF */
    V2_HEAD = 16,
    V2_LOCAL = 0, V2_PROXY = 1, /* commands */
    PORT_MAX = 65535
};

static const char v1_start[] = "PROXY ";
static const char v2_start[12] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_read
bad(struct err *err, const char *why)
{
    err_set(err, "%s", why);
    return PROXY_BAD;
}

/* 1 when bytes begin with start, as far as there are any. */
static int
may_begin(struct text bytes, const char *start, size_t len)
{
    return memcmp(bytes.ptr, start, bytes.len < len ? bytes.len : len) == 0;
}

/* An IPv4 address in IPv6's clothes is shown as what it is. The bytes stand anywhere. */
static void
show(int family, const void *address, char out[INET6_ADDRSTRLEN])
{
    struct in6_addr v6 = IN6ADDR_ANY_INIT;

    if (family == AF_INET6)
        memcpy(&v6, address, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6))
        inet_ntop(AF_INET, &v6.s6_addr[12], out, INET6_ADDRSTRLEN);
    else
        inet_ntop(family, address, out, INET6_ADDRSTRLEN);
}

/* --- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 514\r\n" --- */

static int
read_address(int family, struct text word, struct in6_addr *ret)
{
    char space[INET6_ADDRSTRLEN];

    if (word.len == 0 || word.len >= sizeof(space) || memchr(word.ptr, '\0', word.len) != NULL)
        return -1;
    memcpy(space, word.ptr, word.len);
    space[word.len] = '\0';
    return inet_pton(family, space, ret) == 1 ? 0 : -1;
}

static int
is_port(struct text word)
{
    int64_t port;

    return text_to_int(word, 0, PORT_MAX, &port) == 0 && word.ptr[0] >= '0' &&
           word.ptr[0] <= '9' && (word.ptr[0] != '0' || word.len == 1);
}

static enum proxy_read
read_v1_line(struct text line, struct proxy_header *header, struct err *err)
{
    struct text word = text_split(&line, ' ');
    const int family = text_is(word, "TCP4") ? AF_INET : AF_INET6;
    struct in6_addr from, to;

    if (text_is(word, "UNKNOWN"))
        return PROXY_DONE;
    if (family == AF_INET6 && !text_is(word, "TCP6"))
        return bad(err, "neither TCP4, TCP6 nor UNKNOWN");
    for (int i = 0; i < 2; i++) {
        word = line.ptr == NULL ? (struct text){ "", 0 } : text_split(&line, ' ');
        if (read_address(family, word, i == 0 ? &from : &to) != 0)
            return bad(err, "a malformed address");
    }
    for (int i = 0; i < 2; i++) {
        word = line.ptr == NULL ? (struct text){ "", 0 } : text_split(&line, ' ');
        if (word.len == 0 || !is_port(word))
            return bad(err, "a malformed port");
    }
    if (line.ptr != NULL)
        return bad(err, "more than two ports");
    show(family, &from, header->address);
    return PROXY_DONE;
}

static enum proxy_read
read_v1(struct text bytes, struct proxy_header *header, struct err *err)
{
    const size_t start = sizeof(v1_start) - 1;
    const size_t most = bytes.len < V1_MAX ? bytes.len : V1_MAX;
    const char *end = memchr(bytes.ptr, '\n', most);

    if (end == NULL)
        return most < V1_MAX ? PROXY_MORE : bad(err, "a line that does not end");
    header->len = (size_t)(end + 1 - bytes.ptr);
    if (header->len < start + 2 || end[-1] != '\r')
        return bad(err, "a line that ends without CR");
    return read_v1_line((struct text){ bytes.ptr + start, header->len - start - 2 }, header,
                        err);
}

/* --- version 2 --- */

/* By address family, in the upper half of the 14th byte: length of the addresses, and the
 * family when it is one that can be shown. */
static const struct { size_t len; int family; } v2_families[] = {
    { 0, 0 }, { 12, AF_INET }, { 36, AF_INET6 }, { 216, 0 },
};

static enum proxy_read
read_v2(struct text bytes, struct proxy_header *header, struct err *err)
{
    const unsigned char *b = (const unsigned char *)bytes.ptr;
    unsigned command, family, protocol;
    size_t len;

    if (bytes.len < V2_HEAD)
        return PROXY_MORE;
    command = b[12] & 15, family = b[13] >> 4, protocol = b[13] & 15;
    len = (size_t)b[14] << 8 | b[15];
    if (b[12] >> 4 != 2)
        return bad(err, "a version that is not there");
    if (command > V2_PROXY)
        return bad(err, "a command that is not there");
    if (family >= sizeof(v2_families) / sizeof(v2_families[0]) || protocol > 2)
        return bad(err, "a kind of address that is not there");
    if (len > PROXY_MAX_HEADER - V2_HEAD)
        return bad(err, "more than 4 KiB");
    if (command == V2_PROXY && len < v2_families[family].len)
        return bad(err, "no room for its addresses");
    header->len = V2_HEAD + len;
    if (bytes.len < header->len)
        return PROXY_MORE;
    if (command == V2_PROXY && v2_families[family].family != 0)
        show(v2_families[family].family, b + V2_HEAD, header->address);
    return PROXY_DONE;
}

enum proxy_read
proxy_header_read(struct text bytes, struct proxy_header *ret_header, struct err *err)
{
    memset(ret_header, 0, sizeof(*ret_header));
    if (bytes.len == 0)
        return PROXY_MORE;
    if (may_begin(bytes, v2_start, sizeof(v2_start)))
        return read_v2(bytes, ret_header, err);
    if (may_begin(bytes, v1_start, sizeof(v1_start) - 1))
        return read_v1(bytes, ret_header, err);
    return bad(err, "it begins with something else");
}
