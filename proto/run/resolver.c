#include "proto/run/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TCP "tcp://"

struct resolver {
    char *host;
    struct addrinfo hints;
    struct gaicb request;       /* the library's while a look-up is under way */
    int is_under_way;
};

int
resolver_is_numeric(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 ||
           inet_pton(AF_INET6, host, address) == 1;
}

struct resolver *
resolver_new(const char *host)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (resolver == NULL)
        return NULL;
    resolver->host = strdup(host);
    if (resolver->host == NULL) {
        free(resolver);
        return NULL;
    }
    resolver->hints.ai_socktype = SOCK_STREAM;
    resolver->request.ar_name = resolver->host;
    resolver->request.ar_request = &resolver->hints;
    return resolver;
}

void
resolver_destroy(struct resolver **ref)
{
    struct resolver *resolver = *ref;

    *ref = NULL;
    if (resolver == NULL)
        return;
    if (resolver->is_under_way && gai_cancel(&resolver->request) == EAI_NOTCANCELED)
        return;
    if (resolver->request.ar_result != NULL)
        freeaddrinfo(resolver->request.ar_result);
    free(resolver->host);
    free(resolver);
}

int
resolver_start(struct resolver *resolver)
{
    struct gaicb *requests[1] = { &resolver->request };
    struct sigevent quiet = { .sigev_notify = SIGEV_NONE };

    if (resolver->is_under_way)
        return 0;
    resolver->request.ar_result = NULL;
    if (getaddrinfo_a(GAI_NOWAIT, requests, 1, &quiet) != 0)
        return -1;
    resolver->is_under_way = 1;
    return 0;
}

static void
add_address(struct resolved *addresses, const struct addrinfo *info)
{
    char text[RESOLVER_ADDRESS_LEN];

    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0,
                    NI_NUMERICHOST) != 0)
        return;
    for (size_t i = 0; i < addresses->count; i++)
        if (strcmp(addresses->addresses[i], text) == 0)
            return;
    if (addresses->count == RESOLVER_MAX_ADDRESSES)
        addresses->left_out++;
    else
        memcpy(addresses->addresses[addresses->count++], text, sizeof(text));
}

int
resolver_poll(struct resolver *resolver, struct resolved *ret_addresses,
              const char **ret_why)
{
    static const int families[] = { AF_INET, AF_INET6 };
    int code;

    if (!resolver->is_under_way)
        return 0;
    code = gai_error(&resolver->request);
    if (code == EAI_INPROGRESS)
        return 0;
    resolver->is_under_way = 0;
    if (code != 0) {
        *ret_why = gai_strerror(code);
        return -1;
    }
    memset(ret_addresses, 0, sizeof(*ret_addresses));
    for (int f = 0; f < 2 && ret_addresses->count == 0; f++)
        for (const struct addrinfo *info = resolver->request.ar_result; info != NULL;
             info = info->ai_next)
            if (info->ai_family == families[f])
                add_address(ret_addresses, info);
    freeaddrinfo(resolver->request.ar_result);
    resolver->request.ar_result = NULL;
    return 1;
}

int
resolver_split_host(const char *endpoint, char **ret_host, struct err *err)
{
    const char *host, *colon;
    size_t len;

    *ret_host = NULL;
    if (strncmp(endpoint, TCP, strlen(TCP)) != 0)
        return 0;
    host = endpoint + strlen(TCP);
    colon = strrchr(host, ':');
    if (colon == NULL || colon == host) {
        err_set(err, "%s: not tcp://host:port", endpoint);
        return -1;
    }
    len = (size_t)(colon - host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    *ret_host = strndup(host, len);
    if (*ret_host != NULL)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

int
resolver_put_address(const char *endpoint, const char *address,
                     char out[RESOLVER_ENDPOINT_LEN])
{
    int is_v6 = strchr(address, ':') != NULL, len;

    if (address[0] == '\0')
        len = snprintf(out, RESOLVER_ENDPOINT_LEN, "%s", endpoint);
    else
        len = snprintf(out, RESOLVER_ENDPOINT_LEN, TCP "%s%s%s%s", is_v6 ? "[" : "",
                       address, is_v6 ? "]" : "", strrchr(endpoint, ':'));
    return len < RESOLVER_ENDPOINT_LEN ? 0 : -1;
}
