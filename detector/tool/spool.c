#include "detector/tool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"

enum { READ_BYTES = 64 * 1024 };

/* Before the bytes of each event, in memory and in the file. */
struct record {
    struct spool_place place;
    uint64_t len;
};

/* A sorted piece of the file, and what of it was read. */
struct run {
    int64_t at, end;            /* in the file: what is to be read yet */
    struct buf buf;
    size_t start;               /* in buf: the record at hand */
};

struct spool {
    int fd;                     /* -1: nothing was written yet */
    size_t run_bytes;
    struct buf pile;            /* records as they came */
    size_t *places;             /* of each in the pile */
    size_t place_count, place_cap;
    struct run *runs;
    size_t run_count;
    int64_t file_bytes;
    uint64_t count;
    size_t *heap;               /* runs that have a record, the first one in front */
    size_t heap_count;
};

struct spool *
spool_new(size_t run_bytes)
{
    struct spool *spool = calloc(1, sizeof(*spool));

    if (spool == NULL)
        return NULL;
    spool->fd = -1;
    spool->run_bytes = run_bytes == 0 ? SPOOL_RUN_BYTES : run_bytes;
    return spool;
}

void
spool_destroy(struct spool **spool)
{
    struct spool *old = *spool;

    if (old == NULL)
        return;
    for (size_t i = 0; i < old->run_count; i++)
        buf_release(&old->runs[i].buf);
    if (old->fd >= 0)
        close(old->fd);
    buf_release(&old->pile);
    free(old->places);
    free(old->runs);
    free(old->heap);
    free(old);
    *spool = NULL;
}

uint64_t
spool_count(const struct spool *spool)
{
    return spool->count;
}

static int
compare_places(const struct spool_place *a, const struct spool_place *b)
{
    if (a->received_us != b->received_us)
        return a->received_us < b->received_us ? -1 : 1;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static struct record
record_at(const char *bytes)
{
    struct record record;

    memcpy(&record, bytes, sizeof(record));
    return record;
}

static int
compare_records(const void *a, const void *b, void *pile)
{
    const struct record x = record_at((char *)pile + *(const size_t *)a),
                        y = record_at((char *)pile + *(const size_t *)b);

    return compare_places(&x.place, &y.place);
}

/* --- out --- */

static int
open_file(struct spool *spool, struct err *err)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/bongsu-replay.XXXXXX",
                 dir == NULL || dir[0] == '\0' ? "/tmp" : dir) >= (int)sizeof(path)) {
        err_set(err, "TMPDIR: too long");
        return -1;
    }
    spool->fd = mkostemp(path, O_CLOEXEC);
    if (spool->fd < 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    unlink(path);
    return 0;
}

static int
write_all(struct spool *spool, const char *bytes, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t put = pwrite(spool->fd, bytes, len, spool->file_bytes);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            err_set(err, "temporary file (TMPDIR says where): %s",
                    put < 0 ? strerror(errno) : "nothing can be written");
            return -1;
        }
        bytes += put;
        len -= (size_t)put;
        spool->file_bytes += put;
    }
    return 0;
}

static void
sort_pile(struct spool *spool)
{
    if (spool->place_count > 1)
        qsort_r(spool->places, spool->place_count, sizeof(spool->places[0]), compare_records,
                spool->pile.ptr);
}

static int
write_pile(struct spool *spool, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < spool->place_count; i++) {
        const char *at = spool->pile.ptr + spool->places[i];

        if (buf_append(out, at, sizeof(struct record) + record_at(at).len) != 0) {
            err_set(err, "out of memory");
            return -1;
        }
        if (out->len >= READ_BYTES) {
            if (write_all(spool, out->ptr, out->len, err) != 0)
                return -1;
            buf_clear(out);
        }
    }
    return write_all(spool, out->ptr, out->len, err);
}

