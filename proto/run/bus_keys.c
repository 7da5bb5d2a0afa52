#include "proto/run/bus_keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "proto/base/text.h"

const char *const bus_roles[BUS_ROLES] = { "ingest", "detector", "indexer", "notifier", "api" };

enum { FILE_MAX = 256 };

/* What others may do with a file, in the bits of its mode, that it must not allow. */
enum { MAY_NOT_READ = 077, MAY_NOT_WRITE = 022 };

static int
check_file(const struct stat *st, const char *path, mode_t forbidden, struct err *err)
{
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        err_set(err, "%s: is no file", path);
    else if (st->st_uid != geteuid() && st->st_uid != 0)
        err_set(err, "%s: belongs to another user (uid %u; this process runs as %u)", path,
                (unsigned)st->st_uid, (unsigned)geteuid());
    else if ((st->st_mode & forbidden) != 0)
        err_set(err, "%s: mode %04o lets other users %s it; chmod %s", path,
                (unsigned)st->st_mode & 07777, forbidden == MAY_NOT_READ ? "read" : "change",
                forbidden == MAY_NOT_READ ? "600" : "go-w");
    else
        return 0;
    return -1;
}

/* The first line, if it is a key: 32 bytes that Z85 gives back as the same text. */
static int
parse_key(const char *bytes, size_t len, char ret_key[BUS_KEY_SIZE])
{
    struct text key = text_trim((struct text){ bytes, len });
    unsigned char raw[BUS_KEY_BYTES];
    char copy[BUS_KEY_SIZE], again[BUS_KEY_SIZE];

    if (key.len != BUS_KEY_SIZE - 1 || memchr(key.ptr, '\0', key.len) != NULL)
        return -1;
    memcpy(copy, key.ptr, key.len);
    copy[key.len] = '\0';
    if (zmq_z85_decode(raw, copy) == NULL || zmq_z85_encode(again, raw, sizeof(raw)) == NULL ||
        strcmp(copy, again) != 0)
        return -1;
    memcpy(ret_key, copy, sizeof(copy));
    return 0;
}

static int
read_key(const char *path, mode_t forbidden, char ret_key[BUS_KEY_SIZE], struct err *err)
{
    char bytes[FILE_MAX];
    ssize_t len = -1;
    struct stat st;
    int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);    /* it may be a pipe */

    if (fd < 0 || fstat(fd, &st) != 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (check_file(&st, path, forbidden, err) != 0)
        goto done;
    len = read(fd, bytes, sizeof(bytes));
    if (len < 0)
        err_set(err, "%s: %s", path, strerror(errno));
    else if (len == (ssize_t)sizeof(bytes) || parse_key(bytes, (size_t)len, ret_key) != 0)
        err_set(err, "%s: is no key: one line of 40 characters (Z85) was expected", path);
    else
        rc = 0;

done:
    explicit_bzero(bytes, sizeof(bytes));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A path below dir, or -1 when it is too long. */
static int
join(char path[PATH_MAX], const char *dir, const char *below, const char *name,
     struct err *err)
{
    int len = snprintf(path, PATH_MAX, "%s/%s%s", dir, below, name);

    if (len >= 0 && len < PATH_MAX)
        return 0;
    err_set(err, "%s: the path is too long", dir);
    return -1;
}

static int
check_folder(const char *dir, const char *below, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;

    if (join(path, dir, below, "", err) != 0)
        return -1;
    if (stat(path, &st) != 0)
        err_set(err, "%s: %s", path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        err_set(err, "%s: is no folder", path);
    else
        return check_file(&st, path, MAY_NOT_WRITE, err);
    return -1;
}

int
bus_keys_load_public(const char *dir, const char *role, char ret_public[BUS_KEY_SIZE],
                     struct err *err)
{
    char name[64], path[PATH_MAX];

    snprintf(name, sizeof(name), "%s.pub", role);
    return join(path, dir, "allowed/", name, err) == 0 &&
           check_folder(dir, "", err) == 0 && check_folder(dir, "allowed", err) == 0 &&
           read_key(path, MAY_NOT_WRITE, ret_public, err) == 0 ? 0 : -1;
}

int
bus_keys_load(const char *dir, const char *role, char ret_public[BUS_KEY_SIZE],
              char ret_secret[BUS_KEY_SIZE], struct err *err)
{
    char name[64], path[PATH_MAX], derived[BUS_KEY_SIZE];

    snprintf(name, sizeof(name), "%s.key_secret", role);
    if (join(path, dir, "", name, err) != 0 ||
        read_key(path, MAY_NOT_READ, ret_secret, err) != 0 ||
        bus_keys_load_public(dir, role, ret_public, err) != 0)
        return -1;
    if (zmq_curve_public(derived, ret_secret) != 0) {
        err_set(err, "%s: %s", path, zmq_strerror(errno));
        return -1;
    }
    if (strcmp(derived, ret_public) != 0) {
        err_set(err, "%s: is not the pair of allowed/%s.pub", path, role);
        return -1;
    }
    return 0;
}

/* --- who is let in --- */

static int
allow_file(struct bus_allowed *allowed, const char *dir, const char *name, struct err *err)
{
    char path[PATH_MAX], key[BUS_KEY_SIZE];

    if (join(path, dir, "allowed/", name, err) != 0 ||
        read_key(path, MAY_NOT_WRITE, key, err) != 0)
        return -1;
    if (allowed->count == BUS_MAX_ALLOWED) {
        err_set(err, "%s/allowed: more than %d keys", dir, (int)BUS_MAX_ALLOWED);
        return -1;
    }
    zmq_z85_decode(allowed->keys[allowed->count++], key);
    return 0;
}

int
bus_allowed_read(struct bus_allowed *allowed, const char *dir, struct err *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *folder = NULL;
    int rc = 0;

    allowed->count = 0;
    if (join(path, dir, "allowed", "", err) != 0 || check_folder(dir, "", err) != 0 ||
        check_folder(dir, "allowed", err) != 0)
        return -1;
    folder = opendir(path);
    if (folder == NULL) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && text_ends_with(text_of(entry->d_name), ".pub"))
            rc |= allow_file(allowed, dir, entry->d_name, err);
    closedir(folder);
    return rc;
}

int
bus_allowed_has(const struct bus_allowed *allowed, const void *key, size_t len)
{
    for (size_t i = 0; i < allowed->count && len == BUS_KEY_BYTES; i++)
        if (memcmp(allowed->keys[i], key, BUS_KEY_BYTES) == 0)
            return 1;
    return 0;
}
