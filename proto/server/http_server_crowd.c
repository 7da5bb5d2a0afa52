/*
 * More connections than are allowed: the one that has done nothing for the
 * longest makes room for the new one. So those who open connections and leave
 * them, or send a byte now and then, only push out each other, and a client
 * that comes with a request is served.
 */
#include "proto/server/http_server_parts.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "proto/base/log.h"

enum {
    KEPT_DESCRIPTORS = 128,     /* for files, the bus, other servers */
    LEAST_CONNECTIONS = 16
};

unsigned
http_crowd_limit(unsigned wanted)
{
    struct rlimit limit;
    rlim_t room = LEAST_CONNECTIONS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    if (limit.rlim_cur > KEPT_DESCRIPTORS + LEAST_CONNECTIONS)
        room = limit.rlim_cur - KEPT_DESCRIPTORS;
    if (wanted <= room)
        return wanted;
    log_warn("the limit of open files allows fewer connections", "wanted=%u taken=%u",
             wanted, (unsigned)room);
    return (unsigned)room;
}

static void
unlink_one(struct http_crowd *crowd, struct http_connection *one)
{
    if (!one->is_idle)
        return;
    if (one->prev != NULL)
        one->prev->next = one->next;
    else
        crowd->oldest = one->next;
    if (one->next != NULL)
        one->next->prev = one->prev;
    else
        crowd->newest = one->prev;
    one->prev = one->next = NULL;
    one->is_idle = 0;
}

static void
append_one(struct http_crowd *crowd, struct http_connection *one)
{
    one->prev = crowd->newest;
    if (one->prev != NULL)
        one->prev->next = one;
    else
        crowd->oldest = one;
    crowd->newest = one;
    one->is_idle = 1;
}

void
http_crowd_hang_up(struct http_crowd *crowd, struct http_connection *one)
{
    unlink_one(crowd, one);
    one->is_leaving = 1;
    shutdown(one->fd, SHUT_RDWR);
    crowd->leaving++;
    for (int kind = 0; kind < HELD_KINDS; kind++)
        crowd->leaving_held[kind] += one->held[kind];
}

static void
make_room(struct http_crowd *crowd, struct http_connection *one)
{
    ++*crowd->evicted;
    http_crowd_hang_up(crowd, one);
}

static void
set_held(struct http_crowd *crowd, struct http_connection *one, enum http_held kind,
         size_t bytes)
{
    crowd->held[kind] += bytes - one->held[kind];
    if (one->is_leaving)
        crowd->leaving_held[kind] += bytes - one->held[kind];
    one->held[kind] = bytes;
}

/* What those have who were hung up is as good as gone. */
static int
is_over(const struct http_crowd *crowd, enum http_held kind)
{
    return crowd->held[kind] - crowd->leaving_held[kind] > crowd->max_held[kind];
}

struct http_connection *
http_crowd_find(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

void
http_crowd_enter(struct http_crowd *crowd, struct MHD_Connection *connection, void **ret_one)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *one = calloc(1, sizeof(*one));

    crowd->count++;
    *ret_one = one;
    if (one == NULL || info == NULL) {
        free(one);              /* never picked to make room */
        *ret_one = NULL;
        return;
    }
    one->fd = info->connect_fd;
    one->has_base = 1;          /* its first byte begins a head */
    one->all_next = crowd->all;
    if (crowd->all != NULL)
        crowd->all->all_prev = one;
    crowd->all = one;
    append_one(crowd, one);
    http_crowd_check_address(crowd, one);
    if (crowd->count - crowd->leaving > crowd->limit && crowd->oldest != one)
        make_room(crowd, crowd->oldest);
}

void
http_crowd_leave(struct http_crowd *crowd, void **one_ptr)
{
    struct http_connection *one = *one_ptr;

    crowd->count--;
    *one_ptr = NULL;
    if (one == NULL)
        return;
    for (int kind = 0; kind < HELD_KINDS; kind++)
        set_held(crowd, one, (enum http_held)kind, 0);
    crowd->leaving -= one->is_leaving != 0;
    unlink_one(crowd, one);
    if (one->all_prev != NULL)
        one->all_prev->all_next = one->all_next;
    else
        crowd->all = one->all_next;
    if (one->all_next != NULL)
        one->all_next->all_prev = one->all_prev;
    free(one);
}

void
http_crowd_moved(struct http_crowd *crowd, struct MHD_Connection *connection, int is_busy)
{
    struct http_connection *one = http_crowd_find(connection);

    if (one == NULL || one->is_leaving)
        return;
    one->has_spoken = 1;
    unlink_one(crowd, one);
    if (!is_busy)
        append_one(crowd, one);
}

/* Who is slow to send or to read keeps what there is of it in our memory. */
int
http_crowd_hold(struct http_crowd *crowd, struct MHD_Connection *connection,
                enum http_held kind, size_t bytes)
{
    struct http_connection *one = http_crowd_find(connection), *at, *next;
    size_t before;

    if (one == NULL)
        return 0;
    before = one->held[kind];
    set_held(crowd, one, kind, bytes);
    for (at = crowd->oldest; at != NULL && is_over(crowd, kind); at = next) {
        next = at->next;
        if (at != one && at->held[kind] > 0)
            make_room(crowd, at);
    }
    if (bytes <= before || !is_over(crowd, kind))
        return 0;
    set_held(crowd, one, kind, before);
    return -1;
}
