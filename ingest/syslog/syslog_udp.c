/*
 * syslog_udp.c - a datagram is a message (RFC 5426); nobody waits for us
 */
#include "ingest/syslog/syslog.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ingest/syslog/syslog_inner.h"
#include "proto/base/clock.h"
#include "proto/decode/decode.h"

enum {
    BATCH = 64,                 /* datagrams of one system call */
    DATAGRAM_BYTES = 65536,
    TURN_DATAGRAMS = 4096,      /* of one turn: one commit */
    DRAIN_TURNS = 64
};

struct syslog_datagrams {
    struct mmsghdr heads[BATCH];
    struct iovec places[BATCH];
    struct sockaddr_storage senders[BATCH];
    /* the sender of the last datagram: most come in rows */
    struct sockaddr_storage last;
    socklen_t last_len;
    char peer[INET6_ADDRSTRLEN];
    int is_allowed;
    struct syslog_turn turn;
    uint64_t count;             /* datagrams in the turn */
    char *bytes;                /* BATCH times DATAGRAM_BYTES; most pages are never touched */
};

/* --- senders --- */

static void
know_sender(struct syslog *syslog, const struct sockaddr_storage *sender, socklen_t len)
{
    struct syslog_datagrams *dgrams = syslog->datagrams;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sender;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sender;

    if (len == dgrams->last_len && memcmp(&dgrams->last, sender, len) == 0)
        return;
    memcpy(&dgrams->last, sender, len);
    dgrams->last_len = len;
    if (sender->ss_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, dgrams->peer, sizeof(dgrams->peer));
    else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], dgrams->peer, sizeof(dgrams->peer));
    else
        inet_ntop(AF_INET6, &in6->sin6_addr, dgrams->peer, sizeof(dgrams->peer));
    dgrams->is_allowed = syslog_is_allowed(syslog, text_of(dgrams->peer));
}

/* --- one datagram --- */

static int
is_end(char c)
{
    return c == '\n' || c == '\r' || c == '\0';
}

/* JOURNAL_DONE, or why it takes no more: a part may be in the turn then. */
static enum journal_outcome
keep_pieces(struct syslog *syslog, struct text message)
{
    struct syslog_turn *turn = &syslog->datagrams->turn;
    const size_t max = (size_t)syslog->settings->syslog_max_message;
    const struct intake_origin origin = { .received_from = text_of(syslog->datagrams->peer),
                                          .is_unanswered = 1 };
    struct intake_item item = { .flags = message.len > max ? INTAKE_SPLIT : 0 };
    enum journal_outcome stop = JOURNAL_DONE;

    while (message.len > 0 && stop == JOURNAL_DONE) {
        item.text = message;
        if (message.len > max)
            item.text.len = raw_cut(message, max);
        message.ptr += item.text.len;
        message.len -= item.text.len;
        if (text_trim(item.text).len > 0)
            stop = intake_keep(syslog->spec.intake, &origin, item, &turn->kept, &turn->why);
    }
    return stop;
}

static void
take_datagram(struct syslog *syslog, struct text message)
{
    struct syslog_datagrams *dgrams = syslog->datagrams;
    struct syslog_turn *turn = &dgrams->turn;
    struct journal *journal = intake_journal(syslog->spec.intake);
    const struct journal_mark mark = journal_mark(journal);
    const struct intake_kept kept = turn->kept;

    *syslog->numbers.bytes[SYSLOG_UDP] += message.len;
    if (!dgrams->is_allowed) {
        syslog_drop(syslog, SYSLOG_DROP_NETWORK, 1);
        return;
    }
    while (message.len > 0 && is_end(message.ptr[message.len - 1]))
        message.len--;
    if (turn->stop == JOURNAL_DONE)
        turn->stop = keep_pieces(syslog, message);
    if (turn->stop != JOURNAL_DONE) {
        journal_cancel(journal, &mark);
        turn->kept = kept;
        syslog_drop(syslog, SYSLOG_DROP_JOURNAL, 1);
        return;
    }
    if (turn->kept.refused != kept.refused)
        log_warn_burst(&syslog->line_burst, "a syslog message cannot be kept",
                       "peer=%s reason=\"%s\"", dgrams->peer, turn->why.text);
    turn->messages[SYSLOG_UDP]++;
}

/* --- a turn --- */

/* Returns how many there were. */
static unsigned
take_batch(struct syslog *syslog, int fd)
{
    struct syslog_datagrams *dgrams = syslog->datagrams;
    int count;

    for (size_t i = 0; i < BATCH; i++) {
        dgrams->heads[i].msg_hdr.msg_namelen = sizeof(dgrams->senders[i]);
        dgrams->heads[i].msg_len = 0;
    }
    count = recvmmsg(fd, dgrams->heads, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        know_sender(syslog, &dgrams->senders[i], dgrams->heads[i].msg_hdr.msg_namelen);
        take_datagram(syslog, (struct text){ dgrams->places[i].iov_base,
                                             dgrams->heads[i].msg_len });
    }
    return count < 0 ? 0 : (unsigned)count;
}

