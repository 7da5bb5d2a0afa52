#include "ingest/journal/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ingest/journal/journal_inner.h"
#include "proto/base/fault.h"
#include "proto/base/hash.h"

enum { MIN_SEGMENT_BYTES = 64 * 1024, MIN_FREE_BYTES = 1024 * 1024, PARTS_OF_QUOTA = 8 };

static const int64_t default_max_bytes = INT64_C(10) << 30;

/* --- the folder --- */

static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* "0000000012.db" -> 12; 0 for any other name. */
static uint64_t
number_of(const char *name)
{
    struct text text = text_of(name);
    int64_t number;

    if (!text_ends_with(text, ".db"))
        return 0;
    text.len -= 3;
    return text_to_int(text, 1, INT64_MAX, &number) == 0 ? (uint64_t)number : 0;
}

/* A crash between the unlinks of one segment leaves what is beside it. */
static void
remove_orphan(const char *dir, const char *name)
{
    char path[PATH_MAX];
    const char *end = strrchr(name, '-');

    if (end == NULL || (strcmp(end, "-wal") != 0 && strcmp(end, "-shm") != 0 &&
                        strcmp(end, "-journal") != 0))
        return;
    snprintf(path, sizeof(path), "%s/%.*s", dir, (int)(end - name), name);
    if (access(path, F_OK) == 0 || errno != ENOENT)
        return;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (unlink(path) == 0)
        log_info("left-over of a deleted segment removed", "path=%s", path);
}

static int
list_segments(const char *dir, uint64_t **ret_numbers, size_t *ret_count, struct err *err)
{
    uint64_t *numbers = NULL, *more;
    size_t count = 0, cap = 0;
    struct dirent *entry;
    DIR *folder = opendir(dir);
    int rc = -1;

    if (folder == NULL) {
        err_set(err, "%s: %s", dir, strerror(errno));
        goto done;
    }
    while ((entry = readdir(folder)) != NULL) {
        uint64_t number = number_of(entry->d_name);

        remove_orphan(dir, entry->d_name);
        if (number == 0)
            continue;
        if (count == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            more = realloc(numbers, cap * sizeof(*numbers));
            if (more == NULL) {
                err_set(err, "%s: out of memory", dir);
                goto done;
            }
            numbers = more;
        }
        numbers[count++] = number;
    }
    if (count > 0)
        qsort(numbers, count, sizeof(*numbers), by_number);
    *ret_numbers = numbers;
    *ret_count = count;
    numbers = NULL;
    rc = 0;

done:
    if (folder != NULL)
        closedir(folder);
    free(numbers);
    return rc;
}

/* --- segments --- */

struct segment *
journal_newest(struct journal *journal)
{
    return &journal->segments[journal->segment_count - 1];
}

static int
grow_table(struct journal *journal, struct err *err)
{
    size_t cap = journal->segment_cap == 0 ? 16 : journal->segment_cap * 2;
    struct segment *more;

    if (journal->segment_count < journal->segment_cap)
        return 0;
    more = realloc(journal->segments, cap * sizeof(*more));
    if (more == NULL) {
        err_set(err, "%s: out of memory", journal->dir);
        return -1;
    }
    journal->segments = more;
    journal->segment_cap = cap;
    return 0;
}

/* Open a file for writing. *ret_meta is what it says; for a new one, what the
 * journal knows. */
static int
add_segment(struct journal *journal, uint64_t number, struct journal_meta *ret_meta,
            struct err *err)
{
    *ret_meta = journal->meta;
    ret_meta->base = journal->last;
    ret_meta->more_sql = journal->carried.ptr;
    if (grow_table(journal, err) != 0 ||
        segment_open(&journal->segments[journal->segment_count], journal->dir, number,
                     ret_meta, err) != 0)
        return -1;
    journal->segment_count++;
    return 0;
}

static int
add_old_segment(struct journal *journal, uint64_t number, struct journal_meta *ret_meta,
                struct err *err)
{
    *ret_meta = journal->meta;
    if (grow_table(journal, err) != 0 ||
        segment_open_old(&journal->segments[journal->segment_count], journal->dir, number,
                         ret_meta, err) != 0)
        return -1;
    journal->segment_count++;
    return 0;
}

