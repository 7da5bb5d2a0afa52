#include "proto/base/file_look.h"

#include <errno.h>
#include <string.h>

#include "proto/base/hash.h"

uint64_t
file_look_of(const char *path, const struct stat *st)
{
    const int64_t about[] = {
        (int64_t)hash64(path, strlen(path)), st->st_size, (int64_t)st->st_ino,
        st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
    };

    return hash64(about, sizeof(about));
}

uint64_t
file_look(const char *path)
{
    struct stat st;
    int code;

    if (stat(path, &st) == 0)
        return file_look_of(path, &st);
    code = errno;
    return code == ENOENT ? 0 : hash64(&code, sizeof(code));
}
