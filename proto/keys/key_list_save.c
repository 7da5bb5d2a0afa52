#include "proto/keys/key_list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"

enum { PATH_LEN = 4096 };

static const char head[] =
    "# The API keys of Bongsu, hashed. Made by `bongsu key add`, `list` and `revoke`;\n"
    "# read again within seconds when it changes.\n";

static int
write_entry(const struct key_entry *entry, struct buf *out)
{
    char hash[2 * API_KEY_HASH + 1], created[TIMESTAMP_LEN], expires[TIMESTAMP_LEN];
    int rc;

    hash_to_hex(entry->hash, sizeof(entry->hash), hash);
    timestamp_format(entry->created_us, created);
    rc = buf_printf(out, "- {id: \"%s\", name: \"%s\", scope: %s, hash: \"%s\", created: \"%s\"",
                    entry->id, entry->name, key_scope_name(entry->scope), hash, created);
    if (entry->expires_us != 0) {
        timestamp_format(entry->expires_us, expires);
        rc |= buf_printf(out, ", expires: \"%s\"", expires);
    }
    if (entry->rate_events != 0)
        rc |= buf_printf(out, ", rate_events: %" PRId64, entry->rate_events);
    if (entry->rate_bytes != 0)
        rc |= buf_printf(out, ", rate_bytes: %" PRId64, entry->rate_bytes);
    return rc | buf_append_str(out, "}\n");
}

static int
write_list(const struct key_list *list, struct buf *out)
{
    char salt[2 * API_KEY_SALT + 1];
    int rc;

    hash_to_hex(list->salt, sizeof(list->salt), salt);
    rc = buf_printf(out, "%sversion: 1\nsalt: \"%s\"\nkeys:%s\n", head, salt,
                    list->count == 0 ? " []" : "");
    for (size_t i = 0; i < list->count; i++)
        rc |= write_entry(&list->entries[i], out);
    return rc;
}

/* The folder of a path. */
static void
folder_of(const char *path, char out[PATH_LEN])
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        snprintf(out, PATH_LEN, ".");
    else
        snprintf(out, PATH_LEN, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* As root for a service of another user: he must be able to read it. */
static int
give_to_owner(int fd, const char *path)
{
    char folder[PATH_LEN];
    struct stat st;

    if (geteuid() != 0)
        return 0;
    folder_of(path, folder);
    return stat(folder, &st) != 0 ? -1 : fchown(fd, st.st_uid, st.st_gid);
}

int
key_list_lock(const char *path, struct err *err)
{
    char lock[PATH_LEN];
    int fd, rc;

    snprintf(lock, sizeof(lock), "%s.lock", path);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_set(err, "%s: %s", lock, strerror(errno));
        return -1;
    }
    do
        rc = flock(fd, LOCK_EX);
    while (rc != 0 && errno == EINTR);
    if (rc == 0 && give_to_owner(fd, path) == 0)
        return fd;
    err_set(err, "%s: %s", lock, strerror(errno));
    close(fd);
    return -1;
}

/* 0, or -1 and errno. */
static int
write_whole(const char *temp, const char *path, const struct buf *bytes)
{
    int fd, rc = -1, saved;

    if (unlink(temp) != 0 && errno != ENOENT)
        return -1;
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    errno = ENOSPC;                     /* what a short write means */
    if (fchmod(fd, 0600) == 0 && give_to_owner(fd, path) == 0 &&
        write(fd, bytes->ptr, bytes->len) == (ssize_t)bytes->len && fsync(fd) == 0)
        rc = 0;
    saved = errno;
    if (close(fd) != 0)
        return -1;
    errno = saved;
    return rc;
}

/* The new name is on the disk too. */
static int
sync_folder(const char *path)
{
    char folder[PATH_LEN];
    int fd, rc;

    folder_of(path, folder);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

int
key_list_save(const struct key_list *list, const char *path, struct err *err)
{
    struct buf bytes = { 0 };
    char temp[PATH_LEN];
    int rc = -1;

    if (write_list(list, &bytes) != 0) {
        err_set(err, "out of memory");
    } else if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp)) {
        err_set(err, "%s: the path is too long", path);
    } else if (write_whole(temp, path, &bytes) != 0 || rename(temp, path) != 0 ||
               sync_folder(path) != 0) {
        err_set(err, "%s: cannot be written: %s", path, strerror(errno));
        unlink(temp);
    } else {
        rc = 0;
    }
    buf_release(&bytes);
    return rc;
}
