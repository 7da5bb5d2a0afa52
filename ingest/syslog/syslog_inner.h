/*
 * syslog_inner.h - syslog's own state, for syslog*.c alone
 *
 * syslog.c opens and ends, syslog_streams.c accepts and says whose turn it is,
 * syslog_turns.c brings turns to the disk, syslog_connection.c reads one connection, with
 * syslog_tls.c for those of TLS; syslog_udp.c is datagrams, syslog_status.c shows.
 */
#ifndef INGEST_SYSLOG_SYSLOG_INNER_H
#define INGEST_SYSLOG_SYSLOG_INNER_H

#include <arpa/inet.h>
#include <czmq.h>

#include "ingest/intake/intake_keep.h"
#include "ingest/syslog/proxy_header.h"
#include "ingest/syslog/syslog.h"
#include "ingest/syslog/syslog_framing.h"
#include "proto/base/log.h"
#include "proto/base/networks.h"
#include "proto/server/listen.h"

enum {
    SYSLOG_MAX_LISTENERS = 16,
    SYSLOG_READ_BYTES = 512 * 1024,     /* of one connection in one turn */
    SYSLOG_TURN_BYTES = 1024 * 1024,    /* of all */
    /* What two failed turns had of one connection must fit into the next one. */
    SYSLOG_SPACE_BYTES = 2 * 1024 * 1024,
    SYSLOG_TURN_SHARES = 256, SYSLOG_TURNS = 2,
    SYSLOG_BEGIN_MS = 10000,            /* for the PROXY header, and for TLS's handshake */
    SYSLOG_LEAVE_MS = 10000             /* for the sender to see that he is asked to leave */
};

enum syslog_transport { SYSLOG_UDP, SYSLOG_TCP, SYSLOG_TLS, SYSLOG_TRANSPORTS };

/* The reasons of bongsu_syslog_refused_total, of connections. */
enum syslog_refusal {
    SYSLOG_REFUSED_NETWORK,     /* not in syslog.allow */
    SYSLOG_REFUSED_PROXY,       /* a trusted proxy without a right header */
    SYSLOG_REFUSED_HANDSHAKE,
    SYSLOG_REFUSED_LENGTH,      /* counts octets that cannot be */
    SYSLOG_REFUSED_LATE,        /* SYSLOG_BEGIN_MS */
    SYSLOG_REFUSED_MEMORY,
    SYSLOG_REFUSALS
};

/* The reasons of bongsu_syslog_dropped_total, of datagrams. */
enum syslog_drop {
    SYSLOG_DROP_KERNEL,         /* the socket's buffer was full */
    SYSLOG_DROP_NETWORK,        /* not in syslog.allow */
    SYSLOG_DROP_JOURNAL,        /* takes nothing */
    SYSLOG_DROP_COMMIT,         /* which failed */
    SYSLOG_DROPS
};

struct syslog_numbers {
    uint64_t *accepted;         /* bongsu_ingest_events_accepted_total */
    uint64_t *messages[SYSLOG_TRANSPORTS], *bytes[SYSLOG_TRANSPORTS];
    uint64_t *refused[SYSLOG_REFUSALS], *dropped[SYSLOG_DROPS];
    uint64_t *split, *plain, *unkept, *waits, *commit_failures;
    uint64_t *connections, *opened, *left_idle, *left_for_room, *resets;
};

/* What an epoll event is of. */
enum syslog_source { SOURCE_LISTENER, SOURCE_CONNECTION };

struct syslog_listener {
    enum syslog_source source;
    enum syslog_transport transport;
    struct listening socket;
    zmq_pollitem_t poll;        /* of UDP */
    int is_polled;
    uint32_t drops_seen;        /* the kernel's count, when it was looked at last */
    int buffer_bytes;           /* that the kernel grants */
};

enum syslog_stage { STAGE_PROXY, STAGE_HANDSHAKE, STAGE_OPEN };

struct syslog_tls;              /* of one connection */

struct syslog_connection {
    enum syslog_source source;
    struct syslog_connection *prev, *next;
    int fd;
    enum syslog_transport transport;
    enum syslog_stage stage;
    char peer[INET6_ADDRSTRLEN];        /* received_from */
    struct syslog_tls *tls;             /* NULL: none */
    int wants_write;                    /* TLS does, to go on */
    int is_watched;                     /* by the epoll */
    int64_t begun_ms, heard_ms;
    int64_t leaving_ms;                 /* was asked to leave then; 0: not */
    struct buf rest;                    /* read, and not in the journal; PROXY's header before */
    struct syslog_framing framing;      /* at the start of rest */
    int is_at_end;                      /* nothing comes behind rest */
    int is_waiting;                     /* rest may hold messages, or TLS does */
    unsigned turns;                     /* of which it is a member */
    int is_hopeless, is_lost;           /* it ends when it is a member of none */
};

/* What one connection brought to a turn. */
struct syslog_share {
    struct syslog_connection *conn;
    size_t start, len;                  /* in the turn's bytes */
    size_t done;                        /* of len: in messages of the turn */
    struct syslog_framing before;       /* at their start */
};

/* Messages on their way to the disk. Two turns take turns: while one is being committed
 * the other is filled. */
