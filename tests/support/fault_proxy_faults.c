#include "tests/support/fault_proxy_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fault_proxy_bulk.h"

enum { HOLD_POLL_MS = 50, MAX_TARGET = 2048 };

/* One request on its way. */
struct passage {
    struct fault_connection *connection;
    struct wire_message request, answer;
    struct fault_order order;   /* what it meets; texts are the passage's own */
    unsigned order_number;      /* the one in force when it came */
    int is_bulk, is_gzipped, is_brief, is_executed;
    struct bytes plain;         /* of a _bulk: the body unzipped */
    struct bulk bulk;
};

/* What this request meets; it uses up one of the order's times. */
static void
meet_order(struct fault_proxy *proxy, struct passage *passage)
{
    char target[MAX_TARGET];

    wire_word(&passage->request, 1, target, sizeof(target));
    passage->is_brief = strstr(target, "filter_path") != NULL &&
                        strstr(target, "_id") == NULL;
    pthread_mutex_lock(&proxy->lock);
    proxy->counts.requests++;
    proxy->counts.bulks += (size_t)passage->is_bulk;
    proxy->counts.gzipped_bulks += (size_t)passage->is_gzipped;
    proxy->counts.documents += passage->bulk.count;
    passage->order_number = proxy->order_number;
    if (proxy->order.path == NULL || strstr(target, proxy->order.path) != NULL) {
        passage->order = fault_order_copy(&proxy->order);
        proxy->counts.met[passage->order.kind]++;
        if (passage->order.kind == FAULT_ITEMS)
            bulk_refuse(&passage->bulk, proxy->order.percent == 0 ? 100 : proxy->order.percent,
                        &proxy->item_counter);
        proxy->counts.refused_items += passage->bulk.refused;
        if (proxy->order.kind != FAULT_REFUSE && proxy->order.times > 0 &&
            --proxy->order.times == 0)
            fault_order_release(&proxy->order);
    }
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
}

/* --- passing on --- */

static int
connect_node(struct fault_connection *connection)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)connection->proxy->node_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    pthread_mutex_lock(&connection->proxy->lock);
    connection->node.fd = fd;
    pthread_mutex_unlock(&connection->proxy->lock);
    return 0;
}

static void
count_forwarded(struct passage *passage)
{
    struct fault_proxy *proxy = passage->connection->proxy;

    if (!passage->is_bulk)
        return;
    pthread_mutex_lock(&proxy->lock);
    proxy->counts.forwarded_bulks++;
    proxy->counts.forwarded_documents += passage->bulk.count - passage->bulk.refused;
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
}

static void
count_repeats(struct passage *passage)
{
    struct fault_proxy *proxy = passage->connection->proxy;
    size_t repeats = passage->is_bulk ? bulk_count_status(&passage->answer.body, 409) : 0;

    pthread_mutex_lock(&proxy->lock);
    proxy->counts.repeats += repeats;
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
}

/* The node's answer to the request. 0 or -1. */
static int
ask_node(struct passage *passage)
{
    struct fault_connection *connection = passage->connection;
    struct bytes bytes = { NULL, 0, 0 };
    char method[16];
    int rc;

    if (connection->node.fd < 0 && connect_node(connection) != 0)
        return -1;
    wire_word(&passage->request, 0, method, sizeof(method));
    wire_remove_header(&passage->request, "Accept-Encoding");
    wire_form(&passage->request, &bytes);
    rc = wire_send(connection->node.fd, bytes.data, bytes.len);
    bytes_release(&bytes);
    if (rc != 0)
        return -1;
    count_forwarded(passage);
    rc = wire_read_answer(&connection->node, &passage->answer, strcmp(method, "HEAD") == 0);
    if (rc == 0) {
        passage->is_executed = 1;
        count_repeats(passage);
    }
    return rc;
}

static void
count_lost(struct passage *passage)
{
    struct fault_proxy *proxy = passage->connection->proxy;

    if (!passage->is_bulk || !passage->is_executed)
        return;
    pthread_mutex_lock(&proxy->lock);
    proxy->counts.lost_answers++;
    proxy->counts.lost_documents += passage->bulk.count - passage->bulk.refused;
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
}

