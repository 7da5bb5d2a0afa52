#include "ingest/syslog/syslog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/syslog/syslog_inner.h"
#include "ingest/syslog/syslog_tls.h"
#include "proto/base/clock.h"

/* What an idle connection may keep; the longest record of TLS, which is read whole. */
enum { IDLE_BUF_BYTES = 16 * 1024, RECORD_BYTES = 16 * 1024 };

/* --- life --- */

static int
watch(struct syslog *syslog, struct syslog_connection *conn, int op)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLRDHUP | (conn->wants_write ? (uint32_t)EPOLLOUT : 0),
        .data.ptr = conn };

    conn->is_watched = op != EPOLL_CTL_DEL;
    return epoll_ctl(syslog->epoll_fd, op, conn->fd, &event);
}

static enum syslog_stage
stage_after_proxy(const struct syslog_connection *conn)
{
    return conn->tls != NULL ? STAGE_HANDSHAKE : STAGE_OPEN;
}

struct syslog_connection *
syslog_connection_new(struct syslog *syslog, const struct syslog_listener *listener, int fd,
                      const char *peer)
{
    struct syslog_connection *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        close(fd);
        return NULL;
    }
    conn->source = SOURCE_CONNECTION;
    conn->fd = fd;
    conn->transport = listener->transport;
    conn->framing.max_message = (size_t)syslog->settings->syslog_max_message;
    conn->begun_ms = conn->heard_ms = clock_steady_ms();
    snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
    conn->next = syslog->connections;
    if (conn->next != NULL)
        conn->next->prev = conn;
    syslog->connections = conn;
    syslog->count++;
    *syslog->numbers.connections = syslog->count;
    ++*syslog->numbers.opened;
    if (conn->transport == SYSLOG_TLS)
        conn->tls = syslog_tls_new(syslog->spec.tls, fd);
    if ((conn->transport == SYSLOG_TLS && conn->tls == NULL) ||
        watch(syslog, conn, EPOLL_CTL_ADD) != 0) {
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_MEMORY, "out of memory");
        return NULL;
    }
    conn->stage = syslog->settings->syslog_proxy_protocol &&
                  networks_has(&syslog->proxies, text_of(peer)) ? STAGE_PROXY
                                                                : stage_after_proxy(conn);
    return conn;
}

void
syslog_connection_end(struct syslog *syslog, struct syslog_connection *conn)
{
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        syslog->connections = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    syslog->count--;
    *syslog->numbers.connections = syslog->count;
    syslog_tls_destroy(&conn->tls);
    buf_release(&conn->rest);
    close(conn->fd);                /* and out of the epoll */
    free(conn);
}

void
syslog_connection_refuse(struct syslog *syslog, struct syslog_connection *conn,
                         enum syslog_refusal why, const char *reason)
{
    ++*syslog->numbers.refused[why];
    log_warn_burst(&syslog->refuse_burst, "syslog connection refused", "peer=%s reason=\"%s\"",
                   conn->peer, reason);
    syslog_connection_end(syslog, conn);
}

void
syslog_connection_see_off(struct syslog_connection *conn, int64_t now_ms)
{
    conn->leaving_ms = now_ms;
    if (conn->tls != NULL)
        syslog_tls_bye(conn->tls);
    shutdown(conn->fd, SHUT_WR);
}

/* --- before the messages --- */

/* The proxy said whose connection it is. 0, or -1: the connection is gone. */
static int
take_over(struct syslog *syslog, struct syslog_connection *conn,
          const struct proxy_header *header)
{
    if (header->address[0] != '\0')
        snprintf(conn->peer, sizeof(conn->peer), "%s", header->address);
    conn->stage = stage_after_proxy(conn);
    conn->begun_ms = clock_steady_ms();
    buf_release(&conn->rest);
    if (header->address[0] == '\0' || syslog_is_allowed(syslog, text_of(conn->peer)))
        return 0;
    syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_NETWORK,
                             "the sender that the proxy names is not in syslog.allow");
    return -1;
}

/* Read the PROXY header and not a byte more: what follows may be TLS's. 0: there is more
 * to do; -1: not now, or the connection is gone. */
