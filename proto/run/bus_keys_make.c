#include "proto/run/bus_keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "proto/base/text.h"
#include "proto/run/daemon.h"

/* The folder is there under its right name once every key is on the disk. */
#define HALF_MADE "allowed.new"

/* Where everything is made: below an open folder, so that no path is too long. */
static int
write_key(int dir_fd, const char *name, const char *key)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0)
        return -1;
    rc = fchmod(fd, 0600) == 0 && dprintf(fd, "%s\n", key) == BUS_KEY_SIZE && fsync(fd) == 0
             ? 0 : -1;
    close(fd);
    return rc;
}

static int
make_pair(int dir_fd, int allowed_fd, const char *role)
{
    char name[64], public_key[BUS_KEY_SIZE], secret_key[BUS_KEY_SIZE];
    int rc = -1;

    if (zmq_curve_keypair(public_key, secret_key) != 0)
        return -1;
    snprintf(name, sizeof(name), "%s.key_secret", role);
    if (write_key(dir_fd, name, secret_key) == 0) {
        snprintf(name, sizeof(name), "%s.pub", role);
        rc = write_key(allowed_fd, name, public_key);
    }
    explicit_bzero(secret_key, sizeof(secret_key));
    return rc;
}

static int
make_all(int dir_fd)
{
    int rc = -1, allowed_fd;

    if (mkdirat(dir_fd, HALF_MADE, 0700) != 0 && errno != EEXIST)
        return -1;
    allowed_fd = openat(dir_fd, HALF_MADE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (allowed_fd < 0 || fchmod(allowed_fd, 0700) != 0)
        goto done;
    for (size_t i = 0; i < BUS_ROLES; i++)
        if (make_pair(dir_fd, allowed_fd, bus_roles[i]) != 0)
            goto done;
    if (fsync(allowed_fd) == 0 && fsync(dir_fd) == 0 &&
        renameat(dir_fd, HALF_MADE, dir_fd, "allowed") == 0)
        rc = fsync(dir_fd);

done:
    if (allowed_fd >= 0)
        close(allowed_fd);
    return rc;
}

static int
is_there(int dir_fd, const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Keys without their allowed are somebody's, whom new ones would lock out; but for
 * those of one who died at making them. */
static int
check_free(const char *dir, int dir_fd, struct err *err)
{
    for (size_t i = 0; i < BUS_ROLES; i++) {
        char name[64];

        snprintf(name, sizeof(name), "%s.key_secret", bus_roles[i]);
        if (!is_there(dir_fd, name) || is_there(dir_fd, HALF_MADE))
            continue;
        err_set(err, "%s/allowed is missing, but %s is there: put it back, or remove the "
                "keys to have new ones made", dir, name);
        return -1;
    }
    return 0;
}

int
bus_keys_exist(const char *dir)
{
    char path[PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof(path), "%s/allowed", dir);

    return len > 0 && len < (int)sizeof(path) && stat(path, &st) == 0;
}

int
bus_keys_make(const char *dir, struct err *err)
{
    int rc = -1, dir_fd = -1;

    /* first, for the folder may be one that we cannot write */
    if (bus_keys_exist(dir))
        return 0;
    if (daemon_make_dir(dir, err) != 0)
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* the folder's own lock: its holder only writes ten small files */
    if (dir_fd < 0 || flock(dir_fd, LOCK_EX) != 0) {
        err_set(err, "%s: %s", dir, strerror(errno));
        goto done;
    }
    if (is_there(dir_fd, "allowed")) {
        rc = 0;
        goto done;
    }
    if (check_free(dir, dir_fd, err) != 0)
        goto done;
    if (make_all(dir_fd) == 0)
        rc = 1;
    else
        err_set(err, "%s: keys cannot be made: %s", dir, strerror(errno));

done:
    if (dir_fd >= 0)
        close(dir_fd);
    return rc;
}
