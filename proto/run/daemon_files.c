#include "proto/run/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* path and its parents, mode 0700. 0, or -1 and errno. */
static int
make_parents(const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part)) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return -1;
    }
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST && errno != EISDIR) {
            /* a parent on a read-only file system may be there all the same */
            int saved = errno;
            struct stat st;

            if (stat(part, &st) != 0) {
                errno = saved;
                return -1;
            }
        }
        part[i] = path[i];
    }
    return 0;
}

int
daemon_make_dir(const char *path, struct err *err)
{
    struct stat link, st;

    if (make_parents(path) != 0 || lstat(path, &link) != 0 || stat(path, &st) != 0) {
        err_set(err, "%s: cannot be made: %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        err_set(err, "%s is there and is no folder", path);
        return -1;
    }
    /* nor may another lead us somewhere with a link of his, in /tmp say */
    if (st.st_uid != geteuid() || (link.st_uid != geteuid() && link.st_uid != 0)) {
        err_set(err, "%s belongs to another user (uid %u; this process runs as %u)", path,
                (unsigned)(st.st_uid != geteuid() ? st.st_uid : link.st_uid),
                (unsigned)geteuid());
        return -1;
    }
    return 0;
}

static void
name_holder(int fd, const char *path, struct err *err)
{
    char bytes[24];
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    int64_t pid;
    struct text text = { bytes, len > 0 ? (size_t)len : 0 };

    if (text_to_int(text_trim(text), 1, INT_MAX, &pid) == 0)
        err_set(err, "%s is in use by process %d", path, (int)pid);
    else
        err_set(err, "%s is in use by another process", path);
}

int
daemon_lock(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int saved = errno;

        if (saved == EWOULDBLOCK)
            name_holder(fd, path, err);
        else
            err_set(err, "%s: cannot be locked: %s", path, strerror(saved));
        close(fd);
        errno = saved;
        return -1;
    }
    /* the lock is what counts; the number is only for the message above */
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        errno = 0;
    return fd;
}
