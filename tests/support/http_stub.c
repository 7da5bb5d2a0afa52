#include "tests/support/http_stub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/http_stub_wire.h"

enum { MAX_CONNECTIONS = 64 };

struct connection {
    struct stub *stub;
    pthread_t thread;
    unsigned number;
    int fd;
    int is_used;                /* the thread is to be joined */
    int is_over;                /* it has nothing left to do */
};

struct stub {
    int listen_fd;
    int port;
    char url[64];
    pthread_t accepter;
    pthread_mutex_t lock;
    pthread_cond_t changed;     /* of CLOCK_MONOTONIC */
    int is_stopping;
    struct connection connections[MAX_CONNECTIONS];
    unsigned connection_count, at_once, most_at_once;
    struct stub_request **requests;
    size_t request_count;
    struct stub_answer *script;
    size_t script_count, script_next;
    struct stub_answer usual;
};

static struct timespec
moment(int64_t at_ms)
{
    return (struct timespec){ .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 };
}

/* --- answers --- */

static void
answer_release(struct stub_answer *answer)
{
    free((char *)(uintptr_t)answer->headers);
    free((char *)(uintptr_t)answer->body);
    free((char *)(uintptr_t)answer->raw);
}

static char *
copy_or_null(const char *text)
{
    return text == NULL ? NULL : stub_copy(text, strlen(text));
}

static struct stub_answer
answer_copy(const struct stub_answer *answer)
{
    struct stub_answer out = *answer;

    out.headers = copy_or_null(answer->headers);
    out.body = copy_or_null(answer->body);
    out.raw = copy_or_null(answer->raw);
    return out;
}

/* --- requests --- */

/* Record it (given) and take its answer off the script; wait the answer's
 * time. The caller releases the answer. */
static struct stub_answer
request_record(struct stub *stub, struct stub_request *request)
{
    struct stub_answer answer;
    struct timespec until;

    pthread_mutex_lock(&stub->lock);
    stub->requests = stub_grow(stub->requests,
                          (stub->request_count + 1) * sizeof(*stub->requests));
    stub->requests[stub->request_count++] = request;
    if (++stub->at_once > stub->most_at_once)
        stub->most_at_once = stub->at_once;
    answer = answer_copy(stub->script_next < stub->script_count
                             ? &stub->script[stub->script_next++] : &stub->usual);
    until = moment(stub_now_ms() + answer.delay_ms);
    pthread_cond_broadcast(&stub->changed);
    while (answer.delay_ms > 0 && !stub->is_stopping &&
           pthread_cond_timedwait(&stub->changed, &stub->lock, &until) != ETIMEDOUT)
        ;
    stub->at_once--;            /* before it is answered: then the next may come */
    pthread_mutex_unlock(&stub->lock);
    return answer;
}

static void *
serve(void *self)
{
    struct connection *connection = self;
    struct stub *stub = connection->stub;
    struct stub_input in = { NULL, 0, 0 };
    struct stub_request *request;
    int goes_on = 1;

    while (goes_on && (request = stub_request_read(&in, connection->fd)) != NULL) {
        int is_head = strcmp(request->method, "HEAD") == 0;
        struct stub_answer answer;

        request->connection = connection->number;
        answer = request_record(stub, request);
        goes_on = stub_answer_send(connection->fd, &answer, is_head);
        answer_release(&answer);
    }
    free(in.bytes);
    pthread_mutex_lock(&stub->lock);
    close(connection->fd);
    connection->fd = -1;
    connection->is_over = 1;
    pthread_mutex_unlock(&stub->lock);
    return NULL;
}

/* --- connections --- */

/* A free place; a thread that has ended is joined for it. */
static struct connection *
connection_place(struct stub *stub)
{
    for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
        struct connection *place = &stub->connections[i];

        if (place->is_used && place->is_over) {
            pthread_join(place->thread, NULL);
            place->is_used = 0;
        }
        if (!place->is_used)
            return place;
    }
    return NULL;
}