/* 1 once the client has closed its side. */
static int
has_gone(const struct passage *passage, int wait_ms)
{
    struct pollfd client = { .fd = passage->connection->client.fd, .events = POLLRDHUP };

    return poll(&client, 1, wait_ms) > 0;
}

/* Nothing goes out until there is another order than this, or the client has gone. */
static void
hold(const struct passage *passage, unsigned order_number)
{
    struct fault_proxy *proxy = passage->connection->proxy;
    int is_held;

    do {
        pthread_mutex_lock(&proxy->lock);
        is_held = proxy->order_number == order_number && !proxy->is_stopping;
        pthread_mutex_unlock(&proxy->lock);
    } while (is_held && !has_gone(passage, HOLD_POLL_MS));
}

/* 1 when a blackhole without a path has been ordered since the request came. */
static int
is_blackholed(struct fault_proxy *proxy, unsigned *ret_number)
{
    int is_so;

    pthread_mutex_lock(&proxy->lock);
    is_so = proxy->order.kind == FAULT_BLACKHOLE && proxy->order.path == NULL;
    *ret_number = proxy->order_number;
    pthread_mutex_unlock(&proxy->lock);
    return is_so;
}

/* Send up to limit bytes of the answer; less than all is a lost one. 1: the connection goes on. */
static int
give_answer(struct passage *passage, size_t limit)
{
    struct bytes bytes = { NULL, 0, 0 };
    unsigned number;
    int is_whole;

    if (is_blackholed(passage->connection->proxy, &number)) {
        count_lost(passage);
        hold(passage, number);
        return 0;
    }
    wire_form(&passage->answer, &bytes);
    is_whole = limit >= bytes.len && !has_gone(passage, 0);
    if (wire_send(passage->connection->client.fd, bytes.data, bytes.len < limit ? bytes.len : limit) != 0)
        is_whole = 0;
    bytes_release(&bytes);
    if (!is_whole)
        count_lost(passage);
    return is_whole;
}

static void
replace_body(struct wire_message *message, struct bytes *body)
{
    bytes_release(&message->body);
    message->body = *body;
    *body = (struct bytes){ NULL, 0, 0 };
}

/* --- the faults: each 1 when the connection goes on --- */

static int
pass(struct passage *passage)
{
    if (ask_node(passage) != 0)
        return 0;
    return give_answer(passage, SIZE_MAX);
}

static int
close_at_once(struct passage *passage)
{
    return 0;
}

static int
blackhole(struct passage *passage)
{
    hold(passage, passage->order_number);
    return 0;
}

static int
answer_with(struct passage *passage, int status, const char *headers, struct bytes *body)
{
    char line[64], method[16];

    wire_word(&passage->request, 0, method, sizeof(method));
    passage->answer.has_no_body = strcmp(method, "HEAD") == 0;
    snprintf(line, sizeof(line), "HTTP/1.1 %d Ordered", status);
    wire_add_header(&passage->answer, line);
    wire_add_header(&passage->answer, "X-elastic-product: Elasticsearch");
    if (headers == NULL || strcasestr(headers, "content-type:") == NULL)
        wire_add_header(&passage->answer, "content-type: application/json");
    if (headers != NULL)
        bytes_add_text(&passage->answer.head, headers);
    replace_body(&passage->answer, body);
    return give_answer(passage, SIZE_MAX);
}

static int
answer_status(struct passage *passage)
{
    const struct fault_order *order = &passage->order;
    struct bytes body = { NULL, 0, 0 };
    const char *headers = order->headers;

    if (order->body != NULL)
        bytes_add_text(&body, order->body);
    else
        bulk_refusal(order->status, &body);
    if (headers == NULL && order->status == 401)
        headers = "WWW-Authenticate: Basic realm=\"security\" charset=\"UTF-8\"\r\n";
    return answer_with(passage, order->status, headers, &body);
}

