#include "tests/support/fault_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/fault_proxy_parts.h"
#include "tests/support/free_port.h"

struct timespec
fault_moment_in(int ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}

/* --- orders --- */

static char *
copy_or_null(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

struct fault_order
fault_order_copy(const struct fault_order *order)
{
    struct fault_order out = *order;

    out.path = copy_or_null(order->path);
    out.headers = copy_or_null(order->headers);
    out.body = copy_or_null(order->body);
    return out;
}

void
fault_order_release(struct fault_order *order)
{
    free((char *)(uintptr_t)order->path);
    free((char *)(uintptr_t)order->headers);
    free((char *)(uintptr_t)order->body);
    *order = (struct fault_order){ .kind = FAULT_NONE };
}

/* Close both ways at once: readers get their end, the peer a reset or an end. */
static void
cut_connections(struct fault_proxy *proxy)
{
    for (size_t i = 0; i < FAULT_MAX_CONNECTIONS; i++) {
        struct fault_connection *one = &proxy->connections[i];

        if (!one->is_used || one->is_over)
            continue;
        shutdown(one->client.fd, SHUT_RDWR);
        if (one->node.fd >= 0)
            shutdown(one->node.fd, SHUT_RDWR);
    }
}

static void
wake_accepter(struct fault_proxy *proxy)
{
    uint64_t one = 1;

    assert_int_equal(write(proxy->wake, &one, sizeof(one)), sizeof(one));
}

void
fault_proxy_order(struct fault_proxy *proxy, const struct fault_order *order)
{
    static const struct fault_order none = { .kind = FAULT_NONE };
    int listens;

    if (order == NULL)
        order = &none;
    listens = order->kind != FAULT_REFUSE;
    pthread_mutex_lock(&proxy->lock);
    fault_order_release(&proxy->order);
    proxy->order = fault_order_copy(order);
    proxy->order_number++;
    if (!listens)
        cut_connections(proxy);
    pthread_cond_broadcast(&proxy->changed);
    wake_accepter(proxy);
    while (proxy->is_listening != listens)
        pthread_cond_wait(&proxy->changed, &proxy->lock);
    pthread_mutex_unlock(&proxy->lock);
}

int
fault_proxy_is_faulty(struct fault_proxy *proxy)
{
    int is_faulty;

    pthread_mutex_lock(&proxy->lock);
    is_faulty = proxy->order.kind != FAULT_NONE;
    pthread_mutex_unlock(&proxy->lock);
    return is_faulty;
}

/* --- connections --- */

/* Until the client sends something: 0. -1 when either side has gone meanwhile. */
static int
wait_for_request(struct fault_connection *connection)
{
    struct pollfd both[2] = { { .fd = connection->client.fd, .events = POLLIN },
                              { .fd = connection->node.fd, .events = POLLIN } };
    int rc;

    if (connection->client.in.len > 0)
        return 0;
    do
        rc = poll(both, connection->node.fd < 0 ? 1 : 2, -1);
    while (rc < 0 && errno == EINTR);
    return rc > 0 && (connection->node.fd < 0 || both[1].revents == 0) ? 0 : -1;
}

static void *
serve(void *self)
{
    struct fault_connection *connection = self;
    struct fault_proxy *proxy = connection->proxy;

    while (wait_for_request(connection) == 0 && fault_serve_one(connection))
        ;
    pthread_mutex_lock(&proxy->lock);
    close(connection->client.fd);
    if (connection->node.fd >= 0)
        close(connection->node.fd);
    connection->is_over = 1;
    pthread_mutex_unlock(&proxy->lock);
    bytes_release(&connection->client.in);
    bytes_release(&connection->node.in);
    return NULL;
}

/* A free place; a thread that has ended is joined for it. */
static struct fault_connection *
connection_place(struct fault_proxy *proxy)
{
    for (size_t i = 0; i < FAULT_MAX_CONNECTIONS; i++) {
        struct fault_connection *place = &proxy->connections[i];

        if (place->is_used && place->is_over) {
            pthread_join(place->thread, NULL);
            place->is_used = 0;
        }
        if (!place->is_used)
            return place;
    }
    return NULL;
}

/* Serve a client that was accepted, or close it. With the lock. */
static void
connection_begin(struct fault_proxy *proxy, int fd)
{
    struct fault_connection *place = proxy->order.kind == FAULT_REFUSE || proxy->is_stopping
                                   ? NULL : connection_place(proxy);
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (place != NULL) {
        *place = (struct fault_connection){ .proxy = proxy, .client.fd = fd, .node.fd = -1 };
        place->is_used = pthread_create(&place->thread, NULL, serve, place) == 0;
        proxy->counts.connections++;
    }
    if (place == NULL || !place->is_used)
        close(fd);
    pthread_cond_broadcast(&proxy->changed);
}

static int
listen_on(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 64) != 0) {
        fprintf(stderr, "fault proxy: port %d: %s\n", port, strerror(errno));
        abort();
    }
    return fd;
}