struct syslog_turn {
    struct syslog *syslog;
    char *bytes;                        /* SYSLOG_SPACE_BYTES */
    size_t used;
    struct syslog_share shares[SYSLOG_TURN_SHARES];
    size_t count;
    int is_handed;                      /* its commit is to come, or under way */
    int has_failed;                     /* and the other one's, which came after, will */
    struct intake_kept kept;
    uint64_t messages[SYSLOG_TRANSPORTS];
    size_t taken;                       /* bytes read */
    enum journal_outcome stop;          /* not JOURNAL_DONE: it takes no more */
    struct err why;
};

struct syslog_datagrams;                /* syslog_udp.c */

struct syslog {
    struct daemon *daemon;
    struct syslog_spec spec;
    const struct settings *settings;
    struct networks allowed, proxies;
    struct syslog_listener listeners[SYSLOG_MAX_LISTENERS];
    size_t listener_count;
    struct syslog_connection *connections;
    size_t count;
    int epoll_fd;                       /* of all streams; -1: there are none */
    zmq_pollitem_t poll;
    int is_polled;
    int is_deaf;                        /* nobody is accepted for now */
    struct syslog_turn turns[SYSLOG_TURNS];
    struct syslog_turn *turn;           /* that is filled; NULL: both are handed over */
    struct syslog_datagrams *datagrams; /* NULL: none */
    int is_careful;                     /* a commit failed: one turn at a time until one succeeds */
    unsigned rotation;                  /* whose turn it is, of those that are ready */
    int is_full;                        /* the journal takes nothing: streams wait */
    int is_stopped;
    int tick, soon;                     /* timers; -1: not set */
    struct syslog_numbers numbers;
    struct err why;                     /* of waiting */
    struct log_burst refuse_burst, line_burst, drop_burst, wait_burst, accept_burst;
    int64_t dropped_ms[SYSLOG_DROPS];   /* when one was dropped last; 0: never */
};

/* --- syslog.c --- */

/* May this sender bring messages? */
int syslog_is_allowed(const struct syslog *syslog, struct text address);

/* Count what a turn has brought to disk. */
void syslog_count(struct syslog *syslog, const struct syslog_turn *turn);

/* What is on disk is not known: never read again. */
void syslog_stop(struct syslog *syslog);

/* --- syslog_streams.c --- */

/* 0, or -1 with the reason. */
int syslog_streams_start(struct syslog *syslog, struct err *err);
void syslog_streams_stop(struct syslog *syslog);

/* Once a second: deadlines. */
void syslog_streams_tick(struct syslog *syslog, int64_t now_ms);
void syslog_streams_drain(struct syslog *syslog);

/* What the epoll of all streams shows (a zloop_fn). */
int syslog_on_ready(zloop_t *loop, zmq_pollitem_t *item, void *self);

/* --- syslog_turns.c --- */

/* Join the loop, or leave it. 0 or -1. */
int syslog_start_reading(struct syslog *syslog);
void syslog_stop_reading(struct syslog *syslog);

/* 1 when there is a turn to fill, syslog->turn; has it room for what this one brings? */
int syslog_begin_turn(struct syslog *syslog);
int syslog_has_room(const struct syslog_turn *turn, const struct syslog_connection *conn);

/* Have it committed; the other one can be filled meanwhile. */
void syslog_end_turn(struct syslog *syslog);

/* --- syslog_connection.c --- */

/* Take over fd. NULL when out of memory (fd is closed). */
struct syslog_connection *syslog_connection_new(struct syslog *syslog,
                                                const struct syslog_listener *listener, int fd,
                                                const char *peer);

/* Close it, and free it. */
void syslog_connection_end(struct syslog *syslog, struct syslog_connection *conn);
void syslog_connection_refuse(struct syslog *syslog, struct syslog_connection *conn,
                              enum syslog_refusal why, const char *reason);

/* Read what is there into the turn, as far as both have room, and take its messages.
 * It may be gone afterwards, unless it is a member of a turn. */
void syslog_connection_work(struct syslog *syslog, struct syslog_connection *conn);

/* The turn of this share is over; of two that failed the later one is settled first. 1 when
 * there is something to do without further bytes. The connection may be gone afterwards. */
int syslog_connection_settle(struct syslog *syslog, const struct syslog_turn *turn,
                             const struct syslog_share *share, int is_stored);

/* Ask the sender of an open one to leave: nothing that he still sends is lost. */
void syslog_connection_see_off(struct syslog_connection *conn, int64_t now_ms);

/* --- syslog_udp.c --- */
int syslog_datagrams_start(struct syslog *syslog, struct err *err);
void syslog_datagrams_stop(struct syslog *syslog);
void syslog_datagrams_free(struct syslog *syslog);

/* Read what the kernel holds. */
void syslog_datagrams_drain(struct syslog *syslog);

/* Take over what the kernel has counted as dropped. */
void syslog_datagrams_count(struct syslog *syslog);

/* --- syslog_status.c --- */
void syslog_take_numbers(struct syslog_numbers *numbers, struct metrics *metrics);

/* So many datagrams are lost. */
void syslog_drop(struct syslog *syslog, enum syslog_drop why, uint64_t count);

#endif