/* Some items, perhaps all, never reach the node. */
static int
refuse_items(struct passage *passage)
{
    struct bytes rest = { NULL, 0, 0 }, merged = { NULL, 0, 0 };
    int status = passage->order.status == 0 ? 429 : passage->order.status;

    if (passage->bulk.refused == 0)
        return pass(passage);
    bulk_rest(&passage->bulk, &passage->plain, &rest);
    wire_remove_header(&passage->request, "Content-Encoding");
    replace_body(&passage->request, &rest);
    if (passage->bulk.refused == passage->bulk.count) {
        if (bulk_merge(&passage->bulk, status, passage->is_brief, &rest, &merged) != 0)
            return 0;
        return answer_with(passage, 200, NULL, &merged);
    }
    if (ask_node(passage) != 0)
        return 0;
    if (bulk_merge(&passage->bulk, status, passage->is_brief, &passage->answer.body, &merged) == 0)
        replace_body(&passage->answer, &merged);
    else
        bytes_release(&merged);         /* the node refused the whole: so it is passed on */
    return give_answer(passage, SIZE_MAX);
}

static int
lose(struct passage *passage)
{
    if (ask_node(passage) != 0)
        return 0;
    count_lost(passage);
    return 0;
}

static int
cut(struct passage *passage)
{
    if (ask_node(passage) != 0)
        return 0;
    return give_answer(passage, passage->order.bytes);
}

static int
shorten(struct passage *passage)
{
    struct bytes shorter = { NULL, 0, 0 };

    if (ask_node(passage) != 0)
        return 0;
    if (bulk_shorten(&passage->answer.body, &shorter) == 0)
        replace_body(&passage->answer, &shorter);
    return give_answer(passage, SIZE_MAX);
}

static int
delay(struct passage *passage)
{
    struct fault_proxy *proxy = passage->connection->proxy;
    struct timespec until = fault_moment_in(passage->order.delay_ms);

    if (ask_node(passage) != 0)
        return 0;
    pthread_mutex_lock(&proxy->lock);
    while (!proxy->is_stopping &&
           pthread_cond_timedwait(&proxy->changed, &proxy->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&proxy->lock);
    return give_answer(passage, SIZE_MAX);
}

static int (*const faults[FAULT_KINDS])(struct passage *) = {
    [FAULT_NONE] = pass,
    [FAULT_REFUSE] = close_at_once,
    [FAULT_BLACKHOLE] = blackhole,
    [FAULT_STATUS] = answer_status,
    [FAULT_ITEMS] = refuse_items,
    [FAULT_LOSE] = lose,
    [FAULT_CUT] = cut,
    [FAULT_SHORT] = shorten,
    [FAULT_DELAY] = delay,
};

/* --- one request --- */

/* Whether it is a _bulk, and its items. */
static void
look_into(struct passage *passage)
{
    char target[MAX_TARGET], encoding[32];

    wire_word(&passage->request, 1, target, sizeof(target));
    passage->is_bulk = memmem(target, strcspn(target, "?"), "/_bulk", 6) != NULL;
    if (!passage->is_bulk)
        return;
    passage->is_gzipped = wire_header(&passage->request, "Content-Encoding", encoding,
                                      sizeof(encoding));
    if (!passage->is_gzipped)
        bytes_add(&passage->plain, passage->request.body.data, passage->request.body.len);
    else if (strcmp(encoding, "gzip") != 0 ||
             wire_unzip(&passage->request.body, &passage->plain) != 0)
        bytes_release(&passage->plain);
    bulk_read(&passage->plain, &passage->bulk);
}

int
fault_serve_one(struct fault_connection *connection)
{
    struct passage passage = { .connection = connection };
    int goes_on = 0;

    if (wire_read_request(&connection->client, &passage.request) == 0) {
        look_into(&passage);
        meet_order(connection->proxy, &passage);
        goes_on = faults[passage.order.kind](&passage);
    }
    wire_message_release(&passage.request);
    wire_message_release(&passage.answer);
    bytes_release(&passage.plain);
    bulk_release(&passage.bulk);
    fault_order_release(&passage.order);
    return goes_on;
}