/* The only one that opens and closes the listening socket. */
static void *
accept_all(void *self)
{
    struct fault_proxy *proxy = self;
    struct pollfd fds[2] = { { .fd = proxy->wake, .events = POLLIN },
                             { .fd = -1, .events = POLLIN } };
    uint64_t woken;
    int is_over;

    for (;;) {
        pthread_mutex_lock(&proxy->lock);
        if ((proxy->order.kind == FAULT_REFUSE || proxy->is_stopping) && fds[1].fd >= 0) {
            close(fds[1].fd);
            fds[1].fd = -1;
        } else if (proxy->order.kind != FAULT_REFUSE && !proxy->is_stopping && fds[1].fd < 0) {
            fds[1].fd = listen_on(proxy->port);
        }
        proxy->is_listening = fds[1].fd >= 0;
        is_over = proxy->is_stopping;
        pthread_cond_broadcast(&proxy->changed);
        pthread_mutex_unlock(&proxy->lock);
        if (is_over)
            return NULL;
        if (poll(fds, 2, -1) <= 0)
            continue;
        if (fds[0].revents != 0 && read(proxy->wake, &woken, sizeof(woken)) < 0)
            continue;
        if (fds[1].fd >= 0 && fds[1].revents != 0) {
            int fd = accept4(fds[1].fd, NULL, NULL, SOCK_CLOEXEC);

            pthread_mutex_lock(&proxy->lock);
            if (fd >= 0)
                connection_begin(proxy, fd);
            pthread_mutex_unlock(&proxy->lock);
        }
    }
}

/* --- what a test asks --- */

struct fault_proxy *
fault_proxy_new(int node_port)
{
    struct fault_proxy *proxy = calloc(1, sizeof(*proxy));
    pthread_condattr_t attributes;

    assert_non_null(proxy);
    proxy->node_port = node_port;
    proxy->port = free_port();
    snprintf(proxy->url, sizeof(proxy->url), "http://127.0.0.1:%d", proxy->port);
    proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(proxy->wake >= 0);
    pthread_mutex_init(&proxy->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&proxy->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    assert_int_equal(pthread_create(&proxy->accepter, NULL, accept_all, proxy), 0);
    fault_proxy_order(proxy, NULL);     /* it listens when this returns */
    return proxy;
}

void
fault_proxy_destroy(struct fault_proxy **ref)
{
    struct fault_proxy *proxy = *ref;

    if (proxy == NULL)
        return;
    pthread_mutex_lock(&proxy->lock);
    proxy->is_stopping = 1;
    cut_connections(proxy);
    pthread_cond_broadcast(&proxy->changed);
    wake_accepter(proxy);
    pthread_mutex_unlock(&proxy->lock);
    pthread_join(proxy->accepter, NULL);
    for (size_t i = 0; i < FAULT_MAX_CONNECTIONS; i++)
        if (proxy->connections[i].is_used)
            pthread_join(proxy->connections[i].thread, NULL);
    close(proxy->wake);
    fault_order_release(&proxy->order);
    pthread_cond_destroy(&proxy->changed);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
    *ref = NULL;
}

const char *
fault_proxy_url(const struct fault_proxy *proxy)
{
    return proxy->url;
}

struct fault_counts
fault_proxy_counts(struct fault_proxy *proxy)
{
    struct fault_counts counts;

    pthread_mutex_lock(&proxy->lock);
    counts = proxy->counts;
    pthread_mutex_unlock(&proxy->lock);
    return counts;
}

void
fault_proxy_forget(struct fault_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    memset(&proxy->counts, 0, sizeof(proxy->counts));
    pthread_mutex_unlock(&proxy->lock);
}

int
fault_proxy_wait_for(struct fault_proxy *proxy, size_t place, size_t least, int timeout_ms)
{
    const size_t *count = (const size_t *)(const void *)((const char *)&proxy->counts + place);
    struct timespec until = fault_moment_in(timeout_ms);
    int rc = 0;

    pthread_mutex_lock(&proxy->lock);
    while (*count < least && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&proxy->changed, &proxy->lock, &until);
    rc = *count >= least ? 0 : -1;
    pthread_mutex_unlock(&proxy->lock);
    return rc;
}