static int
read_proxy(struct syslog *syslog, struct syslog_connection *conn)
{
    const size_t before = conn->rest.len;
    struct proxy_header header;
    struct err err = { "" };
    enum proxy_read how;
    ssize_t len;

    if (buf_reserve(&conn->rest, PROXY_MAX_HEADER) != 0) {
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_MEMORY, "out of memory");
        return -1;
    }
    len = recv(conn->fd, conn->rest.ptr + before, PROXY_MAX_HEADER, MSG_PEEK);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    if (len <= 0) {
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_PROXY, "the PROXY header is cut off");
        return -1;
    }
    conn->rest.len += (size_t)len;
    how = proxy_header_read(buf_text(&conn->rest), &header, &err);
    /* all of an unfinished header is its own */
    if (how == PROXY_DONE)
        len = (ssize_t)(header.len - before);
    if (how == PROXY_BAD || recv(conn->fd, conn->rest.ptr + before, (size_t)len, 0) != len) {
        err_add(&err, "no PROXY header");
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_PROXY, err.text);
        return -1;
    }
    return how == PROXY_DONE ? take_over(syslog, conn, &header) : -1;
}

static int
shake_hands(struct syslog *syslog, struct syslog_connection *conn)
{
    struct err err = { "" };
    int rc = syslog_tls_handshake(conn->tls, &err), wants_write;

    if (rc < 0) {
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_HANDSHAKE, err.text);
        return -1;
    }
    if (rc > 0)
        conn->stage = STAGE_OPEN;
    wants_write = rc == 0 && syslog_tls_wants_write(conn->tls);
    if (wants_write != conn->wants_write) {
        conn->wants_write = wants_write;
        watch(syslog, conn, EPOLL_CTL_MOD);
    }
    return rc > 0 ? 0 : -1;
}

/* --- messages --- */

static ssize_t
read_some(struct syslog_connection *conn, char *bytes, size_t len)
{
    return conn->tls != NULL ? syslog_tls_read(conn->tls, bytes, len)
                             : recv(conn->fd, bytes, len, 0);
}

/* Behind what is left of it, into the turn. */
static void
fill(struct syslog *syslog, struct syslog_connection *conn, struct syslog_share *share)
{
    struct syslog_turn *turn = syslog->turn;
    const size_t least = conn->tls != NULL ? RECORD_BYTES : 1;
    size_t room = SYSLOG_SPACE_BYTES - turn->used;

    if (room > SYSLOG_READ_BYTES)
        room = SYSLOG_READ_BYTES;
    *share = (struct syslog_share){ .conn = conn, .start = turn->used, .len = conn->rest.len,
                                    .before = conn->framing };
    if (conn->rest.len > 0)
        memcpy(turn->bytes + share->start, conn->rest.ptr, conn->rest.len);
    while (!conn->is_at_end && share->len + least <= room) {
        size_t asked = room - share->len;
        ssize_t len = read_some(conn, turn->bytes + share->start + share->len, asked);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (len <= 0) {
            *syslog->numbers.resets += len < 0;
            conn->is_at_end = 1;
            break;
        }
        share->len += (size_t)len;
        turn->taken += (size_t)len;
        *syslog->numbers.bytes[conn->transport] += (size_t)len;
        if ((size_t)len < asked && conn->tls == NULL)
            break;
    }
    conn->is_waiting = !conn->is_at_end && conn->tls != NULL && syslog_tls_has_bytes(conn->tls);
    turn->used += share->len;
}

/* One message into the turn. 0, or -1: the journal takes no more. */
static int
keep(struct syslog *syslog, const struct syslog_connection *conn,
     const struct syslog_frame *frame)
{
    struct syslog_turn *turn = syslog->turn;
    struct journal *journal = intake_journal(syslog->spec.intake);
    const struct intake_origin origin = { .received_from = text_of(conn->peer),
                                          .is_unanswered = 1 };
    const struct intake_item item = { .text = frame->message,
                                      .flags = frame->is_split ? INTAKE_SPLIT : 0 };
    const struct journal_mark mark = journal_mark(journal);
    const struct intake_kept kept = turn->kept;

    turn->stop = intake_keep(syslog->spec.intake, &origin, item, &turn->kept, &turn->why);
    if (turn->stop != JOURNAL_DONE) {
        journal_cancel(journal, &mark);
        turn->kept = kept;
        return -1;
    }
    if (turn->kept.refused != kept.refused)
        log_warn_burst(&syslog->line_burst, "a syslog message cannot be kept",
                       "peer=%s reason=\"%s\"", conn->peer, turn->why.text);
    turn->messages[conn->transport]++;
    return 0;
}