int
journal_roll(struct journal *journal, struct err *err)
{
    size_t old = journal->segment_count - 1;
    uint64_t number = journal->segments[old].number + 1;
    struct journal_meta unused;
    int folder;

    if (journal_carry_places(journal, &journal->segments[old], err) != 0)
        return -1;
    if (add_segment(journal, number, &unused, err) != 0) {
        /* half a file would be taken for the newest at the next start */
        if (journal->segment_count < journal->segment_cap)
            segment_unlink(&journal->segments[journal->segment_count], NULL);
        return -1;
    }
    journal->is_cursor_moved = 0;
    folder = open(journal->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    fault_point("ingest.after_segment");
    segment_seal(&journal->segments[old]);
    return 0;
}

/* A segment found at start: the later file knows better where everybody is. */
static int
take_segment(struct journal *journal, uint64_t number, int is_newest, struct err *err)
{
    struct journal_meta meta;
    struct segment *seg;

    if ((is_newest ? add_segment : add_old_segment)(journal, number, &meta, err) != 0)
        return -1;
    seg = journal_newest(journal);
    if (journal->segment_count > 1 && journal->meta.id != meta.id) {
        err_set(err, "%s: of another journal than the files before it", seg->path);
        return -1;
    }
    journal->meta = meta;
    if (meta.base > journal->last)
        journal->last = meta.base;
    if (seg->last > journal->last)
        journal->last = seg->last;
    return 0;
}

static int
open_segments(struct journal *journal, struct err *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    int rc = -1;

    if (list_segments(journal->dir, &numbers, &count, err) != 0)
        goto done;
    for (size_t i = 0; i < count; i++)
        if (take_segment(journal, numbers[i], i + 1 == count, err) != 0 ||
            /* the newest may be blank, and is filled with them then */
            (i + 2 == count && journal_carry_places(journal, journal_newest(journal), err) != 0))
            goto done;
    if (count == 0 && take_segment(journal, 1, 1, err) != 0)
        goto done;
    rc = 0;

done:
    free(numbers);
    return rc;
}

/* --- open and close --- */

static int
settle_limits(struct journal *journal, struct err *err)
{
    struct journal_options *options = &journal->options;
    struct statvfs disk;
    int64_t most;

    if (statvfs(journal->dir, &disk) != 0) {
        err_set(err, "%s: %s", journal->dir, strerror(errno));
        return -1;
    }
    most = (int64_t)((uint64_t)disk.f_blocks * disk.f_frsize / 10 * 8);
    if (options->max_bytes == 0)
        options->max_bytes = most < default_max_bytes ? most : default_max_bytes;
    /* small enough that under a quota whole files come free one by one */
    if (options->segment_bytes > options->max_bytes / PARTS_OF_QUOTA)
        options->segment_bytes = options->max_bytes / PARTS_OF_QUOTA;
    if (options->segment_bytes < MIN_SEGMENT_BYTES)
        options->segment_bytes = MIN_SEGMENT_BYTES;
    /* with nothing left at all, not even a new file for deleting the old fits */
    if (options->min_free < MIN_FREE_BYTES)
        options->min_free = MIN_FREE_BYTES;
    if (options->slots < 1 || options->slots >= MAX_CONSUMERS) {
        err_set(err, "detector.slots: %d is not within 1..%d", options->slots,
                MAX_CONSUMERS - 1);
        return -1;
    }
    return 0;
}

struct journal *
journal_open(const struct journal_options *options, int64_t now_us, struct err *err)
{
    struct journal *journal = calloc(1, sizeof(*journal));

    if (journal == NULL || (journal->dir = text_dup(text_of(options->dir))) == NULL) {
        err_set(err, "journal: out of memory");
        goto failed;
    }
    journal->options = *options;
    journal->options.dir = journal->dir;
    if (settle_limits(journal, err) != 0)
        goto failed;
    journal->meta.id = hash_random64();
    journal->meta.ledger = &journal->ledger;
    journal_settle_cursors(journal);    /* for a new journal */
    if (open_segments(journal, err) != 0)
        goto failed;
    if (journal_settle_cursors(journal))
        journal_replace_cursors(journal);
    journal->nonce = (uint32_t)hash_random64();
    journal->last_given = journal->last;
    journal->next = journal->last + 1;
    if (now_us > 0 && (uint64_t)now_us > journal->next)
        journal->next = (uint64_t)now_us;
    journal_trim(journal);
    return journal;

failed:
    journal_close(&journal);
    return NULL;
}

void
journal_close(struct journal **journal)
{
    struct journal *self = *journal;

    if (self == NULL)
        return;
    journal_land(self);
    journal_writer_destroy(&self->writer);
    journal_write_cursors(self);
    if (self->segment_count > 0)
        journal_flush_ledger(self);
    for (size_t i = 0; i < self->segment_count; i++)
        segment_close(&self->segments[i]);
    for (size_t i = 0; i < RING_ROWS; i++)
        buf_release(&self->ring[i].buf);
    for (size_t i = 0; i < self->spare_count; i++)
        buf_release(&self->spare[i]);
    buf_release(&self->read_body);
    buf_release(&self->carried);
    journal_clear_places(self);
    free(self->places);
    free(self->segments);
    free(self->dir);
    free(self);
    *journal = NULL;
}

uint64_t
journal_id(const struct journal *journal)
{
    return journal->meta.id;
}

uint32_t
journal_nonce(const struct journal *journal)
{
    return journal->nonce;
}

uint64_t
journal_last(const struct journal *journal)
{
    return journal->last;
}