/* Returns how many datagrams there were. */
static size_t
turn_once(struct syslog *syslog, int fd)
{
    struct syslog_turn *turn = &syslog->datagrams->turn;
    enum journal_outcome outcome;
    struct err err = { "" };
    size_t count = 0, more;

    memset(&turn->kept, 0, sizeof(turn->kept));
    memset(turn->messages, 0, sizeof(turn->messages));
    turn->stop = JOURNAL_DONE;
    intake_set_time(syslog->spec.intake, clock_real_us());
    do {
        more = take_batch(syslog, fd);
        count += more;
    } while (more == BATCH && count < TURN_DATAGRAMS);
    outcome = syslog->spec.commit(syslog->spec.self, &err);
    if (outcome == JOURNAL_DONE) {
        syslog_count(syslog, turn);
        return count;
    }
    ++*syslog->numbers.commit_failures;
    syslog_drop(syslog, SYSLOG_DROP_COMMIT, turn->messages[SYSLOG_UDP]);
    if (outcome == JOURNAL_UNCLEAR)
        syslog_stop(syslog);
    return count;
}

static int
on_datagrams(zloop_t *loop, zmq_pollitem_t *item, void *self)
{
    (void)loop;
    turn_once(self, item->fd);
    return 0;
}

/* --- the kernel's part --- */

/* Root is granted what it asks for, others net.core.rmem_max. */
static void
widen(struct syslog_listener *listener, int64_t bytes)
{
    const int wanted = (int)(bytes / 2);        /* the kernel takes twice what is asked for */
    socklen_t len = sizeof(listener->buffer_bytes);
    const int fd = listener->socket.fd;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &listener->buffer_bytes, &len);
    if (listener->buffer_bytes < bytes)
        log_warn("the kernel grants a smaller buffer: bursts of syslog may be dropped",
                 "address=%s wanted=%lld granted=%d sysctl=net.core.rmem_max",
                 listener->socket.address, (long long)bytes, listener->buffer_bytes);
}

/* The count that SO_RXQ_OVFL shows beside a datagram; read so, it needs none to come. */
void
syslog_datagrams_count(struct syslog *syslog)
{
    for (size_t i = 0; i < syslog->listener_count; i++) {
        struct syslog_listener *listener = &syslog->listeners[i];
        uint32_t numbers[SK_MEMINFO_VARS] = { 0 };
        socklen_t len = sizeof(numbers);

        if (listener->transport != SYSLOG_UDP ||
            getsockopt(listener->socket.fd, SOL_SOCKET, SO_MEMINFO, numbers, &len) != 0)
            continue;
        syslog_drop(syslog, SYSLOG_DROP_KERNEL,
                    numbers[SK_MEMINFO_DROPS] - listener->drops_seen);
        listener->drops_seen = numbers[SK_MEMINFO_DROPS];
    }
}

/* --- life --- */

static int
make_places(struct syslog *syslog)
{
    struct syslog_datagrams *dgrams = calloc(1, sizeof(*dgrams));

    if (dgrams == NULL)
        return -1;
    syslog->datagrams = dgrams;
    dgrams->bytes = malloc((size_t)BATCH * DATAGRAM_BYTES);
    if (dgrams->bytes == NULL)
        return -1;
    for (size_t i = 0; i < BATCH; i++) {
        dgrams->places[i] = (struct iovec){ dgrams->bytes + i * DATAGRAM_BYTES, DATAGRAM_BYTES };
        dgrams->heads[i].msg_hdr = (struct msghdr){ .msg_name = &dgrams->senders[i],
                                                    .msg_iov = &dgrams->places[i],
                                                    .msg_iovlen = 1 };
    }
    return 0;
}

int
syslog_datagrams_start(struct syslog *syslog, struct err *err)
{
    for (size_t i = 0; i < syslog->listener_count; i++) {
        struct syslog_listener *listener = &syslog->listeners[i];

        if (listener->transport != SYSLOG_UDP)
            continue;
        if (syslog->datagrams == NULL && make_places(syslog) != 0)
            goto failed;
        widen(listener, syslog->settings->syslog_udp_buffer);
        listener->poll = (zmq_pollitem_t){ .fd = listener->socket.fd, .events = ZMQ_POLLIN };
        if (zloop_poller(syslog->daemon->loop, &listener->poll, on_datagrams, syslog) != 0)
            goto failed;
        zloop_poller_set_tolerant(syslog->daemon->loop, &listener->poll);
        listener->is_polled = 1;
    }
    return 0;

failed:
    err_set(err, "out of memory");
    return -1;
}

void
syslog_datagrams_stop(struct syslog *syslog)
{
    for (size_t i = 0; i < syslog->listener_count; i++) {
        if (syslog->listeners[i].is_polled)
            zloop_poller_end(syslog->daemon->loop, &syslog->listeners[i].poll);
        syslog->listeners[i].is_polled = 0;
    }
}

void
syslog_datagrams_free(struct syslog *syslog)
{
    if (syslog->datagrams != NULL)
        free(syslog->datagrams->bytes);
    free(syslog->datagrams);
    syslog->datagrams = NULL;
}

void
syslog_datagrams_drain(struct syslog *syslog)
{
    for (size_t i = 0; i < syslog->listener_count && !syslog->is_stopped; i++) {
        int turns = 0;

        if (syslog->listeners[i].transport == SYSLOG_UDP)
            while (turns++ < DRAIN_TURNS && turn_once(syslog, syslog->listeners[i].socket.fd) > 0)
                ;
    }
    syslog_datagrams_count(syslog);
}
