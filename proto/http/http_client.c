#include "proto/http/http_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/http/http_exchange.h"

#define MAX_BODY_LOOP ((size_t)64 * 1024)
#define MAX_BODY_BLOCKING ((size_t)64 * 1024 * 1024)

enum { MAX_CALLS = 256, MAX_IDLE_CONNECTIONS = 8, EVENTS_PER_TURN = 32 };

/* A call on the loop. */
struct transfer {
    struct http_exchange exchange;      /* first: libcurl's private pointer */
    CURL *easy;
    void (*done)(void *ctx, const struct http_answer *answer);
    void *ctx;
    struct transfer *previous, *next;
};

/*
 * libcurl's sockets and its timer are in an epoll set of our own, of which
 * the loop watches the one descriptor: zloop may still call a handler that
 * another handler took away in the same turn, and skips the rest of a turn
 * in which any was added.
 */
struct http_client {
    zloop_t *loop;
    CURLM *multi;
    int epoll_fd, timer_fd;
    struct transfer *transfers;
    unsigned count;
};

struct http_session {
    CURL *easy;
};

void
http_answer_release(struct http_answer *answer)
{
    buf_release(&answer->body);
}

/* --- blocking --- */

struct http_session *
http_session_new(void)
{
    return calloc(1, sizeof(struct http_session));
}

void
http_session_destroy(struct http_session **session)
{
    if (*session == NULL)
        return;
    curl_easy_cleanup((*session)->easy);
    free(*session);
    *session = NULL;
}

int
http_session_call(struct http_session *session, const struct http_call *call,
                  struct http_answer *answer)
{
    struct http_exchange exchange = { 0 };
    struct err err = { "" };

    *answer = (struct http_answer){ .retry_after_s = -1 };
    if (session->easy == NULL)
        session->easy = curl_easy_init();
    if (session->easy == NULL) {
        err_set(&answer->error, "out of memory");
        return -1;
    }
    curl_easy_reset(session->easy);
    if (http_exchange_prepare(&exchange, session->easy, call,
                              call->max_answer > 0 ? call->max_answer : MAX_BODY_BLOCKING,
                              &err) == 0)
        http_exchange_finish(&exchange, curl_easy_perform(session->easy));
    else
        exchange.answer.error = err;
    if (exchange.is_cut) {
        exchange.answer.status = 0;
        exchange.answer.is_too_long = 1;
        err_set(&exchange.answer.error, "the answer has more than %zu bytes", exchange.max_body);
    }
    *answer = exchange.answer;
    exchange.answer.body = (struct buf){ 0 };       /* the caller owns it now */
    curl_easy_reset(session->easy);     /* it points into the exchange */
    http_exchange_release(&exchange);
    return answer->status == 0 ? -1 : 0;
}

int
http_call(const struct http_call *call, struct http_answer *answer)
{
    struct http_session *session = http_session_new();
    int rc = -1;

    if (session == NULL) {
        *answer = (struct http_answer){ .retry_after_s = -1 };
        err_set(&answer->error, "out of memory");
    } else {
        rc = http_session_call(session, call, answer);
    }
    http_session_destroy(&session);
    return rc;
}

/* --- on a loop --- */

static void
transfer_destroy(struct http_client *client, struct transfer *transfer)
{
    if (transfer->previous != NULL)
        transfer->previous->next = transfer->next;
    else
        client->transfers = transfer->next;
    if (transfer->next != NULL)
        transfer->next->previous = transfer->previous;
    client->count--;
    curl_multi_remove_handle(client->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    http_exchange_release(&transfer->exchange);
    free(transfer);
}

static struct transfer *
transfer_new(struct http_client *client)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));

    if (transfer == NULL)
        return NULL;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL) {
        free(transfer);
        return NULL;
    }
    transfer->next = client->transfers;
    if (transfer->next != NULL)
        transfer->next->previous = transfer;
    client->transfers = transfer;
    client->count++;
    return transfer;
}

/* libcurl wants to know of what on this socket. What fails here is left to the
 * call's timeout: a -1 would end all calls of this client, for ever. */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *socket_self)
{
    struct http_client *client = self;
    struct epoll_event event = { .data.fd = fd };

    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
                   (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 && errno == EEXIST)
        epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    return 0;
}

/* libcurl wants to be called after so long; -1: not at all. */
static int
set_timer(CURLM *multi, long timeout_ms, void *self)
{
    struct http_client *client = self;
    struct itimerspec when = { 0 };

    if (timeout_ms > 0) {
        when.it_value.tv_sec = timeout_ms / 1000;
        when.it_value.tv_nsec = timeout_ms % 1000 * 1000000;
    } else if (timeout_ms == 0) {
        when.it_value.tv_nsec = 1;      /* 0 would mean never */
    }
    timerfd_settime(client->timer_fd, 0, &when, NULL);
    return 0;
}