/* The pile becomes a run of the file. */
static int
end_run(struct spool *spool, struct err *err)
{
    struct run *grown;
    struct buf out = { 0 };
    int64_t from = spool->file_bytes;
    int rc = -1;

    if (spool->place_count == 0)
        return 0;
    if (spool->run_count == SPOOL_MAX_RUNS) {
        err_set(err, "more events than can be sorted (%d pieces of %zu MiB): ask for a shorter "
                "time", SPOOL_MAX_RUNS, spool->run_bytes >> 20);
        return -1;
    }
    if (spool->fd < 0 && open_file(spool, err) != 0)
        return -1;
    grown = realloc(spool->runs, (spool->run_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    spool->runs = grown;
    sort_pile(spool);
    rc = write_pile(spool, &out, err);
    buf_release(&out);
    if (rc != 0)
        return -1;
    spool->runs[spool->run_count++] = (struct run){ .at = from, .end = spool->file_bytes };
    spool->place_count = 0;
    buf_clear(&spool->pile);
    return 0;
}

int
spool_add(struct spool *spool, const struct spool_place *place, struct text bytes,
          struct err *err)
{
    struct record record = { *place, bytes.len };

    if (spool->pile.len > 0 &&
        spool->pile.len + sizeof(record) + bytes.len > spool->run_bytes &&
        end_run(spool, err) != 0)
        return -1;
    if (spool->place_count == spool->place_cap) {
        size_t cap = spool->place_cap == 0 ? 1024 : spool->place_cap * 2;
        size_t *grown = realloc(spool->places, cap * sizeof(*grown));

        if (grown == NULL)
            goto no_memory;
        spool->places = grown;
        spool->place_cap = cap;
    }
    record.place.number = spool->count;
    spool->places[spool->place_count] = spool->pile.len;
    if (buf_append(&spool->pile, &record, sizeof(record)) != 0 ||
        buf_append(&spool->pile, bytes.ptr, bytes.len) != 0)
        goto no_memory;
    spool->place_count++;
    spool->count++;
    return 0;

no_memory:
    err_set(err, "out of memory");
    return -1;
}

/* --- in again --- */

/* At least `need` bytes of the run from its start on, as far as it has them. */
static int
fill(struct spool *spool, struct run *run, size_t need, struct err *err)
{
    size_t have = run->buf.len - run->start;

    if (have >= need || run->at == run->end)
        return 0;
    if (run->start > 0)
        memmove(run->buf.ptr, run->buf.ptr + run->start, have);
    run->buf.len = have;
    run->start = 0;
    while (run->buf.len < need && run->at < run->end) {
        size_t want = need - run->buf.len > READ_BYTES ? need - run->buf.len : READ_BYTES;
        ssize_t got;

        if ((int64_t)want > run->end - run->at)
            want = (size_t)(run->end - run->at);
        if (buf_reserve(&run->buf, want) != 0) {
            err_set(err, "out of memory");
            return -1;
        }
        got = pread(spool->fd, run->buf.ptr + run->buf.len, want, run->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            err_set(err, "temporary file: %s", got < 0 ? strerror(errno) : "it became shorter");
            return -1;
        }
        run->buf.len += (size_t)got;
        run->at += got;
    }
    return 0;
}

/* The record at a run's start, whole in its buffer. 1; 0: the run is over; -1. */
static int
load(struct spool *spool, struct run *run, struct err *err)
{
    if (fill(spool, run, sizeof(struct record), err) != 0)
        return -1;
    if (run->buf.len - run->start < sizeof(struct record))
        return 0;
    return fill(spool, run, sizeof(struct record) +
                record_at(run->buf.ptr + run->start).len, err) == 0 ? 1 : -1;
}

static int
is_before(const struct spool *spool, size_t a, size_t b)
{
    const struct run *x = &spool->runs[a], *y = &spool->runs[b];
    const struct record left = record_at(x->buf.ptr + x->start),
                        right = record_at(y->buf.ptr + y->start);

    return compare_places(&left.place, &right.place) < 0;
}

static void
sift_down(struct spool *spool, size_t at)
{
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < spool->heap_count &&
                is_before(spool, spool->heap[child], spool->heap[least]))
                least = child;
        if (least == at)
            return;
        size_t swapped = spool->heap[at];

        spool->heap[at] = spool->heap[least];
        spool->heap[least] = swapped;
        at = least;
    }
}

int
spool_rewind(struct spool *spool, struct err *err)
{
    if (end_run(spool, err) != 0)
        return -1;
    buf_release(&spool->pile);
    free(spool->places);
    spool->places = NULL;
    spool->place_cap = 0;
    free(spool->heap);
    spool->heap = calloc(spool->run_count + 1, sizeof(spool->heap[0]));
    spool->heap_count = 0;
    if (spool->heap == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < spool->run_count; i++) {
        int rc = load(spool, &spool->runs[i], err);

        if (rc < 0)
            return -1;
        if (rc == 1)
            spool->heap[spool->heap_count++] = i;
    }
    for (size_t i = spool->heap_count; i-- > 0;)
        sift_down(spool, i);
    spool->count = 0;
    return 0;
}

/* The record given out last is done with. */
static int
advance(struct spool *spool, struct err *err)
{
    struct run *run = &spool->runs[spool->heap[0]];
    int rc;

    run->start += sizeof(struct record) + record_at(run->buf.ptr + run->start).len;
    rc = load(spool, run, err);
    if (rc < 0)
        return -1;
    if (rc == 0) {
        buf_release(&run->buf);
        spool->heap[0] = spool->heap[--spool->heap_count];
    }
    sift_down(spool, 0);
    return 0;
}

int
spool_next(struct spool *spool, struct spool_place *ret_place, struct text *ret_bytes,
           struct err *err)
{
    const struct run *run;
    struct record record;

    if (spool->count > 0 && spool->heap_count > 0 && advance(spool, err) != 0)
        return -1;
    if (spool->heap_count == 0)
        return 0;
    run = &spool->runs[spool->heap[0]];
    record = record_at(run->buf.ptr + run->start);
    spool->count++;
    *ret_place = record.place;
    *ret_bytes = (struct text){ run->buf.ptr + run->start + sizeof(record), record.len };
    return 1;
}
