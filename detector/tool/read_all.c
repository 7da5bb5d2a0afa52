#include "detector/tool/read_all.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536 };

int
read_all_of(int fd, size_t max, struct buf *out, struct err *err)
{
    ssize_t got = 1;

    while (got > 0) {
        if (buf_reserve(out, CHUNK) != 0) {
            err_set(err, "out of memory");
            return -1;
        }
        got = read(fd, out->ptr + out->len, CHUNK);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got > 0 && (size_t)got > max - out->len) {
            err_set(err, "more than %zu KiB", max / 1024);
            return -1;
        }
        out->len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        err_set(err, "%s", strerror(errno));
    return got < 0 ? -1 : 0;
}
