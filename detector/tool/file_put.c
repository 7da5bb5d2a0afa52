#include "detector/tool/file_put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detector/tool/read_all.h"

int
file_get(const char *path, size_t max, struct buf *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -1;
    struct stat st;
    struct err err;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        rc = read_all_of(fd, max, bytes, &err);
    close(fd);
    return rc;
}

/* The folders above path. */
static int
make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        int rc;

        *at = '\0';
        rc = mkdir(path, 0755);
        *at = '/';
        if (rc != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

static int
write_all(int fd, struct text bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);

        if (put < 0)
            return -1;
        bytes.ptr += put;
        bytes.len -= (size_t)put;
    }
    return 0;
}

/* Beside it, with a name that no reader of rules looks at; then in its place. */
static int
replace(const char *path, const char *half, struct text bytes)
{
    int fd, rc;

    (void)unlink(half);             /* of one that was killed */
    fd = open(half, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    rc = write_all(fd, bytes);
    if (close(fd) == 0 && rc == 0 && rename(half, path) == 0)
        return 0;
    rc = errno;
    (void)unlink(half);
    errno = rc;
    return -1;
}

enum file_put
file_put(const char *path, struct text bytes, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct buf half = { 0 }, before = { 0 };
    enum file_put put = FILE_FAILED;
    char *copy = strdup(path);

    if (copy == NULL || slash == NULL ||
        buf_printf(&half, "%.*s/.%s.new", (int)(slash - path), path, slash + 1) != 0) {
        err_set(err, "%s: out of memory", path);
        goto done;
    }
    if (file_get(path, bytes.len + 1, &before) == 0 && text_equals(buf_text(&before), bytes))
        put = FILE_SAME;
    else if (make_folders(copy) == 0) {
        int is_there = access(path, F_OK) == 0;

        if (replace(path, half.ptr, bytes) == 0)
            put = is_there ? FILE_CHANGED : FILE_NEW;
    }
    if (put == FILE_FAILED)
        err_set(err, "%s: %s", path, strerror(errno));

done:
    buf_release(&half);
    buf_release(&before);
    free(copy);
    return put;
}

int
file_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
