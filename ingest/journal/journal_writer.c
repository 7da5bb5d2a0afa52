#include "ingest/journal/journal_writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum work { WORK_NONE, WORK_COMMIT, WORK_CHECKPOINT, WORK_STOP };

struct journal_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int fd;
    int is_busy;                /* the owner's: begun and not waited for */
    /* under the lock */
    enum work work;             /* WORK_NONE: what was begun is over */
    sqlite3 *db;
    enum db_outcome outcome;
    struct err err;
};

static void
do_work(struct journal_writer *writer)
{
    writer->outcome = DB_DONE;
    /* on a full disk a checkpoint fails, the log keeps all, and the next one tries again */
    if (writer->work == WORK_CHECKPOINT)
        sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    else
        writer->outcome = db_exec(writer->db, "COMMIT", &writer->err);
}

static void *
run(void *arg)
{
    static const uint64_t one = 1;
    struct journal_writer *writer = arg;

    pthread_mutex_lock(&writer->lock);
    for (;;) {
        while (writer->work == WORK_NONE)
            pthread_cond_wait(&writer->changed, &writer->lock);
        if (writer->work == WORK_STOP)
            break;
        pthread_mutex_unlock(&writer->lock);    /* the connection is ours until it is over */
        do_work(writer);
        pthread_mutex_lock(&writer->lock);
        writer->work = WORK_NONE;
        pthread_cond_signal(&writer->changed);
        if (write(writer->fd, &one, sizeof(one)) < 0)
            abort();                            /* a counter of ours is never full */
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* Signals are the loop's. */
static int
start_thread(struct journal_writer *writer)
{
    sigset_t all, before;
    int code;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

struct journal_writer *
journal_writer_new(struct err *err)
{
    struct journal_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL) {
        err_set(err, "journal: out of memory");
        return NULL;
    }
    writer->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (writer->fd >= 0 && pthread_mutex_init(&writer->lock, NULL) == 0 &&
        pthread_cond_init(&writer->changed, NULL) == 0 && start_thread(writer) == 0)
        return writer;
    err_set(err, "journal: no thread to write with");
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer);
    return NULL;
}

static void
begin(struct journal_writer *writer, enum work work, sqlite3 *db)
{
    pthread_mutex_lock(&writer->lock);
    writer->work = work;
    writer->db = db;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    writer->is_busy = 1;
}

void
journal_writer_destroy(struct journal_writer **writer)
{
    struct journal_writer *self = *writer;

    if (self == NULL)
        return;
    if (self->is_busy)
        journal_writer_wait(self, NULL);
    begin(self, WORK_STOP, NULL);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
    free(self);
    *writer = NULL;
}

int
journal_writer_fd(const struct journal_writer *writer)
{
    return writer->fd;
}

void
journal_writer_commit(struct journal_writer *writer, sqlite3 *db)
{
    begin(writer, WORK_COMMIT, db);
}

void
journal_writer_checkpoint(struct journal_writer *writer, sqlite3 *db)
{
    begin(writer, WORK_CHECKPOINT, db);
}

int
journal_writer_is_busy(const struct journal_writer *writer)
{
    return writer->is_busy;
}

enum db_outcome
journal_writer_wait(struct journal_writer *writer, struct err *err)
{
    enum db_outcome outcome;

    pthread_mutex_lock(&writer->lock);
    while (writer->work != WORK_NONE)
        pthread_cond_wait(&writer->changed, &writer->lock);
    outcome = writer->outcome;
    if (outcome != DB_DONE && err != NULL)
        *err = writer->err;
    pthread_mutex_unlock(&writer->lock);
    writer->is_busy = 0;
    return outcome;
}

void
journal_writer_heard(struct journal_writer *writer)
{
    uint64_t count;

    while (read(writer->fd, &count, sizeof(count)) > 0)
        continue;
}
