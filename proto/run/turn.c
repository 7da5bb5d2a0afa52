#include "proto/run/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/log.h"

enum { TRY_MS = 1000 };

struct turn {
    struct daemon *daemon;
    char *path;
    int (*on_turn)(void *self, struct err *err);
    void *self;
    int timer, has_come;
};

/* 0: it is ours, or another's; -1 with the reason. */
static int
try_lock(struct turn *turn, struct err *err)
{
    struct err why = { "" };

    if (daemon_lock(turn->path, &why) < 0) {
        if (errno != EWOULDBLOCK) {
            *err = why;
            return -1;
        }
        return 0;
    }
    turn->has_come = 1;
    return turn->on_turn(turn->self, err);
}

static int
on_time(zloop_t *loop, int timer, void *self)
{
    struct turn *turn = self;
    struct err err = { "" };

    if (turn->has_come)
        return 0;
    if (try_lock(turn, &err) != 0)
        daemon_die(EXIT_CONFIG, err.text);
    if (turn->has_come) {
        log_info("works from now on", "lock=\"%s\"", turn->path);
        zloop_timer_end(loop, timer);
        turn->timer = -1;
    }
    return 0;
}

struct turn *
turn_new(struct daemon *daemon, const char *path, int (*on_turn)(void *self, struct err *err),
         void *self, struct err *err)
{
    struct turn *turn = calloc(1, sizeof(*turn));

    if (turn == NULL || (turn->path = strdup(path)) == NULL) {
        err_set(err, "out of memory");
        free(turn);
        return NULL;
    }
    turn->daemon = daemon;
    turn->on_turn = on_turn;
    turn->self = self;
    turn->timer = -1;
    if (try_lock(turn, err) != 0) {
        turn_destroy(&turn);
        return NULL;
    }
    if (!turn->has_come) {
        log_info("another one works, this one stands by", "lock=\"%s\"", path);
        turn->timer = zloop_timer(daemon->loop, TRY_MS, 0, on_time, turn);
    }
    return turn;
}

void
turn_destroy(struct turn **turn)
{
    if (*turn == NULL)
        return;
    if ((*turn)->timer >= 0)
        zloop_timer_end((*turn)->daemon->loop, (*turn)->timer);
    free((*turn)->path);
    free(*turn);
    *turn = NULL;
}

int
turn_has_come(const struct turn *turn)
{
    return turn != NULL && turn->has_come;
}