static void
tell_finished(struct http_client *client)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(client->multi, &left)) != NULL) {
        CURLcode code = msg->data.result;
        char *private = NULL;
        struct transfer *transfer;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
        transfer = (struct transfer *)(void *)private;
        http_exchange_finish(&transfer->exchange, code);
        transfer->done(transfer->ctx, &transfer->exchange.answer);
        transfer_destroy(client, transfer);
    }
}

static int
serve(zloop_t *loop, zmq_pollitem_t *item, void *self)
{
    struct http_client *client = self;
    const unsigned broken = EPOLLERR | EPOLLHUP;
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(client->epoll_fd, events, EVENTS_PER_TURN, 0);
    int running;

    for (int i = 0; i < count; i++) {
        unsigned what = events[i].events;
        uint64_t expirations;

        if (events[i].data.fd == client->timer_fd) {
            if (read(client->timer_fd, &expirations, sizeof(expirations)) > 0)
                curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            continue;
        }
        curl_multi_socket_action(client->multi, events[i].data.fd,
                                 (what & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                     (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                     (what & broken ? CURL_CSELECT_ERR : 0),
                                 &running);
    }
    tell_finished(client);
    return 0;
}

static zmq_pollitem_t
poll_item(const struct http_client *client)
{
    return (zmq_pollitem_t){ .fd = client->epoll_fd, .events = ZMQ_POLLIN };
}

static int
open_descriptors(struct http_client *client, struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN };
    zmq_pollitem_t item;

    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    event.data.fd = client->timer_fd;
    if (client->epoll_fd < 0 || client->timer_fd < 0 ||
        epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, client->timer_fd, &event) != 0) {
        err_set(err, "http client: %s", strerror(errno));
        return -1;
    }
    item = poll_item(client);
    if (zloop_poller(client->loop, &item, serve, client) != 0) {
        err_set(err, "http client: out of memory");
        return -1;
    }
    zloop_poller_set_tolerant(client->loop, &item);
    return 0;
}

struct http_client *
http_client_new(zloop_t *loop, struct err *err)
{
    struct http_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        err_set(err, "http client: out of memory");
        return NULL;
    }
    client->loop = loop;
    client->epoll_fd = client->timer_fd = -1;
    client->multi = curl_multi_init();
    if (client->multi == NULL) {
        err_set(err, "http client: out of memory");
        http_client_destroy(&client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)MAX_IDLE_CONNECTIONS);
    if (open_descriptors(client, err) != 0)
        http_client_destroy(&client);
    return client;
}

void
http_client_destroy(struct http_client **client)
{
    zmq_pollitem_t item;

    if (*client == NULL)
        return;
    if ((*client)->epoll_fd >= 0) {
        item = poll_item(*client);
        zloop_poller_end((*client)->loop, &item);
    }
    while ((*client)->transfers != NULL)
        transfer_destroy(*client, (*client)->transfers);
    if ((*client)->multi != NULL)
        curl_multi_cleanup((*client)->multi);
    if ((*client)->timer_fd >= 0)
        close((*client)->timer_fd);
    if ((*client)->epoll_fd >= 0)
        close((*client)->epoll_fd);
    free(*client);
    *client = NULL;
}

int
http_client_start(struct http_client *client, const struct http_call *call,
                  void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
                  struct err *err)
{
    struct transfer *transfer = NULL;
    CURLMcode code;

    if (client->count >= MAX_CALLS) {
        err_set(err, "%u calls are under way already", client->count);
        return -1;
    }
    transfer = transfer_new(client);
    if (transfer == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    transfer->done = done;
    transfer->ctx = ctx;
    if (http_exchange_prepare(&transfer->exchange, transfer->easy, call,
                              call->max_answer > 0 ? call->max_answer : MAX_BODY_LOOP,
                              err) != 0)
        goto failed;
    code = curl_multi_add_handle(client->multi, transfer->easy);
    if (code == CURLM_OK)
        return 0;
    err_set(err, "%s", curl_multi_strerror(code));

failed:
    transfer_destroy(client, transfer);
    return -1;
}

void
http_client_finish(struct http_client *client, int timeout_ms)
{
    struct pollfd item = { .fd = client->epoll_fd, .events = POLLIN };
    int64_t until_ms = clock_steady_ms() + timeout_ms, left_ms = timeout_ms;

    while (client->transfers != NULL && left_ms > 0) {
        if (poll(&item, 1, (int)left_ms) > 0)
            serve(client->loop, NULL, client);
        left_ms = until_ms - clock_steady_ms();
    }
}
