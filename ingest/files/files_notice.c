#include "ingest/files/files.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "ingest/files/files_inner.h"

enum { MOST_READS = 16 };       /* of notices in one go */

/* By its descriptor: a path may lead elsewhere by now. What fails here, for
 * want of watches, is seen by the next scan. */
void
files_listen(struct files *files, struct watched *w)
{
    char path[32];

    if (files->notice_fd < 0 || w->wd >= 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
    w->wd = inotify_add_watch(files->notice_fd, path,
                              IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB);
}

/* The folder that path, or a pattern, is in. One that has wildcards itself is
 * listened to where files were found. */
void
files_listen_to_folder(struct files *files, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    int len = (int)(slash - path) + 1;

    if (files->notice_fd < 0 || len >= (int)sizeof(folder))
        return;
    snprintf(folder, sizeof(folder), "%.*s", len, path);
    inotify_add_watch(files->notice_fd, folder,
                      IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR);
}

int
files_notice_fd(const struct files *files)
{
    return files->notice_fd;
}

static int
take_one(struct files *files, const struct inotify_event *event)
{
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (w->wd < 0 || w->wd != event->wd)
            continue;
        if (event->mask & IN_IGNORED)
            w->wd = -1;
        w->has_news = w->place.kind == FILE_READ;
        /* closed ones must be opened, copies looked at; a name has changed */
        return w->fd < 0 || w->place.copy_of != 0 || !(event->mask & IN_MODIFY);
    }
    return 1;       /* a folder, or too many to tell */
}

int
files_take_notices(struct files *files)
{
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    int wants_scan = 0;
    ssize_t len;

    for (int i = 0; i < MOST_READS; i++) {
        len = read(files->notice_fd, bytes, sizeof(bytes));
        if (len <= 0)
            break;
        for (ssize_t at = 0; at < len;) {
            struct inotify_event event;

            memcpy(&event, bytes + at, sizeof(event));
            wants_scan |= take_one(files, &event);
            at += (ssize_t)(sizeof(event) + event.len);
        }
    }
    return wants_scan;
}
