#include "proto/server/forwarded.h"

#include <string.h>

/* "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]", "[2001:db8::1]:4711", "2001:db8::1" */
static int
read_node(struct text node, char out[INET6_ADDRSTRLEN])
{
    char space[INET6_ADDRSTRLEN];
    struct in6_addr address;
    const char *end, *colon;

    if (node.len > 0 && *node.ptr == '[') {
        end = memchr(node.ptr, ']', node.len);
        if (end == NULL || (end + 1 < node.ptr + node.len && end[1] != ':'))
            return -1;
        node = (struct text){ node.ptr + 1, (size_t)(end - node.ptr - 1) };
    } else if (node.len > 0 && (colon = memchr(node.ptr, ':', node.len)) != NULL &&
               memchr(colon + 1, ':', (size_t)(node.ptr + node.len - colon - 1)) == NULL) {
        node.len = (size_t)(colon - node.ptr);
    }
    if (node.len == 0 || node.len >= sizeof(space) || memchr(node.ptr, '\0', node.len) != NULL)
        return -1;
    memcpy(space, node.ptr, node.len);
    space[node.len] = '\0';
    if (inet_pton(AF_INET, space, &address) == 1)
        inet_ntop(AF_INET, &address, out, INET6_ADDRSTRLEN);
    else if (inet_pton(AF_INET6, space, &address) != 1)
        return -1;
    else if (IN6_IS_ADDR_V4MAPPED(&address))
        inet_ntop(AF_INET, &address.s6_addr[12], out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, &address, out, INET6_ADDRSTRLEN);
    return 0;
}

/* The value of "for" in one element of Forwarded; ptr NULL: it has none, or two. */
static struct text
find_for(struct text element)
{
    struct text found = { NULL, 0 };

    while (element.ptr != NULL) {
        struct text rest = text_trim(text_split(&element, ';'));
        struct text name = text_split(&rest, '=');

        if (rest.ptr == NULL || !text_equals_nocase(text_trim(name), text_of("for")))
            continue;
        if (found.ptr != NULL)
            return (struct text){ NULL, 0 };
        found = text_trim(rest);
    }
    if (found.len >= 2 && found.ptr[0] == '"' && found.ptr[found.len - 1] == '"')
        found = (struct text){ found.ptr + 1, found.len - 2 };
    return found;
}

/* Cut the last element off. No address holds a comma, so what is quoted around one
 * names none in any reading. */
static struct text
last_element(struct text *header)
{
    const char *comma = header->len == 0 ? NULL : memrchr(header->ptr, ',', header->len);
    struct text last = *header;

    if (comma == NULL) {
        *header = (struct text){ NULL, 0 };
        return text_trim(last);
    }
    last = (struct text){ comma + 1, (size_t)(header->ptr + header->len - comma - 1) };
    header->len = (size_t)(comma - header->ptr);
    return text_trim(last);
}

struct text
forwarded_sender(struct text peer, struct text header, enum forwarded_form form,
                 const struct networks *trusted, char space[INET6_ADDRSTRLEN])
{
    struct text sender = peer;

    while (header.ptr != NULL && networks_has(trusted, sender)) {
        struct text node = last_element(&header);

        if (form == FORWARDED_RFC7239)
            node = find_for(node);
        if (node.ptr == NULL || read_node(node, space) != 0)
            break;
        sender = text_of(space);
    }
    return sender;
}