static void *
accept_all(void *self)
{
    struct stub *stub = self;

    for (;;) {
        int fd = accept4(stub->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        struct connection *place = NULL;

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return NULL;        /* shut down by stub_destroy */
        pthread_mutex_lock(&stub->lock);
        if (!stub->is_stopping)
            place = connection_place(stub);
        if (place != NULL) {
            *place = (struct connection){ .stub = stub, .fd = fd,
                                          .number = ++stub->connection_count };
            place->is_used = pthread_create(&place->thread, NULL, serve, place) == 0;
        }
        if (place == NULL || !place->is_used)
            close(fd);
        pthread_mutex_unlock(&stub->lock);
    }
}

static int
listen_on_loopback(struct stub *stub)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stub->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stub->listen_fd < 0 ||
        bind(stub->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(stub->listen_fd, 64) != 0 ||
        getsockname(stub->listen_fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    stub->port = ntohs(address.sin_port);
    snprintf(stub->url, sizeof(stub->url), "http://127.0.0.1:%d", stub->port);
    return 0;
}

static int
listen_on_unix(struct stub *stub, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    snprintf(stub->url, sizeof(stub->url), "http://localhost");
    stub->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stub->listen_fd < 0 ||
        bind(stub->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(stub->listen_fd, 64) != 0)
        return -1;
    return 0;
}

static struct stub *
stub_open(const char *unix_path)
{
    struct stub *stub = memset(stub_grow(NULL, sizeof(*stub)), 0, sizeof(*stub));
    pthread_condattr_t attributes;
    int rc;

    pthread_mutex_init(&stub->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&stub->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    rc = unix_path == NULL ? listen_on_loopback(stub) : listen_on_unix(stub, unix_path);
    if (rc == 0 && pthread_create(&stub->accepter, NULL, accept_all, stub) == 0)
        return stub;
    fprintf(stderr, "http stub: %s\n", strerror(errno));
    if (stub->listen_fd >= 0)
        close(stub->listen_fd);
    free(stub);
    return NULL;
}

struct stub *
stub_new(void)
{
    return stub_open(NULL);
}

struct stub *
stub_new_unix(const char *path)
{
    return stub_open(path);
}

void
stub_destroy(struct stub **ref)
{
    struct stub *stub = *ref;

    if (stub == NULL)
        return;
    pthread_mutex_lock(&stub->lock);
    stub->is_stopping = 1;
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        if (stub->connections[i].is_used && !stub->connections[i].is_over)
            shutdown(stub->connections[i].fd, SHUT_RDWR);
    pthread_cond_broadcast(&stub->changed);
    pthread_mutex_unlock(&stub->lock);
    shutdown(stub->listen_fd, SHUT_RDWR);
    pthread_join(stub->accepter, NULL);
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        if (stub->connections[i].is_used)
            pthread_join(stub->connections[i].thread, NULL);
    close(stub->listen_fd);
    stub_forget(stub);
    answer_release(&stub->usual);
    free(stub->requests);
    free(stub->script);
    pthread_cond_destroy(&stub->changed);
    pthread_mutex_destroy(&stub->lock);
    free(stub);
    *ref = NULL;
}

/* --- what a test asks --- */

const char *
stub_url(const struct stub *stub)
{
    return stub->url;
}

int
stub_port(const struct stub *stub)
{
    return stub->port;
}

void
stub_script(struct stub *stub, const struct stub_answer *answers, size_t count)
{
    pthread_mutex_lock(&stub->lock);
    stub->script = stub_grow(stub->script,
                             (stub->script_count + count + 1) * sizeof(*stub->script));
    for (size_t i = 0; i < count; i++)
        stub->script[stub->script_count++] = answer_copy(&answers[i]);
    pthread_mutex_unlock(&stub->lock);
}

void
stub_set_usual(struct stub *stub, const struct stub_answer *answer)
{
    pthread_mutex_lock(&stub->lock);
    answer_release(&stub->usual);
    stub->usual = answer_copy(answer);
    pthread_mutex_unlock(&stub->lock);
}

int
stub_wait_for(struct stub *stub, size_t count, int timeout_ms)
{
    struct timespec until = moment(stub_now_ms() + timeout_ms);
    int rc = 0;

    pthread_mutex_lock(&stub->lock);
    while (stub->request_count < count && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&stub->changed, &stub->lock, &until);
    rc = stub->request_count >= count ? 0 : -1;
    pthread_mutex_unlock(&stub->lock);
    return rc;
}

size_t
stub_count(struct stub *stub)
{
    size_t count;

    pthread_mutex_lock(&stub->lock);
    count = stub->request_count;
    pthread_mutex_unlock(&stub->lock);
    return count;
}

const struct stub_request *
stub_request(struct stub *stub, size_t i)
{
    const struct stub_request *request;

    pthread_mutex_lock(&stub->lock);
    request = i < stub->request_count ? stub->requests[i] : NULL;
    pthread_mutex_unlock(&stub->lock);
    return request;
}

size_t
stub_count_containing(struct stub *stub, const char *text)
{
    size_t count = 0;

    pthread_mutex_lock(&stub->lock);
    for (size_t i = 0; i < stub->request_count; i++)
        count += memmem(stub->requests[i]->body, stub->requests[i]->body_len, text,
                        strlen(text)) != NULL;
    pthread_mutex_unlock(&stub->lock);
    return count;
}

unsigned
stub_most_at_once(struct stub *stub)
{
    unsigned most;

    pthread_mutex_lock(&stub->lock);
    most = stub->most_at_once;
    pthread_mutex_unlock(&stub->lock);
    return most;
}

void
stub_forget(struct stub *stub)
{
    pthread_mutex_lock(&stub->lock);
    for (size_t i = 0; i < stub->request_count; i++)
        stub_request_destroy(stub->requests[i]);
    for (size_t i = 0; i < stub->script_count; i++)
        answer_release(&stub->script[i]);
    stub->request_count = stub->script_count = stub->script_next = 0;
    stub->most_at_once = stub->at_once;
    pthread_mutex_unlock(&stub->lock);
}
