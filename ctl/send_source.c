#include "ctl/send_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/clock.h"

void
send_identity(ino_t inode, struct text start, char ret_hex[2 * HASH_ID_LEN + 1])
{
    unsigned char id[HASH_ID_LEN];
    char number[24];
    struct text parts[2];
    const char *stop = start.len > 0 ? memchr(start.ptr, '\n', start.len) : NULL;

    if (stop != NULL)
        start.len = (size_t)(stop - start.ptr);
    if (start.len > LINE_MAX_BYTES)
        start.len = LINE_MAX_BYTES;

    snprintf(number, sizeof number, "%" PRIu64, (uint64_t)inode);
    parts[0] = text_of(number);
    parts[1] = start;
    hash_id(parts, 2, id);
    hash_to_hex(id, sizeof id, ret_hex);
}

/* Read the file's first LINE_MAX_BYTES, or less once a line end is there. */
static int
read_start(int fd, char *start, size_t *ret_len, struct err *err)
{
    size_t len = 0;

    while (len < LINE_MAX_BYTES && (len == 0 || memchr(start, '\n', len) == NULL)) {
        ssize_t n = pread(fd, start + len, LINE_MAX_BYTES - len, (off_t)len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set(err, "cannot be read: %s", strerror(errno));
            return -1;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

static int
identify_file(struct send_source *source, const struct stat *st, struct err *err)
{
    char *start = malloc(LINE_MAX_BYTES);
    size_t len;
    int rc = -1;

    if (start == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    if (read_start(source->fd, start, &len, err) == 0) {
        send_identity(st->st_ino, (struct text){ start, len }, source->identity);
        rc = 0;
    }
    free(start);
    return rc;
}

static int
examine(struct send_source *source, struct err *err)
{
    unsigned char id[HASH_ID_LEN];
    struct stat st;

    if (fstat(source->fd, &st) != 0) {
        err_set(err, "%s", strerror(errno));
        return -1;
    }
    if (S_ISDIR(st.st_mode)) {
        err_set(err, "is a folder");
        return -1;
    }

    /* A redirected file may have been read in part: its offsets are not ours. */
    source->is_file = S_ISREG(st.st_mode) && source->fd != STDIN_FILENO;
    if (source->is_file) {
        source->size = st.st_size;
        source->modified_us =
            (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
        return identify_file(source, &st, err);
    }

    hash_random(id, sizeof id);
    hash_to_hex(id, sizeof id, source->identity);
    return 0;
}

int
send_source_open(struct send_source *source, const char *name, size_t max_lines,
                 struct err *err)
{
    *source = (struct send_source){ .name = name, .fd = STDIN_FILENO, .is_json = -1 };

    if (strcmp(name, "-") != 0)
        source->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (source->fd < 0) {
        err_set(err, "%s: %s", name, strerror(errno));
        return -1;
    }

    if (examine(source, err) != 0) {
        err_add(err, "%s", name);
        goto fail;
    }
    source->reader = line_reader_new(source->fd, max_lines);
    if (source->reader == NULL) {
        err_set(err, "%s: out of memory", name);
        goto fail;
    }
    return 0;

fail:
    send_source_close(source);
    return -1;
}

void
send_source_close(struct send_source *source)
{
    line_reader_destroy(&source->reader);
    if (source->fd > STDIN_FILENO)
        close(source->fd);
    source->fd = -1;
}

void
send_source_default_time(const struct send_source *source, char out[TIMESTAMP_LEN])
{
    timestamp_format(source->is_file ? source->modified_us : clock_real_us(), out);
}