static void
take_messages(struct syslog *syslog, struct syslog_connection *conn, struct syslog_share *share)
{
    const struct syslog_turn *turn = syslog->turn;
    const char *bytes = turn->bytes + share->start;

    while (turn->stop == JOURNAL_DONE) {
        const struct syslog_framing before = conn->framing;
        struct syslog_frame frame;
        size_t used;
        enum syslog_framed framed = syslog_framing_next(
            &conn->framing, (struct text){ bytes + share->done, share->len - share->done },
            conn->is_at_end, &frame, &used);

        if (framed == SYSLOG_MESSAGE && keep(syslog, conn, &frame) != 0) {
            conn->framing = before;
            break;
        }
        share->done += used;
        conn->is_hopeless = framed == SYSLOG_HOPELESS;
        if (framed != SYSLOG_MESSAGE)
            break;
    }
    conn->is_waiting |= turn->stop != JOURNAL_DONE;
}

/* What is left of the bytes, for the next turn. */
static void
keep_rest(struct syslog_connection *conn, struct text bytes)
{
    buf_clear(&conn->rest);
    if (bytes.len == 0 && conn->rest.cap > IDLE_BUF_BYTES)
        buf_release(&conn->rest);
    if (buf_append(&conn->rest, bytes.ptr, bytes.len) != 0)
        conn->is_lost = 1;
}

static int
is_over(const struct syslog_connection *conn)
{
    return conn->is_lost || conn->is_hopeless || (conn->is_at_end && !conn->is_waiting);
}

void
syslog_connection_work(struct syslog *syslog, struct syslog_connection *conn)
{
    struct syslog_turn *turn = syslog->turn;
    struct syslog_share *share = &turn->shares[turn->count];

    if (conn->turns > 0 && is_over(conn))
        return;
    conn->heard_ms = clock_steady_ms();
    if (conn->stage == STAGE_PROXY && read_proxy(syslog, conn) != 0)
        return;
    if (conn->stage == STAGE_HANDSHAKE && shake_hands(syslog, conn) != 0)
        return;
    fill(syslog, conn, share);
    take_messages(syslog, conn, share);
    keep_rest(conn, (struct text){ turn->bytes + share->start + share->done,
                                   share->len - share->done });
    if (conn->is_watched && (conn->is_at_end || conn->is_hopeless))
        watch(syslog, conn, EPOLL_CTL_DEL);     /* it has nothing more to say */
    conn->turns++;
    turn->count++;
}

/* --- the end of a turn --- */

/* Its messages are not on disk: its bytes are to be read again, before what came after. */
static void
take_back(struct syslog_connection *conn, const struct syslog_turn *turn,
          const struct syslog_share *share)
{
    struct buf rest = { 0 };

    if (buf_append(&rest, turn->bytes + share->start, share->done) != 0 ||
        buf_append(&rest, conn->rest.ptr, conn->rest.len) != 0)
        conn->is_lost = 1;
    buf_release(&conn->rest);
    conn->rest = rest;
    conn->framing = share->before;
    conn->is_hopeless = 0;
    conn->is_waiting = 1;
}

int
syslog_connection_settle(struct syslog *syslog, const struct syslog_turn *turn,
                         const struct syslog_share *share, int is_stored)
{
    struct syslog_connection *conn = share->conn;

    conn->turns--;
    if (!is_stored)
        take_back(conn, turn, share);
    if (conn->turns > 0 || !is_over(conn))
        return conn->is_waiting;
    if (conn->is_lost)
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_MEMORY,
                                 "out of memory for what it has sent");
    else if (conn->is_hopeless)
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_LENGTH,
                                 "it counts more octets than a message can have");
    else
        syslog_connection_end(syslog, conn);
    return 0;
}
